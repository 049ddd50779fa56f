package proof

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// VerifyTransaction checks that t is the transaction with the hash want: its
// fields hash to it (protocol §4.3), it says so itself, and `from` is the
// account that signed. Transactions that came in through the Web3 port cannot be
// rebuilt from what nodes show: CheckTransactionHash with result.ErrWeb3. The
// hash does not cover importTime, extraData and attribute.
func VerifyTransaction(s suite.Suite, t *result.Transaction, want common.Hash) error {
	if !common.IsHexAddress(t.From) {
		return &Error{Check: CheckSender, Msg: fmt.Sprintf("transaction %s names a sender that is no address", t.Hash), Got: t.From}
	}
	rebuilt, err := t.Rebuild(s)
	if e, ok := errors.AsType[*result.HashError](err); ok {
		return &Error{Check: CheckTransactionHash, Msg: "the transaction names another hash than its fields have", Want: e.Computed.Hex(), Got: e.Shown.Hex()}
	}
	if err != nil {
		return &Error{Check: CheckTransactionHash, Msg: fmt.Sprintf("transaction %s cannot be rebuilt from its fields", t.Hash), Err: err}
	}
	if rebuilt.Hash != want {
		return &Error{Check: CheckTransactionHash, Msg: "it is another transaction", Want: want.Hex(), Got: rebuilt.Hash.Hex()}
	}
	from, err := sender(s, want, rebuilt.Signature)
	if err != nil {
		return &Error{Check: CheckSender, Msg: fmt.Sprintf("the signature of transaction %s names no account", want), Got: t.From, Err: err}
	}
	if !strings.EqualFold(t.From, from.Hex()) {
		return &Error{Check: CheckSender, Msg: fmt.Sprintf("transaction %s was signed by another account than it says", want),
			Want: strings.ToLower(from.Hex()), Got: t.From}
	}
	return nil
}

// sender is suite.Suite.Sender, and more for GM chains: their nodes take a
// signature that is too long (protocol §4.4), verify its first 128 bytes, and
// make the sender's address of all bytes behind r‖s.
func sender(s suite.Suite, hash common.Hash, signature []byte) (common.Address, error) {
	n := s.SignatureLen()
	if s != suite.GM || len(signature) <= n {
		return s.Sender(hash, signature)
	}
	if _, err := s.Sender(hash, signature[:n]); err != nil {
		return common.Address{}, err
	}
	return s.Address(signature[n-suite.PublicKeyLen:]), nil
}
