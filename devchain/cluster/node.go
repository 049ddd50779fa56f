package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
)

const (
	// beat is the time between two signs of life, and lostAfter that after which a
	// node whose connections are open counts as gone.
	beat      = 500 * time.Millisecond
	lostAfter = 2 * time.Second
	// maxInbox messages wait for the agreement; above it their connections are not read.
	maxInbox = 64
	// maxArrivals and maxArrivingBytes of transactions wait to be checked; more are
	// left out.
	maxArrivals      = 8192
	maxArrivingBytes = 32 << 20
	// shared is how many waiting transactions a node is sent that may not have them.
	shared = 2000
)

// Config says which node this is and how it reaches the others.
type Config struct {
	// Peers are the p2p addresses of the chain's nodes, host:port. The node's own
	// address may be among them, and nodes that are not there yet.
	Peers []string
	// Client and Server are the TLS configurations for connections that this node
	// makes and takes; their versions are replaced by TLS 1.3. Nil for both makes the
	// connections plain and everybody who reaches the port a member of the chain.
	Client, Server *tls.Config

	Logger *slog.Logger // nil discards
}

// Validate lists everything that is wrong with the configuration.
func (cfg Config) Validate() error {
	var errs []error
	for _, address := range cfg.Peers {
		if _, _, err := net.SplitHostPort(address); err != nil {
			errs = append(errs, fmt.Errorf("the address of a node: %w", err))
		}
	}
	if (cfg.Client == nil) != (cfg.Server == nil) {
		errs = append(errs, errors.New("connections to and from other nodes must both have TLS or both be plain"))
	}
	return errors.Join(errs...)
}

// Node is this process's part of a chain of several nodes. Its methods are safe for
// concurrent use.
type Node struct {
	cfg     Config
	log     *slog.Logger
	chain   *devchain.Chain // set by Start
	clients Clients         // set by Start; nil: there are none
	sealers sealers
	self    int

	links    []*link
	incoming chan struct{}  // one for each connection that was accepted
	inbox    chan inbound   // for the agreement
	arrivals chan []byte    // transactions to be checked
	arriving atomic.Int64   // their bytes
	wake     chan struct{}  // one token: a connection has come or gone
	heard    []atomic.Int64 // when a sealer was last heard, in nanoseconds; 0: it is gone
	open     []atomic.Int32 // connections that a sealer has made
	asked    asked          // of other nodes
	serving  serving        // asks of other nodes in work
	news     chan struct{}  // one token: the topics of this node, or who can be told, have changed

	cancel context.CancelFunc
	owned  sync.WaitGroup

	mu     sync.Mutex
	fresh  []int                   // sealers that can be reached again and were not told anything yet
	states map[int]status          // newest blocks of the others
	topics map[net.Conn]toldTopics // what the others have said
	view   View
}

// inbound is a message and the sealer that sent it.
type inbound struct {
	from    int
	message any
}

