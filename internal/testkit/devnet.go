// Package testkit holds what tests of several packages start: a development
// chain in this process, on real sockets with mutual TLS. Programs never use it.
package testkit

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/rpc"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// stopTime is what each part may take to stop at the end of a test.
const stopTime = 10 * time.Second

// Devnet is a running chain chain0 with group group0, and its endpoints.
type Devnet struct {
	Chain     *devchain.Chain
	Nodes     []string // host:port of each endpoint
	Endpoints []*rpc.Server
	Certs     string // folder with ca.crt, ssl.crt, ssl.key, sdk.crt and sdk.key
	serve     func() // lets the endpoints answer, once
}

// NewDevnet starts a chain that makes a block every sealTime while transactions
// wait (below 0: at once), with n endpoints whose ports are taken but which
// answer only after Serve. Everything ends with the test.
func NewDevnet(t testing.TB, n int, sealTime time.Duration) *Devnet {
	t.Helper()
	d := &Devnet{Certs: t.TempDir()}
	server := d.makeCerts(t)

	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	genesis := devchain.DefaultGenesis()
	genesis.Sealers = []devchain.Sealer{{PublicKey: key.PublicKey(), Weight: 1}}
	d.Chain, err = devchain.Open(devchain.Config{
		Genesis: genesis, DataDir: t.TempDir(), NodeKeys: []*suite.Key{key}, MinSealTime: sealTime,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Chain.Close()) })
	require.NoError(t, d.Chain.Start(context.Background()))
	t.Cleanup(func() { stop(t, d.Chain.Stop) })

	var config net.ListenConfig
	var serving []func()
	for range n {
		endpoint, err := rpc.NewServer(rpc.Config{Ledger: d.Chain, Node: rpc.Node{ID: key.NodeID()}, TLS: server})
		require.NoError(t, err)
		listener, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		d.Nodes = append(d.Nodes, listener.Addr().String())
		d.Endpoints = append(d.Endpoints, endpoint)
		serving = append(serving, func() {
			endpoint.Start(listener)
			t.Cleanup(func() { stop(t, endpoint.Stop) })
		})
	}
	d.serve = sync.OnceFunc(func() {
		for _, start := range serving {
			start()
		}
	})
	return d
}

// makeCerts makes a CA, an identity for the endpoints and one for clients.
func (d *Devnet) makeCerts(t testing.TB) (server *tls.Config) {
	t.Helper()
	ca, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	node, err := ca.Issue(certs.Validity{})
	require.NoError(t, err)
	client, err := ca.Issue(certs.Validity{})
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"ca.crt": ca.CertPEM(), "ssl.crt": node.CertPEM, "ssl.key": node.KeyPEM, "sdk.crt": client.CertPEM, "sdk.key": client.KeyPEM,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(d.Certs, name), data, 0o600))
	}
	cert, roots, err := certs.LoadTLSCert(d.files("ssl"))
	require.NoError(t, err)
	return certs.ServerConfig(cert, roots)
}

// ClientTLS is the TLS of a client of the endpoints.
func (d *Devnet) ClientTLS(t testing.TB) *tls.Config {
	t.Helper()
	cert, roots, err := certs.LoadTLSCert(d.files("sdk"))
	require.NoError(t, err)
	return certs.ClientConfig(cert, roots)
}

func (d *Devnet) files(identity string) certs.Files {
	return certs.Files{
		CA: filepath.Join(d.Certs, "ca.crt"), Cert: filepath.Join(d.Certs, identity+".crt"), Key: filepath.Join(d.Certs, identity+".key"),
	}
}

// Serve lets the endpoints answer. It may be called more than once.
func (d *Devnet) Serve() *Devnet {
	d.serve()
	return d
}

// stop runs a stop with a time limit and wants no error.
func stop(t testing.TB, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	require.NoError(t, do(ctx))
}
