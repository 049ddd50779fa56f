package web3

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/coder/websocket"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

func (s *Server) point(on string) faults.Point {
	return faults.Point{On: on, Transport: faults.Web3, Node: s.cfg.Name, Height: on == "eth_blockNumber"}
}

// connOf is the connection of a request.
func connOf(r *http.Request) *faults.Conn {
	c, _ := faults.ConnOf(r.Context()).(*faults.Conn) // the listener gives no other
	return c
}

// answer is respond as the faults let it; nil when nothing is to be sent. A batch
// is struck as a whole by the first fault that fits one of its requests.
func (s *Server) answer(ctx context.Context, body []byte, subs *subscriptions, line faults.Line, damage func([]byte, faults.Part) []byte) []byte {
	struck := s.strike(body)
	if struck == nil {
		return s.respond(ctx, body, subs)
	}
	return struck.Carry(ctx, faults.Exchange{
		Line:  line,
		Serve: func(ctx context.Context) []byte { return s.respond(ctx, body, subs) },
		Refuse: func(code int, message string) []byte {
			if code == int(devchain.StatusTxPoolIsFull) {
				code = codeInternal // the pool's refusals have their names only
			}
			return refused(body, &fault{Code: code, Message: message})
		},
		Damage: damage,
	})
}

func (s *Server) strike(body []byte) *faults.Fault {
	if !s.cfg.Faults.Active() {
		return nil
	}
	requests, _ := requestsOf(body)
	for _, r := range requests {
		if struck := s.cfg.Faults.Strike(s.point(r.method)); struck != nil {
			return struck
		}
	}
	return nil
}

// refused answers each request of a message with the same error.
func refused(body []byte, wrong *fault) []byte {
	requests, batch := requestsOf(body)
	answers := make([]answer, len(requests))
	for i, r := range requests {
		answers[i] = answer{id: r.id, fault: wrong}
	}
	if batch {
		return encoded(answers)
	}
	return encoded(answers[0])
}

// requestsOf are the requests of a message, at least one when it is no batch. What
// cannot be read of one is left out.
func requestsOf(body []byte) (requests []request, batch bool) {
	message, err := nodejson.First(body)
	if err != nil {
		return []request{{}}, false
	}
	all := []json.RawMessage{message}
	if message[0] == '[' {
		batch = json.Unmarshal(message, &all) == nil && len(all) != 1 // one alone is answered alone
	}
	for _, one := range all {
		r, _ := parseRequest(one)
		requests = append(requests, r)
	}
	return requests, batch
}

// wsLine is the connection of a WebSocket.
type wsLine struct {
	ws   *websocket.Conn
	conn *faults.Conn
}

// Close waits a little for the peer's answer to the close frame. Nobody waits for
// it: requests on a WebSocket are served one after the other.
func (l wsLine) Close() { _ = l.ws.Close(websocket.StatusNormalClosure, "") }

func (l wsLine) Reset() { l.conn.Reset() }

func (l wsLine) HalfOpen() { l.conn.HalfOpen() }
