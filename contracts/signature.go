package contracts

import (
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// maxSignature is far above any real signature and keeps parsing cheap.
const maxSignature = 64 << 10

// MethodFromSignature makes a method without an ABI, of a signature as people
// write it: "save(bytes32,string)", "save(bytes32 digest, string memo)",
// "pay((uint256 amount,address to)[] items)". Return types may follow, as in
// "get(bytes32) returns (address owner, string text)" or, shorter,
// "count()(uint256)"; so may words such as view, which makes it read-only.
// Unnamed arguments are called arg0, arg1… by position. Errors say at which
// character, counted from 1, the signature is wrong.
func MethodFromSignature(sig string) (*Method, error) {
	if len(sig) > maxSignature {
		return nil, fmt.Errorf("function signature is longer than %d bytes", maxSignature)
	}
	p := &signatureParser{text: sig}
	m, err := p.method()
	if err != nil {
		return nil, fmt.Errorf("function signature %q: %w", cut(sig), err)
	}
	return m, nil
}

// EventTopic is the first topic of the logs of an event that is written as people
// write it: "Saved(bytes32,address)" or "event Saved(bytes32 indexed digest, address owner)".
func EventTopic(sig string) (common.Hash, error) {
	// Events have the form of functions, but for two words of Solidity.
	m, err := MethodFromSignature(strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(sig), "event "), " indexed", ""))
	if err != nil {
		return common.Hash{}, err
	}
	return crypto.Keccak256Hash([]byte(m.Signature())), nil
}

type signatureParser struct {
	text string
	at   int
}

func (p *signatureParser) method() (*Method, error) {
	name := p.word()
	if name == "function" && p.peek() != '(' {
		name = p.word()
	}
	if name == "" {
		return nil, p.errorf("a function name is expected")
	}
	if p.peek() != '(' {
		return nil, p.errorf("( is expected behind the name %q, as in %s(bytes32,string)", cut(name), cut(name))
	}
	inputs, err := p.fields(0)
	if err != nil {
		return nil, err
	}
	var outputs []field
	readOnly := false
	for p.peek() != 0 {
		if p.peek() == '(' {
			if outputs, err = p.fields(0); err != nil {
				return nil, err
			}
			break
		}
		start := p.at
		switch word := p.word(); word {
		case "view", "pure":
			readOnly = true
		case "external", "public", "payable", "nonpayable":
		case "returns":
			if p.peek() != '(' {
				return nil, p.errorf("( is expected behind returns")
			}
		default:
			p.at = start
			return nil, p.errorf("the end is expected, not %q", cut(strings.TrimSpace(p.text[p.at:])))
		}
	}
	if p.peek() != 0 {
		return nil, p.errorf("the end is expected, not %q", cut(p.text[p.at:]))
	}
	return newMethod(name, inputs, outputs, readOnly)
}

// fields reads a list in parentheses.
func (p *signatureParser) fields(depth int) ([]field, error) {
	if depth > maxTypeDepth {
		return nil, p.errorf("tuples are nested deeper than %d levels", maxTypeDepth)
	}
	p.at++ // the opening parenthesis, which the caller has seen
	fields := []field{}
	if p.peek() == ')' {
		p.at++
		return fields, nil
	}
	for {
		f, err := p.field(depth)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
		switch p.peek() {
		case ',':
			p.at++
		case ')':
			p.at++
			return fields, nil
		case 0:
			return nil, p.errorf("a closing parenthesis is missing")
		default:
			return nil, p.errorf("a comma or a closing parenthesis is expected, not %q", p.peek())
		}
	}
}

// field reads a type, words that mean nothing in an ABI, and perhaps a name.
func (p *signatureParser) field(depth int) (field, error) {
	p.peek()
	start := p.at
	word := p.word()
	var t *abiType
	var err error
	switch {
	case p.peek() == '(' && (word == "" || word == "tuple"):
		var parts []field
		if parts, err = p.fields(depth + 1); err != nil {
			return field{}, err
		}
		if len(parts) == 0 {
			return field{}, p.errorAt(start, "a tuple has at least one part")
		}
		if name := twice(parts); name != "" {
			return field{}, p.errorAt(start, "two parts of the tuple are called %q", name)
		}
		t, err = tupleOf(parts)
	case word == "":
		return field{}, p.errorf("a type is expected")
	default:
		t, err = elementary(word)
	}
	if err != nil {
		return field{}, p.errorAt(start, "%w", err)
	}
	if t, err = p.arrays(t, start); err != nil {
		return field{}, err
	}
	name := p.word()
	for name == "memory" || name == "calldata" || name == "storage" || name == "payable" {
		name = p.word()
	}
	return field{name: name, typ: t}, nil
}

func (p *signatureParser) arrays(t *abiType, start int) (*abiType, error) {
	if p.peek() != '[' {
		return t, nil
	}
	from := p.at
	for p.peek() == '[' {
		end := strings.IndexByte(p.text[p.at:], ']')
		if end < 0 {
			return nil, p.errorf("a closing bracket is missing")
		}
		p.at += end + 1
	}
	t, err := wrapArrays(t, strings.ReplaceAll(p.text[from:p.at], " ", ""))
	if err != nil {
		return nil, p.errorAt(start, "%w", err)
	}
	return t, nil
}

// peek gives the next byte behind spaces, 0 at the end.
func (p *signatureParser) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// word reads an identifier, "" when there is none.
func (p *signatureParser) word() string {
	p.peek()
	start := p.at
	for p.at < len(p.text) && isWordByte(p.text[p.at], p.at == start) {
		p.at++
	}
	return p.text[start:p.at]
}

func isWordByte(b byte, first bool) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_' || b == '$' || !first && b >= '0' && b <= '9'
}

func isWord(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}

func (p *signatureParser) errorf(format string, args ...any) error {
	return p.errorAt(p.at, format, args...)
}

func (p *signatureParser) errorAt(at int, format string, args ...any) error {
	return fmt.Errorf("at character %d: %w", at+1, fmt.Errorf(format, args...))
}

// twice finds a name that two fields share.
func twice(fields []field) string {
	seen := map[string]bool{}
	for _, f := range fields {
		if f.name != "" && seen[f.name] {
			return f.name
		}
		seen[f.name] = true
	}
	return ""
}
