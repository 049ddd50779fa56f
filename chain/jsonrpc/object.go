package jsonrpc

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
)

// Object is a JSON object on its way into a Struct or out of it. Its methods
// read or write one member each.
type Object struct {
	reader         // reading
	reading bool   // or else writing
	out     []byte // writing
	level
	odd bool // the value that was just read is written otherwise
}

// reading keeps Objects for newReading: making one would be a good part of the
// time that a receipt takes.
var reading = sync.Pool{New: func() any { return new(Object) }}

// newReading begins to read a text. finish must end it.
func newReading(data []byte) *Object {
	o := reading.Get().(*Object)
	o.data, o.reading = data, true
	return o
}

// finish requires that nothing follows, and gives the error.
func (o *Object) finish() error {
	o.end()
	err := o.err
	*o = Object{}
	reading.Put(o)
	return err
}

// level is the part of the state that belongs to one Struct, not to those inside
// of it.
type level struct {
	form    *Form
	index   int    // place of the next member in the list
	written bool   // writing: a member stands there already
	waits   bool   // reading: a member comes next, or its value if it is named
	named   bool   // reading: the name has been read
	waiting []byte // reading: that name
	taken   int    // reading: how many members have been met
}

// rule says what differs between kinds of members.
type rule uint8

const (
	optional rule = 1 << iota // left out by hand when empty
	notNull                   // null is refused
)

// member reads or writes a member: nothing happens when another one waits, or
// when it is to be left out. empty says that v is zero, value reads or writes it.
func member[T any](o *Object, name string, v *T, empty bool, rules rule, value func(*Object, *T)) {
	bit := uint64(1) << o.index
	o.index++
	switch {
	case !o.reading:
		if o.begin(name, bit, empty, rules) && !writeOdd(o, name, v, value) {
			value(o, v)
		}
	case o.waits && o.is(name):
		o.form.seen |= bit
		o.form.nulls &^= bit
		if o.peek() == 'n' && rules&notNull == 0 && o.null() {
			var zero T
			*v = zero
			o.form.nulls |= bit
		} else {
			readValue(o, name, v, value)
		}
		o.advance(false)
	}
}

// is reports whether the member that waits has the name, and passes over it. The
// usual case is that the name comes next, without escapes.
func (o *Object) is(name string) bool {
	if o.named {
		return string(o.waiting) == name
	}
	n := len(name)
	rest := o.data[o.pos:]
	if len(rest) < n+2 || rest[n+1] != '"' || string(rest[1:n+1]) != name {
		return false
	}
	if o.pos += n + 2; o.pos < len(o.data) && o.data[o.pos] == ':' {
		o.pos++
	} else {
		o.take(':')
	}
	return true
}

// begin writes the name of a member, and its value, too, if that is null. It
// reports whether a value must follow.
func (o *Object) begin(name string, bit uint64, empty bool, rules rule) bool {
	f := o.form
	if empty && f.seen&bit == 0 && (f.state != byHand || rules&optional != 0) {
		return false
	}
	o.writeName(name)
	if empty && f.nulls&bit != 0 {
		o.out = append(o.out, "null"...)
		return false
	}
	return true
}

func (o *Object) writeName(name string) {
	if o.written {
		o.out = append(o.out, ',')
	}
	o.written = true
	o.writeString(name)
	o.out = append(o.out, ':')
}

// readValue reads the value of a member, which comes next without white space,
// and keeps its text if v says the same in another way.
func readValue[T any](o *Object, name string, v *T, value func(*Object, *T)) {
	outer := o.odd
	o.odd = false
	start := o.pos
	value(o, v)
	switch {
	case o.err != nil:
		o.err = fmt.Errorf("%s: %w", name, o.err)
	case o.odd:
		o.form.keepOdd(name, o.data[start:o.pos])
	case o.form.odd != nil:
		delete(o.form.odd, name)
	}
	o.odd = outer
}

// writeOdd writes the text that was kept for a member if v has not changed.
func writeOdd[T any](o *Object, name string, v *T, value func(*Object, *T)) bool {
	text := o.form.odd[name]
	if text == nil {
		return false
	}
	var was T
	if UnmarshalValue(text, &was, value) != nil || !reflect.DeepEqual(was, *v) {
		return false
	}
	o.out = append(o.out, text...)
	return true
}

// structure reads or writes a Struct.
func structure[T any, P pointer[T]](o *Object, v *T) {
	if o.reading {
		var zero T
		*v = zero
		o.readStruct(P(v))
		return
	}
	outer := o.level
	form, text := P(v).form()
	o.level = level{form: form}
	if text != nil {
		writeQuoted[T, P](o, v, *text)
	} else {
		o.write(P(v))
	}
	o.level = outer
}

// readStruct reads a Struct that is zero.
func (o *Object) readStruct(s Struct) {
	outer := o.level
	form, text := s.form()
	o.level = level{form: form}
	if text != nil {
		o.readQuoted(s, text)
	} else {
		o.read(s)
	}
	o.level = outer
}

func (o *Object) read(s Struct) {
	if o.null() {
		o.form.state = fromNull
		return
	}
	o.form.state = fromObject
	o.open('{')
	o.advance(true)
	for o.waits {
		o.index = 0
		before := o.taken
		s.Members(o)
		switch {
		case o.taken != before:
		case !o.named: // it may be written with escapes, or unknown
			o.waiting, o.named = o.name(), true
		default:
			o.form.keepExtra(string(o.waiting), o.raw())
			o.advance(false)
		}
	}
}

// advance goes to the next member.
func (o *Object) advance(first bool) {
	o.taken++
	o.named = false
	if rest := o.data[o.pos:]; !first && len(rest) >= 2 && rest[0] == ',' && rest[1] == '"' {
		o.pos++ // no white space, as nodes write
		return
	}
	if o.waits = o.more(first, '}'); o.waits && o.peek() != '"' {
		o.fail("not a name")
		o.waits = false
	}
}

func (o *Object) write(s Struct) {
	start := len(o.out)
	o.out = append(o.out, '{')
	s.Members(o)
	for _, name := range slices.Sorted(maps.Keys(o.form.Extra)) {
		value := o.form.Extra[name]
		if !json.Valid(value) {
			o.err = fmt.Errorf("extra member %q is no JSON", name)
			return
		}
		o.writeName(name)
		o.out = append(o.out, value...)
	}
	if o.form.state == fromNull && !o.written {
		o.out = append(o.out[:start], "null"...)
		return
	}
	o.out = append(o.out, '}')
}

// readQuoted reads a Struct from the text of a JSON string.
func (o *Object) readQuoted(s Struct, text *string) {
	if o.null() {
		o.form.state = fromNull
		return
	}
	if *text = string(o.quoted()); o.err != nil {
		return
	}
	inner := newReading([]byte(*text))
	inner.form = o.form
	inner.read(s)
	if err := inner.finish(); err != nil {
		o.refuse("in the text: " + err.Error())
	}
}

// writeQuoted writes a Struct as a JSON string: the text that was read if it
// still says the same.
func writeQuoted[T any, P pointer[T]](o *Object, v *T, text string) {
	var was T
	kept := Object{}
	kept.writeString(text)
	if text != "" && Unmarshal[T, P](kept.out, &was) == nil && reflect.DeepEqual(was, *v) {
		o.out = append(o.out, kept.out...)
		return
	}
	inner := Object{level: level{form: o.form}}
	inner.write(P(v))
	switch {
	case inner.err != nil:
		o.err = inner.err
	case string(inner.out) == "null":
		o.out = append(o.out, inner.out...)
	default:
		o.writeString(string(inner.out))
	}
}
