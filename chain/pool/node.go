package pool

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// never is longer than anything that is waited for, and can be added to a time.
const never = time.Duration(1 << 62)

// Node is one node with its connections. It is online while one of them takes
// requests.
//
// One goroutine owns it: it starts dials and heartbeats, and retires connections.
// Each dial, each heartbeat and each connection has a goroutine that waits for its
// end, notes it and wakes the owner.
type Node struct {
	pool   *Pool
	name   string
	listed bool          // guarded by Pool.listing
	wake   chan struct{} // of one: there may be something to do for the owner
	work   sync.WaitGroup

	// What Choose reads without the lock. It is written under the lock.
	open     atomic.Pointer[[]*member] // connections that take requests, the oldest first
	askable  atomic.Bool               // leases are given
	tier     atomic.Int32              // how good it is, 0 is best
	inFlight atomic.Int64
	meter    meter

	mu      sync.Mutex // taken after Pool.listing, before Pool.mu
	members []*member  // all connections, the oldest first
	waiting list.List  // of *waiter, in the order in which they came
	fresh   int        // of them, that wait for a new connection
	demand  bool       // a lease asked for a further connection
	owed    owed       // leases on which an answer is owed

	busy      context.Context // of dials and heartbeats
	quit      context.CancelFunc
	dialing   bool
	beating   bool
	probing   bool      // beside the regular heartbeats
	nextDial  time.Time // not before
	nextBeat  time.Time
	nextProbe time.Time
	heard     time.Time // when a heartbeat was answered
	failures  int       // dials in a row that gave no connection that stood
	missed    int       // heartbeats in a row

	online     bool
	renewing   bool // the only connection is being replaced
	leaving    bool
	ended      bool // the owner has
	since      time.Time
	lastErr    error     // why the last dial failed or the last connection ended; nil since all is well
	told       string    // the last problem that was logged while offline
	caughtUp   time.Time // since when a node that lagged does not
	exclusions []Exclusion
	news       []news // what update tells after the lock
}

func newNode(p *Pool, name string) *Node {
	n := &Node{pool: p, name: name, wake: make(chan struct{}, 1), since: time.Now(), lastErr: errNotDialled}
	n.open.Store(new([]*member))
	n.bar(Offline, problem(errNotDialled), n.since)
	if c, ok := p.cordon(name); ok {
		n.bar(Cordoned, c.text(), c.Since)
	}
	return n
}

// start starts the owner. Pool.listing is held, and the pool is started.
func (n *Node) start() {
	n.busy, n.quit = context.WithCancel(n.pool.life)
	n.pool.running.Go(n.run)
}

// run is the owner. It ends when the node has left, or with the pool's life.
func (n *Node) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	life := n.pool.life.Done()
	for {
		select {
		case <-timer.C:
		case <-n.wake:
		case <-life:
			life = nil
			n.update(n.cut)
		}
		next, ended := n.step(time.Now())
		if ended {
			break
		}
		timer.Reset(next)
	}
	n.work.Wait()
	n.quit()
	n.pool.forget(n)
}

// step starts what is due, and says when it wants to look again.
func (n *Node) step(now time.Time) (next time.Duration, ended bool) {
	next = never
	sooner := func(at time.Time) { next = min(next, max(0, at.Sub(now))) }
	n.change(func() {
		n.renew(now)
		n.trim(now, sooner)
		if n.wantsDial(now) {
			if now.Before(n.nextDial) {
				sooner(n.nextDial)
			} else {
				n.dialing, n.demand = true, false
				ctx := n.busy
				n.work.Go(func() { n.dial(ctx) })
			}
		}
		if m := n.first(); m != nil && !n.beating {
			if now.Before(n.nextBeat) {
				sooner(n.nextBeat)
			} else {
				n.beating, n.nextBeat = true, now.Add(n.pool.cfg.Heartbeat)
				ctx := n.busy
				n.work.Go(func() { n.beat(ctx, m) })
			}
		}
		if m := n.first(); m != nil && n.wantsProbe(now) {
			n.probing, n.nextProbe = true, now.Add(silentAbove)
			ctx := n.busy
			n.work.Go(func() { n.probe(ctx, m) })
		}
		ended = n.leaving && len(n.members) == 0 && !n.dialing && !n.beating
		n.ended = ended
	})
	return next, ended
}

