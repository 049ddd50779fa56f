// Package jsonrpc is the JSON-RPC 2.0 envelope as nodes speak it, and the JSON
// inside: requests are written without reflection, responses are read in one
// pass, and what is read of them can be written again without loss (Struct).
//
// It never opens a connection, matches answers to requests or knows what a
// method or an error code means: the families do.
package jsonrpc

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Error is the error member of a response: the node understood the request and
// refused it.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error gives code and text.
func (e *Error) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Message) }

// ErrResponse is wrapped by the error of a response that breaks the rules: no
// JSON, a result of another shape than wanted, or neither result nor error.
var ErrResponse = errors.New("malformed JSON-RPC response")

// ErrNull is the error of a response whose result is null, with which nodes
// answer some questions about what they do not have. It wraps ErrResponse.
var ErrNull = fmt.Errorf("%w: the result is null", ErrResponse)

// AppendRequest writes a request with positional parameters behind dst and gives
// the longer slice. Parameters are string, bool, int, int64, uint64 or Hex, which
// is written without an intermediate copy, or whatever encoding/json takes.
func AppendRequest(dst []byte, id uint64, method string, params ...any) ([]byte, error) {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, `,"method":`...)
	dst, err := appendString(dst, method)
	if err != nil {
		return nil, err
	}
	dst = append(dst, `,"params":[`...)
	for i, p := range params {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch p := p.(type) {
		case string:
			dst, err = appendString(dst, p)
		case bool:
			dst = strconv.AppendBool(dst, p)
		case int:
			dst = strconv.AppendInt(dst, int64(p), 10)
		case int64:
			dst = strconv.AppendInt(dst, p, 10)
		case uint64:
			dst = strconv.AppendUint(dst, p, 10)
		case Hex:
			dst = append(dst, `"0x`...)
			dst = hex.AppendEncode(dst, p)
			dst = append(dst, '"')
		default:
			var other []byte
			other, err = json.Marshal(p)
			dst = append(dst, other...)
		}
		if err != nil {
			return nil, fmt.Errorf("parameter %d of %s: %w", i, method, err)
		}
	}
	return append(dst, "]}"...), nil
}

func appendString(dst []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			return append(dst, quoted...), err
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"'), nil
}

// DecodeResponse reads the result of a response into a T, a Struct in a single
// pass. A refusal of the node is an *Error; anything else that is wrong wraps
// ErrResponse, a result that is null ErrNull, too. Members of the envelope that
// are not known are ignored.
func DecodeResponse[T any](payload []byte) (T, error) {
	var (
		result, none T
		found, null  bool
		refused      *Error
	)
	o := newReading(payload)
	o.open('{')
	for first := true; o.more(first, '}'); first = false {
		switch string(o.name()) {
		case "result":
			found, null = true, o.peek() == 'n'
			result = none
			if s, ok := any(&result).(Struct); ok {
				o.readStruct(s)
			} else {
				anything(o, &result)
			}
		case "error":
			anything(o, &refused)
		default:
			o.skip()
		}
	}
	err := o.finish()
	switch {
	case err != nil:
		return none, fmt.Errorf("%w: %w", ErrResponse, err)
	case refused != nil:
		return none, refused
	case !found:
		return none, fmt.Errorf("%w: neither result nor error", ErrResponse)
	case null:
		return none, ErrNull
	}
	return result, nil
}
