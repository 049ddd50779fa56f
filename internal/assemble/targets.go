package assemble

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/discovery"
)

// Target is one target with its connections. Nothing of it is started.
type Target struct {
	batch.Target
	Pool  *pool.Pool
	Guard *guard.Guard // makes the calls over the pool; it is also Target.Chain

	list *discovery.Watcher // tells the pool of its nodes; nil when they never change
}

// Deps is what targets need beside their configuration. Zero values do without.
type Deps struct {
	Observer guard.Observer  // is told of calls
	Cordons  pool.CordonBook // keeps cordons over restarts
	Logger   *slog.Logger
}

// Targets reads the TLS files and builds pools and signers for every target of
// a configuration that was checked. It touches no network.
func Targets(cfg configs.Config, accounts []Account, deps Deps) ([]Target, error) {
	targets := make([]Target, 0, len(cfg.Targets))
	for _, c := range cfg.Targets {
		t, err := newTarget(c, accounts, deps)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", c.Name, err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func newTarget(c configs.Target, accounts []Account, deps Deps) (Target, error) {
	info := chain.Target{Name: c.Name, Family: chain.Family(c.Family), ChainID: c.Chain, Group: c.Group}
	dial, err := dialer(c, deps.Logger)
	if err != nil {
		return Target{}, err
	}
	conns, err := pool.New(poolConfig(c, info, dial, deps))
	if err != nil {
		return Target{}, err
	}
	list, err := follow(c.Discovery, conns, deps.Logger)
	if err != nil {
		return Target{}, err
	}
	calls, err := guard.New(guardConfig(c.Calls, deps.Observer, deps.Logger), conns)
	if err != nil {
		return Target{}, err
	}
	signers := make(map[string]chain.Signer, len(accounts))
	for _, a := range accounts {
		signers[a.Name] = tx.NewSigner(a.key, c.Chain, c.Group)
	}
	return Target{Pool: conns, Guard: calls, list: list, Target: batch.Target{
		Info:           info,
		Chain:          calls,
		Accounts:       signers,
		DefaultAccount: c.Account,
		TxReader:       tx.NewReader(suite.Standard, c.Chain, c.Group),
		Limits:         batch.Limits{Rate: c.Limits.Rate, Burst: c.Limits.Burst, InFlight: c.Limits.InFlight, InFlightLeast: c.Limits.InFlightLeast},
	}}, nil
}

// dialer opens connections for a pool. It reads the TLS files.
func dialer(c configs.Target, log *slog.Logger) (func(ctx context.Context, node string) (pool.Conn, error), error) {
	dial, err := dialConfig(c, log)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, node string) (pool.Conn, error) {
		client, err := fisco.Dial(ctx, dial(node))
		if err != nil {
			return nil, err // not a nil client in an interface
		}
		if client.Suite() != suite.Standard {
			_ = client.Close()
			return nil, &chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: "dial", Node: node,
				Msg: "the group has a GM ledger (SM2, SM3): jobs and calls of a target are encoded for standard ledgers"}
		}
		return client, nil
	}, nil
}

// dialConfig reads the TLS files of a target and says how each of its nodes is
// dialed.
func dialConfig(c configs.Target, log *slog.Logger) (func(node string) fisco.DialConfig, error) {
	var security *tls.Config // nil is plain
	if !c.TLS.Disabled {
		cert, roots, err := certs.LoadTLSCert(certs.Files{CA: c.TLS.CA, Cert: c.TLS.Cert, Key: c.TLS.Key})
		if err != nil {
			return nil, err
		}
		security = certs.ClientConfig(cert, roots)
	}
	return func(node string) fisco.DialConfig {
		return fisco.DialConfig{Address: node, TLS: security, ChainID: c.Chain, Group: c.Group, Logger: log}
	}, nil
}

// Start starts the pools of all targets, and following the lists of their nodes;
// when one fails, those before it are stopped again. It does not wait for a node to
// be listed or to answer. The end of ctx ends all of it too, so give it one that
// outlives whatever still has to be settled.
func Start(ctx context.Context, targets []Target) error {
	for i, t := range targets {
		if err := t.start(ctx); err != nil {
			return errors.Join(fmt.Errorf("target %s: %w", t.Info.Name, err), Stop(ctx, targets[:i]))
		}
	}
	return nil
}

func (t Target) start(ctx context.Context) error {
	if err := t.Pool.Start(ctx); err != nil {
		return err
	}
	if t.list == nil {
		return nil
	}
	if err := t.list.Start(ctx); err != nil {
		return errors.Join(err, t.Pool.Stop(ctx))
	}
	return nil
}

// Stop stops everything in reverse order and waits for its goroutines.
func Stop(ctx context.Context, targets []Target) error {
	var errs []error
	for i := len(targets) - 1; i >= 0; i-- {
		if err := targets[i].stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("target %s: %w", targets[i].Info.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (t Target) stop(ctx context.Context) error {
	var err error
	if t.list != nil {
		err = t.list.Stop(ctx)
	}
	return errors.Join(err, t.Pool.Stop(ctx))
}

// EngineTargets is what the job engine takes.
func EngineTargets(targets []Target) []batch.Target {
	list := make([]batch.Target, len(targets))
	for i, t := range targets {
		list[i] = t.Target
	}
	return list
}

// ReconcileTargets is what jobs are compared with.
func ReconcileTargets(targets []Target) []reconcile.Target {
	list := make([]reconcile.Target, len(targets))
	for i, t := range targets {
		list[i] = reconcile.Target{Name: t.Info.Name, Chain: t.Guard}
		for _, signer := range t.Accounts {
			list[i].Accounts = append(list[i].Accounts, signer.Address())
		}
	}
	return list
}
