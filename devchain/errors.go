package devchain

import (
	"errors"
	"fmt"
)

// Error is a refusal as the JSON-RPC interface of a node words it: the code and
// the text of its error object (protocol sections 3.2 and 5.3).
type Error struct {
	Code    int
	Message string
}

// Error is the text with its code.
func (e *Error) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// The codes of an Error.
const (
	CodeOther          = -1     // a transaction that cannot be read, or is of another chain
	CodeInvalidRequest = -32600 // a call that cannot be read
	CodeInvalidParams  = -32602 // a raw Ethereum transaction that cannot be read, or whose sender has nothing
	CodeInternal       = -32603 // any other refusal of a raw Ethereum transaction
)

// ErrNotFound is the answer to a read of a block, transaction, receipt or
// setting that does not exist (yet).
var ErrNotFound = errors.New("devchain: not found")

// ErrStopped is the answer of a chain that is not running: not started yet,
// stopping or stopped.
var ErrStopped = errors.New("devchain: the chain is not running")

// ErrAgreed refuses what a node cannot do alone: the nodes of its chain agree on the
// blocks.
var ErrAgreed = errors.New("devchain: not available where several nodes agree on the blocks")

// ErrOtherGenesis refuses a data folder that was made with another genesis.
var ErrOtherGenesis = errors.New("devchain: the data folder belongs to a chain with another genesis")

// Status is the result of an execution or the reason for a refusal; receipts
// and the pool share one table (protocol section 5.3).
type Status int

// The statuses that this chain gives.
const (
	StatusNone             Status = 0 // success
	StatusUnknown          Status = 1
	StatusNotEnoughCash    Status = 7
	StatusBadInstruction   Status = 10
	StatusOutOfGas         Status = 12
	StatusOutOfStack       Status = 13
	StatusStackUnderflow   Status = 14
	StatusPrecompiledError Status = 15
	StatusRevert           Status = 16

	StatusPermissionDenied  Status = 18
	StatusContractFrozen    Status = 21
	StatusAccountFrozen     Status = 22
	StatusAccountAbolished  Status = 23
	StatusContractAbolished Status = 24

	StatusNonceCheckFail      Status = 10000
	StatusBlockLimitCheckFail Status = 10001
	StatusTxPoolIsFull        Status = 10002
	StatusAlreadyInTxPool     Status = 10004
	StatusInvalidChainID      Status = 10006
	StatusInvalidGroupID      Status = 10007
	StatusInvalidSignature    Status = 10008
	StatusPoolTimeout         Status = 10010
	StatusOverFlowValue       Status = 10012
	StatusInitCodeTooLong     Status = 10013
	StatusInsufficientFunds   Status = 10015
)

// String is the name that a node gives to the status.
func (s Status) String() string {
	switch s {
	case StatusNone:
		return "None"
	case StatusUnknown:
		return "Unknown"
	case StatusNotEnoughCash:
		return "NotEnoughCash"
	case StatusBadInstruction:
		return "BadInstruction"
	case StatusOutOfGas:
		return "OutOfGas"
	case StatusOutOfStack:
		return "OutOfStack"
	case StatusStackUnderflow:
		return "StackUnderflow"
	case StatusPrecompiledError:
		return "PrecompiledError"
	case StatusPermissionDenied:
		return "PermissionDenied"
	case StatusContractFrozen:
		return "ContractFrozen"
	case StatusAccountFrozen:
		return "AccountFrozen"
	case StatusAccountAbolished:
		return "AccountAbolished"
	case StatusContractAbolished:
		return "ContractAbolished"
	case StatusRevert:
		return "RevertInstruction"
	case StatusNonceCheckFail:
		return "NonceCheckFail"
	case StatusBlockLimitCheckFail:
		return "BlockLimitCheckFail"
	case StatusTxPoolIsFull:
		return "TxPoolIsFull"
	case StatusAlreadyInTxPool:
		return "AlreadyInTxPool"
	case StatusInvalidChainID:
		return "InvalidChainId"
	case StatusInvalidGroupID:
		return "InvalidGroupId"
	case StatusInvalidSignature:
		return "InvalidSignature"
	case StatusPoolTimeout:
		return "TransactionPoolTimeout"
	case StatusOverFlowValue:
		return "OverFlowValue"
	case StatusInitCodeTooLong:
		return "MaxInitCodeSizeExceeded"
	case StatusInsufficientFunds:
		return "InsufficientFunds"
	}
	return fmt.Sprintf("Status(%d)", int(s))
}

// refusal is the pool's answer for a status.
func refusal(s Status) *Error { return &Error{Code: int(s), Message: s.String()} }

// unreadable is the node's answer to a transaction that it cannot take in: the
// last two lines of its diagnostic dump, which are the ones that clients read.
func unreadable(exception, what string) *Error {
	return &Error{Code: CodeOther, Message: Dump(exception, what)}
}

// Dump is how a node words an exception that it did not expect: the last two lines
// of its diagnostic dump.
func Dump(exception, what string) string {
	return "Dynamic exception type: " + exception + "\nstd::exception::what: " + what + "\n"
}
