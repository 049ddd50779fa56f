package devchain

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// parseAddress reads the text of an address as a node does: hex digits of any
// letter case, with or without 0x, of which the first 20 bytes count. A text that
// is too short names an account that cannot exist.
func parseAddress(text string) (common.Address, error) {
	digits := strings.TrimPrefix(text, "0x")
	data, err := hex.DecodeString(digits)
	if err != nil {
		return common.Address{}, fmt.Errorf("%.50q is no address: 40 hex digits are needed, with or without 0x", text)
	}
	if len(data) > common.AddressLength {
		data = data[:common.AddressLength]
	}
	return common.BytesToAddress(data), nil
}

// contractAddress is where a contract goes that transaction index of a block
// creates (protocol section 12.3); seq is 0 for the transaction itself and counts
// the calls and creations inside it from 1 on.
func contractAddress(s suite.Suite, block uint64, index, seq int) common.Address {
	text := strconv.AppendUint(nil, block, 10)
	text = append(text, '_')
	text = strconv.AppendInt(text, int64(index), 10)
	text = append(text, '_')
	text = strconv.AppendInt(text, int64(seq), 10)
	hash := s.Hash(text)
	return common.Address(hash[:common.AddressLength])
}
