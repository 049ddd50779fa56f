package guard

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// slowly makes the requests of an op take a time, as long as their contexts last.
func slowly(op string, d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, asked string) error {
		if asked != op {
			return nil
		}
		if !sleep(ctx, d) {
			return chaintest.Hang(ctx, op)
		}
		return nil
	}
}

// asker makes the same call in many goroutines and collects what they are told.
type asker struct {
	g  *Guard
	wg sync.WaitGroup

	mu      sync.Mutex
	sources map[chain.Source]int
	errs    []error
}

func newAsker(g *Guard) *asker { return &asker{g: g, sources: map[chain.Source]int{}} }

func (a *asker) ask(ctx context.Context, input string) {
	ctx, log := chain.WithCallLog(ctx)
	a.wg.Go(func() {
		_, err := a.g.Call(ctx, chain.CallMsg{Input: []byte(input)})
		a.mu.Lock()
		defer a.mu.Unlock()
		if err != nil {
			a.errs = append(a.errs, err)
			return
		}
		source, _ := log.Source()
		a.sources[source]++
	})
	synctest.Wait()
}

func TestIdenticalReadsAreAskedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		c.SetAll(func(n *chaintest.Node) { n.Ask = slowly("call", time.Second) })
		began := time.Now()
		a := newAsker(g)
		for range 20 {
			a.ask(t.Context(), "one")
			a.ask(t.Context(), "two")
		}
		a.wg.Wait()
		require.Empty(t, a.errs)
		require.Equal(t, map[chain.Source]int{chain.SourceNode: 2, chain.SourceMerged: 38}, a.sources)
		require.Equal(t, 2, c.CountAll("call"))
		require.Equal(t, time.Second, time.Since(began))

		a.ask(t.Context(), "one")
		a.wg.Wait()
		require.Equal(t, 3, c.CountAll("call"), "the next one is asked again")
	})
}

func TestDifferentReadsAreNotMerged(t *testing.T) {
	t.Parallel()
	from, zero := common.MaxAddress, common.Address{}
	calls := []chain.CallMsg{
		{}, {From: &from}, {To: from}, {Input: []byte{0}}, {Input: from[:]},
		{To: from, Input: from[:]}, {From: &from, To: from}, {From: &from, To: from, Input: from[:]},
	}
	seen := map[string]int{}
	for _, msg := range calls {
		seen[callKey(msg)]++
	}
	for _, number := range []uint64{0, 1, 256, 1 << 60} {
		seen[blockKey(number)]++
	}
	for _, kind := range []byte{'r', 'a'} {
		seen[fixedKey(kind, from[:])]++
		seen[fixedKey(kind, zero[:])]++
	}
	require.Len(t, seen, len(calls)+8)
}

// Who knows of a block does not wait for an answer from before it.
func TestReadDoesNotJoinOneFromBeforeABlock(t *testing.T) {
	t.Parallel()
	for name, learn := range map[string]func(t *testing.T, c *chaintest.Chain, g *Guard){
		"a node tells of it": func(_ *testing.T, c *chaintest.Chain, _ *Guard) {
			c.Set("a:1", func(n *chaintest.Node) { n.Head = 101 })
		},
		"an answer told of it": func(t *testing.T, c *chaintest.Chain, g *Guard) {
			c.Set("a:1", func(n *chaintest.Node) { n.Head, n.Answer = 101, nil })
			_, err := g.Send(t.Context(), chain.SignedTx{})
			require.NoError(t, err)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, _ := start(t, c, []string{"a:1"}, Config{})
			synctest.Wait()
			g.floor.raise(100)
			c.SetAll(func(n *chaintest.Node) {
				n.Ask = slowly("call", time.Second)
				n.Answer = func() chain.CallResult { return chain.CallResult{BlockNumber: 100} }
			})
			a := newAsker(g)
			a.ask(t.Context(), "x")
			a.ask(t.Context(), "x")
			require.Equal(t, 1, c.CountAll("call"), name)
			time.Sleep(time.Second / 2)
			learn(t, c, g)
			a.ask(t.Context(), "x")
			a.ask(t.Context(), "x")
			require.Equal(t, 2, c.CountAll("call"), name)
			time.Sleep(3 * time.Second / 4) // the first has its answer
			a.ask(t.Context(), "x")
			a.wg.Wait()
			require.Equal(t, 2, c.CountAll("call"), "%s: the younger one is joined", name)
			require.Equal(t, map[chain.Source]int{chain.SourceNode: 2, chain.SourceMerged: 3}, a.sources, name)
		})
	}
}

