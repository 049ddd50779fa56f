package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Result is what a request tells about its node.
type Result uint8

// What a request can tell. The user of the lease decides it, because it knows
// what a node may be blamed for.
const (
	Unknown  Result = iota // nothing: the caller gave up, or asked for something wrong
	Answered               // the node works
	Failed                 // the node did not answer, or answered wrongly
)

// Outcome is how a request on a lease ended, from which the node's score is made.
type Outcome struct {
	Result Result
	// Latency is how long the node took for something that it can answer at once; 0
	// says nothing about its speed. Unless it Answered, it took at least so long.
	Latency time.Duration
}

// Lease is a place on a connection for one request. Release it exactly once.
type Lease struct {
	node *Node
	on   *member
	owes int32 // its place among those that owe an answer, from 1 on; 0: AtOnce was not said
}

// Conn is the connection, which other requests use at the same time. It may break
// at any moment, and must not be closed or used after Release.
func (l Lease) Conn() Conn { return l.on.conn }

// Node is the name of the node.
func (l Lease) Node() string { return l.node.name }

// AtOnce says, once and before the node is asked, that it can answer the request at
// once. As long as it answers none of such requests, it counts as slow as it is
// silent. When it answers no heartbeat either, and another node can be asked, giveUp
// is called, at most once and perhaps after Release: it has to end the request, and
// must not wait. nil is for a request that can only wait.
func (l *Lease) AtOnce(giveUp context.CancelFunc) {
	l.node.mu.Lock()
	l.node.meter.owe()
	l.owes = l.node.owed.add(giveUp)
	l.node.mu.Unlock()
}

// GivenUp is for how long the node had answered none of its requests when this one
// was given up; 0 when it was not.
func (l Lease) GivenUp() time.Duration {
	if l.owes == 0 {
		return 0
	}
	l.node.mu.Lock()
	defer l.node.mu.Unlock()
	return l.node.owed.places[l.owes-1].silence
}

// Release gives the place back and says how the request ended.
func (l Lease) Release(o Outcome) {
	n, m := l.node, l.on
	poke, fails := false, false
	n.mu.Lock()
	m.inFlight--
	n.inFlight.Add(-1)
	n.meter.request(o)
	if l.owes != 0 {
		n.owed.remove(l.owes)
		n.meter.settle(o)
	}
	if o.Result == Failed {
		fails = n.meter.errorRate() > failAbove && n.tier.Load()&failingTier == 0
	}
	switch {
	case m.cause != standing:
		if m.inFlight == 0 {
			m.finish()
		}
	case n.waiting.Len() > 0:
		n.serve()
	default:
		poke = m.overdue && m.inFlight == 0
	}
	n.mu.Unlock()
	if fails && m.stands() { // who fails at once must not draw more requests until the next look
		n.change(n.judgeErrors)
	}
	if poke {
		n.poke()
	}
}

// Lease lends a connection to the node. When all are full it waits in the order of
// arrival, for at most that time (0: as long as ctx allows). With fresh it is one
// that was made for this request, where the bounds allow it, else the youngest.
// Errors, all sent no, are KindUnavailable when the node cannot be reached or gives
// no leases, KindOverloaded when there was no connection in that time, and
// KindCanceled. Each wait holds the goroutine of its caller and nothing else: who
// bounds calls bounds the queue.
func (n *Node) Lease(ctx context.Context, wait time.Duration, fresh bool) (Lease, error) {
	n.mu.Lock()
	told := n.demand
	m, w := n.take(fresh)
	poke := n.demand && !told
	n.mu.Unlock()
	if poke {
		n.poke()
	}
	if m != nil {
		n.pool.count.leases.Add(1)
		return Lease{node: n, on: m}, nil
	}
	if w == nil {
		n.pool.count.refused.Add(1)
		return Lease{}, n.refusal()
	}
	return n.await(ctx, wait, w)
}

// take finds a place, or queues for one, or does neither when the node gives none.
func (n *Node) take(fresh bool) (*member, *waiter) {
	if !n.askable.Load() {
		return nil, nil
	}
	open := *n.open.Load()
	room := n.dialing || len(n.members) < n.pool.cfg.MaxConns
	if fresh && (n.dialing || room && !time.Now().Before(n.nextDial)) {
		n.demand = true
		return nil, n.queue(true)
	}
	m := n.place(open, fresh)
	if room && (m == nil || m.inFlight >= n.pool.cfg.PerConn) {
		n.demand = true
	}
	if m == nil {
		return nil, n.queue(false)
	}
	n.give(m)
	return m, nil
}

// place is the connection for one more request, or nil when all are full. The
// oldest is filled up to PerConn first, so that others can go idle.
func (n *Node) place(open []*member, fresh bool) (best *member) {
	for _, m := range open {
		if m.inFlight >= n.pool.cfg.MaxPerConn {
			continue
		}
		if !fresh && m.inFlight < n.pool.cfg.PerConn {
			return m
		}
		if fresh || best == nil || m.inFlight < best.inFlight {
			best = m // of fresh ones the last, which is the youngest
		}
	}
	return best
}

func (n *Node) give(m *member) {
	m.inFlight++
	m.leases++
	n.inFlight.Add(1)
}

// refusal says why the node gives no leases.
func (n *Node) refusal() error {
	return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: "lease", Node: n.name, Msg: n.obstacle()}
}

// gaveUp is the error of a wait without a lease.
func (n *Node) gaveUp(ctx context.Context, waited time.Duration) error {
	e := &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: "lease", Node: n.name, Err: ctx.Err(),
		Msg: fmt.Sprintf("no connection was free for %s", waited.Round(time.Millisecond))}
	if errors.Is(e.Err, context.Canceled) {
		e.Kind, e.Msg = chain.KindCanceled, "given up while waiting for a connection"
	}
	return e
}
