package pool

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
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
func (p *Pool) ProveAbsent(ctx context.Context, tx common.Hash, blockLimit uint64) (chain.Absence, error) {
	const op = "proveAbsent"
	needed := min(witnesses, len(p.nodes))
	proof := chain.Absence{Hash: tx}
	pending := ""
	asked := map[*node]bool{}
	var lastErr error
	for answered := 0; answered < needed; {
		witness := p.witness(asked)
		if witness == nil {
			break
		}
		asked[witness.node] = true
		head, found, err := lookAt(ctx, witness, tx)
		switch {
		case err != nil && ctx.Err() != nil:
			return chain.Absence{}, err
		case err != nil:
			lastErr = err
		case found != nil:
			return chain.Absence{}, &chain.Error{Kind: chain.KindExists, Sent: chain.SentYes, Op: op, Node: witness.node.name,
				Msg: fmt.Sprintf("transaction %s is in block %d", tx, found.BlockNumber)}
		case head <= blockLimit || head-blockLimit <= absenceMargin:
			answered++
			pending = fmt.Sprintf("block %d at %s; it may land up to block %d, and is certainly dead from block %d on", head, witness.node.name, blockLimit, blockLimit+absenceMargin+1)
		default:
			answered++
			proof.Witnesses = append(proof.Witnesses, witness.node.name)
			if len(proof.Witnesses) == 1 || head < proof.Head {
				proof.Head = head
			}
		}
	}
	switch {
	case len(proof.Witnesses) >= needed:
		return proof, nil
	case pending != "":
		return chain.Absence{}, &chain.Error{Kind: chain.KindPending, Sent: chain.SentMaybe, Op: op, Msg: pending}
	}
	return chain.Absence{}, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentMaybe, Op: op, Err: lastErr,
		Msg: fmt.Sprintf("%d of the %d nodes needed could be asked: %s", len(proof.Witnesses), needed, p.problems())}
}

// lookAt asks one node for its head first and for the receipt then, so that the
// receipt was missing at a time when the head was already there.
func lookAt(ctx context.Context, w *candidate, tx common.Hash) (head uint64, found *chain.Receipt, err error) {
	head, err = lease(w, func(c Conn) (uint64, error) { return c.BlockNumber(ctx) })
	if err != nil {
		return 0, nil, err
	}
	receipt, err := lease(w, func(c Conn) (chain.Receipt, error) { return c.Receipt(ctx, tx) })
	switch {
	case err == nil:
		return head, &receipt, nil
	case chain.Is(err, chain.KindNotFound):
		return head, nil, nil
	}
	return 0, nil, err
}

// witness gives a connection to a node that was not asked yet, the highest head
// first.
func (p *Pool) witness(asked map[*node]bool) *candidate {
	var best *candidate
	for _, c := range p.online(nil) {
		if !asked[c.node] && (best == nil || c.head.Number > best.head.Number) {
			best = c
		}
	}
	return best
}
