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

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

var errRefused = &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: "dial", Msg: "nothing listens there"}

func TestNewFindsFaults(t *testing.T) {
	t.Parallel()
	dial := newFakeChain().dial
	for name, cfg := range map[string]Config{
		"no dialler":    {Nodes: []string{"a:1"}},
		"no nodes":      {Dial: dial},
		"a node twice":  {Dial: dial, Nodes: []string{"a:1", "b:1", "a:1"}},
		"an empty node": {Dial: dial, Nodes: []string{""}},
	} {
		_, err := New(cfg)
		require.Error(t, err, name)
	}
}

func TestWaitReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1", "c:1")
		c.cut("a:1", errRefused)
		c.cut("b:1", errors.New("wrong CA"))
		c.cut("c:1", errRefused)
		p := startPool(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := p.WaitReady(ctx)
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "is online: a:1, c:1: nothing listens there; b:1: wrong CA")

		c.set(func(n map[string]*fakeNode) { n["b:1"].down = nil })
		require.NoError(t, p.WaitReady(t.Context()))
	})
}

func TestNothingWorksWithoutANode(t *testing.T) {
	t.Parallel()
	c := newFakeChain("a:1")
	p, err := New(Config{Target: chain.Target{Name: "main"}, Nodes: []string{"a:1"}, Dial: c.dial})
	require.NoError(t, err)
	ctx := context.Background()
	for name, try := range map[string]func() error{
		"head":     func() error { _, err := p.Head(ctx); return err },
		"call":     func() error { _, err := p.Call(ctx, chain.CallMsg{}); return err },
		"send":     func() error { _, err := p.Send(ctx, chain.SignedTx{}); return err },
		"receipt":  func() error { _, err := p.Receipt(ctx, common.Hash{}); return err },
		"block":    func() error { _, err := p.Block(ctx, 1); return err },
		"code":     func() error { _, err := p.Code(ctx, common.Address{}); return err },
		"identity": func() error { _, err := p.Identity(ctx); return err },
	} {
		err := try()
		require.True(t, chain.Is(err, chain.KindUnavailable), name)
		require.True(t, chain.Unsent(err), name)
		require.ErrorContains(t, err, "a:1: not dialled yet", name)
	}
	_, err = p.ProveAbsent(ctx, common.Hash{}, 1)
	require.True(t, chain.Is(err, chain.KindUnavailable))
	require.NoError(t, p.Stop(ctx), "before Start")
}

func TestDialsForEverWithBackoffAndOneLogLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := newFakeChain("a:1")
		c.cut("a:1", errRefused)
		p := startPool(t, c, func(cfg *Config) {
			cfg.ConnsPerNode = 1
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		// The pause is 2.5 s on average once it has grown.
		require.InDelta(t, 1440, c.nodes["a:1"].dials, 300)
		require.Equal(t, 1, strings.Count(log.String(), "node cannot be reached"), "%s", log.String())

		c.set(func(n map[string]*fakeNode) { n["a:1"].down = nil })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		status := p.Nodes()[0]
		require.True(t, status.Online)
		require.Equal(t, uint64(100), status.Head)
		require.Empty(t, status.Error)
		require.Equal(t, 1, strings.Count(log.String(), "node online"))

		// A connection that stood is dialled again at once, not after a long pause.
		time.Sleep(time.Minute)
		for range 5 {
			c.cut("a:1", nil)
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			require.True(t, p.Nodes()[0].Online)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 5, strings.Count(log.String(), "node offline"))
		require.Equal(t, 6, strings.Count(log.String(), "node online"))
	})
}

func TestStateOfNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1")
		c.set(func(n map[string]*fakeNode) { n["b:1"].head = 99 })
		p := startPool(t, c)
		began := time.Now()
		synctest.Wait()
		require.Equal(t, []NodeStatus{
			{Node: "a:1", Online: true, Connections: 2, Head: 100, Since: began},
			{Node: "b:1", Online: true, Connections: 2, Head: 99, Since: began},
		}, p.Nodes())

		time.Sleep(time.Minute)
		c.cut("b:1", errRefused)
		synctest.Wait()
		status := p.Nodes()[1]
		require.False(t, status.Online)
		require.Zero(t, status.Connections)
		require.Zero(t, status.Head)
		require.Equal(t, began.Add(time.Minute), status.Since)
		require.NotEmpty(t, status.Error)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, chain.KindUnavailable, p.Nodes()[1].Kind, "of the dial that failed")

		head, err := p.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(100), head.Number)
	})
}

