package report

import (
	"bufio"
	"context"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/batch"
)

// failed reports whether a row may be fed back: it is final, and nothing of it
// took effect. A row whose outcome is unknown may still be executed.
func failed(s batch.ItemState) bool {
	return s == batch.ItemReverted || s == batch.ItemRejected || s == batch.ItemExpired || s == batch.ItemCanceled
}

// writeFailed writes the failed rows as they came. Rows of a CSV get two more
// columns that say why, which are not read when they are fed back; they replace
// the result columns of a report that was fed back itself. Other input is
// NDJSON, and nothing is added to its rows.
func writeFailed(ctx context.Context, s source, opt Options, w *bufio.Writer) error {
	columns := s.Job().Columns
	l := newLines(columns, false) // only for the input
	if columns == nil {
		return eachFailed(ctx, s, l, func(_ batch.TimedItem, cells []string) error {
			_, _ = w.WriteString(cells[0])
			return w.WriteByte('\n')
		})
	}
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
		return write(cells, string(it.State), cleanText(it.Error))
	})
}

// eachFailed gives each failed row with its cells to write.
func eachFailed(ctx context.Context, s source, l *lines, write func(batch.TimedItem, []string) error) error {
	return s.Items(ctx, func(it batch.TimedItem) error {
		if !failed(it.State) {
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
