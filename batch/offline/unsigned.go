package offline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
)

// unsignedRow is the line of a row that is to be signed.
type unsignedRow struct {
	Row      int64           `json:"row"` // from 1
	ID       string          `json:"id,omitempty"`
	To       common.Address  `json:"to"`
	Function string          `json:"function"` // signature
	Source   json.RawMessage `json:"source"`   // the row as it came
	Input    hexutil.Bytes   `json:"input"`    // what the row encodes to
}

// UnsignedWriter writes a file of unsigned transactions, a row at a time.
type UnsignedWriter struct {
	lines   *lineWriter
	restore *rows.Restorer
	encode  *batch.Encoder
	ids     idSet
	last    int64 // number of the row that came last
}

// NewUnsignedWriter writes the header, in which it fills in format and version. It
// never closes w.
func NewUnsignedWriter(w io.Writer, h Header) (*UnsignedWriter, error) {
	h.Format, h.Version, h.UnsignedSHA256 = Unsigned, version, ""
	h.Created = h.Created.UTC()
	if err := h.validate(Unsigned); err != nil {
		return nil, fmt.Errorf("unsigned transactions: the header %w", err)
	}
	encode, err := h.encoder()
	if err != nil {
		return nil, err
	}
	lines, err := newLineWriter(w, h)
	if err != nil {
		return nil, err
	}
	return &UnsignedWriter{lines: lines, restore: rows.NewRestorer(h.Columns), encode: encode}, nil
}

func (h Header) encoder() (*batch.Encoder, error) {
	encode, fault := batch.NewEncoder(h.Callee(), h.Columns)
	if fault != nil {
		return nil, &rows.Fault{Line: 1, Column: fault.Column, Reason: fault.Reason}
	}
	return encode, nil
}

// Write writes the next row, of which it needs Number, Line, ID and Source. It makes
// the call from Source alone, as the signing machine will; a *rows.Fault says why it
// cannot. More rows can be written then, to find all faults, but not finished.
func (u *UnsignedWriter) Write(row rows.Row) error {
	line := unsignedRow{Row: row.Number, ID: row.ID, Source: row.Source}
	if row.Number <= u.last {
		return fmt.Errorf("row %d comes behind row %d", row.Number, u.last)
	}
	u.last = row.Number
	call, err := callOf(u.restore, u.encode, row.Number, row.ID, row.Source)
	if fault, ok := errors.AsType[*rows.Fault](err); ok {
		fault.Line = row.Line
	}
	if err != nil {
		return err
	}
	line.To, line.Function, line.Input = call.To, call.Function, call.Input
	text, err := encodeLine(line)
	if err != nil {
		return err
	}
	u.ids.add(row.ID, row.Number)
	return u.lines.row(text)
}

// Finish writes the end of the file and gives the hash of all of it. A file
// without it is refused. Two rows with the same _id are a *rows.Fault.
func (u *UnsignedWriter) Finish() (sha256 [32]byte, err error) {
	switch {
	case u.last == 0:
		return sha256, errors.New("unsigned transactions: there are no rows")
	case u.lines.rows != u.last:
		return sha256, fmt.Errorf("unsigned transactions: of %d rows %d are missing", u.last, u.last-u.lines.rows)
	}
	if first, second, ok := u.ids.twins(); ok {
		return sha256, &rows.Fault{Row: second, Column: "_id", Reason: fmt.Sprintf("is already the _id of row %d", first)}
	}
	return u.lines.finish()
}

func encodeLine(v any) ([]byte, error) {
	var buf bytes.Buffer
	err := lineEncoder(&buf).Encode(v)
	return buf.Bytes(), err
}

// callOf makes the call of a row from what is kept of it.
func callOf(restore *rows.Restorer, encode *batch.Encoder, number int64, id string, source json.RawMessage) (batch.Call, error) {
	row, err := restore.Row(number, source)
	if err != nil {
		return batch.Call{}, err
	}
	if row.ID != id {
		return batch.Call{}, &rows.Fault{Row: number, Column: "_id", Reason: fmt.Sprintf("is %q in the row and %q beside it", row.ID, id)}
	}
	call, fault := encode.Call(row)
	if fault != nil {
		f := rows.Fault(*fault)
		return batch.Call{}, &f
	}
	return call, nil
}

// unsignedReader reads the rows of an unsigned file and checks each.
type unsignedReader struct {
	lines   *lineReader
	restore *rows.Restorer
	encode  *batch.Encoder
}

func newUnsignedReader(r io.Reader) (*unsignedReader, error) {
	lines, err := newLineReader(r, Unsigned)
	if err != nil {
		return nil, err
	}
	encode, err := lines.header.encoder()
	if err != nil {
		return nil, err
	}
	return &unsignedReader{lines: lines, restore: rows.NewRestorer(lines.header.Columns), encode: encode}, nil
}

// next gives the next row, io.EOF behind the last one, or a *rows.Fault.
func (u *unsignedReader) next() (unsignedRow, error) {
	var line unsignedRow
	if err := u.lines.row(&line); err != nil {
		return line, err
	}
	if line.Row != u.lines.rows {
		return line, u.lines.fault(fmt.Sprintf("is row %d, expected was row %d", line.Row, u.lines.rows))
	}
	call, err := callOf(u.restore, u.encode, line.Row, line.ID, line.Source)
	if err != nil {
		return line, u.lines.fault(err.Error())
	}
	if call.To != line.To || call.Function != line.Function || !bytes.Equal(call.Input, line.Input) {
		return line, u.lines.fault(fmt.Sprintf("row %d says that it calls %s of %s, but its values make another call: the file was changed", line.Row, line.Function, line.To))
	}
	return line, nil
}
