package guard

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

const (
	// absenceMargin is how many blocks a head must be past a block limit: the
	// last block that may include the transaction is there with its receipts on
	// every witness, and a neighbour that is a block ahead changes nothing.
	absenceMargin = 2
	// witnesses is how many nodes must agree, where the target has as many.
	witnesses = 2
)

// ProveAbsent proves that a transaction can no longer land: two different nodes
// (one, if the target has only one) each say that their head is past blockLimit
// plus 2, and then that they have no receipt. Each node is asked now; no cached
// head is believed.
//
// The error has KindExists when a receipt was found, KindPending while the
// transaction may still land, KindUnavailable when fewer nodes than needed can be
// asked. A chain without traffic makes no blocks, so KindPending may last until
// something else is sent; sending the same bytes again meanwhile is always safe.
func (g *Guard) ProveAbsent(ctx context.Context, tx common.Hash, blockLimit uint64) (chain.Absence, error) {
	prove := g.observe(func(ctx context.Context, r *request) (any, error) { return g.prove(ctx, r.op, tx, blockLimit) })
	return run[chain.Absence](ctx, prove, &request{op: "proveAbsent", class: Query})
}

// prove asks one node after the other until enough have answered.
func (g *Guard) prove(ctx context.Context, op string, tx common.Hash, blockLimit uint64) (chain.Absence, error) {
	needed := min(witnesses, g.WitnessCount())
	proof := chain.Absence{Hash: tx}
	pending := ""
	var asked []string
	var lastErr error
	for answered := 0; answered < needed; {
		witness, err := g.pool.Choose(pool.Want{Skip: asked, MinHead: blockLimit + absenceMargin + 1})
		if err != nil {
			if lastErr == nil {
				lastErr = err
			}
			break
		}
		asked = append(asked, witness.Name())
		head, found, err := g.lookAt(ctx, witness.Name(), tx)
		switch {
		case err != nil && ctx.Err() != nil:
			return chain.Absence{}, err
		case err != nil:
			lastErr = err
		case found != nil:
			return chain.Absence{}, &chain.Error{Kind: chain.KindExists, Sent: chain.SentYes, Op: op, Node: witness.Name(),
				Msg: fmt.Sprintf("transaction %s is in block %d", tx, found.BlockNumber)}
		case head <= blockLimit || head-blockLimit <= absenceMargin:
			answered++
			pending = fmt.Sprintf("block %d at %s; it may land up to block %d, and is certainly dead from block %d on", head, witness.Name(), blockLimit, blockLimit+absenceMargin+1)
		default:
			answered++
			proof.Witnesses = append(proof.Witnesses, witness.Name())
			if len(proof.Witnesses) == 1 || head < proof.Head {
				proof.Head = head
			}
		}
	}
	switch {
	case needed > 0 && len(proof.Witnesses) >= needed:
		return proof, nil
	case pending != "":
		return chain.Absence{}, &chain.Error{Kind: chain.KindPending, Sent: chain.SentMaybe, Op: op, Msg: pending}
	}
	return chain.Absence{}, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentMaybe, Op: op, Err: lastErr,
		Msg: fmt.Sprintf("%d of the %d nodes needed could be asked", len(proof.Witnesses), needed)}
}

// lookAt asks one node for its head first and for the receipt then, so that the
// receipt was missing at a time when the head was already there. Neither is
// retried: another node is another witness.
func (g *Guard) lookAt(ctx context.Context, node string, tx common.Hash) (head uint64, found *chain.Receipt, err error) {
	question := request{class: Query, log: chain.CallLogOf(ctx), hash: tx, want: pool.Want{Node: node}}
	first, second := question, question
	first.op, first.ask = "blockNumber", askBlockNumber
	second.op, second.ask = opReceipt, askReceipt
	if head, err = run[uint64](ctx, g.attempt, &first); err != nil {
		return 0, nil, err
	}
	receipt, err := run[chain.Receipt](ctx, g.attempt, &second)
	switch {
	case err == nil:
		return head, &receipt, nil
	case chain.Is(err, chain.KindNotFound):
		return head, nil, nil
	}
	return 0, nil, err
}

func askBlockNumber(ctx context.Context, _ *request, l pool.Lease) (any, error) {
	number, err := l.Conn().BlockNumber(ctx)
	return number, err
}
