package system

import (
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/holiman/uint256"
)

const wordSize = 32

// arguments reads ABI values in the order in which a function declares them, with
// the leniency of a node: what cannot be read, and all that comes after it, is the
// zero value.
type arguments struct {
	data   []byte
	at     int // of the next value's head
	failed bool
}

func decode(data []byte) *arguments { return &arguments{data: data} }

// word is the word at an offset.
func (a *arguments) word(offset int) (w [wordSize]byte) {
	if a.failed || offset < 0 || offset > len(a.data)-wordSize {
		a.failed = true
		return w
	}
	copy(w[:], a.data[offset:])
	return w
}

// size reads a word as a length or offset.
func (a *arguments) size(offset int) int {
	w := a.word(offset)
	n := new(uint256.Int).SetBytes(w[:])
	if !n.IsUint64() || n.Uint64() > uint64(len(a.data)) {
		a.failed = true
		return 0
	}
	return int(n.Uint64())
}

func (a *arguments) next() [wordSize]byte {
	w := a.word(a.at)
	a.at += wordSize
	return w
}

func (a *arguments) bytes32() [wordSize]byte { return a.next() }

func (a *arguments) uint256() *uint256.Int {
	w := a.next()
	return new(uint256.Int).SetBytes(w[:])
}

func (a *arguments) uint64() uint64 { return a.uint256().Uint64() }
func (a *arguments) uint32() uint32 { return uint32(a.uint64()) }
func (a *arguments) uint8() uint8   { return uint8(a.uint64()) }
func (a *arguments) bool() bool     { return !a.uint256().IsZero() }

// int256 reads a signed number. As on a node, numbers up to 0x8fff… are taken as
// positive.
func (a *arguments) int256() *big.Int {
	n := a.uint256()
	number := n.ToBig()
	if n[3] > 0x8fffffffffffffff {
		number.Sub(number, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return number
}

func (a *arguments) address() common.Address {
	w := a.next()
	return common.Address(w[wordSize-common.AddressLength:])
}

func (a *arguments) bytes() []byte {
	at := a.size(a.at)
	a.at += wordSize
	return a.bytesAt(at)
}

func (a *arguments) bytesAt(offset int) []byte {
	n := a.size(offset)
	if a.failed || n > len(a.data)-offset-wordSize {
		a.failed = true
		return nil
	}
	return a.data[offset+wordSize : offset+wordSize+n]
}

func (a *arguments) string() string { return string(a.bytes()) }

// part reads a tuple with dynamic members that is the next value.
func (a *arguments) part() *arguments {
	at := a.size(a.at)
	a.at += wordSize
	return a.from(at)
}

// from reads what begins at an offset and has offsets of its own.
func (a *arguments) from(offset int) *arguments {
	if a.failed || offset > len(a.data) {
		a.failed = true
		return &arguments{failed: true}
	}
	return &arguments{data: a.data[offset:]}
}

// list reads an array of dynamic values; each is called with every one of them.
// The elements behind one that cannot be read are zero values, as on a node; an
// array that cannot be in the data is empty.
func (a *arguments) list(each func(element *arguments)) {
	at := a.size(a.at)
	a.at += wordSize
	n := a.size(at)
	elements := a.from(at + wordSize)
	if a.failed || n > len(elements.data)/wordSize {
		a.failed = true
		return
	}
	for range n {
		element := elements.from(elements.size(elements.at))
		elements.at += wordSize
		each(element)
		if element.failed {
			elements.failed = true
		}
	}
	a.failed = elements.failed
}

// strings reads a string[].
func (a *arguments) strings() []string {
	all := []string{}
	a.list(func(element *arguments) { all = append(all, string(element.bytesAt(0))) })
	return all
}

// value is an ABI value to be encoded.
type value struct {
	data    []byte
	dynamic bool
}

// encode is the ABI encoding of values side by side, as in return data.
func encode(values ...value) []byte {
	size := wordSize * len(values)
	var head, tail []byte
	for _, v := range values {
		if v.dynamic {
			head = append(head, number(uint64(size+len(tail))).data...)
			tail = append(tail, v.data...)
		} else {
			head = append(head, v.data...)
		}
	}
	return append(head, tail...)
}

func word(w [wordSize]byte) value { return value{data: w[:]} }

func number(n uint64) value {
	var w [wordSize]byte
	binary.BigEndian.PutUint64(w[wordSize-8:], n)
	return word(w)
}

func unsigned(n *uint256.Int) value { return word(n.Bytes32()) }

// integer is a signed number: a code, for example.
func integer(n int64) value {
	if n >= 0 {
		return number(uint64(n))
	}
	return unsigned(new(uint256.Int).Neg(uint256.NewInt(uint64(-n))))
}

func boolean(b bool) value {
	if b {
		return number(1)
	}
	return number(0)
}

func address(a common.Address) value { return word(common.BytesToHash(a[:])) }

func text(s string) value {
	out := slices.Concat(number(uint64(len(s))).data, []byte(s))
	if rest := len(s) % wordSize; rest != 0 {
		out = append(out, make([]byte, wordSize-rest)...)
	}
	return value{data: out, dynamic: true}
}

// tuple is a struct with a dynamic member.
func tuple(members ...value) value { return value{data: encode(members...), dynamic: true} }

func array(elements ...value) value {
	return value{data: append(number(uint64(len(elements))).data, encode(elements...)...), dynamic: true}
}

func texts(all []string) value {
	elements := make([]value, len(all))
	for i, s := range all {
		elements[i] = text(s)
	}
	return array(elements...)
}

// Int256 is the ABI form of a signed number.
func Int256(n int64) []byte { return encode(integer(n)) }
