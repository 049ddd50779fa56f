package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/gateway/client"
	"github.com/bcosgate/bcosgate/internal/assemble"
)

func (a *app) reconcileCommand() *cobra.Command {
	var o reconcile.Options
	cmd := &cobra.Command{
		Use:   "reconcile JOB",
		Short: "Prove a job against the chain: ask several nodes for every transaction again",
		Long: `Prove a job against the chain. Every transaction of the job is asked for again at
two nodes (--nodes), and block, status, sender, recipient, contract, gas and
output are compared with the store, and the nodes with each other. The block must
list the transaction. Rows that were rejected, canceled or expired must have no
receipt, nor any attempt that did not land. Then the blocks of the job are searched
for transactions of its accounts that the store does not know.

What differs is printed to standard output, the sum to standard error. Nothing is
sent, and another process may work with the store. Rows that are not final yet
are only counted.

` + exitHelp,
		Example: `  batchcall reconcile 0198c0de-6f2e-7000-8000-000000000001 --node 127.0.0.1:20200,127.0.0.1:20201 --certs nodes/127.0.0.1/sdk
  batchcall reconcile 0198c0de-6f2e-7000-8000-000000000001 --nodes 3 --event 'Saved(bytes32,address,uint256,string)' -o csv
  batchcall reconcile 0198c0de-6f2e-7000-8000-000000000001 --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.reconcile(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&o.Nodes, "nodes", 0, "how many different nodes are asked each time (default: 2, or all there are)")
	f.Uint64Var(&o.From, "from", 0, "first `block` that is searched for unknown transactions (default: the first of the job)")
	f.Uint64Var(&o.To, "to", 0, "last `block` that is searched (default: the last of the job)")
	f.StringVar(&o.Event, "event", "", "`event` that the contract must have emitted in every confirmed row, as 'Saved(bytes32,address,uint256,string)' (default: that of the run)")
	return cmd
}

// reconciler compares a job with its chain: this process, or a gateway.
type reconciler interface {
	Reconcile(ctx context.Context, jobID string, o reconcile.Options, progress func(reconcile.Result)) (reconcile.Result, error)
	Close() error
}

func (a *app) reconcile(ctx context.Context, jobID string, o reconcile.Options) (err error) {
	r, err := a.openReconciler(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	bar := a.newProgress()
	result, err := r.Reconcile(ctx, jobID, o, func(now reconcile.Result) { bar.reconciled(now) })
	bar.end()
	if err != nil && result.Started.IsZero() {
		return err // it did not begin
	}
	if printErr := a.print(mismatchView(result)); printErr != nil {
		return errors.Join(err, printErr)
	}
	a.noteResult(result)
	return a.verdict(ctx, result, err)
}

// verdict is the exit code: what differs counts, whatever else went wrong.
func (a *app) verdict(ctx context.Context, r reconcile.Result, err error) error {
	switch {
	case r.Mismatches > 0:
		if err != nil {
			a.note("batchcall: it broke off: %v", err)
		}
		return exitWith(exitMismatch, "store and chain differ: %d mismatches", r.Mismatches)
	case err != nil && ctx.Err() != nil:
		return exitWith(exitInterrupted, "interrupted: what was compared until then agrees")
	case err != nil:
		return fmt.Errorf("it broke off, what was compared until then agrees: %w", err)
	}
	return nil
}

func (a *app) noteResult(r reconcile.Result) {
	open := ""
	if r.Open > 0 {
		open = fmt.Sprintf(", %d are not final yet", r.Open)
	}
	asked := fmt.Sprintf("%d nodes", r.Nodes)
	if r.Nodes == 1 {
		asked = "1 node"
	}
	a.note("%d of %d rows compared, %s asked for each%s", r.Checked, r.Rows, asked, open)
	if r.Nodes == 1 {
		a.note("only one node was asked: what it lies about is not found")
	}
	if r.FromBlock > 0 {
		a.note("%d blocks with %d transactions searched for unknown ones, from block %d", r.Scanned, r.Transactions, r.FromBlock)
	}
	if r.Truncated() {
		a.note("the search ended before block %d: go on with --from %d --to %d", r.ToBlock, r.FromBlock+r.Scanned, r.ToBlock)
	}
	if r.Nameless > 0 {
		a.note("%d unknown transactions have a sender that no node tells", r.Nameless)
	}
	if n := int64(len(r.Listed)); n < r.Mismatches {
		a.note("the first %d of %d mismatches are shown", n, r.Mismatches)
	}
}

// mismatchView shows what differs.
func mismatchView(r reconcile.Result) view {
	v := view{value: r, header: []string{"row", "id", "kind", "field", "block", "tx_hash", "stored", "nodes"}}
	for _, m := range r.Listed {
		row, block, hash := "", "", ""
		if m.Row > 0 {
			row = number(m.Row)
		}
		if m.Block > 0 {
			block = fmt.Sprint(m.Block)
		}
		if m.TxHash != nil {
			hash = m.TxHash.Hex()
		}
		said := make([]string, len(m.Nodes))
		for i, s := range m.Nodes {
			said[i] = s.Node + ": " + s.Says
		}
		v.rows = append(v.rows, []string{row, m.ID, string(m.Kind), m.Field, block, hash, m.Stored, strings.Join(said, "; ")})
	}
	return v
}

func (a *app) openReconciler(ctx context.Context) (reconciler, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	store, err := a.openStore(ctx)
	if err != nil {
		return nil, err
	}
	l := &localReconciler{store: store}
	if err := l.connect(ctx, a); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// localReconciler works on a store, which may be another process's, over connections
// of its own.
type localReconciler struct {
	store   *storeReader
	targets []assemble.Target // one
}

func (l *localReconciler) connect(ctx context.Context, a *app) error {
	cfg, err := a.localConfig()
	if err != nil {
		return err
	}
	accounts, err := assemble.Accounts(existing(cfg.Accounts))
	if err != nil {
		return err
	}
	l.targets, err = a.connect(ctx, cfg, accounts)
	return err
}

// existing leaves out accounts that were never used: nothing is signed here, and no
// key is made for it.
func existing(accounts []configs.Account) []configs.Account {
	var list []configs.Account
	for _, account := range accounts {
		if _, err := os.Stat(account.File); err == nil {
			list = append(list, account)
		}
	}
	return list
}

func (l *localReconciler) Reconcile(ctx context.Context, jobID string, o reconcile.Options, progress func(reconcile.Result)) (reconcile.Result, error) {
	return reconcile.New(l.store, assemble.ReconcileTargets(l.targets)).Run(ctx, jobID, o, progress)
}

func (l *localReconciler) Close() error {
	return errors.Join(l.store.Close(), closeTargets(l.targets))
}

// reconcilePoll is how often a gateway is asked how far it is.
const reconcilePoll = 300 * time.Millisecond

// Reconcile lets the gateway do it and follows it. An interrupt leaves the gateway
// at work.
func (r *remote) Reconcile(ctx context.Context, jobID string, o reconcile.Options, progress func(reconcile.Result)) (reconcile.Result, error) {
	result, err := r.Client.Reconcile(ctx, jobID, client.ReconcileOptions{Nodes: o.Nodes, From: o.From, To: o.To, Event: o.Event})
	for err == nil && result.Finished.IsZero() {
		progress(result)
		select {
		case <-time.After(reconcilePoll):
		case <-ctx.Done():
			return result, ctx.Err()
		}
		var now reconcile.Result
		if now, err = r.Reconciliation(ctx, jobID); err == nil {
			result = now
		}
	}
	if err == nil && result.Error != "" {
		err = exitWith(kindCode(result.ErrorKind), "the gateway says: %s", result.Error)
	}
	return result, err
}
