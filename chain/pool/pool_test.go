package pool

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dialler is a Config.Dial for nodes that do what a test says.
func dialler(c *chaintest.Chain) func(context.Context, string) (Conn, error) {
	return func(ctx context.Context, node string) (Conn, error) {
		conn, err := c.Dial(ctx, node)
		if err != nil {
			return nil, err // not a nil connection in an interface
		}
		return conn, nil
	}
}

// startPool starts a pool over all nodes of a chain that are named.
func startPool(t *testing.T, c *chaintest.Chain, nodes []string, change ...func(*Config)) *Pool {
	t.Helper()
	cfg := Config{Target: chain.Target{Name: "main"}, Dial: dialler(c), Nodes: nodes}
	for _, f := range change {
		f(&cfg)
	}
	p, err := New(cfg)
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, p.Stop(context.Background())) })
	return p
}
func TestNewFindsFaults(t *testing.T) {
	t.Parallel()
	dial := dialler(chaintest.New())
	for name, cfg := range map[string]Config{
		"no dialler":    {Nodes: []string{"a:1"}},
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
		nodes := []string{"a:1", "b:1", "c:1"}
		c := chaintest.New(nodes...)
		c.Cut("a:1", chaintest.Refused)
		c.Cut("b:1", errors.New("wrong CA"))
		c.Cut("c:1", chaintest.Refused)
		p := startPool(t, c, nodes)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := p.WaitReady(ctx)
		require.True(t, chain.Is(err, chain.KindUnavailable))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "is online: a:1, c:1: nothing listens there; b:1: wrong CA")

		c.Set("b:1", func(n *chaintest.Node) { n.Down = nil })
		require.NoError(t, p.WaitReady(t.Context()))
	})
}

func TestDialsForEverWithBackoffAndOneLogLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		nodes := []string{"a:1"}
		c := chaintest.New(nodes...)
		c.Cut("a:1", chaintest.Refused)
		p := startPool(t, c, nodes, func(cfg *Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		time.Sleep(time.Hour)
		synctest.Wait()
		// The pause is 2.5 s on average once it has grown.
		require.InDelta(t, 1440, c.Dials("a:1"), 300)
		require.Equal(t, 1, strings.Count(log.String(), "node cannot be reached"), "%s", log.String())

		c.Set("a:1", func(n *chaintest.Node) { n.Down = nil })
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
			c.Cut("a:1", nil)
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
		nodes := []string{"a:1", "b:1"}
		c := chaintest.New(nodes...)
		c.Set("b:1", func(n *chaintest.Node) { n.Head = 99 })
		p := startPool(t, c, nodes)
		began := time.Now()
		synctest.Wait()
		require.Equal(t, []NodeStatus{
			{Node: "a:1", Online: true, Exclusions: []Exclusion{}, Connections: 1, Idle: 1, Head: 100, Since: began},
			{Node: "b:1", Online: true, Exclusions: []Exclusion{}, Connections: 1, Idle: 1, Head: 99, Lag: 1, Since: began},
		}, p.Nodes())

		time.Sleep(time.Minute)
		c.Cut("b:1", chaintest.Refused)
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
		nodes := []string{"a:1", "b:1"}
		c := chaintest.New(nodes...)
		c.Cut("b:1", chaintest.Refused)
		p := startPool(t, c, nodes)
		synctest.Wait()
		c.Set("b:1", func(n *chaintest.Node) { n.Down, n.Genesis = nil, common.HexToHash("0x01") })
		time.Sleep(time.Minute)
		synctest.Wait()
		status := p.Nodes()[1]
		require.False(t, status.Online)
		require.Equal(t, chain.KindWrongChain, status.Kind)
		require.Contains(t, status.Error, "genesis")
		require.Zero(t, c.Open("b:1"), "none is left open")
		id, err := p.Identity(t.Context())
		require.NoError(t, err)
		require.Equal(t, common.MaxHash, id.Genesis)

		// The identity outlives the connections.
		c.Cut("a:1", chaintest.Refused)
		c.Set("a:1", func(n *chaintest.Node) { n.Genesis = common.HexToHash("0x01") })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.False(t, p.Nodes()[0].Online)
		_, err = p.Identity(t.Context())
		require.NoError(t, err)
	})
}
