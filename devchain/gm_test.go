package devchain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// recordedBlock is what the hash of a block covers, as a node shows it.
type recordedBlock struct {
	ConsensusWeights []uint64
	ExtraData        string
	GasUsed          string
	Hash             common.Hash
	Number           uint64
	ParentInfo       []struct{ BlockHash common.Hash }
	ReceiptsRoot     common.Hash
	Sealer           int
	SealerList       []string
	SignatureList    []struct {
		SealerIndex int
		Signature   string
	}
	StateRoot    common.Hash
	Timestamp    int64
	Transactions []struct{ Hash common.Hash }
	TxsRoot      common.Hash
	Version      uint32
}

func (b recordedBlock) header(t *testing.T) Header {
	t.Helper()
	h := Header{
		Version: b.Version, Number: b.Number, TxsRoot: b.TxsRoot, ReceiptsRoot: b.ReceiptsRoot, StateRoot: b.StateRoot,
		Timestamp: b.Timestamp, Sealer: b.Sealer, ExtraData: unhex(strings.TrimPrefix(b.ExtraData, "0x")),
	}
	require.NoError(t, json.Unmarshal([]byte(b.GasUsed), &h.GasUsed))
	for _, parent := range b.ParentInfo {
		h.Parent = parent.BlockHash
	}
	for i, id := range b.SealerList {
		key, err := ParseNodeID(strings.TrimPrefix(id, "0x"))
		require.NoError(t, err)
		h.Sealers = append(h.Sealers, Sealer{PublicKey: key, Weight: b.ConsensusWeights[i]})
	}
	return h
}

// requireSigned checks a block signature of a GM chain: with the key behind it, it
// is an account's.
func requireSigned(t *testing.T, hash common.Hash, signature []byte, sealer Sealer) {
	t.Helper()
	require.Len(t, signature, 64)
	_, err := suite.GM.Sender(hash, append(signature[:64:64], sealer.PublicKey[:]...))
	require.NoError(t, err)
}

// Hashes, roots and signatures of all blocks of real chains.
func TestRecordedBlocks(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Files(t, "blocks/*.jsonl") {
		s := suite.Standard
		if golden.GM(name) {
			s = suite.GM
		}
		for _, line := range golden.Blocks(t, name) {
			var answer struct{ Result recordedBlock }
			require.NoError(t, json.Unmarshal(line.Response, &answer))
			b := answer.Result
			h := b.header(t)
			require.Equal(t, b.Hash, h.computeHash(s), "%s, block %d", name, b.Number)
			var txs []common.Hash
			for _, tx := range b.Transactions {
				txs = append(txs, tx.Hash)
			}
			require.Equal(t, b.TxsRoot, merkleRoot(s, txs), "%s, block %d", name, b.Number)
			for _, signed := range b.SignatureList {
				signature := unhex(strings.TrimPrefix(signed.Signature, "0x"))
				if s == suite.GM {
					requireSigned(t, b.Hash, signature, h.Sealers[signed.SealerIndex])
					continue
				}
				sender, err := s.Sender(b.Hash, signature)
				require.NoError(t, err)
				require.Equal(t, s.Address(h.Sealers[signed.SealerIndex].PublicKey[:]), sender)
			}
		}
	}
}

