package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/offline"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/internal/assemble"
)

const (
	// readyTimeout is how long a node may take to answer at the beginning: more
	// than the first pauses of the pool, less than a person's patience.
	readyTimeout = 5 * time.Second
	// closeTimeout bounds the closing of connections at the end.
	closeTimeout = 5 * time.Second
)

// embedded is the job engine inside of this process, on one target.
type embedded struct {
	*batch.Engine
	*report.Writer
	store   *batch.Store
	targets []assemble.Target // one
	stopped bool
}

// openAccounts reads the accounts that sign, and makes the default one on first use.
func (a *app) openAccounts(cfg configs.Config) ([]assemble.Account, error) {
	accounts, err := assemble.Accounts(cfg.Accounts)
	for _, account := range accounts {
		if account.Created {
			a.note("made a new account %s; its key is in %s: keep it, it signs what this store sends", account.Address.Hex(), account.File)
		}
	}
	return accounts, err
}

// connect builds the target of cfg, connects to it and waits until a node
// answers. Reads need no accounts.
func (a *app) connect(ctx context.Context, cfg configs.Config, accounts []assemble.Account) ([]assemble.Target, error) {
	log := a.logger()
	targets, err := assemble.Targets(cfg, accounts, assemble.Deps{Logger: log})
	if err != nil {
		return nil, err
	}
	// An interrupt stops the commands, not the connections that they settle with.
	if err := assemble.Start(context.WithoutCancel(ctx), targets); err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := targets[0].Pool.WaitReady(ready); err != nil {
		err = errors.Join(err, closeTargets(targets))
		if ctx.Err() != nil {
			return nil, exitWith(exitInterrupted, "interrupted while connecting")
		}
		return nil, err
	}
	return targets, nil
}

func closeTargets(targets []assemble.Target) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return assemble.Stop(ctx, targets)
}

// openEngine connects, opens the store (making it if need be) and starts the
// engine, which goes on with what an earlier process left unfinished.
func (a *app) openEngine(ctx context.Context, cfg configs.Config) (*embedded, error) {
	if !batch.IsStoreURL(a.opt.store) {
		if err := os.MkdirAll(filepath.Dir(a.opt.store), 0o700); err != nil {
			return nil, fmt.Errorf("the folder of the store: %w", err)
		}
	}
	return a.openEngineOn(ctx, cfg, a.opt.store)
}

// openEngineOn is openEngine with the store at a location.
func (a *app) openEngineOn(ctx context.Context, cfg configs.Config, store string) (*embedded, error) {
	accounts, err := a.openAccounts(cfg)
	if err != nil {
		return nil, err
	}
	targets, err := a.connect(ctx, cfg, accounts)
	if err != nil {
		return nil, err
	}
	e := &embedded{targets: targets}
	if err := e.start(ctx, a, store, cfg.Store.SubBatch); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *embedded) start(ctx context.Context, a *app, store string, sub configs.SubBatch) (err error) {
	if e.store, err = batch.OpenStore(ctx, store); err != nil {
		return err
	}
	engine, err := batch.NewEngine(batch.Config{Store: e.store, Targets: assemble.EngineTargets(e.targets), Logger: a.logger(), SubBatch: batch.SubBatch(sub)})
	if err != nil {
		return err
	}
	if err := engine.Start(ctx); err != nil {
		return err
	}
	e.Engine, e.Writer = engine, report.NewWriter(e.store)
	return nil
}

// Interrupt stops the engine: what is in flight is settled until ctx ends.
func (e *embedded) Interrupt(ctx context.Context) error {
	if e.Engine == nil || e.stopped {
		return nil
	}
	e.stopped = true
	return e.Stop(ctx)
}

// Close stops everything at once that Interrupt has not settled, and waits for it.
func (e *embedded) Close() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	err := e.Interrupt(now)
	if errors.Is(err, context.Canceled) {
		err = nil // that is what was asked for; the next start resolves it
	}
	if e.store != nil {
		err = errors.Join(err, e.store.Close())
	}
	return errors.Join(err, closeTargets(e.targets))
}

func (e *embedded) target() batch.Target { return e.targets[0].Target }

func (e *embedded) TargetName(context.Context) (string, error) { return e.target().Info.Name, nil }

func (e *embedded) Head(ctx context.Context) (uint64, error) {
	head, err := e.target().Chain.Head(ctx)
	return head.Number, err
}

func (e *embedded) Account() string { return e.target().DefaultAccount }

func (e *embedded) Signer() (string, error) {
	t := e.target()
	signer, ok := t.Accounts[t.DefaultAccount]
	if !ok {
		return "", fmt.Errorf("target %s has no account", t.Info.Name)
	}
	return signer.Address().Hex(), nil
}

func (e *embedded) Address(ctx context.Context, contract string) (common.Address, error) {
	c, err := e.Contract(ctx, e.target().Info.Name, contract)
	return c.Address, err
}

func (e *embedded) Load(ctx context.Context, jobID string, in *input, loaded func(int64)) (job batch.Job, err error) {
	f, err := in.open()
	if err != nil {
		return batch.Job{}, err
	}
	defer f.Close()
	if job, err = e.Job(ctx, jobID); err != nil {
		return batch.Job{}, err
	}
	counted := &countedFile{File: f, read: loaded}
	var r rows.Reader
	if job.Spec.Signed != nil {
		r, err = offline.NewJobReader(counted, *job.Spec.Signed)
	} else {
		r, err = rows.New(in.format, counted, in.csv)
	}
	if err != nil {
		return batch.Job{}, err
	}
	return e.Engine.Load(ctx, jobID, r)
}

func (e *embedded) Deploy(ctx context.Context, spec batch.Spec, args json.RawMessage) (string, error) {
	spec.Kind = batch.KindTransaction
	job, _, err := e.Create(ctx, spec)
	if err != nil {
		return "", err
	}
	if _, err := e.Engine.Load(ctx, job.ID, rows.NewJSON([]json.RawMessage{args})); err != nil {
		return job.ID, err
	}
	return job.ID, e.Run(ctx, job.ID)
}

// unfinished lists the jobs that an engine or a gateway still has to do.
func unfinished(ctx context.Context, r jobReader) ([]batch.Job, error) {
	var list []batch.Job
	for _, state := range []batch.JobState{batch.JobRunning, batch.JobCanceling, batch.JobReady} {
		jobs, err := r.Jobs(ctx, batch.JobFilter{State: state, Limit: maxListed})
		if err != nil {
			return nil, err
		}
		list = append(list, jobs...)
	}
	return list, nil
}
