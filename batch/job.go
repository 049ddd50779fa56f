package batch

import (
	"encoding/json"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/contracts"
)

// JobState is where a job stands.
type JobState string

// A job goes loading → ready → running → done; invalid and canceled are the other
// ends. lifecycle.go has all moves, docs/ARCHITECTURE.md draws them.
const (
	JobLoading   JobState = "loading"   // rows are being received and checked; nothing is sent
	JobInvalid   JobState = "invalid"   // rows were refused, see Faults; nothing was sent
	JobReady     JobState = "ready"     // all rows are stored
	JobRunning   JobState = "running"   // items are being sent
	JobPaused    JobState = "paused"    // nothing new is signed; items in flight are settled
	JobCanceling JobState = "canceling" // nothing new is sent; items in flight are settled
	JobCanceled  JobState = "canceled"  // every item is settled or was never sent
	JobDone      JobState = "done"      // every item is in a final state
)

// JobStates lists all states in the order of life.
var JobStates = []JobState{JobLoading, JobInvalid, JobReady, JobRunning, JobPaused, JobCanceling, JobCanceled, JobDone}

// StopRule is a rule that pauses a job by itself.
type StopRule string

// The rules.
const (
	StopMaxErrors StopRule = "maxErrors" // too many items failed
	StopCanary    StopRule = "canary"    // the first items were sent alone
	StopRetry     StopRule = "retry"     // rows are being put back, which broke off when it lasts
)

// Final reports whether the job changes no more, unless its rows are retried.
func (s JobState) Final() bool {
	return s == JobInvalid || s == JobCanceled || s == JobDone
}

// ItemState is where an item stands.
type ItemState string

// The life of an item; docs/ARCHITECTURE.md draws it.
const (
	ItemQueued    ItemState = "queued"    // nothing signed yet
	ItemSubmitted ItemState = "submitted" // an attempt is stored and may have been sent
	ItemUnknown   ItemState = "unknown"   // sent perhaps, outcome not known (yet)
	ItemConfirmed ItemState = "confirmed" // executed with success
	ItemReverted  ItemState = "reverted"  // executed, and the contract refused: a result, not an error
	ItemRejected  ItemState = "rejected"  // never included: the chain or a rule refuses it for good
	ItemExpired   ItemState = "expired"   // never sent, or proven not to have landed: it has waited too long
	ItemCanceled  ItemState = "canceled"  // never sent, or proven not to have landed: the job was canceled
)

// Failed reports whether the item has come to its end, and nothing of it took effect.
func (s ItemState) Failed() bool {
	return s == ItemReverted || s == ItemRejected || s == ItemExpired || s == ItemCanceled
}

// Final reports whether the item has come to its end, unless it is retried.
func (s ItemState) Final() bool { return s == ItemConfirmed || s.Failed() }

// ItemStates lists all states in the order of life.
var ItemStates = []ItemState{ItemQueued, ItemSubmitted, ItemUnknown, ItemConfirmed, ItemReverted, ItemRejected, ItemExpired, ItemCanceled}

// JobKind tells jobs with many rows from single transactions and from reads, which
// use the same engine, store and promises.
type JobKind string

// The kinds of job.
const (
	KindBatch       JobKind = "batch"
	KindTransaction JobKind = "transaction"
	KindCall        JobKind = "call" // rows are read, not sent: nothing changes on the chain
	KindPlan        JobKind = "plan" // what a batch would send is only simulated, by calls of the account that would sign
)

// Reads reports whether jobs of the kind ask the chain only, and send nothing.
func (k JobKind) Reads() bool { return k == KindCall || k == KindPlan }

