package batch

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Ordered rows beside the other rules of a job: who carries it, the canary, expiry, what
// it cannot be.

// An ordered job is carried by one engine at a time, and moves on when that dies.
func TestAnOrderedJobMovesToAnotherEngine(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f[0].chain.latency, f[0].chain.revert = 5*time.Millisecond, revertOdd
	list := fixedOrder(800)
	job := f[0].runCSV(orderedSpec(), orderedCSV(list))
	sender, other := f.sending()
	other.settles(job.ID, func(p Progress) bool { return p.Counts.Settled() > 100 })
	sender.die()
	require.Zero(t, other.engine.Stats()[0].Sent, "nobody shares it")
	require.Eventually(t, func() bool {
		others, _, err := other.store.otherRunners(context.Background())
		return err == nil && len(others) == 0
	}, 30*time.Second, 50*time.Millisecond)
	other.chain.with(func(c *fakeChain) { c.height += 1000 }) // what was written down and not sent is proven absent
	job = other.wait(job.ID)
	require.Equal(t, JobDone, job.State)
	require.Positive(t, other.engine.Stats()[0].Sent)
	other.verify(job)
	checkOrder(t, other.store, job.ID, list)
}

func TestTheCanaryOfAnOrderedJob(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.latency, b.chain.revert = time.Millisecond, revertOdd
		spec := orderedSpec()
		spec.Canary = 20
		list := fixedOrder(400)
		job := b.runCSV(spec, orderedCSV(list))
		job = b.waitStopped(job.ID, StopCanary)
		require.EqualValues(t, 380, job.Counts.Queued)
		b.restart()
		_, err := b.engine.Resume(context.Background(), job.ID, "")
		require.NoError(t, err)
		job = b.wait(job.ID)
		require.Equal(t, JobDone, job.State)
		b.checkCanaryFirst(job)
		b.verify(job)
		checkOrder(t, b.store, job.ID, list)
	})
}

func TestRejectedDependentsCountAgainstTheBudget(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.revert, b.chain.latency = revertOdd, 5*time.Millisecond
	list := []orderedRow{{reverts: true}}
	for range 30 {
		list = append(list, orderedRow{after: 1})
	}
	spec := saveSpec()
	spec.MaxErrors, spec.InFlight = "5", 4
	job := b.runCSV(spec, orderedCSV(append(list, make([]orderedRow, 2000)...)))
	job = b.waitStopped(job.ID, StopMaxErrors)
	require.Positive(t, job.Counts.Rejected)
	require.Positive(t, job.Counts.Queued)
}

// Rows that wait for one whose outcome nobody knows expire without it.
func TestRowsThatWaitExpire(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.chain.fault = func(n int, _ fakeTx) fault {
			b.chain.down = true // held by the chain itself
			return faultLostAnswer
		}
		spec := orderedSpec()
		spec.InFlight, spec.Deadline = 1, Duration(time.Hour)
		list := []orderedRow{{key: "hot"}, {key: "hot"}, {after: 1}, {key: "hot", after: 3}, {key: "other"}}
		job, err := b.load(spec, fromCSV(t, orderedCSV(list)))
		require.NoError(t, err)
		require.NoError(t, b.engine.Run(t.Context(), job.ID))
		time.Sleep(3 * time.Hour)
		require.Equal(t, Counts{Unknown: 1, Expired: 4}, b.counts(job.ID))
		b.setDown(false)
		job = b.ends(job.ID)
		require.Equal(t, Counts{Confirmed: 1, Expired: 4}, job.Counts)
		b.verify(job)
	})
}

func TestWhatCannotBeOrdered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	for _, c := range []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.OrderedBy = "_after" }, "rows cannot be ordered by _after"},
		{func(s *Spec) { s.OrderedBy = strings.Repeat("x", 201) }, "longer than 200 bytes"},
		{func(s *Spec) { s.ShardBy = "key(text)" }, "leave out one of orderedBy and shardBy"},
		{func(s *Spec) { s.ShardBy = "range(50)" }, "leave out one of orderedBy and shardBy"},
		{func(s *Spec) { s.Kind = KindCall }, "a job of kind call sends nothing"},
		{func(s *Spec) { s.Kind = KindPlan }, "a job of kind plan sends nothing"},
	} {
		spec := orderedSpec()
		c.change(&spec)
		_, _, err := b.engine.Create(ctx, spec)
		var wrong *SpecError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "orderedBy", wrong.Field)
		require.ErrorContains(t, err, c.want)
	}

	input := orderedCSV([]orderedRow{{}, {after: 1}})
	for _, c := range []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.ShardBy = "key(text)" }, "leave out shardBy"},
		{func(s *Spec) { s.Kind = KindCall }, "rows that are read do not wait"},
	} {
		spec := saveSpec()
		c.change(&spec)
		_, err := b.load(spec, fromCSV(t, input))
		var invalid *InvalidRowsError
		require.ErrorAs(t, err, &invalid)
		require.EqualValues(t, 2, invalid.Faults[0].Row)
		require.Equal(t, "_after", invalid.Faults[0].Column)
		require.Contains(t, invalid.Faults[0].Reason, c.want)
	}
	spec := saveSpec()
	spec.Kind = KindPlan // which reads what a run would send, each row alone
	job := b.wait(b.runCSV(spec, input).ID)
	require.Equal(t, Counts{Confirmed: 2}, job.Counts)
}

