package contracts

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// customError is an error that a contract declares.
type customError struct {
	name      string
	fields    []field
	selectors [2][4]byte
}

func newCustomError(name string, fields []field) (*customError, error) {
	all, err := tupleOf(fields)
	if err != nil {
		return nil, err
	}
	return &customError{name: name, fields: fields, selectors: selectors(name + all.name)}, nil
}

// Selectors of what Solidity itself, and the node in its name, reverts with:
// keccak, then SM3 (FISCO BCOS 3.x protocol §5.4).
const (
	errorKeccak, errorSM3 = "\x08\xc3\x79\xa0", "\xc7\x03\xcb\x12"
	panicKeccak, panicSM3 = "\x4e\x48\x7b\x71", "\xb9\x5a\xa3\x55"
)

// maxReason is the most bytes of a reason; a contract may revert with any text.
const maxReason = 1024

// RevertReason puts revert data into words: the text of Error(string), the
// meaning of Panic(uint256), or a custom error of the ABI with its arguments,
// as in AlreadySaved(digest=0x…, owner=0x…, blockNumber=7). Selectors of
// keccak and of SM3 chains are known. "" when data is none of these; a nil ABI
// knows the first two.
func (a *ABI) RevertReason(output []byte) string {
	if len(output) < 4 {
		return ""
	}
	selector, data := [4]byte(output[:4]), output[4:]
	switch string(selector[:]) {
	case errorKeccak, errorSM3:
		if text, ok := onlyValue(data, "string"); ok {
			return shorten(text)
		}
		return ""
	case panicKeccak, panicSM3:
		if code, ok := onlyValue(data, "uint256"); ok {
			return panicReason(code)
		}
		return ""
	}
	if a == nil {
		return ""
	}
	for _, e := range a.errors {
		if e.selectors[0] != selector && e.selectors[1] != selector {
			continue
		}
		if values, err := decodeFields(data, e.fields); err == nil {
			return shorten(e.name + "(" + listValues(values) + ")")
		}
	}
	return ""
}

func onlyValue(data []byte, typeName string) (string, bool) {
	t, err := elementary(typeName)
	if err != nil {
		return "", false
	}
	values, err := decodeFields(data, []field{{typ: t}})
	if err != nil {
		return "", false
	}
	text, ok := values[0].Value.(string)
	return text, ok
}

// panicReason has the codes of the Solidity manual.
func panicReason(code string) string {
	switch code {
	case "0":
		return "panic 0x00: unspecified"
	case "1":
		return "panic 0x01: an assertion failed"
	case "17":
		return "panic 0x11: arithmetic overflow or underflow"
	case "18":
		return "panic 0x12: division or modulo by zero"
	case "33":
		return "panic 0x21: a number that is no member of the enum"
	case "34":
		return "panic 0x22: a byte array in storage is encoded wrongly"
	case "49":
		return "panic 0x31: pop on an empty array"
	case "50":
		return "panic 0x32: an array index is out of range"
	case "65":
		return "panic 0x41: too much memory, or an array too large"
	case "81":
		return "panic 0x51: call of a function variable that is not set"
	}
	return "panic " + code
}

func listValues(values []Value) string {
	parts := make([]string, len(values))
	for i, v := range values {
		text, ok := v.Value.(string)
		if !ok || v.Type == "string" {
			raw, err := json.Marshal(v.Value)
			if err != nil {
				raw = fmt.Append(nil, v.Value)
			}
			text = string(raw)
		}
		parts[i] = text
		if v.Name != "" {
			parts[i] = v.Name + "=" + text
		}
	}
	return strings.Join(parts, ", ")
}

func shorten(s string) string {
	if len(s) <= maxReason {
		return s
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