// Spec is what the user asks for. Once the job is created only what says how it is sent
// and audited can change (see withTermsOf), by the same request with other values.
type Spec struct {
	Kind           JobKind         `json:"kind"`
	Name           string          `json:"name,omitempty"`           // free text for people
	IdempotencyKey string          `json:"idempotencyKey,omitempty"` // the same key gives the same job
	Target         string          `json:"target"`                   // name of a configured target; "" is the only one
	Account        string          `json:"account,omitempty"`        // name of a configured account; "" is the target's default, and for kind call nobody
	Contract       string          `json:"contract,omitempty"`       // name of a built-in or deployed contract; the name to register when Deploy is set
	To             *common.Address `json:"to,omitempty"`             // address of the contract; nil looks Contract up
	Function       string          `json:"function,omitempty"`       // "save" or "save(bytes32,string)"; "" for a deployment
	ABI            json.RawMessage `json:"abi,omitempty"`            // JSON ABI when Contract is not known
	Deploy         bool            `json:"deploy,omitempty"`         // the item deploys Contract or Bytecode; rows hold constructor arguments
	Bytecode       string          `json:"bytecode,omitempty"`       // hex creation code, 0x optional; "" takes the built-in's
	Event          string          `json:"event,omitempty"`          // "Saved(bytes32,address)", which the contract must emit in every confirmed row: looked for when the job is reconciled
	Rate           float64         `json:"rate,omitempty"`           // transactions a second; 0 is the target's limit
	Signed         *SignedSpec     `json:"signed,omitempty"`         // the rows are transactions that were signed elsewhere; nil signs here
	InFlight       int             `json:"inFlight,omitempty"`       // most transactions in flight; 0 is the target's limit
	Priority       Priority        `json:"priority,omitempty"`       // "" is high for a transaction, else normal
	Block          *uint64         `json:"block,omitempty"`          // of calls and plans: every row must be read at exactly this block; nil is the newest one, row by row
	SameBlock      bool            `json:"sameBlock,omitempty"`      // of calls and plans: every row must be read at the block at which the job began
	ShardBy        string          `json:"shardBy,omitempty"`        // range(500), key(COLUMN) or time(COLUMN,1h); "" is range(250)
	Deadline       Duration        `json:"deadline,omitempty"`       // rows that were not sent so long after the start of the job expire; 0 is never
	MaxWait        Duration        `json:"maxWait,omitempty"`        // rows expire when nothing of the job can be sent for so long; 0 is DefaultMaxWait
	MaxErrors      string          `json:"maxErrors,omitempty"`      // most rows that may be reverted or rejected, "100" or "1%" of all; more pause the job. "" is no bound
	Canary         int             `json:"canary,omitempty"`         // this many rows are settled before any other is sent; when one is not confirmed the job is paused. 0 is none
	OrderedBy      string          `json:"orderedBy,omitempty"`      // argument, column, _id, _to or _fn: rows with the same value are sent one after the other
}

// RowFault is one thing that is wrong with one row.
type RowFault struct {
	Row    int64  `json:"row"`              // counts data rows from 1; 0 is the header or the whole input
	Line   int64  `json:"line,omitempty"`   // line of the input, from 1
	Column string `json:"column,omitempty"` // argument or column name
	Reason string `json:"reason"`
}

// Counts has the number of items in each state.
type Counts struct {
	Queued    int64 `json:"queued"`
	Submitted int64 `json:"submitted"`
	Unknown   int64 `json:"unknown"`
	Confirmed int64 `json:"confirmed"`
	Reverted  int64 `json:"reverted"`
	Rejected  int64 `json:"rejected"`
	Expired   int64 `json:"expired"`
	Canceled  int64 `json:"canceled"`
}

// Failed is how many items ended without success.
func (c Counts) Failed() int64 { return c.Reverted + c.Rejected + c.Expired + c.Canceled }

// Settled is how many items have come to their end.
func (c Counts) Settled() int64 { return c.Confirmed + c.Failed() }

