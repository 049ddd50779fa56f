package control

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
)

// Status is the state of a node.
type Status struct {
	ChainID string   `json:"chainID"`
	GroupID string   `json:"groupID"`
	Nodes   []string `json:"nodes"` // the names of those that the process serves
	Block   Block    `json:"block"` // the newest
	Pending int      `json:"pending"`
	// Sealing says whether the chain makes blocks by itself.
	Sealing   bool `json:"sealing"`
	Time      Time `json:"time"`
	Faults    int  `json:"faults"` // those that may still strike
	Snapshots int  `json:"snapshots"`
}

// Block names a block.
type Block struct {
	Number    uint64 `json:"number"`
	Hash      string `json:"hash"`
	Timestamp int64  `json:"timestamp"` // milliseconds since 1970
}

func blockOf(head devchain.Head) Block {
	return Block{Number: head.Number, Hash: head.Hash.Hex(), Timestamp: head.Timestamp}
}

// Snapshot names a block that the ledger can be reverted to.
type Snapshot struct {
	Name   string    `json:"name"`
	Number uint64    `json:"number"`
	Hash   string    `json:"hash"`
	Taken  time.Time `json:"taken"`
}

func snapshotOf(s devchain.Snapshot) Snapshot {
	return Snapshot{Name: s.Name, Number: s.Number, Hash: s.Hash.Hex(), Taken: s.Taken}
}

// Time is the clock of the chain.
type Time struct {
	Now  time.Time `json:"now"`
	Mode Mode      `json:"mode"`
}

// Mode is how a clock goes.
type Mode string

// The modes of a clock.
const (
	Following Mode = "following" // the machine's clock
	Shifted   Mode = "shifted"   // as fast, but wrong by a fixed span
	Standing  Mode = "standing"
)

// TimeChange is what can be done to the clock: exactly one of its members.
type TimeChange struct {
	Set     *time.Time      `json:"set,omitempty"`     // the time is this, and goes on as before
	Stand   *time.Time      `json:"stand,omitempty"`   // the time is this and stands still
	Advance faults.Duration `json:"advance,omitempty"` // forward, or back below 0
	Follow  bool            `json:"follow,omitempty"`  // the machine's clock again
}

// The bodies of the other requests and answers.
type (
	snapshotRequest struct {
		Name string `json:"name"`
	}
	mineRequest struct {
		Blocks int `json:"blocks"` // 0: one, and none when nothing waits
	}
	sealingRequest struct {
		On bool `json:"on"`
	}
	clearAnswer struct {
		Cleared int `json:"cleared"`
	}
)

// Kind is why a request failed.
type Kind string

// The kinds of failure.
const (
	Invalid  Kind = "invalid"   // it makes no sense
	NotFound Kind = "not-found" // there is no such thing
	Conflict Kind = "conflict"  // it does not go with what there is
	Stopped  Kind = "stopped"   // the chain does not run
	Internal Kind = "internal"
)

// Error is the answer to a request that failed.
type Error struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
}

// Error is the message.
func (e *Error) Error() string { return e.Message }

// UnreachableError says that no node answers at an address.
type UnreachableError struct {
	Address string
	Err     error
}

// Error says what to do, too.
func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no node answers at %s (is it running, with --control %s?): %v", e.Address, e.Address, e.Err)
}

// Unwrap gives the reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// text is v as it is sent.
func text(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("control: %T cannot be written: %v", v, err)) // only a programming error can
	}
	return append(data, '\n')
}
