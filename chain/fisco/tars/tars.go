// Package tars is the binary form of FISCO BCOS 3.x transactions: the few TARS
// types that they need, read and written without reflection (protocol §4.1, §4.2).
//
// It never hashes, signs or judges what it reads: package fisco does.
package tars

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The types in the low half of a head byte.
const (
	typeInt8        = 0
	typeInt16       = 1
	typeInt32       = 2
	typeInt64       = 3
	typeFloat32     = 4
	typeFloat64     = 5
	typeString1     = 6
	typeString4     = 7
	typeMap         = 8
	typeList        = 9
	typeStructBegin = 10
	typeStructEnd   = 11
	typeZero        = 12
	typeSimpleList  = 13
)

// maxDepth bounds the nesting of unknown fields that are skipped; a transaction
// nests one level.
const maxDepth = 16

// What is wrong with foreign bytes; every decoding error wraps one of these.
var (
	// ErrTruncated means that the bytes end inside a field, or that a length
	// points past their end.
	ErrTruncated = errors.New("truncated")
	// ErrType means that a field has a type that cannot be read as wanted.
	ErrType = errors.New("wrong type")
	// ErrRange means that an integer does not fit its field, or a length is negative.
	ErrRange = errors.New("out of range")
	// ErrOrder means that a tag is not above the one before it.
	ErrOrder = errors.New("tags out of order")
	// ErrDepth means that unknown fields nest too deeply.
	ErrDepth = errors.New("nested too deeply")
)

func appendHead(dst []byte, tag, typ byte) []byte {
	if tag < 15 {
		return append(dst, tag<<4|typ)
	}
	return append(dst, 15<<4|typ, tag)
}

