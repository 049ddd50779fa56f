package doctor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// beyondWindow is added to the head for a block limit that a node must refuse:
// the largest window that a chain can have is 5000 blocks (protocol §4.5).
const beyondWindow = 1_000_000

// codeBlockLimit is the node's refusal of a block limit (protocol §5.3).
const codeBlockLimit = 10001

// probe sends each node a transaction whose block limit is far beyond the window.
// A node that checks block limits refuses it with 10001. One that does not
// executes it, so it does nothing: a call without data to an address without
// code, signed by a key that is made for it and thrown away.
func (t *target) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	each(t.nodes, func(n *node) {
		if n.client == nil || n.mute {
			return
		}
		if signed, err := harmless(n.client.Suite(), t.cfg.Chain, t.cfg.Group, n.head+beyondWindow); err != nil {
			n.add(ProbeUnclear, Details{"error": err.Error()})
		} else {
			n.judgeProbe(n.client.Send(ctx, signed))
		}
	})
}

// harmless makes the transaction of a probe.
func harmless(ledger suite.Suite, chainID, group string, limit uint64) (chain.SignedTx, error) {
	key, err := suite.GenerateKey(ledger)
	if err != nil {
		return chain.SignedTx{}, err
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	to := key.Address()        // nobody else has the key, so nothing can be there
	return tx.NewSigner(key, chainID, group).Sign(chain.Intent{To: &to}, chain.Terms{
		Nonce:      strconv.FormatUint(binary.BigEndian.Uint64(nonce[:8]), 10) + strconv.FormatUint(binary.BigEndian.Uint64(nonce[8:]), 10),
		BlockLimit: limit,
	})
}

func (n *node) judgeProbe(receipt chain.Receipt, err error) {
	refusal, ok := errors.AsType[*chain.Error](err)
	switch {
	case err == nil:
		n.add(BlockLimitOff, Details{"tx": receipt.TxHash.Hex()})
	case ok && refusal.Code == codeBlockLimit:
		n.add(BlockLimitOK, nil)
	default:
		n.add(ProbeUnclear, Details{"error": err.Error()})
	}
}
