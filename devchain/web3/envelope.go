package web3

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// answer is what goes back for one request: a result, which may be null, or an error.
type answer struct {
	id     json.RawMessage // nil is null
	result any
	fault  *fault
}

// MarshalJSON writes the members in alphabetical order.
func (a answer) MarshalJSON() ([]byte, error) {
	if a.fault != nil {
		return nodejson.Compact(struct {
			Error   *fault          `json:"error"`
			ID      json.RawMessage `json:"id"`
			JSONRPC string          `json:"jsonrpc"`
		}{a.fault, a.id, "2.0"})
	}
	return nodejson.Compact(struct {
		ID      json.RawMessage `json:"id"`
		JSONRPC string          `json:"jsonrpc"`
		Result  any             `json:"result"`
	}{a.id, "2.0", a.result})
}

// text writes one answer or several. A result that cannot be written is an
// internal error, so that no request stays unanswered.
func encoded(answers any) []byte {
	out, err := nodejson.Compact(answers)
	if err != nil {
		out, _ = nodejson.Compact(answer{fault: &fault{Code: codeInternal, Message: err.Error()}}) // strings only: cannot fail
	}
	return out
}

// respond serves one message, a request or a batch of them, and gives the text to
// send back, whatever came in. Subscriptions are those of the connection; nil over
// HTTP. A batch is served in its order.
func (s *Server) respond(ctx context.Context, body []byte, subs *subscriptions) []byte {
	invalid := func(why string) []byte {
		return encoded(answer{fault: &fault{Code: codeInvalidRequest, Message: why}})
	}
	message, err := nodejson.First(body)
	if err != nil {
		return invalid("Parse json failed")
	}
	if message[0] != '[' {
		return encoded(s.serve(ctx, message, subs))
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(message, &batch); err != nil {
		return invalid("Parse json failed")
	}
	switch n := len(batch); {
	case n == 0:
		return invalid("The request array is empty")
	case n > s.cfg.BatchLimit:
		return invalid(fmt.Sprintf("The requested array size exceeds the limit size: %d", s.cfg.BatchLimit))
	case n == 1:
		return encoded(s.serve(ctx, batch[0], subs))
	}
	answers := make([]answer, len(batch))
	for i, one := range batch {
		answers[i] = s.serve(ctx, one, subs)
	}
	return encoded(answers)
}

// serve answers one request.
func (s *Server) serve(ctx context.Context, message json.RawMessage, subs *subscriptions) answer {
	r, wrong := parseRequest(message)
	if wrong != nil {
		return answer{id: r.id, fault: wrong}
	}
	m, known := s.methods[r.method]
	if !known {
		return answer{id: r.id, fault: &fault{Code: codeNoMethod, Message: "Method not found"}}
	}
	result, err := m(ctx, call{params: r.params, subs: subs})
	if err != nil {
		return answer{id: r.id, fault: s.faultOf(ctx, r.method, err)}
	}
	return answer{id: r.id, result: result}
}

// request is a JSON-RPC request whose envelope is in order.
type request struct {
	id     json.RawMessage // echoed
	method string
	params nodejson.Params
}

// parseRequest reads an envelope; the id is set also when there is a fault. The
// members are looked at in alphabetical order, and the first that is wrong is named.
func parseRequest(message json.RawMessage) (r request, wrong *fault) {
	invalid := func(text string) *fault { return &fault{Code: codeInvalidRequest, Message: text} }
	var members map[string]json.RawMessage
	switch message[0] {
	case '{':
		if json.Unmarshal(message, &members) != nil {
			return r, invalid("Parse json failed")
		}
	case '[': // the members of a list have no names
		if string(message) != "[]" {
			return r, invalid("Invalid field: ")
		}
	}
	if id := members["id"]; !nodejson.IsNull(id) {
		r.id = id
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !fieldValid(name, members[name], &r) {
			return r, invalid("Invalid field: " + name)
		}
	}
	for _, name := range []string{"jsonrpc", "method", "id"} {
		if members[name] == nil {
			return r, invalid("Request not valid, required fields: jsonrpc, method, params, id")
		}
	}
	return r, nil
}

func fieldValid(name string, v json.RawMessage, r *request) bool {
	switch name {
	case "jsonrpc":
		return v[0] == '"'
	case "method":
		return v[0] == '"' && json.Unmarshal(v, &r.method) == nil
	case "params":
		return v[0] == '[' && json.Unmarshal(v, &r.params) == nil
	case "id":
		return v[0] == '"' || v[0] == '-' || v[0] >= '0' && v[0] <= '9'
	}
	return false
}
