package pool

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Nodes are put into a lower tier when they are clearly worse than the best, and
// taken back when they are clearly better again; between the two bounds nothing
// changes.
const (
	lookEvery = 200 * time.Millisecond // heads and error rates are looked at

	// Nodes hear of a block at slightly different times, and a fast chain makes many
	// blocks in that time: a node lags when it lacks what others had a while ago.
	markTicks  = 10 // looks back: 2 s
	lagAbove   = 2  // blocks more make it lag
	lagBelow   = 1  // blocks, for calmBeats heartbeats, end it
	calmBeats  = 2
	failAbove  = .5 // share of requests
	failBelow  = .2
	slowTimes  = 3 // times the best heartbeat, twice in a row, make a node slow
	quickTimes = 2 // times the best heartbeat, twice in a row, end it
	// slowBy is the least difference that counts: below it the scheduling of this
	// machine is measured rather than the node. Half of it ends slowness.
	slowBy = 5 * time.Millisecond
)

// judge looks at the nodes until ctx ends.
func (p *Pool) judge(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.look()
		case <-ctx.Done():
			return
		}
	}
}

// look compares the nodes.
func (p *Pool) look() {
	nodes := *p.nodes.Load()
	var highest uint64
	paces := make([]time.Duration, len(nodes))
	for i, n := range nodes {
		highest = max(highest, n.Head())
		paces[i] = n.pace()
	}
	mark := min(p.mark(highest), highest) // a chain that was set back has no lower mark
	now := time.Now()
	for i, n := range nodes {
		head, up := n.head()
		serves := n.serves()
		if n.meter.silence(now) > silentAbove {
			n.poke() // its owner asks whether it answers anything
		}
		if !up {
			continue
		}
		n.change(func() {
			if !n.online {
				return
			}
			n.judgeService(serves)
			n.judgeLag(head.Number, mark, now)
			n.judgeErrors()
			n.judgePace(bestOther(paces, i))
		})
	}
}

// mark is the highest head of markTicks looks ago; highest is that of now.
func (p *Pool) mark(highest uint64) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.heads[0]
	copy(p.heads[:], p.heads[1:])
	p.heads[len(p.heads)-1] = highest
	return old
}

// serves is what the node's connections say of the target, nil when nothing.
func (n *Node) serves() error {
	for _, m := range *n.open.Load() {
		if c, ok := m.conn.(interface{ Serves() error }); ok {
			if err := c.Serves(); err != nil {
				return err
			}
		}
	}
	return nil
}

// pace is what both of the node's last two heartbeats kept to, or never when the
// node is no measure for others.
func (n *Node) pace() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.askable.Load() || n.tier.Load() > slowTier {
		return never
	}
	return slices.Max(n.meter.beats[:])
}

// bestOther is the best pace but for that of i: a node is no measure of itself, and
// one that is left alone stays what it was.
func bestOther(paces []time.Duration, i int) time.Duration {
	best := never
	for other, pace := range paces {
		if other != i {
			best = min(best, pace)
		}
	}
	return best
}

func (n *Node) judgeService(err error) {
	if err != nil {
		n.exclude(NotServing, problem(err))
	} else {
		n.admit(NotServing)
	}
}

func (n *Node) judgeLag(head, mark uint64, now time.Time) {
	switch {
	case head+lagAbove < mark:
		n.exclude(Lagging, fmt.Sprintf("it is at block %d; others were at block %d %s ago", head, mark, markTicks*lookEvery))
		n.caughtUp = time.Time{}
	case head+lagBelow < mark:
		n.caughtUp = time.Time{}
	case n.caughtUp.IsZero():
		n.caughtUp = now
	case now.Sub(n.caughtUp) >= calmBeats*n.pool.cfg.Heartbeat:
		n.admit(Lagging)
	}
}

func (n *Node) judgeErrors() {
	if !n.online {
		return
	}
	switch rate := n.meter.errorRate(); {
	case rate > failAbove:
		n.exclude(Failing, fmt.Sprintf("%.0f %% of its last requests failed", 100*rate))
	case rate < failBelow:
		n.admit(Failing)
	}
}

func (n *Node) judgePace(best time.Duration) {
	if best == never {
		return
	}
	quick, slow := slices.Min(n.meter.beats[:]), slices.Max(n.meter.beats[:])
	switch {
	case quick > slowTimes*best && quick > best+slowBy:
		n.exclude(Slow, fmt.Sprintf("its last heartbeats took %s and %s, the best node's %s",
			n.meter.beats[0].Round(time.Millisecond/10), n.meter.beats[1].Round(time.Millisecond/10), best.Round(time.Millisecond/10)))
	case slow < quickTimes*best || slow < best+slowBy/2:
		n.admit(Slow)
	}
}
