package reconcile

import (
	"github.com/ethereum/go-ethereum/common"
)

// Kind says in which way store and chain differ.
type Kind string

// The closed list of differences.
const (
	MissingReceipt     Kind = "missing_receipt"     // the store says that it is in a block, and no node has it
	UnexpectedReceipt  Kind = "unexpected_receipt"  // the store says that it never landed, and it did
	WrongBlock         Kind = "wrong_block"         // it is in another block
	WrongStatus        Kind = "wrong_status"        // it ended otherwise
	WrongContract      Kind = "wrong_contract"      // the deployment made another contract
	WrongGasUsed       Kind = "wrong_gas_used"      // it used another amount of gas
	WrongOutput        Kind = "wrong_output"        // it returned something else
	WrongSender        Kind = "wrong_sender"        // another account signed it
	WrongRecipient     Kind = "wrong_recipient"     // it called another contract
	MissingEvent       Kind = "missing_event"       // it succeeded without the event that was expected
	NotInBlock         Kind = "not_in_block"        // the block that the receipt names does not list it
	NodesDisagree      Kind = "nodes_disagree"      // nodes say different things: one of them is wrong
	MissingRow         Kind = "missing_row"         // the job has fewer rows in the store than it counts
	UnknownTransaction Kind = "unknown_transaction" // an account of the job sent it, and the store does not know it
)

// Kinds lists all kinds in their order.
var Kinds = []Kind{MissingReceipt, UnexpectedReceipt, WrongBlock, WrongStatus, WrongContract, WrongGasUsed, WrongOutput, WrongSender,
	WrongRecipient, MissingEvent, NotInBlock, NodesDisagree, MissingRow, UnknownTransaction}

// Mismatch is one difference between store and chain, or between nodes.
type Mismatch struct {
	Kind   Kind         `json:"kind"`
	Row    int64        `json:"row,omitempty"`    // 0: it belongs to no row
	ID     string       `json:"id,omitempty"`     // the row's _id
	Trace  string       `json:"trace,omitempty"`  // job and row, as in logs
	TxHash *common.Hash `json:"txHash,omitempty"` // nil when it is about a block or the job
	Block  uint64       `json:"block,omitempty"`  // as the store says, else as the nodes do
	Field  string       `json:"field,omitempty"`  // with nodes_disagree: about what
	Stored string       `json:"stored,omitempty"` // what the store says
	Nodes  []Said       `json:"nodes,omitempty"`  // what each node says
}

// Said is what one node says.
type Said struct {
	Node string `json:"node"`
	Says string `json:"says"`
}