// appendInt writes v in the smallest type that holds it.
func appendInt(dst []byte, tag byte, v int64) []byte {
	switch {
	case v == 0:
		return appendHead(dst, tag, typeZero)
	case v >= math.MinInt8 && v <= math.MaxInt8:
		return append(appendHead(dst, tag, typeInt8), byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(appendHead(dst, tag, typeInt16), uint16(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(appendHead(dst, tag, typeInt32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(appendHead(dst, tag, typeInt64), uint64(v))
}

// appendOptInt leaves a zero out.
func appendOptInt(dst []byte, tag byte, v int64) []byte {
	if v == 0 {
		return dst
	}
	return appendInt(dst, tag, v)
}

// appendOptString leaves an empty text out.
func appendOptString(dst []byte, tag byte, s string) []byte {
	switch {
	case s == "":
		return dst
	case len(s) <= math.MaxUint8:
		dst = append(appendHead(dst, tag, typeString1), byte(len(s)))
	default:
		dst = binary.BigEndian.AppendUint32(appendHead(dst, tag, typeString4), uint32(len(s)))
	}
	return append(dst, s...)
}

// appendOptBytes leaves an empty array out.
func appendOptBytes(dst []byte, tag byte, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	dst = append(appendHead(dst, tag, typeSimpleList), typeInt8)
	dst = appendInt(dst, 0, int64(len(b)))
	return append(dst, b...)
}

// reader walks over the fields of one buffer. The first failure ends the walk
// and stays in err.
type reader struct {
	b   []byte
	off int
	err error
}

type head struct{ tag, typ byte }

func (r *reader) fail(err error, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("tars: %s at byte %d: %w", what, r.off, err)
	}
}

func (r *reader) more() bool { return r.err == nil && r.off < len(r.b) }

// take gives the next n bytes without copying, nil when there are not as many.
func (r *reader) take(n int, what string) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.b)-r.off {
		r.fail(ErrTruncated, what)
		return nil
	}
	r.off += n
	return r.b[r.off-n : r.off : r.off]
}

func (r *reader) head() head {
	b := r.take(1, "head")
	if b == nil {
		return head{}
	}
	h := head{tag: b[0] >> 4, typ: b[0] & 15}
	if h.tag == 15 {
		if b = r.take(1, "tag"); b != nil {
			h.tag = b[0]
		}
	}
	return h
}

// int reads an integer of any width.
func (r *reader) int(h head) int64 {
	switch h.typ {
	case typeZero:
		return 0
	case typeInt8:
		if b := r.take(1, "integer"); b != nil {
			return int64(int8(b[0]))
		}
	case typeInt16:
		if b := r.take(2, "integer"); b != nil {
			return int64(int16(binary.BigEndian.Uint16(b)))
		}
	case typeInt32:
		if b := r.take(4, "integer"); b != nil {
			return int64(int32(binary.BigEndian.Uint32(b)))
		}
	case typeInt64:
		if b := r.take(8, "integer"); b != nil {
			return int64(binary.BigEndian.Uint64(b))
		}
	default:
		r.fail(ErrType, "integer")
	}
	return 0
}

// intWithin reads an integer that must lie in [low, high].
func (r *reader) intWithin(h head, low, high int64) int64 {
	v := r.int(h)
	if r.err == nil && (v < low || v > high) {
		r.fail(ErrRange, "integer")
		return 0
	}
	return v
}

// count reads a length: an integer field of tag 0. Each counted element needs a
// byte at least, so a count beyond the rest of the buffer is refused before
// anything is made for it.
func (r *reader) count() int {
	h := r.head()
	if r.err == nil && h.tag != 0 {
		r.fail(ErrType, "length")
	}
	n := r.int(h)
	switch {
	case r.err != nil:
		return 0
	case n < 0:
		r.fail(ErrRange, "length")
		return 0
	case n > int64(len(r.b)-r.off):
		r.fail(ErrTruncated, "length")
		return 0
	}
	return int(n)
}

// text gives the bytes of a string without copying.
func (r *reader) text(h head) []byte {
	switch h.typ {
	case typeString1:
		if b := r.take(1, "string length"); b != nil {
			return r.take(int(b[0]), "string")
		}
	case typeString4:
		if b := r.take(4, "string length"); b != nil {
			n := binary.BigEndian.Uint32(b)
			if uint64(n) > uint64(len(r.b)-r.off) { // before int(n), which may be 32 bits wide
				r.fail(ErrTruncated, "string")
				return nil
			}
			return r.take(int(n), "string")
		}
	default:
		r.fail(ErrType, "string")
	}
	return nil
}

func (r *reader) string(h head) string { return string(r.text(h)) }

// bytes reads a byte array. The usual form is not copied; the form as a list of
// int8, which official writers never use, is.
func (r *reader) bytes(h head) []byte {
	switch h.typ {
	case typeSimpleList:
		if e := r.head(); r.err == nil && (e.tag != 0 || e.typ != typeInt8) {
			r.fail(ErrType, "byte array")
		}
		return r.take(r.count(), "byte array")
	case typeList:
		n := r.count()
		out := make([]byte, 0, n)
		for range n {
			e := r.head()
			if r.err == nil && e.tag != 0 {
				r.fail(ErrType, "byte array")
			}
			v := r.intWithin(e, math.MinInt8, math.MaxInt8)
			if r.err != nil {
				return nil
			}
			out = append(out, byte(v))
		}
		return out
	}
	r.fail(ErrType, "byte array")
	return nil
}

// skip steps over a field that is not known.
func (r *reader) skip(h head, depth int) {
	if depth > maxDepth {
		r.fail(ErrDepth, "unknown field")
		return
	}
	switch h.typ {
	case typeZero, typeInt8, typeInt16, typeInt32, typeInt64:
		r.int(h)
	case typeFloat32:
		r.take(4, "float")
	case typeFloat64:
		r.take(8, "float")
	case typeString1, typeString4:
		r.text(h)
	case typeSimpleList:
		r.bytes(h)
	case typeMap, typeList:
		n := r.count()
		if h.typ == typeMap {
			n *= 2
		}
		for i := 0; i < n && r.err == nil; i++ {
			r.skip(r.head(), depth+1)
		}
	case typeStructBegin:
		for r.err == nil {
			inner := r.head()
			if r.err != nil || inner.typ == typeStructEnd {
				return
			}
			r.skip(inner, depth+1)
		}
	default:
		r.fail(ErrType, "unknown field")
	}
}
