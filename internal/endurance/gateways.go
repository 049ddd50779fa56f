//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
	"github.com/bcosgate/bcosgate/internal/pgtest"
)

// gateways are several `gateway serve` that share the jobs of one PostgreSQL
// database. Any of them is killed and started again, and so is the database. The
// job is asked for over HTTP, by a batchcall that is not killed.
type gateways struct {
	tortureConfig
	chain    *devnodes.Chain
	database *pgtest.Server
	store    *batchcall // reads the database
	all      []*gateway
	inFlight int

	restarted atomic.Int64 // the database
}

// gateway is one of them.
type gateway struct {
	config  string // file
	address string
	process *process // nil when it does not run
}

// newGateways starts a database and configures gateways for it. reader becomes what
// reads the database.
func newGateways(ctx context.Context, cfg tortureConfig, reader *batchcall, chain *devnodes.Chain, inFlight int) (_ *gateways, err error) {
	g := &gateways{tortureConfig: cfg, chain: chain, store: reader, inFlight: inFlight}
	if g.database, err = pgtest.Start(); err != nil {
		return nil, err
	}
	if reader.store, err = g.database.Database(); err != nil {
		return nil, errors.Join(err, g.database.Stop())
	}
	reader.flags = append(reader.flags, "--store", reader.store)
	for i := range g.tortureConfig.gateways {
		one, err := g.configure(ctx, i)
		if err != nil {
			return nil, errors.Join(err, g.database.Stop())
		}
		g.all = append(g.all, one)
	}
	return g, nil
}

func (g *gateways) reader() *batchcall { return g.store }

// client asks one of them.
func (g *gateways) client(one *gateway) *batchcall {
	return &batchcall{program: g.store.program, dir: g.dir, flags: []string{"--gateway", "http://" + one.address}}
}

func (g *gateways) open(ctx context.Context) error {
	for _, one := range g.all {
		if err := g.start(ctx, one); err != nil {
			return err
		}
	}
	return g.client(g.all[0]).deploy(ctx)
}

// configure writes the configuration of a gateway.
func (g *gateways) configure(ctx context.Context, i int) (*gateway, error) {
	port, err := devnodes.FreePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	one := &gateway{address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), config: filepath.Join(g.dir, fmt.Sprintf("gateway%d.yaml", i))}
	text := fmt.Sprintf(`
http: {listen: %s}
store: {path: %s, url: %q}
log: {level: warn}
accounts: [{name: default, file: %s, create: true}]
targets:
  - name: chain0.group0
    tls: {dir: %s}
    nodes: [%s]
`, one.address, filepath.Join(g.dir, fmt.Sprintf("gateway%d.db", i)), g.store.store, filepath.Join(g.dir, "account.pem"),
		g.chain.Certs, strings.Join(g.chain.Addresses(), ", "))
	return one, os.WriteFile(one.config, []byte(text), 0o600)
}

// readyTime is what a gateway may take until it can be asked, also one that starts
// while the database comes back.
const readyTime = time.Minute

// start starts a gateway, and again when it ends because the database is away, and
// returns when it can be asked.
func (g *gateways) start(ctx context.Context, one *gateway) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for ctx.Err() == nil {
		if err := g.launch(ctx, one); err != nil {
			return err
		}
		for !one.ready(ctx) && sleep(ctx, 10*time.Millisecond, one.process.ended) {
		}
		if one.ready(ctx) {
			return nil
		}
	}
	one.process.kill()
	return fmt.Errorf("a gateway cannot be asked within %s\n%s", readyTime, &one.process.errs)
}

// launch starts the process of a gateway, which goes on after ctx.
func (g *gateways) launch(ctx context.Context, one *gateway) (err error) {
	one.process, err = start(context.WithoutCancel(ctx), g.dir, filepath.Join(g.bin, "gateway"), "serve", "--config", one.config)
	return err
}

// ready says whether a gateway answers and has connected to a node.
func (one *gateway) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+one.address+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Close = true // the gateway may be killed before it is asked again
	res, err := http.DefaultClient.Do(req)
	return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
}

