package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/configs"
	"github.com/bcosgate/bcosgate/gateway"
	"github.com/bcosgate/bcosgate/gateway/uploads"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/buildinfo"
)

const (
	// undoTimeout bounds the stop of the parts that run when a later one does not start.
	undoTimeout = 10 * time.Second
	// patience is how long a target may have no node before the log says so.
	patience = 3 * time.Second
)

// App is the whole service in one process. Start and Stop are called once each.
type App struct {
	cfg    configs.Config
	log    *slog.Logger
	server *gateway.Server
	api    *gateway.Gateway

	stops    []stop // in the order of the starts
	watching sync.WaitGroup
}

// stop undoes one start. share is the part of the time left that it may take.
type stop struct {
	name  string
	share float64
	do    func(context.Context) error
}

// NewApp prepares a service for a configuration that configs.Load or Validate
// found right. It touches nothing.
func NewApp(cfg configs.Config, log *slog.Logger) *App { return &App{cfg: cfg, log: log} }

// Start builds all parts and starts them in order; the API is served when it
// returns. When one part does not start, those before it are stopped again.
// It does not wait for nodes. ctx bounds only Start itself.
func (a *App) Start(ctx context.Context) error {
	err := a.start(ctx)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return errors.Join(err, a.Stop(ctx))
}

// start is the list of parts. Each is stopped in reverse by Stop.
func (a *App) start(ctx context.Context) error {
	tokens, err := readTokens(a.cfg.HTTP.TokenFile)
	if err != nil {
		return err
	}
	security, err := serverTLS(a.cfg.HTTP.TLS)
	if err != nil {
		return err
	}
	accounts, err := assemble.Accounts(a.cfg.Accounts)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		if account.Created {
			a.log.Warn("made a new account: keep its key, it signs what this store sends", "account", account.Name, "address", account.Address.Hex(), "file", account.File)
		} else {
			a.log.Info("account", "account", account.Name, "address", account.Address.Hex())
		}
	}
	store, err := openStore(ctx, a.cfg.Store.Location())
	if err != nil {
		return err
	}
	a.onStop("store", 1, func(context.Context) error { return store.Close() })

	metrics := gateway.NewMetrics(buildinfo.Read().Version)
	targets, err := assemble.Targets(a.cfg, accounts, assemble.Deps{Observer: callObserver{metrics}, Cordons: cordonBook{store}, Logger: a.log})
	if err != nil {
		return err
	}
	engine, err := batch.NewEngine(batch.Config{Store: store, Targets: assemble.EngineTargets(targets), Logger: a.log, Observer: metrics, Keep: a.cfg.Store.Keep,
		SubBatch: batch.SubBatch(a.cfg.Store.SubBatch)})
	if err != nil {
		return err
	}
	auditor := reconcile.NewAuditor(reconcile.New(store, assemble.ReconcileTargets(targets)), store, reconcile.AuditorConfig{
		Every: a.cfg.Audit.Every, Within: a.cfg.Audit.Within, Nodes: a.cfg.Audit.Nodes, Rate: a.cfg.Audit.Rate, Logger: a.log, Observer: metrics,
	})
	received, err := uploads.Open(a.cfg.Store.Path + ".uploads")
	if err != nil {
		return err
	}
	a.api, err = gateway.New(gateway.Config{
		Version: buildinfo.Read().Version, Engine: engine, Auditor: auditor, Planner: planner(store, targets), Reports: report.NewWriter(store), Targets: apiTargets(targets), Tokens: tokens, Metrics: metrics, Logger: a.log,
		BodyLimit: int64(a.cfg.HTTP.BodyLimit), RowsLimit: int64(a.cfg.HTTP.RowsLimit), Uploads: received,
	})
	if err != nil {
		return err
	}
	a.server = gateway.NewServer(gateway.ServerConfig{
		Listen: a.cfg.HTTP.Listen, TLS: security, Handler: a.api, ReadHeaderTimeout: a.cfg.HTTP.ReadHeaderTimeout, Logger: a.log,
	})

	// The connections must outlive the end of ctx: what is in flight is settled with them.
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	a.onStop("watch", 1, func(context.Context) error { end(); a.watching.Wait(); return nil })
	if err := assemble.Start(living, targets); err != nil {
		return err
	}
	a.onStop("connections", 1, func(ctx context.Context) error { return assemble.Stop(ctx, targets) })
	if err := engine.Start(ctx); err != nil {
		return fmt.Errorf("store %s: %w", batch.StoreName(a.cfg.Store.Location()), advised(err))
	}
	a.onStop("engine", .9, engine.Stop)
	if err := auditor.Start(ctx); err != nil {
		return err
	}
	a.onStop("auditor", 1, auditor.Stop)
	if err := a.server.Start(ctx); err != nil {
		return err
	}
	// Half, so that clients which never end leave time for what is in flight.
	a.onStop("http", .5, a.server.Stop)
	a.watching.Go(func() {
		received.Expire(living, func(err error) { a.log.Warn("old uploads", "error", err) })
	})
	for _, t := range targets {
		a.watching.Go(func() { a.watch(living, t) })
	}
	return nil
}

func (a *App) onStop(name string, share float64, do func(context.Context) error) {
	a.stops = append(a.stops, stop{name: name, share: share, do: do})
}

// URL is where the API is served, after Start.
func (a *App) URL() string { return a.server.URL() }

// Failed yields one error when the service cannot go on.
func (a *App) Failed() <-chan error { return a.server.Failed() }

// Stop takes nothing new, finishes the requests and transactions in flight as
// far as ctx allows, saves, and ends every part in reverse order. Everything has
// ended when it returns. What there was no time for is only logged, because the
// next start looks it up; errors are what went wrong.
func (a *App) Stop(ctx context.Context) error {
	if a.api != nil {
		a.api.Drain()
	}
	var errs []error
	for i := len(a.stops) - 1; i >= 0; i-- {
		s := a.stops[i]
		began := time.Now()
		bounded, cancel := part(ctx, s.share)
		err := s.do(bounded)
		switch late := bounded.Err() != nil && errors.Is(err, bounded.Err()); {
		case late:
			a.log.Warn("there was no time to finish: the rest is looked up at the next start", "part", s.name, "error", err)
		case err != nil:
			errs = append(errs, fmt.Errorf("stop %s: %w", s.name, err))
		}
		cancel()
		a.log.Debug("stopped", "part", s.name, "ms", time.Since(began).Milliseconds())
	}
	a.stops = nil
	return errors.Join(errs...)
}

// part gives a share of the time that ctx has left.
func part(ctx context.Context, share float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok || share >= 1 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(share*float64(time.Until(deadline))))
}

// watch says in the log when a target has no node for long, and when it has one.
func (a *App) watch(ctx context.Context, t assemble.Target) {
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := t.Pool.WaitReady(soon)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("no node of the target answers; the gateway serves anyway, goes on dialling, and /readyz is 503 until one does",
			"target", t.Info.Name, "error", err)
		err = t.Pool.WaitReady(ctx)
	}
	if err != nil {
		return // the service stops
	}
	head, err := t.Pool.Head(ctx)
	if err == nil {
		a.log.Info("target is online", "target", t.Info.Name, "chain", t.Info.ChainID, "group", t.Info.Group, "head", head.Number)
	}
}
