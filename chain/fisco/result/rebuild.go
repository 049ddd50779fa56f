package result

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// ErrWeb3 means that a transaction came in through the Web3 port: what was signed
// is Ethereum's form, of which its JSON shows only a part.
var ErrWeb3 = errors.New("it is a Web3 transaction, which its members do not show in full")

// HashError means that the members of a transaction have another hash than it shows.
type HashError struct {
	Shown, Computed common.Hash
}

// Error names both hashes.
func (e *HashError) Error() string {
	return fmt.Sprintf("its fields hash to %s, not to %s", e.Computed, e.Shown)
}

// MemberError means that a member does not stand for what it has to.
type MemberError struct {
	Member string // as in JSON
	Value  string
	Wanted string
}

// Error names the member, its value and what was wanted.
func (e *MemberError) Error() string {
	return fmt.Sprintf("%s: %q is no %s", e.Member, e.Value, e.Wanted)
}

// Rebuild gives the signed transaction of a ledger of suite s. Its hash is
// computed and is the one shown: else the error is a *HashError, or ErrWeb3, or a
// *MemberError. The signature is not verified. The attribute, which JSON does not
// show and the hash does not cover, is 0. Memory is shared with t.
func (t *Transaction) Rebuild(s suite.Suite) (tx.Transaction, error) {
	sender, err := hex.DecodeString(strings.TrimPrefix(t.From, "0x"))
	if err != nil {
		return tx.Transaction{}, &MemberError{Member: "from", Value: t.From, Wanted: "address"}
	}
	extension, err := t.extension()
	if err != nil {
		return tx.Transaction{}, err
	}
	data := tars.TransactionData{
		Version: t.Version, ChainID: t.ChainID, GroupID: t.GroupID, BlockLimit: t.BlockLimit, Nonce: t.Nonce, To: t.To,
		Input: t.Input, ABI: t.ABI, Value: t.Value, GasPrice: t.GasPrice, GasLimit: t.GasLimit,
		MaxFeePerGas: t.MaxFeePerGas, MaxPriorityFeePerGas: t.MaxPriorityFeePerGas, Extension: extension,
	}
	// A nonce is shown in hex from 3.3 on. Digits alone can be either: the hash tells.
	if text, err := hex.DecodeString(t.Nonce); err == nil {
		data.Nonce = string(text)
		if tx.Hash(s, &data) != t.Hash {
			data.Nonce = t.Nonce
		}
	}
	out := tx.New(s, tars.Transaction{
		Data: data, DataHash: t.Hash[:], Signature: t.Signature, ImportTime: t.ImportTime, Sender: sender, ExtraData: t.ExtraData,
	})
	switch {
	case out.Hash == t.Hash:
		return out, nil
	case t.decimal():
		return tx.Transaction{}, ErrWeb3
	}
	return tx.Transaction{}, &HashError{Shown: t.Hash, Computed: out.Hash}
}

func (t *Transaction) extension() ([]byte, error) {
	out := make([]byte, len(t.Extension))
	for i, v := range t.Extension {
		if v < math.MinInt8 || v > math.MaxUint8 {
			return nil, &MemberError{Member: "extension", Value: fmt.Sprint(v), Wanted: "byte"}
		}
		out[i] = byte(v)
	}
	return out, nil
}

// decimal reports whether the value or the price of gas is a decimal number, as
// only Web3 transactions show them (protocol §6.2).
func (t *Transaction) decimal() bool {
	for _, v := range []string{t.Value, t.GasPrice} {
		if v != "" && !strings.HasPrefix(v, "0x") {
			return true
		}
	}
	return false
}
