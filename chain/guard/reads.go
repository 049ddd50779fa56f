package guard

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// The reads, as records and metrics call them.
const (
	opCall    = "call"
	opReceipt = "receipt"
	opBlock   = "block"
	opCode    = "code"
)

// codeAt is the code of an account, and a block that it holds for.
type codeAt struct {
	code  []byte
	block uint64
}

// blockOf is the block that a read's answer says it holds for, 0 when it says none.
func blockOf(answer any) uint64 {
	switch a := answer.(type) {
	case chain.CallResult:
		return a.BlockNumber
	case codeAt:
		return a.block
	}
	return 0
}

func askCall(ctx context.Context, r *request, l pool.Lease) (any, error) {
	result, err := l.Conn().Call(ctx, r.msg)
	return result, err
}

func askReceipt(ctx context.Context, r *request, l pool.Lease) (any, error) {
	receipt, err := l.Conn().Receipt(ctx, r.hash)
	return receipt, err
}

func askBlock(ctx context.Context, r *request, l pool.Lease) (any, error) {
	block, err := l.Conn().Block(ctx, r.number)
	return block, err
}

// askCode looks at the head first: the answer does not say for which block it
// holds, but it is not older than that one.
func askCode(ctx context.Context, r *request, l pool.Lease) (any, error) {
	head, _ := l.Conn().Head(ctx) // a connection that has none fails the question, too
	code, err := l.Conn().Code(ctx, r.address)
	return codeAt{code: code, block: head.Number}, err
}

// callKey is equal for calls that ask the same. No From is the zero address. All
// keys begin with a byte of their own kind. The signature belongs to it: without one
// the same call may be refused.
func callKey(msg chain.CallMsg) string {
	var from common.Address
	if msg.From != nil {
		from = *msg.From
	}
	var key strings.Builder
	key.Grow(1 + 8 + 2*common.AddressLength + 1 + len(msg.Signature) + len(msg.Input))
	if msg.Block == nil {
		key.WriteByte('c')
	} else {
		key.WriteString(fixedKey('p', binary.BigEndian.AppendUint64(nil, *msg.Block)))
	}
	key.WriteByte(byte(len(msg.Signature))) // 65 or 128 bytes
	key.Write(msg.Signature)
	key.Write(from[:])
	key.Write(msg.To[:])
	key.Write(msg.Input)
	return key.String()
}

func blockKey(number uint64) string {
	k := [9]byte{'b'}
	binary.BigEndian.PutUint64(k[1:], number)
	return string(k[:])
}

func fixedKey(kind byte, id []byte) string {
	var k strings.Builder
	k.Grow(1 + len(id))
	k.WriteByte(kind)
	k.Write(id)
	return k.String()
}
