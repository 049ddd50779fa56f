// Package tx is the transactions of FISCO BCOS 3.x: made, hashed, signed, read
// back and checked, in versions 0, 1 and 2, for standard and GM ledgers.
//
// It never opens a connection and never chooses a nonce's meaning or a block
// limit: the caller does.
package tx

import (
	"encoding/binary"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

// Transaction is a decoded transaction that passed all checks that need no chain.
type Transaction struct {
	tars.Transaction
	Suite suite.Suite
	Hash  common.Hash
	raw   []byte
}

const opDecode = "decodeTransaction"

// Decode reads the bytes that sendTransaction takes (not their hex text) for a
// ledger of suite s, and refuses with KindInvalid what a node must never get:
// broken TARS, a data hash that does not match, and all that shield.Transaction
// names (protocol §4.2–§4.5, §5.7). The sender is not recovered; see Sender. The
// result shares raw's memory.
func Decode(s suite.Suite, raw []byte) (Transaction, error) {
	t, err := tars.DecodeTransaction(raw)
	if err != nil {
		return Transaction{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opDecode,
			Msg: "these bytes are no FISCO BCOS 3.x transaction", Err: err}
	}
	if err := shield.Transaction(opDecode, &t, s); err != nil {
		return Transaction{}, err
	}
	hash := Hash(s, &t.Data)
	if len(t.DataHash) != 0 && [common.HashLength]byte(hash) != to32(t.DataHash) {
		return Transaction{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opDecode,
			Msg: fmt.Sprintf("the data hash in the transaction is %x, the %s hash of its fields is %s: it was made for the other kind of ledger or changed after signing",
				t.DataHash, s.HashName(), hash)}
	}
	return Transaction{Transaction: t, Suite: s, Hash: hash, raw: raw}, nil
}

// New is a transaction from its fields; its hash is computed. Nothing is checked.
func New(s suite.Suite, t tars.Transaction) Transaction {
	return Transaction{Transaction: t, Suite: s, Hash: Hash(s, &t.Data), raw: t.Append(nil)}
}

// to32 gives b as 32 bytes; zeros when it has another length, which no hash equals.
func to32(b []byte) (out [common.HashLength]byte) {
	if len(b) == len(out) {
		copy(out[:], b)
	}
	return out
}

// Sender gives the account that signed: see suite.Suite.Sender for what it
// costs. It is not done on the way of every transaction.
func (t *Transaction) Sender() (common.Address, error) {
	from, err := t.Suite.Sender(t.Hash, t.Signature)
	if err != nil {
		return common.Address{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "recoverSender", Msg: "the signature names no sender", Err: err}
	}
	return from, nil
}

// Signed gives the transaction in the form that fisco.Client.Send takes.
func (t *Transaction) Signed() (chain.SignedTx, error) {
	from, err := t.Sender()
	if err != nil {
		return chain.SignedTx{}, err
	}
	return chain.SignedTx{
		Hash:  t.Hash,
		From:  from,
		Terms: chain.Terms{Nonce: t.Data.Nonce, BlockLimit: uint64(max(t.Data.BlockLimit, 0))},
		Raw:   t.raw,
	}, nil
}

// Hash is the hash of a transaction, and what is signed: the ledger's hash over
// the fields one behind the other, texts as they are on the wire (protocol §4.3).
func Hash(s suite.Suite, d *tars.TransactionData) common.Hash {
	return s.Hash(appendPreimage(nil, d))
}

func appendPreimage(dst []byte, d *tars.TransactionData) []byte {
	if dst == nil {
		dst = make([]byte, 0, 64+len(d.ChainID)+len(d.GroupID)+len(d.Nonce)+len(d.To)+len(d.Input)+len(d.ABI)+
			len(d.Value)+len(d.GasPrice)+len(d.MaxFeePerGas)+len(d.MaxPriorityFeePerGas)+len(d.Extension))
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(d.Version))
	dst = append(dst, d.ChainID...)
	dst = append(dst, d.GroupID...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(d.BlockLimit))
	dst = append(dst, d.Nonce...)
	dst = append(dst, d.To...)
	dst = append(dst, d.Input...)
	dst = append(dst, d.ABI...)
	if d.Version >= 1 {
		dst = append(dst, d.Value...)
		dst = append(dst, d.GasPrice...)
		dst = binary.BigEndian.AppendUint64(dst, uint64(d.GasLimit))
		dst = append(dst, d.MaxFeePerGas...)
		dst = append(dst, d.MaxPriorityFeePerGas...)
	}
	if d.Version >= 2 {
		dst = append(dst, d.Extension...)
	}
	return dst
}
