package pool

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

var four = []string{"a:1", "b:1", "c:1", "d:1"}

// takes makes a node answer everything after a time.
func takes(c *chaintest.Chain, name string, d time.Duration) {
	c.Set(name, func(n *chaintest.Node) {
		n.Ask = func(ctx context.Context, op string) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return chaintest.Hang(ctx, op)
			}
		}
	})
}

// reasons lists why a node is excluded.
func reasons(p *Pool, node int) []Reason {
	list := []Reason{}
	for _, e := range p.Nodes()[node].Exclusions {
		list = append(list, e.Reason)
	}
	return list
}

// share asks nodes with that many callers for a time, and says how many requests
// each had.
func share(t *testing.T, p *Pool, callers int, during time.Duration) map[string]int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	counts := map[string]int{}
	end := time.Now().Add(during)
	for range callers {
		wg.Go(func() {
			for time.Now().Before(end) {
				n, err := p.Choose(Want{})
				if err != nil {
					return
				}
				l, err := n.Lease(context.Background(), time.Second, false)
				if err != nil {
					continue
				}
				began := time.Now()
				_, err = l.Conn().Call(context.Background(), chain.CallMsg{})
				o := Outcome{Result: Answered, Latency: time.Since(began)}
				if err != nil {
					o.Result = Failed
				}
				l.Release(o)
				mu.Lock()
				counts[n.Name()]++
				if err != nil {
					counts["failed"]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return counts
}

func TestEqualNodesShareTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(four...)
		for i, name := range four {
			takes(c, name, time.Millisecond+time.Duration(i)*100*time.Microsecond)
		}
		p := startPool(t, c, four)
		time.Sleep(time.Second)
		for _, callers := range []int{1, 3, 50} {
			counts := share(t, p, callers, time.Second)
			for _, name := range four {
				require.InDelta(t, .25, float64(counts[name])/float64(counts["a:1"]+counts["b:1"]+counts["c:1"]+counts["d:1"]), .06, "%d callers: %v", callers, counts)
			}
		}
	})
}

func TestANodeThatBecomesSlowGetsNextToNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(four...)
		for _, name := range four {
			takes(c, name, 5*time.Millisecond)
		}
		p := startPool(t, c, four)
		time.Sleep(time.Second)
		share(t, p, 20, time.Second)
		takes(c, "b:1", 300*time.Millisecond)
		counts := share(t, p, 20, time.Second)
		require.Less(t, counts["b:1"], 60, "before anybody could know: %v", counts)
		require.Greater(t, counts["a:1"], 800, "the others go on: %v", counts)
		counts = share(t, p, 4, 12*time.Second)
		require.Less(t, counts["b:1"], 20, "%v", counts)
		require.Equal(t, []Reason{Slow}, reasons(p, 1))
		require.Zero(t, share(t, p, 100, time.Second)["b:1"], "a demoted node gets nothing while there are better ones")

		// It is asked when it is the only one.
		for _, name := range []string{"a:1", "c:1", "d:1"} {
			c.Cut(name, chaintest.Refused)
		}
		time.Sleep(time.Minute)
		require.Equal(t, []Reason{Slow}, reasons(p, 1), "compared with none it stays what it was")
		l := lease(t, p)
		require.Equal(t, "b:1", l.Node())
		l.Release(Outcome{})
		for _, name := range []string{"a:1", "c:1", "d:1"} {
			c.Set(name, func(n *chaintest.Node) { n.Down = nil })
		}
		time.Sleep(10 * time.Second)

		// Two good heartbeats bring it back, and further ones its share.
		takes(c, "b:1", 5*time.Millisecond)
		time.Sleep(11 * time.Second)
		require.Empty(t, reasons(p, 1))
		time.Sleep(time.Minute)
		counts = share(t, p, 20, time.Second)
		require.Greater(t, counts["b:1"], 700, "%v", counts)
		require.Equal(t, Change{Began: 1, Ended: 1}, p.Stat().Changes[Slow])
	})
}

// Between the two bounds a node stays what it is.
func TestSlownessHasHysteresis(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		heartbeats := func(a, b time.Duration) []Reason {
			takes(c, "a:1", a)
			takes(c, "b:1", b)
			time.Sleep(11 * time.Second) // two beats
			return reasons(p, 1)
		}
		const ms = time.Millisecond
		synctest.Wait()
		require.Empty(t, heartbeats(10*ms, 29*ms), "less than three times")
		require.Equal(t, []Reason{Slow}, heartbeats(10*ms, 31*ms))
		require.Equal(t, []Reason{Slow}, heartbeats(10*ms, 21*ms))
		require.Empty(t, heartbeats(10*ms, 19*ms), "less than twice")
		require.Empty(t, heartbeats(10*ms, 29*ms))
		require.Empty(t, heartbeats(ms, 5*ms), "more than three times, but by too little to matter")
		require.Equal(t, []Reason{Slow}, heartbeats(ms, 7*ms))
		require.Equal(t, []Reason{Slow}, heartbeats(ms, 4*ms))
		require.Empty(t, heartbeats(ms, 3*ms))

		// One bad heartbeat is no sign, and one good one neither.
		one := func(b time.Duration) []Reason {
			takes(c, "b:1", b)
			time.Sleep(5 * time.Second)
			return reasons(p, 1)
		}
		for range 5 {
			require.Empty(t, one(100*ms))
			require.Empty(t, one(ms))
		}
		one(100 * ms)
		require.Equal(t, []Reason{Slow}, one(100*ms))
		for range 5 {
			require.Equal(t, []Reason{Slow}, one(ms))
			require.Equal(t, []Reason{Slow}, one(100*ms))
		}
		require.Equal(t, Change{Began: 3, Ended: 2}, p.Stat().Changes[Slow])
	})
}

