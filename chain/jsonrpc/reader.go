package jsonrpc

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
)

// maxDepth is how deep arrays and objects may be nested, as in encoding/json.
const maxDepth = 10000

// reader takes a JSON text apart from front to back. It takes and refuses the
// same texts as encoding/json. After the first error, which stays in err, it
// stands at the end of the text and gives zero values.
type reader struct {
	data  []byte
	pos   int
	depth int // of the arrays and objects that are open
	err   error
}

// fail keeps the first error: what is wrong with what comes next.
func (r *reader) fail(what string) {
	switch {
	case r.err != nil:
	case r.pos >= len(r.data):
		r.err = fmt.Errorf("byte %d: unexpected end", len(r.data)+1)
	default:
		r.err = fmt.Errorf("byte %d: %s", r.pos+1, what)
	}
	r.pos = len(r.data)
}

// refuse keeps the first error: what is wrong with the value that was just read.
func (r *reader) refuse(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("before byte %d: %s", r.pos+1, what)
	}
	r.pos = len(r.data)
}

// peek passes over white space and gives the byte behind it, 0 at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.data) && r.data[r.pos] > ' ' {
		return r.data[r.pos]
	}
	return r.space()
}

func (r *reader) space() byte {
	for ; r.pos < len(r.data); r.pos++ {
		if c := r.data[r.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

// take passes over c, which must come next.
func (r *reader) take(c byte) {
	if r.peek() != c {
		r.fail(fmt.Sprintf("%q is missing", c))
		return
	}
	r.pos++
}

// open begins an array or object.
func (r *reader) open(c byte) {
	r.take(c)
	if r.depth++; r.depth > maxDepth {
		r.fail("nested too deep")
	}
}

// more is called behind the opening bracket (first) and behind every value: it
// passes over the comma in front of the next value or the closing bracket.
func (r *reader) more(first bool, closing byte) bool {
	switch next := r.peek(); {
	case next == closing && r.err == nil:
		r.pos++
		r.depth--
		return false
	case first:
		return r.err == nil
	case next == ',':
		r.pos++
		return true
	}
	r.fail("a comma is missing")
	return false
}

// name reads the name of a member and its colon. See quoted.
func (r *reader) name() []byte {
	name := r.quoted()
	r.take(':')
	return name
}

// end refuses anything but white space.
func (r *reader) end() {
	if r.peek(); r.pos < len(r.data) {
		r.fail("something follows the value")
	}
}

// literal passes over the word if it comes next. Another word with the same
// first letter is an error.
func (r *reader) literal(word string) bool {
	if r.peek() != word[0] {
		return false
	}
	if rest := r.data[r.pos:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		r.fail("not a value")
		return false
	}
	r.pos += len(word)
	return true
}

// null passes over a null.
func (r *reader) null() bool { return r.peek() == 'n' && r.literal("null") }

// quoted reads a string. The result must not be changed and lives as long as
// the text.
func (r *reader) quoted() []byte {
	if r.peek() != '"' {
		r.fail("not a string")
		return nil
	}
	start := r.pos + 1
	i := start
	for ; len(r.data)-i >= 8; i += 8 {
		if m := special(binary.LittleEndian.Uint64(r.data[i:])); m != 0 {
			i += bits.TrailingZeros64(m) / 8
			break
		}
	}
	for ; i < len(r.data); i++ {
		switch c := r.data[i]; {
		case c == '"':
			r.pos = i + 1
			return r.data[start:i]
		case c < ' ' || c == '\\' || c >= 0x80:
			return r.escaped()
		}
	}
	r.pos = i
	r.fail("")
	return nil
}

// special has a bit set in the first of eight bytes (the lowest) that ends a
// string or does not stand for itself, and is 0 when there is none. Above the
// lowest bit it is not exact.
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quote, backslash := w^(ones*'"'), w^(ones*'\\')
	return ((w-ones*' ')&^w | (quote-ones)&^quote | (backslash-ones)&^backslash | w) & highs
}

// escaped reads a string of which not all bytes stand for themselves:
// encoding/json says what it means.
func (r *reader) escaped() []byte {
	start := r.pos
	for i := start + 1; i < len(r.data); i++ {
		switch r.data[i] {
		case '\\':
			i++
		case '"':
			var s string
			if err := json.Unmarshal(r.data[start:i+1], &s); err != nil {
				r.fail("not a string")
				return nil
			}
			r.pos = i + 1
			return []byte(s)
		}
	}
	r.pos = len(r.data)
	r.fail("")
	return nil
}

// number reads a number and gives its text.
func (r *reader) number() []byte {
	r.peek()
	start := r.pos
	r.skipByte('-', '-')
	if !r.skipByte('0', '0') {
		r.digits()
	}
	if r.skipByte('.', '.') {
		r.digits()
	}
	if r.skipByte('e', 'E') {
		r.skipByte('+', '-')
		r.digits()
	}
	if r.err != nil {
		return nil
	}
	return r.data[start:r.pos]
}

// skipByte passes over a or b if one of them is next.
func (r *reader) skipByte(a, b byte) bool {
	if r.pos == len(r.data) || r.data[r.pos] != a && r.data[r.pos] != b {
		return false
	}
	r.pos++
	return true
}

// digits passes over one or more digits.
func (r *reader) digits() {
	start := r.pos
	for r.pos < len(r.data) && r.data[r.pos]-'0' <= 9 {
		r.pos++
	}
	if r.pos == start {
		r.fail("not a value")
	}
}

// raw passes over a value and gives its text.
func (r *reader) raw() []byte {
	r.peek()
	start := r.pos
	r.skip()
	if r.err != nil {
		return nil
	}
	return r.data[start:r.pos]
}

func (r *reader) skip() {
	switch r.peek() {
	case '{':
		r.open('{')
		for first := true; r.more(first, '}'); first = false {
			r.name()
			r.skip()
		}
	case '[':
		r.open('[')
		for first := true; r.more(first, ']'); first = false {
			r.skip()
		}
	case '"':
		r.quoted()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.null()
	default:
		r.number()
	}
}