// All rows that have to wait are in one shard, whatever the rows of a shard are.
func TestRowsThatWaitAreInOneShard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	shards := func(spec Spec, list []orderedRow) (low []int64) {
		job, err := b.load(spec, fromCSV(t, orderedCSV(list)))
		require.NoError(t, err)
		rec, err := jobByID(context.Background(), b.store.read, job.ID)
		require.NoError(t, err)
		require.Equal(t, spec.OrderedBy != "" || len(list) > 0 && list[len(list)-1].after > 0, rec.inTurn())
		open, err := b.store.openShards(context.Background(), rec.seq, 0, 100)
		require.NoError(t, err)
		for _, sh := range open {
			low = append(low, sh.low)
		}
		return low
	}
	list := make([]orderedRow, 600)
	require.Equal(t, []int64{1, 251, 501}, shards(saveSpec(), list))
	require.Equal(t, []int64{1}, shards(orderedSpec(), list))
	spec := orderedSpec()
	spec.Canary = 7
	require.Equal(t, []int64{1, 8}, shards(spec, list))
	list[599].after = 1
	spec = saveSpec()
	spec.ShardBy = "range(50)"
	require.Equal(t, []int64{1}, shards(spec, list))
}

// A job that was refused as a whole does not keep its key from the corrected request.
func TestAnInvalidJobLeavesItsKey(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		spec := saveSpec()
		spec.IdempotencyKey, spec.OrderedBy = "tonight", "account"
		input := orderedCSV([]orderedRow{{key: "a"}, {key: "a"}})
		first, err := b.load(spec, fromCSV(t, input))
		var invalid *InvalidRowsError
		require.ErrorAs(t, err, &invalid)
		again, created, err := b.engine.Create(context.Background(), spec)
		require.NoError(t, err)
		require.False(t, created, "the same request finds the job that was refused")
		require.Equal(t, first.ID, again.ID)
		require.Equal(t, JobInvalid, again.State)

		spec.OrderedBy = "text"
		job := b.wait(b.runCSV(spec, input).ID)
		require.NotEqual(t, first.ID, job.ID)
		require.Equal(t, Counts{Confirmed: 2}, job.Counts)
		b.verify(job)
		spec.OrderedBy = ""
		_, _, err = b.engine.Create(context.Background(), spec)
		require.ErrorIs(t, err, ErrConflict, "rows that were sent are not sent in another order")
	})
}

func TestSignedRowsWaitToo(t *testing.T) {
	t.Parallel()
	b := newBench(t, without)
	b.chain.revert, b.chain.latency = revertOdd, 2*time.Millisecond
	in := fromCSV(t, orderedCSV(fixedOrder(40)))
	encode, fault := NewEncoder(Callee{To: &fakeContract, Function: saveSpec().Function}, in.Columns())
	require.Nil(t, fault)
	file := &signedFile{Reader: in, t: t, encode: encode, limit: signedLimit}
	spec := signedSpec()
	spec.OrderedBy = "text"
	job, err := b.load(spec, file)
	require.NoError(t, err)
	require.NoError(t, b.engine.Run(context.Background(), job.ID))
	job = b.wait(job.ID)
	require.Equal(t, JobDone, job.State)
	b.verify(job)
	checkOrder(t, b.store, job.ID, fixedOrder(40))
}

// Rows that are sent again wait as they did the first time, for those that are, too.
func TestRowsInTurnAreRetriedInTurn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		for _, canary := range []int{0, 60} {
			b := newBenchAt(t, location)
			ctx := context.Background()
			b.chain.latency = time.Millisecond
			mended := false
			b.chain.revert = func(input []byte) []byte {
				if mended {
					return nil
				}
				return revertOdd(input)
			}
			spec := orderedSpec()
			spec.Canary = canary
			list := fixedOrder(400)
			job := b.runCSV(spec, orderedCSV(list))
			if canary > 0 {
				b.waitStopped(job.ID, StopCanary)
				_, err := b.engine.Resume(ctx, job.ID, "")
				require.NoError(t, err)
			}
			job = b.wait(job.ID)
			require.Positive(t, job.Counts.Rejected)

			_, err := b.engine.Retry(ctx, job.ID, []ItemState{ItemRejected})
			require.NoError(t, err)
			if canary > 0 { // it holds again, and fails as before
				b.waitStopped(job.ID, StopCanary)
				_, err := b.engine.Resume(ctx, job.ID, "")
				require.NoError(t, err)
			}
			require.Equal(t, job.Counts, b.wait(job.ID).Counts, "what they wait for has failed as before")

			b.chain.with(func(*fakeChain) { mended = true })
			_, err = b.engine.Retry(ctx, job.ID, nil)
			require.NoError(t, err)
			b.settles(job.ID, func(p Progress) bool { return p.Counts.Settled() > 370 })
			b.restart()
			job = b.wait(job.ID)
			require.Equal(t, Counts{Confirmed: 400}, job.Counts)
			require.Equal(t, 400, b.succeedsOnce())
			checkRetriedTurns(t, b.store, job.ID, list)
			b.stop()
		}
	})
}

// checkRetriedTurns checks that no row that was sent again was signed before those that
// it waits for, of those that were sent again, had ended.
func checkRetriedTurns(t *testing.T, store *Store, id string, list []orderedRow) {
	t.Helper()
	ended, lastOfKey := make([]time.Time, len(list)+1), map[string]int64{}
	require.NoError(t, store.Snapshot(context.Background(), id, func(s *Snapshot) error {
		return s.Items(context.Background(), func(it TimedItem) error {
			if it.Generation == 0 {
				return nil
			}
			r := list[it.Row-1]
			ended[it.Row] = it.Settled
			require.False(t, it.Attempted.Before(ended[r.after]), "row %d was signed before row %d had ended", it.Row, r.after)
			require.False(t, it.Attempted.Before(ended[lastOfKey[r.key]]), "row %d was signed before row %d of its key had ended", it.Row, lastOfKey[r.key])
			lastOfKey[r.key] = it.Row
			return nil
		})
	}))
}
