package rows

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
)

const parquetMagic = "PAR1"

// Parquet reads the rows of a Parquet file one page after the other. Columns are
// arguments by their name; what each type becomes without loss is said at
// columnValue. It has the header rules of a CSV, and Source holds, like that of a
// CSV, the texts of all cells. Faults have no line.
type Parquet struct {
	file    *trackedFile
	size    int64
	columns []string
	roles   []role
	fields  []*column
	leaves  []*parquet.Column // what lies lowest, where the values are
	opened  *parquet.File
	group   int          // the next row group
	left    int64        // rows of the one that is being read
	readers []leafReader // of it
	values  [][]parquet.Value
	checker pageChecker
	row     int64
	out     int64 // bytes of all sources
	sum     [32]byte
	fault   *Fault
	ended   bool
}

// NewParquet reads the schema of a file of size bytes. The error is one of file
// itself; what is wrong with the schema is the fault that the first Next gives.
// It never closes file.
func NewParquet(file io.ReaderAt, size int64) (*Parquet, error) {
	p := &Parquet{file: &trackedFile{r: file}, size: size}
	p.checker.file, p.checker.size = p.file, size
	err := unpanicked(func() (err error) {
		if err := p.checkFooter(); err != nil {
			return err
		}
		p.opened, err = parquet.OpenFile(p.file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
			parquet.ReadBufferSize(blockSize))
		if err != nil {
			return err
		}
		return p.readSchema()
	})
	if err != nil {
		return p, p.broken(err)
	}
	return p, nil
}

// maxFooter bounds the description of a file, which is read as a whole: a hundred
// columns in a thousand row groups need less.
const maxFooter = 16 << 20

