package proof

import (
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// BlockHash is the hash of the header of a block (protocol §6.5). Signatures and
// transactions are not covered. What block 0 shows as zero roots and gasUsed "0"
// is empty there and counts as nothing.
func BlockHash(s suite.Suite, b *result.Block) common.Hash {
	pre := binary.BigEndian.AppendUint32(nil, b.Version)
	for _, parent := range b.ParentInfo {
		pre = binary.BigEndian.AppendUint64(pre, uint64(parent.BlockNumber))
		pre = append(pre, parent.BlockHash[:]...)
	}
	for _, root := range []common.Hash{b.TxsRoot, b.ReceiptsRoot, b.StateRoot} {
		if b.Number != 0 || root != (common.Hash{}) {
			pre = append(pre, root[:]...)
		}
	}
	pre = binary.BigEndian.AppendUint64(pre, uint64(b.Number))
	if b.Number != 0 || b.GasUsed != "0" {
		pre = append(pre, b.GasUsed...)
	}
	pre = binary.BigEndian.AppendUint64(pre, uint64(b.Timestamp))
	pre = binary.BigEndian.AppendUint64(pre, uint64(b.Sealer))
	for _, id := range b.SealerList {
		pre = append(pre, id...)
	}
	pre = append(pre, b.ExtraData...)
	for _, weight := range b.ConsensusWeights {
		pre = binary.BigEndian.AppendUint64(pre, uint64(weight))
	}
	return s.Hash(pre)
}

// VerifyBlock checks that the hash that b shows is that of its header.
func VerifyBlock(s suite.Suite, b *result.Block) error {
	for i, id := range b.SealerList {
		if len(id) != suite.PublicKeyLen {
			return &Error{Check: CheckBlockHash, Msg: fmt.Sprintf("sealer %d of block %d has a node id of %d bytes, not %d", i, b.Number, len(id), suite.PublicKeyLen)}
		}
	}
	if !onlyOf(b.GasUsed, "0123456789") {
		return &Error{Check: CheckBlockHash, Msg: fmt.Sprintf("block %d has gasUsed %q, which is no decimal number", b.Number, b.GasUsed)}
	}
	if hash := BlockHash(s, b); hash != b.Hash {
		return &Error{Check: CheckBlockHash, Msg: fmt.Sprintf("block %d shows another hash than its header has", b.Number), Want: hash.Hex(), Got: b.Hash.Hex()}
	}
	return nil
}

// VerifyParent checks that child follows on parent and names its hash; both are
// headers whose own hashes were verified.
//
// Of block 0 only the number can be checked: on chains with executor version 1
// block 1 does not name the hash of the genesis block but that of a second block
// 0, which deployed the system contracts and which no node shows. That block 1
// belongs to a genesis text is proven by the signatures of that text's sealers;
// VerifyGenesisLink checks the hash for callers who know it.
func VerifyParent(child, parent *result.Block) error {
	if parent.Number == 0 && len(child.ParentInfo) == 1 {
		return verifyLink(child, 0, child.ParentInfo[0].BlockHash)
	}
	return verifyLink(child, parent.Number, parent.Hash)
}

// VerifyGenesisLink checks that block 1 names link as the hash of block 0. It is
// what getBlockHashByNumber(0) and chain.Identity give: the same on all nodes of
// the chain, and not always the hash of the genesis text (see VerifyParent).
func VerifyGenesisLink(block1 *result.Block, link common.Hash) error {
	return verifyLink(block1, 0, link)
}

func verifyLink(child *result.Block, number int64, hash common.Hash) error {
	switch {
	case child.Number != number+1:
		return &Error{Check: CheckParent, Msg: fmt.Sprintf("block %d does not follow on block %d", child.Number, number)}
	case len(child.ParentInfo) != 1:
		return &Error{Check: CheckParent, Msg: fmt.Sprintf("block %d names %d parents, not one", child.Number, len(child.ParentInfo))}
	case child.ParentInfo[0].BlockNumber != number:
		return &Error{Check: CheckParent, Msg: fmt.Sprintf("block %d names block %d as its parent", child.Number, child.ParentInfo[0].BlockNumber)}
	case child.ParentInfo[0].BlockHash != hash:
		return &Error{Check: CheckParent, Msg: fmt.Sprintf("block %d names another hash of block %d", child.Number, number),
			Want: hash.Hex(), Got: child.ParentInfo[0].BlockHash.Hex()}
	}
	return nil
}

// VerifyTransactionsRoot checks the transactions of b, which has all of them or
// their hashes, against its root. Transactions themselves are not verified.
func VerifyTransactionsRoot(s suite.Suite, b *result.Block) error {
	leaves := make([]common.Hash, len(b.Transactions))
	for i, t := range b.Transactions {
		if t.Full != nil && t.Full.Hash != t.Hash {
			return &Error{Check: CheckTransactionsRoot, Msg: fmt.Sprintf("transaction %d of block %d has two hashes", i, b.Number), Want: t.Hash.Hex(), Got: t.Full.Hash.Hex()}
		}
		leaves[i] = t.Hash
	}
	if root := MerkleRoot(s, leaves); root != b.TxsRoot {
		return &Error{Check: CheckTransactionsRoot, Msg: fmt.Sprintf("block %d shows another root than its %d transactions have", b.Number, len(leaves)),
			Want: root.Hex(), Got: b.TxsRoot.Hex()}
	}
	return nil
}

// VerifyReceiptsRoot checks receipts, all of block b in its order, against its
// root. Their hashes are computed, not taken from them, and each must be of the
// transaction at the same place when b has its transactions.
func VerifyReceiptsRoot(s suite.Suite, b *result.Block, receipts []*result.Receipt) error {
	if b.Transactions != nil && len(b.Transactions) != len(receipts) {
		return &Error{Check: CheckPairing, Msg: fmt.Sprintf("block %d has %d transactions and %d receipts", b.Number, len(b.Transactions), len(receipts))}
	}
	leaves := make([]common.Hash, len(receipts))
	for i, r := range receipts {
		if b.Transactions != nil && r.TransactionHash != b.Transactions[i].Hash {
			return &Error{Check: CheckPairing, Msg: fmt.Sprintf("receipt %d of block %d is of another transaction", i, b.Number),
				Want: b.Transactions[i].Hash.Hex(), Got: r.TransactionHash.Hex()}
		}
		leaves[i] = ReceiptHash(s, r)
	}
	if root := MerkleRoot(s, leaves); root != b.ReceiptsRoot {
		return &Error{Check: CheckReceiptsRoot, Msg: fmt.Sprintf("block %d shows another root than these %d receipts have", b.Number, len(leaves)),
			Want: root.Hex(), Got: b.ReceiptsRoot.Hex()}
	}
	return nil
}
