//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// embedded is the engine inside of batchcall, on an SQLite file: one process, which
// is killed and started again.
type embedded struct {
	*batchcall
	rng      *rand.Rand
	inFlight int
}

func (e *embedded) open(ctx context.Context) error { return e.deploy(ctx) }

func (e *embedded) carry(ctx context.Context, p *progress, moments []moment, reports int, struck func(phase)) error {
	if err := e.killAndRestart(ctx, p, moments, struck); err != nil {
		return err
	}
	if _, err := e.output(ctx, runArgs(inputFile, e.inFlight)...); err != nil {
		return err
	}
	return e.killReports(ctx, reports, struck)
}

func (e *embedded) reader() *batchcall { return e.batchcall }

func (e *embedded) close() error { return nil }

// killAndRestart is the life of a job whose engine is killed at every moment
// and started again. It returns when the last one has come; the job may be done or
// not. struck is told of every kill.
func (e *embedded) killAndRestart(ctx context.Context, p *progress, moments []moment, struck func(phase)) error {
	noNode := 0
	for i := 0; i < len(moments); {
		args := runArgs(inputFile, e.inFlight)
		if p.now() > 0 && i%2 == 1 {
			args = []string{"resume"}
		}
		engine, err := e.start(ctx, args...)
		if err != nil {
			return err
		}
		if moments[i].after = shorter(p, moments[i]); p.wait(ctx, moments[i], engine.ended) && engine.kill() {
			phase, err := e.phaseOf(ctx, moments[i].phase)
			if err != nil {
				return err
			}
			struck(phase)
			i++
			continue
		}
		<-engine.ended
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case engine.code() == exitNoNode && noNode < mostNoNode:
			noNode++ // all that it asked were dead; it was told to be started again
		case engine.result != nil:
			return engine.failure()
		case moments[i].phase == sending:
			return fmt.Errorf("the job ended when %d of %d kills were still to come: it needs more rows", len(moments)-i, len(moments))
		default:
			moments[i].after /= 2 // too late
		}
	}
	return nil
}

// shorter is how long to wait after a moment's row: less when that row is on the
// chain already, so that kills which are late do not become later.
func shorter(p *progress, m moment) time.Duration {
	if m.phase == sending && p.now() >= m.rows {
		return m.after / 2
	}
	return m.after
}

// killReports kills batchcall while it writes the report again.
func (e *embedded) killReports(ctx context.Context, n int, struck func(phase)) error {
	k := reportKiller{
		path: e.file(reportFile),
		rng:  e.rng,
		write: func() (*process, error) {
			return e.start(ctx, runArgs(inputFile, e.inFlight, "--report", reportFile)...)
		},
		kill: func(writer *process) (bool, error) {
			if writer.kill() {
				return true, nil
			}
			return false, writer.failure()
		},
	}
	return k.run(ctx, n, struck)
}