func TestNodeOfAnotherChainIsExcluded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1")
		c.cut("b:1", errRefused)
		p := startPool(t, c)
		synctest.Wait()
		c.set(func(n map[string]*fakeNode) { n["b:1"].down, n["b:1"].genesis = nil, common.HexToHash("0x01") })
		time.Sleep(time.Minute)
		synctest.Wait()
		status := p.Nodes()[1]
		require.False(t, status.Online)
		require.Equal(t, chain.KindWrongChain, status.Kind)
		require.Contains(t, status.Error, "genesis")
		for _, conn := range c.nodes["b:1"].conns {
			<-conn.done // none is left open
		}
		id, err := p.Identity(t.Context())
		require.NoError(t, err)
		require.Equal(t, common.MaxHash, id.Genesis)

		// The identity outlives the connections.
		c.cut("a:1", errRefused)
		c.set(func(n map[string]*fakeNode) { n["a:1"].genesis = common.HexToHash("0x01") })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.False(t, p.Nodes()[0].Online)
		_, err = p.Identity(t.Context())
		require.NoError(t, err)
	})
}

func TestRequestsGoToTheLeastLoadedConnectionAtTheHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1", "c:1")
		release := make(chan struct{})
		for _, n := range c.nodes {
			n.onCall = func(ctx context.Context) (chain.CallResult, error) {
				<-release
				return chain.CallResult{}, ctx.Err()
			}
		}
		c.set(func(n map[string]*fakeNode) { n["a:1"].head, n["b:1"].head, n["c:1"].head = 100, 99, 98 })
		p := startPool(t, c)
		synctest.Wait()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { _, _ = p.Call(t.Context(), chain.CallMsg{}) })
			synctest.Wait() // one after the other, so that each sees the load before it
		}
		status := p.Nodes()
		require.Equal(t, 50, status[0].InFlight)
		require.Equal(t, 50, status[1].InFlight, "one block behind is as good")
		require.Zero(t, status[2].InFlight, "two blocks behind is not")
		for _, n := range p.nodes[:2] {
			for _, s := range n.slots {
				require.Equal(t, int64(25), s.inFlight.Load())
			}
		}
		close(release)
		wg.Wait()
		require.Zero(t, p.Nodes()[0].InFlight)
	})
}

func TestBrokenReadIsTriedOnceOnAnotherNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1", "c:1")
		fail := func(kind chain.Kind) {
			for _, n := range c.nodes {
				n.onCall = func(context.Context) (chain.CallResult, error) {
					return chain.CallResult{}, &chain.Error{Kind: kind, Node: n.name}
				}
			}
			c.set(func(nodes map[string]*fakeNode) {
				for _, n := range nodes {
					n.asked = nil
				}
			})
		}
		calls := func() (total, most int) {
			for name := range c.nodes {
				total += c.count(name, "call")
				most = max(most, c.count(name, "call"))
			}
			return total, most
		}
		p := startPool(t, c)
		synctest.Wait()

		fail(chain.KindUnavailable)
		_, err := p.Call(t.Context(), chain.CallMsg{})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		total, most := calls()
		require.Equal(t, 2, total)
		require.Equal(t, 1, most, "another node")

		for _, kind := range []chain.Kind{chain.KindTimeout, chain.KindCanceled, chain.KindNode, chain.KindInvalid, chain.KindNotFound, chain.KindOverloaded} {
			fail(kind)
			_, err = p.Call(t.Context(), chain.CallMsg{})
			require.True(t, chain.Is(err, kind))
			total, _ = calls()
			require.Equal(t, 1, total, kind)
		}

		fail(chain.KindUnavailable)
		c.nodes["c:1"].onCall = nil
		for range 20 { // whatever the first choice is, the answer is there when the second is c
			if result, err := p.Call(t.Context(), chain.CallMsg{}); err == nil {
				require.Equal(t, "c:1", result.StatusName)
			}
		}
		require.Positive(t, c.count("c:1", "call"))
	})
}

func TestSameBytesGoToTheSameNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1", "c:1", "d:1")
		p := startPool(t, c)
		synctest.Wait()
		for i := range 20 {
			tx := chain.SignedTx{Hash: common.BytesToHash([]byte{byte(i + 1)})}
			receipt, err := p.Send(t.Context(), tx)
			require.NoError(t, err)
			first := receipt.StatusName
			c.set(func(n map[string]*fakeNode) { n[first].head = 50 }) // even when it has fallen behind
			for range 3 {
				receipt, err = p.Send(t.Context(), tx)
				require.NoError(t, err)
				require.Equal(t, first, receipt.StatusName)
			}
			c.set(func(n map[string]*fakeNode) { n[first].head = 100 })
		}
		tx := chain.SignedTx{Hash: common.MaxHash}
		receipt, err := p.Send(t.Context(), tx)
		require.NoError(t, err)
		first := receipt.StatusName
		c.cut(first, errRefused)
		synctest.Wait()
		receipt, err = p.Send(t.Context(), tx)
		require.NoError(t, err)
		require.NotEqual(t, first, receipt.StatusName, "it is offline")
	})
}

