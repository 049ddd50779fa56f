package result

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// EventReply is the answer to a subscription of events and to its end (protocol
// §7.1, §7.3).
type EventReply struct {
	ID     string `json:"id"`     // of the subscription
	Status int    `json:"status"` // 0, or one of the codes of protocol §7.2
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (r *EventReply) Members(o *jsonrpc.Object) {
	o.String("id", &r.ID)
	o.Int("status", &r.Status)
}

// UnmarshalJSON reads the answer.
func (r *EventReply) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, r) }

// MarshalJSON writes the answer as it was read.
func (r EventReply) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&r) }

// EventPush is what a node pushes for a subscription: the events of one block, or
// its end (protocol §7.2).
type EventPush struct {
	ID     string     `json:"id"`     // of the subscription
	Status int        `json:"status"` // 0, 1 for the end, or one of the negative codes
	Result []EventLog `json:"result"` // nil at the end
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (p *EventPush) Members(o *jsonrpc.Object) {
	o.String("id", &p.ID)
	jsonrpc.List(o, "result", &p.Result)
	o.Int("status", &p.Status)
}

// UnmarshalJSON reads the push.
func (p *EventPush) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, p) }

// MarshalJSON writes the push as it was read.
func (p EventPush) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&p) }

// EventLog is an event of an EventPush.
type EventLog struct {
	BlockNumber      int64         `json:"blockNumber"`
	Address          string        `json:"address"` // 40 hex digits without 0x
	Data             Hex           `json:"data"`
	Topics           []common.Hash `json:"topics"`
	LogIndex         int64         `json:"logIndex"` // inside of the transaction
	TransactionHash  common.Hash   `json:"transactionHash"`
	TransactionIndex int64         `json:"transactionIndex"` // inside of the block
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (l *EventLog) Members(o *jsonrpc.Object) {
	o.String("address", &l.Address)
	o.Int64("blockNumber", &l.BlockNumber)
	o.Hex("data", &l.Data)
	o.Int64("logIndex", &l.LogIndex)
	o.Hashes("topics", &l.Topics)
	o.Hash("transactionHash", &l.TransactionHash)
	o.Int64("transactionIndex", &l.TransactionIndex)
}

// UnmarshalJSON reads the event.
func (l *EventLog) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, l) }

// MarshalJSON writes the event as it was read.
func (l EventLog) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&l) }
