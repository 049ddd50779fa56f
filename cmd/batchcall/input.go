package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch/rows"
)

// inputOptions are the flags that say where rows come from and how they are written.
type inputOptions struct {
	file      string // "-" is standard input
	format    string // csv, ndjson (also jsonl) or parquet; "" chooses by name and content
	delimiter string
	encoding  string
}

// addTo declares the flags that say how rows are written; -f is each command's own.
func (o *inputOptions) addTo(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", "", "csv, ndjson or parquet (default: by the file's name, else its content)")
	f.StringVar(&o.delimiter, "delimiter", "", "between the cells of a CSV: comma, semicolon, tab or one character (default: found out)")
	f.StringVar(&o.encoding, "encoding", "", "utf-8, gbk or utf-16 (default: found out)")
}

// input is the rows of a run as a file that can be read more than once.
type input struct {
	name      string // as the user knows it
	path      string
	temporary bool
	format    rows.Format
	csv       rows.CSVOptions
	size      int64
	sha256    [32]byte
}

// openInput spools standard input to a file, hashes the bytes and finds the
// format. close removes what was spooled.
func openInput(opt inputOptions, stdin io.Reader) (in *input, err error) {
	in = &input{name: opt.file, path: opt.file}
	if in.csv.Comma, err = parseDelimiter(opt.delimiter); err != nil {
		return nil, err
	}
	in.csv.Encoding = opt.encoding
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
			in = nil
		}
	}()
	if opt.file == "-" {
		in.name = "standard input"
		if err := in.spool(stdin); err != nil {
			return in, fmt.Errorf("read standard input: %w", err)
		}
	}
	f, err := os.Open(in.path)
	if err != nil {
		return in, fmt.Errorf("the file with the rows: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return in, fmt.Errorf("the file with the rows: %s is a folder", in.path)
	}
	if err := in.detect(opt.format, f); err != nil {
		return in, fmt.Errorf("%s: %w", in.name, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return in, fmt.Errorf("read %s: %w", in.name, err)
	}
	h := sha256.New()
	if in.size, err = io.Copy(h, f); err != nil {
		return in, fmt.Errorf("read %s: %w", in.name, err)
	}
	h.Sum(in.sha256[:0])
	return in, nil
}

func (in *input) spool(r io.Reader) error {
	f, err := os.CreateTemp("", "batchcall-rows-")
	if err != nil {
		return err
	}
	in.path, in.temporary = f.Name(), true
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// open opens the bytes from the beginning.
func (in *input) open() (*os.File, error) { return os.Open(in.path) }

// countedFile tells how many bytes were read in all.
type countedFile struct {
	*os.File
	total int64
	read  func(int64)
}

func (c *countedFile) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.count(n)
	return n, err
}

func (c *countedFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.File.ReadAt(p, off)
	c.count(n)
	return n, err
}

func (c *countedFile) count(n int) {
	c.total += int64(n)
	c.read(c.total)
}

// close removes the spooled copy, if there is one.
func (in *input) close() error {
	if !in.temporary {
		return nil
	}
	return os.Remove(in.path)
}

// contentType is the format in the words of HTTP.
func (in *input) contentType() string {
	switch in.format {
	case rows.FormatNDJSON:
		return "application/x-ndjson"
	case rows.FormatParquet:
		return "application/vnd.apache.parquet"
	}
	return "text/csv"
}

// detect finds format and delimiter, and so also checks the options.
func (in *input) detect(format string, f rows.File) (err error) {
	if format != "" {
		in.format, err = rows.ParseFormat(format)
	} else {
		in.format, in.csv, err = rows.Detect(in.name, f, in.csv)
	}
	if err != nil || in.format == rows.FormatParquet {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s: %w", in.name, err)
	}
	r, err := rows.New(in.format, f, in.csv)
	if err != nil {
		return err
	}
	if c, ok := r.(*rows.CSV); ok && c.Columns() != nil {
		in.csv.Comma = c.Comma()
	}
	return nil
}

// parseDelimiter takes one character, or a word for it; "" gives 0, which detects.
func parseDelimiter(text string) (rune, error) {
	switch strings.ToLower(text) {
	case "":
		return 0, nil
	case "tab", `\t`:
		return '\t', nil
	case "comma":
		return ',', nil
	case "semicolon":
		return ';', nil
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || r == utf8.RuneError {
		return 0, fmt.Errorf("--delimiter %q: it is one character, or tab, comma or semicolon", text)
	}
	return r, nil
}
