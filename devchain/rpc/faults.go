package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"

	"github.com/bcosgate/bcosgate/devchain/faults"
)

// way is how a request came: what a fault needs to strike it there.
type way struct {
	transport faults.Transport
	line      faults.Line
	wrap      func(text []byte) []byte // makes the message of an answer
	damage    func(message []byte, part faults.Part) []byte
}

// point is where a fault may strike at this node.
func (s *Server) point(on string, transport faults.Transport) faults.Point {
	return faults.Point{
		On: on, Transport: transport, Node: s.cfg.Name,
		Height: on == "getBlockNumber" || on == faults.Handshake || on == faults.BlockNotify,
	}
}

// meet lets the faults strike a connection that has just been accepted.
func (s *Server) meet(c *activityConn) {
	line := &httpLine{conn: c}
	s.cfg.Faults.Do(s.base, faults.Exchange{
		Point: s.point(faults.Connect, ""),
		Line:  line,
		Serve: func(context.Context) []byte { return nil },
	})
	if line.closed {
		_ = c.Close()
	}
}

// frameName is what faults call a frame that is no JSON-RPC request.
func frameName(kind uint16) string {
	switch kind {
	case typeHandshake:
		return faults.Handshake
	case typeEventSubscribe:
		return faults.Subscribe
	case typeEventUnsubscribe:
		return faults.Unsubscribe
	case typeAMOPSubTopic:
		return faults.AMOPTopics
	case typeAMOPRequest:
		return faults.AMOPRequest
	case typeAMOPBroadcast:
		return faults.AMOPBroadcast
	case typeAMOPResponse:
		return faults.AMOPResponse
	}
	return faults.OtherFrame
}

// httpLine is the connection of an HTTP request. Its owner gives it up when it is
// closed in order.
type httpLine struct {
	conn   *activityConn
	closed bool
}

func (l *httpLine) Close() { l.closed = true }

func (l *httpLine) Reset() {
	l.closed = true
	l.conn.reset()
}

func (l *httpLine) HalfOpen() { l.conn.halfOpen() }

// answerHTTP serves one request over HTTP and gives the body to send with its
// length, which a fault may make too long. When there is nothing to send it waits
// until the client leaves or the server stops, and ends the handler.
func (s *Server) answerHTTP(ctx context.Context, body []byte) (answer []byte, length int) {
	line := &httpLine{conn: connOf(ctx)}
	answer = s.answer(ctx, body, way{
		transport: faults.HTTP,
		line:      line,
		wrap:      func(text []byte) []byte { return text },
		damage: func(text []byte, part faults.Part) []byte {
			if part == faults.Header {
				length = len(text)
			}
			return damagedText(text, part)
		},
	})
	if answer == nil {
		if !line.closed {
			select {
			case <-ctx.Done():
			case <-s.ending:
			}
			_ = line.conn.Close() // the HTTP library would wait for a half-open one
		}
		panic(http.ErrAbortHandler)
	}
	return answer, max(length, len(answer))
}

// damagedText spoils an answer over HTTP.
func damagedText(text []byte, part faults.Part) []byte {
	if part != faults.Seq {
		return text[:len(text)/2]
	}
	// The first "id" is that of the envelope: what stands before it are an error's
	// code and text, and quotes in a text are escaped.
	return bytes.Replace(text, []byte(`"id":`), []byte(`"id":1`), 1)
}

// way is that of a request in f.
func (s *session) way(f frame) way {
	return way{
		transport: faults.WebSocket,
		line:      s.line(),
		wrap: func(text []byte) []byte {
			return frame{Type: typeReply, Seq: f.Seq, Ext: f.Ext, Payload: text}.bytes()
		},
		damage: damagedFrame,
	}
}

func (s *session) line() faults.Line { return sessionLine{s} }

// sessionLine is the connection of a session.
type sessionLine struct{ *session }

func (l sessionLine) Close()    { l.finish() }
func (l sessionLine) Reset()    { l.conn.reset() }
func (l sessionLine) HalfOpen() { l.conn.halfOpen() }

// damagedFrame spoils a message over WebSocket.
func damagedFrame(message []byte, part faults.Part) []byte {
	message = bytes.Clone(message)
	seq := int(binary.BigEndian.Uint16(message[6:]))
	switch part {
	case faults.Header:
		return message[:frameHead-1]
	case faults.Seq:
		for i := range seq {
			message[8+i] ^= 1 // hex digits stay printable
		}
		return message
	}
	return message[:frameHead+seq+(len(message)-frameHead-seq)/2]
}
