package batch

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// A request to run a job may have read the job just before another request
// canceled it and its last item was settled.
func TestAJobThatEndedMeanwhileIsNotRunAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	spec := saveSpec()
	spec.InFlight = 1
	job := b.run(spec, 100)
	old, err := jobByID(ctx, b.store.read, job.ID)
	require.NoError(t, err)
	require.Equal(t, JobRunning, old.State)
	_, err = b.engine.Cancel(ctx, job.ID)
	require.NoError(t, err)
	job = b.wait(job.ID)
	require.Equal(t, JobCanceled, job.State)
	var sends int
	b.chain.with(func(c *fakeChain) { sends = c.sends })

	require.NoError(t, b.engine.follow(ctx, old.ID))
	for _, r := range b.engine.allRuns() {
		<-r.ended
	}
	b.chain.with(func(c *fakeChain) { require.Equal(t, sends, c.sends, "items of a canceled job were sent") })
	now, err := b.store.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, job, now)
}

// The same, with all calls at once.
func TestRunAndCancelFromEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	for range 20 {
		spec := saveSpec()
		spec.InFlight = 1
		id := b.run(spec, 40).ID
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for {
					job, err := b.store.Job(ctx, id)
					if err != nil || job.State.Final() {
						return
					}
					if i == 0 && job.Counts.Confirmed > 10 {
						_, _ = b.engine.Cancel(ctx, id)
					}
					_ = b.engine.Run(ctx, id)
				}
			})
		}
		all.Wait()
		job := b.wait(id)
		require.True(t, job.State.Final())
		require.Empty(t, job.Reason)
		require.NoError(t, b.engine.follow(ctx, id))
		b.chain.with(func(c *fakeChain) {
			require.EqualValues(t, job.Counts.Confirmed, len(c.executed))
			require.Empty(t, c.breaches)
			clear(c.executed)
		})
	}
}

// A cancel may come while the run of the job is ending because it cannot go on.
func TestACanceledJobThatStoodStillGoesOnWithTheNextCancel(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	b.chain.fault = func(int, fakeTx) fault { return faultWrongChain }
	id := b.run(saveSpec(), 3).ID
	_, err := b.engine.Wait(ctx, id)
	require.ErrorIs(t, err, ErrHalted)
	rec, err := jobByID(ctx, b.store.read, id)
	require.NoError(t, err)
	// What is left when the cancel came too late for the run and too early to see it ended.
	_, to, err := b.store.moveJob(rec.seq, jobMove{event: eventCancel, at: time.Now()})
	require.NoError(t, err)
	require.Equal(t, JobCanceling, to)
	b.chain.with(func(c *fakeChain) { c.fault = nil; c.height += 1000 })
	_, err = b.engine.Cancel(ctx, id)
	require.NoError(t, err)
	require.Equal(t, JobCanceled, b.wait(id).State)
}

// Rows of a broken load can be left when the store could not be written to
// remove them.
func TestALoadBeginsWithoutRows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, saveSpec())
	require.NoError(t, err)
	rec, err := jobByID(ctx, b.store.read, job.ID)
	require.NoError(t, err)
	_, err = b.store.insertItems(rec.seq, []newItem{
		{row: 2, ref: "a", input: []byte{1}, source: json.RawMessage(`["old"]`)},
		{row: 7, ref: "b", input: []byte{1}, source: json.RawMessage(`["old"]`)},
	})
	require.NoError(t, err)
	job, err = b.engine.Load(ctx, job.ID, fromCSV(t, csvRows(3)))
	require.NoError(t, err)
	require.EqualValues(t, 3, job.Rows)
	require.NoError(t, b.engine.Run(ctx, job.ID))
	b.verify(b.wait(job.ID))
}

// Whoever says that it is refused and that a node has it says nothing certain.
func TestARefusalOfWhatANodeHasIsNoEnd(t *testing.T) {
	t.Parallel()
	for _, kind := range []chain.Kind{chain.KindInvalid, chain.KindDenied, chain.KindUnsupported} {
		for _, sent := range []chain.Sent{"", chain.SentMaybe, chain.SentYes} {
			_, next := decide(standing{}, answer{to: askSend, kind: kind, sent: sent})
			require.Equal(t, actLook, next.do, "%s, sent %q", kind, sent)
		}
		_, next := decide(standing{}, answer{to: askSend, kind: kind, sent: chain.SentNo})
		require.Equal(t, step{do: actSettle, state: ItemRejected}, next, kind)
	}
}

// What was done on a chain that is gone was not done on the one that has its name now.
func TestAKeyOfARebuiltChainIsNoAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	spec := saveSpec()
	spec.IdempotencyKey = "tonight"
	job := b.wait(b.run(spec, 3).ID)
	require.Equal(t, JobDone, job.State)
	b.stop()
	b.chain = newFakeChain()
	b.chain.genesis = common.HexToHash("0x02")
	b.start()

	_, created, err := b.engine.Create(ctx, spec)
	require.False(t, created)
	require.ErrorIs(t, err, ErrConflict)
	require.ErrorContains(t, err, "rebuilt")
	require.ErrorContains(t, err, job.ID)
	b.chain.with(func(c *fakeChain) { c.down = true })
	again, _, err := b.engine.Create(ctx, spec)
	require.NoError(t, err, "nobody can tell")
	require.Equal(t, job.ID, again.ID)
}
