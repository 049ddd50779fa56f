// Package contracts turns values into what contracts take and back: it reads
// ABIs and signatures, encodes JSON values and CSV cells for every Solidity
// type, decodes outputs, events and reverts, and holds the contracts that come
// with the product, Evidence and Ledger, as source, ABI and bytecode.
//
// It never talks to a chain and never changes a value to make it fit: what
// cannot be encoded exactly is an *ArgError.
//
// The codec is its own and not go-ethereum's accounts/abi, which serves as the
// oracle in its tests: that one wants Go structs made by reflection, refuses
// tuples whose parts have no names, panics at some types that users can send,
// and decodes a few kilobytes of hostile return data into gigabytes.
package contracts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// ABI is a parsed JSON ABI. It does not change and is safe for concurrent use.
type ABI struct {
	text        string
	constructor *Method
	methods     []*Method // sorted by signature
	events      []*event
	errors      []*customError
}

// maxABI is the most bytes of an ABI text.
const maxABI = 4 << 20

// ParseABI reads the JSON array that the Solidity compiler writes, or an object
// with such an array under "abi", as build tools write. Fallback and receive
// functions are passed over. Errors name the entry that is wrong.
func ParseABI(data []byte) (*ABI, error) {
	if len(data) > maxABI {
		return nil, fmt.Errorf("ABI is longer than %d MiB", maxABI>>20)
	}
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '{' {
		var artifact struct{ ABI json.RawMessage }
		if err := json.Unmarshal(data, &artifact); err != nil {
			return nil, fmt.Errorf("ABI is not JSON: %w", err)
		}
		if data = artifact.ABI; data == nil {
			return nil, errors.New(`ABI is neither a JSON array nor an object with an array "abi"`)
		}
	}
	var entries []abiEntry
	if err := json.Unmarshal(data, &entries); err != nil {
		return nil, fmt.Errorf("ABI is not a JSON array of functions, events and errors: %w", err)
	}
	if entries == nil {
		return nil, errors.New("ABI is null, not a JSON array of functions, events and errors")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		return nil, fmt.Errorf("ABI is not JSON: %w", err)
	}
	a := &ABI{text: compact.String()}
	for i, e := range entries {
		if err := a.add(e); err != nil {
			return nil, fmt.Errorf("ABI entry %d (%s %q): %w", i+1, cut(e.Type), cut(e.Name), err)
		}
	}
	if a.constructor == nil {
		var err error
		if a.constructor, err = newMethod("", nil, nil, false); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(a.methods, func(x, y *Method) int { return strings.Compare(x.signature, y.signature) })
	return a, nil
}

type abiEntry struct {
	Type            string
	Name            string
	Inputs, Outputs []abiParam
	StateMutability string
	Constant        bool // before Solidity 0.6
	Anonymous       bool
}

type abiParam struct {
	Name       string
	Type       string
	Components []abiParam
	Indexed    bool
}

func (a *ABI) add(e abiEntry) error {
	inputs, err := fieldsOf(e.Inputs)
	if err != nil {
		return err
	}
	if e.Type != "constructor" && e.Type != "fallback" && e.Type != "receive" && !isWord(e.Name) {
		return errors.New("the name is not an identifier")
	}
	switch e.Type {
	case "function", "": // "" is what very old compilers wrote
		outputs, err := fieldsOf(e.Outputs)
		if err != nil {
			return err
		}
		m, err := newMethod(e.Name, inputs, outputs, e.Constant || e.StateMutability == "view" || e.StateMutability == "pure")
		if err != nil {
			return err
		}
		if slices.ContainsFunc(a.methods, func(o *Method) bool { return o.signature == m.signature }) {
			return errors.New("the same signature is there twice")
		}
		a.methods = append(a.methods, m)
	case "constructor":
		if a.constructor != nil {
			return errors.New("there is a constructor already")
		}
		a.constructor, err = newMethod("", inputs, nil, false)
		return err
	case "event":
		ev, err := newEvent(e.Name, inputs, e.Anonymous)
		if err != nil {
			return err
		}
		a.events = append(a.events, ev)
	case "error":
		ce, err := newCustomError(e.Name, inputs)
		if err != nil {
			return err
		}
		a.errors = append(a.errors, ce)
	case "fallback", "receive":
	default:
		return errors.New("the type of the entry is not known")
	}
	return nil
}

func fieldsOf(params []abiParam) ([]field, error) {
	fields := make([]field, len(params))
	for i, p := range params {
		t, err := p.abiType()
		if err != nil {
			return nil, fmt.Errorf("parameter %d %q: %w", i+1, cut(p.Name), err)
		}
		fields[i] = field{name: p.Name, typ: t, indexed: p.Indexed}
	}
	return fields, nil
}

func (p abiParam) abiType() (*abiType, error) {
	stem, brackets := p.Type, ""
	if i := strings.IndexByte(p.Type, '['); i >= 0 {
		stem, brackets = p.Type[:i], p.Type[i:]
	}
	var t *abiType
	var err error
	if stem == "tuple" {
		if len(p.Components) == 0 {
			return nil, errors.New("a tuple has at least one part")
		}
		parts, err := fieldsOf(p.Components)
		if err != nil {
			return nil, err
		}
		if name := twice(parts); name != "" {
			return nil, fmt.Errorf("two parts of the tuple are called %q", cut(name))
		}
		if t, err = tupleOf(parts); err != nil {
			return nil, err
		}
	} else if t, err = elementary(stem); err != nil {
		return nil, err
	}
	return wrapArrays(t, brackets)
}

// JSON is the text of the ABI, a compact JSON array.
func (a *ABI) JSON() string { return a.text }

// Constructor is the method whose arguments a deployment takes; never nil. One
// without inputs stands for an ABI that has none.
func (a *ABI) Constructor() *Method { return a.constructor }

// ForGM is the ABI as a GM chain knows it: the selectors of its methods are made
// with SM3. Events and errors are found by either hash anyway.
func (a *ABI) ForGM() *ABI {
	gm := *a
	gm.constructor = a.constructor.ForGM()
	gm.methods = make([]*Method, len(a.methods))
	for i, m := range a.methods {
		gm.methods[i] = m.ForGM()
	}
	return &gm
}

// Methods lists all functions, sorted by signature.
func (a *ABI) Methods() []*Method { return slices.Clone(a.methods) }

// Method finds a function by its name, which must be the only one of that name,
// or by its signature, as MethodFromSignature reads it. The error is a
// *FunctionError, or says where the signature is wrong.
func (a *ABI) Method(fn string) (*Method, error) {
	fn = strings.TrimSpace(fn)
	want := fn
	if strings.ContainsRune(fn, '(') {
		m, err := MethodFromSignature(fn)
		if err != nil {
			return nil, err
		}
		want = m.signature
	}
	var found, named []*Method
	for _, m := range a.methods {
		if m.signature == want || m.name == want {
			found = append(found, m)
		}
		if name, _, _ := strings.Cut(want, "("); m.name == name {
			named = append(named, m)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	e := &FunctionError{Function: fn, Known: signatures(a.methods), lead: "it has"}
	switch {
	case want == "":
		e.Reason = "no function is named"
	case len(found) > 1:
		e.Reason, e.Known = fmt.Sprintf("%q is the name of several functions", cut(fn)), signatures(found)
		e.lead = "use one of these"
	case len(named) > 0:
		e.Reason, e.Known = fmt.Sprintf("the contract has no function %q", cut(want)), signatures(named)
		e.lead = "of that name it has"
	default:
		e.Reason = fmt.Sprintf("the contract has no function %q", cut(want))
		if near := nearest(want, a.methods); near != "" {
			e.Reason += fmt.Sprintf(", did you mean %q?", near)
		}
	}
	return nil, e
}

// FunctionError says that a function is not there, or not clear.
type FunctionError struct {
	Function string   // what was asked for
	Reason   string   // in words
	Known    []string // signatures that could be meant
	lead     string   // the words before Known
}

// Error says the reason and what there is.
func (e *FunctionError) Error() string {
	switch {
	case len(e.Known) == 0:
		return e.Reason + "; the ABI has no functions"
	case len(e.Known) > 30:
		return fmt.Sprintf("%s; the ABI has %d functions, among them %s", e.Reason, len(e.Known), strings.Join(e.Known[:30], ", "))
	}
	return e.Reason + "; " + e.lead + ": " + strings.Join(e.Known, ", ")
}

func signatures(methods []*Method) []string {
	list := make([]string, len(methods))
	for i, m := range methods {
		list[i] = m.signature
	}
	return list
}

// nearest finds a function whose name is at most a third of its letters away.
func nearest(want string, methods []*Method) string {
	want, _, _ = strings.Cut(want, "(")
	if len(want) > maxShown {
		return ""
	}
	best, least := "", len(want)/3+1
	for _, m := range methods {
		if len(m.name) > maxShown {
			continue
		}
		if d := distance(strings.ToLower(want), strings.ToLower(m.name)); d < least || d == least && best == "" {
			best, least = m.name, d
		}
	}
	return best
}

// distance counts the letters to add, take away or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// hashes gives keccak-256 and SM3 of a signature. A GM chain, which has Chinese
// cryptography, uses the second for selectors and topics.
func hashes(signature string) [2]common.Hash {
	return [2]common.Hash{crypto.Keccak256Hash([]byte(signature)), sm3.Sum([]byte(signature))}
}

// selectors gives the first four bytes of both hashes of a signature.
func selectors(signature string) [2][4]byte {
	h := hashes(signature)
	return [2][4]byte{[4]byte(h[0][:4]), [4]byte(h[1][:4])}
}
