package pool

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// cause is why a connection takes no more requests.
type cause uint8

const (
	standing cause = iota // it does
	idle                  // it was not needed
	lifetime              // it was old enough
	broken                // it ended, or the node does not answer on it
	drained               // the node is listed no more, or the pool stops
	causes
)

// member is one connection to a node. Its goroutine waits for its end, or for the
// order to close it, and closes it. Fields that change are guarded by the node's
// lock.
type member struct {
	conn    Conn
	born    time.Time
	expires time.Time
	idleFor time.Duration // this long without a request is too long

	inFlight int
	leases   uint64    // given
	seen     uint64    // of them at the owner's last look
	busy     bool      // it had requests then
	quiet    time.Time // since when the owner has seen none
	overdue  bool      // the owner waits for a moment without requests

	cause   cause
	drainBy time.Time
	order   chan struct{} // closed: close it
	ordered bool
}

func (n *Node) newMember(conn Conn) *member {
	cfg := &n.pool.cfg
	now := time.Now()
	m := &member{conn: conn, born: now, quiet: now, idleFor: jittered(cfg.IdleTimeout), expires: now.Add(never), order: make(chan struct{})}
	if cfg.Lifetime > 0 {
		m.expires = now.Add(jittered(cfg.Lifetime))
	}
	return m
}

// jittered takes up to a tenth off, so that connections that were made together do
// not end together.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

func (m *member) expired(now time.Time) bool { return !now.Before(m.expires) }

// stands is false when the connection has just ended, which its goroutine tells.
func (m *member) stands() bool {
	_, err := m.conn.Head(context.Background())
	return err == nil
}

// retire takes the connection out of use; it is closed with its last lease, or
// when the time has come.
func (m *member) retire(why cause, by time.Time) {
	if m.cause == standing {
		m.cause = why
		m.drainBy = by
	}
	if by.Before(m.drainBy) {
		m.drainBy = by
	}
	if m.inFlight == 0 {
		m.finish()
	}
}

// finish orders the connection closed.
func (m *member) finish() {
	if !m.ordered {
		m.ordered = true
		close(m.order)
	}
}

// reuse takes back a retirement because of the node's leave, if there is time.
func (m *member) reuse() {
	if m.cause == drained && !m.ordered {
		m.cause = standing
	}
}

// keep closes the connection when it has ended or is ordered to.
func (n *Node) keep(m *member) {
	select {
	case <-m.conn.Done():
	case <-m.order:
	}
	_, err := m.conn.Head(context.Background()) // says why it ended, if it did by itself
	if err == nil {
		err = errEnded
	}
	n.update(func() {
		if m.cause == standing {
			n.lose(m, err)
		}
	})
	_ = m.conn.Close()
	n.update(func() {
		n.members = slices.DeleteFunc(n.members, func(other *member) bool { return other == m })
		n.pool.count.closed[m.cause].Add(1)
	})
}

// lose takes a connection out of use that broke. The next dial waits longer each
// time, unless connections stand for a while.
func (n *Node) lose(m *member, err error) {
	m.cause = broken
	m.finish()
	n.lastErr = err
	now := time.Now()
	if now.Sub(m.born) >= n.pool.cfg.BackoffMax {
		n.failures = 0
	}
	n.pause(now)
}

// renew retires a connection that is older than it should get once the others
// carry its load. step sees to the successor.
func (n *Node) renew(now time.Time) {
	open := *n.open.Load()
	i := slices.IndexFunc(open, func(m *member) bool { return m.expired(now) })
	if i < 0 {
		return
	}
	m, cfg := open[i], &n.pool.cfg
	switch {
	case len(open) > cfg.MinConns:
	case len(n.members) < cfg.MaxConns: // the successor comes first
		return
	case len(open) > 1:
	case len(n.members) > 1: // when those that drain have ended
		return
	case m.inFlight > 0:
		m.overdue = true
		return
	default:
		n.renewing = true
	}
	m.retire(lifetime, now.Add(cfg.DrainTimeout))
	n.lineUp()
}

// trim closes connections that nobody needs, and those that had their time to
// drain.
func (n *Node) trim(now time.Time, sooner func(time.Time)) {
	surplus := len(*n.open.Load()) - n.pool.cfg.MinConns
	for _, m := range slices.Backward(n.members) { // the oldest takes requests first
		if m.cause != standing {
			if m.ordered {
				continue
			}
			if now.Before(m.drainBy) {
				sooner(m.drainBy)
			} else {
				m.finish()
			}
			continue
		}
		if !m.expired(now) {
			sooner(m.expires)
		}
		if m.busy || m.leases != m.seen {
			m.seen, m.quiet = m.leases, now
		}
		m.busy = m.inFlight > 0
		if surplus <= 0 || m.busy {
			continue
		}
		if end := m.quiet.Add(m.idleFor); now.Before(end) {
			sooner(end)
		} else {
			m.retire(idle, now)
			surplus--
		}
	}
	n.lineUp()
}
