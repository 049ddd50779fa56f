package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func unlimited() *rate.Limiter { return rate.NewLimiter(rate.Inf, 0) }

// queueUp puts n waiters into a window and notes who is served in which order.
func queueUp(t *testing.T, w *window, all *sync.WaitGroup, p Priority, n int, order *[]Priority) {
	for range n {
		all.Go(func() {
			require.NoError(t, w.acquire(t.Context(), p))
			*order = append(*order, p)
			w.release()
		})
		synctest.Wait()
	}
}

func TestWindowServesTheHigherPriorityFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 1, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityLow))
		var order []Priority
		var all sync.WaitGroup
		queueUp(t, w, &all, PriorityLow, 2, &order)
		queueUp(t, w, &all, PriorityNormal, 2, &order)
		queueUp(t, w, &all, PriorityHigh, 2, &order)
		w.release()
		all.Wait()
		require.Equal(t, []Priority{PriorityHigh, PriorityHigh, PriorityNormal, PriorityNormal, PriorityLow, PriorityLow}, order)
	})
}

func TestWindowStarvesNoPriority(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 1, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityHigh))
		var order []Priority
		var all sync.WaitGroup
		queueUp(t, w, &all, PriorityLow, 5, &order)
		queueUp(t, w, &all, PriorityNormal, 5, &order)
		queueUp(t, w, &all, PriorityHigh, 100, &order)
		w.release()
		all.Wait()
		got := map[Priority]int{}
		for _, p := range order[:4*(fairShare+2)] {
			got[p]++
		}
		require.Equal(t, 4, got[PriorityLow], "%v", order)
		require.Equal(t, 4, got[PriorityNormal], "%v", order)
	})
}

// A job takes its permits one after the other; what is free between two of them
// must not go to lower ones.
func TestWindowKeepsWhatIsClaimed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 2, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		w.claim(PriorityNormal)
		served := make(chan struct{})
		go func() {
			defer close(served)
			require.NoError(t, w.acquire(t.Context(), PriorityLow))
		}()
		require.NoError(t, w.acquire(t.Context(), PriorityHigh), "a higher one need not care")
		w.release()
		synctest.Wait()
		select {
		case <-served:
			require.Fail(t, "the permit was claimed")
		default:
		}
		w.unclaim(PriorityNormal)
		<-served
	})
}

// The claim is no way to starve others either: what is claimed counts as overtaking.
func TestWindowLetsLowerOnesThroughBetweenClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 1, unlimited())
		w.claim(PriorityHigh)
		defer w.unclaim(PriorityHigh)
		low := 0
		var all sync.WaitGroup
		all.Go(func() {
			for range 5 {
				require.NoError(t, w.acquire(t.Context(), PriorityLow))
				low++
				w.release()
			}
		})
		synctest.Wait()
		for range 5 * fairShare {
			require.NoError(t, w.acquire(t.Context(), PriorityHigh))
			w.release()
			synctest.Wait()
		}
		require.NoError(t, w.acquire(t.Context(), PriorityHigh))
		w.release()
		all.Wait()
		require.Equal(t, 5, low)
	})
}

func TestWindowKeepsTheTargetsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 100, rate.NewLimiter(10, 2))
		began := time.Now()
		var order []Priority
		var all sync.WaitGroup
		queueUp(t, w, &all, PriorityNormal, 12, &order)
		queueUp(t, w, &all, PriorityHigh, 10, &order)
		all.Wait()
		require.InDelta(t, 2*time.Second, time.Since(began), float64(10*time.Millisecond), "22, of which 2 at once")
		require.Equal(t, "[normal normal"+strings.Repeat(" high", 10)+strings.Repeat(" normal", 10)+"]", fmt.Sprint(order))
		w.rest()
	})
}

// The whole way: two jobs of one target, the later one with the higher priority.
func TestJobsOfHigherPriorityGoFirst(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]Limits{"window": {InFlight: 4}, "rate": {InFlight: 100, Rate: 400, Burst: 4}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *Config) { c.Targets[0].Limits = limits })
			b.chain.latency = 5 * time.Millisecond
			spec := saveSpec()
			spec.Priority = PriorityLow
			low := b.run(spec, 2000)
			b.settles(low.ID, func(p Progress) bool { return p.Counts.Confirmed > 20 })
			spec.Priority = PriorityHigh
			high, _, err := b.engine.Create(context.Background(), spec)
			require.NoError(t, err)
			_, err = b.engine.Load(context.Background(), high.ID, fromCSV(t, strings.ReplaceAll(csvRows(300), "0x0", "0xb")))
			require.NoError(t, err)
			require.NoError(t, b.engine.Run(context.Background(), high.ID))
			b.wait(high.ID)
			passed := 0 // of the lower job, between the first and the last of the higher one
			b.chain.with(func(c *fakeChain) {
				ofHigh := func(input string) bool { return input[4] == 0xb0 }
				first := slices.IndexFunc(c.order, ofHigh)
				for left := 300; left > 0; first++ {
					if ofHigh(c.order[first]) {
						left--
					} else {
						passed++
					}
				}
			})
			t.Logf("%d of the lower job while 300 of the higher one were sent", passed)
			require.Less(t, passed, 60, "a sixteenth, and what was in flight")
			require.Positive(t, passed, "but not nothing")
		})
	}
}

func TestPriorityComesFromTheKindAndCanBeChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	spec := saveSpec()
	spec.IdempotencyKey = "a"
	job, _, err := b.engine.Create(ctx, spec)
	require.NoError(t, err)
	require.Equal(t, PriorityNormal, job.Spec.Priority)
	spec.Priority = PriorityLow
	job, created, err := b.engine.Create(ctx, spec)
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, PriorityLow, job.Spec.Priority)
	job, err = b.store.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, PriorityLow, job.Spec.Priority)

	spec.IdempotencyKey, spec.Priority, spec.Kind = "b", "", KindTransaction
	job, _, err = b.engine.Create(ctx, spec)
	require.NoError(t, err)
	require.Equal(t, PriorityHigh, job.Spec.Priority)
}
