package proof

import (
	"errors"
	"math"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

func TestQuorum(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want    int64
		weights []int64
	}{
		{1, []int64{1}},
		{2, []int64{1, 1}},
		{3, []int64{1, 1, 1}},
		{3, []int64{1, 1, 1, 1}},
		{4, []int64{1, 1, 1, 1, 1}},
		{5, []int64{1, 1, 1, 1, 1, 1}},
		{5, []int64{1, 1, 1, 1, 1, 1, 1}},
		{7, []int64{1, 2, 3, 4}},
		{67, []int64{97, 1, 1, 1}},
		{math.MaxInt64/3*2 + 1, []int64{math.MaxInt64}},
	} {
		set := SealerSet{Weights: c.weights}
		for i := range c.weights {
			set.NodeIDs = append(set.NodeIDs, []byte{byte(i)})
		}
		quorum, err := set.Quorum()
		require.NoError(t, err)
		require.Equal(t, c.want, quorum, "%v", c.weights)
	}
	a, b := []byte{1}, []byte{2}
	for name, set := range map[string]SealerSet{
		"nobody":          {},
		"no weights":      {NodeIDs: [][]byte{a}},
		"weights alone":   {Weights: []int64{1}},
		"twice":           {NodeIDs: [][]byte{a, b, a}, Weights: []int64{1, 1, 1}},
		"negative":        {NodeIDs: [][]byte{a, b}, Weights: []int64{3, -1}},
		"weightless":      {NodeIDs: [][]byte{a}, Weights: []int64{0}},
		"more than int64": {NodeIDs: [][]byte{a, b}, Weights: []int64{math.MaxInt64, 1}},
	} {
		_, err := set.Quorum()
		require.Error(t, err, name)
		failsWith(t, err, CheckSealers)
		failsWith(t, VerifySignatures(suite.Standard, vectorBlock(t), set), CheckSealers)
	}
}

// The sealers of newChain have weights 1 to 4; the quorum is 7.
func TestSignaturesNeedAQuorumOfTheTrustedSealers(t *testing.T) {
	t.Parallel()
	bothSuites(t, func(t *testing.T, s suite.Suite) {
		for name, c := range map[string]struct {
			signers []int
			trusted func(SealerSet) SealerSet
			check   Check
		}{
			"all":                {[]int{0, 1, 2, 3}, nil, ""},
			"exactly the quorum": {[]int{3, 2}, nil, ""},
			"one too little":     {[]int{0, 1, 2}, nil, CheckQuorum},
			"heaviest, twice":    {[]int{3, 3}, nil, CheckQuorum},
			"nobody":             {nil, nil, CheckQuorum},
			"trusted weights count, not the block's": {[]int{2, 3}, func(set SealerSet) SealerSet {
				set.Weights = []int64{9, 9, 1, 1}
				return set
			}, CheckQuorum},
			"only some are trusted": {[]int{1, 2, 3}, func(set SealerSet) SealerSet {
				return SealerSet{NodeIDs: [][]byte{set.NodeIDs[0], set.NodeIDs[1]}, Weights: []int64{1, 1}}
			}, CheckQuorum},
			"a sealer has joined": {[]int{1, 2, 3}, func(set SealerSet) SealerSet {
				return SealerSet{NodeIDs: set.NodeIDs[1:], Weights: set.Weights[1:]}
			}, ""},
			"nobody is trusted": {[]int{0, 1, 2, 3}, func(SealerSet) SealerSet {
				return SealerSet{NodeIDs: [][]byte{make([]byte, 64)}, Weights: []int64{1}}
			}, CheckQuorum},
		} {
			chain := newChain(t, s, 1)
			chain.sign(t, c.signers...)
			trusted := chain.sealers
			if c.trusted != nil {
				trusted = c.trusted(trusted)
			}
			err := VerifySignatures(s, chain.block, trusted)
			if c.check == "" {
				require.NoError(t, err, name)
				continue
			}
			require.Error(t, err, name)
			failsWith(t, err, c.check)
		}
	})
}

