package batch

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// waitPaused waits until a job is paused and nothing of it is in flight.
func (b *bench) waitPaused(id string) Job {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	job, err := b.engine.Wait(ctx, id)
	require.ErrorIs(b.t, err, ErrPaused)
	require.Equal(b.t, JobPaused, job.State)
	return job
}

func TestAPausedJobSendsNothingNewUntilItIsResumed(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.latency = 20 * time.Millisecond
		id := b.run(saveSpec(), 5000).ID
		b.settles(id, func(p Progress) bool { return p.Counts.Confirmed > 100 && p.InFlight > 0 })
		job, err := b.engine.Pause(ctx, id)
		require.NoError(t, err)
		require.Equal(t, JobPaused, job.State)
		job = b.waitPaused(id)
		require.Zero(t, job.Counts.Submitted+job.Counts.Unknown, "what was in flight is settled")
		require.Positive(t, job.Counts.Queued)
		require.Empty(t, job.Reason)
		require.Nil(t, job.Finished)
		sends := b.chain.sends

		again, err := b.engine.Pause(ctx, id)
		require.NoError(t, err)
		require.Equal(t, job, again)
		require.ErrorIs(t, b.engine.Run(ctx, id), ErrState)
		p, err := b.engine.Progress(ctx, id)
		require.NoError(t, err)
		require.Equal(t, JobPaused, p.State)
		require.False(t, p.Halted)

		b.restart()
		b.waitPaused(id)
		require.Equal(t, sends, b.chain.sends, "a restart sends nothing")

		job, err = b.engine.Resume(ctx, id, "")
		require.NoError(t, err)
		require.Equal(t, JobRunning, job.State)
		job = b.wait(id)
		require.Equal(t, Counts{Confirmed: 5000}, job.Counts)
		b.verify(job)
	})
}

// The process dies while the paused job has something in flight; the next one settles
// that, and nothing else.
func TestWhatIsInFlightOfAPausedJobIsSettledByTheNextEngine(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.latency = 50 * time.Millisecond
		id := b.run(saveSpec(), 5000).ID
		b.settles(id, func(p Progress) bool { return p.Counts.Confirmed > 100 && p.InFlight > 100 })
		_, err := b.engine.Pause(ctx, id)
		require.NoError(t, err)
		b.restart()
		before, err := b.store.Job(ctx, id)
		require.NoError(t, err)
		require.Equal(t, JobPaused, before.State)
		require.Positive(t, before.Counts.Submitted+before.Counts.Unknown+before.Counts.Confirmed)
		job := b.waitPaused(id)
		require.Zero(t, job.Counts.Submitted+job.Counts.Unknown)
		require.Equal(t, before.Counts.Queued, job.Counts.Queued, "nothing new was signed")
		_, err = b.engine.Resume(ctx, id, "")
		require.NoError(t, err)
		b.verify(b.wait(id))
	})
}

func TestAJobIsResumedWhileItIsStillBeingPaused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	b.chain.latency = 5 * time.Millisecond
	id := b.run(saveSpec(), 5000).ID
	for i := 0; i < 20; i++ {
		b.settles(id, func(p Progress) bool { return p.Counts.Confirmed > int64(i)*50 })
		if _, err := b.engine.Pause(ctx, id); err != nil {
			require.ErrorIs(t, err, ErrState) // done
			break
		}
		_, err := b.engine.Resume(ctx, id, "")
		require.NoError(t, err)
	}
	job := b.wait(id)
	require.Equal(t, Counts{Confirmed: 5000}, job.Counts)
	b.verify(job)
}

func TestPauseResumeAndCancelFromEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	b.chain.latency = time.Millisecond
	id := b.run(saveSpec(), 3000).ID
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				switch i % 4 {
				case 0:
					_, _ = b.engine.Pause(ctx, id)
				case 3:
					_ = b.engine.Run(ctx, id)
				default:
					_, _ = b.engine.Resume(ctx, id, "")
				}
			}
		})
	}
	all.Wait()
	if job, err := b.engine.Resume(ctx, id, ""); err != nil {
		require.True(t, job.State.Final(), "%s: %v", job.State, err)
	}
	job := b.wait(id)
	require.Equal(t, Counts{Confirmed: 3000}, job.Counts)
	b.verify(job)
}

func TestAPausedJobIsCanceled(t *testing.T) {
	t.Parallel()
	for name, settle := range map[string]bool{"after it has settled": true, "while it settles": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			ctx := context.Background()
			b.chain.latency = 20 * time.Millisecond
			id := b.run(saveSpec(), 3000).ID
			b.settles(id, func(p Progress) bool { return p.InFlight > 0 })
			_, err := b.engine.Pause(ctx, id)
			require.NoError(t, err)
			if settle {
				b.waitPaused(id)
			}
			_, err = b.engine.Cancel(ctx, id)
			require.NoError(t, err)
			job := b.wait(id)
			require.Equal(t, JobCanceled, job.State)
			require.EqualValues(t, 3000, job.Counts.Confirmed+job.Counts.Canceled)
			b.verify(job)
			_, err = b.engine.Resume(ctx, id, "")
			require.ErrorIs(t, err, ErrState)
		})
	}
}

// Rows whose outcome was proven absent while the job is paused wait for the resume.
func TestAPausedJobSignsNothingAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	b.chain.fault = func(int, fakeTx) fault { return faultLostBefore }
	id := b.run(saveSpec(), 10).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Unknown == 10 })
	_, err := b.engine.Pause(ctx, id)
	require.NoError(t, err)
	b.chain.with(func(c *fakeChain) { c.height += 1000 })
	job := b.waitPaused(id)
	require.EqualValues(t, 10, job.Counts.Unknown)
	items, err := b.store.Items(ctx, id, ItemFilter{History: true})
	require.NoError(t, err)
	for _, it := range items {
		require.Len(t, it.History, 1)
	}
	b.chain.with(func(c *fakeChain) { c.fault = nil })
	_, err = b.engine.Resume(ctx, id, "")
	require.NoError(t, err)
	job = b.wait(id)
	require.Equal(t, Counts{Confirmed: 10}, job.Counts)
	b.verify(job)
}

func TestARuleStopsAJob(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.latency = 10 * time.Millisecond
		id := b.run(saveSpec(), 3000).ID
		b.settles(id, func(p Progress) bool { return p.InFlight > 0 })
		b.engine.mu.Lock()
		r := b.engine.runs[id]
		b.engine.mu.Unlock()
		r.stop(StopMaxErrors, "2 of 100 rows failed")
		r.stop(StopCanary, "too late")
		p := r.progress()
		require.Equal(t, JobPaused, p.State)
		require.Equal(t, StopMaxErrors, p.StoppedBy)
		job := b.waitPaused(id)
		require.Equal(t, StopMaxErrors, job.StoppedBy)
		require.Equal(t, "2 of 100 rows failed", job.Reason)

		again, err := b.engine.Pause(ctx, id)
		require.NoError(t, err)
		require.Equal(t, job, again, "it stays who paused it first")
		b.restart()
		_, err = b.engine.Resume(ctx, id, "")
		require.NoError(t, err)
		job = b.wait(id)
		require.Equal(t, Counts{Confirmed: 3000}, job.Counts)
		require.Empty(t, job.StoppedBy)
		require.Empty(t, job.Reason)
		b.verify(job)
	})
}
