package result

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// FilterLog is a log in the answers of getLogs, getFilterLogs and getFilterChanges
// (protocol §3.7). Its numbers stand as 0x hex in JSON.
type FilterLog struct {
	Address          string        `json:"address"` // 0x and lower case
	BlockHash        common.Hash   `json:"blockHash"`
	BlockNumber      uint64        `json:"blockNumber"`
	Data             Hex           `json:"data"`
	LogIndex         uint64        `json:"logIndex"` // inside of the transaction
	Removed          bool          `json:"removed"`
	Topics           []common.Hash `json:"topics"`
	TransactionHash  common.Hash   `json:"transactionHash"`
	TransactionIndex uint64        `json:"transactionIndex"` // inside of the block
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (l *FilterLog) Members(o *jsonrpc.Object) {
	o.String("address", &l.Address)
	o.Hash("blockHash", &l.BlockHash)
	o.Quantity("blockNumber", &l.BlockNumber)
	o.Hex("data", &l.Data)
	o.Quantity("logIndex", &l.LogIndex)
	o.Bool("removed", &l.Removed)
	o.Hashes("topics", &l.Topics)
	o.Hash("transactionHash", &l.TransactionHash)
	o.Quantity("transactionIndex", &l.TransactionIndex)
}

// UnmarshalJSON reads the log.
func (l *FilterLog) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, l) }

// MarshalJSON writes the log as it was read.
func (l FilterLog) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&l) }
