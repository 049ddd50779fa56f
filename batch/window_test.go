package batch

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

var errNoNode = &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Msg: "no node"}

func TestWindowBoundsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 3, unlimited())
		var mu sync.Mutex
		now, most := 0, 0
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				require.NoError(t, w.acquire(t.Context(), PriorityNormal))
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				began := time.Now()
				time.Sleep(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
				w.answered(began, nil)
			})
		}
		all.Wait()
		require.Equal(t, 3, most)
		size, inFlight, waiting, why := w.look()
		require.Equal(t, []any{3, 0, 0, ""}, []any{size, inFlight, waiting, why})
	})
}

func TestWindowIsFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 1, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		var order []int
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				require.NoError(t, w.acquire(t.Context(), PriorityNormal))
				order = append(order, i)
				w.release()
			})
			synctest.Wait()
		}
		w.release()
		all.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
	})
}

func TestWindowForgetsThoseWhoGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 1, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.acquire(ctx, PriorityNormal), context.DeadlineExceeded)
		w.release()
		require.NoError(t, w.acquire(t.Context(), PriorityNormal), "the permit was not lost")
	})
}

func TestWindowTriesOneAtATimeWhileTheTargetIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 100, unlimited())
		start := time.Now()
		up := start.Add(time.Minute)
		tries := 0
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				for {
					require.NoError(t, w.acquire(t.Context(), PriorityNormal))
					began := time.Now()
					if began.Before(up) {
						tries++
						w.answered(began, errNoNode)
						continue
					}
					time.Sleep(time.Second)
					w.answered(began, nil)
					return
				}
			})
		}
		all.Wait()
		require.Less(t, tries, 30+100, "the first hundred, then one each 5 seconds at most")
		require.Less(t, time.Since(up), 10*time.Second, "found again soon")
		_, _, _, why := w.look()
		require.Empty(t, why)
	})
}

func TestWindowSaysWhyItIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 100, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		w.answered(time.Now(), errNoNode)
		size, _, _, why := w.look()
		require.Equal(t, 1, size)
		require.Contains(t, why, "no node")
		require.Contains(t, why, "200ms")
		w.rest()
	})
}

func TestWindowWaitsAsLongAsTheNodeAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 100, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		began := time.Now()
		w.answered(began, &chain.Error{Kind: chain.KindOverloaded, RetryAfter: 3 * time.Second})
		_, _, _, why := w.look()
		require.NotEmpty(t, why)
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		require.Equal(t, 3*time.Second, time.Since(began))
	})
}

func TestWindowIsHalvedByTimeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, 100, unlimited())
		require.NoError(t, w.acquire(t.Context(), PriorityNormal))
		w.answered(time.Now(), &chain.Error{Kind: chain.KindTimeout})
		size, _, _, _ := w.look()
		require.Equal(t, 50, size)
	})
}

// A chain with blocks: sends are answered with their block, which takes up to
// 1000 transactions and is made every 500 ms, or as soon as it is full.
func TestWindowReachesTheChainsRateInTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWindow(1, DefaultInFlight, unlimited())
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		var pool []chan struct{}
		answered := map[int]int{} // by second
		start := time.Now()
		var all sync.WaitGroup
		all.Go(func() { // seals
			for sleep(ctx, 500*time.Millisecond) {
				mu.Lock()
				n := min(len(pool), 1000)
				for _, ready := range pool[:n] {
					close(ready)
				}
				pool = pool[n:]
				mu.Unlock()
			}
		})
		for w.acquire(ctx, PriorityNormal) == nil {
			all.Go(func() {
				began, ready := time.Now(), make(chan struct{})
				mu.Lock()
				pool = append(pool, ready)
				mu.Unlock()
				select {
				case <-ready:
				case <-ctx.Done():
				}
				mu.Lock()
				answered[int(time.Since(start)/time.Second)]++
				mu.Unlock()
				w.answered(began, nil)
			})
			if time.Since(start) > 5*time.Second {
				break
			}
		}
		cancel()
		all.Wait()
		require.Equal(t, 2000, answered[3], "by second: %v", answered)
		require.GreaterOrEqual(t, answered[2], 1900, "by second: %v", answered)
	})
}
