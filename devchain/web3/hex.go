package web3

import (
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

func notHex() *fault {
	return dumped("boost::wrapexcept<boost::algorithm::non_hex_input>", "std::exception")
}

// decodeData reads bytes as a node does: the first two characters are taken for
// 0x without looking at them.
func decodeData(text string) ([]byte, error) {
	switch {
	case text == "":
		return nil, &fault{Code: codeInternal, Message: "Empty input hex string"}
	case text == "0x":
		return nil, nil
	case len(text) < 4, len(text)%2 != 0:
		return nil, &fault{Code: codeInternal, Message: "Invalid input hex string size"}
	}
	data, err := hex.DecodeString(text[2:])
	if err != nil {
		return nil, notHex()
	}
	return data, nil
}

// decodeHash reads a hash; a short one is padded.
func decodeHash(text string) (common.Hash, error) {
	text = strings.TrimPrefix(text, "0x")
	if len(text)%2 != 0 || len(text) > 2*common.HashLength {
		return common.Hash{}, dumped("boost::wrapexcept<std::invalid_argument>", "Invalid input string!")
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return common.Hash{}, notHex()
	}
	return common.BytesToHash(data), nil
}

// decodeAddress reads the address of an account; false means that there can be no
// such account.
func decodeAddress(text string) (common.Address, bool) {
	if strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X") {
		text = text[2:]
	}
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != common.AddressLength {
		return common.Address{}, false
	}
	return common.Address(data), true
}

// stoull reads a hex number as the function of that name does: blanks and a sign
// may stand before it, anything behind it.
func stoull(text string) (uint64, error) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	negative := strings.HasPrefix(text, "-")
	text = strings.TrimLeft(text[:min(1, len(text))], "+-") + text[min(1, len(text)):]
	digits := text
	if len(text) > 2 && (strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")) && isHexDigit(text[2]) {
		digits = text[2:]
	}
	end := 0
	for end < len(digits) && isHexDigit(digits[end]) {
		end++
	}
	n, err := strconv.ParseUint(digits[:end], 16, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, dumped("std::out_of_range", "stoull")
	case err != nil:
		return 0, dumped("std::invalid_argument", "stoull")
	case negative:
		return -n, nil
	}
	return n, nil
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// blockTag reads a block parameter: a tag or a hex number, of which the newest
// block is meant when it is missing or no text. It need not exist.
func (s *Server) blockTag(text string) (uint64, error) {
	bound, err := nodejson.BlockTag(text)
	switch {
	case err != nil:
		return 0, err
	case bound.Latest:
		return s.ledger.Head().Number, nil
	case bound.Number < 0:
		return math.MaxUint64, nil
	}
	return uint64(bound.Number), nil
}

// trimmed is a quantity of bytes without leading zeros.
func trimmed(data []byte) string {
	text := strings.TrimLeft(hex.EncodeToString(data), "0")
	if text == "" {
		text = "0"
	}
	return "0x" + text
}

func hex0x(data []byte) string { return hexutil.Encode(data) }

// ignoreMissing is nil for what does not exist; other errors stay as they are.
func ignoreMissing(err error) error {
	if errors.Is(err, devchain.ErrNotFound) {
		return nil
	}
	return err
}
