package contracts

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is what an ABI type is made of. Enums are uint8 and contracts are
// addresses in every ABI.
type kind int

const (
	kindUint kind = iota
	kindInt
	kindBool
	kindAddress
	kindFixedBytes // bytes1 … bytes32, and function with 24
	kindBytes
	kindString
	kindSlice
	kindArray
	kindTuple
)

// Bounds on types, which users send us: far above what Solidity can compile,
// low enough that a type alone cannot make us take much memory.
const (
	maxTypeDepth = 32
	maxTypeSlots = 1 << 16 // words that the fixed parts of one argument may need
)

// abiType is a parsed type. It does not change once made.
type abiType struct {
	kind    kind
	size    int      // bits of an integer, bytes of fixed bytes, length of a fixed array
	elem    *abiType // of arrays
	fields  []field  // of tuples
	name    string   // canonical, as in signatures
	dynamic bool     // encoded behind an offset
	slots   int      // words that the fixed parts need, dynamic elements as one each
	depth   int
}

// field is a named part of a tuple, an argument or an output.
type field struct {
	name    string // may be empty
	typ     *abiType
	indexed bool // events only
}

// headSize is the number of bytes that a value takes in place.
func (t *abiType) headSize() int {
	if t.dynamic {
		return 32
	}
	return 32 * t.slots
}

// elementary makes a type without brackets or parentheses.
func elementary(name string) (*abiType, error) {
	t := &abiType{name: name, slots: 1}
	stem := strings.TrimRight(name, "0123456789")
	digits := name[len(stem):]
	size, err := strconv.Atoi(digits)
	plain := digits == ""
	sized := err == nil && digits[0] != '0'
	switch {
	case (name == "uint" || name == "int"):
		t.size, t.name = 256, name+"256"
		t.kind = intKind(stem)
	case (stem == "uint" || stem == "int") && sized && size <= 256 && size%8 == 0:
		t.size, t.kind = size, intKind(stem)
	case stem == "bytes" && sized && size <= 32:
		t.size, t.kind = size, kindFixedBytes
	case stem == "bytes" && plain:
		t.kind, t.dynamic = kindBytes, true
	case stem == "string" && plain:
		t.kind, t.dynamic = kindString, true
	case stem == "bool" && plain:
		t.kind = kindBool
	case stem == "address" && plain:
		t.kind = kindAddress
	case stem == "function" && plain:
		t.size, t.kind = 24, kindFixedBytes
	default:
		return nil, fmt.Errorf("unknown type %q%s", cut(name), typeHint(stem))
	}
	return t, nil
}

func intKind(stem string) kind {
	if stem == "int" {
		return kindInt
	}
	return kindUint
}

func typeHint(stem string) string {
	switch stem {
	case "uint", "int":
		return ": the bits are a multiple of 8 up to 256"
	case "bytes":
		return ": it holds 1 to 32 bytes"
	case "ufixed", "fixed":
		return ": fixed point numbers cannot be passed in Solidity"
	case "mapping":
		return ": a mapping cannot be passed"
	}
	return ": write an enum as uint8, a contract as address and a struct as its parts in parentheses"
}

// arrayOf makes elem[size], or elem[] when size is negative.
func arrayOf(elem *abiType, size int) (*abiType, error) {
	t := &abiType{kind: kindSlice, elem: elem, name: elem.name + "[]", dynamic: true, slots: 1, depth: elem.depth + 1}
	if size >= 0 {
		t.kind, t.size, t.dynamic = kindArray, size, elem.dynamic
		t.name = elem.name + "[" + strconv.Itoa(size) + "]"
		if size == 0 {
			return nil, fmt.Errorf("%s: an array has at least one element", t.name)
		}
		if size > maxTypeSlots/elem.slots {
			return nil, fmt.Errorf("%s is too large: %d values in fixed arrays are the most", cut(t.name), maxTypeSlots)
		}
		t.slots = size * elem.slots
	}
	return t, t.check()
}

// tupleOf makes a tuple, also the one that the arguments of a method are.
func tupleOf(fields []field) (*abiType, error) {
	t := &abiType{kind: kindTuple, fields: fields}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.typ.name
		t.dynamic = t.dynamic || f.typ.dynamic
		t.slots += f.typ.slots
		t.depth = max(t.depth, f.typ.depth+1)
	}
	t.name = "(" + strings.Join(names, ",") + ")"
	return t, t.check()
}

func (t *abiType) check() error {
	if t.depth > maxTypeDepth {
		return fmt.Errorf("%s is nested deeper than %d levels", cut(t.name), maxTypeDepth)
	}
	if t.slots > maxTypeSlots {
		return fmt.Errorf("%s is too large: %d values in fixed arrays are the most", cut(t.name), maxTypeSlots)
	}
	return nil
}

// wrapArrays puts array brackets such as "[2][]" around t.
func wrapArrays(t *abiType, brackets string) (*abiType, error) {
	for brackets != "" {
		end := strings.IndexByte(brackets, ']')
		if brackets[0] != '[' || end < 0 {
			return nil, fmt.Errorf("array brackets %q are broken", cut(brackets))
		}
		size := -1
		if inner := brackets[1:end]; inner != "" {
			n, err := strconv.ParseUint(inner, 10, 31)
			if err != nil || inner[0] == '0' && inner != "0" {
				return nil, fmt.Errorf("array size %q is not a whole number in range", cut(inner))
			}
			size = int(n)
		}
		var err error
		if t, err = arrayOf(t, size); err != nil {
			return nil, err
		}
		brackets = brackets[end+1:]
	}
	return t, nil
}

// maxShown is how much of a foreign text an error repeats.
const maxShown = 80

// cut shortens s for an error message.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for end > 0 && s[end]&0xC0 == 0x80 {
		end-- // not inside of a character
	}
	return s[:end] + "..."
}
