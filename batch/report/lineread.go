package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the most bytes that one line of a report may have: many times a
// row of the input, because contracts may return more than they are given.
const maxLine = 64 << 20

// lineReader reads the cells of a CSV report. Unlike encoding/csv it keeps line
// ends inside of cells as they are; every byte of a cell counts. It takes LF and
// CRLF between lines and a byte order mark before them, so that a report that an
// editor has saved again is the same report.
type lineReader struct {
	r     *bufio.Reader
	begun bool
	text  []byte // of all cells of the line
	ends  []int  // where each ends
	cells []string
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// syntaxError says why a line is no CSV.
type syntaxError struct{ reason string }

func (e *syntaxError) Error() string { return e.reason }

// next gives the cells of the next line, valid until the next call, and io.EOF
// after the last one.
func (l *lineReader) next() ([]string, error) {
	if !l.begun {
		l.begun = true
		if head, _ := l.r.Peek(3); bytes.Equal(head, []byte("\xef\xbb\xbf")) {
			_, _ = l.r.Discard(3)
		}
	}
	l.text, l.ends = l.text[:0], l.ends[:0]
	for first := true; ; first = false {
		more, err := l.cell(first)
		if err != nil {
			return nil, err
		}
		l.ends = append(l.ends, len(l.text))
		if !more {
			break
		}
	}
	text, start := string(l.text), 0
	l.cells = l.cells[:0]
	for _, end := range l.ends {
		l.cells = append(l.cells, text[start:end])
		start = end
	}
	return l.cells, nil
}

// cell appends one cell to text, and says whether another one follows on the line.
func (l *lineReader) cell(first bool) (more bool, err error) {
	b, err := l.r.ReadByte()
	switch {
	case errors.Is(err, io.EOF) && first:
		return false, io.EOF
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	case b == '"':
		return l.quoted()
	}
	for {
		switch b {
		case ',':
			return true, nil
		case '\n':
			return false, nil
		case '\r':
			return false, l.lineFeed()
		case '"':
			return false, &syntaxError{"has a quote in a cell that does not begin with one"}
		}
		if err := l.keep(b); err != nil {
			return false, err
		}
		if b, err = l.r.ReadByte(); err != nil {
			return false, notEOF(err)
		}
	}
}

// quoted goes on behind the opening quote.
func (l *lineReader) quoted() (more bool, err error) {
	for {
		part, err := l.r.ReadSlice('"')
		if len(l.text)+len(part) > maxLine {
			return false, errTooLong
		}
		l.text = append(l.text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return false, &syntaxError{"has a quote that is never closed"}
		case err != nil:
			return false, err
		}
		l.text = l.text[:len(l.text)-1]
		b, err := l.r.ReadByte()
		switch {
		case err != nil:
			return false, notEOF(err)
		case b == '"':
			l.text = append(l.text, '"')
		case b == ',':
			return true, nil
		case b == '\n':
			return false, nil
		case b == '\r':
			return false, l.lineFeed()
		default:
			return false, &syntaxError{fmt.Sprintf("has %q behind the closing quote", b)}
		}
	}
}

var errTooLong = &syntaxError{fmt.Sprintf("is longer than %d MiB", maxLine>>20)}

func (l *lineReader) keep(b byte) error {
	if len(l.text) == maxLine {
		return errTooLong
	}
	l.text = append(l.text, b)
	return nil
}

// lineFeed takes what has to follow a carriage return.
func (l *lineReader) lineFeed() error {
	b, err := l.r.ReadByte()
	if err == nil && b != '\n' || errors.Is(err, io.EOF) {
		return &syntaxError{"has a carriage return without a line feed"}
	}
	return err
}

// notEOF ends the last line of a file that has no line end.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
