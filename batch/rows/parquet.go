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

// parquetRows is how many rows are taken from the library at once.
const parquetRows = 64

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
	groups  []parquet.RowGroup
	rows    parquet.Rows // of the row group that is being read
	batch   []parquet.Row
	at, n   int // the next one in batch, and how many it has
	values  [][]parquet.Value
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
	var opened *parquet.File
	err := unpanicked(func() (err error) {
		if err := p.checkFooter(); err != nil {
			return err
		}
		opened, err = parquet.OpenFile(p.file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true),
			parquet.ReadBufferSize(blockSize))
		return err
	})
	if err == nil {
		err = unpanicked(func() error { return p.readSchema(opened) })
	}
	if err != nil {
		return p, p.broken(err)
	}
	return p, nil
}

// maxFooter bounds the description of a file, which is read as a whole: a
// thousand columns in a thousand row groups need less.
const maxFooter = 64 << 20

// checkFooter looks at the length of the footer before the library makes room
// for it, whatever it says.
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
	return nil
}

func (p *Parquet) readSchema(f *parquet.File) error {
	var names []string
	leaves := 0
	for _, c := range f.Root().Columns() {
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
	p.groups = f.RowGroups()
	p.batch = make([]parquet.Row, parquetRows)
	p.values = make([][]parquet.Value, leaves)
	return nil
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
	if p.at == p.n {
		err := unpanicked(p.fill)
		if err == io.EOF {
			return Row{}, p.finish()
		}
		if err != nil {
			if err := p.broken(err); err != nil {
				return Row{}, err
			}
			return Row{}, p.end(p.fault)
		}
	}
	p.row++
	var row Row
	err := unpanicked(func() (err error) {
		row, err = p.makeRow(p.batch[p.at])
		return err
	})
	p.at++
	if err == nil {
		p.out += int64(len(row.Source))
		if p.out > freeExpansion && p.out/maxExpansion > p.size {
			return Row{}, p.end(&Fault{Reason: fmt.Sprintf("unpacks to more than %d times its size: cut it into several files if that is right", maxExpansion)})
		}
		return row, nil
	}
	if f := asFault(err); f != nil {
		return Row{}, f
	}
	return Row{}, p.end(damagedParquet(err))
}

// fill reads the next rows; io.EOF says that there are none.
func (p *Parquet) fill() error {
	for {
		if p.rows == nil {
			if len(p.groups) == 0 {
				return io.EOF
			}
			p.rows, p.groups = p.groups[0].Rows(), p.groups[1:]
		}
		n, err := p.rows.ReadRows(p.batch)
		p.at, p.n = 0, n
		if err == io.EOF || err == nil && n == 0 {
			err = p.rows.Close()
			p.rows = nil
		}
		if n > 0 || err != nil {
			return err
		}
	}
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
	if p.rows != nil {
		// Only memory is given back; the fault says more than an error of that.
		_ = unpanicked(p.rows.Close)
		p.rows = nil
	}
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
func (p *Parquet) makeRow(record parquet.Row) (Row, error) {
	for i := range p.values {
		p.values[i] = p.values[i][:0]
	}
	for _, v := range record {
		if v.Column() < 0 || v.Column() >= len(p.values) {
			return Row{}, fmt.Errorf("a value of column %d of %d", v.Column(), len(p.values))
		}
		p.values[v.Column()] = append(p.values[v.Column()], v)
	}
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
		err = &Fault{Row: p.row, Reason: fmt.Sprintf("is longer than %d MiB", MaxRow>>20)}
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
