package result

import (
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Sealer is a node of the consensus: an element of the answers of getSealerList
// and getNodeListByType (protocol §3.5.2).
type Sealer struct {
	NodeID     string `json:"nodeID"` // 128 hex digits without 0x
	Weight     int64  `json:"weight"`
	TermWeight int64  `json:"termWeight"` // 0 where rPBFT term weights do not exist
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (s *Sealer) Members(o *jsonrpc.Object) {
	o.String("nodeID", &s.NodeID)
	o.Int64("termWeight", &s.TermWeight)
	o.Int64("weight", &s.Weight)
}

// UnmarshalJSON reads the node.
func (s *Sealer) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, s) }

// MarshalJSON writes the node as it was read.
func (s Sealer) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&s) }

// SystemConfig is the answer of getSystemConfigByKey.
type SystemConfig struct {
	BlockNumber int64  `json:"blockNumber"` // from which the value holds
	Value       string `json:"value"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (c *SystemConfig) Members(o *jsonrpc.Object) {
	o.Int64("blockNumber", &c.BlockNumber)
	o.String("value", &c.Value)
}

// UnmarshalJSON reads the answer.
func (c *SystemConfig) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, c) }

// MarshalJSON writes the answer as it was read.
func (c SystemConfig) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&c) }

// TransactionCount is the answer of getTotalTransactionCount.
type TransactionCount struct {
	BlockNumber            int64 `json:"blockNumber"` // the head when it was counted
	TransactionCount       int64 `json:"transactionCount"`
	FailedTransactionCount int64 `json:"failedTransactionCount"` // of these, those with a status other than 0
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (c *TransactionCount) Members(o *jsonrpc.Object) {
	o.Int64("blockNumber", &c.BlockNumber)
	o.Int64("failedTransactionCount", &c.FailedTransactionCount)
	o.Int64("transactionCount", &c.TransactionCount)
}

// UnmarshalJSON reads the answer.
func (c *TransactionCount) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, c) }

// MarshalJSON writes the answer as it was read.
func (c TransactionCount) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&c) }
