package proof

import (
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// MerkleRoot is the root over leaves in block order: zero for none, the leaf
// itself for one (protocol §6.6).
func MerkleRoot(s suite.Suite, leaves []common.Hash) common.Hash {
	if len(leaves) == 0 {
		return common.Hash{}
	}
	level := slices.Clone(leaves)
	for len(level) > 1 {
		n := 0
		for pair := range slices.Chunk(level, 2) {
			level[n] = hashGroup(s, pair)
			n++
		}
		level = level[:n]
	}
	return level[0]
}

// VerifyProof checks that proof leads from leaf to root. It is the array that
// nodes give: from the leaves upward, each level a count word and one or two
// hashes of 64 hex digits without 0x; for a block with one leaf only that
// (protocol §6.6).
func VerifyProof(s suite.Suite, leaf common.Hash, proof []string, root common.Hash) error {
	_, err := climb(s, leaf, proof, root)
	return err
}

// side says where a hash stands in its group; both when the two are equal.
type side uint8

const (
	left  side = 1
	right side = 2
)

func sides(group []common.Hash, h common.Hash) (found side) {
	if group[0] == h {
		found |= left
	}
	if len(group) == 2 && group[1] == h {
		found |= right
	}
	return found
}

// climb verifies a proof and gives the way from the leaf to the root, which is
// the place of the leaf in the block.
func climb(s suite.Suite, leaf common.Hash, proof []string, root common.Hash) ([]side, error) {
	words, err := parseProof(proof)
	if err != nil {
		return nil, err
	}
	if len(words) == 1 { // the only leaf of the block, without a count word
		if words[0] != leaf {
			return nil, &Error{Check: CheckMerkleProof, Msg: "the proof is of another leaf", Want: leaf.Hex(), Got: words[0].Hex()}
		}
		words = nil
	}
	var path []side
	at := leaf
	for len(words) > 0 {
		count := groupCount(words[0])
		if count == 0 || count >= len(words) {
			return nil, &Error{Check: CheckMerkleProof, Msg: fmt.Sprintf("at level %d of the proof %s is no count of 1 or 2, or fewer hashes follow", len(path), words[0])}
		}
		var group []common.Hash
		group, words = words[1:1+count], words[1+count:]
		here := sides(group, at)
		if here == 0 {
			return nil, &Error{Check: CheckMerkleProof, Msg: fmt.Sprintf("level %d of the proof does not contain %s", len(path), at)}
		}
		path = append(path, here)
		at = hashGroup(s, group)
	}
	if at != root {
		return nil, &Error{Check: CheckMerkleProof, Msg: fmt.Sprintf("the proof leads from %s to another root", leaf), Want: root.Hex(), Got: at.Hex()}
	}
	return path, nil
}

// samePlace reports whether two ways can be those of the same place. Where two
// neighbours are equal either side is possible.
func samePlace(a, b []side) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i]&b[i] == 0 {
			return false
		}
	}
	return true
}

func parseProof(proof []string) ([]common.Hash, error) {
	if len(proof) == 0 {
		return nil, &Error{Check: CheckMerkleProof, Msg: "there is no proof: it must be asked for"}
	}
	words := make([]common.Hash, len(proof))
	for i, text := range proof {
		if len(text) != 2*common.HashLength {
			return nil, &Error{Check: CheckMerkleProof, Msg: fmt.Sprintf("word %d of the proof has %d characters, not %d", i, len(text), 2*common.HashLength)}
		}
		if _, err := hex.Decode(words[i][:], []byte(text)); err != nil {
			return nil, &Error{Check: CheckMerkleProof, Msg: fmt.Sprintf("word %d of the proof", i), Err: err}
		}
	}
	return words, nil
}

// groupCount reads a count word: 1 or 2, and 0 for everything else.
func groupCount(word common.Hash) int {
	for _, count := range []byte{1, 2} {
		if word == (common.Hash{3: count}) {
			return int(count)
		}
	}
	return 0
}

func hashGroup(s suite.Suite, group []common.Hash) common.Hash {
	if len(group) == 1 {
		return s.Hash(group[0][:])
	}
	return s.Hash(group[0][:], group[1][:])
}
