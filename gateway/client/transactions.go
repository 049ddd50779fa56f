package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
)

// CallRequest asks for a read of a contract.
type CallRequest struct {
	Target   string          `json:"target,omitempty"`   // "" is the only one
	Contract string          `json:"contract,omitempty"` // name of a built-in or deployed contract
	To       *common.Address `json:"to,omitempty"`       // address; nil looks Contract up
	Function string          `json:"function"`           // "get" or "get(bytes32)"
	Args     json.RawMessage `json:"args,omitempty"`     // an array in the order of the arguments, or an object by name
	ABI      json.RawMessage `json:"abi,omitempty"`      // when Contract is not known
	From     *common.Address `json:"from,omitempty"`     // nil is the zero address
	// MaxStaleMS takes an answer that is up to so old when no node can be asked; 0
	// takes none. Source tells of it.
	MaxStaleMS int64 `json:"maxStaleMs,omitempty"`
	Attempts   bool  `json:"attempts,omitempty"` // tell what was tried
}

// CallResult is the answer to a CallRequest. A revert is a result: Status is
// not 0 then.
type CallResult struct {
	BlockNumber  uint64  `json:"blockNumber"`
	Status       int     `json:"status"`
	StatusName   string  `json:"statusName,omitempty"`
	Output       string  `json:"output"`                // 0x hex of the return or revert data
	Outputs      []Value `json:"outputs,omitempty"`     // decoded, when Status is 0
	DecodeError  string  `json:"decodeError,omitempty"` // why Output does not fit the ABI: is it another contract?
	RevertReason string  `json:"revertReason,omitempty"`

	Source   chain.Source  `json:"source,omitempty"`   // where the answer came from
	AgeMS    *int64        `json:"ageMs,omitempty"`    // of an answer that was kept, nil for others
	Attempts []CallAttempt `json:"attempts,omitempty"` // where they were asked for
}

// CallAttempt is one try of a call at a node.
type CallAttempt struct {
	Node       string     `json:"node,omitempty"` // host:port; empty when none could be chosen
	Kind       chain.Kind `json:"kind,omitempty"` // empty: it brought an answer
	DurationMS float64    `json:"durationMs"`
	Hedge      bool       `json:"hedge,omitempty"` // it was sent beside a slow one
}

// Value is one named value of a contract.
type Value struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // as Solidity writes it
	Value any    `json:"value"` // integers are decimal strings, bytes 0x hex, arrays []any, tuples map[string]any
}

// Call reads from a contract. Nothing is signed and nothing changes.
func (c *Client) Call(ctx context.Context, req CallRequest) (CallResult, error) {
	r, err := request{method: http.MethodPost, path: "/v1/calls", repeat: true}.withJSON(req)
	if err != nil {
		return CallResult{}, err
	}
	var result CallResult
	_, err = c.doJSON(ctx, r, &result)
	return result, err
}

// Wait says how long a transaction is waited for.
type Wait string

// The zero value is WaitReceipt.
const (
	WaitNone    Wait = "none"    // until it is stored
	WaitSent    Wait = "sent"    // until its hash is known and it was handed to a node
	WaitReceipt Wait = "receipt" // until its receipt, or TimeoutMS
)

// TransactionRequest asks for one signed call of a contract, or a deployment.
type TransactionRequest struct {
	Target         string          `json:"target,omitempty"`
	Account        string          `json:"account,omitempty"` // name of an account of the gateway; "" is the target's default
	Contract       string          `json:"contract,omitempty"`
	To             *common.Address `json:"to,omitempty"`
	Function       string          `json:"function,omitempty"` // "" for a deployment
	Args           json.RawMessage `json:"args,omitempty"`     // an array in the order of the arguments, or an object by name
	ABI            json.RawMessage `json:"abi,omitempty"`
	Deploy         bool            `json:"deploy,omitempty"`
	Bytecode       string          `json:"bytecode,omitempty"` // hex creation code; "" takes the built-in's
	IdempotencyKey string          `json:"idempotencyKey,omitempty"`
	Wait           Wait            `json:"wait,omitempty"`
	TimeoutMS      int64           `json:"timeoutMs,omitempty"` // 0 is the gateway's
}

// TransactionResult is what is known of a transaction when the gateway answers.
type TransactionResult struct {
	batch.Item
	JobID  string `json:"jobId"`            // reads on with Job and Rows
	Reason string `json:"reason,omitempty"` // why it cannot go on until something is mended
	Final  bool   `json:"-"`                // the outcome is known; false when the time-out came first
}

// Transact sends one transaction. When it is not settled in time the result has
// Final false with the id of its job and, once signed, its hash: it goes on in
// the gateway. It is repeated after a failure only when the request has an
// idempotency key.
func (c *Client) Transact(ctx context.Context, req TransactionRequest) (TransactionResult, error) {
	r, err := request{method: http.MethodPost, path: "/v1/transactions", repeat: req.IdempotencyKey != ""}.withJSON(req)
	if err != nil {
		return TransactionResult{}, err
	}
	var result TransactionResult
	status, err := c.doJSON(ctx, r, &result)
	result.Final = err == nil && status != http.StatusAccepted
	return result, err
}

// Contract is a contract that was deployed through the gateway.
type Contract struct {
	Name    string         `json:"name"`
	Address common.Address `json:"address"`
	TxHash  common.Hash    `json:"txHash"`
	Block   uint64         `json:"block"`
}

// Contracts lists the contracts of a target; "" is the only target.
func (c *Client) Contracts(ctx context.Context, target string) ([]Contract, error) {
	query := url.Values{}
	setIf(query, "target", target)
	var answer struct {
		Contracts []Contract `json:"contracts"`
	}
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: "/v1/contracts", query: query, repeat: true}, &answer)
	return answer.Contracts, err
}
