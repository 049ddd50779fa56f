package contracts

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// putInteger writes a whole number in 32 bytes, big endian, negative ones in
// two's complement.
func putInteger(place []byte, t *abiType, value any) *ArgError {
	n, err := integerValue(t, value)
	if err != nil {
		return err
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	n.FillBytes(place)
	return nil
}

// integerValue reads a number without rounding and checks its range.
func integerValue(t *abiType, value any) (*big.Int, *ArgError) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	case []byte:
		if t.kind == kindInt {
			return nil, refuse(t, value, "is not a number")
		}
		text = hexText(v)
	case float64:
		// Beyond 2^53 a float64 is perhaps not what the user wrote.
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return nil, refuse(t, value, "has lost digits as a floating point number: write it in quotes")
		}
		text = strconv.FormatFloat(v, 'f', 0, 64)
	default:
		return nil, refuse(t, value, "is not a number")
	}
	n, reason := parseInteger(text)
	if reason != "" {
		return nil, refuse(t, value, "%s", reason)
	}
	bits := t.size
	if t.kind == kindInt {
		bits--
	}
	switch {
	case t.kind == kindUint && n.Sign() < 0:
		return nil, refuse(t, value, "is negative, but %s begins at 0", t.name)
	case n.Sign() < 0 && new(big.Int).Not(n).BitLen() > bits:
		return nil, refuse(t, value, "is too small for %s: %s is the least", t.name, bound(-1, bits))
	case n.Sign() > 0 && n.BitLen() > bits:
		return nil, refuse(t, value, "is too large for %s: %s is the most", t.name, bound(1, bits))
	}
	return n, nil
}

// bound words the end of a range.
func bound(sign, bits int) string {
	limit := new(big.Int).Lsh(big.NewInt(1), uint(bits))
	switch {
	case sign < 0 && bits < 64:
		return "-" + limit.String()
	case sign < 0:
		return "-2^" + strconv.Itoa(bits)
	case bits < 64:
		return limit.Sub(limit, big.NewInt(1)).String()
	}
	return "2^" + strconv.Itoa(bits) + "-1"
}

// maxIntegerText is above the 78 digits of the largest uint256 and its sign,
// and leaves room for leading zeros.
const maxIntegerText = 128

// parseInteger reads decimal or 0x digits; reason says what else the text is.
func parseInteger(text string) (n *big.Int, reason string) {
	if len(text) > maxIntegerText {
		return nil, "is too long for a number of 256 bits"
	}
	digits, base := strings.TrimPrefix(text, "-"), 10
	if len(digits) < 19 && isDigits(digits) { // the usual case, without big arithmetic
		v, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			return big.NewInt(v), ""
		}
	}
	if len(digits) == len(text) && (strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")) {
		digits, base = text[2:], 16
		if digits == "" {
			return nil, "has no digits behind 0x"
		}
		if i := badHexDigit(digits); i >= 0 {
			return nil, "is not hex: " + strconv.QuoteRune(runeAt(digits, i)) + " at character " + strconv.Itoa(i+3)
		}
	} else if !isDigits(digits) {
		return nil, notInteger(text)
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, "is not a whole number"
	}
	if strings.HasPrefix(text, "-") {
		n.Neg(n)
	}
	return n, ""
}

// notInteger finds the usual reason why a text is no whole number.
func notInteger(text string) string {
	switch {
	case text == "":
		return "is empty where a number is expected"
	case strings.TrimSpace(text) != text:
		return "has spaces around it"
	case strings.HasPrefix(text, "+"):
		return "has a plus sign: leave it out"
	case strings.HasPrefix(text, "-0x") || strings.HasPrefix(text, "-0X"):
		return "is negative hex: write it in decimal"
	}
	// In many countries a spreadsheet writes 1,23E+18.
	if _, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64); err == nil || errors.Is(err, strconv.ErrRange) {
		if strings.ContainsAny(text, "eE") {
			return "has an exponent: a spreadsheet or a program has rounded it; take all its digits from the source"
		}
		if strings.Contains(text, ".") && !strings.Contains(text, ",") {
			return "has decimals, but only whole numbers can be sent"
		}
	}
	if bare := strings.Map(dropSeparators, text); isDigits(strings.TrimPrefix(bare, "-")) {
		return "has separators between its digits: write digits only"
	}
	if strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		return "is not a decimal number: write 0x before hex digits"
	}
	return "is not a whole number"
}

