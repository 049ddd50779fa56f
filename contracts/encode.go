package contracts

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"unicode/utf8"

	"github.com/bcosgate/bcosgate/internal/exactjson"
)

// appendFields encodes a tuple: the fixed parts in a row, and what is dynamic
// behind them. Offsets count from the beginning of the tuple. top says that the
// fields are the arguments themselves, whose texts may hold JSON.
func appendFields(dst []byte, fields []field, values []any, top bool) ([]byte, *ArgError) {
	start, head := len(dst), 0
	for _, f := range fields {
		head += f.typ.headSize()
	}
	dst = append(dst, make([]byte, head)...)
	at := start
	for i, f := range fields {
		value := values[i]
		var err *ArgError
		if top && f.typ.elemental() == nil {
			value, err = parseCell(f.typ, value)
		}
		if err == nil {
			dst, err = appendOne(dst, start, at, f.typ, value)
		}
		if err != nil {
			if top {
				err.Index, err.Name = i, f.name
				return nil, err.within(f.name)
			}
			return nil, err.within("." + f.partName(i))
		}
		at += f.typ.headSize()
	}
	return dst, nil
}

// appendList encodes the elements of an array as a tuple of equal types.
func appendList(dst []byte, elem *abiType, values []any) ([]byte, *ArgError) {
	start := len(dst)
	dst = append(dst, make([]byte, elem.headSize()*len(values))...)
	for i, v := range values {
		var err *ArgError
		if dst, err = appendOne(dst, start, start+i*elem.headSize(), elem, v); err != nil {
			return nil, err.within("[" + strconv.Itoa(i) + "]")
		}
	}
	return dst, nil
}

// appendOne writes a value into its place at, or behind all others with its
// offset from start at that place.
func appendOne(dst []byte, start, at int, t *abiType, value any) ([]byte, *ArgError) {
	if !t.dynamic {
		return dst, putStatic(dst[at:at+t.headSize()], t, value)
	}
	putLength(dst[at:], len(dst)-start)
	switch t.kind {
	case kindString:
		s, err := stringValue(t, value)
		if err != nil {
			return nil, err
		}
		return appendPadded(dst, s), nil
	case kindBytes:
		raw, err := hexValue(t, value)
		if err != nil {
			return nil, err
		}
		return appendPadded(dst, string(raw)), nil
	case kindSlice:
		list, err := listValue(t, value)
		if err != nil {
			return nil, err
		}
		dst = append(dst, make([]byte, 32)...)
		putLength(dst[len(dst)-32:], len(list))
		return appendList(dst, t.elem, list)
	case kindArray:
		list, err := listValue(t, value)
		if err != nil {
			return nil, err
		}
		return appendList(dst, t.elem, list)
	default: // a tuple
		parts, err := partValues(t, value)
		if err != nil {
			return nil, err
		}
		return appendFields(dst, t.fields, parts, false)
	}
}

// putStatic fills the place of a value that has no dynamic part. The place is
// all zeros.
func putStatic(place []byte, t *abiType, value any) *ArgError {
	switch t.kind {
	case kindUint, kindInt:
		return putInteger(place, t, value)
	case kindBool:
		b, err := boolValue(t, value)
		if b {
			place[31] = 1
		}
		return err
	case kindAddress:
		return putAddress(place, t, value)
	case kindFixedBytes:
		raw, err := hexValue(t, value)
		copy(place, raw)
		return err
	case kindArray:
		list, err := listValue(t, value)
		if err != nil {
			return err
		}
		for i, v := range list {
			size := t.elem.headSize()
			if err := putStatic(place[i*size:(i+1)*size], t.elem, v); err != nil {
				return err.within("[" + strconv.Itoa(i) + "]")
			}
		}
		return nil
	default: // a tuple
		parts, err := partValues(t, value)
		if err != nil {
			return err
		}
		at := 0
		for i, f := range t.fields {
			size := f.typ.headSize()
			if err := putStatic(place[at:at+size], f.typ, parts[i]); err != nil {
				return err.within("." + f.partName(i))
			}
			at += size
		}
		return nil
	}
}

