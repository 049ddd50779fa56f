package rows

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// readRecord parses the next record into buf and ends, skipping empty lines.
// A fault has no Row yet. The error is errEnd or one of the input.
func (c *CSV) readRecord() (*Fault, error) {
	c.buf, c.ends, c.starts, c.suspect = c.buf[:0], c.ends[:0], c.starts[:0], false
	var line []byte
	for {
		var fault *Fault
		var err error
		if line, fault, err = c.readLine(); fault != nil || err != nil {
			c.begin = c.lines.line
			return fault, err
		}
		if len(trimEOL(line)) > 0 {
			break
		}
	}
	c.begin = c.lines.line
	if c.comma == 0 {
		c.comma = detectComma(line)
	}
	for {
		c.starts = append(c.starts, c.lines.line)
		rest, fault, err := c.readCell(line)
		if fault != nil || err != nil {
			return fault, err
		}
		c.ends = append(c.ends, len(c.buf))
		if rest == nil {
			return nil, nil
		}
		line = rest
	}
}

// readCell appends the cell at the start of line to buf and gives what follows
// its delimiter; nil when it was the last one of the record.
func (c *CSV) readCell(line []byte) (rest []byte, fault *Fault, err error) {
	if len(line) > 0 && line[0] == '"' {
		return c.readQuoted(line[1:])
	}
	cell := line
	if i := bytes.IndexByte(line, c.comma); i >= 0 {
		cell, rest = line[:i], line[i+1:]
	} else {
		cell = trimEOL(cell)
	}
	if bytes.IndexByte(cell, '"') >= 0 {
		return nil, c.cellFault(`has a quote in a cell that does not begin with one: put the cell in quotes and write each quote inside it twice`), nil
	}
	if bytes.IndexByte(cell, '\r') >= 0 {
		return nil, c.cellFault("has a carriage return without a line feed: put the cell in quotes, or end lines with LF or CRLF"), nil
	}
	c.buf = append(c.buf, cell...)
	return rest, nil, nil
}

// readQuoted goes on behind the opening quote, over as many lines as it takes.
func (c *CSV) readQuoted(line []byte) (rest []byte, fault *Fault, err error) {
	opened := c.lines.line
	for {
		i := bytes.IndexByte(line, '"')
		if i < 0 {
			c.buf = append(c.buf, line...)
			line, fault, err = c.readLine()
			if errors.Is(err, errEnd) {
				fault = c.cellFault(fmt.Sprintf("has a quote that is opened in line %d and never closed", opened))
				fault.Line = opened
				return nil, fault, nil
			}
			if fault != nil || err != nil {
				return nil, fault, err
			}
			continue
		}
		c.buf = append(c.buf, line[:i]...)
		line = line[i+1:]
		switch {
		case len(line) > 0 && line[0] == '"':
			c.buf = append(c.buf, '"')
			line = line[1:]
		case len(line) > 0 && line[0] == c.comma:
			return line[1:], nil, nil
		case len(trimEOL(line)) == 0:
			return nil, nil, nil
		default:
			r, _ := utf8.DecodeRune(line)
			return nil, c.cellFault(fmt.Sprintf("has %q behind the closing quote: write a quote inside a cell twice", r)), nil
		}
	}
}

// readLine gives the next physical line and keeps the bound of a record.
func (c *CSV) readLine() ([]byte, *Fault, error) {
	line, tooLong, err := c.lines.next(MaxRow - min(len(c.buf), MaxRow))
	if err != nil {
		return nil, nil, err
	}
	if tooLong {
		c.tooLong = true
		fault := &Fault{Line: c.lines.line, Reason: fmt.Sprintf("is longer than %d MiB: is a quote never closed?", MaxRow>>20)}
		if n := len(c.starts); n > 0 {
			fault.Line, fault.Column = c.starts[n-1], c.cellFault("").Column
		}
		return nil, fault, nil
	}
	if !c.suspect && (!utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0) {
		c.suspect = true
	}
	return line, nil, nil
}

func (c *CSV) cellFault(reason string) *Fault {
	f := &Fault{Line: c.lines.line, Reason: reason}
	if c.columns != nil {
		f.Column = c.columnName(len(c.ends))
	}
	return f
}

func trimEOL(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}

// detectComma takes the delimiter that a header line has most of, outside of
// quotes; a comma when it has none.
func detectComma(line []byte) byte {
	best, most := byte(','), 0
	for _, comma := range []byte{',', ';', '\t', '|'} {
		n, quoted := 0, false
		for _, b := range line {
			switch {
			case b == '"':
				quoted = !quoted
			case b == comma && !quoted:
				n++
			}
		}
		if n > most {
			best, most = comma, n
		}
	}
	return best
}
