package devchain

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// merkleLevels are the leaves and all levels above them up to the root (protocol
// section 6.6); a last node without partner is hashed alone. No leaves, no levels.
func merkleLevels(s suite.Suite, leaves []common.Hash) [][]common.Hash {
	if len(leaves) == 0 {
		return nil
	}
	levels := [][]common.Hash{leaves}
	for len(leaves) > 1 {
		above := make([]common.Hash, 0, (len(leaves)+1)/2)
		for i := 0; i < len(leaves); i += 2 {
			if i+1 < len(leaves) {
				above = append(above, s.Hash(leaves[i][:], leaves[i+1][:]))
			} else {
				above = append(above, s.Hash(leaves[i][:]))
			}
		}
		levels = append(levels, above)
		leaves = above
	}
	return levels
}

// merkleRoot is the zero hash for no leaves and the leaf for one.
func merkleRoot(s suite.Suite, leaves []common.Hash) common.Hash {
	levels := merkleLevels(s, leaves)
	if levels == nil {
		return common.Hash{}
	}
	return levels[len(levels)-1][0]
}

// merkleProof is the proof of one leaf as the words of section 6.6: from the
// leaves upward a count word and that many hashes; for a single leaf only itself.
func merkleProof(s suite.Suite, leaves []common.Hash, index int) []string {
	if len(leaves) == 1 {
		return []string{hex.EncodeToString(leaves[0][:])}
	}
	var proof []string
	levels := merkleLevels(s, leaves)
	for _, level := range levels[:len(levels)-1] {
		first := index &^ 1
		group := level[first:min(first+2, len(level))]
		var count common.Hash
		binary.BigEndian.PutUint32(count[:4], uint32(len(group)))
		proof = append(proof, hex.EncodeToString(count[:]))
		for _, h := range group {
			proof = append(proof, hex.EncodeToString(h[:]))
		}
		index /= 2
	}
	return proof
}
