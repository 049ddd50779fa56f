package pool

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// names lists the nodes in their order.
func names(p *Pool) []string {
	var list []string
	for _, n := range p.Nodes() {
		list = append(list, n.Node)
	}
	return list
}

func TestNodesComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(four...)
		p := startPool(t, c, two)
		synctest.Wait()
		require.NoError(t, p.SetNodes([]string{"c:1", "b:1"}))
		synctest.Wait()
		require.Equal(t, []string{"c:1", "b:1"}, names(p))
		require.Zero(t, c.Open("a:1"))
		require.Equal(t, 1, c.Open("b:1"))
		require.Equal(t, 1, c.Dials("b:1"), "one that stays keeps its connection")
		require.Equal(t, 1, c.Open("c:1"))
		_, err := p.Choose(Want{Node: "a:1"})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.Equal(t, uint64(1), p.Stat().ClosedDrained)
		require.Zero(t, p.Stat().Changes[Offline].Began, "that it went is no fault")

		for name, list := range map[string][]string{"none": {}, "an empty one": {"b:1", ""}, "one twice": {"b:1", "c:1", "b:1"}} {
			require.Error(t, p.SetNodes(list), name)
		}
		require.Equal(t, []string{"c:1", "b:1"}, names(p))
		require.NoError(t, p.Stop(t.Context()))
		require.Error(t, p.SetNodes(two))
	})
}

func TestNodesAreSetBeforeStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(four...)
		p, err := New(Config{Nodes: two, Dial: dialler(c)})
		require.NoError(t, err)
		require.NoError(t, p.SetNodes([]string{"c:1", "a:1"}))
		require.Equal(t, []string{"c:1", "a:1"}, names(p))
		require.NoError(t, p.Start(t.Context()))
		synctest.Wait()
		require.Equal(t, 1, c.Open("c:1"))
		require.Zero(t, c.Dials("b:1"))
		require.NoError(t, p.Stop(t.Context()))
	})
}

func TestANodeThatVanishesDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		l := leaseOn(t, p, "a:1")
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		time.Sleep(10 * time.Second)
		status := p.Nodes()[1]
		require.Equal(t, "a:1", status.Node, "after the listed ones")
		require.Equal(t, Draining, status.Exclusions[0].Reason)
		require.Equal(t, 1, status.Connections)
		require.Equal(t, 1, status.InFlight)
		require.False(t, status.Usable())
		_, err := l.Conn().Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err, "what is in flight goes on")
		_, err = p.Choose(Want{Node: "a:1"})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		_, err = (*p.nodes.Load())[1].Lease(t.Context(), time.Second, false)
		require.True(t, chain.Is(err, chain.KindUnavailable), "who chose it before gets none either")
		require.ErrorContains(t, err, "it is listed no more")

		l.Release(Outcome{})
		synctest.Wait()
		require.Zero(t, c.Open("a:1"))
		require.Equal(t, []string{"b:1"}, names(p))
	})
}

func TestDrainingIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two, func(cfg *Config) { cfg.DrainTimeout = 20 * time.Second })
		synctest.Wait()
		l := leaseOn(t, p, "a:1")
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		time.Sleep(19 * time.Second)
		require.NoError(t, p.SetNodes([]string{"b:1"})) // which is no reason to begin again
		time.Sleep(time.Second)
		synctest.Wait()
		require.Zero(t, c.Open("a:1"))
		require.Equal(t, []string{"b:1"}, names(p))
		l.Release(Outcome{})
	})
}

func TestANodeThatComesBackWhileItDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two)
		synctest.Wait()
		l := leaseOn(t, p, "a:1")
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		time.Sleep(10 * time.Second)
		require.NoError(t, p.SetNodes(two))
		again := leaseOn(t, p, "a:1")
		require.Same(t, l.Conn(), again.Conn())
		require.Empty(t, p.Nodes()[0].Exclusions)
		l.Release(Outcome{})
		again.Release(Outcome{})
		time.Sleep(time.Minute)
		require.Equal(t, two, names(p))
		require.Equal(t, 1, c.Dials("a:1"))
		require.GreaterOrEqual(t, c.Count("a:1", "number"), 10, "its heartbeat goes on")

		// And afterwards it is a new one.
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		synctest.Wait()
		require.NoError(t, p.SetNodes(two))
		synctest.Wait()
		require.Equal(t, 2, c.Dials("a:1"))
		require.True(t, p.Nodes()[0].Online)
	})
}

func TestANodeThatVanishesWhileItIsDialled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = chaintest.Hang })
		p := startPool(t, c, two)
		synctest.Wait()
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		synctest.Wait()
		require.Equal(t, []string{"b:1"}, names(p))
		require.Zero(t, c.Open("a:1"))

		// Back at once, while the dial is being given up.
		require.NoError(t, p.SetNodes(two))
		synctest.Wait()
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		require.NoError(t, p.SetNodes(two))
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = nil })
		time.Sleep(10 * time.Second)
		require.True(t, p.Nodes()[0].Online)
	})
}

// tough is a connection that takes a second to close.
type tough struct{ Conn }

func (c tough) Close() error {
	time.Sleep(time.Second)
	return c.Conn.Close()
}

// A dialler may not heed its context. What it opens for a node that has left
// meanwhile counts as open until it is closed.
func TestALateConnectionCountsUntilItIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(two...)
		p := startPool(t, c, two, func(cfg *Config) {
			cfg.MaxConns = 1
			cfg.Dial = func(_ context.Context, node string) (Conn, error) {
				time.Sleep(time.Second)
				conn, err := dialler(c)(context.Background(), node)
				return tough{conn}, err
			}
		})
		time.Sleep(time.Second / 2)
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		require.NoError(t, p.SetNodes(two))
		time.Sleep(time.Minute)
		require.True(t, p.Nodes()[0].Online)
		require.Equal(t, 2, c.Dials("a:1"))
		require.Equal(t, 1, c.MostOpen("a:1"))
	})
}

