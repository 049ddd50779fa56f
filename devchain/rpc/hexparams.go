package rpc

import (
	"encoding/hex"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain"
)

// Texts of exceptions that reach clients.
const (
	notHex     = "std::exception"
	oddHex     = "Unexpect hex string"
	wrongInput = "Invalid input string!"
)

// decodeData reads the bytes of a call or a transaction: 0x is optional, "0x" is
// no bytes, and an empty text is a fault (protocol §3.1).
func decodeData(text string) ([]byte, *fault) {
	if text == "" || len(text)%2 != 0 {
		return nil, &fault{Code: codeInvalidRequest, Message: oddHex}
	}
	data, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil, &fault{Code: codeInvalidRequest, Message: notHex}
	}
	return data, nil
}

// dumped is a fault of decodeData as sendTransaction words it: the last lines of
// a diagnostic dump, with code -1.
func dumped(f *fault) *fault {
	exception := "boost::wrapexcept<std::runtime_error>"
	if f.Message == notHex {
		exception = "boost::wrapexcept<boost::algorithm::non_hex_input>"
	}
	return &fault{Code: codeOther, Message: devchain.Dump(exception, f.Message)}
}

// decodeHash reads a hash; a short one is padded, as a node does.
func decodeHash(text string) (common.Hash, *fault) {
	text = strings.TrimPrefix(text, "0x")
	if len(text)%2 != 0 || len(text) > 2*common.HashLength {
		return common.Hash{}, &fault{Code: codeInvalidRequest, Message: wrongInput}
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return common.Hash{}, &fault{Code: codeInvalidRequest, Message: notHex}
	}
	return common.BytesToHash(data), nil
}

// decodeAddress reads the account of getCode and getABI; false means that there
// can be no such account. Of a text that is too long the first 20 bytes count: 32
// bytes end the process of a real node.
func decodeAddress(text string) (address common.Address, ok bool, wrong *fault) {
	data, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return address, false, &fault{Code: codeInvalidRequest, Message: notHex}
	}
	if len(data) < common.AddressLength {
		return address, false, nil
	}
	return common.Address(data[:common.AddressLength]), true, nil
}
