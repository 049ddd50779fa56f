// Package pool keeps connections to the nodes of one target and lends them: it
// dials and dials again, watches how each node does, and says which node is best
// asked. DESIGN.md has the states, the locks and the reasons.
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
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Pool is a set of connections to the nodes of one target. Its methods are safe
// for concurrent use, also before Start and after Stop, when no node is online.
//
// Without a usable node errors are KindUnavailable, sent no, and name each node
// with what keeps it away.
type Pool struct {
	cfg   Config
	log   *slog.Logger
	gate  chan struct{}           // holds one for each dial under way
	nodes atomic.Pointer[[]*Node] // listed ones in their order, then those that drain; replaced, never changed
	count counters

	// listing is held while the list of nodes, or whether they run, changes. It is
	// taken before the locks of nodes.
	listing sync.Mutex
	life    context.Context // of the owners of nodes; nil before Start
	end     context.CancelFunc
	retire  context.CancelFunc // ends the judge
	stopped atomic.Bool
	running sync.WaitGroup

	cordoning chan struct{} // of one: cordons are set and cleared one after the other

	mu       sync.Mutex        // taken last
	changed  chan struct{}     // closed and replaced at each change of a node
	identity *chain.Identity   // of the first node that came online; the others must have the same
	cordons  map[string]Cordon // also of nodes that are not listed
	changes  map[Reason]Change // counted
	heads    [markTicks]uint64 // the highest heads of the last looks, oldest first
}

// New makes a pool; it dials nothing yet.
func New(cfg Config) (*Pool, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	p := &Pool{
		cfg: cfg, log: cfg.Logger.With("target", cfg.Target.Name), gate: make(chan struct{}, cfg.MaxDials),
		cordoning: make(chan struct{}, 1), changed: make(chan struct{}),
		cordons: map[string]Cordon{}, changes: map[Reason]Change{},
	}
	p.arrange(cfg.Nodes)
	return p, nil
}

// Target is what the pool's nodes serve.
func (p *Pool) Target() chain.Target { return p.cfg.Target }

// Start reads the book of cordons, begins to dial all nodes, for ever until Stop,
// and returns. The end of ctx is a Stop that does not wait.
func (p *Pool) Start(ctx context.Context) error {
	if err := p.loadCordons(ctx); err != nil {
		return err
	}
	p.listing.Lock()
	defer p.listing.Unlock()
	if p.life != nil || p.stopped.Load() {
		return errors.New("pool: started twice")
	}
	p.life, p.end = context.WithCancel(ctx)
	judging, retire := context.WithCancel(p.life)
	p.retire = retire
	p.running.Go(func() { p.judge(judging) })
	for _, n := range *p.nodes.Load() {
		n.start()
	}
	return nil
}

// closeGrace is how long Stop waits for connections that it had to cut: closing
// one asks nobody.
const closeGrace = time.Second

// Stop lends nothing more (KindUnavailable) and waits for the leases that are out
// as long as ctx allows. Then it closes all connections, which ends what still
// waits on them with KindUnavailable, and waits for the pool's goroutines. The
// error says that there was no time for that.
func (p *Pool) Stop(ctx context.Context) error {
	p.listing.Lock()
	started := p.life != nil
	if !p.stopped.Swap(true) && started {
		p.retire()
		for _, n := range *p.nodes.Load() {
			n.update(func() {
				n.bar(Draining, "the pool stops", time.Now())
				n.leave(never)
			})
		}
	}
	p.listing.Unlock()
	p.announce()
	if !started {
		return nil
	}
	down := make(chan struct{})
	go func() {
		p.running.Wait()
		close(down)
	}()
	var late error
	select {
	case <-down:
	case <-ctx.Done():
		late = fmt.Errorf("pool: %d requests to target %q were cut off: %w", p.Stat().InFlight, p.cfg.Target.Name, ctx.Err())
	}
	p.end()
	select {
	case <-down:
		return late
	case <-time.After(closeGrace):
		return fmt.Errorf("pool: connections of target %q did not close in time: %w", p.cfg.Target.Name, context.Cause(ctx))
	}
}

// WaitReady waits until a node can be asked. When ctx ends first, or the pool has
// stopped, the error names the problem of each node.
func (p *Pool) WaitReady(ctx context.Context) error {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		_, err := p.Choose(Want{})
		if err == nil || p.stopped.Load() {
			return err
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
	for _, n := range *p.nodes.Load() {
		if h, ok := n.head(); ok && (best.At.IsZero() || h.Number > best.Number || h.Number == best.Number && h.At.After(best.At)) {
			best = h
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
