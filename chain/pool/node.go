package pool

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

var (
	errNotDialled = errors.New("not dialled yet")
	errEnded      = errors.New("the connection ended")
)

// Node is one node with its connections. It is online while one of them stands.
type Node struct {
	pool  *Pool
	name  string
	slots []*slot

	mu      sync.Mutex
	up      int       // connections that stand
	since   time.Time // of the last change between online and offline
	lastErr error     // why the last dial failed or the last connection ended; nil while all is well
	told    string    // the last error that was logged while offline
}

// slot is the place of one connection. Its goroutine dials and dials again.
type slot struct {
	node     *Node
	inFlight atomic.Int64

	mu   sync.Mutex
	conn Conn // nil while there is none
}

// Nodes is the state of all nodes, in the order of the configuration.
func (p *Pool) Nodes() []NodeStatus {
	out := make([]NodeStatus, len(p.nodes))
	for i, n := range p.nodes {
		out[i] = n.status()
	}
	return out
}

func (n *Node) status() NodeStatus {
	n.mu.Lock()
	s := NodeStatus{Node: n.name, Online: n.up > 0, Connections: n.up, Since: n.since}
	if n.lastErr != nil {
		s.Error, s.Kind = n.lastErr.Error(), chain.KindOf(n.lastErr)
	}
	n.mu.Unlock()
	for _, slot := range n.slots {
		s.InFlight += int(slot.inFlight.Load())
		if _, head, ok := slot.look(); ok {
			s.Head = max(s.Head, head.Number)
		}
	}
	return s
}

// problems says for people what is wrong with each node; nodes with the same
// problem stand together.
func (p *Pool) problems() string {
	var order []string
	nodes := map[string][]string{}
	for _, n := range p.nodes {
		n.mu.Lock()
		text := problem(n.lastErr)
		n.mu.Unlock()
		if nodes[text] == nil {
			order = append(order, text)
		}
		nodes[text] = append(nodes[text], n.name)
	}
	for i, text := range order {
		order[i] = strings.Join(nodes[text], ", ") + ": " + text
	}
	return strings.Join(order, "; ")
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

// keep holds a connection to the node until ctx ends.
func (s *slot) keep(ctx context.Context) {
	n, cfg := s.node, &s.node.pool.cfg
	for failures := 0; ctx.Err() == nil; {
		conn, err := s.dial(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			n.failed(err)
		} else {
			stood := time.Now()
			s.hold(ctx, conn)
			if time.Since(stood) >= cfg.BackoffMax {
				failures = 0
			}
		}
		limit := cfg.BackoffMax
		if failures < 30 { // beyond, the shift would overflow
			limit = min(limit, cfg.BackoffMin<<failures)
		}
		failures++
		select {
		case <-time.After(rand.N(limit)):
		case <-ctx.Done():
		}
	}
}

// dial opens a connection and makes sure that it leads to the pool's chain.
func (s *slot) dial(ctx context.Context) (Conn, error) {
	p := s.node.pool
	ctx, cancel := context.WithTimeout(ctx, p.cfg.DialTimeout)
	defer cancel()
	conn, err := p.cfg.Dial(ctx, s.node.name)
	if err != nil {
		return nil, err
	}
	id, err := conn.Identity(ctx)
	if err == nil {
		err = p.agree(id)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// hold lends the connection out until it or ctx ends.
func (s *slot) hold(ctx context.Context, conn Conn) {
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.node.connected()

	select {
	case <-conn.Done():
	case <-ctx.Done():
	}

	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	_, err := conn.Head(context.Background()) // says why it ended, if it did by itself
	_ = conn.Close()
	if err == nil {
		err = errEnded
	}
	s.node.disconnected(err, ctx.Err() != nil)
}

// connected counts a new connection.
func (n *Node) connected() {
	n.mu.Lock()
	n.up++
	first := n.up == 1
	if first {
		n.since, n.told = time.Now(), ""
	}
	if n.up == len(n.slots) {
		n.lastErr = nil
	}
	n.mu.Unlock()
	if first {
		n.pool.log.Info("node online", "node", n.name)
	}
	n.pool.announce()
}

// disconnected counts the end of a connection.
func (n *Node) disconnected(err error, stopping bool) {
	n.mu.Lock()
	n.up--
	n.lastErr = err
	last := n.up == 0
	if last {
		n.since, n.told = time.Now(), err.Error()
	}
	n.mu.Unlock()
	if last && !stopping {
		n.pool.log.Warn("node offline", "node", n.name, "error", err)
	}
	n.pool.announce()
}

// failed notes a dial that failed. While the node is offline each new reason is
// logged once.
func (n *Node) failed(err error) {
	n.mu.Lock()
	n.lastErr = err
	tell := n.up == 0 && n.told != err.Error()
	if tell {
		n.told = err.Error()
	}
	n.mu.Unlock()
	if tell {
		n.pool.log.Warn("node cannot be reached", "node", n.name, "error", err)
	}
	n.pool.announce()
}
