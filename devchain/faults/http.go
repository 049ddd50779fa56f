package faults

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
)

// HTTPRequest is the line of one request over HTTP, and how its answer is sent.
type HTTPRequest struct {
	conn   *Conn
	closed bool
	length int // that the answer promises, when it is more than comes
}

// NewHTTPRequest is for a request that came on c, from a Listener.
func NewHTTPRequest(c *Conn) *HTTPRequest { return &HTTPRequest{conn: c} }

// Close lets Send end the connection in order.
func (r *HTTPRequest) Close() { r.closed = true }

// Reset ends the connection with a TCP RST.
func (r *HTTPRequest) Reset() {
	r.closed = true
	r.conn.Reset()
}

// HalfOpen makes the connection half-open.
func (r *HTTPRequest) HalfOpen() { r.conn.HalfOpen() }

// Damage spoils a JSON-RPC answer.
func (r *HTTPRequest) Damage(text []byte, part Part) []byte {
	if part == Header {
		r.length = len(text)
	}
	return DamageText(text, part)
}

// Send sends an answer. When it is nil it waits until the client leaves, that is
// ctx ends, or ending is closed, if the connection is to live; then it ends the
// handler with a panic that net/http knows.
func (r *HTTPRequest) Send(ctx context.Context, w http.ResponseWriter, answer []byte, ending <-chan struct{}) {
	if answer != nil {
		w.Header().Set("Content-Length", strconv.Itoa(max(r.length, len(answer))))
		_, _ = w.Write(answer) // a client that left needs no answer
		return
	}
	if !r.closed {
		select {
		case <-ctx.Done():
		case <-ending:
		}
		_ = r.conn.Conn.Close() // net/http would wait for a half-open one
	}
	panic(http.ErrAbortHandler)
}

// DamageText spoils the text of a JSON-RPC answer: its id for Seq, and otherwise
// it breaks off in the middle.
func DamageText(text []byte, part Part) []byte {
	if part != Seq {
		return text[:len(text)/2]
	}
	// The first "id" is that of the envelope: what stands before it are an error's
	// code and text, and quotes in a text are escaped.
	id := []byte(`"id":`)
	at := bytes.Index(text, id) + len(id)
	if at < len(id) {
		return text[:len(text)/2]
	}
	if text[at] == '"' {
		at++
	}
	return append(append(bytes.Clone(text[:at]), '1'), text[at:]...)
}
