package guard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
	"github.com/bcosgate/bcosgate/chain/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start guards a started pool over nodes that do what a test says.
// Nothing is kept, so that whatever is asked reaches a node.
func start(t testing.TB, c *chaintest.Chain, nodes []string, cfg Config) (*Guard, *pool.Pool) {
	t.Helper()
	cfg.Cache.Off = true
	return startCached(t, c, nodes, cfg)
}

// startCached is start with the cache that cfg has.
func startCached(t testing.TB, c *chaintest.Chain, nodes []string, cfg Config) (*Guard, *pool.Pool) {
	t.Helper()
	p, err := pool.New(pool.Config{
		Target: chain.Target{Name: "main"},
		Nodes:  nodes,
		Dial: func(ctx context.Context, node string) (pool.Conn, error) {
			conn, err := c.Dial(ctx, node)
			if err != nil {
				return nil, err // not a nil connection in an interface
			}
			return conn, nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, p.Stop(context.Background())) })
	g, err := New(cfg, p)
	require.NoError(t, err)
	return g, p
}

// failing makes a node fail every request of an op with a kind.
func failing(op string, e chain.Error) func(context.Context, string) error {
	return func(_ context.Context, asked string) error {
		if asked != op {
			return nil
		}
		failure := e
		return &failure
	}
}

var three = []string{"a:1", "b:1", "c:1"}

func TestNothingWorksWithoutANode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		c.Cut("a:1", chaintest.Refused)
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for name, try := range map[string]func() error{
			"head":     func() error { _, err := g.Head(ctx); return err },
			"call":     func() error { _, err := g.Call(ctx, chain.CallMsg{}); return err },
			"send":     func() error { _, err := g.Send(ctx, chain.SignedTx{}); return err },
			"receipt":  func() error { _, err := g.Receipt(ctx, common.Hash{}); return err },
			"block":    func() error { _, err := g.Block(ctx, 1); return err },
			"code":     func() error { _, err := g.Code(ctx, common.Address{}); return err },
			"identity": func() error { _, err := g.Identity(ctx); return err },
		} {
			err := try()
			require.True(t, chain.Is(err, chain.KindUnavailable), name)
			require.True(t, chain.Unsent(err), name)
			require.ErrorContains(t, err, "a:1: nothing listens there", name)
		}
		_, err := g.ProveAbsent(ctx, common.Hash{}, 1)
		require.True(t, chain.Is(err, chain.KindUnavailable))
	})
}

func TestSameBytesGoToTheSameNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		for i := range 20 {
			tx := chain.SignedTx{Hash: common.BytesToHash([]byte{byte(i + 1)})}
			receipt, err := g.Send(t.Context(), tx)
			require.NoError(t, err)
			first := receipt.StatusName
			c.Set(first, func(n *chaintest.Node) { n.Head = 50 }) // even when it has fallen behind
			for range 3 {
				receipt, err = g.Send(t.Context(), tx)
				require.NoError(t, err)
				require.Equal(t, first, receipt.StatusName)
			}
			c.Set(first, func(n *chaintest.Node) { n.Head = 100 })
		}
		tx := chain.SignedTx{Hash: common.MaxHash}
		receipt, err := g.Send(t.Context(), tx)
		require.NoError(t, err)
		first := receipt.StatusName
		c.Cut(first, chaintest.Refused)
		synctest.Wait()
		receipt, err = g.Send(t.Context(), tx)
		require.NoError(t, err)
		require.NotEqual(t, first, receipt.StatusName, "it is offline")
	})
}

func TestWriteIsRepeatedOnlyWhenNothingWasSent(t *testing.T) {
	t.Parallel()
	for _, want := range []struct {
		kind  chain.Kind
		sent  chain.Sent
		tries int
	}{
		{chain.KindUnavailable, chain.SentMaybe, 1},
		{chain.KindUnavailable, "", 1},
		{chain.KindUnavailable, chain.SentNo, 2},
		{chain.KindTimeout, chain.SentMaybe, 1},
		{chain.KindTimeout, chain.SentNo, 1},
		{chain.KindOverloaded, chain.SentNo, 1},
		{chain.KindWrongChain, chain.SentNo, 1},
		{chain.KindKnown, chain.SentYes, 1},
		{chain.KindNode, chain.SentMaybe, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			g, _ := start(t, c, three, Config{})
			synctest.Wait()
			c.SetAll(func(n *chaintest.Node) { n.Ask = failing("send", chain.Error{Kind: want.kind, Sent: want.sent}) })
			_, err := g.Send(t.Context(), chain.SignedTx{Hash: common.MaxHash})
			require.True(t, chain.Is(err, want.kind))
			require.Equal(t, want.tries, c.CountAll("send"), "%v", want)
			for _, name := range three {
				require.LessOrEqual(t, c.Count(name, "send"), 1, "another node")
			}
		})
	}
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
