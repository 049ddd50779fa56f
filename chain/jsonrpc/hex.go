package jsonrpc

import "encoding/hex"

// Hex is bytes that stand as a string of hex digits behind 0x, as a parameter or
// in an answer. Digits without 0x are read, too. In answers nil is the empty text
// "", which is not "0x".
type Hex []byte

// UnmarshalText reads hex digits.
func (h *Hex) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*h = nil
		return nil
	}
	if len(text) >= 2 && text[0] == '0' && text[1] == 'x' {
		text = text[2:]
	}
	out := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(out, text); err != nil {
		return err
	}
	*h = out
	return nil
}

// MarshalText writes lower-case digits behind 0x, nothing for nil.
func (h Hex) MarshalText() ([]byte, error) { return h.append([]byte{}), nil }

// String is the text of MarshalText.
func (h Hex) String() string { return string(h.append(nil)) }

func (h Hex) append(dst []byte) []byte {
	if h == nil {
		return dst
	}
	return hex.AppendEncode(append(dst, "0x"...), h)
}
