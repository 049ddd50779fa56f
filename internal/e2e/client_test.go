//go:build unix

package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/testkit/proxy"
)

// client is what a gateway builds from its configuration, in this process, with a
// proxy before each node.
type client struct {
	assemble.Target
	owner   common.Address // of what it sends
	proxies []*proxy.Proxy // in the order of the nodes
}

// connect starts a client with a configuration as users write it: everything has
// its default, but for a rate of transactions a second (0 is no limit). It returns
// when every node is usable.
func (w *world) connect(t *testing.T, rate float64, seed uint64) *client {
	t.Helper()
	c := &client{}
	var nodes []string
	for i, port := range w.ports {
		p := proxy.Start(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), seed+uint64(i))
		c.proxies = append(c.proxies, p)
		nodes = append(nodes, p.Addr())
	}
	file := filepath.Join(w.dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
accounts: [{name: default, file: account.pem, create: true}]
targets:
  - name: main
    nodes: [%s]
    tls: {dir: %s}
    limits: {rate: %v}
`, strings.Join(nodes, ", "), filepath.Join(w.home, "sdk"), rate), 0o600))
	cfg, err := configs.Load(file, nil)
	require.NoError(t, err)
	accounts, err := assemble.Accounts(cfg.Accounts)
	require.NoError(t, err)
	c.owner = accounts[0].Address
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	targets, err := assemble.Targets(cfg, accounts, assemble.Deps{Logger: log})
	require.NoError(t, err)
	c.Target = targets[0]
	require.NoError(t, assemble.Start(context.Background(), targets))
	t.Cleanup(func() { c.stop(t) })
	require.Eventually(t, func() bool {
		for _, n := range c.Pool.Nodes() {
			if !n.Usable() {
				return false
			}
		}
		return true
	}, time.Minute, 10*time.Millisecond)
	return c
}

// stop ends the client; again it does nothing.
func (c *client) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, assemble.Stop(ctx, []assemble.Target{c.Target}))
}
