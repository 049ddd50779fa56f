package proof

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// Inclusion is what proves that a transaction was executed.
type Inclusion struct {
	Transaction *result.Transaction // of getTransaction, with txProof
	Receipt     *result.Receipt     // of getTransactionReceipt, with txReceiptProof
	Block       *result.Block       // that the receipt names; the header is enough
	Sealers     SealerSet           // trusted for that block
}

// VerifyInclusion checks that the transaction with the hash want was executed
// with this result in a block that a quorum of the trusted sealers signed: the
// transaction, the receipt, both proofs, the block's hash and its signatures.
//
// No hash joins a receipt to its transaction, only their equal place in the
// block does. A node proves the first of several equal receipts of a block; then
// the places differ, which is CheckPairing as it is for a receipt of another
// transaction, and VerifyWholeBlock decides.
func VerifyInclusion(s suite.Suite, want common.Hash, in Inclusion) error {
	if err := VerifyTransaction(s, in.Transaction, want); err != nil {
		return err
	}
	if err := VerifyReceipt(s, in.Receipt); err != nil {
		return err
	}
	if err := checkPair(in.Transaction, in.Receipt, in.Block); err != nil {
		return err
	}
	txPath, err := climb(s, want, in.Transaction.TxProof, in.Block.TxsRoot)
	if err != nil {
		return err
	}
	receiptPath, err := climb(s, ReceiptHash(s, in.Receipt), in.Receipt.TxReceiptProof, in.Block.ReceiptsRoot)
	if err != nil {
		return err
	}
	if !samePlace(txPath, receiptPath) {
		return &Error{Check: CheckPairing, Msg: fmt.Sprintf("transaction %s and the receipt are at different places of block %d", want, in.Block.Number)}
	}
	return verifySigned(s, in.Block, in.Sealers)
}

// VerifyWholeBlock checks a block with all its transactions (whole, or their
// hashes) and all its receipts in the same order: roots, hash, signatures of a
// quorum of the trusted sealers, and each transaction that is whole. Of Web3
// transactions, which cannot be verified, b must have only the hashes.
func VerifyWholeBlock(s suite.Suite, b *result.Block, receipts []*result.Receipt, sealers SealerSet) error {
	if len(b.Transactions) != len(receipts) {
		return &Error{Check: CheckPairing, Msg: fmt.Sprintf("block %d has %d transactions and %d receipts", b.Number, len(b.Transactions), len(receipts))}
	}
	if err := VerifyTransactionsRoot(s, b); err != nil {
		return err
	}
	for i, t := range b.Transactions {
		if err := VerifyReceipt(s, receipts[i]); err != nil {
			return err
		}
		if t.Full == nil {
			continue
		}
		if err := VerifyTransaction(s, t.Full, t.Hash); err != nil {
			return err
		}
		if err := checkPair(t.Full, receipts[i], b); err != nil {
			return err
		}
	}
	if err := VerifyReceiptsRoot(s, b, receipts); err != nil {
		return err
	}
	return verifySigned(s, b, sealers)
}

func verifySigned(s suite.Suite, b *result.Block, sealers SealerSet) error {
	if err := VerifyBlock(s, b); err != nil {
		return err
	}
	return VerifySignatures(s, b, sealers)
}

// checkPair compares what a receipt says of its transaction and of its block.
// Nodes leave from, to and input empty when they do not find the transaction.
func checkPair(t *result.Transaction, r *result.Receipt, b *result.Block) error {
	differs := func(what, want, got string) error {
		return &Error{Check: CheckPairing, Msg: fmt.Sprintf("the receipt of transaction %s names another %s", t.Hash, what), Want: want, Got: got}
	}
	switch {
	case r.TransactionHash != t.Hash:
		return differs("transaction", t.Hash.Hex(), r.TransactionHash.Hex())
	case r.BlockNumber != b.Number:
		return differs("block", fmt.Sprint(b.Number), fmt.Sprint(r.BlockNumber))
	case r.From != "" && !strings.EqualFold(r.From, t.From):
		return differs("sender", t.From, r.From)
	case r.To != "" && !strings.EqualFold(r.To, t.To):
		return differs("receiver", t.To, r.To)
	case len(r.Input) != 0 && !bytes.Equal(r.Input, t.Input):
		return differs("input", t.Input.String(), r.Input.String())
	case r.Version != t.Version:
		return differs("version", fmt.Sprint(t.Version), fmt.Sprint(r.Version))
	}
	return nil
}
