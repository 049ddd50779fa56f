package batch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// maxInput is the most bytes that one item may send. Nodes refuse far less; it
// keeps the memory of a page of items bounded.
const maxInput = 1 << 20

// maxFunctions is how many functions the _fn column may name in one job: each
// is kept in memory while the rows are loaded.
const maxFunctions = 1000

// checker turns rows into items, and says what is wrong with those that are
// none. It is not safe for concurrent use.
type checker struct {
	kind      JobKind
	to        []byte // of items without _to; nil when there is none
	deploys   bool
	code      []byte // creation code that goes before the constructor's arguments
	abi       *contracts.ABI
	fn        *binding
	others    map[string]*binding // by what _fn says
	values    []any               // of the current row
	orderedBy string              // the column that rows are ordered by, or ""
	signed    chain.TxReader      // rows are signed transactions; nil when they are not
}

// binding is a method and where its arguments are in a row.
type binding struct {
	method *contracts.Method
	inputs []contracts.Argument
	layout []int // argument i is cell layout[i]; checked for each row, found anew when it does not fit
}

// newChecker builds the checker of a job; columns is the header of the input,
// nil when there is none. The fault is one of the header.
func newChecker(rec record, columns []string) (*checker, *RowFault) {
	c := &checker{kind: rec.Spec.Kind, others: map[string]*binding{}, orderedBy: rec.Spec.OrderedBy}
	if rec.Address != nil {
		c.to = rec.Address.Bytes()
	}
	// All this was checked when the job was created; a fault here means that the
	// program is another one since.
	method, err := c.defaults(rec)
	if err != nil {
		return nil, &RowFault{Reason: err.Error()}
	}
	c.fn = bind(method)
	if columns != nil && c.lacksOrder(columns) {
		return nil, &RowFault{Line: 1, Column: c.orderedBy, Reason: fmt.Sprintf("the rows are to be ordered by %q, and the header lacks it; it has %s", c.orderedBy, quoted(columns))}
	}
	if columns == nil || slices.Contains(columns, "_fn") {
		return c, nil
	}
	cells := slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return strings.HasPrefix(name, "_") })
	var missing []string
	for _, in := range c.fn.inputs {
		if find(in.Name, func(name string) int { return slices.Index(cells, name) }) < 0 {
			missing = append(missing, fmt.Sprintf("%q", in.Name))
		}
	}
	if len(missing) == 0 {
		return c, nil
	}
	hint := "does the file lack a header line?"
	if c.abi == nil && !c.deploys && len(missing) == len(c.fn.inputs) && len(cells) >= len(missing) && !slices.ContainsFunc(cells, notAName) {
		hint = "without an ABI the function says which columns are meant, as in " + c.fn.named(cells)
	}
	return nil, &RowFault{Line: 1, Reason: fmt.Sprintf("the header lacks %s of %s; it has %s; %s",
		plural(missing, "the column "), method.Signature(), quoted(columns), hint)}
}

func (c *checker) defaults(rec record) (*contracts.Method, error) {
	if rec.abi != "" {
		abi, err := contracts.ParseABI([]byte(rec.abi))
		if err != nil {
			return nil, err
		}
		c.abi = abi
	}
	if !rec.Spec.Deploy {
		return callMethod(c.kind, c.abi, rec.Spec.Function)
	}
	c.deploys = true
	code, _, err := deployment(rec.Spec)
	if err != nil {
		return nil, err
	}
	c.code = code
	if c.abi == nil {
		empty, err := contracts.ParseABI([]byte("[]"))
		if err != nil {
			return nil, err
		}
		return empty.Constructor(), nil
	}
	return c.abi.Constructor(), nil
}

func bind(m *contracts.Method) *binding { return &binding{method: m, inputs: m.Inputs()} }

// item checks one row. The fault has no row and line.
func (c *checker) item(row rows.Row) (newItem, *RowFault) {
	it := newItem{row: row.Number, line: row.Line, ref: row.ID, after: row.After, source: row.Source}
	if row.After != "" && c.kind == KindCall {
		return it, &RowFault{Column: "_after", Reason: "makes a row wait for another one, and rows that are read do not wait: leave it out"}
	}
	b := c.fn
	var fault *RowFault
	if row.Fn != "" {
		if b, fault = c.function(row.Fn); fault != nil {
			return it, fault
		}
	}
	if it.recipient, fault = c.recipient(row.To); fault != nil {
		return it, fault
	}
	if fault := c.arrange(b, row.Cells); fault != nil {
		return it, fault
	}
	input, err := b.method.Encode(c.values)
	if err != nil {
		return it, argumentFault(err)
	}
	it.input = input
	if c.deploys {
		it.input = append(slices.Clone(c.code), input...)
	}
	if len(it.input) > maxInput {
		return it, &RowFault{Reason: fmt.Sprintf("makes a transaction of %d bytes, more than %d", len(it.input), maxInput)}
	}
	if it.lane, fault = c.key(row, b, it); fault != nil {
		return it, fault
	}
	if c.signed != nil {
		return signedItem(c.signed, it, row.Signed)
	}
	return it, nil
}

// method is what a row calls that was found to be good.
func (c *checker) method(row rows.Row) *contracts.Method {
	if row.Fn == "" {
		return c.fn.method
	}
	return c.others[row.Fn].method
}