// Heartbeats do not come at the same time. When all nodes become quicker, the first
// that shows it makes no other one slow.
func TestOneQuickHeartbeatMakesNoOtherNodeSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := startPool(t, chaintest.New(two...), two)
		synctest.Wait()
		set := func(node int, beats ...time.Duration) {
			n := (*p.nodes.Load())[node]
			n.change(func() { copy(n.meter.beats[:], beats) })
		}
		set(0, 10*time.Millisecond, time.Millisecond)
		set(1, 20*time.Millisecond, 20*time.Millisecond)
		p.look()
		require.Empty(t, reasons(p, 1))
		set(0, time.Millisecond, time.Millisecond)
		p.look()
		require.Equal(t, []Reason{Slow}, reasons(p, 1))
	})
}

func TestANodeThatFailsIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(four...)
		for _, name := range four {
			takes(c, name, 5*time.Millisecond)
		}
		p := startPool(t, c, four)
		time.Sleep(time.Second)
		share(t, p, 20, time.Second)
		var failing atomic.Bool
		failing.Store(true)
		c.Set("c:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error { // at once, which must not make it attractive
				if op == "call" && failing.Load() {
					return &chain.Error{Kind: chain.KindNode, Op: op}
				}
				time.Sleep(5 * time.Millisecond)
				return nil
			}
		})
		counts := share(t, p, 20, time.Second)
		require.Less(t, counts["failed"], 50, "%v", counts)
		require.Equal(t, []Reason{Failing}, reasons(p, 2))
		require.Equal(t, Change{Began: 1}, p.Stat().Changes[Failing])

		// Heartbeats are answered, so it is tried again, and left alone again.
		counts = share(t, p, 4, 20*time.Second)
		require.Less(t, counts["failed"], 100, "%v", counts)

		failing.Store(false)
		time.Sleep(20 * time.Second)
		require.Empty(t, reasons(p, 2))
		require.Greater(t, share(t, p, 20, time.Second)["c:1"], 600)
	})
}

// When a connection breaks, all requests on it fail at once. That is one piece of
// news, not two.
func TestABrokenConnectionIsNoFailingNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		var leases []Lease
		for range 50 {
			leases = append(leases, leaseOn(t, p, "a:1"))
		}
		c.Cut("a:1", nil)
		for _, l := range leases {
			l.Release(Outcome{Result: Failed})
		}
		time.Sleep(time.Second)
		require.Zero(t, p.Stat().Changes[Failing].Began)
		require.Equal(t, uint64(1), p.Stat().Changes[Offline].Began)
		require.Empty(t, reasons(p, 0))
		require.Zero(t, p.Nodes()[0].ErrorRate, "the new connection begins anew")
	})
}

func TestLagHasHysteresis(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		heads := func(a, b uint64) {
			c.Set("a:1", func(n *chaintest.Node) { n.Head = a })
			c.Set("b:1", func(n *chaintest.Node) { n.Head = b })
		}
		heads(1000, 1000)
		time.Sleep(3 * time.Second)
		heads(1003, 1000)
		time.Sleep(time.Second)
		require.Empty(t, reasons(p, 1), "it is for a moment")
		require.Equal(t, uint64(3), p.Nodes()[1].Lag)
		time.Sleep(2 * time.Second)
		require.Equal(t, []Reason{Lagging}, reasons(p, 1))
		heads(1003, 1001)
		time.Sleep(time.Hour)
		require.Equal(t, []Reason{Lagging}, reasons(p, 1), "between the bounds it stays")
		heads(1003, 1002)
		time.Sleep(9 * time.Second)
		heads(1003, 1001)
		time.Sleep(time.Second)
		heads(1003, 1002)
		time.Sleep(9 * time.Second)
		require.Equal(t, []Reason{Lagging}, reasons(p, 1), "two heartbeats without a break")
		for range 20 {
			l := lease(t, p)
			require.Equal(t, "a:1", l.Node())
			l.Release(Outcome{})
		}
		time.Sleep(2 * time.Second)
		require.Empty(t, reasons(p, 1))
		heads(1003, 1001)
		time.Sleep(time.Hour)
		require.Empty(t, reasons(p, 1))

		// A chain that was set back has no node that lags.
		heads(10, 10)
		time.Sleep(time.Minute)
		require.Empty(t, reasons(p, 0))
		require.Empty(t, reasons(p, 1))
	})
}

