package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Format names a form of input.
type Format string

// The formats that can be read.
const (
	FormatCSV     Format = "csv"
	FormatNDJSON  Format = "ndjson"
	FormatParquet Format = "parquet"
)

// ParseFormat reads the name of a format; jsonl is another one of ndjson.
func ParseFormat(name string) (Format, error) {
	switch f := Format(strings.ToLower(name)); f {
	case FormatCSV, FormatNDJSON, FormatParquet:
		return f, nil
	case "jsonl":
		return FormatNDJSON, nil
	}
	return "", fmt.Errorf("format %q is not known; use %s, %s or %s", name, FormatCSV, FormatNDJSON, FormatParquet)
}

// MaxRow is the most bytes that one row may have. It keeps memory flat when a
// quote is never closed, the input is not text at all, or JSON has a million
// values in a row, each of which takes many times its text. A transaction of
// 1 MiB, written as hex, takes half of it.
const MaxRow = 4 << 20

// File is an input that can be read anywhere, as *os.File and *bytes.Reader are.
type File interface {
	io.ReadSeeker
	io.ReaderAt
}

// New reads r in a named format. CSV and NDJSON may be packed with gzip or zstd,
// which is seen from the first bytes. It reads the header at once. Parquet needs
// a File, of which only ReadAt and the end are used. The error is one of r
// itself, or of the format or the options; everything that is wrong with the
// content comes from Next. It never closes r.
func New(format Format, r io.Reader, opt CSVOptions) (Reader, error) {
	switch format {
	case FormatCSV:
		return NewCSV(r, opt)
	case FormatNDJSON:
		return NewNDJSON(r)
	case FormatParquet:
		f, ok := r.(File)
		if !ok {
			return nil, errors.New("parquet can only be read from a file")
		}
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		return NewParquet(f, size)
	}
	_, err := ParseFormat(string(format))
	return nil, err
}

// Detect tells the format and the delimiter of r, which it reads the beginning
// of. The first bytes tell Parquet. Else the end of the name decides: .csv, .tsv
// (its delimiter is a tab when opt names none), .ndjson and .jsonl, all with .gz
// or .zst behind it or not. Under any other name, also "" or "-", the first
// character does: { or [ begins NDJSON, all else is CSV. The error is one of r.
func Detect(name string, r io.Reader, opt CSVOptions) (Format, CSVOptions, error) {
	src, err := newSource(r)
	if err != nil {
		return "", opt, err
	}
	br := bufio.NewReaderSize(src, blockSize)
	head, err := br.Peek(blockSize)
	if err != nil && err != io.EOF && asFault(err) == nil {
		return "", opt, fmt.Errorf("read input: %w", err)
	}
	if src.name == "" && bytes.HasPrefix(head, []byte(parquetMagic)) {
		return FormatParquet, opt, nil
	}
	switch extension(name) {
	case ".csv":
		return FormatCSV, opt, nil
	case ".tsv":
		if opt.Comma == 0 {
			opt.Comma = '\t'
		}
		return FormatCSV, opt, nil
	case ".ndjson", ".jsonl":
		return FormatNDJSON, opt, nil
	case ".parquet":
		return FormatParquet, opt, nil
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte(utf8BOM)), " \t\r\n")
	if len(head) > 0 && (head[0] == '{' || head[0] == '[') {
		return FormatNDJSON, opt, nil
	}
	return FormatCSV, opt, nil
}

// extension is the end of a file's name without that of its packing.
func extension(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, `\`, "/"))
	for _, packing := range []string{".gz", ".gzip", ".zst", ".zstd"} {
		name = strings.TrimSuffix(name, packing)
	}
	return path.Ext(name)
}

// blockSize is how much is read at once, and how much is looked at where
// something is detected.
const blockSize = 64 << 10

// Byte order marks.
const (
	utf8BOM = "\xef\xbb\xbf"
	utf16LE = "\xff\xfe"
	utf16BE = "\xfe\xff"
)

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
		return nil, false, inputError(err)
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
		return nil, false, inputError(err)
	}
	return l.long, len(l.long) > limit, nil
}

// inputError words an error of the input; a fault stays what it is.
func inputError(err error) error {
	if f := asFault(err); f != nil {
		return f
	}
	return fmt.Errorf("read input: %w", err)
}

// foreignInput says what data is that is known not to be rows, or "".
func foreignInput(head []byte) string {
	for _, known := range []struct{ magic, reason string }{
		{"PK\x03\x04", "is a zip file, perhaps an Excel workbook: save it as CSV (UTF-8) first"},
		{"\xd0\xcf\x11\xe0", "is an old Office file, perhaps an Excel workbook: save it as CSV (UTF-8) first"},
		{gzipMagic, "is packed twice: unpack it once"},
		{zstdMagic, "is packed twice: unpack it once"},
		{parquetMagic, "is a Parquet file: give it a name that ends with .parquet or say so, and do not pack it (it is packed inside)"},
		{utf16LE, "is UTF-16: save it as UTF-8 first (in Excel: CSV UTF-8)"},
		{utf16BE, "is UTF-16: save it as UTF-8 first (in Excel: CSV UTF-8)"},
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
