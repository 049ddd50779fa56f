package report

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/batch"
)

// maxProblems is how many problems a verification names; it counts all.
const maxProblems = 100

// Verification is what a report was found to be.
type Verification struct {
	Rows         int64                     `json:"rows"`
	States       map[batch.ItemState]int64 `json:"states"`
	Root         string                    `json:"root"`     // of the Merkle tree, 64 hex digits; "" when the report cannot be read to its end
	Problems     []Problem                 `json:"problems"` // the first 100
	ProblemCount int64                     `json:"problemCount"`
}

// Problem is one thing that is wrong with a report.
type Problem struct {
	Row    int64  `json:"row"` // 0 is the header, or the whole report
	Reason string `json:"reason"`
}

// Expected is what a report has to be.
type Expected struct {
	Root    string                    // 64 hex digits; "" compares no root
	Rows    *int64                    // nil compares no number of rows
	States  map[batch.ItemState]int64 // nil compares no numbers of states
	Columns []string                  // of the input; only an NDJSON report needs them, nil for input without a header
	Reads   bool                      // the rows were read, and not sent; only an NDJSON report needs it
}

// Expected is what the summary says of its report.
func (s Summary) Expected() Expected {
	rows := int64(s.Merkle.Leaves) - 1
	want := Expected{Root: s.Merkle.Root, Rows: &rows, Columns: s.Job.Columns, Reads: reads(s.Job)}
	if c := s.Job.Counts; s.Job.State != batch.JobInvalid { // whose rows are not counted
		want.States = map[batch.ItemState]int64{
			batch.ItemQueued: c.Queued, batch.ItemSubmitted: c.Submitted, batch.ItemUnknown: c.Unknown, batch.ItemConfirmed: c.Confirmed,
			batch.ItemReverted: c.Reverted, batch.ItemRejected: c.Rejected, batch.ItemExpired: c.Expired, batch.ItemCanceled: c.Canceled,
		}
	}
	return want
}

// verifier gathers what is found.
type verifier struct {
	Verification
	tree  lineTree
	at    int64 // the row that is being read; 0 is the header
	reads bool  // the rows were read, and not sent
}

// Verify reads a report in the format CSV or NDJSON to its end, line by line,
// computes the root of its Merkle tree again and compares it with what is
// expected. It needs neither a store nor a chain. What is wrong with the report
// is in the Verification; the error is one of r, of ctx or of the format.
func Verify(ctx context.Context, r io.Reader, format Format, want Expected) (Verification, error) {
	v := &verifier{Verification: Verification{States: map[batch.ItemState]int64{}, Problems: []Problem{}}}
	read := v.readCSV
	switch format {
	case CSV:
	case NDJSON:
		read = v.readNDJSON
	default:
		return Verification{}, fmt.Errorf("a report in the format %q cannot be verified; %s and %s can", string(format), CSV, NDJSON)
	}
	v.reads = want.Reads
	err := read(ctx, r, want.Columns)
	if broken, ok := errors.AsType[*syntaxError](err); ok {
		v.problem(v.at, "the line cannot be read, nor what follows: it %s", broken.reason)
		return v.Verification, nil
	}
	if err != nil {
		return Verification{}, err
	}
	root := v.tree.Root()
	v.Root = hex.EncodeToString(root[:])
	v.compare(want)
	return v.Verification, nil
}

func (v *verifier) problem(row int64, format string, args ...any) {
	v.ProblemCount++
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, Problem{row, fmt.Sprintf(format, args...)})
	}
}

func (v *verifier) readCSV(ctx context.Context, r io.Reader, _ []string) error {
	in := newLineReader(r)
	header, err := in.next()
	if errors.Is(err, io.EOF) {
		return &syntaxError{"is missing: the report is empty"}
	}
	if err != nil {
		return err
	}
	header = slices.Clone(header)
	results := header
	if v.reads = header[len(header)-1] == valuesColumn; v.reads {
		results = header[:len(header)-1]
	}
	width := len(results) - len(resultColumns)
	if width < 1 || !slices.Equal(results[width:], resultColumns) {
		return &syntaxError{fmt.Sprintf("does not end with the columns %s", strings.Join(resultColumns, " "))}
	}
	l := newLines(header[:width], v.reads)
	v.tree.add("", header)
	for ; ; v.Rows++ {
		if v.Rows%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row := v.Rows + 1
		v.at = row
		cells, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(cells) != len(header) {
			v.problem(row, "has %d cells, the header has %d", len(cells), len(header))
			v.tree.add(strconv.FormatInt(row, 10), cells)
			continue
		}
		v.tree.add(l.key(row, cells), cells)
		v.check(row, cells[width:])
	}
}

