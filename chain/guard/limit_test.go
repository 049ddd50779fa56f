package guard

import (
	"context"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// accounts counts the accounts that read1 has asked for.
var accounts atomic.Uint64

// read1 is a read that no other one is merged with.
func read1(ctx context.Context, g *Guard) error {
	_, err := g.Code(ctx, common.BigToAddress(new(big.Int).SetUint64(accounts.Add(1))))
	return err
}

// keptBack holds an error to what a limit promises.
func keptBack(t *testing.T, err error) *chain.Error {
	t.Helper()
	var e *chain.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, chain.KindOverloaded, e.Kind)
	require.Equal(t, chain.SentNo, e.Sent)
	require.Positive(t, e.RetryAfter)
	return e
}

func TestBurst(t *testing.T) {
	t.Parallel()
	require.Nil(t, newLimiter(0, 5), "no limit")
	for _, c := range []struct {
		rate  float64
		burst int
		want  int
	}{{1000, 0, 50}, {10, 0, 1}, {0.001, 0, 1}, {10, 7, 7}, {21, 0, 2}} {
		require.Equal(t, c.want, newLimiter(c.rate, c.burst).Burst())
	}
}

func TestRateIsKeptByWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		seen := &spy{}
		g, _ := start(t, c, three, Config{Query: Policy{Rate: 10, Burst: 2}, Observer: seen})
		synctest.Wait()
		began := time.Now()
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if err := read1(t.Context(), g); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.InDelta(t, 3*time.Second, time.Since(began), float64(time.Millisecond))
		require.Equal(t, 30, seen.limits[LimitRate])
		require.Zero(t, seen.refusals[LimitRate])
		// Writes have a bucket of their own.
		_, err := g.Send(t.Context(), chain.SignedTx{})
		require.NoError(t, err)
		require.InDelta(t, 3*time.Second, time.Since(began), float64(time.Millisecond))
	})
}

// Those who are refused take no token from those who are not, however many there
// are at the same time.
func TestRefusedCallsTakeNoTokens(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]bool{"they are not to wait": true, "their deadlines are too short": false} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			seen := &spy{}
			g, _ := start(t, c, three, Config{Query: Policy{Rate: 1, Burst: 1, Refuse: refuse}, Observer: seen})
			synctest.Wait()
			require.NoError(t, read1(t.Context(), g))
			began := time.Now()
			var wg sync.WaitGroup
			for range 500 {
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
					defer cancel()
					ctx, log := chain.WithCallLog(ctx)
					e := keptBack(t, read1(ctx, g))
					if e.RetryAfter.Round(time.Millisecond) != time.Second || e.Op != "code" || len(log.Attempts()) != 1 {
						t.Errorf("%s: %+v, %d attempts", name, e, len(log.Attempts()))
					}
				})
			}
			wg.Wait()
			require.Zero(t, time.Since(began), name)
			require.Equal(t, 500, seen.refusals[LimitRate], name)
			require.Equal(t, 1, c.CountAll("code"), name)
			time.Sleep(time.Second)
			require.NoError(t, read1(t.Context(), g), "%s: the next token is there in time", name)
			require.Equal(t, time.Second, time.Since(began), name)
		})
	}
}

// Who gives up leaves the token to the next.
func TestTokenOfWhoGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{Query: Policy{Rate: 1, Burst: 1}})
		synctest.Wait()
		require.NoError(t, read1(t.Context(), g))
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, cancel)
		err := read1(ctx, g)
		require.True(t, chain.Is(err, chain.KindCanceled) && chain.Unsent(err), "%v", err)
		require.Equal(t, 500*time.Millisecond, time.Since(began))
		require.NoError(t, read1(t.Context(), g))
		require.Equal(t, time.Second, time.Since(began).Round(time.Millisecond))
	})
}

func TestTokenIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			rate  float64
			taken int
			want  time.Duration
		}{{10, 1, 100 * time.Millisecond}, {10, 0, time.Millisecond}, {2, 5, 2500 * time.Millisecond}, {1e-12, 1, 24 * time.Hour}} {
			b := rate.NewLimiter(rate.Limit(c.rate), 1)
			for range c.taken {
				b.Reserve()
			}
			require.Equal(t, c.want, tokenIn(b).Round(time.Millisecond), c)
		}
	})
}

