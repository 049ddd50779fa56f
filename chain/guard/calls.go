package guard

import (
	"context"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// Head is the highest head that any node online told. It asks no node.
func (g *Guard) Head(ctx context.Context) (chain.Head, error) { return g.pool.Head(ctx) }

// Identity is that of the target's chain, as the first node that came online told
// it. It asks no node.
func (g *Guard) Identity(ctx context.Context) (chain.Identity, error) { return g.pool.Identity(ctx) }

// Call reads on a node that knows of every block that an answer of this Guard told
// of in the last 30 s (receipts, blocks, results of calls; Head is no promise). The
// answer holds until there is a new block.
func (g *Guard) Call(ctx context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	result, err := read(ctx, g, request{op: "call", key: callKey(msg), life: headBound}, func(ctx context.Context, c pool.Conn) (chain.CallResult, error) {
		return c.Call(ctx, msg)
	})
	if err == nil {
		g.floor.raise(result.BlockNumber)
	}
	return result, err
}

// callKey is equal for calls that ask the same. No From is the zero address.
func callKey(msg chain.CallMsg) string {
	var from common.Address
	if msg.From != nil {
		from = *msg.From
	}
	var key strings.Builder
	key.Grow(2*common.AddressLength + len(msg.Input))
	key.Write(from[:])
	key.Write(msg.To[:])
	key.Write(msg.Input)
	return key.String()
}

// Receipt asks for a receipt. One that was found holds for ever.
func (g *Guard) Receipt(ctx context.Context, tx common.Hash) (chain.Receipt, error) {
	receipt, err := read(ctx, g, request{op: "receipt", key: string(tx[:]), life: immutable}, func(ctx context.Context, c pool.Conn) (chain.Receipt, error) {
		return c.Receipt(ctx, tx)
	})
	if err == nil {
		g.floor.raise(receipt.BlockNumber)
	}
	return receipt, err
}

// Block reads a block. One that was found holds for ever.
func (g *Guard) Block(ctx context.Context, number uint64) (chain.Block, error) {
	block, err := read(ctx, g, request{op: "block", key: strconv.FormatUint(number, 10), life: immutable}, func(ctx context.Context, c pool.Conn) (chain.Block, error) {
		return c.Block(ctx, number)
	})
	if err == nil {
		g.floor.raise(number)
	}
	return block, err
}

// Code reads the code of an account. The answer holds until there is a new block.
func (g *Guard) Code(ctx context.Context, addr common.Address) ([]byte, error) {
	return read(ctx, g, request{op: "code", key: string(addr[:]), life: headBound}, func(ctx context.Context, c pool.Conn) ([]byte, error) {
		return c.Code(ctx, addr)
	})
}

// read makes a query.
func read[T any](ctx context.Context, g *Guard, r request, ask func(context.Context, pool.Conn) (T, error)) (T, error) {
	r.class = Query
	r.minHead = g.floor.get()
	r.want.MinHead = r.minHead
	r.ask = func(ctx context.Context, l pool.Lease) (any, error) { return ask(ctx, l.Conn()) }
	return run[T](ctx, g.call, &r)
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
	r.ask = func(ctx context.Context, l pool.Lease) (any, error) {
		g.sends.remember(tx.Hash, l.Node())
		return l.Conn().Send(ctx, tx)
	}
	receipt, err := run[chain.Receipt](ctx, g.call, &r)
	if err == nil {
		g.floor.raise(receipt.BlockNumber)
	}
	return receipt, err
}
