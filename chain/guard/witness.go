package guard

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// WitnessCount is how many nodes the target has, online or not.
func (g *Guard) WitnessCount() int { return len(g.pool.Nodes()) }

// AskReceipt asks n different nodes that know of block atLeast for a receipt. The
// policies of a query hold for each attempt; nothing is kept, merged or hedged, and
// a node that fails is not asked again but replaced by another one.
func (g *Guard) AskReceipt(ctx context.Context, tx common.Hash, atLeast uint64, n int) ([]chain.Testimony[chain.Receipt], error) {
	return askWitnesses[chain.Receipt](ctx, g, "askReceipt", request{op: opReceipt, hash: tx, minHead: atLeast, ask: askReceipt}, n)
}

// AskBlock asks n different nodes that know of a block for it, as AskReceipt does.
func (g *Guard) AskBlock(ctx context.Context, number uint64, n int) ([]chain.Testimony[chain.Block], error) {
	return askWitnesses[chain.Block](ctx, g, "askBlock", request{op: opBlock, number: number, minHead: number, ask: askBlock}, n)
}

// askWitnesses is one call, seen from outside, with an attempt for each node.
func askWitnesses[T any](ctx context.Context, g *Guard, op string, question request, n int) ([]chain.Testimony[T], error) {
	question.class, question.life = Query, immutable
	var list []chain.Testimony[T] // a failed call has some, too
	ask := g.observe(func(ctx context.Context, r *request) (any, error) {
		var err error
		list, err = testimonies[T](ctx, g, r.op, question, n)
		return nil, err
	})
	_, err := ask(ctx, &request{op: op, class: Query})
	return list, err
}

// testimonies asks one node after the other until enough have answered.
func testimonies[T any](ctx context.Context, g *Guard, op string, question request, n int) ([]chain.Testimony[T], error) {
	question.log = chain.CallLogOf(ctx)
	list := make([]chain.Testimony[T], 0, n)
	var asked []string
	var lastErr error
	for len(list) < n {
		node, err := g.pool.Choose(pool.Want{Skip: asked, MinHead: question.minHead})
		if err != nil {
			if lastErr == nil {
				lastErr = err
			}
			return list, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: op, Err: lastErr,
				Msg: fmt.Sprintf("%d of the %d nodes needed answered", len(list), n)}
		}
		asked = append(asked, node.Name())
		attempt := question
		attempt.want = pool.Want{Node: node.Name()}
		answer, err := run[T](ctx, g.attempt, &attempt)
		switch {
		case err == nil || chain.Is(err, chain.KindNotFound):
			list = append(list, chain.Testimony[T]{Node: node.Name(), Found: err == nil, Answer: answer})
		case ctx.Err() != nil:
			return list, err
		default:
			lastErr = err
		}
	}
	return list, nil
}
