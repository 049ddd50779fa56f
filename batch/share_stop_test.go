package batch

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sending is the engine that has sent something, and the other one.
func (f fleet) sending() (sender, other *bench) {
	f[0].t.Helper()
	require.Eventually(f[0].t, func() bool { return f.carriers() > 0 }, 20*time.Second, time.Millisecond)
	if f[0].engine.Stats()[0].Sent > 0 {
		return f[0], f[1]
	}
	return f[1], f[0]
}

// die is hang for an engine that takes no more tickets either.
func (b *bench) die() {
	b.t.Helper()
	b.hang()
	over, end := context.WithCancel(context.Background())
	end() // what it holds is not waited for
	b.engine.share.queue.Drain(over)
}

func TestAllEnginesWaitForTheCanary(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f[0].chain.latency = 30 * time.Millisecond
	spec := saveSpec()
	spec.Canary, spec.ShardBy = 20, "range(50)"
	job := f[1].wait(f[0].run(spec, 2000).ID)
	require.Equal(t, Counts{Confirmed: 2000}, job.Counts)
	f[0].checkCanaryFirst(job)
	f[0].verify(job)
	require.Equal(t, 2, f.carriers(), "all take part afterwards")
}

func TestACanaryThatFailsPausesTheJobForAllEngines(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	ctx := context.Background()
	f[0].chain.revert = revertOdd
	spec := saveSpec()
	spec.Canary, spec.ShardBy = 20, "range(50)"
	job := f[0].runCSV(spec, failing(500, func(row int) bool { return row == 3 }))
	for _, b := range f {
		stands := b.waitStopped(job.ID, StopCanary)
		require.Equal(t, Counts{Queued: 480, Confirmed: 19, Reverted: 1}, stands.Counts)
	}
	f[1].restart() // which hands out all that nobody has
	time.AfterFunc(0, f[0].engine.changed.broadcast)
	require.EqualValues(t, 480, f[0].waitStopped(job.ID, StopCanary).Counts.Queued)
	_, err := f[1].engine.Resume(ctx, job.ID, "")
	require.NoError(t, err)
	job = f[0].wait(job.ID)
	require.Equal(t, Counts{Confirmed: 499, Reverted: 1}, job.Counts)
	f[0].checkCanaryFirst(job)
	f[0].verify(job)
}

// The engine that carries the canary is declared dead in the middle of it.
func TestTheCanaryMovesOn(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	f[0].chain.latency = 20 * time.Millisecond
	spec := saveSpec()
	spec.Canary, spec.InFlight = 100, 2
	job := f[0].run(spec, 400)
	sender, other := f.sending()
	sender.die()
	require.Eventually(t, func() bool {
		others, _, err := other.store.otherRunners(context.Background())
		return err == nil && len(others) == 0
	}, 30*time.Second, 50*time.Millisecond)
	other.chain.with(func(c *fakeChain) { c.height += 1000 }) // what was written down and not sent is proven absent
	job = other.wait(job.ID)
	require.Equal(t, Counts{Confirmed: 400}, job.Counts)
	other.checkCanaryFirst(job)
	other.verify(job)
}

func TestTheErrorBudgetHoldsForAllEnginesTogether(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2, func(c *Config) { c.Targets[0].Limits = Limits{InFlight: 20} })
	f[0].chain.revert, f[0].chain.latency, f[0].chain.perBlock = revertOdd, 20*time.Millisecond, 100
	spec := saveSpec()
	spec.MaxErrors, spec.ShardBy = "100", "range(50)"
	job := f[0].runCSV(spec, failing(4000, func(row int) bool { return row > 1500 && row%3 == 0 })) // when both take part
	stands := f[1].waitStopped(job.ID, StopMaxErrors)
	require.Greater(t, stands.Counts.Reverted, int64(100))
	require.Positive(t, stands.Counts.Queued)
	require.Less(t, stands.Counts.Reverted, int64(100+2*1000/3), "no more than a second of it, and what was in flight")
	require.Equal(t, 2, f.carriers())
	_, err := f[1].engine.Resume(context.Background(), job.ID, "")
	require.ErrorIs(t, err, ErrBudget)
	_, err = f[1].engine.Resume(context.Background(), job.ID, "100%")
	require.NoError(t, err)
	job = f[0].wait(job.ID)
	require.Equal(t, Counts{Confirmed: 3167, Reverted: 833}, job.Counts)
	f[0].verify(job)
}
