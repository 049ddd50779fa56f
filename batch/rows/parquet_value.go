package rows

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// columnKind is what the values of a column are put together from.
type columnKind int

const (
	kindLeaf columnKind = iota
	kindStruct
	kindList // of its only part
)

// mostLevels is how deep columns may lie in each other: each level is a call.
const mostLevels = 32

// column is a column of a Parquet file with what lies below it.
type column struct {
	name     string
	kind     columnKind
	parts    []*column
	optional bool // one definition level says that it is there
	def, rep int  // the levels that say that a value, or another element, is here
	first    int  // the first leaf of it
	last     int  // behind the last leaf of it
	typ      parquet.Type
}

// newColumn describes c below a column with the levels def and rep. leaves counts
// the leaves before it.
func newColumn(c *parquet.Column, def, rep int, leaves *int) (*column, error) {
	if c.Depth() > mostLevels {
		return nil, errors.New("lies too deep in other columns")
	}
	if c.Repeated() {
		list := &column{name: c.Name(), kind: kindList, def: def + 1, rep: rep + 1, first: *leaves}
		element, err := newPart(c, def+1, rep+1, leaves)
		list.parts, list.last = []*column{element}, *leaves
		return list, err
	}
	if !c.Optional() {
		return newPart(c, def, rep, leaves)
	}
	part, err := newPart(c, def+1, rep, leaves)
	if err != nil {
		return nil, err
	}
	if part.kind == kindList { // has levels of its own
		return &column{name: part.name, kind: kindStruct, parts: []*column{part}, optional: true, def: def + 1, first: part.first, last: part.last, typ: listInside}, nil
	}
	part.optional, part.def = true, def+1
	return part, nil
}

// listInside marks the shell of a list that may be null as a whole.
var listInside parquet.Type = parquet.List(parquet.Leaf(parquet.BooleanType)).Type()

// newPart describes c itself, without its own repetition.
func newPart(c *parquet.Column, def, rep int, leaves *int) (*column, error) {
	p := &column{name: c.Name(), def: def, rep: rep, first: *leaves}
	if c.Leaf() {
		p.typ = c.Type()
		*leaves++
		p.last = *leaves
		if p.typ.Kind() == parquet.Int96 {
			return nil, errors.New("has the type INT96, which was given up long ago: write it as INT64 or text")
		}
		return p, nil
	}
	below := c.Columns()
	if inner := listElement(c, below); inner != nil {
		return newList(p, inner, leaves)
	}
	p.kind = kindStruct
	for _, b := range below {
		part, err := newColumn(b, def, rep, leaves)
		if err != nil {
			return nil, err
		}
		p.parts = append(p.parts, part)
	}
	p.last = *leaves
	if p.first == p.last {
		return nil, errors.New("has no columns below it")
	}
	return p, nil
}

// newList makes a list of the repeated column in a column that is annotated as
// one. Writers disagree on how many levels it has; the rules are those of the
// Parquet format ("Backward-compatibility rules").
func newList(p *column, repeated *parquet.Column, leaves *int) (*column, error) {
	p.kind, p.def, p.rep = kindList, p.def+1, p.rep+1
	var element *column
	var err error
	below := repeated.Columns()
	if !repeated.Leaf() && len(below) == 1 && repeated.Name() != "array" && repeated.Name() != p.name+"_tuple" {
		element, err = newColumn(below[0], p.def, p.rep, leaves)
	} else {
		element, err = newPart(repeated, p.def, p.rep, leaves)
	}
	p.parts, p.last = []*column{element}, *leaves
	return p, err
}

// listElement gives the repeated column of a list, nil when c is none.
func listElement(c *parquet.Column, below []*parquet.Column) *parquet.Column {
	t := c.Type().LogicalType()
	if t == nil || len(below) != 1 || !below[0].Repeated() {
		return nil
	}
	if _, ok := t.Value.(*format.ListType); !ok {
		return nil
	}
	return below[0]
}

var errLevels = errors.New("the levels of the values do not fit the schema")

// assemble takes the next value of the column from the values of the leaves.
func (c *column) assemble(leaves [][]parquet.Value) (any, error) {
	if len(leaves[c.first]) == 0 {
		return nil, errLevels
	}
	if c.optional && leaves[c.first][0].DefinitionLevel() < c.def {
		return nil, c.skip(leaves)
	}
	switch c.kind {
	case kindLeaf:
		v := leaves[c.first][0]
		leaves[c.first] = leaves[c.first][1:]
		if v.IsNull() {
			return nil, errLevels
		}
		return columnValue(c.typ, v), nil
	case kindStruct:
		if c.typ == listInside {
			return c.parts[0].assemble(leaves)
		}
		parts := make(map[string]any, len(c.parts))
		for _, part := range c.parts {
			v, err := part.assemble(leaves)
			if err != nil {
				return nil, err
			}
			parts[part.name] = v
		}
		return parts, nil
	}
	list := []any{}
	if leaves[c.first][0].DefinitionLevel() < c.def {
		return list, c.skip(leaves)
	}
	for {
		v, err := c.parts[0].assemble(leaves)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		if rest := leaves[c.first]; len(rest) == 0 || rest[0].RepetitionLevel() != c.rep {
			return list, nil
		}
	}
}

