package pool

import (
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// counters are what a pool counts.
type counters struct {
	dials, dialFailures    atomic.Uint64
	leases, waits, refused atomic.Uint64
	waitTime               atomic.Int64
	beats, missed          atomic.Uint64
	closed                 [causes]atomic.Uint64
}

func (c *counters) waited(d time.Duration) {
	c.waits.Add(1)
	c.waitTime.Add(int64(d))
}

// Nodes is the state of all nodes, in the order of their list; those that drain
// come last.
func (p *Pool) Nodes() []NodeStatus {
	nodes := *p.nodes.Load()
	out := make([]NodeStatus, len(nodes))
	var highest uint64
	for i, n := range nodes {
		out[i] = n.status()
		highest = max(highest, out[i].Head)
	}
	for i := range out {
		if out[i].Online {
			out[i].Lag = highest - out[i].Head
		}
	}
	return out
}

func (n *Node) status() NodeStatus {
	head := n.Head()
	n.mu.Lock()
	defer n.mu.Unlock()
	s := NodeStatus{
		Node: n.name, Online: n.online, Exclusions: n.exclusions, Connections: len(n.members), InFlight: int(n.inFlight.Load()), Waiting: n.waiting.Len(),
		Latency: time.Duration(n.meter.latency.Load()), ErrorRate: n.meter.errorRate(), Since: n.since,
	}
	if n.online {
		s.Head = head
	}
	for _, m := range n.members {
		if m.inFlight == 0 {
			s.Idle++
		}
	}
	if n.lastErr != nil {
		s.Error, s.Kind = n.lastErr.Error(), chain.KindOf(n.lastErr)
	}
	return s
}

// Stat is the pool's state and what it has counted.
func (p *Pool) Stat() Stat {
	c := &p.count
	s := Stat{
		Dialing: len(p.gate), Dials: c.dials.Load(), DialFailures: c.dialFailures.Load(),
		Leases: c.leases.Load(), Waits: c.waits.Load(), WaitTime: time.Duration(c.waitTime.Load()), Refused: c.refused.Load(),
		ClosedIdle: c.closed[idle].Load(), ClosedLifetime: c.closed[lifetime].Load(), ClosedBroken: c.closed[broken].Load(), ClosedDrained: c.closed[drained].Load(),
		Heartbeats: c.beats.Load(), HeartbeatsMissed: c.missed.Load(),
		Changes: map[Reason]Change{},
	}
	for _, n := range p.Nodes() {
		s.Nodes++
		if n.Usable() {
			s.Usable++
		}
		s.Open += n.Connections
		s.Idle += n.Idle
		s.InFlight += n.InFlight
		s.Waiting += n.Waiting
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range Reasons() {
		s.Changes[r] = p.changes[r]
	}
	return s
}
