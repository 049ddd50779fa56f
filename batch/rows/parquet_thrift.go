package rows

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// This file reads over structs in the compact protocol of Thrift, in which a Parquet
// file describes itself, before the library decodes them: it makes room for as many
// elements as a list says it has, and calls itself for each struct in another one.

// The bounds of what a struct may say.
const (
	// The deepest struct of the format lies eight deep.
	mostThriftDepth = 32
	// A struct with no fields is one byte long and takes a few hundred of memory; other
	// elements take as much as a string's header.
	thriftStructCost = 512
	thriftValueCost  = 16
	// Memory for all elements of all lists: enough for 200,000 column chunks.
	mostThriftCost = 128 << 20
)

// The types of the compact protocol.
const (
	thriftStop = iota
	thriftTrue
	thriftFalse
	thriftI8
	thriftI16
	thriftI32
	thriftI64
	thriftDouble
	thriftBinary
	thriftList
	thriftSet
	thriftMap
	thriftStruct
	thriftUUID
)

var (
	errThriftShort = errors.New("its description ends too early")
	errThriftDepth = errors.New("its description lies too deep in itself")
	errThriftCost  = errors.New("its description has too many parts")
	errThriftWrong = errors.New("its description cannot be read")
)

// thriftWalk reads over what lies in b.
type thriftWalk struct {
	b    []byte
	at   int
	cost int
}

// thriftLen is how long the struct is with which b begins; errThriftShort when b
// does not have all of it.
func thriftLen(b []byte) (int, error) {
	w := thriftWalk{b: b}
	err := w.fields(0)
	return w.at, err
}

// fields reads over the fields of a struct.
func (w *thriftWalk) fields(depth int) error {
	if depth > mostThriftDepth {
		return errThriftDepth
	}
	for {
		head, err := w.byte()
		if err != nil {
			return err
		}
		if head == thriftStop {
			return nil
		}
		if head>>4 == 0 { // the number of the field follows
			if _, err := w.uvarint(); err != nil {
				return err
			}
		}
		switch kind := head & 0xf; kind {
		case thriftTrue, thriftFalse: // the value is the type
		default:
			if err := w.value(kind, depth); err != nil {
				return err
			}
		}
	}
}

// value reads over a value that is no field of its own.
func (w *thriftWalk) value(kind byte, depth int) error {
	switch kind {
	case thriftTrue, thriftFalse, thriftI8:
		return w.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := w.uvarint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftUUID:
		return w.skip(16)
	case thriftBinary:
		n, err := w.uvarint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftStruct:
		return w.fields(depth + 1)
	case thriftList, thriftSet:
		return w.list(depth + 1)
	}
	return fmt.Errorf("%w: type %d", errThriftWrong, kind) // the format has no maps
}

func (w *thriftWalk) list(depth int) error {
	if depth > mostThriftDepth {
		return errThriftDepth
	}
	head, err := w.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&0xf
	if n == 0xf {
		if n, err = w.uvarint(); err != nil {
			return err
		}
	}
	each := uint64(thriftValueCost)
	if kind == thriftStruct {
		each = thriftStructCost
	}
	if n > mostThriftCost/each {
		return errThriftCost
	}
	if w.cost += int(n * each); w.cost > mostThriftCost {
		return errThriftCost
	}
	for range n {
		if err := w.value(kind, depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *thriftWalk) byte() (byte, error) {
	if w.at == len(w.b) {
		return 0, errThriftShort
	}
	w.at++
	return w.b[w.at-1], nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errThriftShort
	}
	w.at += int(n)
	return nil
}

func (w *thriftWalk) uvarint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	switch {
	case n == 0:
		return 0, errThriftShort
	case n < 0:
		return 0, errThriftWrong
	}
	w.at += n
	return v, nil
}
