package rpc

import (
	"bytes"
	"encoding/binary"

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

// overHTTP is the way of a request over HTTP.
func overHTTP(r *faults.HTTPRequest) way {
	return way{
		transport: faults.HTTP,
		line:      r,
		wrap:      func(text []byte) []byte { return text },
		damage:    r.Damage,
	}
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
func (l sessionLine) Reset()    { l.conn.Reset() }
func (l sessionLine) HalfOpen() { l.conn.HalfOpen() }

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
