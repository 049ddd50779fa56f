package tx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

// nonceLen is how many bytes of the keyed hash make a nonce: 160 bits are far
// beyond accident and guessing, and at most 49 decimal digits, which also 3.0 to
// 3.2 take, where a nonce is a decimal number below 2^256 (protocol §4.5).
const nonceLen = 20

// Signer signs the transactions of one account for one group. The suite is that
// of its key. It is safe for concurrent use.
type Signer struct {
	key      *suite.Key
	address  common.Address
	nonceKey []byte
	chainID  string
	group    string
}

var (
	_ chain.Signer     = (*Signer)(nil)
	_ chain.CallSigner = (*Signer)(nil)
)

// NewSigner makes a signer.
func NewSigner(key *suite.Key, chainID, group string) *Signer {
	mac := hmac.New(sha256.New, key.Bytes())
	mac.Write([]byte("bcosgate transaction nonce 1"))
	return &Signer{key: key, address: key.Address(), nonceKey: mac.Sum(nil), chainID: chainID, group: group}
}

// Address is the account's.
func (s *Signer) Address() common.Address { return s.address }

// Suite is that of the account's key.
func (s *Signer) Suite() suite.Suite { return s.key.Suite() }

// Nonce is a decimal number of at most 49 digits, made from ref with a key that
// is derived from the account's: the same for ever, and foretold by nobody else.
func (s *Signer) Nonce(ref string) string {
	mac := hmac.New(sha256.New, s.nonceKey)
	mac.Write([]byte(ref))
	var sum [sha256.Size]byte
	return new(big.Int).SetBytes(mac.Sum(sum[:0])[:nonceLen]).String()
}

// SignCall signs a read, which a node from 3.4 on then makes as this account.
func (s *Signer) SignCall(to common.Address, input []byte) ([]byte, error) {
	signature, err := s.key.Sign(CallDigest(s.key.Suite(), to, input))
	if err != nil {
		return nil, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "sign", Msg: "the account's key cannot sign", Err: err}
	}
	return signature, nil
}

// CallDigest is what the caller of a read signs: the hash over the text of the
// address, 40 lower-case hex digits as we send it, and the input (protocol §3.5.1).
func CallDigest(s suite.Suite, to common.Address, input []byte) common.Hash {
	return s.Hash([]byte(hex.EncodeToString(to[:])), input)
}

// Fields are all that a caller may choose of a transaction besides its intent
// and terms. The zero value is a version 0 transaction, which every 3.x node
// takes.
type Fields struct {
	Version              int      // 0; 1 from node 3.6 on; 2 from 3.7 on
	GasPrice             *big.Int // wei; nil is absent. From version 1, as the next three; nodes ignore all four
	GasLimit             int64
	MaxFeePerGas         *big.Int // wei; nil is absent
	MaxPriorityFeePerGas *big.Int // wei; nil is absent
	Extension            []byte   // from version 2
	Attribute            int32    // bit flags of protocol §4.2; not signed
	ExtraData            string   // free text that the chain stores; neither hashed nor signed
}

// Sign makes the transaction of an intent: its hash is known before anything is
// sent, and the same intent and terms give the same bytes. It has version 0, or
// version 1 when the intent has a value, which version 0 cannot carry.
func (s *Signer) Sign(intent chain.Intent, terms chain.Terms) (chain.SignedTx, error) {
	var f Fields
	if intent.Value != nil && intent.Value.Sign() != 0 {
		f.Version = 1
	}
	return s.SignFields(intent, terms, f)
}

// SignFields is Sign with more to choose. `to` is written as 40 lower-case hex
// digits without 0x, the only form that system contracts of all versions
// recognise (protocol §4.5). What does not go together is KindInvalid.
func (s *Signer) SignFields(intent chain.Intent, terms chain.Terms, f Fields) (chain.SignedTx, error) {
	if err := checkFields(intent, terms, f); err != "" {
		return chain.SignedTx{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "sign", Msg: err}
	}
	t := tars.Transaction{
		Data: tars.TransactionData{
			Version:              int32(f.Version),
			ChainID:              s.chainID,
			GroupID:              s.group,
			BlockLimit:           int64(terms.BlockLimit),
			Nonce:                terms.Nonce,
			Input:                intent.Input,
			ABI:                  intent.ABI,
			Value:                quantity(intent.Value),
			GasPrice:             quantity(f.GasPrice),
			GasLimit:             f.GasLimit,
			MaxFeePerGas:         quantity(f.MaxFeePerGas),
			MaxPriorityFeePerGas: quantity(f.MaxPriorityFeePerGas),
			Extension:            f.Extension,
		},
		Attribute: f.Attribute,
		ExtraData: f.ExtraData,
	}
	if f.Version == 0 {
		t.Data.Value = "" // it is nil or 0
	}
	if intent.To != nil {
		t.Data.To = hex.EncodeToString(intent.To[:])
	}
	// One buffer serves the preimage first and the transaction, which is longer, then.
	buf := make([]byte, 0, t.SizeHint()+common.HashLength+s.key.Suite().SignatureLen())
	hash := s.key.Suite().Hash(appendPreimage(buf, &t.Data))
	signature, err := s.key.Sign(hash)
	if err != nil {
		return chain.SignedTx{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "sign", Msg: "the account's key cannot sign", Err: err}
	}
	t.DataHash, t.Signature = hash[:], signature
	return chain.SignedTx{Hash: hash, From: s.address, Terms: terms, Raw: t.Append(buf[:0])}, nil
}

// checkFields says what does not go together, "" when all does.
func checkFields(intent chain.Intent, terms chain.Terms, f Fields) string {
	switch {
	case f.Version < 0 || f.Version > 2:
		return fmt.Sprintf("transaction version %d is not 0, 1 or 2", f.Version)
	case f.Version == 0 && (intent.Value != nil && intent.Value.Sign() != 0 || f.GasPrice != nil || f.GasLimit != 0 || f.MaxFeePerGas != nil || f.MaxPriorityFeePerGas != nil):
		return "value, gas price, gas limit and fees need a transaction of version 1 or 2"
	case f.Version < 2 && len(f.Extension) != 0:
		return "an extension needs a transaction of version 2"
	case negative(intent.Value, f.GasPrice, f.MaxFeePerGas, f.MaxPriorityFeePerGas) || f.GasLimit < 0:
		return "value, gas price, gas limit and fees cannot be negative"
	case intent.To == nil && len(intent.Input) == 0:
		return "a deployment needs code"
	case intent.To != nil && intent.ABI != "":
		return "only a deployment carries an ABI"
	case terms.Nonce == "":
		return "the nonce is empty"
	case terms.BlockLimit == 0 || terms.BlockLimit > math.MaxInt64:
		return fmt.Sprintf("block limit %d is not between 1 and 2^63-1", terms.BlockLimit)
	}
	return ""
}

func negative(values ...*big.Int) bool {
	for _, v := range values {
		if v != nil && v.Sign() < 0 {
			return true
		}
	}
	return false
}

// quantity writes a number of wei as 0x hex, "" for nil.
func quantity(v *big.Int) string {
	if v == nil {
		return ""
	}
	return "0x" + v.Text(16)
}
