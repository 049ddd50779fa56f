package rpc

import (
	"encoding/json"
	"errors"

	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// params are the positional parameters of a request, with the conversions that
// clients of a real node rely on (protocol §3.1): what is missing reads as null.
type params []json.RawMessage

func (p params) at(i int) json.RawMessage { return nodejson.Params(p).At(i) }

// text reads a string; every other type, also objects and arrays, is the empty string.
func (p params) text(i int) string { return nodejson.Params(p).Text(i) }

// number reads a whole number; the fraction of a real one is dropped.
func (p params) number(i int) (int64, *fault) { return asInt64(p.at(i)) }

// boolean reads a bool, or def when the parameter is missing (null is false).
func (p params) boolean(i int, def bool) (bool, *fault) {
	if i >= len(p) {
		return def, nil
	}
	return asBool(p[i])
}

// typeFault words a value that cannot be converted; nil for no error.
func typeFault(err error) *fault {
	if wrong, ok := errors.AsType[*nodejson.TypeError](err); ok {
		return &fault{Code: codeInvalidRequest, Message: wrong.Text}
	}
	return nil
}

func asInt64(v json.RawMessage) (int64, *fault) {
	n, err := nodejson.Int64(v)
	return n, typeFault(err)
}

func asBool(v json.RawMessage) (bool, *fault) {
	b, err := nodejson.Bool(v)
	return b, typeFault(err)
}

// asString is the text form of a scalar; objects and arrays have none.
func asString(v json.RawMessage) (string, bool) {
	text, err := nodejson.Text(v)
	return text, err == nil
}
