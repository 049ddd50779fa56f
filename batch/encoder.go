package batch

import (
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch/rows"
)

// Callee is the function that rows call, as a job of the same fields would have it.
type Callee struct {
	To       *common.Address // of rows without _to; nil when every row brings its own
	ABI      json.RawMessage // JSON; empty when Function has its types
	Function string          // of rows without _fn: "save" or "save(bytes32,string)"
}

// Call is what a row asks for.
type Call struct {
	To       common.Address
	Function string // signature, for example "save(bytes32,string)"
	Input    []byte // selector and arguments
}

// Encoder turns rows into the calls that a job would make of them. It is not
// safe for concurrent use.
type Encoder struct{ check *checker }

// NewEncoder is for rows of an input with these columns, nil without a header.
// The fault is one of the callee or of the header.
func NewEncoder(c Callee, columns []string) (*Encoder, *RowFault) {
	rec := record{Job: Job{Spec: Spec{Function: c.Function}, Address: c.To}, abi: string(c.ABI)}
	check, fault := newChecker(rec, columns)
	if fault != nil {
		return nil, fault
	}
	return &Encoder{check}, nil
}

// Call is the call of a row. The fault has row and line.
func (e *Encoder) Call(row rows.Row) (Call, *RowFault) {
	item, fault := e.check.item(row)
	if fault != nil {
		fault.Row, fault.Line = row.Number, row.Line
		return Call{}, fault
	}
	return Call{To: common.BytesToAddress(item.recipient), Function: e.check.method(row).Signature(), Input: item.input}, nil
}