func (v *verifier) readNDJSON(ctx context.Context, r io.Reader, columns []string) error {
	l := newLines(columns, v.reads)
	v.tree.add("", l.header())
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		if v.Rows%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		v.Rows++
		v.at = v.Rows
		if cells := v.entry(l, in.Bytes()); cells != nil {
			v.tree.add(l.key(v.Rows, cells), cells)
			v.check(v.Rows, cells[l.width:])
		} else {
			v.tree.add("", nil) // no row has this leaf
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		v.at++
		return errTooLong
	}
	return in.Err()
}

// entry gives the cells of a line of an NDJSON report, nil when it is none.
func (v *verifier) entry(l *lines, line []byte) []string {
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		v.problem(v.at, "is no line of a report: %v", err)
		return nil
	}
	it := e.Result.Item
	it.Row, it.Input = e.Row, e.Input
	cells, err := l.line(it)
	if err != nil {
		v.problem(v.at, "%v", err)
		return nil
	}
	if e.Row != v.at {
		v.problem(v.at, "says that it is row %d", e.Row)
	}
	return cells
}

// check finds what cannot be true of a row, whatever the root says.
func (v *verifier) check(row int64, result []string) {
	state := batch.ItemState(result[atState])
	v.States[state]++
	hash, block, status, gas := result[atHash], result[atBlock], result[atStatus], result[atGas]
	inBlock := state == batch.ItemConfirmed || state == batch.ItemReverted
	if v.reads {
		v.checkRead(row, state, result)
		return
	}
	switch {
	case !slices.Contains(batch.ItemStates, state):
		v.problem(row, "_state %q is none", state)
	case hash != "" && !isHash(hash):
		v.problem(row, "_tx_hash %q is no hash: it has 0x and 64 hex digits", hash)
	case inBlock && (hash == "" || block == "" || status == "" || gas == ""):
		v.problem(row, "is %s, but _tx_hash, _block, _status or _gas_used is missing", state)
	case !inBlock && (block != "" || status != "" || gas != ""):
		v.problem(row, "is %s, but has a _block, a _status or _gas_used", state)
	case state == batch.ItemQueued && hash != "":
		v.problem(row, "is queued, but has a _tx_hash")
	case !isNumber(block) || !isNumber(status) || !isNumber(gas):
		v.problem(row, "_block, _status or _gas_used is no number")
	}
}

// checkRead is check for a row that was read.
func (v *verifier) checkRead(row int64, state batch.ItemState, result []string) {
	block, status := result[atBlock], result[atStatus]
	answered := state == batch.ItemConfirmed || state == batch.ItemReverted
	switch {
	case !slices.Contains(batch.ItemStates, state):
		v.problem(row, "_state %q is none", state)
	case result[atHash] != "" || result[atGas] != "":
		v.problem(row, "was read, but has a _tx_hash or _gas_used")
	case answered != (block != "") || answered != (status != ""):
		v.problem(row, "is %s: _block and _status do not fit that", state)
	case !isNumber(block) || !isNumber(status):
		v.problem(row, "_block or _status is no number")
	case status != "" && (status == "0") != (state == batch.ItemConfirmed):
		v.problem(row, "is %s with _status %s", state, status)
	}
}

func isHash(s string) bool {
	digits, found := strings.CutPrefix(s, "0x")
	_, err := hex.DecodeString(digits)
	return found && err == nil && len(digits) == 64
}

// isNumber takes the empty cell too.
func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return s == "" || err == nil
}

func (v *verifier) compare(want Expected) {
	if want.Rows != nil && *want.Rows != v.Rows {
		v.problem(0, "the report has %d rows, not %d", v.Rows, *want.Rows)
	}
	if want.States != nil {
		for _, s := range batch.ItemStates {
			if v.States[s] != want.States[s] {
				v.problem(0, "%d rows are %s, not %d", v.States[s], s, want.States[s])
			}
		}
	}
	if want.Root != "" && !strings.EqualFold(strings.TrimPrefix(want.Root, "0x"), v.Root) {
		v.problem(0, "the Merkle root is %s, not %s: a cell was changed, or a row was added, removed or moved", v.Root, want.Root)
	}
}
