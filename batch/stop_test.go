package batch

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestErrorBudgets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		budget string
		rows   int64
		want   int64
	}{
		{"", 1000, -1}, {"0", 1000, 0}, {"100", 10, 100}, {"1%", 1000, 10}, {"1%", 199, 1}, {"1%", 99, 0},
		{"0.1%", 1000, 1}, {"0.3%", 1000, 3}, {"33.3%", 1000, 333}, {"100%", 7, 7}, {"0%", 7, 0}, {"0.01%", 1_000_000, 100},
	} {
		got, err := mostFailed(c.budget, c.rows)
		require.NoError(t, err, c.budget)
		require.Equal(t, c.want, got, "%s of %d", c.budget, c.rows)
	}
	for _, wrong := range []string{"x", "%", "-1", "-1%", "101%", "1.5", "NaN%", "1 %", "1e400%"} {
		_, err := mostFailed(wrong, 1000)
		require.ErrorContains(t, err, "neither a number of rows", wrong)
	}
}

// failing makes n rows of which those that pick chooses revert: their digests end in an
// odd byte.
func failing(n int, pick func(row int) bool) string {
	var s strings.Builder
	s.WriteString("digest,text\n")
	for row := 1; row <= n; row++ {
		last := 0
		if pick(row) {
			last = 1
		}
		fmt.Fprintf(&s, "0x%062x%02x,x\n", row, last)
	}
	return s.String()
}

func revertOdd(input []byte) []byte {
	if input[4+31] == 1 {
		return []byte("no")
	}
	return nil
}

func (b *bench) runCSV(spec Spec, text string) Job {
	b.t.Helper()
	job, err := b.load(spec, fromCSV(b.t, text))
	require.NoError(b.t, err)
	require.NoError(b.t, b.engine.Run(context.Background(), job.ID))
	return job
}

// waitStopped waits until a job is paused by a rule and nothing is in flight.
func (b *bench) waitStopped(id string, by StopRule) Job {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	job, err := b.engine.Wait(ctx, id)
	require.ErrorIs(b.t, err, ErrPaused)
	require.Equal(b.t, JobPaused, job.State)
	require.Equal(b.t, by, job.StoppedBy)
	require.Zero(b.t, job.Counts.Submitted+job.Counts.Unknown)
	b.checkCounts(id)
	return job
}

func TestAJobStopsWhenItsErrorBudgetIsUsedUp(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.revert = revertOdd
		b.chain.latency = time.Millisecond
		spec := saveSpec()
		spec.MaxErrors, spec.InFlight = "1%", 10
		job := b.runCSV(spec, failing(1000, func(row int) bool { return row%20 == 0 }))
		job = b.waitStopped(job.ID, StopMaxErrors)
		require.GreaterOrEqual(t, job.Counts.Reverted, int64(11))
		require.LessOrEqual(t, job.Counts.Reverted, int64(12), "what was in flight may have failed, too")
		require.Greater(t, job.Counts.Queued, int64(700))
		require.Contains(t, job.Reason, "of 1000 rows failed, and the error budget of 1% allows 10")

		// The same budget is used up, also after a restart.
		b.restart()
		_, err := b.engine.Resume(ctx, job.ID, "")
		require.ErrorIs(t, err, ErrBudget)
		_, err = b.engine.Resume(ctx, job.ID, "0.5%")
		require.ErrorIs(t, err, ErrBudget)
		_, err = b.engine.Resume(ctx, job.ID, "many")
		require.ErrorContains(t, err, "neither a number")
		same, err := b.store.Job(ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, job, same, "nothing has changed")

		job, err = b.engine.Resume(ctx, job.ID, "20")
		require.NoError(t, err)
		require.Equal(t, "20", job.Spec.MaxErrors)
		job = b.waitStopped(job.ID, StopMaxErrors)
		require.GreaterOrEqual(t, job.Counts.Reverted, int64(21))
		_, err = b.engine.Resume(ctx, job.ID, "5%")
		require.NoError(t, err)
		job = b.wait(job.ID)
		require.Equal(t, JobDone, job.State)
		require.Equal(t, Counts{Confirmed: 950, Reverted: 50}, job.Counts, "exactly as many as may fail")
		require.Empty(t, job.StoppedBy)
		b.verify(job)
	})
}

func TestTheBudgetOfAJobThatRunsCanBeChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.revert = revertOdd
	spec := saveSpec()
	spec.IdempotencyKey, spec.Rate = "tonight", 100
	job := b.runCSV(spec, failing(500, func(row int) bool { return row%2 == 0 }))
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Reverted > 5 })
	spec.MaxErrors = "3"
	again, created, err := b.engine.Create(context.Background(), spec)
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, job.ID, again.ID)
	b.waitStopped(job.ID, StopMaxErrors)
}

// checkCanaryFirst checks that no other row was signed before the canary was settled.
func (b *bench) checkCanaryFirst(job Job) {
	b.t.Helper()
	var last time.Time
	require.NoError(b.t, b.store.Snapshot(context.Background(), job.ID, func(s *Snapshot) error {
		return s.Items(context.Background(), func(it TimedItem) error {
			switch {
			case it.Row > int64(job.Spec.Canary):
				require.False(b.t, !it.Attempted.IsZero() && it.Attempted.Before(last), "row %d", it.Row)
			case it.Settled.After(last):
				last = it.Settled
			}
			return nil
		})
	}))
}

