//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lookEvery is how often the chain is asked how far it is.
	lookEvery = 10 * time.Millisecond
	// tellEvery is how often people are told.
	tellEvery = 5 * time.Second
)

// progress watches how many rows are on the chain, as the nodes say it.
type progress struct {
	witness *witness
	before  int // transactions on the chain before the first row
	rows    atomic.Int64
	end     context.CancelFunc
	ended   sync.WaitGroup
}

// watch begins to watch, and tells to out how far things are. Stop it in the end.
func watch(ctx context.Context, w *witness, before int, out io.Writer, line func(rows int) string) *progress {
	p := &progress{witness: w, before: before}
	ctx, p.end = context.WithCancel(ctx)
	p.ended.Go(func() {
		look, tell := time.NewTicker(lookEvery), time.NewTicker(tellEvery)
		defer look.Stop()
		defer tell.Stop()
		for {
			select {
			case <-look.C:
				// Where all nodes are away for the moment, nothing is executed either.
				if n, err := w.executed(ctx); err == nil {
					p.rows.Store(max(p.rows.Load(), int64(n-before)))
				}
			case <-tell.C:
				fmt.Fprintln(out, line(p.now()))
			case <-ctx.Done():
				return
			}
		}
	})
	return p
}

func (p *progress) stop() {
	p.end()
	p.ended.Wait()
}

func (p *progress) now() int { return int(p.rows.Load()) }

// wait returns when a moment has come, and false when stop was closed or ctx has
// ended before.
func (p *progress) wait(ctx context.Context, m moment, stop <-chan struct{}) bool {
	tick := time.NewTicker(lookEvery / 2)
	defer tick.Stop()
	for p.now() < m.rows {
		select {
		case <-tick.C:
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return sleep(ctx, m.after, stop)
}

// sleep is false when stop was closed or ctx has ended before d.
func sleep(ctx context.Context, d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	}
}
