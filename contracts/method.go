package contracts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
)

// Argument is one input of a method.
type Argument struct {
	Name string `json:"name"` // never empty: unnamed arguments are arg0, arg1…
	Type string `json:"type"` // canonical, for example "uint256" or "(uint256,address)[]"
}

// Value is one decoded output or event argument. Value is safe for JSON:
// integers are decimal text, bytes 0x hex, addresses EIP-55 text, arrays []any,
// and tuples map[string]any, or []any when a part has no name. Bytes of a
// string that are not UTF-8 become U+FFFD.
type Value struct {
	Name   string `json:"name"` // may be empty for outputs
	Type   string `json:"type"` // canonical
	Value  any    `json:"value"`
	Hashed bool   `json:"hashed,omitempty"` // a dynamic indexed event argument: Value is only the hash of it
}

// Method is one function of a contract, or its constructor. It does not change
// and is safe for concurrent use.
type Method struct {
	name      string
	signature string
	selector  []byte // empty for a constructor
	inputs    *abiType
	outputs   *abiType
	readOnly  bool
}

// newMethod makes a function; without a name, a constructor.
func newMethod(name string, inputs, outputs []field, readOnly bool) (*Method, error) {
	inputs = slices.Clone(inputs)
	for i := range inputs {
		if inputs[i].name == "" {
			inputs[i].name = fmt.Sprintf("arg%d", i)
		}
	}
	if name := twice(inputs); name != "" {
		return nil, fmt.Errorf("two arguments are called %q", name)
	}
	in, err := tupleOf(inputs)
	if err != nil {
		return nil, err
	}
	out, err := tupleOf(outputs)
	if err != nil {
		return nil, err
	}
	m := &Method{name: name, inputs: in, outputs: out, readOnly: readOnly}
	m.signature = name + in.name
	if name == "" {
		m.signature = "constructor" + in.name
	} else {
		m.selector = crypto.Keccak256([]byte(m.signature))[:4]
	}
	return m, nil
}

// Name is the bare name, for example "save"; "" for a constructor.
func (m *Method) Name() string { return m.name }

// Signature is canonical, for example "save(bytes32,string)"; for a
// constructor it begins with "constructor(".
func (m *Method) Signature() string { return m.signature }

// Selector is the four bytes by which a contract knows the function; zeros for a
// constructor.
func (m *Method) Selector() (selector [4]byte) {
	copy(selector[:], m.selector)
	return selector
}

// Inputs lists the arguments in their order.
func (m *Method) Inputs() []Argument {
	args := make([]Argument, len(m.inputs.fields))
	for i, f := range m.inputs.fields {
		args[i] = Argument{Name: f.name, Type: f.typ.name}
	}
	return args
}

// ReadOnly reports whether the method is view or pure. A method that was made
// of a signature is read-only only when the signature says so.
func (m *Method) ReadOnly() bool { return m.readOnly }

// ForGM is the method as a GM chain knows it, whose selectors are made with SM3
// (protocol §8, vectors in §14.1). A constructor has no selector and stays the
// same.
func (m *Method) ForGM() *Method {
	gm := *m
	if m.name != "" {
		selector := selectors(m.signature)[1]
		gm.selector = selector[:]
	}
	return &gm
}

// Encode gives what a call or a transaction carries: the selector (of keccak, or
// of SM3 for a method of ForGM) and the arguments, for a constructor the
// arguments only. values are the arguments in their order, each a JSON value
// (string, json.Number, float64 where it is exact, bool, []any, map[string]any)
// or the text of a CSV cell; []byte stands for its hex.
//
//   - Integers: decimal, or hex behind 0x; nothing is rounded or cut.
//   - Addresses: 40 hex digits, 0x may be left out; mixed case must have the
//     right EIP-55 checksum.
//   - bytesN: exactly 2N hex digits, 0x may be left out. function is bytes24.
//   - bytes: hex behind 0x.
//   - string: any valid UTF-8. bool: true or false.
//   - Arrays and tuples: JSON, or a text that holds JSON; a tuple is an array
//     or an object with the names of its parts.
//
// The error is an *ArgError.
func (m *Method) Encode(values []any) ([]byte, error) {
	if len(values) != len(m.inputs.fields) {
		return nil, &ArgError{Index: -1, Reason: fmt.Sprintf("%s needs %s, not %d", m.describe(), count(len(m.inputs.fields), "argument"), len(values))}
	}
	out := make([]byte, len(m.selector), len(m.selector)+m.inputs.headSize()+256)
	copy(out, m.selector)
	out, argErr := appendFields(out, m.inputs.fields, values, true)
	if argErr != nil {
		return nil, argErr
	}
	return out, nil
}