func (c *checker) function(fn string) (*binding, *RowFault) {
	if c.deploys {
		return nil, &RowFault{Column: "_fn", Reason: "a deployment calls the constructor only: leave the column out"}
	}
	if b := c.others[fn]; b != nil {
		return b, nil
	}
	m, err := callMethod(c.kind, c.abi, fn)
	if err != nil {
		return nil, &RowFault{Column: "_fn", Reason: err.Error()}
	}
	if len(c.others) >= maxFunctions {
		return nil, &RowFault{Column: "_fn", Reason: fmt.Sprintf("is the function number %d of this job, more than %d", maxFunctions+1, maxFunctions)}
	}
	b := bind(m)
	c.others[fn] = b
	return b, nil
}

func (c *checker) recipient(to string) ([]byte, *RowFault) {
	switch {
	case c.deploys && to != "":
		return nil, &RowFault{Column: "_to", Reason: "a deployment has no address yet: leave the column out"}
	case c.deploys:
		return nil, nil
	case to == "" && c.to == nil:
		return nil, &RowFault{Column: "_to", Reason: "there is no contract to call: give the job \"contract\" or \"to\", or the row a _to"}
	case to == "":
		return c.to, nil
	}
	if !common.IsHexAddress(to) {
		return nil, &RowFault{Column: "_to", Reason: fmt.Sprintf("%q is not an address: 40 hex digits, 0x may be left out", shorten(to))}
	}
	a := common.HexToAddress(to)
	bare := to[len(to)-40:]
	if bare != strings.ToLower(bare) && bare != strings.ToUpper(bare) && bare != a.Hex()[2:] {
		return nil, &RowFault{Column: "_to", Reason: fmt.Sprintf("%q has a wrong checksum: is a letter wrong? (in lower case it is not checked)", to)}
	}
	return a.Bytes(), nil
}

// arrange puts the arguments of b among cells into values.
func (c *checker) arrange(b *binding, cells []rows.Cell) *RowFault {
	c.values = c.values[:0]
	if len(cells) == 0 || cells[0].Column == "" { // by position
		if len(cells) != len(b.inputs) {
			return &RowFault{Reason: fmt.Sprintf("has %d values, %s needs %d: %s", len(cells), b.method.Signature(), len(b.inputs), b.wants())}
		}
		for _, cell := range cells {
			c.values = append(c.values, cell.Value)
		}
		return nil
	}
	if !b.fits(cells) {
		b.layout = b.layout[:0]
		for _, in := range b.inputs {
			at := find(in.Name, func(name string) int {
				return slices.IndexFunc(cells, func(cell rows.Cell) bool { return cell.Column == name })
			})
			if at < 0 {
				b.layout = nil
				return &RowFault{Column: in.Name, Reason: fmt.Sprintf("is missing; %s needs %s", b.method.Signature(), b.wants())}
			}
			b.layout = append(b.layout, at)
		}
	}
	for _, at := range b.layout {
		c.values = append(c.values, cells[at].Value)
	}
	return nil
}

// fits reports whether the layout of the last row is also this row's.
func (b *binding) fits(cells []rows.Cell) bool {
	if len(b.layout) != len(b.inputs) {
		return false
	}
	for i, at := range b.layout {
		if at >= len(cells) || !named(b.inputs[i].Name, cells[at].Column) {
			return false
		}
	}
	return true
}

// named is the function with the first columns as the names of its arguments.
func (b *binding) named(columns []string) string {
	parts := make([]string, len(b.inputs))
	for i, in := range b.inputs {
		parts[i] = in.Type + " " + columns[i]
	}
	return b.method.Name() + "(" + strings.Join(parts, ",") + ")"
}

// notAName reports whether a column cannot be called like an argument.
func notAName(column string) bool {
	other := func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}
	return column == "" || len(column) > 40 || column[0] >= '0' && column[0] <= '9' || strings.ContainsFunc(column, other)
}

// wants lists the arguments with their types.
func (b *binding) wants() string {
	if len(b.inputs) == 0 {
		return "none"
	}
	parts := make([]string, len(b.inputs))
	for i, in := range b.inputs {
		parts[i] = in.Name + " (" + in.Type + ")"
	}
	return strings.Join(parts, ", ")
}

// find looks an argument up by its name, and then without underscores around
// it: columns that begin with one are reserved, arguments often do.
func find(argument string, index func(name string) int) int {
	at := index(argument)
	if at < 0 {
		if bare := strings.Trim(argument, "_"); bare != "" && bare != argument {
			at = index(bare)
		}
	}
	return at
}

func named(argument, column string) bool {
	return argument == column || strings.Trim(argument, "_") == column
}

// argumentFault puts the error of an encoding into the words of a row.
func argumentFault(err error) *RowFault {
	e, ok := errors.AsType[*contracts.ArgError](err)
	if !ok || e.Index < 0 {
		return &RowFault{Reason: err.Error()}
	}
	return &RowFault{Column: e.Path, Reason: fmt.Sprintf("%s %s (%s)", e.Value, e.Reason, e.Type)}
}

func shorten(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

func quoted(list []string) string {
	parts := make([]string, 0, len(list))
	for i, s := range list {
		if i == 20 {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%q", shorten(s)))
	}
	return strings.Join(parts, ", ")
}

func plural(list []string, one string) string {
	if len(list) == 1 {
		return one + list[0]
	}
	return strings.TrimSuffix(one, " ") + "s " + strings.Join(list, ", ")
}
