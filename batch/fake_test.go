package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/chain"
)

// fakeSigner signs without a key: hash and bytes follow from intent and terms alone.
type fakeSigner struct {
	address common.Address
	salt    string
}

type fakeTx struct {
	Intent chain.Intent
	Terms  chain.Terms
	From   common.Address
	Salt   string
}

func (s fakeSigner) Address() common.Address { return s.address }

func (s fakeSigner) Nonce(ref string) string {
	return fmt.Sprintf("%x", crypto.Keccak256([]byte(s.address.Hex() + s.salt + ref))[:16])
}

func (s fakeSigner) Sign(intent chain.Intent, terms chain.Terms) (chain.SignedTx, error) {
	raw, err := json.Marshal(fakeTx{Intent: intent, Terms: terms, From: s.address, Salt: s.salt})
	if err != nil {
		return chain.SignedTx{}, err
	}
	return chain.SignedTx{Hash: crypto.Keccak256Hash(raw), From: s.address, Terms: terms, Raw: raw}, nil
}

// fault is what a fakeChain does wrong with one send.
type fault int

const (
	faultNone       fault = iota
	faultLostAnswer       // executed, but the answer is lost
	faultLostBefore       // the connection broke before it arrived
	faultUnsent           // no connection: proven not to be sent
	faultOverloaded       // the pool is full
	faultDropped          // thrown out of the pool
	faultNode             // the node failed inside, without executing
	faultPending          // taken, executed a little later, no answer
	faultInvalid          // refused for good
	faultDenied           // refused, perhaps only by this node
	faultWrongChain
)

// fakeChain executes at once what it is sent, and keeps the rules of a real
// node: nonces are remembered, block limits are kept, receipts are found by
// hash. It notes every breach of the promises.
type fakeChain struct {
	mu        sync.Mutex
	genesis   common.Hash
	height    uint64
	perBlock  int // transactions that make a block
	inBlock   int
	receipts  map[common.Hash]chain.Receipt
	nonces    map[string]common.Hash // of executed transactions
	seen      map[string][]seenTx    // all different bytes that ever arrived, by nonce
	executed  map[string]int         // executions by input
	succeeded map[string]int         // those that did not revert
	order     []string               // inputs in the order of execution
	pending   []fakeTx
	breaches  []string
	sends     int
	calls     int
	asked     map[string]int // calls that were answered, by input
	sending   int            // right now
	mostSends int            // at a time

	fault   func(n int, tx fakeTx) fault                                                  // what goes wrong with send number n, from 1; nil is nothing
	revert  func(input []byte) []byte                                                     // revert data of an input; nil executes with success
	answer  func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) // to call number n, from 1; nil is an empty success
	latency time.Duration                                                                 // of a send
	down    bool                                                                          // nothing can be reached
	code    map[common.Address]bool
}

type seenTx struct {
	hash  common.Hash
	limit uint64
}

var fakeContract = common.HexToAddress("0x00000000000000000000000000000000000C0DE0")

func newFakeChain() *fakeChain {
	return &fakeChain{
		genesis: common.HexToHash("0x01"), height: 10, perBlock: 10,
		receipts: map[common.Hash]chain.Receipt{}, nonces: map[string]common.Hash{}, seen: map[string][]seenTx{}, executed: map[string]int{}, succeeded: map[string]int{}, asked: map[string]int{},
		code: map[common.Address]bool{fakeContract: true},
	}
}

func (c *fakeChain) unreachable(op string) error {
	if c.down {
		return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Msg: "no node"}
	}
	return nil
}

func (c *fakeChain) Head(context.Context) (chain.Head, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return chain.Head{Number: c.height}, c.unreachable("head")
}

func (c *fakeChain) Identity(context.Context) (chain.Identity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return chain.Identity{Genesis: c.genesis}, c.unreachable("identity")
}

func (c *fakeChain) Code(_ context.Context, a common.Address) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.code[a] {
		return []byte{1}, c.unreachable("code")
	}
	return nil, c.unreachable("code")
}

