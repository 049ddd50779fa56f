package loadgen

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

func TestEachRequestStartsAtItsIntendedTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var began []time.Duration
		zero := time.Now()
		w := fakeWorkload{answer: func(context.Context, int, uint64) error {
			mu.Lock()
			defer mu.Unlock()
			began = append(began, time.Since(zero))
			return nil
		}}
		result, err := Run(t.Context(), steady(50, 2*time.Second), w, nil)
		require.NoError(t, err)
		require.Len(t, began, 100)
		for i, at := range began {
			require.InDelta(t, float64(i)*20e6, float64(at), 1e3)
		}
		require.Equal(t, int64(100), result.Total.Good)
		require.Equal(t, int64(100), result.Total.Sent)
		require.Zero(t, result.Total.Failed())
		require.Zero(t, result.Total.Late)
		require.InDelta(t, 50, result.Rate, 0.01)
		require.Equal(t, int64(100), result.Total.Latency.Whole.Count())
	})
}

// A chain that stands still for a second is felt by all requests that were due in
// that second. A closed loop would have seen one slow answer in a thousand.
func TestAStallIsInThePercentiles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		zero := time.Now()
		w := fakeWorkload{answer: func(ctx context.Context, fn int, n uint64) error {
			if at := time.Since(zero); at >= 4*time.Second && at < 5*time.Second {
				return takes(5*time.Second-at)(ctx, fn, n)
			}
			return takes(time.Millisecond)(ctx, fn, n)
		}}
		cfg := steady(100, 10*time.Second)
		cfg.InFlight = 1 // as a client that waits for each answer
		result, err := Run(t.Context(), cfg, w, nil)
		require.NoError(t, err)
		latency := result.Total.Latency
		require.Equal(t, int64(1000), result.Total.Good)
		require.InDelta(t, 1000, milliseconds(latency.Whole.Max()), 5)
		require.Greater(t, latency.Whole.Percentile(99), 850*time.Millisecond)
		require.Greater(t, latency.Whole.Percentile(95), 400*time.Millisecond)
		require.Less(t, latency.Whole.Percentile(85), 10*time.Millisecond)
		require.Less(t, latency.Answer.Percentile(99), 5*time.Millisecond, "the service time alone hides it")
		require.Greater(t, latency.Delay.Percentile(99), 850*time.Millisecond)
		require.InDelta(t, 110, result.Total.Late, 5)
	})
}

func TestWhatCannotStartInTimeIsDroppedAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(100, 10*time.Second)
		cfg.InFlight, cfg.MaxDelay = 5, 500*time.Millisecond // 5 places and 100 ms: 50/s
		var most, now atomic.Int64
		w := fakeWorkload{answer: func(ctx context.Context, fn int, n uint64) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			return takes(100*time.Millisecond)(ctx, fn, n)
		}}
		result, err := Run(t.Context(), cfg, w, nil)
		require.NoError(t, err)
		total := result.Total
		require.Equal(t, int64(5), most.Load())
		require.Equal(t, int64(1000), total.Intended)
		require.Equal(t, total.Intended, total.Good+total.Dropped(), "nothing is skipped silently")
		require.InDelta(t, 525, total.Good, 15)
		require.Equal(t, total.Sent, total.Good)
		require.Equal(t, int64(1000), total.Latency.Whole.Count(), "what was dropped is in the percentiles")
		require.Equal(t, total.Sent, total.Latency.Answer.Count())
		require.InDelta(t, 50, result.Rate, 2)
		require.InDelta(t, 500, milliseconds(total.Latency.Delay.Max()), 101)
	})
}

func TestFailuresAreSortedByKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(100, time.Second)
		cfg.Functions = []Function{{"a", 1}, {"b", 1}}
		cfg.Timeout = 50 * time.Millisecond
		w := fakeWorkload{answer: func(ctx context.Context, fn int, n uint64) error {
			chain.CallLogOf(ctx).Attempted(chain.Attempt{Node: "n1"})
			switch n % 10 {
			case 0:
				return &chain.Error{Kind: chain.KindOverloaded}
			case 1:
				return errors.Join(ErrReverted)
			case 2:
				return takes(time.Hour)(ctx, fn, n)
			case 3:
				return errors.New("strange")
			}
			return nil
		}}
		result, err := Run(t.Context(), cfg, w, nil)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"overloaded": 10, "reverted": 10, "timeout": 10, "other": 10}, result.Total.Failures)
		require.Equal(t, int64(60), result.Total.Good)
		require.Equal(t, int64(100), result.Total.Attempts)
		require.Equal(t, map[string]int64{"n1": 100}, result.Nodes)
		require.InDelta(t, 0.4, result.Total.FailedShare(), 1e-9)
		require.Equal(t, result.Total.Intended, result.Functions[0].Intended+result.Functions[1].Intended)
		require.NotZero(t, result.Functions[0].Intended)
		require.NotZero(t, result.Functions[1].Intended)
	})
}

func TestTheSecondsAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []Second
		result, err := Run(t.Context(), steady(100, 3*time.Second), fakeWorkload{answer: takes(1500 * time.Millisecond)}, func(s Second) { told = append(told, s) })
		require.NoError(t, err)
		require.Len(t, result.Seconds, 5)
		var intended, sent, good int64
		for i, s := range result.Seconds {
			require.Equal(t, i, s.Second)
			intended, sent, good = intended+s.Intended, sent+s.Sent, good+s.Good
		}
		require.Equal(t, []int64{300, 300, 300}, []int64{intended, sent, good})
		require.Equal(t, int64(0), result.Seconds[0].Good)
		require.Equal(t, int64(100), result.Seconds[0].InFlight)
		require.InDelta(t, 1500, result.Seconds[3].P99MS, 2)
		require.GreaterOrEqual(t, len(told), 4)
		require.Equal(t, result.Seconds[:3], told[:3])
	})
}

func TestStairsStopWhereTheChainNoLongerKeepsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(0, 0)
		cfg.Profile = Profile{Shape: Stairs, From: 100, By: 100, To: 1000, Duration: 10 * time.Second}
		cfg.InFlight, cfg.MaxDelay = 30, time.Hour // 30 places and 100 ms: 300/s
		result, err := Run(t.Context(), cfg, fakeWorkload{answer: takes(100 * time.Millisecond)}, nil)
		require.NoError(t, err)
		require.Len(t, result.Steps, 4)
		require.NotNil(t, result.Knee)
		require.Equal(t, 2, *result.Knee)
		require.InDelta(t, 300, result.Rate, 3)
		require.Contains(t, result.Steps[3].Broken, "succeeded of 400.0/s")
		require.InDelta(t, 300, result.Steps[3].Rate, 6)
		for i, s := range result.Steps {
			require.Equal(t, int64((i+1)*1000), s.Intended)
			require.Equal(t, s.Intended, s.Good, "each step waits for its outcomes")
		}
		require.Equal(t, int64(10000), result.Total.Good)
	})
}

func TestStairsStopWhereAnObjectiveBreaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(0, 0)
		cfg.Profile = Profile{Shape: Stairs, From: 10, By: 10, To: 100, Duration: 10 * time.Second}
		var err error
		cfg.Goals, err = ParseObjectives("p99<200ms,rate>25")
		require.NoError(t, err)
		var running atomic.Int64
		slower := fakeWorkload{answer: func(ctx context.Context, fn int, n uint64) error {
			defer running.Add(-1)
			if running.Add(1) > 2 { // three at once are from 30/s on
				return takes(300*time.Millisecond)(ctx, fn, n)
			}
			return takes(99*time.Millisecond)(ctx, fn, n)
		}}
		result, err := Run(t.Context(), cfg, slower, nil)
		require.NoError(t, err)
		require.Equal(t, 1, *result.Knee)
		require.Contains(t, result.Steps[2].Broken, "p99<200ms: it is 30")
		require.Len(t, result.Steps, 3)
		require.True(t, result.Verdicts[0].Kept, "the objectives are judged at the knee")
		require.False(t, result.Verdicts[1].Kept)
		require.False(t, result.Kept())

		cfg.Goals, err = ParseObjectives("p99<10ms")
		require.NoError(t, err)
		result, err = Run(t.Context(), cfg, slower, nil)
		require.NoError(t, err)
		require.Nil(t, result.Knee)
		require.Len(t, result.Steps, 1)
		require.Zero(t, result.Rate)
		require.False(t, result.Kept(), "no step held")
	})
}

func TestAnInterruptedRunWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		cfg := steady(100, time.Hour)
		cfg.Ahead = 10
		result, err := Run(ctx, cfg, fakeWorkload{answer: takes(time.Second)}, nil)
		require.NoError(t, err)
		require.True(t, result.Interrupted)
		require.InDelta(t, 250, result.Total.Good, 1)
		require.Equal(t, result.Total.Intended, result.Total.Good)
		require.InDelta(t, 3.5, result.Elapsed.Seconds(), 0.02)
		require.InDelta(t, 100, result.Rate, 1)
	})
}

func TestRequestsAreReadyBeforeTheClockStartsAndABoundedNumberAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var made, used, most atomic.Int64
		cfg := steady(100, 5*time.Second)
		cfg.Ahead = 50
		w := fakeWorkload{
			prepare: func(uint64) error {
				most.Store(max(most.Load(), made.Add(1)-used.Load()))
				time.Sleep(time.Millisecond) // signing
				return nil
			},
			answer: func(context.Context, int, uint64) error {
				require.GreaterOrEqual(t, made.Load(), int64(50))
				used.Add(1)
				return nil
			},
		}
		result, err := Run(t.Context(), cfg, w, nil)
		require.NoError(t, err)
		require.Equal(t, int64(500), result.Total.Good)
		require.Equal(t, int64(500), made.Load())
		require.Less(t, most.Load(), int64(50+64), "the queue, and one in each signer's hands")
		require.Zero(t, result.Total.Late)
	})
}

func TestRequestsThatCannotBePrepared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := fakeWorkload{prepare: func(n uint64) error {
			if n >= 20 {
				return errors.New("no key")
			}
			return nil
		}}
		_, err := Run(t.Context(), steady(10, 10*time.Second), broken, nil)
		require.ErrorContains(t, err, "no key", "before the clock starts it is an error")
		cfg := steady(10, 10*time.Second)
		cfg.Ahead = 1
		result, err := Run(t.Context(), cfg, broken, nil)
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"prepare": 80}, result.Total.Failures)

		slow := fakeWorkload{prepare: func(uint64) error { time.Sleep(10 * time.Second); return nil }}
		cfg = steady(1000, time.Second)
		cfg.Ahead, cfg.MaxDelay = 1, time.Second
		result, err = Run(t.Context(), cfg, slow, nil)
		require.NoError(t, err)
		require.Greater(t, result.Total.Dropped(), int64(900), "signers that are too slow are seen")
		require.Equal(t, int64(1000), result.Total.Intended)

		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		_, err = Run(ctx, steady(1, time.Second), slow, nil)
		require.ErrorContains(t, err, "enough")
		_, err = Run(t.Context(), Config{InFlight: -1}, slow, nil)
		require.ErrorContains(t, err, "there is no function")
		require.ErrorContains(t, err, "in flight is negative")
	})
}

// A machine that slept, or had no time for us, does not send what is long overdue.
func TestWhatIsOverdueWhenItsTurnComesIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := steady(1, time.Minute)
		cfg.setDefaults()
		queue := make(chan prepared, 2)
		for range 2 {
			queue <- prepared{shot: func(context.Context) error { return nil }}
		}
		r := &run{cfg: cfg, rec: newRecorder(1), ready: &preparer{queue: queue}, places: make(chan struct{}, 1), began: time.Now().Add(-time.Minute)}
		timer := time.NewTimer(0)
		require.True(t, r.start(t.Context(), time.Minute-cfg.MaxDelay, timer))
		require.True(t, r.start(t.Context(), time.Minute-cfg.MaxDelay+time.Millisecond, timer))
		r.sending.Wait()
		total := r.rec.functions[0]
		require.Equal(t, int64(1), total.Dropped())
		require.Equal(t, int64(1), total.Good)
		require.Equal(t, int64(1), total.Late)
	})
}
