package report

import (
	"bufio"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/batch"
)

// writeFailed writes the failed rows as they came. Rows of a CSV get two more
// columns that say why, which are not read when they are fed back; they replace
// the result columns of a report that was fed back itself. Other input is
// NDJSON, and nothing is added to its rows.
func writeFailed(ctx context.Context, s source, opt Options, w *bufio.Writer) error {
	columns := s.Job().Columns
	l := newLines(columns, false) // only for the input
	if columns == nil {
		return eachFailed(ctx, s, l, func(it batch.TimedItem, cells []string) error {
			row := cells[0]
			if noLongerWaits(it) {
				row = without(row, "_after")
			}
			_, _ = w.WriteString(row)
			return w.WriteByte('\n')
		})
	}
	after := slices.Index(columns, "_after")
	comma := byte(',')
	if strings.ContainsRune(";|\t", opt.Delimiter) {
		comma = byte(opt.Delimiter)
	}
	out := csvWriter{w, comma}
	kept := keptColumns(columns)
	var line []string
	write := func(cells []string, more ...string) error {
		line = line[:0]
		for _, i := range kept {
			line = append(line, cells[i])
		}
		return out.line(append(line, more...))
	}
	if err := write(columns, resultColumns[atState], resultColumns[atError]); err != nil {
		return err
	}
	return eachFailed(ctx, s, l, func(it batch.TimedItem, cells []string) error {
		if after >= 0 && noLongerWaits(it) {
			cells[after] = ""
		}
		return write(cells, string(it.State), cleanText(it.Error))
	})
}

// noLongerWaits reports whether the row that an item waits for has succeeded: it is
// not among the failed ones, and need not be waited for any more.
func noLongerWaits(it batch.TimedItem) bool { return it.AfterState == batch.ItemConfirmed }

// without takes a member out of a row that is a JSON object.
func without(row, member string) string {
	in := json.NewDecoder(strings.NewReader(row))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return row
	}
	var out strings.Builder
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return row
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return row
		}
		if name == member {
			continue
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return row
		}
		out.WriteString(map[bool]string{true: "{", false: ","}[out.Len() == 0])
		out.Write(quoted)
		out.WriteByte(':')
		out.Write(value)
	}
	if out.Len() == 0 {
		return "{}"
	}
	return out.String() + "}"
}

// eachFailed gives each failed row with its cells to write.
func eachFailed(ctx context.Context, s source, l *lines, write func(batch.TimedItem, []string) error) error {
	return s.Items(ctx, func(it batch.TimedItem) error {
		if !it.State.Failed() { // one whose outcome is unknown may still be executed
			return nil
		}
		cells, err := l.input(it.Item)
		if err != nil {
			return err
		}
		return write(it, cells)
	})
}

// keptColumns are the columns that are not results of an earlier job.
func keptColumns(columns []string) []int {
	var kept []int
	for i, name := range columns {
		if name != valuesColumn && !slices.Contains(resultColumns, name) {
			kept = append(kept, i)
		}
	}
	return kept
}
