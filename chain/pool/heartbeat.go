package pool

import (
	"context"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// beat asks the node for its newest block, on the connection that carries most of
// its requests. It is never left out because requests were answered: it asks every
// node the same, so that its answers compare, which requests do not.
func (n *Node) beat(ctx context.Context, m *member) {
	asking, cancel := context.WithTimeout(ctx, n.pool.cfg.HeartbeatTimeout)
	defer cancel()
	began := time.Now()
	_, err := m.conn.BlockNumber(asking)
	took := time.Since(began)
	n.update(func() {
		n.beating = false
		switch {
		case m.cause != standing || ctx.Err() != nil || chain.Is(err, chain.KindOverloaded, chain.KindCanceled):
			return // it tells nothing about the node
		case err == nil:
			n.missed = 0
			n.alive(time.Now())
			n.pool.count.beats.Add(1)
			n.meter.beat(took)
		default:
			n.miss(err)
		}
	})
}

// miss counts a heartbeat without an answer. The last one closes all connections.
func (n *Node) miss(err error) {
	n.pool.count.beats.Add(1)
	n.pool.count.missed.Add(1)
	n.meter.missed()
	most := n.pool.cfg.HeartbeatMisses
	if n.missed++; n.missed < most {
		return
	}
	dead := &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: "heartbeat", Node: n.name, Err: err,
		Msg: fmt.Sprintf("it answered none of the last %d heartbeats", most)}
	for _, m := range *n.open.Load() {
		n.lose(m, dead)
	}
}