// Job is a snapshot of a job.
type Job struct {
	ID          string          `json:"id"`
	Spec        Spec            `json:"spec"`
	State       JobState        `json:"state"`
	Reason      string          `json:"reason,omitempty"`    // why it is invalid, is paused by a rule or cannot go on, in words
	StoppedBy   StopRule        `json:"stoppedBy,omitempty"` // the rule that paused it; empty when the user did
	Address     *common.Address `json:"address,omitempty"`   // the contract that items without _to call
	Signer      common.Address  `json:"signer"`
	Rows        int64           `json:"rows"`
	Counts      Counts          `json:"counts"`
	Columns     []string        `json:"columns,omitempty"`     // header of the input, in its order
	InputSHA256 string          `json:"inputSha256,omitempty"` // 64 hex digits over the bytes of the input
	Faults      []RowFault      `json:"faults,omitempty"`      // the first 100
	FaultCount  int64           `json:"faultCount,omitempty"`
	Block       uint64          `json:"block,omitempty"`      // of calls and plans: the newest block when the job began, or the one of the spec
	FirstBlock  uint64          `json:"firstBlock,omitempty"` // of calls and plans: the lowest block that a row was read at
	LastBlock   uint64          `json:"lastBlock,omitempty"`  // and the highest; equal to FirstBlock, all rows are of one state of the chain
	Created     time.Time       `json:"created"`
	Started     *time.Time      `json:"started,omitempty"`
	Retries     int             `json:"retries,omitempty"` // how often rows were put back to be sent again
	Retried     *time.Time      `json:"retried,omitempty"` // when that was last
	Finished    *time.Time      `json:"finished,omitempty"`
}

// Item is a snapshot of one row of a job.
type Item struct {
	Row        int64             `json:"row"`             // from 1, in the order of the input
	ID         string            `json:"id,omitempty"`    // the row's _id
	After      int64             `json:"after,omitempty"` // the row that _after names
	Trace      string            `json:"trace,omitempty"` // its TraceID; reports leave it out, because it follows from job and row
	State      ItemState         `json:"state"`
	Error      string            `json:"error,omitempty"`     // why it is not confirmed, in words
	ErrorKind  string            `json:"errorKind,omitempty"` // a chain.Kind, "reverted", DependencyFailed, or the rule by which it expired: "deadline", "maxWait", "blockLimit"
	To         *common.Address   `json:"to,omitempty"`
	TxHash     *common.Hash      `json:"txHash,omitempty"` // of the attempt that landed, else of the last one
	Block      uint64            `json:"block,omitempty"`
	Status     *int              `json:"status,omitempty"` // the receipt's; nil without a receipt
	StatusName string            `json:"statusName,omitempty"`
	GasUsed    uint64            `json:"gasUsed,omitempty"`
	Output     string            `json:"output,omitempty"`     // 0x hex of the return or revert data
	Outputs    []contracts.Value `json:"outputs,omitempty"`    // of calls and plans: what was returned, where the types are known
	Contract   *common.Address   `json:"contract,omitempty"`   // what a deployment made
	Attempts   int               `json:"attempts"`             // signed transactions; of calls and plans: questions to the chain
	LatencyMS  int64             `json:"latencyMs"`            // from the first send (of the last generation) to the outcome
	Generation int               `json:"generation,omitempty"` // how often it was retried
	Input      json.RawMessage   `json:"input,omitempty"`      // the row as it came: an array of cells, or a JSON value
	History    []Attempt         `json:"history,omitempty"`    // only where asked for
	Earlier    []Item            `json:"earlier,omitempty"`    // how it had ended before each retry, without the input; only where the history is asked for
}

// Attempt is one signed form of an item. Attempts of one generation share a nonce.
type Attempt struct {
	Number     int         `json:"number"`               // from 1, through all generations
	Generation int         `json:"generation,omitempty"` // how often the item had been retried
	TxHash     common.Hash `json:"txHash"`
	BlockLimit uint64      `json:"blockLimit"`
	Created    time.Time   `json:"created"`
	Outcome    string      `json:"outcome,omitempty"` // what the last answer was, in words
}
