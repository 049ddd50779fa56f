package conformance

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// unsigned is what a player sends itself, where a recording leaves out what was
// sent (protocol §4.2).
type unsigned struct {
	version                int
	chainID, groupID       string
	blockLimit             int64
	nonce, to              string
	input                  []byte
	abi                    string
	value, gasPrice        string
	gasLimit               int64
	maxFee, maxPriorityFee string
	extension, signature   []byte
	extraData              string
}

// encode writes the TARS form (protocol §4.1).
func (u unsigned) encode() []byte {
	var b []byte
	b = append(b, 0x1a) // tag 1, struct
	b = tarsInt(b, 1, int64(u.version))
	b = tarsText(b, 2, u.chainID)
	b = tarsText(b, 3, u.groupID)
	b = tarsInt(b, 4, u.blockLimit)
	b = tarsText(b, 5, u.nonce)
	b = tarsText(b, 6, u.to)
	b = tarsBytes(b, 7, u.input)
	b = tarsText(b, 8, u.abi)
	b = tarsText(b, 9, u.value)
	b = tarsText(b, 10, u.gasPrice)
	b = tarsInt(b, 11, u.gasLimit)
	b = tarsText(b, 12, u.maxFee)
	b = tarsText(b, 13, u.maxPriorityFee)
	b = tarsBytes(b, 14, u.extension)
	b = append(b, 0x0b)
	b = tarsBytes(b, 3, u.signature)
	return tarsText(b, 8, u.extraData)
}

// hash is dataHash of protocol §4.3.
func (u unsigned) hash(s suite.Suite) common.Hash {
	var b []byte
	b = binary.BigEndian.AppendUint32(b, uint32(u.version))
	b = append(b, u.chainID+u.groupID...)
	b = binary.BigEndian.AppendUint64(b, uint64(u.blockLimit))
	b = append(b, u.nonce+u.to...)
	b = append(b, u.input...)
	b = append(b, u.abi...)
	return s.Hash(b)
}

func tarsHead(b []byte, tag, kind byte) []byte { return append(b, tag<<4|kind) }

func tarsInt(b []byte, tag byte, v int64) []byte {
	switch {
	case v == 0:
		return tarsHead(b, tag, 12)
	case v >= math.MinInt8 && v <= math.MaxInt8:
		return append(tarsHead(b, tag, 0), byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(tarsHead(b, tag, 1), uint16(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(tarsHead(b, tag, 2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(tarsHead(b, tag, 3), uint64(v))
}

func tarsText(b []byte, tag byte, text string) []byte {
	switch {
	case text == "":
		return b
	case len(text) < 256:
		return append(append(tarsHead(b, tag, 6), byte(len(text))), text...)
	}
	return append(binary.BigEndian.AppendUint32(tarsHead(b, tag, 7), uint32(len(text))), text...)
}

func tarsBytes(b []byte, tag byte, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	b = append(tarsHead(b, tag, 13), 0)
	return append(tarsInt(b, 0, int64(len(data))), data...)
}

// call sends a transaction of key 0 in a block of its own.
func (n *node) call(to string, input []byte) {
	for _, err := range n.together(n.signed(0, to, input)) {
		require.NoError(n.t, err)
	}
}

// nothingThere is an account without code: a transaction to it does nothing.
const nothingThere = "000000000000000000000000000000000000f111"

// signed is a transaction of key number key with a nonce that no recording uses.
func (n *node) signed(key byte, to string, input []byte) []byte {
	return n.signedWith(fmt.Sprintf("of the player %d", n.nonces), key, to, input)
}

func (n *node) signedWith(nonce string, key byte, to string, input []byte) []byte {
	n.nonces++
	u := unsigned{chainID: "chain0", groupID: "group0", blockLimit: int64(n.chain.Head().Number) + 500,
		nonce: nonce, to: strings.TrimPrefix(to, "0x"), input: input}
	signature, err := testKey(n.suite, key).Sign(u.hash(n.suite))
	require.NoError(n.t, err)
	u.signature = signature
	return u.encode()
}

func unhex(text string) []byte {
	data, _ := hex.DecodeString(strings.TrimPrefix(text, "0x")) // what is no hex is no bytes
	return data
}
