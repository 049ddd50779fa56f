package guard

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// rescued is when the reads of a silent node are given up at the latest: a second of
// silence, one for a heartbeat, and what the pool needs to see it.
const rescued = 2*time.Second + 250*time.Millisecond

// fallSilent lets the first nodes that are asked an op answer nothing any more, be it
// a heartbeat, as if they were stopped. heartbeats lets them answer those.
func fallSilent(c *chaintest.Chain, nodes int, heartbeats bool) {
	var mu sync.Mutex
	silent := map[string]bool{}
	c.SetAll(func(n *chaintest.Node) {
		name := n.Name
		n.Ask = func(ctx context.Context, op string) error {
			own := op == "dial" || op == "identity" || op == "number"
			mu.Lock()
			if !own && len(silent) < nodes {
				silent[name] = true
			}
			hangs := silent[name] && !(own && heartbeats)
			mu.Unlock()
			if hangs {
				return chaintest.Hang(ctx, op)
			}
			return nil
		}
	})
}

func TestReadIsRescuedFromASilentNode(t *testing.T) {
	t.Parallel()
	for name, deadline := range map[string]time.Duration{"the time of the class": time.Minute, "less": 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			g, _ := start(t, c, three, Config{})
			synctest.Wait()
			fallSilent(c, 1, false)
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			ctx, log := chain.WithCallLog(ctx)
			require.NoError(t, read1(ctx, g), name)
			attempts := log.Attempts()
			require.Len(t, attempts, 2, name)
			require.Equal(t, chain.KindTimeout, attempts[0].Kind)
			require.Greater(t, attempts[0].Duration, 2*time.Second)
			require.Less(t, attempts[0].Duration, rescued)
			require.NotEqual(t, attempts[0].Node, attempts[1].Node)
			require.Zero(t, attempts[1].Duration)
			require.Equal(t, 1, failures(g, attempts[0].Node, Query), "it is the node's fault, %s", name)
			require.Zero(t, failures(g, attempts[0].Node, Write))
			for i := range 20 {
				ctx, log := chain.WithCallLog(t.Context())
				_, err := g.Call(ctx, chain.CallMsg{Input: []byte(strconv.Itoa(i))})
				require.NoError(t, err)
				require.Len(t, log.Attempts(), 1, "it is not asked again")
			}
		})
	}
}

// What the error says when no other node does better.
func TestErrorOfAReadThatWasGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{RetryShare: -1})
		synctest.Wait()
		fallSilent(c, 1, false)
		ctx, log := chain.WithCallLog(t.Context())
		err := read1(ctx, g)
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		require.ErrorContains(t, err, "code at "+log.Attempts()[0].Node+": timeout: the node answered nothing for 2.")
		require.ErrorContains(t, err, "no heartbeat either")
	})
}

// What is not given up: it takes as long as the node does, or the class has.
func TestWhatIsNotRescued(t *testing.T) {
	t.Parallel()
	read := func(ctx context.Context, g *Guard) error { return read1(ctx, g) }
	send := func(ctx context.Context, g *Guard) error {
		_, err := g.Send(ctx, chain.SignedTx{})
		return err
	}
	prove := func(ctx context.Context, g *Guard) error {
		_, err := g.ProveAbsent(ctx, [32]byte{}, 10)
		return err
	}
	offline := 18 * time.Second // three heartbeats
	for name, row := range map[string]struct {
		nodes      []string
		cfg        Config
		call       func(ctx context.Context, g *Guard) error
		heartbeats bool
		longest    time.Duration // attempt
	}{
		"a slow node that is alive":    {three, Config{}, read, true, 10 * time.Second},
		"the only node":                {three[:1], Config{}, read, false, 10 * time.Second},
		"a read without retries":       {three, Config{Query: Policy{Retries: -1}}, read, false, 10 * time.Second},
		"a transaction":                {three, Config{}, send, false, offline},
		"a question to a certain node": {three, Config{}, prove, false, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(row.nodes...)
			g, _ := start(t, c, row.nodes, row.cfg)
			synctest.Wait()
			fallSilent(c, 1, row.heartbeats)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ctx, log := chain.WithCallLog(ctx)
			_ = row.call(ctx, g)
			var longest time.Duration
			for _, a := range log.Attempts() {
				longest = max(longest, a.Duration)
			}
			require.Equal(t, row.longest, longest, name)
		})
	}
}

func TestSlowCallIsNotDisturbed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		ask(c, slowly("code", 8*time.Second))
		ctx, log := chain.WithCallLog(t.Context())
		began := time.Now()
		require.NoError(t, read1(ctx, g))
		require.Equal(t, 8*time.Second, time.Since(began))
		require.Len(t, log.Attempts(), 1)
	})
}

