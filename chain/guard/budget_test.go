package guard

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain"
)

// However calls and failures follow each other, retries are never more than their
// share of the calls and the few that are allowed at the start.
func TestRetriesAreAShareOfTheCalls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0.01, 1).Draw(t, "share")
		b := newBudget(share)
		calls, retries := 0, 0
		for _, wanted := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 2000).Draw(t, "retries wanted by each call") {
			calls++
			b.called()
			for range wanted {
				if b.take() {
					retries++
				}
			}
			if limit := share*float64(calls) + budgetFirst; float64(retries) > limit+1e-6 {
				t.Fatalf("%d retries of %d calls, at most %g", retries, calls, limit)
			}
		}
	})
}

// A target that fails as a whole gets few requests more than without retries, and
// has its retries again soon after it is well.
func TestBudgetOfATargetThatFails(t *testing.T) {
	t.Parallel()
	cfg := Config{}
	cfg.setDefaults()
	seen := &spy{}
	cfg.Observer = seen
	g := &Guard{cfg: cfg}
	attempts, failing := 0, true
	h := g.retry(newBudget(cfg.RetryShare), func(context.Context, *request) (any, error) {
		attempts++
		if failing {
			return nil, &chain.Error{Kind: chain.KindTimeout}
		}
		return nil, nil
	})
	call := func(n int) (made int) {
		before := attempts
		for range n {
			_, _ = h(t.Context(), &request{class: Query})
		}
		return attempts - before
	}
	const calls = 10_000
	made := call(calls)
	require.LessOrEqual(t, made, calls*12/10+budgetFirst)
	require.GreaterOrEqual(t, made, calls*12/10-1, "the share is used")
	require.NotZero(t, seen.limits[LimitBudget])

	failing = false
	require.Equal(t, 1000, call(1000))
	failing = true
	require.Equal(t, 30*3, call(30), "a node that goes away does not find it empty")
}

// Calls that were given up cost the others no retries.
func TestCallsThatWereGivenUpCostNothing(t *testing.T) {
	t.Parallel()
	b := newBudget(0.01)
	cfg := Config{}
	cfg.setDefaults()
	ctx, cancel := context.WithCancel(t.Context())
	h := (&Guard{cfg: cfg}).retry(b, func(context.Context, *request) (any, error) {
		cancel()
		return nil, &chain.Error{Kind: chain.KindTimeout}
	})
	for range 100 {
		_, _ = h(ctx, &request{class: Query})
	}
	for range budgetFirst + 1 {
		require.True(t, b.take())
	}
}

func TestNoBudget(t *testing.T) {
	t.Parallel()
	b := newBudget(-1)
	for range 1000 {
		b.called()
		require.False(t, b.take())
	}
}

func TestBudgetIsSharedByAll(t *testing.T) {
	t.Parallel()
	const callers, calls = 8, 2000
	b := newBudget(0.25)
	var retries atomic.Int64
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls {
				b.called()
				for range rand.IntN(3) {
					if b.take() {
						retries.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, retries.Load(), int64(callers*calls/4+budgetFirst))
	require.GreaterOrEqual(t, retries.Load(), int64(callers*calls/4-budgetAtOnce))
}
