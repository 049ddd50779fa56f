package result

import (
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// Call is the answer of call (protocol §3.5.1).
type Call struct {
	BlockNumber int64 `json:"blockNumber"` // the state that was read
	Status      int   `json:"status"`      // as in receipts: 0 is success
	Output      Hex   `json:"output"`      // what the function returned, or the revert data
	jsonrpc.Form
}

// Succeeded reports whether the call did not revert.
func (c *Call) Succeeded() bool { return c.Status == 0 }

// Members lists the members for package jsonrpc.
func (c *Call) Members(o *jsonrpc.Object) {
	o.Int64("blockNumber", &c.BlockNumber)
	o.Hex("output", &c.Output)
	o.Int("status", &c.Status)
}

// UnmarshalJSON reads the answer.
func (c *Call) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, c) }

// MarshalJSON writes the answer as it was read.
func (c Call) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&c) }
