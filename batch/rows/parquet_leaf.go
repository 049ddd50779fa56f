package rows

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// mostRowValues bounds the values of one row: an array of so many would fit into no
// transaction.
const mostRowValues = 1 << 18

// leafReader gives the values of one column in a row group, one page after the other.
type leafReader struct {
	pages  parquet.Pages
	values parquet.ValueReader // of the page; nil before the first one, and behind its last value
	buf    [64]parquet.Value
	at, n  int // the next one in buf, and how many it has
	row    []parquet.Value
}

// peek gives the next value; io.EOF says that there is none. Its bytes stay as they are:
// pages are left to the collector.
func (l *leafReader) peek() (parquet.Value, error) {
	for l.at == l.n {
		if l.values == nil {
			page, err := l.pages.ReadPage()
			if err != nil {
				return parquet.Value{}, err
			}
			l.values = page.Values()
		}
		n, err := l.values.ReadValues(l.buf[:])
		l.at, l.n = 0, n
		if err == io.EOF || err == nil && n == 0 {
			l.values = nil
		} else if err != nil {
			return parquet.Value{}, err
		}
	}
	return l.buf[l.at], nil
}

var errUneven = errors.New("its columns have different numbers of rows")

// readRow gives the values of the next row, valid until the next call; io.EOF says that
// there is no row. number is that of the row, for the fault.
func (l *leafReader) readRow(number int64) ([]parquet.Value, error) {
	l.row = l.row[:0]
	v, err := l.peek()
	if err != nil {
		return nil, err
	}
	if v.RepetitionLevel() != 0 {
		return nil, errLevels
	}
	for err == nil && (len(l.row) == 0 || v.RepetitionLevel() != 0) {
		if len(l.row) == mostRowValues {
			return nil, &Fault{Reason: fmt.Sprintf("row %d has more than %d values in a column", number, mostRowValues)}
		}
		l.row = append(l.row, v)
		l.at++
		v, err = l.peek()
	}
	if err == io.EOF {
		err = nil
	}
	return l.row, err
}
