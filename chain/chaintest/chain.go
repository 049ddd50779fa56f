// Package chaintest is a target whose nodes do what a test says, without a
// network, so that rules with time can be tested on a fake clock. Programs never
// use it.
package chaintest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// Refused is what a dial says when nothing listens.
var Refused error = &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: "dial", Msg: "nothing listens there"}

var errBroke = errors.New("the connection broke")

// Chain is a target. Its nodes are up, at block 100, and answer at once.
type Chain struct {
	mu    sync.Mutex
	nodes map[string]*Node
}

// Node is what a node does. Fields may only be touched inside Chain.Set.
type Node struct {
	Name     string
	Down     error // what a dial says; nil: the node is up
	Genesis  common.Hash
	Head     uint64                 // what it tells, and what its connections know at once
	Receipts map[common.Hash]uint64 // transaction to block

	// Ask runs before each answer, without the lock, and may wait, or fail the
	// request. op is dial, number, identity, call, send, receipt, block or code. ctx
	// ends with that of the request, and with the connection.
	Ask func(ctx context.Context, op string) error
	// Unserved is what connections say of the target; nil is nothing.
	Unserved error
	// Answer is the answer to calls; nil is the name of the node as StatusName, at
	// its head.
	Answer func() chain.CallResult

	conns []*Conn
	most  int // connections at a time
	asked []string
	dials int
}

// New makes a target with nodes of these names.
func New(names ...string) *Chain {
	c := &Chain{nodes: map[string]*Node{}}
	for _, name := range names {
		c.nodes[name] = &Node{Name: name, Genesis: common.MaxHash, Head: 100, Receipts: map[common.Hash]uint64{}}
	}
	return c
}

// Set changes nodes.
func (c *Chain) Set(name string, change func(*Node)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.nodes[name])
}

// SetAll changes all nodes.
func (c *Chain) SetAll(change func(*Node)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		change(n)
	}
}

// Cut ends all connections of a node, and refuses new ones with reason, unless it
// is nil.
func (c *Chain) Cut(name string, reason error) {
	c.mu.Lock()
	n := c.nodes[name]
	n.Down = reason
	conns := n.conns
	n.conns = nil
	c.mu.Unlock()
	for _, conn := range conns {
		conn.end()
	}
}

// Count is how often a node was asked an op.
func (c *Chain) Count(name, op string) int {
	count := 0
	for _, asked := range c.Asked(name) {
		if asked == op {
			count++
		}
	}
	return count
}

// CountAll is Count over all nodes.
func (c *Chain) CountAll(op string) int {
	c.mu.Lock()
	names := make([]string, 0, len(c.nodes))
	for name := range c.nodes {
		names = append(names, name)
	}
	c.mu.Unlock()
	count := 0
	for _, name := range names {
		count += c.Count(name, op)
	}
	return count
}

// Asked lists what a node was asked, in order, without dials.
func (c *Chain) Asked(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.nodes[name].asked...)
}

// Dials is how often a node was dialled.
func (c *Chain) Dials(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[name].dials
}

// Open is how many connections to a node are open.
func (c *Chain) Open(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.nodes[name].conns)
}

// MostOpen is how many connections to a node were open at a time.
func (c *Chain) MostOpen(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[name].most
}

// Dial connects to a node.
func (c *Chain) Dial(ctx context.Context, name string) (*Conn, error) {
	c.mu.Lock()
	n := c.nodes[name]
	n.dials++
	ask := n.Ask
	c.mu.Unlock()
	if ask != nil {
		if err := ask(ctx, "dial"); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n.Down != nil {
		return nil, n.Down
	}
	conn := &Conn{chain: c, node: n}
	conn.life, conn.end = context.WithCancel(context.Background())
	n.conns = append(n.conns, conn)
	n.most = max(n.most, len(n.conns))
	return conn, nil
}

// Conn is a connection to a node.
type Conn struct {
	chain *Chain
	node  *Node
	life  context.Context
	end   context.CancelFunc
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.life.Done() }

// Serves is what the node says of the target.
func (c *Conn) Serves() error { return locked(c, func(n *Node) error { return n.Unserved }) }

// Close ends the connection.
func (c *Conn) Close() error {
	c.chain.mu.Lock()
	for i, other := range c.node.conns {
		if other == c {
			c.node.conns = append(c.node.conns[:i:i], c.node.conns[i+1:]...)
			break
		}
	}
	c.chain.mu.Unlock()
	c.end()
	return nil
}

func (c *Conn) broken() bool { return c.life.Err() != nil }

// ask notes a request, and fails it when the node wants so, when ctx ends or when
// the connection does.
func (c *Conn) ask(ctx context.Context, op string) error {
	gone := &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Node: c.node.Name, Msg: "the connection broke"}
	if c.broken() {
		return gone
	}
	c.chain.mu.Lock()
	c.node.asked = append(c.node.asked, op)
	ask := c.node.Ask
	c.chain.mu.Unlock()
	if ask == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	err := ask(ctx, op)
	if err != nil && c.broken() {
		gone.Sent = chain.SentMaybe
		return gone
	}
	return err
}

