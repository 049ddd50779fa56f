package proof

// Check names one thing that is verified. The list is closed.
type Check string

// All checks.
const (
	CheckTransactionHash  Check = "transaction hash"
	CheckSender           Check = "sender"
	CheckReceiptHash      Check = "receipt hash"
	CheckPairing          Check = "receipt of the transaction" // they belong together, and to the block
	CheckMerkleProof      Check = "Merkle proof"
	CheckTransactionsRoot Check = "transactions root"
	CheckReceiptsRoot     Check = "receipts root"
	CheckBlockHash        Check = "block hash"
	CheckParent           Check = "parent link"
	CheckSealers          Check = "sealer set" // what the caller trusts is no usable set
	CheckSignature        Check = "signature"
	CheckQuorum           Check = "quorum"
	CheckGenesisHash      Check = "genesis hash"
	CheckGenesisText      Check = "genesis text" // also of a configuration it is made from
)

// Error is the failure of a check: every error of this package is one.
type Error struct {
	Check Check
	Want  string // computed, or brought by the caller; "" where there is no single value
	Got   string // what the node says; "" where there is no single value
	Msg   string // what differs, in plain words
	Err   error  // cause, or nil
}

// Error says which check failed and what differs.
func (e *Error) Error() string {
	text := string(e.Check) + ": " + e.Msg
	if e.Want != "" || e.Got != "" {
		text += ": got " + orNothing(e.Got) + ", want " + orNothing(e.Want)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
