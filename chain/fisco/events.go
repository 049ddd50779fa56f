package fisco

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
)

// The operations of the errors about events.
const (
	opSubscribe   = "subscribe events"
	opUnsubscribe = "unsubscribe events"
)

// EventFilter says which events a subscription wants.
type EventFilter struct {
	FromBlock uint64 // first block; 0 begins with the newest block that is known, itself included
	ToBlock   uint64 // last block, after which the subscription ends; 0 is no end

	Addresses []common.Address // contracts; none is all
	// Topics are wanted by position, at most 4: an event fits when each position
	// has one of the alternatives. A position without alternatives takes any.
	Topics [][]common.Hash

	// Decode makes Event.Decoded of each event, for example with the DecodeLog of a
	// contracts.ABI. The subscription's goroutine calls it, in order; nil decodes
	// nothing.
	Decode func(chain.Log) (any, error)

	// OnlySucceeded leaves out the events of failed transactions, which nodes with
	// executor version 0 push as well (protocol §7.1). It costs one request for the
	// receipt of each transaction.
	OnlySucceeded bool
}

// Event is one log of a block, as a subscription delivers it.
type Event struct {
	Block     uint64
	TxHash    common.Hash
	TxIndex   int // within the block
	LogIndex  int // within the transaction
	Address   common.Address
	Topics    []common.Hash
	Data      []byte
	Decoded   any   // what EventFilter.Decode made of it
	DecodeErr error // why it made nothing
}

// Log is the event in the words of package chain.
func (e *Event) Log() chain.Log {
	return chain.Log{Address: e.Address, Topics: e.Topics, Data: e.Data, Index: e.LogIndex}
}

// The status of a push or an answer that is no error.
const (
	eventStatusOK  = 0
	eventStatusEnd = 1
)

// eventKinds is what the other statuses mean (protocol §7.2).
var eventKinds = map[int]chain.Kind{
	-41000: chain.KindInvalid,    // params
	-41001: chain.KindInvalid,    // request
	-41002: chain.KindWrongChain, // no such group
	-41003: chain.KindInvalid,    // range
	-41004: chain.KindProtocol,   // response
	-41005: chain.KindTimeout,
	-41006: chain.KindDenied,
	-41007: chain.KindNotFound, // no such subscription
}

// eventError is the error of a status, nil for those that are none.
func eventError(op string, status int) error {
	if status == eventStatusOK || status == eventStatusEnd {
		return nil
	}
	kind, known := eventKinds[status]
	if !known {
		kind = chain.KindNode
	}
	return &chain.Error{Kind: kind, Sent: chain.SentNo, Op: op, Code: status, Msg: "the node refused or ended the event subscription"}
}

// subscribeJSON is the payload of an event subscription (protocol §7.1). Nodes
// compare texts, so the forms are strict: lower-case hex without 0x, and lists
// even of one topic.
type subscribeJSON struct {
	ID     string        `json:"id"`
	Group  string        `json:"group"`
	Params subscribeArgs `json:"params"`
}

type subscribeArgs struct {
	FromBlock uint64     `json:"fromBlock"`
	ToBlock   uint64     `json:"toBlock"`
	Addresses []string   `json:"addresses"`
	Topics    [][]string `json:"topics"` // nil at a position is any
}

// subscribePayload asks for the blocks from to to, both included. Neither may be
// 0, which has other meanings to a node.
func (f *EventFilter) subscribePayload(id, group string, from, to uint64) ([]byte, error) {
	request := subscribeJSON{ID: id, Group: group, Params: subscribeArgs{
		FromBlock: from, ToBlock: to, Addresses: make([]string, len(f.Addresses)), Topics: make([][]string, len(f.Topics)),
	}}
	for i, address := range f.Addresses {
		request.Params.Addresses[i] = hex.EncodeToString(address[:])
	}
	for i, alternatives := range f.Topics {
		for _, topic := range alternatives {
			request.Params.Topics[i] = append(request.Params.Topics[i], hex.EncodeToString(topic[:]))
		}
	}
	payload, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return payload, shield.Subscription(opSubscribe, payload)
}

// unsubscribePayload ends subscription id.
func unsubscribePayload(id, group string) ([]byte, error) {
	return json.Marshal(struct {
		ID    string `json:"id"`
		Group string `json:"group"`
	}{id, group})
}

// eventMessage is the payload of an answer or a push, with the events as they came.
type eventMessage struct {
	ID     string          `json:"id"`
	Status int             `json:"status"`
	Result json.RawMessage `json:"result"`
}

type eventJSON struct {
	BlockNumber      *uint64      `json:"blockNumber"`
	Address          result.Hex   `json:"address"` // without 0x
	Data             result.Hex   `json:"data"`
	Topics           []result.Hex `json:"topics"`
	LogIndex         int          `json:"logIndex"`
	TransactionHash  result.Hex   `json:"transactionHash"`
	TransactionIndex int          `json:"transactionIndex"`
}

var errEvent = errors.New("a pushed event is not what it must be")

// decodeEvents reads the result of a push (protocol §7.2).
func decodeEvents(text []byte) ([]Event, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var logs []eventJSON
	if err := json.Unmarshal(text, &logs); err != nil {
		return nil, fmt.Errorf("%w: %w", errEvent, err)
	}
	events := make([]Event, len(logs))
	for i := range logs {
		if err := logs[i].read(&events[i]); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func (l *eventJSON) read(e *Event) error {
	switch {
	case l.BlockNumber == nil:
		return fmt.Errorf("%w: no block number", errEvent)
	case len(l.Address) != common.AddressLength:
		return fmt.Errorf("%w: an address of %d bytes", errEvent, len(l.Address))
	case len(l.TransactionHash) != common.HashLength:
		return fmt.Errorf("%w: a transaction hash of %d bytes", errEvent, len(l.TransactionHash))
	case l.LogIndex < 0 || l.TransactionIndex < 0:
		return fmt.Errorf("%w: an index below 0", errEvent)
	}
	e.Block, e.TxIndex, e.LogIndex, e.Data = *l.BlockNumber, l.TransactionIndex, l.LogIndex, l.Data
	e.Address, e.TxHash = common.Address(l.Address), common.Hash(l.TransactionHash)
	for _, topic := range l.Topics {
		if len(topic) != common.HashLength {
			return fmt.Errorf("%w: a topic of %d bytes", errEvent, len(topic))
		}
		e.Topics = append(e.Topics, common.Hash(topic))
	}
	return nil
}
