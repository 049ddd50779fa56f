package nodejson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// TypeError is a value that cannot be converted, in the words of a node's library.
type TypeError struct {
	Text      string
	Exception string // the node's name for this kind of error
}

func (e *TypeError) Error() string { return e.Text }

func typeError(text string) error { return &TypeError{Text: text, Exception: "Json::LogicError"} }

func notConvertible(to string) error { return typeError("Value is not convertible to " + to + ".") }

// Params are the positional parameters of a request (protocol §3.1): what is
// missing reads as null.
type Params []json.RawMessage

// At is parameter i, nil when it is missing.
func (p Params) At(i int) json.RawMessage {
	if i < len(p) {
		return p[i]
	}
	return nil
}

// Text reads a string; every other type, also objects and arrays, is the empty string.
func (p Params) Text(i int) string {
	var s string
	if v := p.At(i); len(v) > 0 && v[0] == '"' && json.Unmarshal(v, &s) == nil {
		return s
	}
	return ""
}

// IsNull tells null and what is missing.
func IsNull(v json.RawMessage) bool { return len(v) == 0 || v[0] == 'n' }

// Int64 reads a whole number; the fraction of a real one is dropped, null is 0. The
// error is a *TypeError.
func Int64(v json.RawMessage) (int64, error) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return 0, nil
	}
	switch v[0] {
	case 'n', 'f':
		return 0, nil
	case 't':
		return 1, nil
	case '"', '{', '[':
		return 0, notConvertible("Int64")
	}
	if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return n, nil
	}
	if _, err := strconv.ParseUint(string(v), 10, 64); err == nil {
		return 0, typeError("LargestUInt out of Int64 range")
	}
	f, err := strconv.ParseFloat(string(v), 64)
	// 2^63 itself is the first float that does not fit.
	if err != nil || f >= math.MaxInt64 || f < math.MinInt64 {
		return 0, typeError("double out of Int64 range")
	}
	return int64(f), nil
}

// Bool reads a bool; numbers are true unless they are 0, null is false. The error
// is a *TypeError.
func Bool(v json.RawMessage) (bool, error) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return false, nil
	}
	switch v[0] {
	case 'n', 'f':
		return false, nil
	case 't':
		return true, nil
	case '"', '{', '[':
		return false, notConvertible("bool")
	}
	f, err := strconv.ParseFloat(string(v), 64)
	return err == nil && f != 0, nil
}

// Text is the text form of a scalar, empty for null; objects and arrays have none:
// then the error is a *TypeError.
func Text(v json.RawMessage) (string, error) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return "", nil
	}
	switch v[0] {
	case 'n':
		return "", nil
	case '{', '[':
		return "", typeError("Type is not convertible to string")
	case '"':
		var s string
		if err := json.Unmarshal(v, &s); err != nil {
			return "", typeError("Type is not convertible to string")
		}
		return s, nil
	}
	return string(v), nil // numbers and bools as written
}

// Members reads an object; null, and what is missing, has no members. The error
// is a *TypeError.
func Members(v json.RawMessage) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if !IsNull(v) && (v[0] != '{' || json.Unmarshal(v, &members) != nil) {
		return nil, typeError("in Json::Value::find(begin, end): requires objectValue or nullValue")
	}
	return members, nil
}
