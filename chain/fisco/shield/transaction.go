package shield

import (
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

const (
	// maxVersion is the highest transaction version that nodes know (protocol §4.5).
	maxVersion = 2
	// maxQuantityText is the longest text of a value that a node takes (protocol §4.5).
	maxQuantityText = 514
)

// Transaction refuses a decoded transaction that a node of suite s must not get:
// by its version, to, signature, quantities, Web3 parts, block limit and size, and
// by what it writes to the system configuration (see SystemConfig). The hash is
// not looked at.
func Transaction(op string, t *tars.Transaction, s suite.Suite) error {
	return border(op, transaction(t, s))
}

func transaction(t *tars.Transaction, s suite.Suite) *Refusal {
	d := &t.Data
	switch {
	case d.Version < 0 || d.Version > maxVersion:
		return refuse(PoisonVersion, "transaction version %d is not 0, 1 or 2", d.Version)
	case t.Type != 0 || len(t.ExtraTransactionBytes) != 0 || len(t.ExtraTransactionHash) != 0:
		return refuse(PoisonWeb3, "Web3 transactions are not sent through the native port")
	case d.To != "" && !isAddress(d.To):
		return refuse(PoisonTo, "to is %s, not 40 hex digits with or without 0x", quoted(d.To))
	case d.BlockLimit < 0:
		return refuse(PoisonBlockLimit, "block limit %d is negative", d.BlockLimit)
	case t.SizeHint() > MaxTransaction:
		return refuse(PoisonSize, "transaction has more than %d bytes", MaxTransaction)
	}
	if r := signature(PoisonSignature, t.Signature, s); r != nil {
		return r
	}
	if r := quantities(d); r != nil {
		return r
	}
	return setting(d.To, d.Input)
}

// rawTransaction reads and judges the bytes that sendTransaction takes.
func rawTransaction(b []byte, s suite.Suite) *Refusal {
	t, err := tars.DecodeTransaction(b)
	if err != nil {
		return refuse(PoisonTransaction, "these bytes are no transaction: %v", err)
	}
	return transaction(&t, s)
}

func signature(p Poison, b []byte, s suite.Suite) *Refusal {
	if !s.Valid() {
		return refuse(p, "%s has no signatures", s)
	}
	if err := s.CheckSignatureForm(b); err != nil {
		return refuse(p, "%v", err)
	}
	return nil
}

// quantities looks at the fields of version 1 in version 0, too, where they are
// not signed but still reach the executor.
func quantities(d *tars.TransactionData) *Refusal {
	for _, f := range []struct{ name, text string }{
		{"value", d.Value}, {"gasPrice", d.GasPrice}, {"maxFeePerGas", d.MaxFeePerGas}, {"maxPriorityFeePerGas", d.MaxPriorityFeePerGas},
	} {
		if f.text != "" && !isQuantity(f.text) || len(f.text) > maxQuantityText {
			return refuse(PoisonQuantity, "%s is %s, not 0x and at most %d hex digits", f.name, quoted(f.text), maxQuantityText-len(hexPrefix))
		}
	}
	if d.GasLimit < 0 {
		return refuse(PoisonQuantity, "gasLimit %d is negative", d.GasLimit)
	}
	return nil
}
