package nodejson

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// First cuts the first JSON value out of data, the way jsoncpp's lenient
// reader does: comments are skipped, and what stands behind the value is not
// looked at (protocol §3.1).
func First(data []byte) (json.RawMessage, error) {
	v, err := decodeFirst(data)
	if err != nil && bytes.ContainsRune(data, '/') {
		return decodeFirst(withoutComments(data))
	}
	return v, err
}

func decodeFirst(data []byte) (json.RawMessage, error) {
	var v json.RawMessage
	err := json.NewDecoder(bytes.NewReader(data)).Decode(&v)
	return v, err
}

// withoutComments replaces // and /* */ comments outside of strings with blanks.
func withoutComments(data []byte) []byte {
	out := bytes.Clone(data)
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(out[i:], []byte("//")):
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case bytes.HasPrefix(out[i:], []byte("/*")):
			end := len(out)
			if n := bytes.Index(out[i+2:], []byte("*/")); n >= 0 {
				end = i + 2 + n + 2
			}
			for ; i < end; i++ {
				out[i] = ' '
			}
			i--
		}
	}
	return out
}

// Compact writes v as the node does: one line, non-ASCII text as \uXXXX, no
// escapes for <, > and & (protocol §1.1). Members come in the order of the type:
// structs for it are declared alphabetically.
func Compact(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return escapeNonASCII(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

const hexDigits = "0123456789abcdef"

func escapeNonASCII(text []byte) []byte {
	first := bytes.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
	if first < 0 {
		return text
	}
	out := append(make([]byte, 0, len(text)+64), text[:first]...)
	unit := func(u rune) {
		out = append(out, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
	}
	for rest := text[first:]; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			unit(high)
			unit(low)
		default:
			unit(r)
		}
		rest = rest[size:]
	}
	return out
}