// Hang is an Ask that waits for the end of the request's context.
func Hang(ctx context.Context, op string) error {
	<-ctx.Done()
	kind := chain.KindTimeout
	if errors.Is(ctx.Err(), context.Canceled) {
		kind = chain.KindCanceled
	}
	return &chain.Error{Kind: kind, Sent: chain.SentMaybe, Op: op, Err: ctx.Err()}
}

// locked reads something of the node.
func locked[T any](c *Conn, get func(*Node) T) T {
	c.chain.mu.Lock()
	defer c.chain.mu.Unlock()
	return get(c.node)
}

// Head is what the connection knows.
func (c *Conn) Head(context.Context) (chain.Head, error) {
	if c.broken() {
		return chain.Head{}, errBroke
	}
	return chain.Head{Number: locked(c, func(n *Node) uint64 { return n.Head }), At: time.Now()}, nil
}

// BlockNumber asks for the head.
func (c *Conn) BlockNumber(ctx context.Context) (uint64, error) {
	if err := c.ask(ctx, "number"); err != nil {
		return 0, err
	}
	return locked(c, func(n *Node) uint64 { return n.Head }), nil
}

// Identity asks for the genesis block.
func (c *Conn) Identity(ctx context.Context) (chain.Identity, error) {
	if err := c.ask(ctx, "identity"); err != nil {
		return chain.Identity{}, err
	}
	return chain.Identity{ChainID: "chain0", Group: "group0", Genesis: locked(c, func(n *Node) common.Hash { return n.Genesis })}, nil
}

// Call answers as Node.Answer says.
func (c *Conn) Call(ctx context.Context, _ chain.CallMsg) (chain.CallResult, error) {
	if err := c.ask(ctx, "call"); err != nil {
		return chain.CallResult{}, err
	}
	return locked(c, func(n *Node) chain.CallResult {
		if n.Answer != nil {
			return n.Answer()
		}
		return chain.CallResult{StatusName: n.Name, BlockNumber: n.Head}
	}), nil
}

// Send puts the transaction into the newest block.
func (c *Conn) Send(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	if err := c.ask(ctx, "send"); err != nil {
		return chain.Receipt{}, err
	}
	return locked(c, func(n *Node) chain.Receipt {
		return chain.Receipt{TxHash: tx.Hash, BlockNumber: n.Head, StatusName: n.Name}
	}), nil
}

// Receipt finds what Node.Receipts has.
func (c *Conn) Receipt(ctx context.Context, tx common.Hash) (chain.Receipt, error) {
	if err := c.ask(ctx, "receipt"); err != nil {
		return chain.Receipt{}, err
	}
	block := locked(c, func(n *Node) uint64 { return n.Receipts[tx] })
	if block == 0 {
		return chain.Receipt{}, &chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo, Op: "receipt", Node: c.node.Name}
	}
	return chain.Receipt{TxHash: tx, BlockNumber: block, StatusName: c.node.Name}, nil
}

// Block finds every block up to the head.
func (c *Conn) Block(ctx context.Context, number uint64) (chain.Block, error) {
	if err := c.ask(ctx, "block"); err != nil {
		return chain.Block{}, err
	}
	if number > locked(c, func(n *Node) uint64 { return n.Head }) {
		return chain.Block{}, &chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo, Op: "block", Node: c.node.Name}
	}
	return chain.Block{Number: number}, nil
}

// Code is the name of the node.
func (c *Conn) Code(ctx context.Context, _ common.Address) ([]byte, error) {
	if err := c.ask(ctx, "code"); err != nil {
		return nil, err
	}
	return []byte(c.node.Name), nil
}
