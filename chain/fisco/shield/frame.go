package shield

import (
	"encoding/binary"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// frameHeaderLen is the length of a frame without seq and payload (protocol §2.1).
const frameHeaderLen = 10

// Frame refuses a WebSocket message that is no whole frame: fewer than 10 bytes,
// a seq that runs past the end, or 32 MiB and more. The payload is not looked at.
func Frame(op string, b []byte) error { return border(op, frame(b)) }

func frame(b []byte) *Refusal {
	if len(b) < frameHeaderLen {
		return refuse(PoisonShortFrame, "frame has %d bytes, fewer than %d", len(b), frameHeaderLen)
	}
	if n := seqLen(b); n > len(b)-frameHeaderLen {
		return refuse(PoisonFrame, "seq of %d bytes runs past the end of a frame of %d", n, len(b))
	}
	if len(b) >= MaxMessage {
		return refuse(PoisonSize, "frame has %d bytes, not below %d", len(b), MaxMessage)
	}
	return nil
}

func seqLen(b []byte) int { return int(binary.BigEndian.Uint16(b[6:])) }

// Message refuses a WebSocket message to a node of suite s: like Frame, then by
// its payload, each type with its own check. Types that clients do not send are
// refused; handshakes, and the answers of an AMOP subscriber, whose payload is
// free, are not looked into. It reads the whole message, a transaction in it as
// well: callers that check the parts before they write a frame need only Frame.
func Message(op string, s suite.Suite, b []byte) error { return border(op, message(s, b)) }

func message(s suite.Suite, b []byte) *Refusal {
	if r := frame(b); r != nil {
		return r
	}
	payload := b[frameHeaderLen+seqLen(b):]
	switch t := binary.BigEndian.Uint16(b[2:]); t { // protocol §2.2
	case 0x0100, 0x0113:
		return nil
	case 0x0102:
		return envelope(s, payload)
	case 0x0110:
		return amopTopics(payload)
	case 0x0111, 0x0112:
		return amopPayload(payload)
	case 0x0120:
		return subscription(payload)
	case 0x0121:
		return unsubscription(payload)
	default:
		return refuse(PoisonFrameType, "clients send no frames of type 0x%04x", t)
	}
}

// Envelope refuses the text of a JSON-RPC request: anything but one object with
// jsonrpc, id, method and params (protocol §3.1), and what Request refuses.
func Envelope(op string, s suite.Suite, text []byte) error { return border(op, envelope(s, text)) }

func envelope(s suite.Suite, text []byte) *Refusal {
	if len(text) >= MaxMessage {
		return refuse(PoisonSize, "request has %d bytes, not below %d", len(text), MaxMessage)
	}
	object, r := decodeObject(PoisonParameter, text, "jsonrpc", "id", "method", "params")
	if r != nil {
		return r
	}
	if _, whole := wholeNumber(object["id"]); !whole && object["id"] != nil {
		return refuse(PoisonParameter, "id is no whole number")
	}
	op, isText := object["method"].(string)
	params, isList := object["params"].([]any)
	if !isText || !isList {
		return refuse(PoisonParameter, "method is no text, or params are no list")
	}
	return request(op, s, params)
}
