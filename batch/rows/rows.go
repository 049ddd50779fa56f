// Package rows reads the rows of a job from CSV, NDJSON, Parquet or JSON values,
// one at a time and with flat memory. It knows nothing about contracts: it yields
// named values, and says of each broken row where and why.
package rows

import (
	"encoding/json"
	"fmt"
)

// Cell is one named value of a row.
type Cell struct {
	Column string
	Value  any // string, json.Number, bool, nil, []any or map[string]any; CSV cells are always strings; Parquet has []byte too
}

// Row is one data row.
type Row struct {
	Number int64           // counts data rows from 1
	Line   int64           // line of the input where the row begins, from 1; 0 where there are none
	ID     string          // reserved column _id
	To     string          // reserved column _to
	Fn     string          // reserved column _fn
	After  string          // reserved column _after
	Cells  []Cell          // all columns that are not reserved, in order; positional JSON arrays have Column ""
	Source json.RawMessage // the row as it came: an array of all cell texts (CSV, Parquet), or the JSON value
	Signed *Signed         // the transaction of the row, in a file of transactions that were signed elsewhere; else nil
}

// Signed is a signed transaction as a file has it. Nothing of it is checked.
type Signed struct {
	Tx    []byte   // the bytes that are sent
	Hash  [32]byte // what the file says its hash is
	Nonce string   // what the file says its nonce is
}

// Fault says what is wrong with a row, or with the whole input when Row is 0.
// A reader can go on after a Fault with a Row; one with Row 0 ends it.
type Fault struct {
	Row    int64
	Line   int64
	Column string
	Reason string
}

// Error says row, line, column and reason.
func (f *Fault) Error() string {
	s := "input"
	if f.Row > 0 {
		s = fmt.Sprintf("row %d", f.Row)
	}
	if f.Line > 0 {
		s += fmt.Sprintf(" (line %d)", f.Line)
	}
	if f.Column != "" {
		s += fmt.Sprintf(", column %q", f.Column)
	}
	return s + ": " + f.Reason
}

// Reader yields rows. It is not safe for concurrent use.
type Reader interface {
	// Columns is the header, reserved columns included, known after the
	// constructor returned; nil for input without a header.
	Columns() []string
	// Next gives the next row, io.EOF at the end, a *Fault, or an error of the
	// underlying reader.
	Next() (Row, error)
	// SHA256 is the hash of all bytes of the input, valid after io.EOF.
	SHA256() [32]byte
}
