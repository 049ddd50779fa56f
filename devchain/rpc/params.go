package rpc

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// params are the positional parameters of a request, with the conversions that
// clients of a real node rely on (protocol §3.1): what is missing reads as null.
type params []json.RawMessage

func (p params) at(i int) json.RawMessage {
	if i < len(p) {
		return p[i]
	}
	return nil
}

// text reads a string; every other type, also objects and arrays, is the empty string.
func (p params) text(i int) string {
	v := p.at(i)
	if len(v) == 0 || v[0] != '"' {
		return ""
	}
	if plain := (&quickScanner{data: v}).text(); len(plain) == len(v) {
		return string(plain[1 : len(plain)-1])
	}
	var s string
	_ = json.Unmarshal(v, &s) // elements are valid JSON
	return s
}

// number reads a whole number; the fraction of a real one is dropped.
func (p params) number(i int) (int64, *fault) { return asInt64(p.at(i)) }

// boolean reads a bool, or def when the parameter is missing (null is false).
func (p params) boolean(i int, def bool) (bool, *fault) {
	if i >= len(p) {
		return def, nil
	}
	return asBool(p[i])
}

func notConvertible(to string) *fault {
	return &fault{Code: codeInvalidRequest, Message: "Value is not convertible to " + to + "."}
}

func asInt64(v json.RawMessage) (int64, *fault) {
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
		return 0, &fault{Code: codeInvalidRequest, Message: "LargestUInt out of Int64 range"}
	}
	f, err := strconv.ParseFloat(string(v), 64)
	// 2^63 itself is the first float that does not fit.
	if err != nil || f >= math.MaxInt64 || f < math.MinInt64 {
		return 0, &fault{Code: codeInvalidRequest, Message: "double out of Int64 range"}
	}
	return int64(f), nil
}

func asBool(v json.RawMessage) (bool, *fault) {
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

// asString is the text form of a scalar; objects and arrays have none.
func asString(v json.RawMessage) (string, bool) {
	v = bytes.TrimSpace(v)
	if len(v) == 0 {
		return "", true
	}
	switch v[0] {
	case 'n':
		return "", true
	case '{', '[':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(v, &s)
		return s, err == nil
	}
	return string(v), true // numbers and bools as written
}