func dropSeparators(r rune) rune {
	if strings.ContainsRune(",._' \u00a0\u2009\u202f", r) {
		return -1
	}
	return r
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// textOrBytes gives a text, or bytes as hex.
func textOrBytes(value any) (string, bool) {
	if raw, ok := value.([]byte); ok {
		return hexText(raw), true
	}
	text, ok := value.(string)
	return text, ok
}

func hexText(raw []byte) string { return "0x" + hex.EncodeToString(raw) }

// hexValue reads bytesN, bytes or function.
func hexValue(t *abiType, value any) ([]byte, *ArgError) {
	text, ok := textOrBytes(value)
	if !ok {
		return nil, refuse(t, value, "is not hex: write 0x and hex digits in quotes")
	}
	digits := strings.TrimPrefix(text, "0x")
	prefixed := len(digits) < len(text)
	want := 2 * t.size
	switch {
	case text == "" && t.kind == kindBytes:
		return nil, refuse(t, value, "is empty: write 0x for no bytes")
	case text == "":
		return nil, refuse(t, value, "is empty where %d hex digits are expected", want)
	case strings.TrimSpace(text) != text:
		return nil, refuse(t, value, "has spaces around it")
	}
	if i := badHexDigit(digits); i >= 0 {
		return nil, refuse(t, value, "is not hex: %q at character %d", runeAt(digits, i), len(text)-len(digits)+i+1)
	}
	switch {
	case t.kind == kindBytes && !prefixed:
		return nil, refuse(t, value, "has no 0x, so that it may be meant as text: write 0x before hex digits")
	case len(digits)%2 != 0 && t.kind == kindBytes:
		return nil, refuse(t, value, "has %s, an odd number", count(len(digits), "hex digit"))
	case len(digits)%2 != 0:
		return nil, refuse(t, value, "has %s, an odd number; %s has exactly %d", count(len(digits), "hex digit"), t.name, want)
	case t.kind == kindFixedBytes && len(digits) > want:
		return nil, refuse(t, value, "is too long: it has %d hex digits (%d bytes), %s has exactly %d", len(digits), len(digits)/2, t.name, want)
	case t.kind == kindFixedBytes && len(digits) < want:
		return nil, refuse(t, value, "is too short: it has %d hex digits (%s), %s has exactly %d", len(digits), count(len(digits)/2, "byte"), t.name, want)
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return nil, refuse(t, value, "is not hex: %w", err)
	}
	return raw, nil
}

// putAddress writes an address and holds its checksum true.
func putAddress(place []byte, t *abiType, value any) *ArgError {
	text, ok := textOrBytes(value)
	if !ok {
		return refuse(t, value, "is not an address: write 0x and 40 hex digits in quotes")
	}
	digits := strings.TrimPrefix(text, "0x")
	switch {
	case text == "":
		return refuse(t, value, "is empty where an address is expected")
	case strings.TrimSpace(text) != text:
		return refuse(t, value, "has spaces around it")
	}
	if i := badHexDigit(digits); i >= 0 {
		return refuse(t, value, "is not an address: %q at character %d is not a hex digit", runeAt(digits, i), len(text)-len(digits)+i+1)
	}
	if len(digits) != 2*common.AddressLength {
		return refuse(t, value, "is not an address: it has %s, not 40", count(len(digits), "hex digit"))
	}
	addr := common.HexToAddress(digits)
	mixed := digits != strings.ToLower(digits) && digits != strings.ToUpper(digits)
	if mixed && addr.Hex()[2:] != digits {
		return refuse(t, value, "has a wrong checksum: a digit or the case of a letter is not what it was; copy it again from where it comes from")
	}
	copy(place[12:], addr[:])
	return nil
}

func badHexDigit(s string) int {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return i
		}
	}
	return -1
}

func runeAt(s string, i int) rune {
	for _, r := range s[i:] {
		return r
	}
	return 0
}