func (g *gateways) close() error {
	for _, one := range g.all {
		if one.process != nil {
			one.process.kill()
		}
	}
	return g.database.Stop()
}

func (g *gateways) carry(ctx context.Context, p *progress, moments []moment, reports int, struck func(phase)) error {
	striking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var killing sync.WaitGroup
	for _, kill := range []func() error{
		func() error { return g.killDatabase(striking, p) },
		func() error { return g.killAndRestart(striking, p, moments, struck) },
	} {
		killing.Go(func() {
			if err := kill(); err != nil {
				cancel(err)
			}
		})
	}
	err := g.run(striking)
	killing.Wait()
	if cause := context.Cause(striking); err == nil && cause == nil {
		return g.killReports(ctx, reports, struck)
	} else if cause != nil {
		err = errors.Join(err, cause)
	}
	return err
}

// run lets batchcall follow the job to its end, at one gateway and, when that is
// away for too long or the database is, at another one.
func (g *gateways) run(ctx context.Context) error {
	rng := g.random(partClients)
	for tries := 1; ; tries++ {
		client, err := g.client(g.all[rng.IntN(len(g.all))]).start(ctx, runArgs(inputFile, g.inFlight, "--report", reportFile)...)
		if err != nil {
			return err
		}
		<-client.ended
		switch {
		case client.result == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case client.code() == exitFailedRows || client.code() == exitUnknownRows || tries == mostNoNode:
			return client.failure()
		}
		fmt.Fprintf(g.told, "batchcall starts again: %s\n", lastLine(client.errs.String()))
		sleep(ctx, time.Second, nil)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// killAndRestart kills one gateway at each moment.
func (g *gateways) killAndRestart(ctx context.Context, p *progress, moments []moment, struck func(phase)) error {
	rng := g.random(partGateways)
	var one *gateway
	for i, m := range moments {
		if m.phase != starting { // then it is the one that starts
			one = g.all[rng.IntN(len(g.all))]
		}
		for killed := false; !killed; {
			if m.phase == starting {
				if err := g.launch(ctx, one); err != nil {
					return err
				}
			}
			if !p.wait(ctx, m, nil) {
				return ctx.Err()
			}
			killed = one.process.kill()
			if !killed && m.phase != starting {
				return fmt.Errorf("a gateway ended by itself: %w", one.process.failure())
			}
		}
		in, err := g.store.phaseOf(ctx, m.phase)
		if err != nil {
			return err
		}
		struck(in)
		if i+1 < len(moments) && moments[i+1].phase == starting {
			continue
		}
		sleep(ctx, upTo(rng, awayMost/2), nil)
		if err := g.start(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// killDatabase kills PostgreSQL and starts it again.
func (g *gateways) killDatabase(ctx context.Context, p *progress) error {
	rng := g.random(partDatabase)
	for _, m := range chainMoments(rng, g.rows, g.tortureConfig.restarts) {
		if !p.wait(ctx, m, nil) {
			return ctx.Err()
		}
		if err := g.database.Kill(); err != nil {
			return err
		}
		g.restarted.Add(1)
		sleep(ctx, upTo(rng, awayMost), nil)
		if err := g.database.Up(); err != nil {
			return err
		}
	}
	return nil
}

// killReports kills the gateway that gives the report.
func (g *gateways) killReports(ctx context.Context, n int, struck func(phase)) error {
	job, err := g.store.job(ctx)
	if err != nil {
		return err
	}
	rng := g.random(partReports)
	var one *gateway
	k := reportKiller{
		path: g.store.file(reportFile),
		rng:  rng,
		write: func() (*process, error) {
			one = g.all[rng.IntN(len(g.all))]
			return g.client(one).start(ctx, "report", job.ID, "--out", reportFile)
		},
		kill: func(writer *process) (bool, error) {
			select {
			case <-writer.ended:
				return false, writer.failure()
			default:
			}
			one.process.kill()
			<-writer.ended // it fails, or had everything
			return true, g.start(ctx, one)
		},
	}
	return k.run(ctx, n, struck)
}