// checkFooter looks at the footer before the library makes room for what it says.
func (p *Parquet) checkFooter() error {
	const tail = 8 // length and magic
	if p.size < tail+int64(len(parquetMagic)) {
		return errors.New("it is too short")
	}
	var end [tail]byte
	if _, err := p.file.ReadAt(end[:], p.size-tail); err != nil && err != io.EOF {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if length > p.size-tail || length > maxFooter {
		return fmt.Errorf("its footer cannot have %d bytes", length)
	}
	footer := make([]byte, length)
	if n, err := p.file.ReadAt(footer, p.size-tail-length); n < len(footer) {
		return err
	}
	_, err := thriftLen(footer)
	return err
}

func (p *Parquet) readSchema() error {
	var names []string
	leaves := 0
	for _, c := range p.opened.Root().Columns() {
		p.leaves = appendLeaves(p.leaves, c)
		field, err := newColumn(c, 0, 0, &leaves)
		if err != nil {
			return &Fault{Column: c.Name(), Reason: err.Error()}
		}
		names = append(names, c.Name())
		p.fields = append(p.fields, field)
	}
	if len(names) == 0 {
		return &Fault{Reason: "has no columns"}
	}
	if reasons, column := headerFaults(names, notUTF8); len(reasons) > 0 {
		return &Fault{Column: column, Reason: strings.Join(reasons, "; ")}
	}
	p.columns, p.roles = names, rolesOf(names)
	p.values = make([][]parquet.Value, leaves)
	return nil
}

func appendLeaves(list []*parquet.Column, c *parquet.Column) []*parquet.Column {
	if c.Leaf() {
		return append(list, c)
	}
	for _, below := range c.Columns() {
		list = appendLeaves(list, below)
	}
	return list
}

// Columns is the names of all columns, nil when the schema has a fault.
func (p *Parquet) Columns() []string { return p.columns }

// SHA256 is the hash of all bytes of the file, valid after io.EOF.
func (p *Parquet) SHA256() [32]byte { return p.sum }

// Unpacked is how many bytes the sources of all rows so far have.
func (p *Parquet) Unpacked() int64 { return p.out }

// Next gives the next row, io.EOF after the last one, a *Fault, or an error of
// the file. A file without any row is a fault. After a fault with Row 0 it gives
// io.EOF only, and SHA256 is not valid.
func (p *Parquet) Next() (Row, error) {
	if p.ended {
		return Row{}, io.EOF
	}
	if p.fault != nil {
		return Row{}, p.end(p.fault)
	}
	var row Row
	err := unpanicked(func() (err error) {
		if err = p.readRow(); err == nil {
			row, err = p.makeRow()
		}
		return err
	})
	if err == io.EOF {
		return Row{}, p.finish()
	}
	p.out += max(int64(len(row.Source)), 1)
	if p.out > freeExpansion && p.out/maxExpansion > p.size {
		return Row{}, p.end(&Fault{Reason: fmt.Sprintf("unpacks to more than %d times its size: cut it into several files if that is right", maxExpansion)})
	}
	if err == nil {
		return row, nil
	}
	if f := asFault(err); f != nil && f.Row > 0 {
		return Row{}, f
	}
	if err := p.broken(err); err != nil {
		return Row{}, err
	}
	return Row{}, p.end(p.fault)
}

// readRow takes the values of the next row from all leaves; io.EOF says that there is
// none.
func (p *Parquet) readRow() error {
	for p.left == 0 {
		for i := range p.readers {
			if _, err := p.readers[i].peek(); err != io.EOF {
				return errors.Join(errUneven, err)
			}
		}
		if p.group == len(p.opened.RowGroups()) {
			return io.EOF
		}
		if err := p.openGroup(); err != nil {
			return err
		}
	}
	p.left--
	p.row++
	size := 0
	for i := range p.readers {
		var err error
		p.values[i], err = p.readers[i].readRow(p.row)
		if err == io.EOF {
			return errUneven
		}
		if err != nil {
			return err
		}
		for _, v := range p.values[i] {
			if k := v.Kind(); k == parquet.ByteArray || k == parquet.FixedLenByteArray {
				size += len(v.ByteArray())
			}
		}
	}
	if size > MaxRow {
		return p.tooLong()
	}
	return nil
}

// openGroup goes on with the next row group.
func (p *Parquet) openGroup() error {
	group, described := p.opened.RowGroups()[p.group], &p.opened.Metadata().RowGroups[p.group]
	p.group++
	if err := p.checker.check(p.leaves, described); err != nil {
		return err
	}
	if p.left = group.NumRows(); p.left < 0 {
		return errUneven
	}
	p.readers = make([]leafReader, len(p.leaves))
	for i, chunk := range group.ColumnChunks() {
		p.readers[i].pages = chunk.Pages()
	}
	return nil
}

func (p *Parquet) tooLong() error {
	return &Fault{Row: p.row, Reason: fmt.Sprintf("is longer than %d MiB", MaxRow>>20)}
}

// finish hashes the file behind the last row.
func (p *Parquet) finish() error {
	if p.row == 0 {
		return p.end(&Fault{Reason: "has no rows"})
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(p.file, 0, p.size)); err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	h.Sum(p.sum[:0])
	p.ended = true
	return io.EOF
}

// end makes f the last thing that is said of the file.
func (p *Parquet) end(f *Fault) error {
	p.ended = true
	p.opened, p.readers, p.values = nil, nil, nil
	return f
}

// broken keeps the fault that err is, unless the file could not be read.
func (p *Parquet) broken(err error) error {
	if p.file.err != nil {
		return fmt.Errorf("read input: %w", p.file.err)
	}
	if p.fault = asFault(err); p.fault == nil {
		p.fault = damagedParquet(err)
	}
	return nil
}

func damagedParquet(err error) *Fault {
	return &Fault{Reason: "cannot be read as Parquet: is it whole? " + strings.TrimPrefix(err.Error(), "parquet: ")}
}

// makeRow puts the values of one row together. The error is a fault of the row,
// or says that the file is damaged.
func (p *Parquet) makeRow() (Row, error) {
	row := Row{Number: p.row, Cells: make([]Cell, 0, len(p.fields))}
	texts := make([]string, len(p.fields))
	for i, field := range p.fields {
		value, err := field.assemble(p.values)
		if err != nil {
			return Row{}, err
		}
		if texts[i], err = cellText(value); err != nil {
			return Row{}, err
		}
		if err := p.place(&row, i, value, texts[i]); err != nil {
			return Row{}, err
		}
	}
	var err error
	if row.Source, err = json.Marshal(texts); err == nil && len(row.Source) > MaxRow {
		err = p.tooLong()
	}
	return row, err
}

// place gives a value to what its column means.
func (p *Parquet) place(row *Row, i int, value any, text string) error {
	switch what := p.roles[i]; what {
	case roleCell:
		row.Cells = append(row.Cells, Cell{Column: p.columns[i], Value: value})
	case roleID, roleTo, roleFn, roleAfter:
		switch value.(type) {
		case nil, string, []byte, json.Number:
		default:
			return &Fault{Row: p.row, Column: p.columns[i], Reason: "must be a text, a number or bytes"}
		}
		*map[role]*string{roleID: &row.ID, roleTo: &row.To, roleFn: &row.Fn, roleAfter: &row.After}[what] = text
	}
	return nil
}

// unpanicked calls f and makes an error of a panic: the library panics at some
// files that are broken or made to harm.
func unpanicked(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New(fmt.Sprint(v))
		}
	}()
	return f()
}

// trackedFile remembers that the file could not be read, whatever the library
// makes of it. Reading behind the end is a damage of the file, not an error of it.
type trackedFile struct {
	r   io.ReaderAt
	err error
}

func (f *trackedFile) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := f.r.ReadAt(b, off)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}