func TestWrongSignaturesAreRefusedEvenBeyondTheQuorum(t *testing.T) {
	t.Parallel()
	bothSuites(t, func(t *testing.T, s suite.Suite) {
		for name, change := range map[string]func(*result.Block){
			"damaged":                func(b *result.Block) { b.SignatureList[0].Signature[5] ^= 1 },
			"cut":                    func(b *result.Block) { b.SignatureList[0].Signature = b.SignatureList[0].Signature[:60] },
			"empty":                  func(b *result.Block) { b.SignatureList[0].Signature = nil },
			"of another sealer":      func(b *result.Block) { b.SignatureList[0].SealerIndex = 1 },
			"of nobody":              func(b *result.Block) { b.SignatureList[0].SealerIndex = 4 },
			"of sealer -1":           func(b *result.Block) { b.SignatureList[0].SealerIndex = -1 },
			"of a sealer above 2^32": func(b *result.Block) { b.SignatureList[0].SealerIndex += 1 << 32 },
			"of another block":       func(b *result.Block) { b.Timestamp++ },
			"node id is no key":      func(b *result.Block) { b.SealerList[0] = make([]byte, 64) },
			"node id is short":       func(b *result.Block) { b.SealerList[0] = b.SealerList[0][:3] },
		} {
			c := newChain(t, s, 1)
			c.sign(t, 0, 1, 2, 3)
			change(c.block)
			err := VerifySignatures(s, c.block, c.sealers)
			require.Error(t, err, name)
			failsWith(t, err, CheckSignature)
		}
	})
}

// What the block shows as its hash is not what is signed.
func TestShownHashIsNotTrusted(t *testing.T) {
	t.Parallel()
	c := newChain(t, suite.Standard, 1)
	c.block.Hash = common.Hash{1}
	require.NoError(t, VerifySignatures(suite.Standard, c.block, c.sealers))
	failsWith(t, VerifyBlock(suite.Standard, c.block), CheckBlockHash)
}

func TestSealersOfABlockAreCopied(t *testing.T) {
	t.Parallel()
	b := newChain(t, suite.Standard, 1).block
	set := BlockSealers(b)
	id := set.NodeIDs[0][0]
	b.SealerList[0][0] ^= 1
	b.ConsensusWeights[0] = 100
	require.Equal(t, id, set.NodeIDs[0][0])
	require.Equal(t, int64(1), set.Weights[0])
}

func TestParentLink(t *testing.T) {
	t.Parallel()
	parent := func() *result.Block { return &result.Block{Number: 6, Hash: common.Hash{6}} }
	child := func() *result.Block { return newChain(t, suite.Standard, 1).block }
	require.NoError(t, VerifyParent(child(), parent()))
	for name, change := range map[string]func(child, parent *result.Block){
		"another hash":      func(_, parent *result.Block) { parent.Hash[31] = 1 },
		"another number":    func(_, parent *result.Block) { parent.Number = 5 },
		"no parent":         func(child, _ *result.Block) { child.ParentInfo = nil },
		"two parents":       func(child, _ *result.Block) { child.ParentInfo = append(child.ParentInfo, child.ParentInfo[0]) },
		"names another":     func(child, _ *result.Block) { child.ParentInfo[0].BlockNumber = 5 },
		"does not follow":   func(child, _ *result.Block) { child.Number = 8 },
		"names other bytes": func(child, _ *result.Block) { child.ParentInfo[0].BlockHash = common.Hash{} },
	} {
		c, p := child(), parent()
		change(c, p)
		err := VerifyParent(c, p)
		require.Error(t, err, name)
		failsWith(t, err, CheckParent)
	}
}

// Block 1 need not name the hash of the genesis text (see VerifyParent).
func TestParentLinkOfBlock1(t *testing.T) {
	t.Parallel()
	block1, genesis := vectorBlock(t), &result.Block{Hash: common.Hash{1}}
	require.NoError(t, VerifyParent(block1, genesis))
	require.NoError(t, VerifyGenesisLink(block1, block1.ParentInfo[0].BlockHash))
	failsWith(t, VerifyGenesisLink(block1, genesis.Hash), CheckParent)
	block1.Number = 2
	failsWith(t, VerifyParent(block1, genesis), CheckParent)
	block1.Number, block1.ParentInfo[0].BlockNumber = 1, 1
	failsWith(t, VerifyParent(block1, genesis), CheckParent)
	block1.ParentInfo = nil
	failsWith(t, VerifyParent(block1, genesis), CheckParent)
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := &Error{Check: CheckQuorum, Msg: "too little", Want: "3", Err: cause}
	require.EqualError(t, err, "quorum: too little: got nothing, want 3: cause")
	require.ErrorIs(t, err, cause)
	require.EqualError(t, &Error{Check: CheckParent, Msg: "none"}, "parent link: none")
}