// book keeps cordons in memory.
type book struct {
	mu   sync.Mutex
	kept map[string]Cordon // by target and node
	fail error
}

func (b *book) Cordons(_ context.Context, target string) (list []Cordon, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, c := range b.kept {
		if strings.HasPrefix(key, target+" ") {
			list = append(list, c)
		}
	}
	return list, b.fail
}

func (b *book) SetCordon(_ context.Context, target string, c Cordon) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail == nil {
		b.kept[target+" "+c.Node] = c
	}
	return b.fail
}

func (b *book) ClearCordon(_ context.Context, target, node string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail == nil {
		delete(b.kept, target+" "+node)
	}
	return b.fail
}

func TestCordon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := &book{kept: map[string]Cordon{}}
		c := chaintest.New(two...)
		with := func(cfg *Config) { cfg.Cordons, cfg.Logger = b, slog.New(slog.NewTextHandler(&log, nil)) }
		p := startPool(t, c, two, with)
		synctest.Wait()
		l := leaseOn(t, p, "a:1")
		began := time.Now()
		require.NoError(t, p.Cordon(t.Context(), "a:1", "new disk"))
		require.Equal(t, []Exclusion{{Reason: Cordoned, Text: "taken out by hand: new disk", Since: began}}, p.Nodes()[0].Exclusions)
		require.True(t, p.Nodes()[0].Online)
		_, err := p.Choose(Want{Node: "a:1"})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.ErrorContains(t, err, "new disk")
		_, err = l.node.Lease(t.Context(), 0, false)
		require.True(t, chain.Is(err, chain.KindUnavailable))
		_, err = l.Conn().Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err, "what is in flight goes on")
		l.Release(Outcome{})
		time.Sleep(time.Minute)
		require.GreaterOrEqual(t, c.Count("a:1", "number"), 10, "its heartbeat goes on")

		// A new reason replaces the old one; the time stays.
		require.NoError(t, p.Cordon(t.Context(), "a:1", ""))
		require.Equal(t, []Exclusion{{Reason: Cordoned, Text: "taken out by hand", Since: began}}, p.Nodes()[0].Exclusions)
		require.Equal(t, Change{Began: 1}, p.Stat().Changes[Cordoned])

		// The last one is allowed, and said.
		require.NotContains(t, log.String(), "no node of the target can be asked")
		require.NoError(t, p.Cordon(t.Context(), "b:1", "too"))
		require.Contains(t, log.String(), "no node of the target can be asked")
		require.Zero(t, p.Stat().Usable)
		_, err = p.Choose(Want{})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.NoError(t, p.Uncordon(t.Context(), "b:1"))
		require.NoError(t, p.Uncordon(t.Context(), "b:1"), "twice")
		leaseOn(t, p, "b:1").Release(Outcome{})

		// It outlives the pool, and the node's absence.
		require.NoError(t, p.Stop(t.Context()))
		p = startPool(t, c, []string{"b:1"}, with)
		synctest.Wait()
		require.NoError(t, p.SetNodes(two))
		synctest.Wait()
		require.Equal(t, Cordoned, p.Nodes()[0].Exclusions[0].Reason)
		require.Equal(t, began, p.Nodes()[0].Exclusions[0].Since)
		require.NoError(t, p.SetNodes([]string{"b:1"}))
		synctest.Wait()
		require.NoError(t, p.Uncordon(t.Context(), "a:1"), "also while it is not listed")
		require.NoError(t, p.SetNodes(two))
		synctest.Wait()
		require.True(t, p.Nodes()[0].Usable())
		require.Empty(t, b.kept)

		for _, change := range []error{p.Cordon(t.Context(), "nothere:1", ""), p.Uncordon(t.Context(), "nothere:1")} {
			require.True(t, chain.Is(change, chain.KindNotFound), "%v", change)
		}
	})
}

func TestACordonThatCannotBeKeptIsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{kept: map[string]Cordon{}}
		c := chaintest.New(two...)
		p := startPool(t, c, two, func(cfg *Config) { cfg.Cordons = b })
		synctest.Wait()
		full := errors.New("disk full")
		b.fail = full
		require.ErrorIs(t, p.Cordon(t.Context(), "a:1", ""), full)
		require.True(t, p.Nodes()[0].Usable())
		b.fail = nil
		require.NoError(t, p.Cordon(t.Context(), "a:1", ""))
		b.fail = full
		require.ErrorIs(t, p.Uncordon(t.Context(), "a:1"), full)
		require.False(t, p.Nodes()[0].Usable())

		other, err := New(Config{Nodes: two, Dial: dialler(c), Cordons: b})
		require.NoError(t, err)
		require.ErrorIs(t, other.Start(t.Context()), full)
	})
}

func TestACordonEndsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(one...)
		p := startPool(t, c, one, func(cfg *Config) { cfg.MaxConns, cfg.MaxPerConn = 1, 1 })
		synctest.Wait()
		l := lease(t, p)
		time.AfterFunc(time.Second, func() { _ = p.Cordon(context.Background(), "a:1", "full") })
		_, err := p.first().Lease(t.Context(), time.Minute, false)
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.ErrorContains(t, err, "taken out by hand: full")
		l.Release(Outcome{})
	})
}
