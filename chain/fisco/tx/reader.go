package tx

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

// Reader reads transactions of one group that a Signer made elsewhere. It is safe
// for concurrent use.
type Reader struct {
	suite          suite.Suite
	chainID, group string
}

var _ chain.TxReader = (*Reader)(nil)

// NewReader makes a reader.
func NewReader(s suite.Suite, chainID, group string) *Reader {
	return &Reader{suite: s, chainID: chainID, group: group}
}

const opRead = "readTransaction"

// ReadTx is chain.TxReader's. Beside what Decode refuses it refuses every field
// that Signer.Sign leaves empty, and every other way of writing the same fields: a
// node keeps some of them without a signature over them.
func (r *Reader) ReadTx(raw []byte) (chain.Intent, chain.SignedTx, error) {
	t, err := r.read(raw)
	if err != nil {
		return chain.Intent{}, chain.SignedTx{}, err
	}
	return intentOf(&t), chain.SignedTx{Hash: t.Hash, Terms: termsOf(&t), Raw: raw}, nil
}

// VerifyTx is chain.TxReader's.
func (r *Reader) VerifyTx(raw []byte) (chain.Intent, chain.SignedTx, error) {
	t, err := r.read(raw)
	if err != nil {
		return chain.Intent{}, chain.SignedTx{}, err
	}
	from, err := t.Sender()
	if err != nil {
		return chain.Intent{}, chain.SignedTx{}, err
	}
	return intentOf(&t), chain.SignedTx{Hash: t.Hash, From: from, Terms: termsOf(&t), Raw: raw}, nil
}

func (r *Reader) read(raw []byte) (Transaction, error) {
	t, err := Decode(r.suite, raw)
	if err != nil {
		return Transaction{}, err
	}
	refuse := func(kind chain.Kind, format string, args ...any) (Transaction, error) {
		return Transaction{}, &chain.Error{Kind: kind, Sent: chain.SentNo, Op: opRead, Msg: fmt.Sprintf(format, args...)}
	}
	d := &t.Data
	if d.ChainID != r.chainID || d.GroupID != r.group {
		return refuse(chain.KindWrongChain, "the transaction is for group %q of chain %q, not for group %q of chain %q", d.GroupID, d.ChainID, r.group, r.chainID)
	}
	plain := tars.Transaction{
		Data: tars.TransactionData{ChainID: d.ChainID, GroupID: d.GroupID, BlockLimit: d.BlockLimit, Nonce: d.Nonce,
			To: strings.ToLower(strings.TrimPrefix(d.To, "0x")), Input: d.Input, ABI: d.ABI},
		DataHash: t.Hash[:], Signature: t.Signature,
	}
	if !bytes.Equal(plain.Append(make([]byte, 0, len(raw))), raw) {
		return refuse(chain.KindInvalid, "the transaction has fields that are not signed, or more than to, input, nonce and block limit, or is written in an unusual way")
	}
	if reason := checkFields(intentOf(&t), termsOf(&t), Fields{}); reason != "" {
		return refuse(chain.KindInvalid, "%s", reason)
	}
	return t, nil
}

// intentOf is what a transaction wants whose texts were checked.
func intentOf(t *Transaction) chain.Intent {
	intent := chain.Intent{Input: t.Data.Input, ABI: t.Data.ABI}
	if t.Data.To != "" {
		to := common.HexToAddress(t.Data.To)
		intent.To = &to
	}
	return intent
}

func termsOf(t *Transaction) chain.Terms {
	return chain.Terms{Nonce: t.Data.Nonce, BlockLimit: uint64(t.Data.BlockLimit)}
}