// New checks the configuration. It opens nothing; Start does.
func New(cfg Config) (*Node, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	n := &Node{
		cfg: cfg, log: cfg.Logger, states: map[int]status{}, topics: map[net.Conn]toldTopics{},
		inbox: make(chan inbound, maxInbox), arrivals: make(chan []byte, maxArrivals), wake: make(chan struct{}, 1),
		news: make(chan struct{}, 1),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	n.cfg.Client, n.cfg.Server = newest(cfg.Client), newest(cfg.Server)
	for _, address := range cfg.Peers {
		n.links = append(n.links, &link{node: n, address: address, queue: newQueue(), kick: make(chan struct{}, 1), sealer: -1})
	}
	return n, nil
}

// newest is a TLS configuration for both ends being this program: TLS 1.3, and no
// session is taken up again, since a secret of the session proves who is there.
func newest(cfg *tls.Config) *tls.Config {
	if cfg == nil {
		return nil
	}
	cfg = cfg.Clone()
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	cfg.ClientSessionCache, cfg.SessionTicketsDisabled = nil, true
	return cfg
}

// Start takes part in the consensus of the chain, which was opened with this
// node's Gossip and has been started, until Stop; l is the p2p port. It returns at
// once, whether other nodes are there or not. It must be called once. The clients are
// those of this node, for AMOP; nil: it has none.
func (n *Node) Start(chain *devchain.Chain, l net.Listener, clients Clients) error {
	n.clients = clients
	n.chain, n.sealers = chain, sealers{chain.Sealers(), chain.LeaderPeriod()}
	own, err := chain.Sign(common.Hash{})
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	n.self = own.SealerIndex
	n.heard, n.open = make([]atomic.Int64, len(n.sealers.members)), make([]atomic.Int32, len(n.sealers.members))
	n.incoming = make(chan struct{}, 4*len(n.sealers.members)) // a peer may come again before its old connection has ended
	n.view = View{Leader: n.sealers.leader(chain.Head().Number+1, 0)}

	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	agreement := newAgreement(chainLedger{chain}, n, n.sealers, n.self, n.log)
	context.AfterFunc(ctx, func() { _ = l.Close() })
	n.owned.Go(func() {
		defer cancel() // without it the others need not count on this node
		if err := n.agree(ctx, agreement); err != nil && ctx.Err() == nil {
			n.log.Error("this node makes no more blocks", "error", err)
		}
	})
	n.owned.Go(func() { n.accept(ctx, l) })
	n.owned.Go(func() { n.beat(ctx) })
	n.owned.Go(func() { n.tellTopics(ctx) })
	for _, l := range n.links {
		n.owned.Go(func() { l.run(ctx) })
	}
	for range runtime.GOMAXPROCS(0) {
		n.owned.Go(func() { n.check(ctx) })
	}
	return nil
}

// Stop leaves the other nodes at once, breaks off the block that is being made, and
// waits for everything that belongs to the node. The chain must be closed later.
func (n *Node) Stop() {
	if n.cancel != nil {
		n.cancel()
		n.owned.Wait()
	}
}

// Gossip sends a transaction to all nodes that can be reached. It never blocks: a
// node that has no room for it will get it later, or in a block.
func (n *Node) Gossip(raw []byte) {
	frame := frame(transaction{raw})
	for _, l := range n.links {
		l.send(everybody, frame, bulk)
	}
}

// agree runs the agreement; it is the only goroutine that uses it.
func (n *Node) agree(ctx context.Context, a *agreement) error {
	if err := a.begin(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case m := <-n.inbox:
			if err := n.drain(ctx, a, m); err != nil {
				return err
			}
		case <-n.wake:
		case <-n.chain.Arrivals():
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		for _, sealer := range n.takeFresh() {
			if err := a.linked(sealer); err != nil {
				return err
			}
		}
		again, err := a.step(ctx, time.Now())
		if err != nil {
			return err
		}
		n.show(a)
		timer.Reset(time.Until(again))
	}
}

// drain handles all messages that are there: a node that was busy must not take
// the others for silent.
func (n *Node) drain(ctx context.Context, a *agreement, m inbound) error {
	for {
		if err := a.receive(ctx, m.from, m.message, time.Now()); err != nil {
			return err
		}
		select {
		case m = <-n.inbox:
		default:
			return nil
		}
	}
}

// beat sends signs of life.
func (n *Node) beat(ctx context.Context) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			head := n.chain.Head()
			n.broadcast(status{head.Number, head.Hash})
		case <-ctx.Done():
			return
		}
	}
}

func (n *Node) poke() {
	select {
	case n.wake <- struct{}{}:
	default: // the token that is there already will do
	}
}

// linkUp notes that a sealer can be reached.
func (n *Node) linkUp(sealer int) {
	n.mu.Lock()
	n.fresh = append(n.fresh, sealer)
	n.mu.Unlock()
	n.log.Info("connected", "sealer", sealer)
	n.poke()
	n.TopicsChanged() // for this sealer they are new
}

func (n *Node) takeFresh() []int {
	n.mu.Lock()
	defer n.mu.Unlock()
	fresh := n.fresh
	n.fresh = nil
	return slices.Compact(fresh)
}

// redial tries again at once to reach nodes: one of them has just come.
func (n *Node) redial() {
	for _, l := range n.links {
		select {
		case l.kick <- struct{}{}:
		default: // the token that is there already will do
		}
	}
}

func (n *Node) heardFrom(sealer int) {
	if n.heard[sealer].Swap(time.Now().UnixNano()) == 0 {
		n.poke()
	}
}

// gone notes that a connection of a sealer has ended.
func (n *Node) gone(sealer int, conn net.Conn) {
	n.forgetTopics(conn)
	n.asked.lose(sealer)
	if n.open[sealer].Add(-1) > 0 {
		return
	}
	n.heard[sealer].Store(0)
	n.log.Info("disconnected", "sealer", sealer)
	n.poke()
}

func (n *Node) noteStatus(sealer int, s status) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.states[sealer] = s
}

func (n *Node) broadcast(message any) {
	n.send(everybody, message)
}

func (n *Node) send(to int, message any) {
	frame := frame(message)
	for _, l := range n.links {
		l.send(to, frame, urgent)
	}
}

func (n *Node) share(to int) {
	for _, raw := range n.chain.Waiting(shared) {
		frame := frame(transaction{raw})
		for _, l := range n.links {
			l.send(to, frame, bulk)
		}
	}
}

// chainLedger is a chain as the agreement sees it.
type chainLedger struct{ *devchain.Chain }

func (l chainLedger) Execute(ctx context.Context, p devchain.Proposal) (block, error) {
	candidate, err := l.Chain.Execute(ctx, p)
	if err != nil {
		return nil, err
	}
	return candidate, nil
}

func (l chainLedger) Commit(b block, signatures []devchain.Signature) error {
	return l.Chain.Commit(b.(*devchain.Candidate), signatures)
}
