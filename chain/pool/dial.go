package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

var (
	errNotDialled = errors.New("not dialled yet")
	errEnded      = errors.New("the connection ended")
)

// dial opens one connection, when the pool has a place for the dial, and takes it
// into use.
func (n *Node) dial(ctx context.Context) {
	select {
	case n.pool.gate <- struct{}{}:
	case <-ctx.Done():
		n.update(func() { n.dialing = false })
		return
	}
	began := time.Now()
	conn, took, err := n.connect(ctx)
	<-n.pool.gate
	unwanted := false
	n.update(func() {
		unwanted = err == nil && ctx.Err() != nil // the node has left meanwhile
		n.dialing = unwanted
		switch {
		case ctx.Err() != nil:
		case err != nil:
			n.failed(err, began)
		default:
			n.connected(conn, took)
		}
	})
	if unwanted { // it counts as open until it is closed
		_ = conn.Close()
		n.update(func() { n.dialing = false })
	}
}

// connect opens a connection and makes sure that it leads to the pool's chain. It
// says how long the node took to answer the first request.
func (n *Node) connect(ctx context.Context) (conn Conn, took time.Duration, err error) {
	p := n.pool
	ctx, cancel := context.WithTimeout(ctx, p.cfg.DialTimeout)
	defer cancel()
	p.count.dials.Add(1)
	if conn, err = p.cfg.Dial(ctx, n.name); err == nil {
		var id chain.Identity
		began := time.Now()
		id, err = conn.Identity(ctx)
		took = time.Since(began)
		if err == nil {
			err = p.agree(id)
		}
		if err != nil {
			_ = conn.Close()
		}
	}
	if err != nil {
		p.count.dialFailures.Add(1)
	}
	return conn, took, err
}

// connected takes a new connection into use.
func (n *Node) connected(conn Conn, took time.Duration) {
	m := n.newMember(conn)
	n.members = append(n.members, m)
	n.work.Go(func() { n.keep(m) })
	n.lastErr = nil
	if !n.online { // it is another process, perhaps: what was known of it is past
		n.meter.reset(took)
	}
	n.welcome(m)
}

// failed notes a dial without a connection. While the node is offline each new
// reason is told once.
func (n *Node) failed(err error, began time.Time) {
	n.lastErr = err
	n.pause(began)
	n.renewing = false
	n.disappoint()
	if n.online {
		return
	}
	if chain.Is(err, chain.KindWrongChain) {
		n.exclude(WrongChain, problem(err))
	} else {
		n.admit(WrongChain)
	}
	n.reword(Offline, problem(err))
	if text := problem(err); n.told != text { // the whole error may name another port each time
		n.told = text
		n.news = append(n.news, news{unreachable: err})
	}
}

// pause puts the next dial off: full jitter under a limit that doubles.
func (n *Node) pause(from time.Time) {
	cfg := &n.pool.cfg
	limit := cfg.BackoffMax
	if cfg.BackoffMin < limit>>n.failures { // else the limit is reached; a shift to the left may overflow
		limit = cfg.BackoffMin << n.failures
	}
	n.failures++
	n.nextDial = from.Add(rand.N(limit))
}

// problem is err in the words for people where it has some; the log has it all.
func problem(err error) string {
	if err == nil {
		err = errEnded
	}
	if e, ok := errors.AsType[*chain.Error](err); ok && e.Msg != "" {
		return e.Msg
	}
	return err.Error()
}