// EncodeNamed is Encode with the arguments by name. The names must be exactly
// those of Inputs; underscores around an argument's name may be left out where
// that is clear.
func (m *Method) EncodeNamed(values map[string]any) ([]byte, error) {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	order, err := m.Arrange(names)
	if err != nil {
		return nil, err
	}
	positional := make([]any, len(order))
	for i, at := range order {
		positional[i] = values[names[at]]
	}
	return m.Encode(positional)
}

// Arrange finds the arguments of the method in a header: order[i] is the index
// in names of argument i. An argument that begins or ends with underscores,
// such as _to, is also found without them, because columns that begin with one
// are reserved. The error is an *ArgError that lists what is missing and what
// is not known.
func (m *Method) Arrange(names []string) (order []int, err error) {
	taken := make([]bool, len(names))
	find := func(want string) int {
		at := slices.Index(names, want)
		if at >= 0 && !taken[at] {
			taken[at] = true
			return at
		}
		return -1
	}
	order = make([]int, len(m.inputs.fields))
	var missing []string
	for i, f := range m.inputs.fields {
		order[i] = find(f.name)
	}
	for i, f := range m.inputs.fields {
		if bare := strings.Trim(f.name, "_"); order[i] < 0 && bare != f.name && bare != "" {
			order[i] = find(bare)
		}
		if order[i] < 0 {
			missing = append(missing, fmt.Sprintf("%q", f.name))
		}
	}
	var unknown []string
	for i, name := range names {
		if !taken[i] {
			unknown = append(unknown, fmt.Sprintf("%q", cut(name)))
		}
	}
	var reasons []string
	if len(missing) > 0 {
		reasons = append(reasons, "missing: "+strings.Join(missing, ", "))
	}
	if len(unknown) > 0 {
		reasons = append(reasons, "not known: "+strings.Join(unknown[:min(len(unknown), 20)], ", "))
	}
	if len(reasons) > 0 {
		return nil, &ArgError{Index: -1, Reason: fmt.Sprintf("the names are not those of %s; %s", m.describe(), strings.Join(reasons, "; "))}
	}
	return order, nil
}

// DecodeOutput reads return data. Without outputs, also of a method whose
// signature has none, it gives no values whatever data is.
func (m *Method) DecodeOutput(data []byte) ([]Value, error) {
	if len(m.outputs.fields) == 0 {
		return nil, nil
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("decode output of %s: there is none; is a contract at that address?", m.signature)
	}
	values, err := decodeFields(data, m.outputs.fields)
	if err != nil {
		return nil, fmt.Errorf("decode output of %s: %w", m.signature, err)
	}
	return values, nil
}

// describe is the signature with names, for people.
func (m *Method) describe() string {
	parts := make([]string, len(m.inputs.fields))
	for i, f := range m.inputs.fields {
		parts[i] = f.typ.name + " " + f.name
	}
	name := m.name
	if name == "" {
		name = "constructor"
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// ArgError says which argument cannot be encoded, and why.
type ArgError struct {
	Index  int    // position of the argument from 0; -1 when the number or the names of the arguments are wrong
	Name   string // name of the argument
	Path   string // name and way to the part that is wrong, for example "items[2].amount"
	Type   string // canonical type of that part
	Value  string // its value as it came, cut when long
	Reason string // what is wrong with it, in words
}

// Error says path, type, value and reason.
func (e *ArgError) Error() string {
	if e.Index < 0 {
		return e.Reason
	}
	return fmt.Sprintf("argument %s (%s): %s %s", e.Path, e.Type, e.Value, e.Reason)
}

// within puts the way to the part before the path that is known so far.
func (e *ArgError) within(step string) *ArgError {
	e.Path = step + e.Path
	return e
}
