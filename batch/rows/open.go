package rows

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
)

// Format names a form of input.
type Format string

// The formats that can be read.
const (
	FormatCSV    Format = "csv"
	FormatNDJSON Format = "ndjson"
)

// MaxRow is the most bytes that one row may have. It keeps memory flat when a
// quote is never closed, the input is not text at all, or JSON has a million
// values in a row, each of which takes many times its text. A transaction of
// 1 MiB, written as hex, takes half of it.
const MaxRow = 4 << 20

// New reads r in a named format. It reads the header of a CSV at once. The
// error is one of r itself, or of the format or the options; everything that is
// wrong with the content comes from Next. It never closes r.
func New(format Format, r io.Reader, opt CSVOptions) (Reader, error) {
	switch format {
	case FormatCSV:
		return NewCSV(r, opt)
	case FormatNDJSON:
		return NewNDJSON(r)
	}
	return nil, fmt.Errorf("format %q is not known; use %s or %s", format, FormatCSV, FormatNDJSON)
}

// Open reads r in the format that the end of its name says: .csv, .tsv (its
// delimiter is a tab when opt names none), .ndjson and .jsonl. Under any other
// name, also "" or "-", the first character decides: { or [ begins NDJSON, all
// else is CSV. Errors are those of New.
func Open(name string, r io.Reader, opt CSVOptions) (Reader, error) {
	switch strings.ToLower(path.Ext(strings.ReplaceAll(name, `\`, "/"))) {
	case ".csv":
		return NewCSV(r, opt)
	case ".tsv":
		if opt.Comma == 0 {
			opt.Comma = '\t'
		}
		return NewCSV(r, opt)
	case ".ndjson", ".jsonl":
		return NewNDJSON(r)
	}
	br := bufio.NewReaderSize(r, blockSize)
	head, err := br.Peek(blockSize)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read input: %w", err)
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte(utf8BOM)), " \t\r\n")
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		return NewNDJSON(br)
	}
	return NewCSV(br, opt)
}

// blockSize is how much is read at once, and how much is looked at where
// something is detected.
const blockSize = 64 << 10

const utf8BOM = "\xef\xbb\xbf"

// hashedReader hashes all bytes that pass through it.
type hashedReader struct {
	r io.Reader
	h hash.Hash
}

func newHashedReader(r io.Reader) *hashedReader { return &hashedReader{r: r, h: sha256.New()} }

func (h *hashedReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n])
	return n, err
}

func (h *hashedReader) sum() (sum [32]byte) {
	h.h.Sum(sum[:0])
	return sum
}

// lineReader gives the physical lines of a text with a bound on their length.
type lineReader struct {
	br   *bufio.Reader
	line int64 // number of the line that was read last, from 1
	long []byte
}

// errEnd is the end of the input. It is told from io.EOF because a reader may
// wrap io.EOF in an error that means a broken connection, and rows would be
// lost without a word.
var errEnd = errors.New("end of input")

// next gives the next line with its line end, valid until the next call, and
// errEnd when there is none. tooLong is set when it would exceed limit bytes;
// the rest of such a line is not read.
func (l *lineReader) next(limit int) (line []byte, tooLong bool, err error) {
	part, err := l.br.ReadSlice('\n')
	if err == nil || (err == io.EOF && len(part) > 0) {
		l.line++
		return part, len(part) > limit, nil
	}
	if err == io.EOF {
		return nil, false, errEnd
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, false, fmt.Errorf("read input: %w", err)
	}
	l.line++
	l.long = append(l.long[:0], part...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(l.long) > limit {
			return nil, true, nil
		}
		part, err = l.br.ReadSlice('\n')
		l.long = append(l.long, part...)
	}
	if err != nil && err != io.EOF {
		return nil, false, fmt.Errorf("read input: %w", err)
	}
	return l.long, len(l.long) > limit, nil
}

// foreignInput says what data is that is known not to be rows, or "".
func foreignInput(head []byte) string {
	for _, known := range []struct{ magic, reason string }{
		{"PK\x03\x04", "is a zip file, perhaps an Excel workbook: save it as CSV (UTF-8) first"},
		{"\xd0\xcf\x11\xe0", "is an old Office file, perhaps an Excel workbook: save it as CSV (UTF-8) first"},
		{"\x1f\x8b", "is compressed with gzip: unpack it first"},
		{"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it first"},
		{"PAR1", "is a Parquet file: write it as CSV or NDJSON first"},
		{"\xff\xfe", "is UTF-16: save it as UTF-8 first (in Excel: CSV UTF-8)"},
		{"\xfe\xff", "is UTF-16: save it as UTF-8 first (in Excel: CSV UTF-8)"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return known.reason
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return "is not text: it has zero bytes"
	}
	return ""
}
