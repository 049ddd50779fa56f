// Package exactjson reads JSON text without changing a value on the way:
// numbers keep all their digits, and whatever encoding/json would mend in
// silence is refused: a name that occurs twice in an object, bytes that are not
// UTF-8, half of a surrogate pair.
//
// It never writes JSON and never fills Go structs.
package exactjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may be nested. ABI types are far
// shallower; the bound keeps recursion small.
const MaxDepth = 64

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value any
}

// Decode reads the one JSON value in text: string, json.Number, bool, nil,
// []any or map[string]any. An error says what is wrong, and at which byte,
// counted from 1, where that is known.
func Decode(text []byte) (any, error) {
	d, err := begin(text)
	if err != nil {
		return nil, err
	}
	return d.value(0)
}

// DecodeRow reads an object or an array. Of an object it gives the members in
// the order of the text; of an array the elements, as members without a name.
// isObject tells which it was.
func DecodeRow(text []byte) (members []Member, isObject bool, err error) {
	d, err := begin(text)
	if err != nil {
		return nil, false, err
	}
	tok, err := d.token()
	if err != nil {
		return nil, false, err
	}
	switch tok {
	case json.Delim('{'):
		members, err = d.members(1)
		return members, true, err
	case json.Delim('['):
		members = []Member{}
		for d.dec.More() {
			v, err := d.value(1)
			if err != nil {
				return nil, false, err
			}
			members = append(members, Member{Value: v})
		}
		return members, false, nil
	}
	return nil, false, errors.New("is neither a JSON object nor a JSON array")
}

type decoder struct {
	text []byte
	dec  *json.Decoder
}

// begin checks the grammar of the whole text first, so that the walk over the
// tokens has to look for nothing but what the grammar allows.
func begin(text []byte) (*decoder, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("is not valid UTF-8 at byte %d", invalidUTF8(text)+1)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("is empty where JSON is expected")
	}
	var raw json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, syntaxError(err)
	}
	d := &decoder{text: text, dec: json.NewDecoder(bytes.NewReader(text))}
	d.dec.UseNumber()
	return d, nil
}

func syntaxError(err error) error {
	if se, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("is not JSON: %w (byte %d)", se, se.Offset)
	}
	return fmt.Errorf("is not JSON: %w", err)
}

func invalidUTF8(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

func (d *decoder) token() (json.Token, error) {
	from := d.dec.InputOffset()
	tok, err := d.dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, syntaxError(err)
	}
	if s, ok := tok.(string); ok && strings.ContainsRune(s, utf8.RuneError) {
		if half := loneSurrogate(d.text[from:d.dec.InputOffset()]); half != "" {
			return nil, fmt.Errorf("has %s, which is half of a character (byte %d)", half, d.dec.InputOffset())
		}
	}
	return tok, nil
}

func (d *decoder) value(depth int) (any, error) {
	tok, err := d.token()
	if err != nil {
		return nil, err
	}
	delim, ok := tok.(json.Delim)
	if !ok {
		return tok, nil
	}
	if depth++; depth > MaxDepth {
		return nil, fmt.Errorf("is nested deeper than %d levels", MaxDepth)
	}
	if delim == '{' {
		members, err := d.members(depth)
		if err != nil {
			return nil, err
		}
		object := make(map[string]any, len(members))
		for _, m := range members {
			object[m.Name] = m.Value
		}
		return object, nil
	}
	array := []any{}
	for d.dec.More() {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err = d.token()
	return array, err
}

// members reads an object up to its closing brace.
func (d *decoder) members(depth int) ([]Member, error) {
	members := []Member{}
	seen := map[string]struct{}{}
	for d.dec.More() {
		tok, err := d.token()
		if err != nil {
			return nil, err
		}
		name, _ := tok.(string)
		if _, twice := seen[name]; twice {
			return nil, fmt.Errorf("has the name %q twice in one object", name)
		}
		seen[name] = struct{}{}
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		members = append(members, Member{Name: name, Value: v})
	}
	_, err := d.token()
	return members, err
}

// loneSurrogate finds an escape in raw string text that is half of a UTF-16
// pair without the other half. encoding/json puts U+FFFD in its place.
func loneSurrogate(raw []byte) string {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if raw[i+1] != 'u' {
			i++
			continue
		}
		unit, ok := codeUnit(raw[i:])
		switch {
		case !ok || unit < 0xD800 || unit > 0xDFFF:
			i += 5
		case unit < 0xDC00:
			low, ok := codeUnit(raw[min(i+6, len(raw)):])
			if !ok || low < 0xDC00 || low > 0xDFFF {
				return string(raw[i : i+6])
			}
			i += 11
		default:
			return string(raw[i : i+6])
		}
	}
	return ""
}

// codeUnit reads \uXXXX at the start of raw.
func codeUnit(raw []byte) (uint64, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return unit, err == nil
}