func putLength(place []byte, n int) { binary.BigEndian.PutUint64(place[24:32], uint64(n)) }

func appendPadded(dst []byte, s string) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, 32+(len(s)+31)/32*32)...)
	putLength(dst[at:], len(s))
	copy(dst[at+32:], s)
	return dst
}

// elemental gives t when it is neither an array nor a tuple.
func (t *abiType) elemental() *abiType {
	if t.kind == kindSlice || t.kind == kindArray || t.kind == kindTuple {
		return nil
	}
	return t
}

// partName is how a part of a tuple is called in a path.
func (f field) partName(i int) string {
	if f.name == "" {
		return strconv.Itoa(i)
	}
	return f.name
}

// parseCell reads the JSON that the text of a cell holds.
func parseCell(t *abiType, value any) (any, *ArgError) {
	text, ok := value.(string)
	if !ok {
		return value, nil
	}
	if text == "" {
		return nil, refuse(t, value, "is empty; write %s", jsonShape(t))
	}
	v, err := exactjson.Decode([]byte(text))
	if err != nil {
		return nil, refuse(t, value, "%w; write %s", err, jsonShape(t))
	}
	return v, nil
}

func jsonShape(t *abiType) string {
	if t.kind == kindTuple {
		return `a JSON object or array, such as {"name":"value"}`
	}
	return `a JSON array, such as ["first","second"]`
}

func listValue(t *abiType, value any) ([]any, *ArgError) {
	list, ok := value.([]any)
	if !ok {
		return nil, refuse(t, value, "is not a JSON array")
	}
	if t.kind == kindArray && len(list) != t.size {
		return nil, refuse(t, value, "has %s, not %d", count(len(list), "element"), t.size)
	}
	return list, nil
}

// partValues puts the parts of a tuple in order.
func partValues(t *abiType, value any) ([]any, *ArgError) {
	switch v := value.(type) {
	case []any:
		if len(v) != len(t.fields) {
			return nil, refuse(t, value, "has %s, not %d", count(len(v), "part"), len(t.fields))
		}
		return v, nil
	case map[string]any:
		parts := make([]any, len(t.fields))
		for i, f := range t.fields {
			if f.name == "" {
				return nil, refuse(t, value, "is an object, but part %d has no name: write an array", i+1)
			}
			part, ok := v[f.name]
			if !ok {
				return nil, refuse(t, value, "has no part %q", f.name)
			}
			parts[i] = part
		}
		if len(v) != len(t.fields) {
			for name := range v {
				if !hasField(t.fields, name) {
					return nil, refuse(t, value, "has a part %q that the type does not have", cut(name))
				}
			}
		}
		return parts, nil
	}
	return nil, refuse(t, value, "is neither a JSON object nor a JSON array")
}

func hasField(fields []field, name string) bool {
	for _, f := range fields {
		if f.name == name {
			return true
		}
	}
	return false
}

func stringValue(t *abiType, value any) (string, *ArgError) {
	s, ok := value.(string)
	if !ok {
		return "", refuse(t, value, "is not a text: write it in quotes")
	}
	if !utf8.ValidString(s) {
		return "", refuse(t, value, "is not valid UTF-8")
	}
	return s, nil
}

func boolValue(t *abiType, value any) (bool, *ArgError) {
	switch v := value.(type) {
	case bool:
		return v, nil
	case string:
		switch v {
		case "true", "TRUE", "True":
			return true, nil
		case "false", "FALSE", "False":
			return false, nil
		}
	}
	return false, refuse(t, value, "is neither true nor false")
}

// refuse makes an error about value; its path is put in on the way out.
func refuse(t *abiType, value any, format string, args ...any) *ArgError {
	return &ArgError{Type: cut(t.name), Value: show(value), Reason: fmt.Errorf(format, args...).Error()}
}

// show repeats a value as it came.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(cut(v))
	case json.Number:
		return cut(v.String())
	case *big.Int:
		return cut(v.String())
	case []byte:
		return cut(hexText(v))
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("a Go %T", value)
	}
	return cut(string(text))
}