// skip takes the one value away that each leaf has for what is not there.
func (c *column) skip(leaves [][]parquet.Value) error {
	for i := c.first; i < c.last; i++ {
		if len(leaves[i]) == 0 {
			return errLevels
		}
		leaves[i] = leaves[i][1:]
	}
	return nil
}

// columnValue gives a value as it can be encoded without loss:
//
//   - integers and DECIMAL as a number with all its digits; whole DECIMALs
//     without their decimal zeros;
//   - FLOAT and DOUBLE that are whole and at most 2^53 (2^24) as a number with
//     all its digits, others with an exponent or decimals, which no integer type
//     takes: digits may have been lost;
//   - STRING, ENUM and JSON as text, if it is UTF-8; DATE, TIME and TIMESTAMP as text in the form
//     of RFC 3339, because integers would not tell their unit;
//   - other bytes, UUID too, as []byte, for bytes, bytesN, addresses and unsigned
//     integers (big endian);
//   - lists as []any, other groups as map[string]any.
func columnValue(t parquet.Type, v parquet.Value) any {
	logical := logicalOf(t)
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return integerColumn(logical, int64(v.Int32()), uint64(v.Uint32()))
	case parquet.Int64:
		return integerColumn(logical, v.Int64(), v.Uint64())
	case parquet.Float:
		return floatColumn(float64(v.Float()), 32)
	case parquet.Double:
		return floatColumn(v.Double(), 64)
	}
	switch l := logical.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		if utf8.Valid(v.ByteArray()) {
			return string(v.ByteArray())
		}
	case *format.DecimalType:
		return decimalText(signed(v.ByteArray()), l.Scale)
	}
	return append([]byte{}, v.ByteArray()...)
}

func logicalOf(t parquet.Type) any {
	if l := t.LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

func integerColumn(logical any, n int64, unsigned uint64) any {
	switch l := logical.(type) {
	case *format.IntType:
		if !l.IsSigned {
			return json.Number(strconv.FormatUint(unsigned, 10))
		}
	case *format.DecimalType:
		return decimalText(big.NewInt(n), l.Scale)
	case *format.DateType:
		return time.Unix(0, 0).UTC().AddDate(0, 0, int(n)).Format(time.DateOnly)
	case *format.TimeType:
		return moment(n, l.Unit).Format("15:04:05.999999999")
	case *format.TimestampType:
		if !l.IsAdjustedToUTC {
			return moment(n, l.Unit).Format("2006-01-02T15:04:05.999999999")
		}
		return moment(n, l.Unit).Format(time.RFC3339Nano)
	}
	return json.Number(strconv.FormatInt(n, 10))
}

func moment(n int64, unit format.TimeUnit) time.Time {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return time.UnixMilli(n).UTC()
	case *format.MicroSeconds:
		return time.UnixMicro(n).UTC()
	}
	return time.Unix(0, n).UTC()
}

func floatColumn(f float64, bits int) any {
	exact := float64(1 << 53)
	if bits == 32 {
		exact = 1 << 24
	}
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return strconv.FormatFloat(f, 'g', -1, bits)
	case f == math.Trunc(f) && math.Abs(f) <= exact:
		return json.Number(strconv.FormatFloat(f, 'f', 0, bits))
	case math.Abs(f) > exact:
		return json.Number(strconv.FormatFloat(f, 'e', -1, bits))
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, bits))
}

// signed reads two's complement, big endian.
func signed(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// mostDecimals is above the 76 digits of the widest DECIMAL that programs write.
const mostDecimals = 1000

// decimalText writes n divided by ten to the power of scale.
func decimalText(n *big.Int, scale int32) any {
	if scale < 0 || scale > mostDecimals { // the format allows neither
		return n.String() + "E-" + strconv.Itoa(int(scale))
	}
	digits := new(big.Int).Abs(n).String()
	if missing := int(scale) + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole, decimals := digits[:len(digits)-int(scale)], strings.TrimRight(digits[len(digits)-int(scale):], "0")
	if decimals != "" {
		whole += "." + decimals
	}
	if n.Sign() < 0 {
		whole = "-" + whole
	}
	return json.Number(whole)
}

// cellText is a value as it stands in a report: as the cell of a CSV that has it.
func cellText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case []byte:
		return "0x" + hex.EncodeToString(v), nil
	}
	text, err := json.Marshal(hexInside(value))
	return string(text), err
}

// hexInside writes bytes inside of lists and groups as hex, where JSON has none.
func hexInside(value any) any {
	switch v := value.(type) {
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = hexInside(e)
		}
		return list
	case map[string]any:
		parts := make(map[string]any, len(v))
		for name, e := range v {
			parts[name] = hexInside(e)
		}
		return parts
	}
	return value
}
