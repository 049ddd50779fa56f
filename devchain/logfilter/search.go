package logfilter

import (
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain"
)

// Ledger is what is read of a chain; *devchain.Chain is one.
type Ledger interface {
	Head() devchain.Head
	BlockByNumber(number uint64) (*devchain.Block, error)
	BlockByHash(hash common.Hash) (*devchain.Block, error)
	BlockHash(number uint64) (common.Hash, error)
	Receipts(number uint64) ([]*devchain.Receipt, error)
}

// DefaultBlocks is how many blocks a node looks at in one answer.
const DefaultBlocks = 10

// Log is a log as both ports write it: numbers are hex with 0x.
type Log struct {
	Address          string   `json:"address"`
	BlockHash        string   `json:"blockHash"`
	BlockNumber      string   `json:"blockNumber"`
	Data             string   `json:"data"`
	LogIndex         string   `json:"logIndex"` // within the transaction
	Removed          bool     `json:"removed"`
	Topics           []string `json:"topics"`
	TransactionHash  string   `json:"transactionHash"`
	TransactionIndex string   `json:"transactionIndex"`
}

// Search reads the logs of at most blocks blocks from the first of the query's
// range on; what comes after them is left out, as a node leaves it out. The answer
// is never nil. ErrRange and ErrBlock are the client's fault; other errors are
// those of the ledger.
func Search(ledger Ledger, q Query, blocks int64) ([]Log, error) {
	if q.Block == nil {
		if err := q.Validate(); err != nil {
			return nil, err
		}
	}
	return search(ledger, q, blocks)
}

// search is Search for a query that was looked at before.
func search(ledger Ledger, q Query, blocks int64) ([]Log, error) {
	if q.Block != nil {
		block, err := ledger.BlockByHash(*q.Block)
		if errors.Is(err, devchain.ErrNotFound) {
			return nil, ErrBlock
		}
		if err != nil {
			return nil, err
		}
		return logs(ledger, q, int64(block.Number), int64(block.Number))
	}
	head := int64(ledger.Head().Number)
	from, to := head, head
	if !q.From.Latest {
		from = q.From.Number
	}
	if !q.To.Latest {
		to = min(q.To.Number, head)
	}
	return logs(ledger, q, from, min(to, from+blocks-1))
}

// logs are those of the blocks from first to last, none when last is before first.
func logs(ledger Ledger, q Query, first, last int64) ([]Log, error) {
	found := []Log{}
	for number := first; number <= last; number++ {
		receipts, err := ledger.Receipts(uint64(number))
		if err != nil {
			return nil, err
		}
		hash, err := ledger.BlockHash(uint64(number))
		if err != nil {
			return nil, err
		}
		for _, receipt := range receipts {
			found = appendLogs(found, q, hash, receipt)
		}
	}
	return found, nil
}

// appendLogs leaves out the logs of failed transactions.
func appendLogs(found []Log, q Query, block common.Hash, receipt *devchain.Receipt) []Log {
	if receipt.Status != devchain.StatusNone {
		return found
	}
	for i := range receipt.Logs {
		log := &receipt.Logs[i]
		if !q.matches(log) {
			continue
		}
		topics := make([]string, len(log.Topics))
		for k, topic := range log.Topics {
			topics[k] = topic.Hex()
		}
		found = append(found, Log{
			Address: hexutil.Encode(log.Address[:]), BlockHash: block.Hex(), BlockNumber: hexutil.EncodeUint64(receipt.BlockNumber),
			Data: hexutil.Encode(log.Data), LogIndex: hexutil.EncodeUint64(uint64(i)), Topics: topics,
			TransactionHash: receipt.TxHash.Hex(), TransactionIndex: hexutil.EncodeUint64(uint64(receipt.Index)),
		})
	}
	return found
}
