package rows

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// CSVOptions say how a CSV is written. The zero value detects everything.
type CSVOptions struct {
	Comma    rune   // one of , ; | and tab; 0 takes the one that the header line has most of
	Encoding string // "utf-8", "gbk" (also gb2312, gb18030) or "utf-16" (with a byte order mark); "" detects
}

// CSV reads comma-separated values as RFC 4180 has them. It does not use
// encoding/csv, which changes CRLF inside of cells to LF, reads on without
// bound after a quote that is never closed, and stops for good at some faults;
// rows that become evidence must come through as they are.
//
//   - The first line is the header. Names are case-sensitive, not empty, and
//     occur once. Empty lines are skipped, before the header too.
//   - Cells keep every byte, spaces and line ends too; the line end of a row is
//     LF or CRLF.
//   - UTF-8 (a byte order mark is dropped), GBK/GB18030 or UTF-16 with a byte
//     order mark, packed with gzip or zstd or not.
//   - Fault.Line is the line of the fault itself, which can be below the line
//     where its row begins. After a broken quote reading goes on with the next
//     line.
type CSV struct {
	source  *source
	text    *textReader
	lines   lineReader
	comma   byte
	columns []string
	roles   []role
	row     int64
	fault   *Fault // of the header, or what ended the input
	ended   bool

	// The record that was parsed last.
	begin   int64   // its first line
	buf     []byte  // the text of all cells
	ends    []int   // where each cell ends in buf
	starts  []int64 // line where each cell begins
	suspect bool    // a line of it was not valid UTF-8 or had a zero byte
	tooLong bool    // it exceeds MaxRow; where the next one begins is not known
}

// NewCSV reads the header at once and the rest as Next is called. The error is
// one of r itself or of the options; what is wrong with the header is the fault
// that the first Next gives. It never closes r.
func NewCSV(r io.Reader, opt CSVOptions) (*CSV, error) {
	enc, err := parseEncoding(opt.Encoding)
	if err != nil {
		return nil, err
	}
	if !strings.ContainsRune("\x00,;|\t", opt.Comma) {
		return nil, fmt.Errorf("delimiter %q cannot be used; use a comma, a semicolon, a bar or a tab, or leave it out to detect it", opt.Comma)
	}
	src, err := newSource(r)
	if err != nil {
		return nil, err
	}
	c := &CSV{source: src, comma: byte(opt.Comma)}
	raw := bufio.NewReaderSize(src, blockSize)
	head, err := raw.Peek(blockSize)
	if c.fault = asFault(err); err != nil && err != io.EOF && c.fault == nil {
		return nil, fmt.Errorf("read input: %w", err)
	}
	mark, said := encodingOfMark(head)
	if mark != "" {
		if c.fault == nil && enc != encodingOpen && enc.String() != said.String() {
			c.fault = &Fault{Reason: fmt.Sprintf("has the byte order mark of %s, but the encoding was said to be %s", said, enc)}
		}
		enc = said
		if _, err := raw.Discard(len(mark)); err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
	} else if enc == encodingUTF16 && c.fault == nil {
		c.fault = &Fault{Reason: "has no byte order mark, which UTF-16 needs: save it as UTF-8"}
	}
	c.text = newTextReader(raw, enc)
	c.lines.br = bufio.NewReaderSize(c.text, blockSize)
	return c, c.readStart(head[len(mark):], enc)
}

// Columns is the header with all its columns, nil when it has a fault.
func (c *CSV) Columns() []string { return c.columns }

// SHA256 is the hash of all bytes of the input, valid after io.EOF.
func (c *CSV) SHA256() [32]byte { return c.source.hashed.sum() }

// Unpacked is how many bytes came out of the packing so far; 0 without one.
func (c *CSV) Unpacked() int64 { return c.source.out }

// Comma is the delimiter that is used.
func (c *CSV) Comma() rune { return rune(c.comma) }

// Encoding is "utf-8", "gbk" or "utf-16", and "ascii" as long as nothing tells.
func (c *CSV) Encoding() string { return strings.ToLower(c.text.encoding.String()) }

// readStart judges the first bytes and reads the header.
func (c *CSV) readStart(head []byte, enc encoding) error {
	switch foreign := foreignInput(head); {
	case c.fault != nil:
	case len(head) == 0:
		c.fault = &Fault{Reason: "is empty"}
	case foreign != "" && enc != encodingUTF16LE && enc != encodingUTF16BE:
		c.fault = &Fault{Reason: foreign}
	default:
		return c.readHeader()
	}
	return nil
}