func TestSendIsTriedElsewhereOnlyWhenNothingWasSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1", "c:1")
		answer := func(err error) {
			for _, n := range c.nodes {
				n.onSend = func(context.Context, chain.SignedTx) (chain.Receipt, error) { return chain.Receipt{}, err }
			}
		}
		sends := func() int { return c.count("a:1", "send") + c.count("b:1", "send") + c.count("c:1", "send") }
		p := startPool(t, c)
		synctest.Wait()
		before := 0
		for i, want := range []struct {
			kind  chain.Kind
			sent  chain.Sent
			tries int
		}{
			{chain.KindUnavailable, chain.SentMaybe, 1},
			{chain.KindUnavailable, "", 1},
			{chain.KindUnavailable, chain.SentNo, 2},
			{chain.KindTimeout, chain.SentMaybe, 1},
			{chain.KindOverloaded, chain.SentNo, 1},
			{chain.KindWrongChain, chain.SentNo, 1},
			{chain.KindKnown, chain.SentYes, 1},
			{chain.KindNode, chain.SentMaybe, 1},
		} {
			answer(&chain.Error{Kind: want.kind, Sent: want.sent})
			_, err := p.Send(t.Context(), chain.SignedTx{Hash: common.BytesToHash([]byte{byte(i + 1)})})
			require.True(t, chain.Is(err, want.kind))
			require.Equal(t, before+want.tries, sends(), "%v", want)
			before = sends()
		}
	})
}

func TestOneNodeHasItsOtherConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1")
		p := startPool(t, c)
		synctest.Wait()
		broken := 0
		c.nodes["a:1"].onCall = func(context.Context) (chain.CallResult, error) {
			if broken++; broken == 1 {
				return chain.CallResult{}, &chain.Error{Kind: chain.KindUnavailable}
			}
			return chain.CallResult{Status: 7}, nil
		}
		// The second choice is random among both connections; only the other one is tried.
		for range 50 {
			broken = 0
			if result, err := p.Call(t.Context(), chain.CallMsg{}); err == nil {
				require.Equal(t, 7, result.Status)
				return
			}
		}
		t.Fatal("the other connection was never tried")
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1", "b:1")
		c.cut("b:1", errRefused)
		p := startPool(t, c)
		require.Error(t, p.Start(t.Context()), "twice")
		synctest.Wait()
		require.NoError(t, p.Stop(t.Context()))
		for _, conn := range c.nodes["a:1"].conns {
			<-conn.done
		}
		dials := c.nodes["b:1"].dials
		time.Sleep(time.Hour)
		require.Equal(t, dials, c.nodes["b:1"].dials)
		require.False(t, p.Nodes()[0].Online)
		_, err := p.Call(t.Context(), chain.CallMsg{})
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.NoError(t, p.Stop(t.Context()), "twice")
	})
}

func TestStopGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFakeChain("a:1")
		hang := make(chan struct{})
		p := startPool(t, c, func(cfg *Config) {
			cfg.Dial = func(context.Context, string) (Conn, error) { // a dialler that ignores its context
				<-hang
				return nil, errRefused
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.Stop(ctx), context.DeadlineExceeded)
		close(hang)
	})
}

func TestAffinityIsBounded(t *testing.T) {
	t.Parallel()
	var a affinity
	hash := func(i int) common.Hash { return common.BytesToHash([]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}) }
	for i := range 5 * affinityLen {
		a.remember(hash(i), "n")
		require.LessOrEqual(t, len(a.young)+len(a.old), 2*affinityLen)
	}
	require.Empty(t, a.node(hash(0)))
	for i := 4 * affinityLen; i < 5*affinityLen; i++ {
		require.Equal(t, "n", a.node(hash(i)))
	}
}

func BenchmarkChoose(b *testing.B) {
	c := newFakeChain("a:1", "b:1", "c:1", "d:1")
	p, err := New(Config{Nodes: []string{"a:1", "b:1", "c:1", "d:1"}, Dial: c.dial})
	require.NoError(b, err)
	require.NoError(b, p.Start(b.Context()))
	defer func() { require.NoError(b, p.Stop(context.Background())) }()
	require.NoError(b, p.WaitReady(b.Context()))
	b.ReportAllocs()
	for b.Loop() {
		if p.choose("", nil) == nil {
			b.Fatal("no node")
		}
	}
}
