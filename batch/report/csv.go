package report

import (
	"bufio"
	"context"
	"strings"

	"github.com/bcosgate/bcosgate/batch"
)

// csvWriter writes lines of CSV (RFC 4180, with LF) that package rows reads back
// to the same cells. encoding/csv leaves names with other delimiters bare, from
// which the delimiter would be guessed wrong, and writes a single empty cell as
// an empty line, which is no row.
type csvWriter struct {
	w     *bufio.Writer
	comma byte
}

func (c *csvWriter) line(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			_ = c.w.WriteByte(c.comma) // the last write tells the error
		}
		c.cell(cell, len(cells) == 1)
	}
	return c.w.WriteByte('\n')
}

func (c *csvWriter) cell(cell string, alone bool) {
	if !(alone && cell == "") && !strings.ContainsAny(cell, ",;|\t\"\r\n") && !strings.HasPrefix(cell, "\ufeff") {
		_, _ = c.w.WriteString(cell)
		return
	}
	_ = c.w.WriteByte('"')
	for {
		before, after, found := strings.Cut(cell, `"`)
		_, _ = c.w.WriteString(before)
		if !found {
			break
		}
		_, _ = c.w.WriteString(`""`)
		cell = after
	}
	_ = c.w.WriteByte('"')
}

func writeCSV(ctx context.Context, s source, _ Options, w *bufio.Writer) error {
	l := newLines(s.Job().Columns, reads(s.Job()))
	out := csvWriter{w, ','}
	if err := out.line(l.header()); err != nil {
		return err
	}
	return s.Items(ctx, func(it batch.TimedItem) error {
		cells, err := l.line(it.Item)
		if err != nil {
			return err
		}
		return out.line(cells)
	})
}
