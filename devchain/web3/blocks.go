package web3

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// shownGasLimit is what every block shows, whatever the chain's limit is.
const shownGasLimit = 30_000_000

// blockResult is a block as this port shows it, with its members in alphabetical
// order.
type blockResult struct {
	BaseFeePerGas         string   `json:"baseFeePerGas"`
	BlobGasUsed           string   `json:"blobGasUsed"`
	Difficulty            string   `json:"difficulty"`
	ExcessBlobGas         string   `json:"excessBlobGas"`
	ExtraData             string   `json:"extraData"`
	GasLimit              string   `json:"gasLimit"`
	GasUsed               string   `json:"gasUsed"`
	Hash                  string   `json:"hash"`
	LogsBloom             string   `json:"logsBloom"` // always empty: a node does not keep it
	Miner                 string   `json:"miner"`
	MixHash               string   `json:"mixHash"`
	Nonce                 string   `json:"nonce"`
	Number                string   `json:"number"`
	ParentBeaconBlockRoot string   `json:"parentBeaconBlockRoot"`
	ParentHash            string   `json:"parentHash"`
	ReceiptsRoot          string   `json:"receiptsRoot"`
	Sha3Uncles            string   `json:"sha3Uncles"`
	Size                  string   `json:"size"`
	StateRoot             string   `json:"stateRoot"`
	Timestamp             string   `json:"timestamp"` // seconds
	TotalDifficulty       string   `json:"totalDifficulty"`
	Transactions          any      `json:"transactions,omitempty"` // hashes or transactions; absent in a pushed head
	TransactionsRoot      string   `json:"transactionsRoot"`
	Uncles                []string `json:"uncles"`
	Withdrawals           []string `json:"withdrawals"`
	WithdrawalsRoot       string   `json:"withdrawalsRoot"`
}

// headerOf is a block without its transactions and its size.
func headerOf(b *devchain.Block) blockResult {
	zero := common.Hash{}.Hex()
	var miner common.Address
	if b.Sealer < len(b.Sealers) {
		miner = nodeAddress(b.Sealers[b.Sealer].PublicKey)
	}
	return blockResult{
		BaseFeePerGas: "0x0", BlobGasUsed: "0x0", Difficulty: "0x0", ExcessBlobGas: "0x0", TotalDifficulty: "0x0",
		ExtraData: hex0x(b.ExtraData), GasLimit: hexutil.EncodeUint64(shownGasLimit), GasUsed: hexutil.EncodeUint64(b.GasUsed),
		Hash: b.Hash.Hex(), LogsBloom: hex0x(types.Bloom{}.Bytes()), Miner: miner.Hex(), MixHash: zero, Nonce: "0x0000000000000000",
		Number: hexutil.EncodeUint64(b.Number), ParentBeaconBlockRoot: zero, ParentHash: b.Parent.Hex(),
		ReceiptsRoot: b.ReceiptsRoot.Hex(), Sha3Uncles: types.EmptyUncleHash.Hex(), StateRoot: b.StateRoot.Hex(),
		Timestamp: hexutil.EncodeUint64(uint64(b.Timestamp / 1000)), TransactionsRoot: b.TxsRoot.Hex(),
		Uncles: []string{}, Withdrawals: []string{}, WithdrawalsRoot: zero,
	}
}

// blockOf shows a block with the hashes of its transactions, or with all of them.
func (s *Server) blockOf(b *devchain.Block, full bool) (any, error) {
	res := headerOf(b)
	size, err := s.size(b)
	if err != nil {
		return nil, err
	}
	if full {
		txs, err := s.ledger.Transactions(b.Number)
		if err != nil {
			return nil, err
		}
		list := make([]transactionResult, len(txs))
		for i, tx := range txs {
			list[i] = transactionOf(tx, b.Hash, "")
			size += tx.Size()
		}
		res.Transactions = list
	} else {
		list := make([]string, len(b.TxHashes))
		for i, hash := range b.TxHashes {
			list[i] = hash.Hex()
		}
		res.Transactions = list
	}
	res.Size = hexutil.EncodeUint64(uint64(size))
	return res, nil
}

// size is what a node counts of a block without transactions: roots and extra
// data, outputs and logs.
func (s *Server) size(b *devchain.Block) (int, error) {
	size := len(b.ExtraData)
	if b.Number == 0 {
		return size, nil // it has no roots
	}
	receipts, err := s.ledger.Receipts(b.Number)
	for _, r := range receipts {
		size += len(r.Output) + len(r.Message)
		for _, log := range r.Logs {
			size += len(log.Data) + 2*common.AddressLength + len(log.Topics)*common.HashLength
		}
	}
	return size + 3*common.HashLength, err
}