// The GM transaction of protocol section 14.9. (That of 14.5 has a hash that its
// own fields do not give; its signature is checked in package suite.)
func TestGMTransactionVector(t *testing.T) {
	t.Parallel()
	v := struct{ raw, hash, sender string }{
		raw:    "1a1c2606636861696e30360667726f7570304101f456273134323433393934373830323139353931303230323835343436343433333339333430333931356628633035323364626464393462613237653134623033333664373939343839333430636132346364667d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000c68656c6c6f2c20776f726c6400000000000000000000000000000000000000000b2d000020db9d06a9258d4e8dbbe490a4f4c3f0bfa4fe8aa783ad77c2720c749410ee9bca3d0001008045e0d42a74157f03aaf9e7d2631df0c21e74ce72dbee2c3c047ac12e0435d24f8563b5b3b7b0a62bd0f95b297530a4e8d789bfb29762f5c47e789e6ffe366fa74c5a43dcbecdb28436cf138f5b74f8f4809415be473fa31e923e27a0e0eaebabe002537bbf5f787e87df7fa9acf7b13391ccf85618009ccb7413376641b19133",
		hash:   "db9d06a9258d4e8dbbe490a4f4c3f0bfa4fe8aa783ad77c2720c749410ee9bca",
		sender: "69a69e8cca296d8def216820cd76ded88a3f4215",
	}
	tx, refused := readTransaction(suite.GM, unhex(v.raw), "chain0", 0)
	require.Nil(t, refused)
	require.Equal(t, v.hash, hex.EncodeToString(tx.Hash[:]))
	sender, err := suite.GM.Sender(tx.Hash, tx.Signature)
	require.NoError(t, err)
	require.Equal(t, v.sender, hexOf(sender))
	_, refused = readTransaction(suite.Standard, unhex(v.raw), "chain0", 0)
	require.NotNil(t, refused, "a standard chain finds another hash than the one that was sent")
}

func TestGMContractAddressVectors(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]struct {
		block      uint64
		index, seq int
	}{
		"c0523dbdd94ba27e14b0336d799489340ca24cdf": {1, 0, 0},
		"82a3c3289a9f234a38aceed3016d1ff0e0f922b3": {2, 0, 0},
		"785eadd6444d0010030dd39793883fc078576297": {2, 1, 0},
		"e563cae121257924b62b6e8bd84a53f9921eacf9": {1, 0, 1},
	} {
		require.Equal(t, want, hexOf(contractAddress(suite.GM, v.block, v.index, v.seq)))
	}
}

// The receipt and the block of protocol section 14.9, of a real GM chain.
func TestGMReceiptAndBlockVectors(t *testing.T) {
	t.Parallel()
	contract := common.HexToAddress("82a3c3289a9f234a38aceed3016d1ff0e0f922b3")
	r := Receipt{GasUsed: 24363, ContractAddress: &contract, BlockNumber: 2}
	h := Header{
		Version: 50528256, Number: 2, GasUsed: 24363, Timestamp: 1680598474810, Sealer: 1,
		Parent:       common.HexToHash("1498f2ff420fb9c240c7081b99bd76819c7348fb1a899095476afa29146c8874"),
		TxsRoot:      common.HexToHash("dce357d4a81bfe2c9b9cc83fde7576a8ae8dede910b70cdf9abed71a32ed10bf"),
		ReceiptsRoot: r.computeHash(suite.GM),
		StateRoot:    common.HexToHash("c81a18b17f22851cd19f48d2fcf875bebea711d7b5823b99a983c2ecbfc48f1a"),
	}
	require.Equal(t, "0xf18d1984c7745a826e4b8d608b823534f1e44b273f75972e16cf2ac3ff313e14", h.ReceiptsRoot.Hex())
	for _, id := range []string{
		"0055dcaf073a332aa1ad90ff53ef028680d24f9bf2fcbc07ec4bbd4879413f75118a570bcf8001c4526fdb8c1319e51ae63444431ec8ab839465c05e178e7c49",
		"2a7aecf4acf010b0c13697e84ffd4f18544835662845621f936166d88cf073f16b1daa6883de457e6129377d21412b4c77099e8a50e8ea521752adcddeb8b331",
		"535439908979b89171283dca78520763e0a32c64631d7f34ee1d3f74c408a31aaa8565c50924ba6817cd33c13fe9dc928e36b8a1df022fc825d3687c2b273258",
		"dd99ab883677a8aef2c2a3847b9671e501bd6930792700398627eb0a1ba04fe81015745b6287be5f36786c0cc8ff12e9dd3215dc5a4210b012d77330a739a2c3",
	} {
		key, err := ParseNodeID(id)
		require.NoError(t, err)
		h.Sealers = append(h.Sealers, Sealer{PublicKey: key, Weight: 1})
	}
	hash := h.computeHash(suite.GM)
	require.Equal(t, "0x2fbafbf71395bb07d1d6e142a06fa3cd9436aee3e91b5b9e6ffc5c47133c3738", hash.Hex())
	for i, signature := range []string{
		"bc1c559adb2723b31b6f75d4f7bd06b204563d238ebc53774b0a621d586482573ae320a6dcca9bd03a2a6af0d8c368cdd660c56b27c8af0c154947f3e6252074",
		"3490744fc8370eb65649b8bb89a0a53623838e37e37bbb66e3f26f67e81dabe8b34a7e10d85520c475bf92cc89da705aa3d76a0b8316784733301e7af57004a6",
		"9b7f9b3d18b619ea66f2a028f9980c09b3a83c0a6595da0fed4441a175a165154973a5b21eabf817311d0305b6b194818fab7308335760d10b584c954cf052eb",
	} {
		requireSigned(t, hash, unhex(signature), h.Sealers[i])
	}
}

