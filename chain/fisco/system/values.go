package system

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// argument turns a Go value into what the codec takes.
func argument(v any) any {
	switch v := v.(type) {
	case common.Address:
		return hexText(v)
	case []byte:
		return "0x" + hex.EncodeToString(v)
	case [4]byte:
		return hex.EncodeToString(v[:])
	case [32]byte:
		return hex.EncodeToString(v[:])
	case uint64:
		return strconv.FormatUint(v, 10)
	case *big.Int:
		return v.String() // "<nil>" is refused by the codec
	case []string:
		return listOf(v)
	case []any:
		return listOf(v)
	}
	return v
}

func listOf[T any](items []T) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = argument(item)
	}
	return list
}

// outputs hands out decoded values in their order. The codec has checked their
// types against the signature; what a Go type cannot hold is the first err.
type outputs struct {
	list    []any
	err     error
	code    Code   // the negative return code that was among them
	missing string // says what was not found, where a contract has no code for it
}

// next takes a value off. Signature and decoder stand side by side, so that one
// value too many is a fault of the program.
func next[T any](o *outputs) T {
	v := o.list[0].(T)
	o.list = o.list[1:]
	return v
}

func (o *outputs) fail(format string, args ...any) { o.note(fmt.Errorf(format, args...)) }

// note keeps the first error.
func (o *outputs) note(err error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *outputs) text() string { return next[string](o) }
func (o *outputs) flag() bool   { return next[bool](o) }

func (o *outputs) address() common.Address { return common.HexToAddress(next[string](o)) }

func (o *outputs) hash() common.Hash { return common.HexToHash(next[string](o)) }

func (o *outputs) big() *big.Int {
	n, _ := new(big.Int).SetString(next[string](o), 10)
	return n
}

func (o *outputs) int64() int64 {
	n := o.big()
	if !n.IsInt64() {
		o.fail("the number %s is too large", n)
		return 0
	}
	return n.Int64()
}

func (o *outputs) uint64() uint64 {
	n := o.big()
	if !n.IsUint64() {
		o.fail("the number %s is too large", n)
		return 0
	}
	return n.Uint64()
}

func (o *outputs) uint8() uint8 { return uint8(o.uint64()) } // the codec has checked its size

// count reads a number that is a return code when it is negative.
func (o *outputs) count() int64 {
	n := o.int64()
	if n < 0 {
		o.code = Code(n)
	}
	return n
}

// tuple takes off a tuple whose parts have no names.
func tuple[T any](o *outputs, element func(*outputs) T) T {
	parts := &outputs{list: next[[]any](o)}
	v := element(parts)
	o.note(parts.err)
	return v
}

// each takes off a list and reads its elements one by one.
func each[T any](o *outputs, element func(*outputs) T) []T {
	list := &outputs{list: next[[]any](o)}
	out := make([]T, 0, len(list.list))
	for len(list.list) > 0 {
		out = append(out, element(list))
	}
	o.note(list.err)
	return out
}

// tuples takes off a list of tuples.
func tuples[T any](o *outputs, element func(*outputs) T) []T {
	return each(o, func(list *outputs) T { return tuple(list, element) })
}

func (o *outputs) texts() []string { return each(o, (*outputs).text) }

func (o *outputs) addresses() []common.Address { return each(o, (*outputs).address) }

// addressText reads an address that is written as a text, with or without 0x.
func (o *outputs) addressText() common.Address {
	text := o.text()
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != common.AddressLength {
		o.fail("%q is not an address", text)
		return common.Address{}
	}
	return common.Address(raw)
}
