package fisco

import (
	"context"
	"fmt"
	"math"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
)

// GetBlockNumber is the number of the node's newest block.
func (m *Methods) GetBlockNumber(ctx context.Context) (uint64, error) {
	const op = "getBlockNumber"
	n, err := read[int64](ctx, m, op, m.group, "")
	if err != nil {
		return 0, err
	}
	return m.height(op, n)
}

// GetTransaction finds a transaction, with its Merkle proof if asked for;
// KindNotFound when the node has none (yet).
func (m *Methods) GetTransaction(ctx context.Context, tx common.Hash, proof bool) (result.Transaction, error) {
	return read[result.Transaction](ctx, m, opTransaction, m.group, "", tx.Hex(), proof)
}

// GetTransactionReceipt finds a receipt, with its Merkle proof if asked for;
// KindNotFound when the node has none (yet).
func (m *Methods) GetTransactionReceipt(ctx context.Context, tx common.Hash, proof bool) (result.Receipt, error) {
	return read[result.Receipt](ctx, m, opReceipt, m.group, "", tx.Hex(), proof)
}

// BlockPart says how much of a block is wanted.
type BlockPart int

// The parts of a block.
const (
	BlockHeader       BlockPart = iota // no transactions
	BlockHashes                        // the hashes of its transactions
	BlockTransactions                  // whole transactions
)

func (p BlockPart) params() (onlyHeader, onlyHashes bool) {
	return p == BlockHeader, p != BlockTransactions
}

// GetBlockByNumber reads a block; KindNotFound when it is not there (yet). The
// hash that block 0 shows may not be the one that block 1 links to: see Identity.
func (m *Methods) GetBlockByNumber(ctx context.Context, number uint64, part BlockPart) (result.Block, error) {
	if err := checkNumber(opBlock, number); err != nil {
		return result.Block{}, m.at(err)
	}
	onlyHeader, onlyHashes := part.params()
	return read[result.Block](ctx, m, opBlock, m.group, "", number, onlyHeader, onlyHashes)
}

// GetBlockByHash reads a block; KindNotFound when it is not there (yet).
func (m *Methods) GetBlockByHash(ctx context.Context, hash common.Hash, part BlockPart) (result.Block, error) {
	onlyHeader, onlyHashes := part.params()
	return read[result.Block](ctx, m, "getBlockByHash", m.group, "", hash.Hex(), onlyHeader, onlyHashes)
}

// GetBlockHashByNumber is the hash of a block; KindNotFound when it is not there (yet).
func (m *Methods) GetBlockHashByNumber(ctx context.Context, number uint64) (common.Hash, error) {
	const op = "getBlockHashByNumber"
	if err := checkNumber(op, number); err != nil {
		return common.Hash{}, m.at(err)
	}
	hash, err := read[common.Hash](ctx, m, op, m.group, "", number)
	if err != nil {
		return common.Hash{}, err
	}
	if hash == (common.Hash{}) { // what a node says for a block that it does not have
		return common.Hash{}, m.at(&chain.Error{Kind: chain.KindNotFound, Sent: chain.SentNo, Op: op, Msg: fmt.Sprintf("no block %d", number)})
	}
	return hash, nil
}

func checkNumber(op string, number uint64) error {
	if number > math.MaxInt64 {
		return &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: op, Msg: "a block number is below 2^63"}
	}
	return nil
}
