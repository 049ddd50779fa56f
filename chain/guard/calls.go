package guard

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// Head is the highest head that any node online told. It asks no node. It is not
// behind what it, or an answer, told of in the last 30 s, also when the node that
// was ahead is lost.
func (g *Guard) Head(ctx context.Context) (chain.Head, error) {
	head, err := g.pool.Head(ctx)
	if err != nil {
		return head, err
	}
	g.heads.raise(head.Number)
	return g.floor.atLeast(g.heads.atLeast(head)), nil
}

// Identity is that of the target's chain, as the first node that came online told
// it. It asks no node.
func (g *Guard) Identity(ctx context.Context) (chain.Identity, error) { return g.pool.Identity(ctx) }

// Call reads on a node that knows of every block that an answer of this Guard told
// of in the last 30 s (receipts, blocks, results of calls; Head is no promise). The
// answer holds until there is a new block, and for ever when it is of one that msg
// names, which then only nodes that know of it are asked for.
func (g *Guard) Call(ctx context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	question := request{op: opCall, key: callKey(msg), life: headBound, msg: msg, ask: askCall}
	if msg.Block != nil {
		question.life, question.minHead = immutable, *msg.Block
	}
	result, err := read[chain.CallResult](ctx, g, question)
	if err == nil {
		g.floor.raise(result.BlockNumber)
	}
	return result, err
}

// Receipt asks for a receipt. One that was found holds for ever.
func (g *Guard) Receipt(ctx context.Context, tx common.Hash) (chain.Receipt, error) {
	receipt, err := read[chain.Receipt](ctx, g, request{op: opReceipt, key: fixedKey('r', tx[:]), life: immutable, hash: tx, ask: askReceipt})
	if err == nil {
		g.floor.raise(receipt.BlockNumber)
	}
	return receipt, err
}

// Block reads a block. One that was found holds for ever.
func (g *Guard) Block(ctx context.Context, number uint64) (chain.Block, error) {
	block, err := read[chain.Block](ctx, g, request{op: opBlock, key: blockKey(number), life: immutable, number: number, ask: askBlock})
	if err == nil {
		g.floor.raise(number)
	}
	return block, err
}

// Code reads the code of an account. The answer holds until there is a new block.
func (g *Guard) Code(ctx context.Context, addr common.Address) ([]byte, error) {
	answer, err := read[codeAt](ctx, g, request{op: opCode, key: fixedKey('a', addr[:]), life: headBound, address: addr, ask: askCode})
	return answer.code, err
}

// read makes a query, of a node that knows of what callers were told, and of the
// question's minHead.
func read[T any](ctx context.Context, g *Guard, question request) (T, error) {
	q := struct { // one piece of memory
		request
		flight flight
	}{request: question}
	r := &q.request
	r.class = Query
	r.flight = &q.flight
	r.minHead = max(question.minHead, g.floor.get())
	r.want.MinHead = r.minHead
	if head, err := g.pool.Head(ctx); err == nil {
		r.head = head.Number
	}
	return run[T](ctx, g.call, r)
}

// run answers a request with the type that it asks for.
func run[T any](ctx context.Context, h handler, r *request) (T, error) {
	result, err := h(ctx, r)
	answer, _ := result.(T) // the zero value beside an error
	return answer, err
}

// Send sends to one node and waits. The same bytes sent again go to the node
// that had them last while it is online: a node of 3.16 answers 10004 for what
// it knows from a peer (protocol §5.5), although nobody waits there. Another node
// is tried only when nothing was sent to the first.
func (g *Guard) Send(ctx context.Context, tx chain.SignedTx) (chain.Receipt, error) {
	r := request{op: "send", class: Write, want: pool.Want{Prefer: g.sends.node(tx.Hash)}}
	r.ask = func(ctx context.Context, _ *request, l pool.Lease) (any, error) {
		g.sends.remember(tx.Hash, l.Node())
		return l.Conn().Send(ctx, tx)
	}
	receipt, err := run[chain.Receipt](ctx, g.call, &r)
	if err == nil {
		g.floor.raise(receipt.BlockNumber)
	}
	return receipt, err
}
