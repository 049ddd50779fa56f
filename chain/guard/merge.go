package guard

import (
	"context"
	"errors"
	"sync"

	"github.com/bcosgate/bcosgate/chain"
)

// merger has identical reads that are under way at the same time asked once.
type merger struct {
	mu      sync.Mutex
	flights map[string]*flight // the youngest of each key
}

// flight is a read that is under way. Its leader asks, on the goroutine and with
// the context of its own caller; all others wait.
type flight struct {
	// What was known when it began. The answer may be as old as that.
	minHead, head uint64

	done chan struct{} // made by the first who waits, under the merger's mutex

	// Set before done is closed.
	result any
	err    error
	shared bool // the outcome is good for all, not only for the leader
}

// merged lets a read wait for one that is under way and asks the same, if that
// began with the knowledge of no fewer blocks: who has just been told of a block
// does not wait for an answer from before it.
func merged(next handler) handler {
	m := &merger{flights: map[string]*flight{}}
	return func(ctx context.Context, r *request) (any, error) {
		if r.key == "" {
			return next(ctx, r)
		}
		for {
			f, leads := m.join(r)
			if leads {
				return m.lead(ctx, r, f, next)
			}
			select {
			case <-f.done:
			case <-ctx.Done():
			}
			if ctx.Err() != nil {
				return nil, leftBehind(ctx, r)
			}
			if f.shared {
				r.source = chain.SourceMerged
				return f.result, f.err
			}
		}
	}
}

// join finds the flight of a read, or begins one, which the caller has to lead.
func (m *merger) join(r *request) (f *flight, leads bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f = m.flights[r.key]; f != nil && f.minHead >= r.minHead && f.head >= r.head {
		if f.done == nil {
			f.done = make(chan struct{})
		}
		return f, false
	}
	f = r.flight
	f.minHead, f.head = r.minHead, r.head
	m.flights[r.key] = f
	return f, true
}

// lead asks. When it fails for want of the leader's time, or panics, the outcome
// is not shared, and one of those who waited leads the next flight.
func (m *merger) lead(ctx context.Context, r *request, f *flight, next handler) (any, error) {
	defer m.land(r.key, f)
	result, err := next(ctx, r)
	f.result, f.err = result, err
	f.shared = err == nil || !r.cut && ctx.Err() == nil
	return result, err
}

func (m *merger) land(key string, f *flight) {
	m.mu.Lock()
	if m.flights[key] == f {
		delete(m.flights, key)
	}
	done := f.done
	m.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// leftBehind is the error of a read whose time ended while another one asked for it.
func leftBehind(ctx context.Context, r *request) error {
	e := &chain.Error{Kind: chain.KindTimeout, Sent: chain.SentNo, Op: r.op, Err: ctx.Err(), Msg: "waiting for the answer to the same question, asked before"}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Kind = chain.KindCanceled
	}
	return e
}
