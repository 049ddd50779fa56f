package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// BenchmarkItems measures items a second from the CSV text to the outcome on
// disk: parse, encode, sign, write ahead, mutual TLS, a chain that executes and
// stores, receipts, group commit. Client and chain share the machine, and the
// chain makes blocks as fast as it can.
func BenchmarkItems(b *testing.B) {
	const items = 5000
	net := testkit.NewDevnet(b, 2, -1).Serve()
	dir := b.TempDir()
	cfg := configs.Default()
	cfg.Accounts = []configs.Account{{Name: "default", File: filepath.Join(dir, "account.pem"), Create: true}}
	cfg.Targets = []configs.Target{{
		Name: "main", Family: "fisco3", Chain: "chain0", Group: "group0", Nodes: net.Nodes, Account: "default",
		TLS: configs.TargetTLS{CA: filepath.Join(net.Certs, "ca.crt"), Cert: filepath.Join(net.Certs, "sdk.crt"), Key: filepath.Join(net.Certs, "sdk.key")},
	}}
	log := slog.New(slog.DiscardHandler)
	accounts, err := assemble.Accounts(cfg.Accounts)
	require.NoError(b, err)
	targets, err := assemble.Targets(cfg, accounts, assemble.Deps{Logger: log})
	require.NoError(b, err)
	ctx := context.Background()
	require.NoError(b, assemble.Start(ctx, targets))
	defer func() { require.NoError(b, assemble.Stop(ctx, targets)) }()
	require.NoError(b, targets[0].Pool.WaitReady(ctx))
	store, err := batch.OpenStore(ctx, filepath.Join(dir, "store.db"))
	require.NoError(b, err)
	defer func() { require.NoError(b, store.Close()) }()
	engine, err := batch.NewEngine(batch.Config{Store: store, Targets: assemble.EngineTargets(targets), Logger: log})
	require.NoError(b, err)
	require.NoError(b, engine.Start(ctx))
	defer func() { require.NoError(b, engine.Stop(ctx)) }()

	do := func(spec batch.Spec, text string) batch.Job {
		job, _, err := engine.Create(ctx, spec)
		require.NoError(b, err)
		r, err := rows.NewCSV(strings.NewReader(text), rows.CSVOptions{})
		require.NoError(b, err)
		_, err = engine.Load(ctx, job.ID, r)
		require.NoError(b, err)
		require.NoError(b, engine.Run(ctx, job.ID))
		job, err = engine.Wait(ctx, job.ID)
		require.NoError(b, err)
		return job
	}
	do(batch.Spec{Kind: batch.KindTransaction, Deploy: true, Contract: "Ledger"}, "name,supply\ngold,1000000000\n")

	for round := 0; b.Loop(); round++ {
		var text strings.Builder
		text.WriteString("to,value\n")
		for i := range items {
			fmt.Fprintf(&text, "0x%040x,1\n", round*items+i+1)
		}
		job := do(batch.Spec{Contract: "Ledger", Function: "transfer"}, text.String())
		require.EqualValues(b, items, job.Counts.Confirmed)
	}
	b.ReportMetric(float64(items)*float64(b.N)/b.Elapsed().Seconds(), "items/s")
}