// sizeText is the size as it is shown with the hashes of the transactions.
func (s *Server) sizeText(b *devchain.Block) (string, error) {
	size, err := s.size(b)
	return hexutil.EncodeUint64(uint64(size)), err
}

func (s *Server) getBlockByHash(_ context.Context, c call) (any, error) {
	full, err := nodejson.Bool(c.params.At(1))
	if err != nil {
		return nil, err
	}
	hash, err := decodeHash(c.params.Text(0))
	if err != nil {
		return nil, nil //nolint:nilerr // as a block that does not exist
	}
	block, err := s.ledger.BlockByHash(hash)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	return s.blockOf(block, full)
}

func (s *Server) getBlockByNumber(_ context.Context, c call) (any, error) {
	full, err := nodejson.Bool(c.params.At(1))
	if err != nil {
		return nil, err
	}
	number, err := s.blockTag(c.params.Text(0))
	if err != nil {
		return nil, nil //nolint:nilerr // as a block that does not exist
	}
	block, err := s.ledger.BlockByNumber(number)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	return s.blockOf(block, full)
}

func (s *Server) getBlockTransactionCountByHash(_ context.Context, c call) (any, error) {
	hash, err := decodeHash(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	block, err := s.ledger.BlockByHash(hash)
	return transactionCount(block, err)
}

// getBlockTransactionCountByNumber knows no tags: a node tries to read them as hex.
func (s *Server) getBlockTransactionCountByNumber(_ context.Context, c call) (any, error) {
	number, err := stoull(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	block, err := s.ledger.BlockByNumber(number)
	return transactionCount(block, err)
}

func transactionCount(block *devchain.Block, err error) (any, error) {
	if errors.Is(err, devchain.ErrNotFound) {
		return "0x0", nil
	}
	if err != nil {
		return nil, err
	}
	return hexutil.EncodeUint64(uint64(len(block.TxHashes))), nil
}

func (s *Server) getTransactionByHash(_ context.Context, c call) (any, error) {
	hash, err := decodeHash(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	return s.transaction(hash)
}

// transaction shows a transaction with its block; null when there is none.
func (s *Server) transaction(hash common.Hash) (any, error) {
	tx, receipt, blockHash, err := s.executed(hash)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	return transactionOf(tx, blockHash, receipt.EffectiveGasPrice), nil
}

func (s *Server) executed(hash common.Hash) (tx *devchain.Transaction, r *devchain.Receipt, blockHash common.Hash, err error) {
	if tx, err = s.ledger.Transaction(hash); err != nil {
		return nil, nil, blockHash, err
	}
	if r, err = s.ledger.Receipt(hash); err != nil {
		return nil, nil, blockHash, err
	}
	blockHash, err = s.ledger.BlockHash(r.BlockNumber)
	return tx, r, blockHash, err
}

func (s *Server) getTransactionByBlockHashAndIndex(_ context.Context, c call) (any, error) {
	index, err := stoull(c.params.Text(1))
	if err != nil {
		return nil, err
	}
	hash, err := decodeHash(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	block, err := s.ledger.BlockByHash(hash)
	return s.nth(block, err, index)
}

func (s *Server) getTransactionByBlockNumberAndIndex(_ context.Context, c call) (any, error) {
	index, err := stoull(c.params.Text(1))
	if err != nil {
		return nil, err
	}
	number, err := s.blockTag(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	block, err := s.ledger.BlockByNumber(number)
	return s.nth(block, err, index)
}

// nth is a transaction of a block that was looked for; null when there is none.
func (s *Server) nth(block *devchain.Block, err error, index uint64) (any, error) {
	if err != nil {
		return nil, ignoreMissing(err)
	}
	if index >= uint64(len(block.TxHashes)) {
		return nil, nil
	}
	return s.transaction(block.TxHashes[index])
}

func (s *Server) getTransactionReceipt(_ context.Context, c call) (any, error) {
	hash, err := decodeHash(c.params.Text(0))
	if err != nil {
		return nil, err
	}
	tx, receipt, blockHash, err := s.executed(hash)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	all, err := s.ledger.Receipts(receipt.BlockNumber)
	if err != nil {
		return nil, err
	}
	var cumulative uint64
	for _, r := range all[:receipt.Index+1] {
		cumulative += r.GasUsed
	}
	return receiptOf(tx, receipt, blockHash, cumulative), nil
}