// wantsDial reports whether a connection is missing and may be opened.
func (n *Node) wantsDial(now time.Time) bool {
	cfg := &n.pool.cfg
	if n.dialing || n.leaving || len(n.members) >= cfg.MaxConns {
		return false
	}
	open := *n.open.Load()
	n.demand = n.demand && (n.crowded(open) || n.fresh > 0)
	return len(open) < cfg.MinConns || n.demand || slices.ContainsFunc(open, func(m *member) bool { return m.expired(now) })
}

// crowded reports whether all connections carry so much that a further one is wanted.
func (n *Node) crowded(open []*member) bool {
	return !slices.ContainsFunc(open, func(m *member) bool { return m.inFlight < n.pool.cfg.PerConn })
}

// leave gives no more leases, and ends connections with their last lease, or when
// the time has passed.
func (n *Node) leave(within time.Duration) {
	n.leaving, n.renewing = true, false
	n.quit()
	for _, m := range n.members {
		m.retire(drained, time.Now().Add(within))
	}
}

// cut ends everything at once.
func (n *Node) cut() {
	n.leave(0)
	for _, m := range n.members {
		m.finish()
	}
}

// comeBack makes a node that leaves a listed one again. It is false when it is too
// late.
func (n *Node) comeBack() (back bool) {
	n.update(func() {
		if n.ended || n.pool.life.Err() != nil {
			return
		}
		back = true
		n.leaving = false
		n.busy, n.quit = context.WithCancel(n.pool.life)
		for _, m := range n.members {
			m.reuse()
		}
		n.admit(Draining)
	})
	return back
}

// update changes the node, and wakes the owner.
func (n *Node) update(change func()) {
	n.change(change)
	n.poke()
}

// poke wakes the owner.
func (n *Node) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// change changes the node, sees to what follows from it, and tells of it once the
// lock is free.
func (n *Node) change(change func()) {
	n.mu.Lock()
	change()
	n.follow()
	told := n.news
	n.news = nil
	n.mu.Unlock()
	n.pool.tell(n.name, told)
}

// follow derives what others see from the state.
func (n *Node) follow() {
	n.lineUp()
	open := len(*n.open.Load())
	if open > 0 {
		n.renewing = false
	}
	n.note(open > 0 || n.renewing)
	barred := slices.ContainsFunc(n.exclusions, func(e Exclusion) bool { return e.Reason.bars() })
	n.askable.Store(n.online && !barred)
	n.tier.Store(tierOf(n.exclusions))
	if n.askable.Load() {
		n.serve()
	} else {
		n.dismiss()
	}
}

// lineUp finds the connections that take requests.
func (n *Node) lineUp() {
	open := make([]*member, 0, len(n.members))
	for _, m := range n.members {
		if m.cause == standing {
			open = append(open, m)
		}
	}
	n.open.Store(&open)
}

// note takes down whether the node is online. That of a node which leaves is no
// news.
func (n *Node) note(online bool) {
	if online == n.online {
		return
	}
	n.online, n.since, n.missed = online, time.Now(), 0
	switch {
	case online:
		n.told = ""
		n.nextBeat = n.since.Add(n.pool.cfg.Heartbeat)
		n.admit(WrongChain)
		n.admit(Offline)
	case !n.leaving:
		n.told = problem(n.lastErr)
		for _, r := range []Reason{Lagging, Failing, Slow, NotServing} { // it is judged anew when it comes back
			n.admit(r)
		}
		n.exclude(Offline, problem(n.lastErr))
	}
}

// first is the oldest connection that takes requests, or nil.
func (n *Node) first() *member {
	if open := *n.open.Load(); len(open) > 0 {
		return open[0]
	}
	return nil
}

// Name is the node's address, host:port.
func (n *Node) Name() string { return n.name }

// Head is the newest block that the node told of; 0 while it is offline.
func (n *Node) Head() uint64 {
	h, _ := n.head()
	return h.Number
}

// head is the highest that a connection knows, and false when none stands.
func (n *Node) head() (best chain.Head, ok bool) {
	for _, m := range *n.open.Load() {
		h, err := m.conn.Head(context.Background())
		if err != nil {
			continue // it has just ended
		}
		if !ok || h.Number > best.Number || h.Number == best.Number && h.At.After(best.At) {
			best, ok = h, true
		}
	}
	return best, ok
}
