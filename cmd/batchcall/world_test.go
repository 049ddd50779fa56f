package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/plan"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/gateway"
	"github.com/bcosgate/bcosgate/gateway/uploads"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// world is a chain with one endpoint.
type world struct {
	chain *devchain.Chain
	node  string // host:port
	certs string // folder with ca.crt, sdk.crt and sdk.key
}

// newWorld starts a chain that makes a block every sealTime while transactions wait.
func newWorld(t *testing.T, sealTime time.Duration) *world {
	t.Helper()
	net := testkit.NewDevnet(t, 1, sealTime).Serve()
	return &world{chain: net.Chain, node: net.Nodes[0], certs: net.Certs}
}

// gateway starts a gateway on the chain. It gives the address of a plain
// listener, and of one with TLS that wants a certificate of the chain's CA.
func (w *world) gateway(t *testing.T, token string) (plain, secured *httptest.Server) {
	t.Helper()
	dir := t.TempDir()
	cfg := configs.Default()
	cfg.Accounts = []configs.Account{{Name: "default", File: filepath.Join(dir, "account.pem"), Create: true}}
	cfg.Targets = []configs.Target{{
		Name: "main", Family: "fisco3", Chain: "chain0", Group: "group0", Nodes: []string{w.node}, Account: "default",
		TLS: configs.TargetTLS{CA: filepath.Join(w.certs, "ca.crt"), Cert: filepath.Join(w.certs, "sdk.crt"), Key: filepath.Join(w.certs, "sdk.key")},
	}}
	require.NoError(t, cfg.Validate())
	log := slog.New(slog.DiscardHandler)
	accounts, err := assemble.Accounts(cfg.Accounts)
	require.NoError(t, err)
	targets, err := assemble.Targets(cfg, accounts, assemble.Deps{Logger: log})
	require.NoError(t, err)
	require.NoError(t, assemble.Start(context.Background(), targets))
	stopping := func(stop func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, stop(ctx))
	}
	t.Cleanup(func() { stopping(func(ctx context.Context) error { return assemble.Stop(ctx, targets) }) })
	require.NoError(t, targets[0].Pool.WaitReady(t.Context()))
	store, err := batch.OpenStore(t.Context(), filepath.Join(dir, "gateway.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	engine, err := batch.NewEngine(batch.Config{Store: store, Targets: assemble.EngineTargets(targets), Logger: log})
	require.NoError(t, err)
	require.NoError(t, engine.Start(t.Context()))
	t.Cleanup(func() { stopping(engine.Stop) })

	auditor := reconcile.NewAuditor(reconcile.New(store, assemble.ReconcileTargets(targets)), store, reconcile.AuditorConfig{Logger: log})
	require.NoError(t, auditor.Start(t.Context()))
	t.Cleanup(func() { stopping(auditor.Stop) })
	received, err := uploads.Open(filepath.Join(dir, "uploads"))
	require.NoError(t, err)
	handler, err := gateway.New(gateway.Config{
		Uploads: received,
		Version: "test", Engine: engine, Auditor: auditor, Planner: &plan.Maker{Store: store, Past: store}, Reports: report.NewWriter(store), Logger: log,
		Targets: []gateway.Target{{Info: targets[0].Info, Chain: targets[0].Guard, Nodes: noNodes{}}},
		Tokens:  []gateway.Token{gateway.NewToken("test", token)},
	})
	require.NoError(t, err)
	plain = httptest.NewServer(handler)
	t.Cleanup(plain.Close)
	roots, err := certs.LoadPool(filepath.Join(w.certs, "ca.crt"))
	require.NoError(t, err)
	secured = httptest.NewUnstartedServer(handler)
	secured.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots}
	secured.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	return plain, secured
}

// noNodes are nodes that nobody asks for.
type noNodes struct{}

func (noNodes) List() []gateway.Node                         { return nil }
func (noNodes) Stat() gateway.TargetStat                     { return gateway.TargetStat{} }
func (noNodes) Cordon(context.Context, string, string) error { return nil }
func (noNodes) Uncordon(context.Context, string) error       { return nil }

// waiting blocks until ready says yes, as often as something may have changed.
func waiting(ctx context.Context, ready func() (bool, error)) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := ready(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
