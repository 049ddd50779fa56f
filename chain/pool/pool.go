// Package pool keeps connections to the nodes of one target and lends them: it
// dials and dials again, watches how each node does, and says which node is best
// asked.
//
// It never knows a wire protocol, which the given dialler does, and never makes a
// request of its users itself: limits, retries and deadlines are package guard's.
package pool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Conn is one connection to one node. Head must not wait for the network.
// Close ends it and waits; Done is closed when it has ended, for whatever reason.
type Conn interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.BlockReader
	chain.CodeReader
	chain.Identifier
	BlockNumber(ctx context.Context) (uint64, error)
	Done() <-chan struct{}
	Close() error
}

// Config says which nodes a pool has.
type Config struct {
	Target chain.Target
	Nodes  []string // addresses, in the order of the configuration; at least one, none twice

	// ConnsPerNode is how many connections each node gets; 0 is 2. Requests are
	// multiplexed on them, so that a few carry thousands.
	ConnsPerNode int

	// Dial opens a connection to a node that serves Target. Its error may be
	// shown to people and must not be nil without a connection.
	Dial func(ctx context.Context, node string) (Conn, error)

	// The pause before the k-th new dial of a connection is random between 0 and
	// BackoffMin·2^k, at most BackoffMax; 0 are 100 ms and 5 s. It is small again
	// once a connection has stood for BackoffMax.
	BackoffMin, BackoffMax time.Duration

	// DialTimeout bounds one dial and the look at the genesis block; 0 is 10 s.
	DialTimeout time.Duration

	Logger *slog.Logger // nil logs nothing
}

// Pool is a set of connections to the nodes of one target. Its methods are safe
// for concurrent use, also before Start and after Stop, when no node is online.
//
// Without a usable node errors are KindUnavailable, sent no, and name each node
// with its last error.
type Pool struct {
	cfg   Config
	log   *slog.Logger
	nodes []*Node

	mu       sync.Mutex
	started  bool
	stop     context.CancelFunc
	changed  chan struct{}   // closed and replaced at each change of a node
	identity *chain.Identity // of the first node that came online; the others must have the same
	wg       sync.WaitGroup
}

// New makes a pool; it dials nothing yet.
func New(cfg Config) (*Pool, error) {
	if cfg.ConnsPerNode <= 0 {
		cfg.ConnsPerNode = 2
	}
	if cfg.BackoffMin <= 0 {
		cfg.BackoffMin = 100 * time.Millisecond
	}
	if cfg.BackoffMax <= 0 {
		cfg.BackoffMax = 5 * time.Second
	}
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		return nil, errors.New("pool: no dialler")
	}
	if len(cfg.Nodes) == 0 {
		return nil, fmt.Errorf("pool: target %q has no nodes", cfg.Target.Name)
	}
	p := &Pool{cfg: cfg, log: cfg.Logger.With("target", cfg.Target.Name), changed: make(chan struct{})}
	seen := map[string]bool{}
	for _, name := range cfg.Nodes {
		if name == "" || seen[name] {
			return nil, fmt.Errorf("pool: target %q names node %q twice or empty", cfg.Target.Name, name)
		}
		seen[name] = true
		n := &Node{pool: p, name: name, since: time.Now(), lastErr: errNotDialled}
		for range cfg.ConnsPerNode {
			n.slots = append(n.slots, &slot{node: n})
		}
		p.nodes = append(p.nodes, n)
	}
	return p, nil
}

// Target is what the pool's nodes serve.
func (p *Pool) Target() chain.Target { return p.cfg.Target }

// Start begins to dial all nodes, for ever until Stop, and returns at once. The
// end of ctx is a Stop that does not wait.
func (p *Pool) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.started {
		return errors.New("pool: started twice")
	}
	p.started = true
	ctx, p.stop = context.WithCancel(ctx)
	for _, n := range p.nodes {
		for _, s := range n.slots {
			p.wg.Go(func() { s.keep(ctx) })
		}
	}
	return nil
}

// Stop closes all connections, which ends what still waits on them with
// KindUnavailable, and waits for the pool's goroutines or the end of ctx.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	stop := p.stop
	p.mu.Unlock()
	if stop == nil {
		return nil
	}
	stop()
	down := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(down)
	}()
	select {
	case <-down:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pool: connections of target %q did not close in time: %w", p.cfg.Target.Name, ctx.Err())
	}
}

// WaitReady waits until one node is online. When ctx ends first, the error names
// the problem of each node.
func (p *Pool) WaitReady(ctx context.Context) error {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		if _, err := p.Choose(Want{}); err == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return p.unavailable("connect", ctx.Err())
		}
	}
}

// announce wakes everyone who waits for a change.
func (p *Pool) announce() {
	p.mu.Lock()
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
}

// agree checks a node's identity against the pool's, which is that of the first
// node that came online.
func (p *Pool) agree(id chain.Identity) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.identity == nil {
		p.identity = &id
		return nil
	}
	if id != *p.identity {
		return &chain.Error{Kind: chain.KindWrongChain, Sent: chain.SentNo, Op: "dial",
			Msg: fmt.Sprintf("excluded: its genesis block is %s, that of the nodes before it is %s: it belongs to another chain with the same names", id.Genesis, p.identity.Genesis)}
	}
	return nil
}

// Head is the highest head that any online node told.
func (p *Pool) Head(context.Context) (chain.Head, error) {
	var best chain.Head
	for _, n := range p.nodes {
		for _, slot := range n.slots {
			if _, h, ok := slot.look(); ok && (best.At.IsZero() || h.Number > best.Number || h.Number == best.Number && h.At.After(best.At)) {
				best = h
			}
		}
	}
	if best.At.IsZero() {
		return best, p.unavailable("head", nil)
	}
	return best, nil
}

// Identity is that of the first node that came online; it stays when all nodes
// are offline.
func (p *Pool) Identity(context.Context) (chain.Identity, error) {
	p.mu.Lock()
	id := p.identity
	p.mu.Unlock()
	if id == nil {
		return chain.Identity{}, p.unavailable("identity", nil)
	}
	return *id, nil
}

// unavailable is the error without a usable node.
func (p *Pool) unavailable(op string, cause error) error {
	return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Err: cause,
		Msg: fmt.Sprintf("no node of target %q is online: %s", p.cfg.Target.Name, p.problems())}
}
