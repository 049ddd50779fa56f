package devchain

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// decodeTransaction reads the TARS form of a transaction (protocol section 4.2).
// Bytes behind it are ignored. Neither hash nor sender are set. The fields share
// memory with data.
func decodeTransaction(data []byte) (*Transaction, error) {
	r := &tarsReader{data: data}
	tx := &Transaction{}
	text := func(tag byte, into *string) error {
		b, err := tarsField(r, tag, r.stringBody)
		*into = string(b)
		return err
	}
	octets := func(tag byte, into *[]byte) (err error) {
		*into, err = tarsField(r, tag, r.bytesBody)
		return err
	}
	long := func(tag byte, into *int64) (err error) {
		*into, err = tarsField(r, tag, r.intBody)
		return err
	}
	integer := func(tag byte, into *int32) error {
		n, err := tarsField(r, tag, r.intBody)
		if err == nil && (n > math.MaxInt32 || n < math.MinInt32) {
			return &tarsError{fmt.Sprintf("read 'Int32' type mismatch, tag: %d, get type: %d.", tag, tarsInt64)}
		}
		*into = int32(n)
		return err
	}

	typ, found := r.find(1)
	if found {
		if typ != tarsStructBegin {
			return nil, &tarsError{fmt.Sprintf("read 'struct' type mismatch, tag: 1, get type: %d.", typ)}
		}
		err := firstError(
			func() error { return integer(1, &tx.Version) },
			func() error { return text(2, &tx.ChainID) },
			func() error { return text(3, &tx.GroupID) },
			func() error { return long(4, &tx.BlockLimit) },
			func() error { return text(5, &tx.Nonce) },
			func() error { return text(6, &tx.To) },
			func() error { return octets(7, &tx.Input) },
			func() error { return text(8, &tx.ABI) },
			func() error { return text(9, &tx.Value) },
			func() error { return text(10, &tx.GasPrice) },
			func() error { return long(11, &tx.GasLimit) },
			func() error { return text(12, &tx.MaxFeePerGas) },
			func() error { return text(13, &tx.MaxPriorityFeePerGas) },
			func() error { return octets(14, &tx.Extension) },
		)
		if err != nil {
			return nil, err
		}
		if !r.skipToStructEnd(0) {
			return nil, tarsOverflow(r.pos)
		}
		r.end = r.pos
	}
	var kind int64
	var signed []byte
	err := firstError(
		func() error { return octets(2, &tx.DataHash) },
		func() error { return octets(3, &tx.Signature) },
		func() error { return long(4, &tx.ImportTime) },
		func() error { return integer(5, &tx.Attribute) },
		func() error { return text(8, &tx.ExtraData) },
		func() error { return long(9, &kind) },
		func() error { return octets(10, &signed) },
	)
	if err != nil {
		return nil, err
	}
	switch kind {
	case typeNative:
	case typeWeb3:
		if tx.Ethereum, err = decodeSignedBytes(signed); err != nil {
			tx.unfit = fmt.Errorf("the Ethereum form of the transaction cannot be read: %w", err)
		}
	default:
		return nil, fmt.Errorf("transaction type %d is not supported: 0 is native, 1 is Ethereum's", kind)
	}
	tx.raw = data[:r.end:r.end]
	return tx, nil
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// readTransaction decodes a transaction that a client sent, hashes it and makes the
// checks that a node makes before its pool sees it (protocol section 5.1, step 1).
// The bytes may be changed afterwards.
func readTransaction(s suite.Suite, data []byte, chainID string, importTime int64) (*Transaction, *Error) {
	return readAs(s, data, importTime, func(tx *Transaction) bool { return tx.ChainID == chainID })
}

// readSpread is readTransaction for one that another node sent. Those of the Web3
// port come in the native form, too, with Ethereum's chain id.
func readSpread(s suite.Suite, data []byte, chainID string, importTime int64) (*Transaction, *Error) {
	return readAs(s, data, importTime, func(tx *Transaction) bool { return tx.ChainID == chainID || tx.Ethereum != nil })
}

func readAs(s suite.Suite, data []byte, importTime int64, ofChain func(*Transaction) bool) (*Transaction, *Error) {
	tx, err := decodeTransaction(bytes.Clone(data))
	if err != nil {
		if _, malformed := errors.AsType[*tarsError](err); malformed {
			return nil, unreadable("tars::TarsDecodeException", err.Error())
		}
		return nil, unreadable("devchain", err.Error())
	}
	if tx.Version >= 1 {
		for _, text := range []string{tx.Value, tx.GasPrice, tx.MaxFeePerGas, tx.MaxPriorityFeePerGas} {
			if !isPrefixedHex(text) {
				return nil, unreadable("boost::wrapexcept<std::invalid_argument>",
					"transaction value or gasPrice or maxFeePerGas or maxPriorityFeePerGas is not hex string")
			}
		}
	}
	native := tx.Ethereum == nil && tx.unfit == nil
	if native { // the hash of others is not looked at here
		tx.Hash = tx.computeHash(s)
	}
	if tx.Version < 0 || native && len(tx.DataHash) > 0 && !bytes.Equal(tx.DataHash, tx.Hash[:]) {
		return nil, unreadable("boost::wrapexcept<std::invalid_argument>",
			"transaction hash mismatching, maybe transaction version not support.")
	}
	if !ofChain(tx) {
		return nil, unreadable("boost::wrapexcept<bcos::rpc::JsonRpcException>", "Chain ID mismatch!")
	}
	if tx.unfit != nil {
		return nil, unreadable("devchain", tx.unfit.Error())
	}
	// A real node takes both and then never makes a block again.
	if tx.Version > maxTransactionVersion {
		return nil, unreadable("devchain", fmt.Sprintf("transaction version %d is not supported: use 0, 1 or 2", tx.Version))
	}
	if _, err := parseAddress(tx.To); err != nil {
		return nil, unreadable("devchain", "transaction to is not hex: "+err.Error())
	}
	tx.ImportTime = importTime
	return tx, nil
}

// maxTransactionVersion is the newest transaction version that nodes know.
const maxTransactionVersion = 2

// isPrefixedHex tells 0x-hex, also without a digit, and the empty text.
func isPrefixedHex(text string) bool {
	if text == "" {
		return true
	}
	if len(text) < 2 || text[:2] != "0x" {
		return false
	}
	for i := 2; i < len(text); i++ {
		if !isHexDigit(text[i]) {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