func TestReadsGoOnWhenTheirLeaderHasNoTimeLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leader func(context.Context) (context.Context, context.CancelFunc)
		kind   chain.Kind
		first  error // what the first attempt fails with, after half a second; nil: it takes a second
	}{
		"canceled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			stop := time.AfterFunc(time.Second/2, cancel)
			return ctx, func() { stop.Stop() }
		}, chain.KindCanceled, nil},
		"at its deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second/2)
		}, chain.KindTimeout, nil},
		"without time for another attempt": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, chain.KindOverloaded, &chain.Error{Kind: chain.KindOverloaded, RetryAfter: time.Second}},
	} {
		synctest.Test(t, func(t *testing.T) {
			nodes := chaintest.New(three...)
			g, _ := start(t, nodes, three, Config{})
			synctest.Wait()
			var asked atomic.Int32
			ask(nodes, func(ctx context.Context, op string) error {
				if asked.Add(1) == 1 && c.first != nil {
					time.Sleep(time.Second / 2)
					return c.first
				}
				return slowly(op, time.Second)(ctx, op)
			})
			began := time.Now()
			ctx, stop := c.leader(t.Context())
			defer stop()
			a := newAsker(g)
			a.ask(ctx, "x")
			for range 10 {
				a.ask(t.Context(), "x")
			}
			a.wg.Wait()
			require.Len(t, a.errs, 1, name)
			require.Equal(t, c.kind, chain.KindOf(a.errs[0]), "%s: %v", name, a.errs[0])
			require.Equal(t, map[chain.Source]int{chain.SourceNode: 1, chain.SourceMerged: 9}, a.sources, name)
			require.Equal(t, 2, nodes.CountAll("call"), name)
			require.Equal(t, 1500*time.Millisecond, time.Since(began), name)
		})
	}
}

// A rate limit refuses what the deadline is too short for. Others may have the time
// to wait.
func TestReadsGoOnWhenALimitIsTooMuchForTheirLeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{Query: Policy{Rate: .125, Burst: 1}})
		synctest.Wait()
		script{fails(time.Second, chain.KindNode), takes(time.Second)}.play(c)
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		a := newAsker(g)
		a.ask(ctx, "x")
		for range 10 {
			a.ask(t.Context(), "x")
		}
		a.wg.Wait()
		require.Len(t, a.errs, 1)
		require.True(t, chain.Is(a.errs[0], chain.KindOverloaded), "%v", a.errs[0])
		require.Equal(t, map[chain.Source]int{chain.SourceNode: 1, chain.SourceMerged: 9}, a.sources)
		require.Equal(t, 9*time.Second, time.Since(began), "the next token, and the answer")
	})
}

func TestReadThatWaitsForAnotherEndsWithItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		c.SetAll(func(n *chaintest.Node) { n.Ask = slowly("call", time.Second) })
		a := newAsker(g)
		a.ask(t.Context(), "x")

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := g.Call(ctx, chain.CallMsg{Input: []byte("x")})
		require.Equal(t, chain.KindTimeout, chain.KindOf(err), "%v", err)
		require.True(t, chain.Unsent(err))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Millisecond, time.Since(began))

		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, stop)
		_, err = g.Call(ctx, chain.CallMsg{Input: []byte("x")})
		require.Equal(t, chain.KindCanceled, chain.KindOf(err), "%v", err)
		require.Equal(t, 20*time.Millisecond, time.Since(began))

		a.wg.Wait()
		require.Equal(t, map[chain.Source]int{chain.SourceNode: 1}, a.sources, "the leader has its answer")
		require.Equal(t, 1, c.CountAll("call"))
	})
}

