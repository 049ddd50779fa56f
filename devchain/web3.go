package devchain

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// The types of transactions (protocol section 4.2).
const (
	typeNative = 0
	typeWeb3   = 1
)

// Submission is a raw Ethereum transaction that the pool took.
type Submission struct {
	Hash  common.Hash
	entry *pending
}

// Wait waits until the transaction is in a block that is safely on disk, or was
// dropped from the pool. The error is ErrStopped or that of ctx; then the
// transaction still waits for its block.
func (s *Submission) Wait(ctx context.Context) (Result, error) {
	select {
	case <-s.entry.done:
		return s.entry.result, s.entry.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// SubmitEthereum takes in a raw Ethereum transaction (protocol section 9.2), which
// must not be changed afterwards, and does not wait for its block. The error is an
// *Error with the words of a node's Web3 port, or ErrStopped.
func (c *Chain) SubmitEthereum(raw []byte) (*Submission, error) {
	now := time.Now()
	eth, sig, err := decodeEthereum(raw)
	if err != nil {
		return nil, &Error{Code: CodeInvalidParams, Message: err.Error()}
	}
	tx, err := newWeb3Transaction(eth, sig)
	if err != nil {
		return nil, &Error{Code: CodeInternal, Message: Dump("boost::wrapexcept<bcos::crypto::InvalidSignature>", "std::exception")}
	}
	tx.ImportTime = c.cfg.Clock().UnixMilli()
	account, err := c.Account(tx.Sender)
	if err != nil {
		return nil, err
	}
	// Also with a gas price of 0, and for a transaction that transfers nothing.
	if account.Balance.Sign() == 0 || account.Balance.Cmp(eth.Value) < 0 {
		return nil, &Error{Code: CodeInvalidParams, Message: StatusInsufficientFunds.String()}
	}
	entry, err := c.poolWeb3(tx, account.Nonce, now)
	if refused, ok := errors.AsType[*Error](err); ok {
		return nil, &Error{Code: CodeInternal, Message: refused.Message}
	}
	if err != nil {
		return nil, err
	}
	c.spread(entry)
	return &Submission{Hash: tx.Hash, entry: entry}, nil
}

// poolWeb3 makes the checks of the pool; nonce is that of the sender's account.
func (c *Chain) poolWeb3(tx *Transaction, nonce uint64, now time.Time) (*pending, error) {
	if c.cfg.Genesis.Suite == suite.GM {
		return nil, &Error{Code: CodeOther, Message: "Ethereum transactions are not possible on a GM chain"}
	}
	setting, err := c.SystemConfig("web3_chain_id")
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return c.pool.addWeb3(tx, nonce, setting.Value, now)
}

// submitTyped takes in a transaction of type 1 that came in the native form.
func (c *Chain) submitTyped(tx *Transaction, now time.Time) (*pending, error) {
	if refused := checkTyped(tx); refused != nil {
		return nil, refused
	}
	account, err := c.Account(tx.Sender)
	if err != nil {
		return nil, err
	}
	return c.poolWeb3(tx, account.Nonce, now)
}

// checkTyped sets hash and sender of a transaction of type 1 that came in the
// native form. Its signature covers the Ethereum form only, so a real node
// executes whatever the other fields say; here they must say the same.
func checkTyped(tx *Transaction) *Error {
	if len(tx.Signature) != crypto.SignatureLength {
		return refusal(StatusInvalidSignature)
	}
	sig := &ethereumSignature{R: tx.Signature[:32], S: tx.Signature[32:64], V: uint64(tx.Signature[64])}
	own, err := newWeb3Transaction(tx.Ethereum, sig)
	if err != nil {
		return refusal(StatusInvalidSignature)
	}
	if tx.ChainID != own.ChainID {
		return refusal(StatusInvalidChainID)
	}
	tx.Hash, tx.Sender = own.Hash, own.Sender
	if !bytes.Equal(tx.encode(), own.raw) {
		return unreadable("devchain", "the fields of the transaction differ from its Ethereum form")
	}
	return nil
}

// newWeb3Transaction makes the transaction that a node makes of a raw Ethereum
// transaction. The error is suite.ErrSignature.
func newWeb3Transaction(eth *EthereumTransaction, sig *ethereumSignature) (*Transaction, error) {
	signature := append(append(bytes.Clone(sig.R), sig.S...), byte(sig.V))
	signHash := crypto.Keccak256Hash(eth.signedBytes())
	sender, err := suite.Standard.Sender(signHash, signature) // on every chain
	if err != nil {
		return nil, err
	}
	tx := &Transaction{
		ChainID:   strconv.FormatUint(eth.chainID(), 10),
		Nonce:     hexutil.EncodeUint64(eth.Nonce),
		Input:     eth.Input,
		Value:     hexutil.EncodeBig(eth.Value),
		GasLimit:  int64(eth.GasLimit),
		DataHash:  signHash[:],
		Signature: signature,
		Hash:      eth.hash(sig),
		Sender:    sender,
		Ethereum:  eth,
	}
	if eth.To != nil {
		tx.To = hexutil.Encode(eth.To[:])
	}
	if eth.Kind >= KindDynamicFee {
		tx.MaxFeePerGas, tx.MaxPriorityFeePerGas = hexutil.EncodeBig(eth.MaxFeePerGas), hexutil.EncodeBig(eth.MaxPriorityFeePerGas)
	} else {
		tx.GasPrice = hexutil.EncodeBig(eth.MaxFeePerGas)
	}
	tx.raw = tx.encode()
	return tx, nil
}

// Account is the nonce and the balance of an account; both 0 when there is none.
func (c *Chain) Account(addr common.Address) (Account, error) {
	return read(c, func(v *view) (Account, error) { return readAccount(v, addr) })
}

func readAccount(from flatstate.Getter, addr common.Address) (Account, error) {
	stored, err := flatstate.New(from, nil).Account(addr)
	if err != nil || stored == nil {
		return Account{Balance: new(big.Int)}, err
	}
	return Account{Nonce: stored.Nonce, Balance: stored.Balance.ToBig()}, nil
}

// PendingNonce is the nonce of an account's next Ethereum transaction when those
// that wait in the pool have been executed.
func (c *Chain) PendingNonce(addr common.Address) (uint64, error) {
	if nonce, any := c.pool.upcoming(addr); any {
		return nonce, nil
	}
	account, err := c.Account(addr)
	return account.Nonce, err
}

// Storage is the value of a slot of a contract; zero when it was never set.
func (c *Chain) Storage(addr common.Address, slot common.Hash) (common.Hash, error) {
	return read(c, func(v *view) (common.Hash, error) { return flatstate.New(v, nil).Storage(addr, slot) })
}

// nonceUsed tells whether the nonce of an Ethereum transaction was used up while
// it waited. The sealer's view is asked: that of all blocks.
func (c *Chain) nonceUsed(tx *Transaction) bool {
	account, err := readAccount(c.ledger, tx.Sender)
	if err != nil {
		c.logger.Error("the nonce of an account could not be read", "account", tx.Sender, "error", err)
		return false // executing the transaction meets the same fault
	}
	return tx.Ethereum.Nonce < account.Nonce
}
