package shield

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Only a lower-case 0x is a prefix to a node (protocol §3.1).
const hexPrefix = "0x"

// Address refuses the address of getCode, getABI or call unless it is 40 hex
// digits, with or without 0x.
func Address(op, text string) error { return border(op, address(text)) }

func address(text string) *Refusal {
	if !isAddress(text) {
		return refuse(PoisonAddress, "address is %s, not 40 hex digits with or without 0x", quoted(text))
	}
	return nil
}

func isAddress(s string) bool { return isBytes(s, common.AddressLength) }

func isHash(s string) bool { return isBytes(s, common.HashLength) }

// isBytes reports whether s is n bytes in hex, with or without 0x.
func isBytes(s string, n int) bool {
	s = strings.TrimPrefix(s, hexPrefix)
	return len(s) == 2*n && isHex(s)
}

// isQuantity reports whether s is 0x and hex digits, of which there may be none
// (protocol §4.3).
func isQuantity(s string) bool {
	digits, ok := strings.CutPrefix(s, hexPrefix)
	return ok && isHex(digits)
}

func isHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
