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
