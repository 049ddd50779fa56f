package guard

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// alone are policies under which only the breaker is at work.
var alone = Config{Query: Policy{Retries: -1}, Write: Policy{Retries: -1}}

// answer makes every node answer with the kind, or well when it is empty.
func answer(c *chaintest.Chain, kind chain.Kind) {
	ask(c, func(context.Context, string) error {
		if kind == "" {
			return nil
		}
		return &chain.Error{Kind: kind}
	})
}

func TestWhatOpensABreaker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ends  string // F: the node failed, s: it answered
		after int    // so many the breaker is open; 0: never
	}{
		{"FFFFF", 5},
		{"sssssssssssFFFFF", 16},
		{"FsFsFsFsF", 9},
		{"FFFFssssF", 9},
		{"FFFFssssssFFFFF", 15}, // the first four leave the window one by one
		{"FFFFsssssssFFssF", 0},
		{"FsssFsssFsssFsss", 0},
		{"FFFF", 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := chaintest.New("a:1")
			g, _ := start(t, fake, []string{"a:1"}, alone)
			synctest.Wait()
			for i, end := range c.ends {
				answer(fake, map[rune]chain.Kind{'F': chain.KindNode}[end])
				_ = read1(t.Context(), g)
				state := circuitbreaker.ClosedState
				if c.after != 0 && i+1 >= c.after {
					state = circuitbreaker.OpenState
				}
				require.Equal(t, state, g.node("a:1").breakers[Query].State(), "%s, after %d", c.ends, i+1)
			}
		})
	}
}

// What a node may be blamed for, over all that can be said of an attempt.
func TestWhatCountsAgainstANode(t *testing.T) {
	t.Parallel()
	blamed := map[chain.Kind]bool{chain.KindUnavailable: true, chain.KindTimeout: true, chain.KindProtocol: true, chain.KindNode: true}
	for _, kind := range kinds {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, _ := start(t, c, []string{"a:1"}, alone)
			synctest.Wait()
			answer(c, kind)
			for range 20 {
				_ = read1(t.Context(), g)
				_, _ = g.Send(t.Context(), chain.SignedTx{})
			}
			for _, class := range []Class{Query, Write} {
				require.Equal(t, blamed[kind], g.node("a:1").breakers[class].IsOpen(), "%s %s", class, kind)
			}
		})
	}
}

func opened(t *testing.T, names ...string) (*Guard, *chaintest.Chain) {
	t.Helper()
	c := chaintest.New(names...)
	g, _ := start(t, c, names, alone)
	synctest.Wait()
	answer(c, chain.KindNode)
	for range 5 * len(names) {
		_ = read1(t.Context(), g)
	}
	for _, name := range names {
		require.True(t, g.node(name).breakers[Query].IsOpen(), name)
	}
	answer(c, "")
	return g, c
}

// An open breaker costs no request, says when to come again, and leaves the other
// class alone.
func TestOpenBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := opened(t, three...)
		asked := c.CountAll("code")
		time.Sleep(300 * time.Millisecond)
		err := read1(t.Context(), g)
		var e *chain.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, chain.KindUnavailable, e.Kind)
		require.Equal(t, chain.SentNo, e.Sent)
		require.Equal(t, 700*time.Millisecond, e.RetryAfter)
		require.Equal(t, "code", e.Op)
		for _, name := range three {
			require.ErrorContains(t, err, name)
		}
		require.Equal(t, asked, c.CountAll("code"))
		_, err = g.Send(t.Context(), chain.SignedTx{})
		require.NoError(t, err, "writes have their own")
		time.Sleep(700 * time.Millisecond)
		require.NoError(t, read1(t.Context(), g))
	})
}

// A call waits for a breaker as for any node that cannot be reached.
func TestRetryOutlastsAnOpenBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		g.node("a:1").breakers[Query].Open()
		began := time.Now()
		require.NoError(t, read1(t.Context(), g))
		require.GreaterOrEqual(t, time.Since(began), time.Second)
		require.Less(t, time.Since(began), 1100*time.Millisecond)
	})
}

func TestOpenBreakerMovesCallsToOtherNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, alone)
		synctest.Wait()
		g.node("b:1").breakers[Query].Open()
		for range 300 {
			require.NoError(t, read1(t.Context(), g))
		}
		require.Zero(t, c.Count("b:1", "code"))
		require.Positive(t, c.Count("a:1", "code"))
		require.Positive(t, c.Count("c:1", "code"))
	})
}

// A half-open breaker lets three through at a time; their success closes it.
func TestProbesCloseABreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, c := opened(t, "a:1")
		time.Sleep(time.Second)
		before := c.CountAll("code")
		release := make(chan struct{})
		ask(c, func(context.Context, string) error { <-release; return nil })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := read1(t.Context(), g); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		var e *chain.Error
		require.ErrorAs(t, read1(t.Context(), g), &e)
		require.Equal(t, chain.KindUnavailable, e.Kind)
		require.Positive(t, e.RetryAfter)
		require.Equal(t, before+3, c.CountAll("code"))
		close(release)
		wg.Wait()
		require.True(t, g.node("a:1").breakers[Query].IsClosed())
		require.NoError(t, read1(t.Context(), g))
	})
}

