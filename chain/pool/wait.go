package pool

import (
	"container/list"
	"context"
	"time"
)

// waiter is a lease that waits for a place. Its fields are guarded by the node's
// lock until ready is closed.
type waiter struct {
	fresh bool          // on a new connection
	ready chan struct{} // closed when it has a place, or gets none
	on    *member       // nil: it gets none
	spot  *list.Element // nil: it waits no more
}

func (n *Node) queue(fresh bool) *waiter {
	w := &waiter{fresh: fresh, ready: make(chan struct{})}
	w.spot = n.waiting.PushBack(w)
	if fresh {
		n.fresh++
	}
	return w
}

// settle ends a wait; m is nil when there is no place.
func (n *Node) settle(w *waiter, m *member) {
	n.waiting.Remove(w.spot)
	w.spot = nil
	if w.fresh {
		n.fresh--
	}
	if m != nil {
		n.give(m)
		w.on = m
	}
	close(w.ready)
}

// serve gives free places to those who came first. Who waits for a new connection
// is left alone.
func (n *Node) serve() {
	if n.waiting.Len() == n.fresh {
		return
	}
	open := *n.open.Load()
	for e := n.waiting.Front(); e != nil; {
		w := e.Value.(*waiter)
		e = e.Next()
		if w.fresh {
			continue
		}
		m := n.place(open, false)
		if m == nil {
			return
		}
		n.settle(w, m)
	}
}

// welcome gives the places of a new connection to those who wait, for whatever
// connection.
func (n *Node) welcome(m *member) {
	for n.waiting.Len() > 0 && m.inFlight < n.pool.cfg.MaxPerConn {
		n.settle(n.waiting.Front().Value.(*waiter), m)
	}
}

// disappoint lets those who waited for a new connection take any, the youngest
// first.
func (n *Node) disappoint() {
	open := *n.open.Load()
	for e := n.waiting.Front(); e != nil && n.fresh > 0; {
		w := e.Value.(*waiter)
		e = e.Next()
		if !w.fresh {
			continue
		}
		if m := n.place(open, true); m != nil {
			n.settle(w, m)
		} else {
			w.fresh = false
			n.fresh--
		}
	}
}

// dismiss ends all waits.
func (n *Node) dismiss() {
	for n.waiting.Len() > 0 {
		n.settle(n.waiting.Front().Value.(*waiter), nil)
	}
}

// await waits for the place that w is queued for.
func (n *Node) await(ctx context.Context, wait time.Duration, w *waiter) (Lease, error) {
	began := time.Now()
	var late <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-w.ready:
	case <-ctx.Done():
	case <-late:
	}
	n.mu.Lock()
	inVain := w.spot != nil
	if inVain {
		var m *member
		if w.fresh && ctx.Err() == nil { // the dial hangs: better an old connection than none
			m = n.place(*n.open.Load(), true)
		}
		n.settle(w, m)
	}
	n.mu.Unlock()
	waited := time.Since(began)
	n.pool.count.waited(waited)
	switch {
	case w.on != nil:
		n.pool.count.leases.Add(1)
		return Lease{node: n, on: w.on}, nil
	case inVain:
		n.pool.count.refused.Add(1)
		return Lease{}, n.gaveUp(ctx, waited)
	}
	n.pool.count.refused.Add(1)
	return Lease{}, n.refusal()
}
