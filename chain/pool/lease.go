package pool

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Want says which node is wanted for a request. The zero value is any good one.
type Want struct {
	Node    string   // only this one; empty is any
	Prefer  string   // this one while it is online, also when others do better
	Avoid   []string // these only when there is no other
	Skip    []string // never these
	MinHead uint64   // nodes that told of this block come before all others
}

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
	// says nothing about its speed. With Unknown it took at least so long.
	Latency time.Duration
}

// Lease is a place on a connection for one request. Release it exactly once.
type Lease struct {
	node *Node
	slot *slot
	conn Conn
}

// Conn is the connection, which other requests use at the same time. It may break
// at any moment, and must not be closed or used after Release.
func (l Lease) Conn() Conn { return l.conn }

// Node is the name of the node.
func (l Lease) Node() string { return l.node.name }

// Release gives the place back and says how the request ended.
func (l Lease) Release(Outcome) { l.slot.inFlight.Add(-1) }

// Name is the node's address, host:port.
func (n *Node) Name() string { return n.name }

// Head is the newest block that the node told of; 0 while it is offline.
func (n *Node) Head() uint64 { return n.status().Head }

// Lease lends a connection to the node. It waits for one for at most that time (0:
// as long as ctx allows). With fresh it is one that was made for this request,
// where the bounds allow it, else the youngest. Errors, all sent no, are
// KindUnavailable when the node cannot be reached, KindOverloaded when all
// connections were taken for so long, and KindCanceled.
func (n *Node) Lease(_ context.Context, _ time.Duration, _ bool) (Lease, error) {
	var best Lease
	for _, s := range n.slots {
		conn, _, ok := s.look()
		if ok && (best.slot == nil || s.inFlight.Load() < best.slot.inFlight.Load()) {
			best = Lease{node: n, slot: s, conn: conn}
		}
	}
	if best.slot == nil {
		return Lease{}, n.pool.unavailable("lease", nil)
	}
	best.slot.inFlight.Add(1)
	return best, nil
}

// maxLag is how many blocks a node may be behind the highest and still be asked:
// notifications of one block reach us at slightly different times.
const maxLag = 1

// Choose says which node is best asked now. It never waits. Without one the error
// is KindUnavailable, sent no, and says what keeps each node away.
func (p *Pool) Choose(want Want) (*Node, error) {
	type place struct {
		n        *Node
		head     uint64
		inFlight int64
	}
	var places []place
	var highest uint64
	for _, n := range p.nodes {
		at := place{n: n, inFlight: -1}
		for _, s := range n.slots {
			if _, head, ok := s.look(); ok {
				at.head = max(at.head, head.Number)
				at.inFlight = max(at.inFlight, 0) + s.inFlight.Load()
			}
		}
		if at.inFlight < 0 || slices.Contains(want.Skip, n.name) || want.Node != "" && want.Node != n.name {
			continue
		}
		if n.name == want.Prefer {
			return n, nil
		}
		highest = max(highest, at.head)
		places = append(places, at)
	}
	var best *place
	rank := func(at *place) (r int64) {
		if at.head+maxLag < highest || at.head < want.MinHead {
			r += 1 << 40
		}
		if slices.Contains(want.Avoid, at.n.name) {
			r += 1 << 41
		}
		return r + at.inFlight
	}
	start := rand.IntN(max(len(places), 1)) // so that equals share the work
	for i := range places {
		at := &places[(start+i)%len(places)]
		if best == nil || rank(at) < rank(best) {
			best = at
		}
	}
	if best == nil {
		return nil, p.unavailable("choose", nil)
	}
	return best.n, nil
}

// look is the connection that stands, and the head that it knows.
func (s *slot) look() (Conn, chain.Head, bool) {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn == nil {
		return nil, chain.Head{}, false
	}
	head, err := conn.Head(context.Background())
	return conn, head, err == nil // else it has just ended
}
