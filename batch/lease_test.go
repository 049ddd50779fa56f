package batch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whoever renews when, and whoever has work: the parts are never more than the limit,
// and end up fair.
func TestPartsOfALimitAreNeverMoreThanIt(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 3, 10} {
		for _, limit := range []int{1, 2, 7, 2000} {
			l := lease{inFlight: limit, rate: float64(limit) / 3}
			all := make([]part, n)
			for i := range all {
				all[i] = part{runner: int64(i + 1)}
			}
			renew := func(i int, inUse int64) {
				inFlight, rate := l.shareOf(all[i].runner, all)
				all[i].inFlight, all[i].rate = max(int64(inFlight), inUse), rate
				var sum int64
				var sumRate float64
				for _, p := range all {
					sum += p.inFlight
					sumRate += p.rate
				}
				require.LessOrEqual(t, sum, int64(limit))
				require.LessOrEqual(t, sumRate, l.rate*1.000001)
			}
			for range 2000 {
				i := random.IntN(n)
				all[i].busy = random.IntN(3) > 0
				renew(i, random.Int64N(all[i].inFlight+1)) // some is still in flight
			}
			for i := range all {
				all[i].busy = i < (n+1)/2
			}
			for range 3 {
				for i := range all {
					renew(i, 0)
				}
			}
			busy := int64((n + 1) / 2)
			var sum int64
			for i, p := range all {
				sum += p.inFlight
				if p.busy {
					require.GreaterOrEqual(t, p.inFlight, int64(limit)*weightBusy/(busy*weightBusy+int64(n)-busy))
					require.InDelta(t, l.rate*weightBusy/float64(busy*weightBusy+int64(n)-busy), p.rate, 0.001, "runner %d", i)
				}
			}
			require.EqualValues(t, limit, sum, "nothing is left over")
		}
	}
}

func TestLimitsHoldOverAllEngines(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, func(cfg *Config) { cfg.Targets[0].Limits.InFlight = 60 })
	f[0].chain.latency = 20 * time.Millisecond
	first := saveSpec()
	job := f[0].run(first, 3000)
	f[0].settles(job.ID, func(p Progress) bool { return f.carriers() == 3 })
	job = f[1].wait(job.ID)
	require.Equal(t, Counts{Confirmed: 3000}, job.Counts)
	f[0].chain.with(func(c *fakeChain) {
		require.LessOrEqual(t, c.mostSends, 60)
		require.Greater(t, c.mostSends, 30, "and are used")
		c.mostSends = 0
		clear(c.executed)
	})
	second := saveSpec()
	second.InFlight, second.ShardBy = 9, "range(50)"
	job = f[2].wait(f[2].run(second, 600).ID)
	require.Equal(t, Counts{Confirmed: 600}, job.Counts)
	f[0].chain.with(func(c *fakeChain) {
		require.LessOrEqual(t, c.mostSends, 9)
		require.Greater(t, c.mostSends, 4)
	})
}

func TestARateHoldsOverAllEngines(t *testing.T) {
	t.Parallel()
	const n, perSecond = 800, 200
	f := newFleet(t, 3, func(cfg *Config) { cfg.Targets[0].Limits.Rate = perSecond })
	spec := saveSpec()
	spec.ShardBy = "range(50)"
	burst := time.Duration(3*burstOf(perSecond)) * time.Second / perSecond
	for range 5 { // on a busy machine one may do it all before another begins
		job := f[0].run(spec, n)
		job = f[1].wait(job.ID)
		require.EqualValues(t, n, job.Counts.Confirmed)
		took := job.Finished.Sub(*job.Started)
		require.Greater(t, took, n*time.Second/perSecond-burst)
		if f.carriers() > 1 {
			return
		}
	}
	require.Fail(t, "one engine carries all")
}
