package pool

import (
	"context"
	"errors"
	"slices"
	"time"
)

// silentAbove is how long a node may leave all requests that it could answer at
// once; a node that executes a full block takes a part of it. A heartbeat that asks
// whether it answers anything has as long again.
const silentAbove = time.Second

// owed are the leases of one node on which an answer is owed. Each has a place by
// number, so that a lease is a value and costs no memory.
type owed struct {
	places []debt
	free   int32 // the first free place, from 1 on; 0 is none
}

// debt is a lease on which an answer is owed.
type debt struct {
	giveUp  context.CancelFunc // nil: it is not given up, or was already
	silence time.Duration      // of the node, when it was given up; else 0
	next    int32              // free place after this one, while this one is free
}

// add gives the lease a place.
func (o *owed) add(giveUp context.CancelFunc) (place int32) {
	if o.free == 0 {
		o.places = append(o.places, debt{giveUp: giveUp})
		return int32(len(o.places)) //nolint:gosec // bounded by the requests in flight
	}
	place = o.free
	d := &o.places[place-1]
	o.free = d.next
	*d = debt{giveUp: giveUp}
	return place
}

func (o *owed) remove(place int32) {
	o.places[place-1] = debt{next: o.free}
	o.free = place
}

// giveUp marks all leases that may be given up; the caller ends their requests
// without the lock.
func (o *owed) giveUp(silence time.Duration) (ends []context.CancelFunc) {
	for i := range o.places {
		if d := &o.places[i]; d.giveUp != nil {
			ends = append(ends, d.giveUp)
			d.giveUp, d.silence = nil, silence
		}
	}
	return ends
}

// wantsProbe reports whether the node has been silent, and was not asked just now
// whether it is alive.
func (n *Node) wantsProbe(now time.Time) bool {
	return !n.probing && n.meter.silence(now) > silentAbove && !now.Before(n.nextProbe)
}

// probe is a heartbeat out of turn. When the node does not answer it either, it
// answers nothing: the leases on which it owes answers are given up if another node
// can be asked. An answer says that the node is alive and its requests take long. It
// counts for nothing else: only regular heartbeats take a node offline.
func (n *Node) probe(ctx context.Context, m *member) {
	asking, cancel := context.WithTimeout(ctx, silentAbove)
	defer cancel()
	began := time.Now()
	_, err := m.conn.BlockNumber(asking)
	late := err != nil && errors.Is(asking.Err(), context.DeadlineExceeded)
	var ends []context.CancelFunc
	n.update(func() {
		n.probing = false
		now := time.Now()
		switch since := n.meter.silent.Load(); {
		case err == nil:
			n.alive(now)
		case !late: // an error at once is no silence
		case since == 0 || since > began.UnixNano() || n.heard.After(began): // it answered something else
		default:
			n.meter.mute = true
			if n.pool.answers(now) {
				ends = n.owed.giveUp(n.meter.silence(now))
			}
		}
	})
	if len(ends) > 0 {
		n.pool.log.Warn("node answers nothing: its reads are asked elsewhere", "node", n.name, "reads", len(ends))
	}
	for _, end := range ends {
		end()
	}
}

// alive notes an answer to a heartbeat.
func (n *Node) alive(now time.Time) {
	n.heard = now
	if n.meter.mute {
		n.meter.speak()
	}
}

// answers reports whether there is a node that can be asked and is not silent.
func (p *Pool) answers(now time.Time) bool {
	return slices.ContainsFunc(*p.nodes.Load(), func(n *Node) bool {
		return n.askable.Load() && n.meter.silence(now) <= silentAbove
	})
}