// Call answers as a node of FISCO BCOS does: at its head, whatever block is wanted.
func (c *fakeChain) Call(ctx context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	c.mu.Lock()
	c.calls++
	n, latency, answer := c.calls, c.latency, c.answer
	c.mu.Unlock()
	if latency > 0 && !sleep(ctx, latency) {
		return chain.CallResult{}, &chain.Error{Kind: chain.KindCanceled, Op: "call", Err: ctx.Err()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.unreachable("call"); err != nil {
		return chain.CallResult{}, err
	}
	result := chain.CallResult{BlockNumber: c.height}
	if answer != nil {
		var err error
		if result, err = answer(n, msg, result); err != nil {
			return chain.CallResult{}, err
		}
	}
	if msg.Block != nil && *msg.Block != result.BlockNumber {
		kind := chain.KindUnsupported
		if *msg.Block > result.BlockNumber {
			kind = chain.KindNotFound
		}
		return chain.CallResult{}, &chain.Error{Kind: kind, Op: "call", Msg: fmt.Sprintf("at block %d", result.BlockNumber)}
	}
	c.asked[string(msg.Input)]++
	return result, nil
}

func (c *fakeChain) Receipt(_ context.Context, hash common.Hash) (chain.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.unreachable("receipt"); err != nil {
		return chain.Receipt{}, err
	}
	c.runPending()
	if r, ok := c.receipts[hash]; ok {
		return r, nil
	}
	return chain.Receipt{}, &chain.Error{Kind: chain.KindNotFound, Op: "receipt"}
}

func (c *fakeChain) ProveAbsent(_ context.Context, hash common.Hash, limit uint64) (chain.Absence, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.unreachable("prove"); err != nil {
		return chain.Absence{}, err
	}
	if _, ok := c.receipts[hash]; ok {
		return chain.Absence{}, &chain.Error{Kind: chain.KindExists, Op: "prove"}
	}
	if c.height <= limit+1 {
		return chain.Absence{}, &chain.Error{Kind: chain.KindPending, Op: "prove"}
	}
	return chain.Absence{Hash: hash, Witnesses: []string{"node0", "node1"}, Head: c.height}, nil
}

func (c *fakeChain) Send(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	c.mu.Lock()
	c.sends++
	c.sending++
	c.mostSends = max(c.mostSends, c.sending)
	n, latency := c.sends, c.latency
	c.mu.Unlock()
	if latency > 0 && !sleep(ctx, latency) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sending--
		return chain.Receipt{}, &chain.Error{Kind: chain.KindCanceled, Sent: chain.SentMaybe, Op: "send", Err: ctx.Err()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sending--
	return c.receive(n, tx)
}

func (c *fakeChain) receive(n int, tx chain.SignedTx) (chain.Receipt, error) {
	fail := func(kind chain.Kind, sent chain.Sent) (chain.Receipt, error) {
		return chain.Receipt{}, &chain.Error{Kind: kind, Sent: sent, Op: "send", Node: "node0", Msg: "scripted"}
	}
	if err := c.unreachable("send"); err != nil {
		return chain.Receipt{}, err
	}
	var ftx fakeTx
	if err := json.Unmarshal(tx.Raw, &ftx); err != nil {
		return fail(chain.KindInvalid, chain.SentNo)
	}
	f := faultNone
	if c.fault != nil {
		f = c.fault(n, ftx)
	}
	switch f {
	case faultUnsent:
		return fail(chain.KindUnavailable, chain.SentNo)
	case faultInvalid:
		return fail(chain.KindInvalid, chain.SentNo)
	case faultWrongChain:
		return fail(chain.KindWrongChain, chain.SentNo)
	}
	c.notice(tx, ftx)
	switch f {
	case faultLostBefore:
		return fail(chain.KindUnavailable, chain.SentMaybe)
	case faultOverloaded:
		return fail(chain.KindOverloaded, chain.SentMaybe)
	case faultDropped:
		return fail(chain.KindDropped, chain.SentMaybe)
	case faultNode:
		return fail(chain.KindNode, chain.SentMaybe)
	case faultDenied:
		return fail(chain.KindDenied, chain.SentMaybe)
	case faultPending:
		for _, p := range c.pending {
			if p.Terms == ftx.Terms {
				return fail(chain.KindKnown, chain.SentYes)
			}
		}
		c.pending = append(c.pending, ftx)
		return fail(chain.KindTimeout, chain.SentMaybe)
	}
	if _, used := c.nonces[ftx.Terms.Nonce]; used {
		return fail(chain.KindNonceUsed, chain.SentMaybe)
	}
	if ftx.Terms.BlockLimit <= c.height || ftx.Terms.BlockLimit > c.height+1000 {
		return fail(chain.KindExpired, chain.SentMaybe)
	}
	r := c.execute(tx.Hash, ftx)
	if f == faultLostAnswer {
		return fail(chain.KindTimeout, chain.SentMaybe)
	}
	return r, nil
}

// notice checks the rule for new bytes: earlier bytes with the nonce must be dead.
func (c *fakeChain) notice(tx chain.SignedTx, ftx fakeTx) {
	for _, old := range c.seen[ftx.Terms.Nonce] {
		if old.hash == tx.Hash {
			return
		}
		if _, landed := c.receipts[old.hash]; landed || c.height <= old.limit {
			c.breaches = append(c.breaches, fmt.Sprintf("nonce %s: new bytes while %s may land or landed", ftx.Terms.Nonce, old.hash))
		}
	}
	c.seen[ftx.Terms.Nonce] = append(c.seen[ftx.Terms.Nonce], seenTx{tx.Hash, ftx.Terms.BlockLimit})
}

func (c *fakeChain) runPending() {
	for _, p := range c.pending {
		raw, _ := json.Marshal(p)
		if _, used := c.nonces[p.Terms.Nonce]; !used {
			c.execute(crypto.Keccak256Hash(raw), p)
		}
	}
	c.pending = nil
}

func (c *fakeChain) execute(hash common.Hash, tx fakeTx) chain.Receipt {
	c.nonces[tx.Terms.Nonce] = hash
	c.executed[string(tx.Intent.Input)]++
	c.order = append(c.order, string(tx.Intent.Input))
	if c.inBlock++; c.inBlock >= c.perBlock {
		c.inBlock = 0
		c.height++
	}
	r := chain.Receipt{TxHash: hash, BlockNumber: c.height, Succeeded: true, StatusName: "None", From: tx.From, To: tx.Intent.To, GasUsed: 21000}
	if tx.Intent.To == nil {
		a := crypto.CreateAddress(tx.From, uint64(len(c.order)))
		r.Contract = &a
		c.code[a] = true
	}
	if c.revert != nil {
		if out := c.revert(tx.Intent.Input); out != nil {
			r.Succeeded, r.Status, r.StatusName, r.Output = false, 16, "RevertInstruction", out
		}
	}
	c.receipts[hash] = r
	if r.Succeeded {
		c.succeeded[string(tx.Intent.Input)]++
	}
	return r
}

// with runs f while nothing else happens on the chain.
func (c *fakeChain) with(f func(c *fakeChain)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// doubles counts executions beyond the first of every input.
func (c *fakeChain) doubles() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.executed {
		n += times - 1
	}
	return n
}
