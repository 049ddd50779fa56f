package system

import (
	"math/big"
	"strings"

	"github.com/holiman/uint256"
)

// parseInteger reads a number as a node does: digits with an optional minus; with
// a leading zero they are octal.
func parseInteger(text string) (*big.Int, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil, false
	}
	base := 10
	if len(digits) > 1 && digits[0] == '0' {
		base = 8
	}
	n, ok := new(big.Int).SetString(digits, base)
	if ok && negative {
		n.Neg(n)
	}
	return n, ok
}

// parseUnsigned reads a number that wraps around at 256 bits, also below 0.
func parseUnsigned(text string) (*uint256.Int, bool) {
	n, ok := parseInteger(text)
	if !ok {
		return new(uint256.Int), false
	}
	out, _ := uint256.FromBig(n)
	return out, true
}
