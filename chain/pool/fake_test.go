package pool

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/chain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeChain is a target whose nodes do what a test says, without a network, so
// that rules with time can be tested on a fake clock.
type fakeChain struct {
	mu    sync.Mutex
	nodes map[string]*fakeNode
}

type fakeNode struct {
	chain    *fakeChain
	name     string
	down     error // what a dial says; nil: the node is up
	genesis  common.Hash
	head     uint64
	receipts map[common.Hash]uint64 // transaction to block
	dials    int
	conns    []*fakeConn
	asked    []string // methods
	// Each answers instead of the default when set.
	onCall    func(ctx context.Context) (chain.CallResult, error)
	onSend    func(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error)
	onReceipt func() error
}

func newFakeChain(names ...string) *fakeChain {
	c := &fakeChain{nodes: map[string]*fakeNode{}}
	for _, name := range names {
		c.nodes[name] = &fakeNode{chain: c, name: name, genesis: common.MaxHash, head: 100, receipts: map[common.Hash]uint64{}}
	}
	return c
}

// set changes nodes under the lock.
func (c *fakeChain) set(change func(map[string]*fakeNode)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.nodes)
}

// cut ends all connections of a node, and refuses new ones with reason.
func (c *fakeChain) cut(name string, reason error) {
	c.mu.Lock()
	n := c.nodes[name]
	n.down = reason
	conns := n.conns
	n.conns = nil
	c.mu.Unlock()
	for _, conn := range conns {
		conn.end()
	}
}

func (c *fakeChain) count(name, method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	count := 0
	for _, m := range c.nodes[name].asked {
		if m == method {
			count++
		}
	}
	return count
}

func (c *fakeChain) dial(_ context.Context, name string) (Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[name]
	n.dials++
	if n.down != nil {
		return nil, n.down
	}
	conn := &fakeConn{node: n, done: make(chan struct{})}
	n.conns = append(n.conns, conn)
	return conn, nil
}

type fakeConn struct {
	node *fakeNode
	once sync.Once
	done chan struct{}
}

func (f *fakeConn) end() { f.once.Do(func() { close(f.done) }) }

func (f *fakeConn) Done() <-chan struct{} { return f.done }

func (f *fakeConn) Close() error {
	f.end()
	return nil
}

// ask notes a request and fails it when the connection has ended.
func (f *fakeConn) ask(method string) error {
	select {
	case <-f.done:
		return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: method, Node: f.node.name, Msg: "the connection broke"}
	default:
	}
	f.node.chain.mu.Lock()
	f.node.asked = append(f.node.asked, method)
	f.node.chain.mu.Unlock()
	return nil
}

func (f *fakeConn) Head(context.Context) (chain.Head, error) {
	select {
	case <-f.done:
		return chain.Head{}, errors.New("the connection broke")
	default:
	}
	f.node.chain.mu.Lock()
	defer f.node.chain.mu.Unlock()
	return chain.Head{Number: f.node.head}, nil
}

func (f *fakeConn) BlockNumber(context.Context) (uint64, error) {
	if err := f.ask("number"); err != nil {
		return 0, err
	}
	f.node.chain.mu.Lock()
	defer f.node.chain.mu.Unlock()
	return f.node.head, nil
}

func (f *fakeConn) Identity(context.Context) (chain.Identity, error) {
	f.node.chain.mu.Lock()
	defer f.node.chain.mu.Unlock()
	return chain.Identity{ChainID: "chain0", Group: "group0", Genesis: f.node.genesis}, nil
}

func (f *fakeConn) Call(ctx context.Context, _ chain.CallMsg) (chain.CallResult, error) {
	if err := f.ask("call"); err != nil {
		return chain.CallResult{}, err
	}
	if f.node.onCall != nil {
		return f.node.onCall(ctx)
	}
	return chain.CallResult{StatusName: f.node.name}, nil
}

func (f *fakeConn) Send(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	if err := f.ask("send"); err != nil {
		return chain.Receipt{}, err
	}
	if f.node.onSend != nil {
		return f.node.onSend(ctx, tx)
	}
	return chain.Receipt{TxHash: tx.Hash, StatusName: f.node.name}, nil
}

func (f *fakeConn) Receipt(_ context.Context, tx common.Hash) (chain.Receipt, error) {
	if err := f.ask("receipt"); err != nil {
		return chain.Receipt{}, err
	}
	if f.node.onReceipt != nil {
		if err := f.node.onReceipt(); err != nil {
			return chain.Receipt{}, err
		}
	}
	f.node.chain.mu.Lock()
	defer f.node.chain.mu.Unlock()
	block, found := f.node.receipts[tx]
	if !found {
		return chain.Receipt{}, &chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo}
	}
	return chain.Receipt{TxHash: tx, BlockNumber: block, StatusName: f.node.name}, nil
}

func (f *fakeConn) Block(_ context.Context, number uint64) (chain.Block, error) {
	return chain.Block{Number: number}, f.ask("block")
}

func (f *fakeConn) Code(context.Context, common.Address) ([]byte, error) {
	return []byte(f.node.name), f.ask("code")
}

// startPool starts a pool over a fake chain with the connections made.
func startPool(t *testing.T, c *fakeChain, change ...func(*Config)) *Pool {
	t.Helper()
	cfg := Config{Target: chain.Target{Name: "main"}, Dial: c.dial}
	for _, name := range []string{"a:1", "b:1", "c:1", "d:1"} {
		if c.nodes[name] != nil {
			cfg.Nodes = append(cfg.Nodes, name)
		}
	}
	for _, f := range change {
		f(&cfg)
	}
	p, err := New(cfg)
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, p.Stop(context.Background())) })
	return p
}
