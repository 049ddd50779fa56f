package contracts

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// decodeFields reads encoded values that another party made. It takes no more
// memory than a fixed multiple of data: values that point at the same bytes
// again and again are refused, and so are bits that a type does not have.
func decodeFields(data []byte, fields []field) ([]Value, error) {
	d := &decoder{budget: 4*len(data) + 4096}
	parts, err := d.fields(data, fields)
	if err != nil {
		return nil, err
	}
	values := make([]Value, len(fields))
	for i, f := range fields {
		values[i] = Value{Name: f.name, Type: f.typ.name, Value: parts[i]}
	}
	return values, nil
}

// decoder counts the bytes that may still be turned into values. An honest
// encoding uses every byte once.
type decoder struct {
	budget int
}

var (
	errShort   = errors.New("the data ends too early")
	errOffset  = errors.New("an offset points outside of the data")
	errOverlap = errors.New("the data uses the same bytes many times over")
)

func (d *decoder) spend(n int) error {
	if d.budget -= n; d.budget < 0 {
		return errOverlap
	}
	return nil
}

// fields reads a tuple at the beginning of data, to which its offsets refer.
func (d *decoder) fields(data []byte, fields []field) ([]any, error) {
	parts := make([]any, len(fields))
	at := 0
	for i, f := range fields {
		var err error
		if parts[i], err = d.one(data, at, f.typ); err != nil {
			return nil, fmt.Errorf("%s (%s): %w", f.partName(i), cut(f.typ.name), err)
		}
		at += f.typ.headSize()
	}
	return parts, nil
}

func (d *decoder) list(data []byte, elem *abiType, n int) ([]any, error) {
	size := elem.headSize()
	if n > len(data)/size {
		return nil, errShort
	}
	if err := d.spend(n); err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		var err error
		if list[i], err = d.one(data, i*size, elem); err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return list, nil
}

// one reads the value whose place is at.
func (d *decoder) one(data []byte, at int, t *abiType) (any, error) {
	if at+t.headSize() > len(data) {
		return nil, errShort
	}
	if !t.dynamic {
		return d.static(data[at:at+t.headSize()], t)
	}
	if err := d.spend(32); err != nil {
		return nil, err
	}
	offset, ok := length(data[at:], len(data))
	if !ok {
		return nil, errOffset
	}
	data = data[offset:]
	switch t.kind {
	case kindArray:
		return d.list(data, t.elem, t.size)
	case kindTuple:
		return d.tuple(data, t)
	}
	if len(data) < 32 {
		return nil, errShort
	}
	n, ok := length(data, len(data)-32)
	if !ok {
		return nil, errShort
	}
	data = data[32:]
	if t.kind == kindSlice {
		return d.list(data, t.elem, n)
	}
	if err := d.spend(n); err != nil {
		return nil, err
	}
	if t.kind == kindString {
		return strings.ToValidUTF8(string(data[:n]), "\uFFFD"), nil
	}
	return "0x" + hex.EncodeToString(data[:n]), nil
}

// static reads a value without dynamic parts that fills place.
func (d *decoder) static(place []byte, t *abiType) (any, error) {
	switch t.kind {
	case kindArray:
		return d.list(place, t.elem, t.size)
	case kindTuple:
		return d.tuple(place, t)
	}
	if err := d.spend(32); err != nil {
		return nil, err
	}
	return word(place, t)
}

func (d *decoder) tuple(data []byte, t *abiType) (any, error) {
	parts, err := d.fields(data, t.fields)
	if err != nil {
		return nil, err
	}
	object := make(map[string]any, len(parts))
	for i, f := range t.fields {
		if f.name == "" {
			return parts, nil
		}
		object[f.name] = parts[i]
	}
	return object, nil
}

// word reads one value of 32 bytes.
func word(w []byte, t *abiType) (any, error) {
	switch t.kind {
	case kindUint:
		if !filled(w[:32-t.size/8], 0) {
			return nil, fmt.Errorf("0x%x does not fit the type", w)
		}
		return integerText(w, false), nil
	case kindInt:
		negative := w[32-t.size/8]&0x80 != 0
		sign := byte(0)
		if negative {
			sign = 0xff
		}
		if !filled(w[:32-t.size/8], sign) {
			return nil, fmt.Errorf("0x%x does not fit the type", w)
		}
		return integerText(w, negative), nil
	case kindBool:
		if !filled(w[:31], 0) || w[31] > 1 {
			return nil, fmt.Errorf("0x%x is neither 0 nor 1", w)
		}
		return w[31] == 1, nil
	case kindAddress:
		if !filled(w[:12], 0) {
			return nil, fmt.Errorf("0x%x is not an address", w)
		}
		return common.BytesToAddress(w).Hex(), nil
	default: // fixed bytes
		if !filled(w[t.size:], 0) {
			return nil, fmt.Errorf("0x%x is longer than the type", w)
		}
		return "0x" + hex.EncodeToString(w[:t.size]), nil
	}
}

func integerText(w []byte, negative bool) string {
	if !negative && filled(w[:24], 0) {
		return strconv.FormatUint(binary.BigEndian.Uint64(w[24:]), 10)
	}
	n := new(big.Int).SetBytes(w)
	if negative {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return n.String()
}

// length reads a word that counts bytes or elements, up to limit.
func length(w []byte, limit int) (int, bool) {
	n := binary.BigEndian.Uint64(w[24:32])
	if limit < 0 || !filled(w[:24], 0) || n > uint64(limit) {
		return 0, false
	}
	return int(n), true
}

func filled(b []byte, with byte) bool {
	for _, c := range b {
		if c != with {
			return false
		}
	}
	return true
}
