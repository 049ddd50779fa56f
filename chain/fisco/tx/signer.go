package fisco

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

// nonceLen is how many bytes of the keyed hash make a nonce: 160 bits are far
// beyond accident and guessing, and at most 49 decimal digits, which also 3.0 to
// 3.2 take, where a nonce is a decimal number below 2^256 (protocol §4.5).
const nonceLen = 20

// Signer signs version 0 transactions of one account for one group of a
// standard chain. Version 0 is the one that every 3.x node takes. It is safe for
// concurrent use.
type Signer struct {
	key      *ecdsa.PrivateKey
	address  common.Address
	nonceKey []byte
	chainID  string
	group    string
}

// NewSigner makes a signer; key must be on secp256k1, as ParsePrivateKey gives it.
func NewSigner(key *ecdsa.PrivateKey, chainID, group string) *Signer {
	mac := hmac.New(sha256.New, crypto.FromECDSA(key))
	mac.Write([]byte("bcosgate transaction nonce 1"))
	return &Signer{
		key:      key,
		address:  crypto.PubkeyToAddress(key.PublicKey),
		nonceKey: mac.Sum(nil),
		chainID:  chainID,
		group:    group,
	}
}

// Address is the account's.
func (s *Signer) Address() common.Address { return s.address }

// Nonce is a decimal number of at most 49 digits, made from ref with a key that
// is derived from the account's: the same for ever, and foretold by nobody else.
func (s *Signer) Nonce(ref string) string {
	mac := hmac.New(sha256.New, s.nonceKey)
	mac.Write([]byte(ref))
	var sum [sha256.Size]byte
	return new(big.Int).SetBytes(mac.Sum(sum[:0])[:nonceLen]).String()
}

// Sign makes the transaction of an intent: its hash is known before anything is
// sent, and the same intent and terms give the same bytes. `to` is written as 40
// lower-case hex digits without 0x, the only form that system contracts of all
// versions recognise (protocol §4.5). Version 0 carries no value: one that is
// not 0 is KindUnsupported.
func (s *Signer) Sign(intent chain.Intent, terms chain.Terms) (chain.SignedTx, error) {
	refuse := func(kind chain.Kind, msg string) (chain.SignedTx, error) {
		return chain.SignedTx{}, &chain.Error{Kind: kind, Sent: chain.SentNo, Op: "sign", Msg: msg}
	}
	switch {
	case intent.Value != nil && intent.Value.Sign() != 0:
		return refuse(chain.KindUnsupported, "a value cannot be sent with a version 0 transaction")
	case intent.To == nil && len(intent.Input) == 0:
		return refuse(chain.KindInvalid, "a deployment needs code")
	case intent.To != nil && intent.ABI != "":
		return refuse(chain.KindInvalid, "only a deployment carries an ABI")
	case terms.Nonce == "":
		return refuse(chain.KindInvalid, "the nonce is empty")
	case terms.BlockLimit == 0 || terms.BlockLimit > math.MaxInt64:
		return refuse(chain.KindInvalid, fmt.Sprintf("block limit %d is not between 1 and 2^63-1", terms.BlockLimit))
	}

	t := tars.Transaction{Data: tars.TransactionData{
		ChainID:    s.chainID,
		GroupID:    s.group,
		BlockLimit: int64(terms.BlockLimit),
		Nonce:      terms.Nonce,
		Input:      intent.Input,
		ABI:        intent.ABI,
	}}
	if intent.To != nil {
		t.Data.To = hex.EncodeToString(intent.To[:])
	}
	// One buffer serves the preimage first and the transaction, which is longer, then.
	buf := make([]byte, 0, t.SizeHint()+common.HashLength+signatureLen)
	hash := crypto.Keccak256Hash(appendPreimage(buf, &t.Data))
	signature, err := crypto.Sign(hash[:], s.key)
	if err != nil {
		return chain.SignedTx{}, &chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: "sign", Msg: "the account's key cannot sign", Err: err}
	}
	t.DataHash, t.Signature = hash[:], signature
	return chain.SignedTx{Hash: hash, From: s.address, Terms: terms, Raw: t.Append(buf[:0])}, nil
}
