package proof

import (
	"bytes"
	"fmt"
	"math"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// SealerSet is who may sign blocks, and with which weight. NodeIDs are public
// keys of 64 bytes, Weights has one weight for each.
type SealerSet struct {
	NodeIDs [][]byte
	Weights []int64
}

// BlockSealers is the sealer set of a block. It may be trusted for the next
// block when the block itself was verified against a set that is trusted.
func BlockSealers(b *result.Block) SealerSet {
	set := SealerSet{Weights: append([]int64(nil), b.ConsensusWeights...)}
	for _, id := range b.SealerList {
		set.NodeIDs = append(set.NodeIDs, bytes.Clone(id))
	}
	return set
}

// Quorum is the weight that makes a block valid: with total weight W it is
// W - (W-1)/3 (protocol §6.7). An unusable set is CheckSealers: none, another
// number of weights, a node twice, a weight below 0, or no weight at all.
func (set SealerSet) Quorum() (int64, error) {
	weights, err := set.weights()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, w := range weights {
		total += w
	}
	return total - (total-1)/3, nil
}

// weights gives the weight by node id, after a check of the set.
func (set SealerSet) weights() (map[string]int64, error) {
	broken := func(format string, args ...any) error {
		return &Error{Check: CheckSealers, Msg: fmt.Sprintf(format, args...)}
	}
	if len(set.NodeIDs) != len(set.Weights) {
		return nil, broken("%d node ids and %d weights", len(set.NodeIDs), len(set.Weights))
	}
	weights := make(map[string]int64, len(set.NodeIDs))
	var total int64
	for i, id := range set.NodeIDs {
		w := set.Weights[i]
		if _, twice := weights[string(id)]; twice {
			return nil, broken("sealer %x is there twice", id)
		}
		if w < 0 || w > math.MaxInt64-total {
			return nil, broken("sealer %x has weight %d", id, w)
		}
		weights[string(id)] = w
		total += w
	}
	if total == 0 {
		return nil, broken("no sealer has any weight")
	}
	return weights, nil
}

// VerifySignatures checks that sealers of the trusted set with a quorum of its
// weight signed the header of b. Every signature must be right; a sealer counts
// once, with the trusted weight, and one who is not in the set not at all. The
// hash is computed: what b shows as its hash is not looked at. Block 0 has no
// signatures and never passes: see VerifyGenesis.
func VerifySignatures(s suite.Suite, b *result.Block, sealers SealerSet) error {
	weights, err := sealers.weights()
	if err != nil {
		return err
	}
	quorum, err := sealers.Quorum()
	if err != nil {
		return err
	}
	hash := BlockHash(s, b)
	var signed int64
	strangers := 0
	counted := make(map[string]bool, len(b.SignatureList))
	for i, sig := range b.SignatureList {
		if sig.SealerIndex < 0 || sig.SealerIndex >= int64(len(b.SealerList)) {
			return &Error{Check: CheckSignature, Msg: fmt.Sprintf("signature %d of block %d is by sealer %d, the block has %d sealers", i, b.Number, sig.SealerIndex, len(b.SealerList))}
		}
		id := b.SealerList[sig.SealerIndex]
		if err := s.VerifyBlockSignature(hash, sig.Signature, id); err != nil {
			return &Error{Check: CheckSignature, Msg: fmt.Sprintf("signature %d of block %d is not one of hash %s by sealer %d", i, b.Number, hash, sig.SealerIndex), Err: err}
		}
		weight, trusted := weights[string(id)]
		if !trusted {
			strangers++
		}
		if !counted[string(id)] {
			signed += weight
		}
		counted[string(id)] = true
	}
	if signed < quorum {
		return &Error{Check: CheckQuorum, Want: fmt.Sprint(quorum), Got: fmt.Sprint(signed),
			Msg: fmt.Sprintf("the trusted sealers who signed block %d have too little weight (%d signatures, %d of them by others)", b.Number, len(b.SignatureList), strangers)}
	}
	return nil
}