func TestFailureOfANodeIsSharedAndCostsNoMoreAttemptsThanOneCall(t *testing.T) {
	t.Parallel()
	for kind, tries := range map[chain.Kind]int{chain.KindInvalid: 1, chain.KindNode: 3} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			g, _ := start(t, c, three, Config{})
			synctest.Wait()
			ask(c, fails(time.Second, kind))
			a := newAsker(g)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for range 10 {
				a.ask(ctx, "x")
			}
			a.wg.Wait()
			require.Len(t, a.errs, 10)
			for _, err := range a.errs {
				require.Equal(t, kind, chain.KindOf(err))
			}
			require.Equal(t, tries, c.CountAll("call"))
		})
	}
}

func TestPanicOfALeaderLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := merged(func(context.Context, *request) (any, error) {
			time.Sleep(time.Second)
			if asked++; asked == 1 {
				panic("a bug")
			}
			return "answer", nil
		})
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is the leader's")
				}
			}()
			_, _ = h(t.Context(), &request{key: "k", flight: &flight{}})
		})
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				answer, err := h(t.Context(), &request{key: "k", flight: &flight{}})
				if err != nil || answer != "answer" {
					t.Error(answer, err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, 2, asked)
	})
}

// A call whose answer is of an older block than somebody was told of before it
// began is a wrong answer, whether it came from a node, another call or the cache.
func TestNobodyIsTakenBackInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		c.SetAll(func(n *chaintest.Node) { n.Ask = slowly("call", 3*time.Millisecond) })
		g, _ := startCached(t, c, three, Config{Query: Policy{Hedge: true}})
		synctest.Wait()

		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i, name := range three { // each node makes and learns of blocks at its own pace
			wg.Go(func() {
				for n := 0; sleep(ctx, time.Duration(7+2*i+n%5)*time.Millisecond); n++ {
					c.Set(name, func(n *chaintest.Node) { n.Head++ })
					if n%4 == 0 { // and is slow at times
						c.Set(name, func(node *chaintest.Node) {
							node.Ask = slowly("call", time.Duration(1+n%16)*time.Millisecond)
						})
					}
					c.SetAll(func(node *chaintest.Node) { node.Head = max(node.Head, 99+uint64(n)/2) })
				}
			})
		}

		var told atomic.Uint64 // the newest block that any reader was told of
		var mu sync.Mutex
		sources := map[chain.Source]int{}
		var readers sync.WaitGroup
		for i := range 40 {
			readers.Go(func() {
				for n := range 300 {
					ctx, log := chain.WithCallLog(t.Context())
					before := told.Load()
					result, err := g.Call(ctx, chain.CallMsg{Input: fmt.Append(nil, (i+n)%5)})
					if err == nil && result.BlockNumber < before {
						source, age := log.Source()
						t.Errorf("block %d after block %d, from %s of age %s", result.BlockNumber, before, source, age)
					}
					if err == nil {
						for known := before; known < result.BlockNumber && !told.CompareAndSwap(known, result.BlockNumber); known = told.Load() {
						}
					}
					source, _ := log.Source()
					mu.Lock()
					sources[source]++
					mu.Unlock()
					time.Sleep(time.Duration((i*n)%7) * time.Millisecond / 2)
				}
			})
		}
		readers.Wait()
		stop()
		wg.Wait()
		for _, source := range []chain.Source{chain.SourceNode, chain.SourceMerged, chain.SourceCache} {
			require.Greater(t, sources[source], 100, "%v", sources)
		}
		require.Less(t, sources[""], 1200, "failures, of nodes that are behind: %v", sources)
		t.Log(sources, "up to block", told.Load())
	})
}