// The genesis of config/gm.genesis gives block 0 of the recording.
func TestGMGenesis(t *testing.T) {
	t.Parallel()
	g := DefaultGenesis()
	g.Suite = suite.GM
	g.AuthAdminAccount = "0xb1538df1e4b7e96fc26b0aac7d939dc68d813632"
	key, err := ParseNodeID("9140304a77d508348c84ab9903df474fa8bd1c1b464d8888e18d1bb51f69817ea5e82c03feab9e285c7b765092f82daf38f9f0d58863bef0c707f4f4f69fabd6")
	require.NoError(t, err)
	g.Sealers = []Sealer{{PublicKey: key}}
	require.NoError(t, g.Validate())
	require.Contains(t, g.Text(), "sm_crypto:1\n")
	require.Equal(t, "0xe78722fe4f6211b0e9d88e45b8082c4b66b20e05b2b4c4862ac0eedcc4285623", g.Hash().Hex())
	g.Suite = 2
	require.ErrorContains(t, g.Validate(), "suite 2")
}

// The end of its context ends a read on a GM chain, where all messages are followed.
func TestGMCallIsCanceled(t *testing.T) {
	t.Parallel()
	c, err := Open(testConfigOf(t, suite.GM))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = c.Call(ctx, CallArgs{Input: unhex("5b600056")})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 3*time.Second)
}

// A contract of a GM chain sees SM3 also of its code, of what it never wrote to
// memory, and of nothing; and a slot that a hash names is one slot.
func TestGMHashesInContracts(t *testing.T) {
	t.Parallel()
	c, err := Open(testConfigOf(t, suite.GM))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	st := executionOn(t, c)
	run := func(code string) []byte {
		at := common.Address{9}
		st.state.SetCode(at, unhex(code), tracing.CodeChangeUnspecified)
		out := st.run(message{to: &at})
		require.Equal(t, StatusNone, out.status)
		return out.output
	}
	hash := func(data []byte) []byte { h := suite.GM.Hash(data); return h[:] }
	const answer = "5f5260205ff3" // what is on the stack
	require.Equal(t, hash(nil), run("5f5f20"+answer))
	require.Equal(t, hash(nil), run("5f62ffffff20"+answer), "nothing, far away")
	require.Equal(t, hash(make([]byte, 100)), run("6064603220"+answer), "memory that is not there yet")
	require.Equal(t, hash(hash(nil)), run("5f5f205f5260205f20"+answer))
	require.Equal(t, word(7), run("60075f5f2055"+"5f5f2054"+answer), "SSTORE and SLOAD behind KECCAK256")
	code := "303f" + answer
	require.Equal(t, hash(unhex(code)), run(code), "EXTCODEHASH")
	require.Equal(t, common.LeftPadBytes(hash(nil)[:1], 32), run("5f5f2060f81c"+answer))
}

func executionOn(t *testing.T, c *Chain) *execution {
	t.Helper()
	v, err := c.look()
	require.NoError(t, err)
	w, err := newWorld(v, c.codes)
	require.NoError(t, err)
	x := newExecution(blockEnv{suite: suite.GM, builtIns: c.builtIns, settings: v.reading, number: 1, getHash: blockHashes(v)}, w)
	t.Cleanup(func() { x.close() })
	c.letGo(v)
	return x
}