// A probe that fails, or tells nothing, opens the breaker for another while. It is
// never stuck between open and closed.
func TestProbesThatFail(t *testing.T) {
	t.Parallel()
	for name, probe := range map[string]func(context.Context, *Guard, *chaintest.Chain){
		"the node fails": func(ctx context.Context, g *Guard, c *chaintest.Chain) {
			answer(c, chain.KindNode)
			_ = read1(ctx, g)
		},
		"the second fails": func(ctx context.Context, g *Guard, c *chaintest.Chain) {
			_ = read1(ctx, g)
			answer(c, chain.KindProtocol)
			_ = read1(ctx, g)
		},
		"all are given up": func(ctx context.Context, g *Guard, c *chaintest.Chain) {
			hang(c)
			ctx, cancel := context.WithCancel(ctx)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { _ = read1(ctx, g) })
			}
			synctest.Wait()
			cancel()
			wg.Wait()
		},
		"its caller has no time": func(ctx context.Context, g *Guard, c *chaintest.Chain) {
			hang(c)
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_ = read1(ctx, g)
		},
		"the node has too much to do": func(ctx context.Context, g *Guard, c *chaintest.Chain) {
			answer(c, chain.KindOverloaded)
			_ = read1(ctx, g)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, c := opened(t, "a:1")
			breaker := g.node("a:1").breakers[Query]
			for range 3 {
				time.Sleep(time.Second)
				answer(c, "")
				probe(t.Context(), g, c)
				require.True(t, breaker.IsOpen(), name)
				require.Equal(t, time.Second, breaker.RemainingDelay(), name)
			}
			answer(c, "")
			time.Sleep(time.Second)
			for range 3 {
				require.NoError(t, read1(t.Context(), g), name)
			}
			require.True(t, breaker.IsClosed(), name)
		})
	}
}

// The end of an attempt from before the breaker opened is no news of the node.
func TestOldAttemptsAreNoProbes(t *testing.T) {
	t.Parallel()
	for _, end := range []error{nil, &chain.Error{Kind: chain.KindNode}, context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, _ := start(t, c, []string{"a:1"}, alone)
			synctest.Wait()
			release := make(chan struct{})
			ask(c, func(context.Context, string) error { <-release; return end })
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { _ = read1(t.Context(), g) })
			}
			synctest.Wait()
			breaker := g.node("a:1").breakers[Query]
			breaker.Open()
			time.Sleep(time.Second)
			answer(c, "")
			require.NoError(t, read1(t.Context(), g))
			require.True(t, breaker.IsHalfOpen())
			close(release)
			wg.Wait()
			require.True(t, breaker.IsHalfOpen(), "%v", end)
			for range 2 {
				require.NoError(t, read1(t.Context(), g))
			}
			require.True(t, breaker.IsClosed(), "%v", end)
		})
	}
}

func TestBreakerIsLoggedOnceAChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		var out strings.Builder
		cfg := alone
		cfg.Logger = slog.New(slog.NewTextHandler(&out, nil))
		g, _ := start(t, c, []string{"a:1"}, cfg)
		synctest.Wait()
		answer(c, chain.KindNode)
		for range 20 {
			_ = read1(t.Context(), g)
		}
		answer(c, "")
		time.Sleep(time.Second)
		for range 20 {
			require.NoError(t, read1(t.Context(), g))
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 3, out.String())
		for i, state := range []string{"state=open before=closed", "state=half-open before=open", "state=closed before=half-open"} {
			require.Contains(t, lines[i], "msg=breaker target=main node=a:1 class=query "+state)
		}
	})
}

// Names that come and go need no memory for ever, and the breakers of those that
// stay are kept.
func TestVanishedNodesAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := start(t, chaintest.New(three...), three, Config{})
		kept := g.node("a:1")
		for i := range 1000 {
			g.node(fmt.Sprintf("gone%d:1", i))
			require.LessOrEqual(t, len(g.nodes), len(three)+1)
		}
		require.Same(t, kept, g.node("a:1"))
	})
}

// Nodes that are listed no more are left without an error, new ones are asked, and
// what was kept of the old ones goes.
func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1", "b:1", "c:1", "d:1")
		g, p := start(t, c, []string{"a:1", "b:1"}, Config{}) // between choice and lease a node may go: a retry mends that
		synctest.Wait()
		ask(c, func(context.Context, string) error { time.Sleep(10 * time.Millisecond); return nil })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if err := read1(t.Context(), g); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, nodes := range [][]string{{"b:1", "c:1"}, {"c:1", "d:1"}, {"d:1", "a:1"}, {"a:1"}} {
			time.Sleep(4 * time.Second)
			require.NoError(t, p.SetNodes(nodes))
		}
		wg.Wait()
		for _, name := range []string{"a:1", "b:1", "c:1", "d:1"} {
			require.Positive(t, c.Count(name, "code"), name)
		}
		g.node("new:1")
		require.Len(t, g.nodes, 2, "a:1 and the new one")
	})
}

// The connection is the call's until it ends, and the pool is told how that was.
func TestLeaseLastsAsLongAsTheAttempt(t *testing.T) {
	t.Parallel()
	for kind, rate := range map[chain.Kind]bool{"": false, chain.KindNode: true, chain.KindCanceled: false} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, p := start(t, c, []string{"a:1"}, alone)
			synctest.Wait()
			ask(c, func(context.Context, string) error {
				require.Equal(t, 1, p.Nodes()[0].InFlight)
				time.Sleep(time.Second)
				if kind == "" {
					return nil
				}
				return &chain.Error{Kind: kind}
			})
			_ = read1(t.Context(), g)
			status := p.Nodes()[0]
			require.Zero(t, status.InFlight)
			require.Equal(t, rate, status.ErrorRate > 0, kind)
			require.Positive(t, status.Latency)
		})
	}
}
