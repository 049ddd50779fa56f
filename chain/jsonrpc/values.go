package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// String is a member that is a text.
func (o *Object) String(name string, v *string) {
	member(o, name, v, *v == "", 0, (*Object).text)
}

// OptionalString is a text that may be absent or null, which is nil.
func (o *Object) OptionalString(name string, v **string) {
	member(o, name, v, *v == nil, optional, func(o *Object, v **string) {
		if o.reading {
			*v = new(string)
		}
		o.text(*v)
	})
}

// Bool is a member that is true or false.
func (o *Object) Bool(name string, v *bool) {
	member(o, name, v, !*v, 0, (*Object).bool)
}

// Int is a member that is an integer.
func (o *Object) Int(name string, v *int) { member(o, name, v, *v == 0, 0, integer[int]) }

// Int32 is a member that is an integer.
func (o *Object) Int32(name string, v *int32) { member(o, name, v, *v == 0, 0, integer[int32]) }

// Int64 is a member that is an integer.
func (o *Object) Int64(name string, v *int64) { member(o, name, v, *v == 0, 0, integer[int64]) }

// Uint32 is a member that is an integer.
func (o *Object) Uint32(name string, v *uint32) { member(o, name, v, *v == 0, 0, natural[uint32]) }

// Uint64 is a member that is an integer.
func (o *Object) Uint64(name string, v *uint64) { member(o, name, v, *v == 0, 0, natural[uint64]) }

// Hex is a member that stands for bytes.
func (o *Object) Hex(name string, v *Hex) { member(o, name, v, *v == nil, 0, (*Object).hex) }

// Hash is a member that is a hash: 64 hex digits behind 0x.
func (o *Object) Hash(name string, v *common.Hash) {
	member(o, name, v, *v == common.Hash{}, notNull, (*Object).hash)
}

// Quantity is a member that is a number as Ethereum writes it: hex digits behind
// 0x, without leading zeros.
func (o *Object) Quantity(name string, v *uint64) {
	member(o, name, v, *v == 0, 0, (*Object).quantity)
}

// Strings is a list of texts.
func (o *Object) Strings(name string, v *[]string) { elements(o, name, v, (*Object).text, true) }

// Ints is a list of integers.
func (o *Object) Ints(name string, v *[]int) { elements(o, name, v, integer[int], true) }

// Int64s is a list of integers.
func (o *Object) Int64s(name string, v *[]int64) { elements(o, name, v, integer[int64], true) }

// Hexes is a list of byte strings.
func (o *Object) Hexes(name string, v *[]Hex) { elements(o, name, v, (*Object).hex, true) }

// Hashes is a list of hashes.
func (o *Object) Hashes(name string, v *[]common.Hash) { Elements(o, name, v, (*Object).hash) }

// Nested is a member that is a Struct.
func Nested[T any, P pointer[T]](o *Object, name string, v P) {
	empty := !o.reading && reflect.ValueOf(v).Elem().IsZero()
	member(o, name, (*T)(v), empty, 0, structure[T, P])
}

// List is a member that is a list of Structs.
func List[T any, P pointer[T]](o *Object, name string, v *[]T) {
	Elements(o, name, v, structure[T, P])
}

// Elements is a member that is a list; element reads or writes one value.
func Elements[T any](o *Object, name string, v *[]T, element func(*Object, *T)) {
	elements(o, name, v, element, false)
}

// elements is Elements; nullable says that null can stand for an element, which
// is zero then.
func elements[T any](o *Object, name string, v *[]T, element func(*Object, *T), nullable bool) {
	member(o, name, v, *v == nil, optional, func(o *Object, v *[]T) {
		if o.reading {
			readList(o, v, element, nullable)
		} else {
			writeList(o, *v, element)
		}
	})
}

// Any is a member of any type that encoding/json reads and writes. It is slow.
func Any[T any](o *Object, name string, v *T) {
	empty := !o.reading && reflect.ValueOf(v).Elem().IsZero()
	member(o, name, v, empty, optional, anything[T])
}

// Either reads or writes a value, not a member: a hash, or else a Struct, to
// which other points when there is one. null and all else are errors.
func Either[T any, P pointer[T]](o *Object, hash *common.Hash, other *P) {
	switch {
	case o.reading && o.peek() == '{':
		*other = new(T)
		structure[T, P](o, *other)
	case !o.reading && *other != nil:
		structure[T, P](o, *other)
	default:
		o.hash(hash)
	}
}

// The functions below read or write one value. They set odd where the value
// would not be written as it was read.

func (o *Object) text(v *string) {
	if !o.reading {
		o.writeString(*v)
		return
	}
	*v = string(o.quoted())
}

func (o *Object) writeString(s string) {
	out, err := appendString(o.out, s)
	if err != nil {
		o.err = err
	}
	o.out = out
}

func (o *Object) bool(v *bool) {
	switch {
	case !o.reading:
		o.out = strconv.AppendBool(o.out, *v)
	case o.literal("true"):
		*v = true
	case o.literal("false"):
		*v = false
	default:
		o.fail("neither true nor false")
	}
}

func integer[T int | int32 | int64](o *Object, v *T) {
	if !o.reading {
		o.out = strconv.AppendInt(o.out, int64(*v), 10)
		return
	}
	text := o.number()
	n, err := strconv.ParseInt(string(text), 10, 64)
	if *v = T(n); err != nil || int64(*v) != n {
		o.refuse("no integer, or too large")
		return
	}
	o.odd = o.odd || n == 0 && text[0] == '-'
}

