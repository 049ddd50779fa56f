package shield

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

// decode reads one JSON value that fills text. It is stricter than a node, which
// takes comments and text behind the value (protocol §3.1); of members that
// occur twice both count the last.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("text behind the value")
	}
	return v, nil
}

// decodeObject reads an object that has none but the named members.
func decodeObject(p Poison, text []byte, members ...string) (map[string]any, *Refusal) {
	v, err := decode(text)
	if err != nil {
		return nil, refuse(p, "this is no JSON: %v", err)
	}
	return asObject(p, v, members...)
}

// asObject is v as an object that has none but the named members.
func asObject(p Poison, v any, members ...string) (map[string]any, *Refusal) {
	object, ok := v.(map[string]any)
	if !ok {
		return nil, refuse(p, "%s is no JSON object", typeName(v))
	}
	for name := range object {
		if !slices.Contains(members, name) {
			return nil, refuse(p, "member %s does not belong here", quoted(name))
		}
	}
	return object, nil
}

// typeName says in JSON's words what v is.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "true or false"
	case json.Number:
		return "a number"
	case []any:
		return "a list"
	}
	return "an object"
}