// A transaction waits for its block: its node is not asked whether it is alive.
func TestTransactionIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		ask(c, slowly("send", 4*time.Second))
		_, err := g.Send(t.Context(), chain.SignedTx{})
		require.NoError(t, err)
		require.Zero(t, c.CountAll("number"), "before the first regular heartbeat")
	})
}

// A caller who gives up has cancelled, whatever the pool would have done.
func TestCallerWhoGivesUpHasCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		fallSilent(c, 1, false)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1900*time.Millisecond, cancel)
		err := read1(ctx, g)
		require.True(t, chain.Is(err, chain.KindCanceled), "%v", err)
	})
}

// The last attempt has no other after it, and waits.
func TestEachAttemptButTheLastIsRescued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		four := append([]string{"d:1"}, three...)
		c := chaintest.New(four...)
		g, _ := start(t, c, four, Config{})
		synctest.Wait()
		fallSilent(c, 3, false)
		ctx, log := chain.WithCallLog(t.Context())
		err := read1(ctx, g)
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		attempts := log.Attempts()
		require.Len(t, attempts, 3)
		require.Less(t, attempts[0].Duration, rescued)
		require.Less(t, attempts[1].Duration, rescued)
		require.Equal(t, 10*time.Second, attempts[2].Duration)
	})
}

// The node that is quickest by far has the reads of all when it falls silent: none is
// lost, and there are retries for all.
func TestManyReadsAreRescued(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const readers = 200
		four := append([]string{"d:1"}, three...)
		c := chaintest.New(four...)
		g, _ := start(t, c, four, Config{})
		synctest.Wait()
		c.SetAll(func(n *chaintest.Node) {
			if n.Name == "a:1" {
				return
			}
			n.Ask = slowly("code", 300*time.Millisecond)
		})
		all := func() (longest time.Duration) {
			var took [readers]time.Duration
			var wg sync.WaitGroup
			for i := range took {
				wg.Go(func() {
					began := time.Now()
					if err := read1(t.Context(), g); err != nil {
						t.Error(err)
					}
					took[i] = time.Since(began)
				})
			}
			wg.Wait()
			for _, d := range took {
				longest = max(longest, d)
			}
			return longest
		}
		for range 20 { // the others are known as slow, and calls have paid for retries
			all()
		}
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = chaintest.Hang })
		before := c.Count("a:1", "code")
		longest := all()
		require.Greater(t, c.Count("a:1", "code"), before+64, "more than were once covered")
		require.Less(t, longest, rescued+time.Second)
		require.Greater(t, longest, 2*time.Second)
	})
}

// With hedges a silent node costs less still, and where both attempts fell silent a
// third is made.
func TestHedgedReadsAreRescued(t *testing.T) {
	t.Parallel()
	for silent, attempts := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			g, _ := start(t, c, three, hedged())
			synctest.Wait()
			warm(t, c, g, 20)
			fallSilent(c, silent, false)
			ctx, log := chain.WithCallLog(t.Context())
			began := time.Now()
			_, err := g.Call(ctx, chain.CallMsg{})
			require.NoError(t, err)
			require.Len(t, log.Attempts(), attempts)
			if silent < 2 {
				require.Less(t, time.Since(began), time.Second)
				return
			}
			require.Greater(t, time.Since(began), 2*time.Second)
			require.Less(t, time.Since(began), rescued)
			for _, a := range log.Attempts()[:2] {
				require.Equal(t, chain.KindTimeout, a.Kind)
			}
		})
	}
}

// Answers that come at the time when the reads of their node are given up do no harm.
func TestAnswersAndRescuesCross(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, p := start(t, c, three, Config{})
		synctest.Wait()
		var asked atomic.Int64
		c.SetAll(func(n *chaintest.Node) {
			n.Ask = func(ctx context.Context, op string) error {
				switch op {
				case "dial", "identity":
					return nil
				case "number":
					return chaintest.Hang(ctx, op)
				}
				// around the time when the others of this node are given up
				return slowly(op, 1900*time.Millisecond+time.Duration(asked.Add(1)%40)*10*time.Millisecond)(ctx, op)
			}
		})
		var wg sync.WaitGroup
		for i := range 120 {
			wg.Go(func() {
				time.Sleep(time.Duration(i%7) * 100 * time.Millisecond)
				if err := read1(t.Context(), g); err != nil && !chain.Is(err, chain.KindTimeout, chain.KindUnavailable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Zero(t, p.Stat().InFlight)
	})
}
