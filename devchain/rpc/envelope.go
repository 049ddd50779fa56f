package rpc

import (
	"encoding/json"

	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// Codes of the envelope (protocol §3.2).
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeParams         = -32602
	codeInternal       = -32603
	codeNoGroup        = -32000
	codeNotReady       = -32004
	codeNoSendGroup    = -32005
	codeOther          = -1
)

// fault is the error member of an answer: a code of protocol §3.2 or §5.3 and
// its text, both exactly as clients see them.
type fault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// request is a JSON-RPC request whose envelope is in order.
type request struct {
	JSONRPC string // echoed, whatever it is
	ID      int64
	Method  string
	Params  params
}

// answer is what goes back: a result, which may be null, or an error.
type answer struct {
	ID      int64
	JSONRPC string
	Result  any
	Fault   *fault
}

// bytes is the answer on the wire, members in alphabetical order. A result that
// cannot be written is an internal error, so that no request stays unanswered.
func (a answer) bytes() []byte {
	if a.Fault == nil {
		b, err := nodejson.Compact(struct {
			ID      int64  `json:"id"`
			JSONRPC string `json:"jsonrpc"`
			Result  any    `json:"result"`
		}{a.ID, a.JSONRPC, a.Result})
		if err == nil {
			return b
		}
		a.Fault = &fault{Code: codeInternal, Message: err.Error()}
	}
	b, _ := nodejson.Compact(struct {
		Error   *fault `json:"error"`
		ID      int64  `json:"id"`
		JSONRPC string `json:"jsonrpc"`
	}{a.Fault, a.ID, a.JSONRPC}) // numbers and strings only: cannot fail
	return b
}

// parseRequest reads an envelope. An error is answered with id 0 and an empty
// jsonrpc: a real node says so over HTTP, and something left over over WebSocket.
func parseRequest(body []byte) (request, *fault) {
	if r, ok := quickRequest(body); ok {
		return r, nil
	}
	return parseTree(body)
}

// parseTree is parseRequest for any form of JSON.
func parseTree(body []byte) (request, *fault) {
	invalid := &fault{Code: codeInvalidRequest, Message: "The JSON sent is not a valid Request object."}
	unreadable := &fault{Code: codeParse, Message: "Invalid JSON was received by the server."}

	v, err := nodejson.First(body)
	if err != nil || v[0] == 'n' {
		return request{}, invalid
	}
	if v[0] != '{' {
		return request{}, unreadable // also batches: they are not supported
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(v, &members) != nil {
		return request{}, invalid
	}
	// The order decides which of several faults is reported.
	var r request
	var ok bool
	version, found := members["jsonrpc"]
	if !found {
		return request{}, invalid
	}
	if r.JSONRPC, ok = asString(version); !ok {
		return request{}, unreadable
	}
	method, found := members["method"]
	if !found {
		return request{}, invalid
	}
	if r.Method, ok = asString(method); !ok {
		return request{}, unreadable
	}
	id, wrong := asInt64(members["id"])
	if wrong != nil {
		return request{}, unreadable
	}
	r.ID = id
	if p := members["params"]; len(p) == 0 || p[0] != '[' || json.Unmarshal(p, &r.Params) != nil {
		return request{}, invalid
	}
	return r, nil
}
