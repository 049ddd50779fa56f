package assemble

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// The second connection of a pool to a node takes up the TLS session of the first:
// no certificates, no signatures, one round trip less. The node's certificate is
// checked all the same.
func TestConnectionsOfAPoolShareTLSSessions(t *testing.T) {
	t.Parallel()
	net := testkit.NewDevnet(t, 2, -1).Serve()
	c := target()
	c.TLS = configs.TargetTLS{CA: filepath.Join(net.Certs, "ca.crt"), Cert: filepath.Join(net.Certs, "sdk.crt"), Key: filepath.Join(net.Certs, "sdk.key")}
	dial, err := dialConfig(c, nil)
	require.NoError(t, err)

	var mu sync.Mutex
	resumed := map[string][]bool{} // of each dial
	p, err := pool.New(pool.Config{
		Target: chain.Target{Name: "main"}, Nodes: net.Nodes, MinConns: 2, MaxConns: 2,
		Dial: func(ctx context.Context, node string) (pool.Conn, error) {
			conf := dial(node)
			conf.TLS = conf.TLS.Clone() // which shares the sessions
			check := conf.TLS.VerifyConnection
			conf.TLS.VerifyConnection = func(state tls.ConnectionState) error {
				mu.Lock()
				resumed[node] = append(resumed[node], state.DidResume)
				mu.Unlock()
				return check(state)
			}
			client, err := fisco.Dial(ctx, conf)
			if err != nil {
				return nil, err // not a nil client in an interface
			}
			return client, nil
		},
	})
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background()))
	require.Eventually(t, func() bool { return p.Stat().Open == 4 }, 20*time.Second, time.Millisecond)
	require.NoError(t, p.Stop(t.Context()))
	for _, node := range net.Nodes {
		require.Equal(t, []bool{false, true}, resumed[node], node)
	}
}
