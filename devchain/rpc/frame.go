package rpc

import (
	"encoding/binary"
	"errors"
	"math"
)

// Frame types (protocol §2.2).
const (
	typeReply            = 0x0000 // answers to RPC requests, and AMOP failures
	typeHandshake        = 0x0100
	typeBlockNotify      = 0x0101
	typeRPC              = 0x0102
	typeAMOPSubTopic     = 0x0110
	typeAMOPRequest      = 0x0111
	typeAMOPBroadcast    = 0x0112
	typeAMOPResponse     = 0x0113
	typeEventSubscribe   = 0x0120
	typeEventUnsubscribe = 0x0121
	typeEventPush        = 0x0122
)

// frameHead is the size of a frame with an empty seq and an empty payload.
const frameHead = 10

// frame is one boostssl message (protocol §2.1): version, type, status and the
// length of seq as 16 bits big-endian, seq, 16 bits ext, payload.
type frame struct {
	Version uint16
	Type    uint16
	Status  int16
	Seq     []byte // at most 65535 bytes; any content
	Ext     uint16 // bit 0: answer
	Payload []byte
}

// errFrame says that a message is no frame. The session it came on is closed:
// a real node stops answering on it, which helps nobody.
var errFrame = errors.New("message is no frame: it is shorter than its header or its seq says")

// parseFrame reads one message. Seq and Payload point into data.
func parseFrame(data []byte) (frame, error) {
	if len(data) < frameHead {
		return frame{}, errFrame
	}
	seq := int(binary.BigEndian.Uint16(data[6:]))
	if len(data) < frameHead+seq {
		return frame{}, errFrame
	}
	return frame{
		Version: binary.BigEndian.Uint16(data),
		Type:    binary.BigEndian.Uint16(data[2:]),
		Status:  int16(binary.BigEndian.Uint16(data[4:])),
		Seq:     data[8 : 8+seq],
		Ext:     binary.BigEndian.Uint16(data[8+seq:]),
		Payload: data[frameHead+seq:],
	}, nil
}

// bytes is the message of a frame. A seq of more than 65535 bytes is cut: only
// seqs that came in a frame, or are empty, are ever sent.
func (f frame) bytes() []byte {
	seq := f.Seq[:min(len(f.Seq), math.MaxUint16)]
	b := make([]byte, 0, frameHead+len(seq)+len(f.Payload))
	b = binary.BigEndian.AppendUint16(b, f.Version)
	b = binary.BigEndian.AppendUint16(b, f.Type)
	b = binary.BigEndian.AppendUint16(b, uint16(f.Status))
	b = binary.BigEndian.AppendUint16(b, uint16(len(seq)))
	b = append(b, seq...)
	b = binary.BigEndian.AppendUint16(b, f.Ext)
	return append(b, f.Payload...)
}