// While one node is out of tokens the others are asked; when all are, the call
// waits.
func TestTokensOfEachNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		seen := &spy{}
		g, _ := start(t, c, three, Config{Query: Policy{NodeRate: 1, NodeBurst: 1}, Observer: seen})
		synctest.Wait()
		began := time.Now()
		for range three {
			require.NoError(t, read1(t.Context(), g))
		}
		require.Zero(t, time.Since(began))
		require.Zero(t, seen.limits[LimitNodeRate])
		for _, name := range three {
			require.Equal(t, 1, c.Count(name, "code"))
		}
		require.NoError(t, read1(t.Context(), g))
		require.Equal(t, time.Second, time.Since(began).Round(time.Millisecond))
		require.Equal(t, 1, seen.limits[LimitNodeRate])

		for range 2 { // what two of them have got back meanwhile
			require.NoError(t, read1(t.Context(), g))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		keptBack(t, read1(ctx, g))
	})
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{Query: Policy{NodeRate: 1, NodeBurst: 1, Refuse: true}})
		synctest.Wait()
		for range three {
			require.NoError(t, read1(t.Context(), g))
		}
		keptBack(t, read1(t.Context(), g))
	})
}

func TestPlacesInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bound, calls = 3, 50
		c := chaintest.New(three...)
		seen := &spy{}
		g, _ := start(t, c, three, Config{Query: Policy{InFlight: bound}, Observer: seen})
		synctest.Wait()
		var mu sync.Mutex
		var now, most int
		ask(c, func(context.Context, string) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return nil
		})
		began := time.Now()
		var order []int
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				if err := read1(t.Context(), g); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, i/bound)
				mu.Unlock()
			})
			synctest.Wait() // so that they come one after the other
		}
		wg.Wait()
		require.Equal(t, bound, most)
		require.Equal(t, 1700*time.Millisecond, time.Since(began))
		require.IsNonDecreasing(t, order, "who came first goes first")
		require.Equal(t, calls-bound, seen.limits[LimitInFlight])
		require.Zero(t, seen.refusals[LimitInFlight])
	})
}

func TestNoPlaceInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{Query: Policy{InFlight: 1}, Write: Policy{InFlight: 1, Refuse: true}})
		synctest.Wait()
		release := make(chan struct{})
		ask(c, func(context.Context, string) error { <-release; return nil })
		var wg sync.WaitGroup
		wg.Go(func() { _ = read1(t.Context(), g) })
		wg.Go(func() { _, _ = g.Send(t.Context(), chain.SignedTx{}) })
		synctest.Wait()
		began := time.Now()
		_, err := g.Send(t.Context(), chain.SignedTx{})
		keptBack(t, err)
		require.Zero(t, time.Since(began), "refused at once")

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		keptBack(t, read1(ctx, g))
		require.Equal(t, 3*time.Second, time.Since(began))

		gone, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err = read1(gone, g)
		require.True(t, chain.Is(err, chain.KindCanceled) && chain.Unsent(err), "%v", err)
		require.Equal(t, 4*time.Second, time.Since(began))
		close(release)
		wg.Wait()
		require.Equal(t, 1, c.CountAll("code"))
		require.Equal(t, 1, c.CountAll("send"))
	})
}

// Places, connections and permits come back also when a connection panics.
func TestPanicGivesEverythingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, p := start(t, c, []string{"a:1"}, Config{Query: Policy{InFlight: 1, Refuse: true, Breaker: Breaker{Failures: 1, Window: 1, Probes: 1}}})
		synctest.Wait()
		breaker := g.node("a:1").breakers[Query]
		breaker.HalfOpen()
		ask(c, func(context.Context, string) error { panic("a fault of the wire") })
		require.PanicsWithValue(t, "a fault of the wire", func() { _ = read1(t.Context(), g) })
		require.Zero(t, p.Nodes()[0].InFlight)
		require.True(t, breaker.IsOpen(), "the probe told nothing")
		answer(c, "")
		time.Sleep(time.Second)
		require.NoError(t, read1(t.Context(), g))
		require.True(t, breaker.IsClosed())
	})
}
