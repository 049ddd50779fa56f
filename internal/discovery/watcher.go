package discovery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Config says what a Watcher watches and who is told.
type Config struct {
	Source Source

	// Set is given each list that differs from the one before: addresses host:port
	// in order, without duplicates, at least one; the slice is the callee's. Calls
	// come one after the other, none after Stop has returned, and what Set waits for
	// delays the next list. A list that it refuses is reported and offered again
	// when the source is read the next time.
	Set func(nodes []string) error

	// The pause after the k-th failure in a row is random between 0 and
	// BackoffMin·2^k, at most BackoffMax, so that many gateways do not come back to
	// a source at the same moment; 0 are 500 ms and 30 s. It is small again once the
	// source has worked for BackoffMax.
	BackoffMin, BackoffMax time.Duration

	Logger *slog.Logger // nil logs nothing
}

// Watcher hands the list of a source to Set whenever it changes.
//
// The last good list stays while the source fails, also when it answers with
// nothing (ErrNoNodes) or with more than 1000 entries. An entry that is no
// host:port is refused with a message that names its line or key, and the rest
// counts. Every new trouble is logged once, as is its end.
type Watcher struct {
	cfg   Config
	log   *slog.Logger
	first chan struct{} // closed when Set has taken a list
	ended chan struct{} // closed when the goroutine has ended

	// Of the goroutine.
	nodes    []string        // what Set took last
	refused  []string        // messages about entries of the list before
	troubles map[string]bool // reported since the source worked last

	mu    sync.Mutex
	stop  context.CancelFunc // nil before Start
	fault error              // the last trouble; nil when there was none
}

// NewWatcher checks cfg; it starts nothing.
func NewWatcher(cfg Config) (*Watcher, error) {
	if cfg.Source == nil || cfg.Set == nil {
		return nil, errors.New("discovery: a watcher needs a source and somebody to tell")
	}
	if cfg.BackoffMin <= 0 {
		cfg.BackoffMin = 500 * time.Millisecond
	}
	if cfg.BackoffMax <= 0 {
		cfg.BackoffMax = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Watcher{
		cfg: cfg, log: cfg.Logger.With("source", cfg.Source.String()),
		first: make(chan struct{}), ended: make(chan struct{}), troubles: map[string]bool{},
	}, nil
}

// Start begins to watch, until Stop, and returns at once: Wait tells when there is
// a list. The end of ctx is a Stop that does not wait. A watcher starts once.
func (w *Watcher) Start(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil {
		return errors.New("discovery: started twice")
	}
	ctx, w.stop = context.WithCancel(ctx)
	go w.run(ctx)
	return nil
}

// Stop ends the watch and waits until that is done or ctx ends, whose error it
// gives then. The list stays as it is. It may be called more than once, and
// before Start, when it does nothing.
func (w *Watcher) Stop(ctx context.Context) error {
	w.mu.Lock()
	stop := w.stop
	w.mu.Unlock()
	if stop == nil {
		return nil
	}
	stop()
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait blocks until Set has taken the first list, the watcher has stopped, or ctx
// ends. The error says what is wrong with the source, which goes on being tried:
// a program may start without nodes. errors.Is finds ErrNoNodes and ctx's error.
func (w *Watcher) Wait(ctx context.Context) error {
	reason := errors.New("stopped")
	select {
	case <-w.first:
		return nil
	case <-w.ended:
	case <-ctx.Done():
		reason = ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		return fmt.Errorf("discovery: no nodes from %s yet: %w", w.cfg.Source, reason)
	}
	return fmt.Errorf("discovery: no nodes from %s yet: %w (%w)", w.cfg.Source, w.fault, reason)
}

// run watches the source again and again until ctx ends.
func (w *Watcher) run(ctx context.Context) {
	defer close(w.ended)
	for failures := 0; ; failures++ {
		began := time.Now()
		err := w.cfg.Source.Watch(ctx, w.take)
		if ctx.Err() != nil {
			return
		}
		w.failed(err)
		if time.Since(began) >= w.cfg.BackoffMax {
			failures = 0
		}
		if pause(ctx, w.backoff(failures)) != nil {
			return
		}
	}
}

func (w *Watcher) backoff(failures int) time.Duration {
	limit := w.cfg.BackoffMax
	if failures < 16 { // so that the shift does not overflow
		limit = min(limit, w.cfg.BackoffMin<<failures)
	}
	return rand.N(limit)
}

// take judges a list of the source.
func (w *Watcher) take(entries []Entry) {
	if len(entries) > maxNodes {
		w.failed(fmt.Errorf("the source lists more than %d nodes", maxNodes))
		return
	}
	nodes, refused := sift(entries)
	w.reportRefused(refused)
	if len(nodes) == 0 {
		w.failed(ErrNoNodes)
		return
	}
	if !slices.Equal(nodes, w.nodes) {
		if err := w.cfg.Set(slices.Clone(nodes)); err != nil {
			w.failed(fmt.Errorf("the list of nodes was refused: %w", err))
			return
		}
		w.log.Info("nodes listed", "nodes", nodes, "before", w.nodes)
		w.nodes = nodes
	}
	w.worked()
}

// reportRefused logs what was not wrong in the list before.
func (w *Watcher) reportRefused(refused []string) {
	for _, message := range refused {
		if !slices.Contains(w.refused, message) {
			w.log.Warn("fault in the list of nodes; the rest counts", "error", message)
		}
	}
	w.refused = refused
}

// failed logs a trouble that has not been logged since the source worked last.
func (w *Watcher) failed(err error) {
	w.mu.Lock()
	w.fault = err
	w.mu.Unlock()
	// A bound, should a source word each attempt anew: who sees ten knows.
	if text := err.Error(); !w.troubles[text] && len(w.troubles) < 10 {
		w.troubles[text] = true
		w.log.Warn("no list of nodes; the last one stays", "error", text, "nodes", len(w.nodes))
	}
}

// worked ends all trouble, and the wait for the first list.
func (w *Watcher) worked() {
	select {
	case <-w.first:
	default:
		close(w.first)
	}
	if len(w.troubles) > 0 {
		clear(w.troubles)
		w.log.Info("nodes are listed again")
	}
}

// pause waits for d, or gives the error of ctx when that ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