func (c *CSV) readHeader() error {
	fault, err := c.readRecord()
	switch {
	case errors.Is(err, errEnd):
		c.fault = &Fault{Reason: "is empty"}
		return nil
	case asFault(err) != nil:
		c.fault = asFault(err)
		return nil
	case err != nil:
		return err
	case fault != nil:
		fault.Reason = "the header " + fault.Reason
		c.fault = fault
		return nil
	}
	names := c.cells()
	if reasons, column := headerFaults(names, c.badText); len(reasons) > 0 {
		c.fault = &Fault{Line: c.begin, Column: column, Reason: strings.Join(reasons, "; ")}
		return nil
	}
	c.columns, c.roles = names, rolesOf(names)
	return nil
}

// Next gives the next row, io.EOF after the last one, a *Fault, or an error of
// the underlying reader. Input without any data row is a fault. After a fault
// with Row 0 it gives io.EOF only, and SHA256 is not valid.
func (c *CSV) Next() (Row, error) {
	if c.fault != nil && !c.ended {
		c.ended = true
		return Row{}, c.fault
	}
	if c.ended {
		return Row{}, io.EOF
	}
	fault, err := c.readRecord()
	if errors.Is(err, errEnd) {
		c.ended = true
		if c.row == 0 {
			return Row{}, &Fault{Reason: "has a header but no data rows"}
		}
		return Row{}, io.EOF
	}
	if err != nil {
		c.ended = asFault(err) != nil
		return Row{}, err
	}
	c.row++
	if fault != nil {
		fault.Row = c.row
		if c.tooLong {
			c.ended = true
			fault.Reason = fmt.Sprintf("row %d %s", c.row, fault.Reason)
			fault.Row = 0
		}
		return Row{}, fault
	}
	return c.makeRow()
}

func (c *CSV) makeRow() (Row, error) {
	cells := c.cells()
	if c.suspect || c.text.decoded != nil {
		for i, cell := range cells {
			if reason := c.badText(cell); reason != "" {
				return Row{}, &Fault{Row: c.row, Line: c.starts[i], Column: c.columnName(i), Reason: reason}
			}
		}
	}
	if len(cells) != len(c.columns) {
		return Row{}, &Fault{Row: c.row, Line: c.begin, Reason: fmt.Sprintf("has %s, but the header has %s",
			count(len(cells), "cell"), count(len(c.columns), "column"))}
	}
	for i, what := range c.roles {
		if (what == roleID || what == roleAfter) && roundedNumber(cells[i]) {
			return Row{}, &Fault{Row: c.row, Line: c.starts[i], Column: c.columns[i],
				Reason: fmt.Sprintf("%q is how a spreadsheet writes a number that it has rounded: make the column text there, and take the values from their source", cells[i])}
		}
	}
	row := textRow(c.columns, c.roles, cells)
	row.Number, row.Line = c.row, c.begin
	var err error
	row.Source, err = json.Marshal(cells)
	return row, err
}

// textRow gives each cell to what its column means.
func textRow(columns []string, roles []role, cells []string) Row {
	row := Row{Cells: make([]Cell, 0, len(cells))}
	for i, cell := range cells {
		switch roles[i] {
		case roleID:
			row.ID = cell
		case roleTo:
			row.To = cell
		case roleFn:
			row.Fn = cell
		case roleAfter:
			row.After = cell
		case roleCell:
			row.Cells = append(row.Cells, Cell{Column: columns[i], Value: cell})
		}
	}
	return row
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// roundedNumber reports whether text is what spreadsheets make of a number with
// too many digits, such as 1.23E+18.
func roundedNumber(text string) bool {
	mantissa, exponent, ok := strings.Cut(text, "E+")
	return ok && onlyDigits(exponent) && onlyDigits(strings.NewReplacer(".", "", ",", "", "-", "").Replace(mantissa))
}

func onlyDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// cells cuts the record into strings that share one allocation.
func (c *CSV) cells() []string {
	text := string(c.buf)
	cells := make([]string, len(c.ends))
	start := 0
	for i, end := range c.ends {
		cells[i] = text[start:end]
		start = end
	}
	return cells
}

// columnName names column i as the user knows it.
func (c *CSV) columnName(i int) string {
	if i < len(c.columns) {
		return c.columns[i]
	}
	return fmt.Sprintf("#%d", i+1)
}

// badText says why cell is not a text in the encoding of the input, or "".
func (c *CSV) badText(cell string) string {
	if strings.IndexByte(cell, 0) >= 0 {
		return "has a zero byte"
	}
	if c.text.decoded != nil {
		if strings.ContainsRune(cell, utf8.RuneError) {
			return fmt.Sprintf("is not valid %s, which the text before it is", c.text.encoding)
		}
		return ""
	}
	return notUTF8(cell)
}
