package devchain

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
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
func contractAddress(block uint64, index, seq int) common.Address {
	text := strconv.AppendUint(nil, block, 10)
	text = append(text, '_')
	text = strconv.AppendInt(text, int64(index), 10)
	text = append(text, '_')
	text = strconv.AppendInt(text, int64(seq), 10)
	return common.Address(crypto.Keccak256(text)[:common.AddressLength])
}

// systemContracts are the contracts that a real node has built in. They are not
// part of this chain yet; calls to them fail with a text that says so.
func systemContracts() []uint32 {
	return []uint32{
		0x1000, 0x1001, 0x1002, 0x1003, 0x1005, 0x1009, 0x100a, 0x100b, 0x100c, 0x100e, 0x100f,
		0x5003, 0x5004, 0x5005, 0x5100, 0x10001, 0x10002, 0x10003, 0x10004,
	}
}

func systemAddress(n uint32) common.Address {
	return common.BytesToAddress([]byte{byte(n >> 16), byte(n >> 8), byte(n)})
}
