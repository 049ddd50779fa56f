package devchain

import (
	"encoding/binary"
	"fmt"
)

// The types of TARS fields (protocol section 4.1).
const (
	tarsInt8 byte = iota
	tarsInt16
	tarsInt32
	tarsInt64
	tarsFloat
	tarsDouble
	tarsString1
	tarsString4
	tarsMap
	tarsList
	tarsStructBegin
	tarsStructEnd
	tarsZero
	tarsBytes
)

// tarsMaxDepth bounds how deep unknown fields may nest; what is deeper counts as
// malformed. Real transactions nest once.
const tarsMaxDepth = 16

// tarsError is malformed TARS; the text is that of the node's decoder.
type tarsError struct{ what string }

func (e *tarsError) Error() string { return e.what }

func tarsOverflow(at int) error {
	return &tarsError{fmt.Sprintf("buffer overflow when peekBuf, over %d.", at)}
}

// tarsReader reads the fields of one struct after another in ascending order of
// their tags, as the node's decoder does: a field that is absent, or that
// malformed bytes stand before, reads as its default; one that is there but
// cannot be read is an error. No length is trusted before it is compared with
// what is left.
type tarsReader struct {
	data []byte
	pos  int
	end  int // behind the last field that was read
}

func (r *tarsReader) left() int { return len(r.data) - r.pos }

// peekHead reads the head of the next field without moving.
func (r *tarsReader) peekHead() (typ, tag byte, size int, ok bool) {
	if r.left() < 1 {
		return 0, 0, 0, false
	}
	head := r.data[r.pos]
	typ, tag, size = head&0x0f, head>>4, 1
	if tag == 15 {
		if r.left() < 2 {
			return 0, 0, 0, false
		}
		tag, size = r.data[r.pos+1], 2
	}
	return typ, tag, size, true
}

// find moves behind the head of the field with the tag and gives its type; false
// when there is no such field, then it stands where the field would be.
func (r *tarsReader) find(tag byte) (typ byte, found bool) {
	for {
		typ, has, size, ok := r.peekHead()
		if !ok || typ == tarsStructEnd || has > tag {
			return 0, false
		}
		if has == tag {
			r.pos += size
			return typ, true
		}
		start := r.pos
		r.pos += size
		if !r.skip(typ, 0) {
			r.pos = start
			return 0, false
		}
	}
}

func (r *tarsReader) take(n int) ([]byte, bool) {
	if n < 0 || n > r.left() {
		return nil, false
	}
	b := r.data[r.pos : r.pos+n]
	r.pos += n
	return b, true
}

// skip moves over the body of a field.
func (r *tarsReader) skip(typ byte, depth int) bool {
	if depth > tarsMaxDepth {
		return false
	}
	ok := true
	switch typ {
	case tarsInt8:
		_, ok = r.take(1)
	case tarsInt16:
		_, ok = r.take(2)
	case tarsInt32, tarsFloat:
		_, ok = r.take(4)
	case tarsInt64, tarsDouble:
		_, ok = r.take(8)
	case tarsString1, tarsString4:
		_, err := r.stringBody(typ)
		ok = err == nil
	case tarsMap, tarsList:
		var n int64
		if n, ok = r.count(); !ok {
			return false
		}
		if typ == tarsMap {
			n *= 2
		}
		for ; ok && n > 0; n-- {
			var elem byte
			var size int
			if elem, _, size, ok = r.peekHead(); ok {
				r.pos += size
				ok = r.skip(elem, depth+1)
			}
		}
	case tarsStructBegin:
		ok = r.skipToStructEnd(depth + 1)
	case tarsStructEnd, tarsZero:
	case tarsBytes:
		_, err := r.bytesBody(typ)
		ok = err == nil
	default:
		ok = false
	}
	return ok
}

// skipToStructEnd moves behind the end of the struct that it stands in.
func (r *tarsReader) skipToStructEnd(depth int) bool {
	for {
		typ, _, size, ok := r.peekHead()
		if !ok {
			return false
		}
		r.pos += size
		if typ == tarsStructEnd {
			return true
		}
		if !r.skip(typ, depth) {
			return false
		}
	}
}

// count reads the number of elements that stands at the head of a list, a map or
// bytes: an integer field with tag 0.
func (r *tarsReader) count() (int64, bool) {
	typ, found := r.find(0)
	if !found {
		return 0, false
	}
	n, err := r.intBody(typ)
	return n, err == nil && n >= 0
}

func (r *tarsReader) intBody(typ byte) (int64, error) {
	at := r.pos
	size := map[byte]int{tarsInt8: 1, tarsInt16: 2, tarsInt32: 4, tarsInt64: 8, tarsZero: 0}
	n, ok := size[typ]
	if !ok {
		return 0, &tarsError{fmt.Sprintf("read 'Int64' type mismatch, get type: %d.", typ)}
	}
	b, ok := r.take(n)
	if !ok {
		return 0, tarsOverflow(at)
	}
	switch n {
	case 1:
		return int64(int8(b[0])), nil
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case 8:
		return int64(binary.BigEndian.Uint64(b)), nil
	}
	return 0, nil
}

func (r *tarsReader) stringBody(typ byte) ([]byte, error) {
	at := r.pos
	var n int
	switch typ {
	case tarsString1:
		b, ok := r.take(1)
		if !ok {
			return nil, tarsOverflow(at)
		}
		n = int(b[0])
	case tarsString4:
		b, ok := r.take(4)
		if !ok {
			return nil, tarsOverflow(at)
		}
		n = int(int32(binary.BigEndian.Uint32(b)))
	default:
		return nil, &tarsError{fmt.Sprintf("read 'string' type mismatch, get type: %d.", typ)}
	}
	b, ok := r.take(n)
	if !ok {
		return nil, tarsOverflow(at)
	}
	return b, nil
}

func (r *tarsReader) bytesBody(typ byte) ([]byte, error) {
	at := r.pos
	switch typ {
	case tarsBytes:
		elem, _, size, ok := r.peekHead()
		if !ok {
			return nil, tarsOverflow(at)
		}
		r.pos += size
		if elem != tarsInt8 {
			return nil, &tarsError{fmt.Sprintf("type mismatch, tag: 0, type: %d, %d", typ, elem)}
		}
		n, ok := r.count()
		if !ok {
			return nil, tarsOverflow(at)
		}
		b, ok := r.take(int(min(n, int64(len(r.data)+1))))
		if !ok {
			return nil, tarsOverflow(at)
		}
		return b, nil
	case tarsList:
		n, ok := r.count()
		if !ok || n > int64(r.left()) {
			return nil, tarsOverflow(at)
		}
		out := make([]byte, 0, n)
		for range n {
			typ, found := r.find(0)
			if !found {
				return nil, tarsOverflow(r.pos)
			}
			v, err := r.intBody(typ)
			if err != nil {
				return nil, err
			}
			out = append(out, byte(v))
		}
		return out, nil
	}
	return nil, &tarsError{fmt.Sprintf("type mismatch, get type: %d.", typ)}
}

// field reads one optional field; what reads its body.
func tarsField[T any](r *tarsReader, tag byte, body func(typ byte) (T, error)) (value T, err error) {
	typ, found := r.find(tag)
	if !found {
		return value, nil
	}
	if value, err = body(typ); err == nil {
		r.end = max(r.end, r.pos)
	}
	return value, err
}
