package fisco

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

const (
	// maxVersion is the highest transaction version that nodes know. They do not
	// check it, and a higher one stalls the chain for good (protocol §4.5, §5.7).
	maxVersion = 2
	// signatureLen is r‖s‖v of a standard chain (protocol §4.4).
	signatureLen = 65
)

// Transaction is a decoded transaction that passed all checks that need no chain.
type Transaction struct {
	tars.Transaction
	Hash common.Hash
	raw  []byte
}

// DecodeTransaction reads the bytes that sendTransaction takes (not their hex
// text) and refuses with KindInvalid what a node must never get: broken TARS, a
// version above 2, a `to` that is not 40 hex digits with or without a lower-case
// 0x, a signature that is not r‖s‖v with v 0 or 1, a data hash that does not
// match, Web3 transactions (protocol §4.2–§4.5, §5.7). The sender is not
// recovered; see Sender. The result shares raw's memory.
func DecodeTransaction(raw []byte) (Transaction, error) {
	t, err := tars.DecodeTransaction(raw)
	if err != nil {
		return Transaction{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "decodeTransaction",
			Msg: "these bytes are no FISCO BCOS 3.x transaction", Err: err}
	}
	if reason := poison(&t); reason != "" {
		return Transaction{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "decodeTransaction", Msg: reason}
	}
	hash := HashTransaction(&t.Data)
	if len(t.DataHash) != 0 && [common.HashLength]byte(hash) != to32(t.DataHash) {
		return Transaction{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "decodeTransaction",
			Msg: fmt.Sprintf("the data hash in the transaction is %x, the keccak hash of its fields is %s: it was made for a GM chain or changed after signing", t.DataHash, hash)}
	}
	return Transaction{Transaction: t, Hash: hash, raw: raw}, nil
}

// to32 gives b as 32 bytes; zeros when it has another length, which no hash equals.
func to32(b []byte) (out [common.HashLength]byte) {
	if len(b) == len(out) {
		copy(out[:], b)
	}
	return out
}

// Sender recovers the address of the signer. It costs as much as three
// signatures, so it is not done on the way of every transaction.
func (t *Transaction) Sender() (common.Address, error) {
	pub, err := crypto.SigToPub(t.Hash[:], t.Signature)
	if err != nil {
		return common.Address{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "recoverSender",
			Msg: "the signature fits no key", Err: err}
	}
	return crypto.PubkeyToAddress(*pub), nil
}

// Signed gives the transaction in the form that Client.Send takes.
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

// HashTransaction is the hash of a transaction on a standard chain, and what is
// signed: keccak-256 over the fields one behind the other, texts as they are on
// the wire (protocol §4.3).
func HashTransaction(d *tars.TransactionData) common.Hash {
	return crypto.Keccak256Hash(appendPreimage(nil, d))
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

// poison says why a node must not get t, "" when it may. A real node ends or
// stalls for good on some of these (protocol §5.7).
func poison(t *tars.Transaction) string {
	d := &t.Data
	switch {
	case d.Version < 0 || d.Version > maxVersion:
		return fmt.Sprintf("transaction version %d is not 0, 1 or 2: a higher one stalls the chain", d.Version)
	case t.Type != 0 || len(t.ExtraTransactionBytes) != 0 || len(t.ExtraTransactionHash) != 0:
		return "Web3 transactions are not sent through the native port"
	case d.To != "" && !isAddressText(d.To):
		return fmt.Sprintf("to is %q, not 40 hex digits with or without 0x: a word that is not hex stalls the chain", d.To)
	case d.BlockLimit < 0:
		return fmt.Sprintf("block limit %d is negative", d.BlockLimit)
	case len(t.Signature) != signatureLen:
		return fmt.Sprintf("the signature has %d bytes, not %d (r, s, v)", len(t.Signature), signatureLen)
	case t.Signature[signatureLen-1] > 1:
		return fmt.Sprintf("v of the signature is %d, not 0 or 1: above 3 it ends the node process", t.Signature[signatureLen-1])
	}
	if d.Version >= 1 {
		for _, f := range []struct{ name, text string }{
			{"value", d.Value}, {"gasPrice", d.GasPrice}, {"maxFeePerGas", d.MaxFeePerGas}, {"maxPriorityFeePerGas", d.MaxPriorityFeePerGas},
		} {
			if f.text != "" && !isQuantity(f.text) {
				return fmt.Sprintf("%s is %q, not 0x and hex digits", f.name, f.text)
			}
		}
	}
	return ""
}

func isAddressText(s string) bool {
	s = strings.TrimPrefix(s, "0x")
	return len(s) == 2*common.AddressLength && isHex(s)
}

func isQuantity(s string) bool {
	digits, ok := strings.CutPrefix(s, "0x")
	return ok && isHex(digits)
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
