package jsonrpc

import (
	"bytes"
	"encoding/json"
)

// Struct is a struct that reads and writes itself as a JSON object. It embeds
// Form or Quoted and lists its members:
//
//	type Log struct {
//		Address string `json:"address"`
//		Data    Hex    `json:"data"`
//		jsonrpc.Form
//	}
//
//	func (l *Log) Members(o *jsonrpc.Object) {
//		o.String("address", &l.Address)
//		o.Hex("data", &l.Data)
//	}
//
// The same list serves both ways. It must not depend on values, has at most 64
// members, and is read fastest when it is in the order in which nodes write
// members, that of the alphabet.
type Struct interface {
	// Members names every member with the field that holds it.
	Members(o *Object)
	form() (form *Form, text *string)
}

// Form is embedded by a Struct. It keeps what the fields cannot: which members
// stood there, which of them were null, and those that are not known. So what was
// read is written again without loss: absent, null, "" and [] stay four things.
//
// Of a value that was made by hand all members are written, except lists and
// pointers that are nil.
type Form struct {
	// Extra is the members that are not known, as they stood there; nil when there
	// is none.
	Extra map[string]json.RawMessage `json:"-"`

	odd   map[string]json.RawMessage // values that are written otherwise than read, by name
	seen  uint64                     // by place in the list of members
	nulls uint64                     // those that were null
	state formState
}

type formState uint8

const (
	byHand formState = iota
	fromObject
	fromNull
)

func (f *Form) form() (*Form, *string) { return f, nil }

func (f *Form) keepOdd(name string, text []byte) {
	if f.odd == nil {
		f.odd = make(map[string]json.RawMessage)
	}
	f.odd[name] = bytes.Clone(text)
}

func (f *Form) keepExtra(name string, text []byte) {
	if f.Extra == nil {
		f.Extra = make(map[string]json.RawMessage)
	}
	f.Extra[name] = bytes.Clone(text)
}

// Quoted is embedded instead of Form when the object stands as text inside a
// JSON string. The text is kept, and written again as long as no field changes.
type Quoted struct {
	Form
	text string
}

func (q *Quoted) form() (*Form, *string) { return &q.Form, &q.text }

// pointer is *T that is a Struct.
type pointer[T any] interface {
	*T
	Struct
}

// Unmarshal reads the one JSON value in data into v, whose former content is
// gone. It takes the texts that encoding/json takes, but names of members count
// to the letter, and of members with the same name the last. Nothing of data is
// kept. After an error v is in no defined state.
func Unmarshal[T any, P pointer[T]](data []byte, v P) error {
	return UnmarshalValue(data, (*T)(v), structure[T, P])
}

// Marshal writes v. It fails only when Extra holds what is no JSON.
func Marshal[T any, P pointer[T]](v P) ([]byte, error) {
	return MarshalValue((*T)(v), structure[T, P])
}

// UnmarshalValue is Unmarshal for an element of Elements.
func UnmarshalValue[T any](data []byte, v *T, value func(*Object, *T)) error {
	o := newReading(data)
	value(o, v)
	return o.finish()
}

// MarshalValue is Marshal for an element of Elements.
func MarshalValue[T any](v *T, value func(*Object, *T)) ([]byte, error) {
	o := Object{out: make([]byte, 0, 1024)}
	value(&o, v)
	if o.err != nil {
		return nil, o.err
	}
	return o.out, nil
}
