package proof

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

func TestProofsOfAllTreesLeadToTheRoot(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := suite.Suite(rapid.IntRange(0, 1).Draw(t, "suite"))
		leaves := make([]common.Hash, rapid.IntRange(1, 40).Draw(t, "leaves"))
		for i := range leaves {
			leaves[i] = s.Hash([]byte{byte(i)})
		}
		root := MerkleRoot(s, leaves)
		at := rapid.IntRange(0, len(leaves)-1).Draw(t, "place")
		proof := prove(s, leaves, at)
		require.NoError(t, VerifyProof(s, leaves[at], proof, root))

		other := leaves[at]
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		require.Error(t, VerifyProof(s, other, proof, root))
		require.Error(t, VerifyProof(s, leaves[at], proof, other))
		word, digit := rapid.IntRange(0, len(proof)-1).Draw(t, "word"), rapid.IntRange(0, 63).Draw(t, "digit")
		changed := []byte(proof[word])
		changed[digit] = "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", changed[digit])+1)%16]
		proof[word] = string(changed)
		var e *Error
		require.True(t, errors.As(VerifyProof(s, leaves[at], proof, root), &e))
		require.Equal(t, CheckMerkleProof, e.Check)
	})
}

func TestHostileCountWords(t *testing.T) {
	t.Parallel()
	word := func(count byte, rest ...byte) string {
		return hex.EncodeToString(common.RightPadBytes(append([]byte{0, 0, 0, count}, rest...), 32))
	}
	h := hex.EncodeToString(sampleLeaf[:])
	for name, proof := range map[string][]string{
		"nothing":              nil,
		"count 0":              {word(0), h, h},
		"count 3":              {word(3), h, h, h},
		"count 255":            {word(255), h},
		"count of 2^31":        {"80000000" + strings.Repeat("0", 56), h},
		"count of 2^32-1":      {"ffffffff" + strings.Repeat("0", 56), h},
		"bytes behind it":      {word(1, 1), h},
		"fewer hashes":         {word(2), h},
		"no hashes":            {word(1), h, word(1)},
		"only a count":         {word(1)},
		"two hashes":           {h, h},
		"little end":           {"02000000" + strings.Repeat("0", 56), h, h},
		"with 0x":              {"0x" + h},
		"short word":           {h[:62]},
		"no hex":               {strings.Repeat("g", 64)},
		"not the leaf":         {word(2), word(1), word(2)},
		"another single leaf":  {word(1)[:62] + "01"},
		"level too many":       append(append([]string(nil), sampleProof...), word(1), h),
		"level too few":        sampleProof[:len(sampleProof)-3],
		"levels from the next": sampleProof[3:],
	} {
		failsWith(t, VerifyProof(suite.Standard, sampleLeaf, proof, sampleRoot), CheckMerkleProof)
		require.NotEmpty(t, name)
	}
	require.NoError(t, VerifyProof(suite.Standard, sampleLeaf, []string{h}, sampleLeaf))
	failsWith(t, VerifyProof(suite.Standard, sampleLeaf, []string{h}, sampleRoot), CheckMerkleProof)
}

func FuzzVerifyProof(f *testing.F) {
	f.Add(sampleLeaf[:], strings.Join(sampleProof, "\n"), sampleRoot[:])
	f.Add(sampleLeaf[:], hex.EncodeToString(sampleLeaf[:]), sampleLeaf[:])
	f.Add(sampleLeaf[:], "ffffffff"+strings.Repeat("0", 56), sampleRoot[:])
	f.Add(sampleLeaf[:], "", sampleRoot[:])
	f.Fuzz(func(t *testing.T, leaf []byte, proof string, root []byte) {
		from, to := common.BytesToHash(leaf), common.BytesToHash(root)
		words := strings.Split(proof, "\n")
		for _, s := range []suite.Suite{suite.Standard, suite.GM} {
			if err := VerifyProof(s, from, words, to); err != nil {
				failsWith(t, err, CheckMerkleProof)
				continue
			}
			require.Contains(t, strings.ToLower(proof), hex.EncodeToString(from[:]), "a proof contains its leaf")
			to[0] ^= 1
			require.Error(t, VerifyProof(s, from, words, to))
		}
	})
}
