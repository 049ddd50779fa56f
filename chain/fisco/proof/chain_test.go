package proof

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// madeChain is block 7 of a chain with four sealers of weight 1, 2, 3 and 4, of
// whom 1 to 3 have signed: weight 9, the quorum is 7.
type madeChain struct {
	suite        suite.Suite
	keys         []*suite.Key
	sealers      SealerSet
	block        *result.Block
	transactions []*result.Transaction
	receipts     []*result.Receipt
}

func key(t testing.TB, s suite.Suite, n int) *suite.Key {
	t.Helper()
	k, err := suite.NewKey(s, common.LeftPadBytes([]byte{1, byte(n)}, 32))
	require.NoError(t, err)
	return k
}

func newChain(t testing.TB, s suite.Suite, transactions int) *madeChain {
	t.Helper()
	c := &madeChain{suite: s}
	for i := range transactions {
		c.add(t, i)
	}
	var hashes, receiptHashes []common.Hash
	for i, tx := range c.transactions {
		hashes = append(hashes, tx.Hash)
		receiptHashes = append(receiptHashes, common.BytesToHash(c.receipts[i].Hash))
	}
	for i := range hashes {
		c.transactions[i].TxProof = prove(s, hashes, i)
		c.receipts[i].TxReceiptProof = prove(s, receiptHashes, i)
	}
	c.block = &result.Block{
		Version: 0x03100000, Number: 7, Timestamp: 1700000000000, Sealer: 2, GasUsed: "123456", ExtraData: []byte("extra"),
		TxsRoot: MerkleRoot(s, hashes), ReceiptsRoot: MerkleRoot(s, receiptHashes), StateRoot: common.Hash{1},
		ParentInfo: []result.ParentInfo{{BlockNumber: 6, BlockHash: common.Hash{6}}},
	}
	for i := range 4 {
		k := key(t, s, 100+i)
		c.keys = append(c.keys, k)
		c.block.SealerList = append(c.block.SealerList, k.PublicKey())
		c.block.ConsensusWeights = append(c.block.ConsensusWeights, int64(i+1))
	}
	c.sealers = BlockSealers(c.block)
	c.sign(t, 1, 2, 3)
	return c
}

// add makes a transaction of version 2, with every field set, and its receipt.
func (c *madeChain) add(t testing.TB, i int) {
	t.Helper()
	account := key(t, c.suite, i)
	nonce := fmt.Sprintf("nonce %d", i)
	data := tars.TransactionData{
		Version: 2, ChainID: "chain0", GroupID: "group0", BlockLimit: 500, Nonce: nonce, To: vectorContract, Input: []byte{1, 2, byte(i)}, ABI: "[]",
		Value: "0x1", GasPrice: "0x2", GasLimit: 3, MaxFeePerGas: "0x4", MaxPriorityFeePerGas: "0x5", Extension: []byte{6},
	}
	hash := tx.Hash(c.suite, &data)
	signature, err := account.Sign(hash)
	require.NoError(t, err)
	from := account.Address().Hex()
	c.transactions = append(c.transactions, &result.Transaction{
		Version: data.Version, Hash: hash, Nonce: hex.EncodeToString([]byte(nonce)), BlockLimit: data.BlockLimit, To: data.To, From: from, Input: data.Input, ABI: data.ABI,
		ChainID: data.ChainID, GroupID: data.GroupID, ImportTime: 1, Signature: signature, ExtraData: "free", Value: data.Value, GasPrice: data.GasPrice,
		GasLimit: data.GasLimit, MaxFeePerGas: data.MaxFeePerGas, MaxPriorityFeePerGas: data.MaxPriorityFeePerGas, Extension: []int{6},
	})
	price := "0x7"
	r := &result.Receipt{
		Version: 2, TransactionHash: hash, BlockNumber: 7, Status: 16, ContractAddress: "0x" + vectorContract, From: from, To: data.To,
		GasUsed: fmt.Sprint(21000 + i), Input: bytes.Clone(data.Input), Output: []byte{8, 9}, Message: "text", ExtraData: "free", EffectiveGasPrice: &price,
		LogEntries: []result.Log{vectorLog(t), vectorLog(t)},
	}
	receiptHash := ReceiptHash(c.suite, r)
	r.Hash = receiptHash[:]
	c.receipts = append(c.receipts, r)
}

// sign makes the block's hash and the signatures of these sealers.
func (c *madeChain) sign(t testing.TB, sealers ...int) {
	t.Helper()
	c.block.Hash = BlockHash(c.suite, c.block)
	c.block.SignatureList = nil
	for _, i := range sealers {
		signature, err := c.keys[i].Sign(c.block.Hash)
		require.NoError(t, err)
		if c.suite == suite.GM {
			signature = signature[:64] // the key stands in the header
		}
		c.block.SignatureList = append(c.block.SignatureList, result.BlockSignature{SealerIndex: int64(i), Signature: signature})
	}
}

func (c *madeChain) inclusion(i int) Inclusion {
	return Inclusion{Transaction: c.transactions[i], Receipt: c.receipts[i], Block: c.block, Sealers: c.sealers}
}

// prove makes the proof of a leaf as nodes do (protocol §6.6).
func prove(s suite.Suite, leaves []common.Hash, at int) []string {
	if len(leaves) == 1 {
		return []string{hex.EncodeToString(leaves[0][:])}
	}
	var out []string
	for len(leaves) > 1 {
		first := at &^ 1
		group := leaves[first:min(first+2, len(leaves))]
		out = append(out, hex.EncodeToString(common.Hash{3: byte(len(group))}.Bytes()))
		for _, h := range group {
			out = append(out, hex.EncodeToString(h[:]))
		}
		var next []common.Hash
		for i := 0; i < len(leaves); i += 2 {
			next = append(next, MerkleRoot(s, append([]common.Hash(nil), leaves[i:min(i+2, len(leaves))]...)))
			if i+1 == len(leaves) {
				next[len(next)-1] = s.Hash(leaves[i][:])
			}
		}
		leaves, at = next, at/2
	}
	return out
}
