package rows

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bcosgate/bcosgate/internal/exactjson"
)

// NDJSON reads one JSON value a line, in UTF-8, packed with gzip or zstd or not: an object whose names are
// argument names, or an array with the arguments in their order. Empty lines
// are skipped. Numbers keep all their digits; a name that occurs twice in an
// object is a fault. After a fault reading goes on with the next line.
type NDJSON struct {
	source *source
	lines  lineReader
	row    int64
	fault  *Fault
	ended  bool
}

// NewNDJSON looks at the start of r. The error is one of r itself; what is
// wrong with the content comes from Next. It never closes r.
func NewNDJSON(r io.Reader) (*NDJSON, error) {
	src, err := newSource(r)
	if err != nil {
		return nil, err
	}
	n := &NDJSON{source: src}
	n.lines.br = bufio.NewReaderSize(src, blockSize)
	head, err := n.lines.br.Peek(blockSize)
	if n.fault = asFault(err); n.fault != nil {
		return n, nil
	}
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read input: %w", err)
	}
	if bytes.HasPrefix(head, []byte(utf8BOM)) {
		head = head[len(utf8BOM):]
		if _, err := n.lines.br.Discard(len(utf8BOM)); err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
	}
	if len(head) == 0 {
		n.fault = &Fault{Reason: "is empty"}
	} else if foreign := foreignInput(head); foreign != "" {
		n.fault = &Fault{Reason: foreign}
	}
	return n, nil
}

// Columns is nil: each row has names of its own.
func (n *NDJSON) Columns() []string { return nil }

// SHA256 is the hash of all bytes of the input, valid after io.EOF.
func (n *NDJSON) SHA256() [32]byte { return n.source.hashed.sum() }

// Unpacked is how many bytes came out of the packing so far; 0 without one.
func (n *NDJSON) Unpacked() int64 { return n.source.out }

// Next gives the next row, io.EOF after the last one, a *Fault, or an error of
// the underlying reader. Input without any row is a fault. After a fault with
// Row 0 it gives io.EOF only, and SHA256 is not valid.
func (n *NDJSON) Next() (Row, error) {
	if n.ended {
		return Row{}, io.EOF
	}
	if n.fault != nil {
		n.ended = true
		return Row{}, n.fault
	}
	for {
		line, tooLong, err := n.lines.next(MaxRow)
		if errors.Is(err, errEnd) {
			n.ended = true
			if n.row == 0 {
				return Row{}, &Fault{Reason: "has no rows"}
			}
			return Row{}, io.EOF
		}
		if err != nil {
			n.ended = asFault(err) != nil
			return Row{}, err
		}
		if tooLong {
			n.ended = true
			return Row{}, &Fault{Line: n.lines.line, Reason: fmt.Sprintf("row %d is longer than %d MiB", n.row+1, MaxRow>>20)}
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			n.row++
			return jsonRow(slices.Clone(line), n.row, n.lines.line)
		}
	}
}

// JSON reads rows that are JSON values already, each as a line of NDJSON is.
type JSON struct {
	values []json.RawMessage
	next   int
	hashed *hashedReader
}

// NewJSON reads values; it keeps the slice and does not change it. SHA256 is
// over the values as they are, with a line feed between them. Faults have no
// line.
func NewJSON(values []json.RawMessage) *JSON {
	return &JSON{values: values, hashed: newHashedReader(nil)}
}

// Columns is nil: each row has names of its own.
func (j *JSON) Columns() []string { return nil }

// SHA256 is the hash of all values, valid after io.EOF.
func (j *JSON) SHA256() [32]byte { return j.hashed.sum() }

// Next gives the next row, io.EOF after the last one, or a *Fault.
func (j *JSON) Next() (Row, error) {
	if j.next == 0 && len(j.values) == 0 {
		j.next++
		return Row{}, &Fault{Reason: "has no rows"}
	}
	if j.next >= len(j.values) {
		return Row{}, io.EOF
	}
	value := j.values[j.next]
	if j.next > 0 {
		j.hashed.h.Write([]byte{'\n'})
	}
	j.hashed.h.Write(value)
	j.next++
	if len(value) > MaxRow {
		return Row{}, &Fault{Row: int64(j.next), Reason: fmt.Sprintf("is longer than %d MiB", MaxRow>>20)}
	}
	return jsonRow(value, int64(j.next), 0)
}

// jsonRow reads one value; the row keeps it.
func jsonRow(value json.RawMessage, number, line int64) (Row, error) {
	fault := func(column, reason string) (Row, error) {
		return Row{}, &Fault{Row: number, Line: line, Column: column, Reason: reason}
	}
	members, isObject, err := exactjson.DecodeRow(value)
	if err != nil {
		return fault("", err.Error())
	}
	row := Row{Number: number, Line: line, Source: value, Cells: make([]Cell, 0, len(members))}
	for _, m := range members {
		what := roleCell
		if isObject {
			if m.Name == "" {
				return fault("", "has an empty name")
			}
			what = roleOf(m.Name)
		}
		text, isText := m.Value.(string)
		switch what {
		case roleCell:
			row.Cells = append(row.Cells, Cell{Column: m.Name, Value: m.Value})
		case roleRefused:
			return fault(m.Name, refusedReason)
		case roleID, roleAfter:
			number, isNumber := m.Value.(json.Number)
			if !isText && !isNumber {
				return fault(m.Name, "must be a text or a number")
			}
			if what == roleID {
				row.ID = text + number.String()
			} else {
				row.After = text + number.String()
			}
		case roleTo, roleFn:
			if !isText {
				return fault(m.Name, "must be a text")
			}
			if what == roleTo {
				row.To = text
			} else {
				row.Fn = text
			}
		}
	}
	return row, nil
}