// A thousand blocks a second, of which one node hears 50 ms later.
func TestAFastChainMakesNoNodeLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		for i := range uint64(20_000) {
			c.Set("a:1", func(n *chaintest.Node) { n.Head = 1000 + i })
			c.Set("b:1", func(n *chaintest.Node) { n.Head = 950 + i })
			time.Sleep(time.Millisecond)
		}
		require.Zero(t, p.Stat().Changes[Lagging].Began)
	})
}

func TestChoice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := []string{"a:1", "b:1", "c:1"}
		c := chaintest.New(nodes...)
		p := startPool(t, c, nodes)
		synctest.Wait()
		chosen := func(w Want) map[string]bool {
			seen := map[string]bool{}
			for range 100 {
				n, err := p.Choose(w)
				require.NoError(t, err)
				seen[n.Name()] = true
			}
			return seen
		}
		require.Len(t, chosen(Want{}), 3)
		require.Equal(t, map[string]bool{"b:1": true}, chosen(Want{Prefer: "b:1"}))
		require.Len(t, chosen(Want{Prefer: "nothere:1"}), 3)
		require.Equal(t, map[string]bool{"b:1": true}, chosen(Want{Node: "b:1"}))
		require.Equal(t, map[string]bool{"c:1": true}, chosen(Want{Avoid: []string{"a:1", "b:1"}}))
		require.Len(t, chosen(Want{Avoid: nodes}), 3, "when there is no other")
		require.Equal(t, map[string]bool{"a:1": true}, chosen(Want{Skip: []string{"c:1", "b:1"}}))
		_, err := p.Choose(Want{Skip: nodes})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.ErrorContains(t, err, "a:1, b:1, c:1: left out of this request")
		_, err = p.Choose(Want{Node: "nothere:1"})
		require.True(t, chain.Is(err, chain.KindUnavailable))

		// One block behind is as good as none; two are not.
		c.Set("c:1", func(n *chaintest.Node) { n.Head = 99 })
		require.Len(t, chosen(Want{}), 3)
		require.Equal(t, map[string]bool{"a:1": true, "b:1": true}, chosen(Want{MinHead: 100}))
		c.Set("c:1", func(n *chaintest.Node) { n.Head = 98 })
		require.Equal(t, map[string]bool{"a:1": true, "b:1": true}, chosen(Want{}))
		require.Equal(t, map[string]bool{"c:1": true}, chosen(Want{Prefer: "c:1"}))
		require.Len(t, chosen(Want{MinHead: 200}), 2, "when no node told of it")

		// What is known of a block comes before how a node does otherwise.
		p.first().change(func() { p.first().exclude(Failing, "by the test") })
		require.Equal(t, map[string]bool{"b:1": true}, chosen(Want{}))
		c.Set("b:1", func(n *chaintest.Node) { n.Head = 99 })
		require.Equal(t, map[string]bool{"a:1": true}, chosen(Want{MinHead: 100}))
	})
}

func TestNodeThatServesTheTargetNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		c.Set("a:1", func(n *chaintest.Node) {
			n.Unserved = &chain.Error{Kind: chain.KindWrongChain, Msg: "the group is gone"}
		})
		time.Sleep(time.Second)
		status := p.Nodes()[0]
		require.True(t, status.Online)
		require.False(t, status.Usable())
		require.Equal(t, NotServing, status.Exclusions[0].Reason)
		require.Equal(t, "the group is gone", status.Exclusions[0].Text)
		_, err := p.Choose(Want{Node: "a:1"})
		require.ErrorContains(t, err, "a:1: the group is gone")
		time.Sleep(time.Hour / 2)
		require.Greater(t, c.Count("a:1", "number"), 300, "its heartbeat goes on")
		c.Set("a:1", func(n *chaintest.Node) { n.Unserved = nil })
		time.Sleep(time.Second)
		require.True(t, p.Nodes()[0].Usable())
		require.Equal(t, Change{Began: 1, Ended: 1}, p.Stat().Changes[NotServing])
	})
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	var m meter
	m.reset(10 * ms)
	m.request(Outcome{})
	m.request(Outcome{Result: Unknown, Latency: ms})
	m.request(Outcome{Result: Failed, Latency: ms})
	require.Equal(t, int64(10*ms), m.latency.Load(), "who failed or gave up at once says nothing of the speed")
	require.Equal(t, requestWeight, m.errorRate())
	m.request(Outcome{Result: Answered, Latency: 2 * ms})
	require.Equal(t, int64(9*ms), m.latency.Load())
	m.request(Outcome{Result: Unknown, Latency: 9*ms + 80*ms})
	require.Equal(t, int64(19*ms), m.latency.Load(), "it took at least so long")
	m.request(Outcome{Result: Failed, Latency: 19*ms + 80*ms})
	require.Equal(t, int64(29*ms), m.latency.Load())
	for range 100 {
		m.request(Outcome{Result: Answered})
	}
	require.Zero(t, m.errorRate())
	require.Equal(t, int64(29*ms), m.latency.Load(), "a write says nothing of the speed")
}