func TestTheCanaryIsSentBeforeAllOthers(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.latency = 2 * time.Millisecond
		spec := saveSpec()
		spec.Canary, spec.ShardBy = 10, "range(100)"
		job := b.wait(b.run(spec, 400).ID)
		require.Equal(t, Counts{Confirmed: 400}, job.Counts)
		b.checkCanaryFirst(job)
	})
}

func TestACanaryThatFailsPausesTheJob(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.revert = revertOdd
		spec := saveSpec()
		spec.Canary = 10
		job := b.runCSV(spec, failing(200, func(row int) bool { return row == 4 || row == 7 }))
		job = b.waitStopped(job.ID, StopCanary)
		require.Equal(t, Counts{Queued: 190, Confirmed: 8, Reverted: 2}, job.Counts)
		require.Contains(t, job.Reason, "2 of the first 10 rows (the canary) failed, and no other was sent; row 4 is reverted: ")
		b.restart()
		job, err := b.engine.Resume(ctx, job.ID, "")
		require.NoError(t, err)
		require.Empty(t, job.StoppedBy)
		b.restart() // the canary is over for good
		job = b.wait(job.ID)
		require.Equal(t, Counts{Confirmed: 198, Reverted: 2}, job.Counts)
		b.verify(job)
	})
}

func TestTheCanaryGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.revert = revertOdd
	b.chain.latency = 20 * time.Millisecond
	spec := saveSpec()
	spec.Canary, spec.InFlight = 20, 2
	job := b.runCSV(spec, failing(200, func(row int) bool { return row == 1 }))
	for n := range int64(4) {
		b.settles(job.ID, func(p Progress) bool { return p.Counts.Settled() > 4*n })
		b.restart()
	}
	job = b.waitStopped(job.ID, StopCanary)
	require.Equal(t, Counts{Queued: 180, Confirmed: 19, Reverted: 1}, job.Counts)

	spec.Canary = 500 // all rows are the canary: there is nothing to pause
	job = b.wait(b.runCSV(spec, failing(30, func(row int) bool { return row == 1 })).ID)
	require.Equal(t, JobDone, job.State)
}

// The end of the canary's shard is stored after what became of the canary.
func TestACrashBehindTheCanaryLosesNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.revert = revertOdd
		b.chain.latency = time.Millisecond
		lose := func() {
			b.t.Helper()
			require.NoError(t, b.engine.Stop(ctx))
			require.NoError(t, b.store.own(ctx))
			require.NoError(t, b.store.change("lose the end of a shard", "UPDATE shards SET state = 'begun', ticket = false WHERE number = 1"))
			b.store.disown()
			b.restart()
		}
		spec := saveSpec()
		spec.Canary, spec.InFlight = 10, 2
		job := b.runCSV(spec, failing(500, func(row int) bool { return row > 400 }))
		b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 10 })
		lose()
		job = b.wait(job.ID)
		require.Equal(t, Counts{Confirmed: 400, Reverted: 100}, job.Counts)
		b.verify(job)

		b.chain.with(func(c *fakeChain) { clear(c.executed) })
		job = b.waitStopped(b.runCSV(spec, failing(30, func(row int) bool { return row < 9 })).ID, StopCanary)
		lose()
		require.Equal(t, job.Counts, b.waitStopped(job.ID, StopCanary).Counts)
		_, err := b.engine.Resume(ctx, job.ID, "")
		require.NoError(t, err)
		job = b.wait(job.ID)
		require.Equal(t, Counts{Confirmed: 22, Reverted: 8}, job.Counts)
		b.verify(job)
	})
}

func TestAPauseOrACancelInTheCanary(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.latency = 5 * time.Millisecond
		spec := saveSpec()
		spec.Canary, spec.InFlight = 50, 1
		job := b.run(spec, 600)
		b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 3 })
		_, err := b.engine.Pause(ctx, job.ID)
		require.NoError(t, err)
		job = b.waitPaused(job.ID)
		require.Less(t, job.Counts.Confirmed, int64(50))
		_, err = b.engine.Resume(ctx, job.ID, "")
		require.NoError(t, err)
		b.settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 10 })
		require.Less(t, b.progressOf(job.ID).Counts.Confirmed, int64(50))
		_, err = b.engine.Cancel(ctx, job.ID)
		require.NoError(t, err)
		job = b.wait(job.ID)
		require.Equal(t, JobCanceled, job.State)
		require.Less(t, job.Counts.Confirmed, int64(51), "nothing but the canary was sent")
		b.checkCounts(job.ID)
		b.verify(job)
	})
}

func TestWhatACanaryCannotBe(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	spec := saveSpec()
	spec.Canary = -1
	_, _, err := b.engine.Create(ctx, spec)
	require.ErrorContains(t, err, "canary: is negative")
	spec.Canary, spec.ShardBy = 10, "key(text)"
	_, _, err = b.engine.Create(ctx, spec)
	require.ErrorContains(t, err, "leave out one of canary and shardBy")

	spec.ShardBy, spec.IdempotencyKey = "", "tonight"
	job, _, err := b.engine.Create(ctx, spec)
	require.NoError(t, err)
	spec.Canary = 0
	again, created, err := b.engine.Create(ctx, spec)
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, job.ID, again.ID)
	require.Equal(t, 10, again.Spec.Canary)
	spec.Canary = 20
	_, _, err = b.engine.Create(ctx, spec)
	require.ErrorIs(t, err, ErrConflict, "the rows are cut once")
}
