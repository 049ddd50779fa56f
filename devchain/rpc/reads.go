package rpc

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

func (s *Server) getTransaction(_ context.Context, p params) (any, error) {
	hash, proof, wrong := hashAndProof(p)
	if wrong != nil {
		return nil, wrong
	}
	tx, err := s.ledger.Transaction(hash)
	if err != nil {
		return nil, missing(err, codeStorage, "GetBatchTxsByHashList error")
	}
	out := transactionOf(tx)
	if proof {
		path, err := s.ledger.TransactionProof(hash)
		if err != nil {
			return nil, err
		}
		out.TxProof, out.TransactionProof = &path, &[]string{}
	}
	return out, nil
}

func (s *Server) getTransactionReceipt(_ context.Context, p params) (any, error) {
	hash, proof, wrong := hashAndProof(p)
	if wrong != nil {
		return nil, wrong
	}
	receipt, err := s.ledger.Receipt(hash)
	if err != nil {
		return nil, missing(err, codeStorage, "GetTransactionReceiptByHash")
	}
	tx, err := s.ledger.Transaction(hash)
	if err != nil {
		return nil, err
	}
	out := receiptOf(s.genesis.Suite, tx, receipt)
	out.TransactionProof = new([]string) // null
	if proof {
		path, err := s.ledger.ReceiptProof(hash)
		if err != nil {
			return nil, err
		}
		out.TxReceiptProof, out.ReceiptProof, out.TransactionProof = &path, &[]string{}, &[]string{}
	}
	return out, nil
}

func (s *Server) getBlockByHash(_ context.Context, p params) (any, error) {
	hash, wrong := decodeHash(p.text(2))
	if wrong != nil {
		return nil, wrong
	}
	onlyHeader, onlyHashes, wrong := blockParts(p)
	if wrong != nil {
		return nil, wrong
	}
	block, err := s.ledger.BlockByHash(hash)
	if err != nil {
		return nil, missing(err, codeStorage, "GetBlockNumberByHash failed ")
	}
	return s.blockResult(block, onlyHeader, onlyHashes)
}

func (s *Server) getBlockByNumber(_ context.Context, p params) (any, error) {
	number, wrong := p.number(2)
	if wrong != nil {
		return nil, wrong
	}
	onlyHeader, onlyHashes, wrong := blockParts(p)
	if wrong != nil {
		return nil, wrong
	}
	if number < 0 {
		return nil, &fault{Code: codeArgument, Message: "Wrong argument"}
	}
	block, err := s.ledger.BlockByNumber(uint64(number))
	if err != nil {
		return nil, missing(err, codeBlock, "Get block failed with errors!")
	}
	return s.blockResult(block, onlyHeader, onlyHashes)
}

func blockParts(p params) (onlyHeader, onlyHashes bool, wrong *fault) {
	if onlyHeader, wrong = p.boolean(3, true); wrong != nil {
		return false, false, wrong
	}
	onlyHashes, wrong = p.boolean(4, true)
	return onlyHeader, onlyHashes, wrong
}

func (s *Server) blockResult(block *devchain.Block, onlyHeader, onlyHashes bool) (any, error) {
	out := headerOf(block)
	switch {
	case onlyHeader:
	case onlyHashes:
		out.Transactions = topicTexts(block.TxHashes)
	default:
		list, err := s.ledger.Transactions(block.Number)
		if err != nil {
			return nil, err
		}
		txs := make([]transactionResult, len(list))
		for i, tx := range list {
			txs[i] = transactionOf(tx)
		}
		out.Transactions = txs
	}
	return out, nil
}

func (s *Server) getBlockHashByNumber(_ context.Context, p params) (any, error) {
	number, wrong := p.number(2)
	if wrong != nil {
		return nil, wrong
	}
	if number < 0 {
		return common.Hash{}.Hex(), nil
	}
	hash, err := s.ledger.BlockHash(uint64(number))
	if errors.Is(err, devchain.ErrNotFound) {
		return common.Hash{}.Hex(), nil
	}
	return hash.Hex(), err
}

func (s *Server) getBlockNumber(ctx context.Context, _ params) (any, error) {
	return faults.Height(ctx, s.ledger.Head().Number), nil
}

func (s *Server) getCode(_ context.Context, p params) (any, error) {
	address, ok, wrong := decodeAddress(p.text(2))
	if wrong != nil || !ok {
		return orEmpty(wrong)
	}
	code, err := s.ledger.Code(address)
	if err != nil || len(code) == 0 {
		return "", err
	}
	return hex0x(code), nil
}

func (s *Server) getABI(_ context.Context, p params) (any, error) {
	address, ok, wrong := decodeAddress(p.text(2))
	if wrong != nil || !ok {
		return orEmpty(wrong)
	}
	return s.ledger.ABI(address)
}

func orEmpty(wrong *fault) (any, error) {
	if wrong != nil {
		return nil, wrong
	}
	return "", nil
}

func (s *Server) getSystemConfigByKey(_ context.Context, p params) (any, error) {
	key := p.text(2)
	setting, err := s.ledger.SystemConfig(key)
	if err != nil {
		return nil, missing(err, codeStorage, "Entry: "+key+" does not exists!")
	}
	return struct {
		BlockNumber uint64 `json:"blockNumber"`
		Value       string `json:"value"`
	}{setting.BlockNumber, setting.Value}, nil
}

func (s *Server) getTotalTransactionCount(context.Context, params) (any, error) {
	t := s.ledger.Totals()
	return struct {
		BlockNumber            uint64 `json:"blockNumber"`
		FailedTransactionCount uint64 `json:"failedTransactionCount"`
		TransactionCount       uint64 `json:"transactionCount"`
	}{t.BlockNumber, t.Failed, t.Transactions}, nil
}

func (s *Server) getPendingTxSize(context.Context, params) (any, error) {
	return s.ledger.PendingCount(), nil
}

// missing words a read of what is not there; other errors stay as they are.
func missing(err error, code int, message string) error {
	if errors.Is(err, devchain.ErrNotFound) {
		return &fault{Code: code, Message: message}
	}
	return err
}

func hashAndProof(p params) (hash common.Hash, proof bool, wrong *fault) {
	if hash, wrong = decodeHash(p.text(2)); wrong != nil {
		return hash, false, wrong
	}
	proof, wrong = p.boolean(3, false)
	return hash, proof, wrong
}