func natural[T uint32 | uint64](o *Object, v *T) {
	if !o.reading {
		o.out = strconv.AppendUint(o.out, uint64(*v), 10)
		return
	}
	n, err := strconv.ParseUint(string(o.number()), 10, 64)
	if *v = T(n); err != nil || uint64(*v) != n {
		o.refuse("negative, no integer, or too large")
	}
}

func (o *Object) hex(v *Hex) {
	if !o.reading {
		o.out = append(o.out, '"')
		o.out = v.append(o.out)
		o.out = append(o.out, '"')
		return
	}
	*v = nil
	text := o.hexText()
	if len(text) == 0 {
		return
	}
	digits, prefixed := bytes.CutPrefix(text, []byte("0x"))
	*v = make(Hex, len(digits)/2)
	o.unhex(*v, digits)
	o.odd = o.odd || !prefixed
}

func (o *Object) hash(v *common.Hash) {
	if !o.reading {
		o.out = append(o.out, `"0x`...)
		o.out = hex.AppendEncode(o.out, v[:])
		o.out = append(o.out, '"')
		return
	}
	text := o.hexText()
	if len(text) < 2 || text[0] != '0' || text[1]|0x20 != 'x' {
		o.refuse("it does not begin with 0x")
		return
	}
	o.unhex(v[:], text[2:])
	o.odd = o.odd || text[1] == 'X'
}

// hexText reads a string that should be hex digits, whose bytes unhex will look
// at: so only an escape needs a look here.
func (o *Object) hexText() []byte {
	if o.peek() == '"' {
		rest := o.data[o.pos+1:]
		if n := bytes.IndexByte(rest, '"'); n >= 0 && bytes.IndexByte(rest[:n], '\\') < 0 {
			o.pos += n + 2
			return rest[:n]
		}
	}
	return o.quoted()
}

// unhex fills dst from exactly as many digits as it needs.
func (o *Object) unhex(dst, digits []byte) {
	if len(digits) != 2*len(dst) {
		o.refuse(fmt.Sprintf("%d hex digits, not %d", len(digits), 2*len(dst)))
		return
	}
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		four, ok := unhex8(binary.LittleEndian.Uint64(digits[2*i:]))
		if !ok {
			break
		}
		binary.LittleEndian.PutUint32(dst[i:], four)
	}
	var all byte
	for ; i < len(dst); i++ {
		high, low := hexDigits[digits[2*i]], hexDigits[digits[2*i+1]]
		all |= high | low
		dst[i] = high<<4 | low&0xf
	}
	if all&notHex != 0 {
		o.refuse("not only hex digits")
	}
	o.odd = o.odd || all&upperCase != 0
}

// unhex8 gives the four bytes of eight lower-case digits at once, the first in
// the lowest bits, or false when there is anything else among the digits.
func unhex8(w uint64) (four uint32, ok bool) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	// Bytes from c on have the highest bit in w+ones*(0x80-c), as none has it in w.
	decimal := (w + ones*(0x80-'0')) &^ (w + ones*(0x80-'9'-1))
	letter := (w + ones*(0x80-'a')) &^ (w + ones*(0x80-'f'-1))
	if (w|^(decimal|letter))&highs != 0 {
		return 0, false
	}
	v := w&(ones*0x0f) + (letter&highs)>>7*9
	v = (v<<4 | v>>8) & 0x00ff00ff00ff00ff
	v = (v | v>>8) & 0x0000ffff0000ffff
	return uint32(v | v>>16), true
}

// What hexDigits has besides the value of a digit.
const (
	upperCase = 0x10
	notHex    = 0x20
)

var hexDigits = func() (table [256]byte) {
	for c := range table {
		table[c] = notHex
	}
	for v, c := range []byte("0123456789abcdef") {
		table[c] = byte(v)
	}
	for v, c := range []byte("ABCDEF") {
		table[c] = byte(10+v) | upperCase
	}
	return table
}()

func (o *Object) quantity(v *uint64) {
	if !o.reading {
		o.out = append(o.out, `"0x`...)
		o.out = strconv.AppendUint(o.out, *v, 16)
		o.out = append(o.out, '"')
		return
	}
	digits, prefixed := strings.CutPrefix(string(o.quoted()), "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if !prefixed || err != nil {
		o.refuse("no number behind 0x, or too large")
	}
	o.odd = o.odd || strconv.FormatUint(n, 16) != digits
	*v = n
}

func readList[T any](o *Object, v *[]T, element func(*Object, *T), nullable bool) {
	var none T
	*v = []T{}
	o.open('[')
	for first := true; o.more(first, ']'); first = false {
		if first && reflect.TypeFor[T]().Size() <= common.HashLength {
			*v = make([]T, 0, 4) // the topics of a log
		}
		*v = append(*v, none)
		if nullable && o.null() {
			o.odd = true
		} else {
			element(o, &(*v)[len(*v)-1])
		}
	}
}

func writeList[T any](o *Object, v []T, element func(*Object, *T)) {
	if v == nil {
		o.out = append(o.out, "null"...)
		return
	}
	o.out = append(o.out, '[')
	for i := range v {
		if i > 0 {
			o.out = append(o.out, ',')
		}
		element(o, &v[i])
	}
	o.out = append(o.out, ']')
}

func anything[T any](o *Object, v *T) {
	if !o.reading {
		out, err := json.Marshal(v)
		if err != nil {
			o.err = err
		}
		o.out = append(o.out, out...)
		return
	}
	var read T
	if text := o.raw(); o.err == nil {
		if err := json.Unmarshal(text, &read); err != nil {
			o.refuse(err.Error())
		}
	}
	*v, o.odd = read, true
}
