package offline

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/bcosgate/bcosgate/batch/rows"
)

// maxLine is the most bytes of a line: a row of rows.MaxRow and, in hex, the
// largest transaction that a job makes of it, with room for their names.
const maxLine = 2*rows.MaxRow + 64<<10

// trailer is the last line of a file.
type trailer struct {
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // 64 hex digits, of all bytes before this line
}

// lineWriter writes the lines of a file. After an error it writes no more.
type lineWriter struct {
	w    *bufio.Writer
	part hash.Hash // of the lines; the trailer is not in it
	all  hash.Hash
	rows int64
	buf  bytes.Buffer
	enc  *json.Encoder
}

func newLineWriter(w io.Writer, h Header) (*lineWriter, error) {
	l := &lineWriter{part: sha256.New(), all: sha256.New()}
	l.w = bufio.NewWriterSize(io.MultiWriter(w, l.all), 256<<10)
	l.enc = lineEncoder(&l.buf)
	return l, l.line(h)
}

// lineEncoder writes values as they stand in files: on one line, without escapes
// that only HTML needs.
func lineEncoder(w io.Writer) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}

func (l *lineWriter) line(v any) error {
	l.buf.Reset()
	if err := l.enc.Encode(v); err != nil {
		return err
	}
	return l.raw(l.buf.Bytes())
}

func (l *lineWriter) raw(line []byte) error {
	l.part.Write(line)
	_, err := l.w.Write(line)
	return err
}

// row writes the line of a row, which ends with a line feed.
func (l *lineWriter) row(line []byte) error {
	if len(line) > maxLine {
		return fmt.Errorf("row %d makes a line of %d bytes, more than %d", l.rows+1, len(line), maxLine)
	}
	l.rows++
	return l.raw(line)
}

// finish writes the trailer and gives the hash of the whole file.
func (l *lineWriter) finish() (sum [32]byte, err error) {
	if err := l.line(trailer{Rows: l.rows, SHA256: hex.EncodeToString(l.part.Sum(nil))}); err != nil {
		return sum, err
	}
	if err := l.w.Flush(); err != nil {
		return sum, err
	}
	l.all.Sum(sum[:0])
	return sum, nil
}

// lineReader reads the lines of a file, packed or not, and takes nothing but what
// a lineWriter writes. What is wrong with the content is a *rows.Fault.
type lineReader struct {
	source *rows.Unpacked
	br     *bufio.Reader
	part   hash.Hash
	all    hash.Hash // of the unpacked bytes
	header Header
	rows   int64
	number int64  // of the line that was read last, from 1
	long   []byte // a line that is longer than the buffer
}

// newLineReader reads the header. The error is a *rows.Fault or one of r.
func newLineReader(r io.Reader, want Format) (*lineReader, error) {
	source, err := rows.NewUnpacked(r)
	if err != nil {
		return nil, err
	}
	l := &lineReader{source: source, br: bufio.NewReaderSize(source, 256<<10), part: sha256.New(), all: sha256.New()}
	line, err := l.next()
	if err == io.EOF {
		return nil, &rows.Fault{Reason: "is empty"}
	}
	if err != nil {
		return nil, err
	}
	l.part.Write(line)
	var probe struct {
		Format Format `json:"bcosgate"`
	}
	if json.Unmarshal(line, &probe) != nil || probe.Format == "" {
		return nil, &rows.Fault{Line: 1, Reason: fmt.Sprintf("is no file of %s: its first line should say so", want)}
	}
	if err := strictly(line, &l.header); err != nil && probe.Format == want {
		return nil, &rows.Fault{Line: 1, Reason: "the first line " + err.Error()}
	}
	l.header.Format = probe.Format
	if err := l.header.validate(want); err != nil {
		return nil, &rows.Fault{Line: 1, Reason: err.Error()}
	}
	return l, nil
}

// row reads the line of the next row into v, and gives io.EOF behind the last one,
// once the trailer was found to be right.
func (l *lineReader) row(v any) error {
	line, err := l.next()
	if err == io.EOF {
		return l.fault("the file ends in its middle: is it whole?")
	}
	if err != nil {
		return err
	}
	if bytes.HasPrefix(line, []byte(`{"rows":`)) {
		return l.end(line)
	}
	l.rows++
	if err := strictly(line, v); err != nil {
		return l.fault(err.Error())
	}
	l.part.Write(line)
	return nil
}

func (l *lineReader) end(line []byte) error {
	var t trailer
	if err := strictly(line, &t); err != nil {
		return l.fault("the last line " + err.Error())
	}
	if t.Rows != l.rows || t.SHA256 != hex.EncodeToString(l.part.Sum(nil)) {
		return l.fault("the file is not what was written: its last line has another hash or number of rows")
	}
	_, err := l.next()
	switch {
	case err == nil:
		return l.fault("there is something behind the last line")
	case err != io.EOF:
		return err
	case l.rows == 0:
		return l.fault("there are no rows")
	}
	return io.EOF
}

// next gives the next line with its line feed, valid until the next call.
func (l *lineReader) next() ([]byte, error) {
	l.number++
	line, err := l.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = l.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) && len(l.long) <= maxLine {
			l.long = append(l.long, line...)
			line, err = l.br.ReadSlice('\n')
		}
		l.long = append(l.long, line...)
		line = l.long
	}
	switch {
	case len(line) > maxLine:
		return nil, l.fault(fmt.Sprintf("is longer than %d bytes", maxLine))
	case err == nil:
		l.all.Write(line)
		return line, nil
	case err == io.EOF && len(line) == 0:
		return nil, io.EOF
	case err == io.EOF:
		return nil, l.fault("the file ends in the middle of a line: is it whole?")
	}
	if f, ok := errors.AsType[*rows.Fault](err); ok {
		return nil, f
	}
	return nil, fmt.Errorf("read input: %w", err)
}

// sum is the hash of the unpacked bytes, once all were read.
func (l *lineReader) sum() (sum [32]byte) {
	l.all.Sum(sum[:0])
	return sum
}

// fault is one of the whole file: with one line broken, none is believed.
func (l *lineReader) fault(reason string) *rows.Fault {
	return &rows.Fault{Line: l.number, Reason: reason}
}

// strictly reads a line into v and refuses every other way of writing the same.
func strictly(line []byte, v any) error {
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	var again bytes.Buffer
	if err := lineEncoder(&again).Encode(v); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if !bytes.Equal(again.Bytes(), line) {
		return errors.New("is not written as this program writes it: something was added, left out or changed")
	}
	return nil
}
