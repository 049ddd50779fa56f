package fisco

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// FrameType says what the payload of a frame is (protocol §2.2).
type FrameType uint16

// The frame types that this client reads or writes. An answer to an RPC request
// has FrameAnswer.
const (
	FrameAnswer           FrameType = 0x0000
	FrameHandshake        FrameType = 0x0100
	FrameBlockNotify      FrameType = 0x0101
	FrameRPC              FrameType = 0x0102
	FrameGroupNotify      FrameType = 0x0103
	FrameAMOPSubscribe    FrameType = 0x0110
	FrameAMOPRequest      FrameType = 0x0111
	FrameAMOPBroadcast    FrameType = 0x0112
	FrameAMOPResponse     FrameType = 0x0113
	FrameEventSubscribe   FrameType = 0x0120
	FrameEventUnsubscribe FrameType = 0x0121
	FrameEventPush        FrameType = 0x0122
)

// Frame is one binary WebSocket message between a node and a client (protocol §2.1).
type Frame struct {
	Version uint16 // 0
	Type    FrameType
	Status  int16  // 0 is ok
	Seq     []byte // matches an answer to its request; empty in notifications
	Ext     uint16 // bit 0: response
	Payload []byte
}

// frameHeaderLen is the length of a frame without seq and payload.
const frameHeaderLen = 10

// What is wrong with a frame; errors of ParseFrame wrap one of these.
var (
	ErrFrameShort = errors.New("frame is shorter than its header")
	ErrFrameSeq   = errors.New("frame has a seq that runs past its end")
)

// ParseFrame reads a frame that fills b. Seq and Payload of the result share b's
// memory.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < frameHeaderLen {
		return Frame{}, fmt.Errorf("%w: %d bytes", ErrFrameShort, len(b))
	}
	n := int(binary.BigEndian.Uint16(b[6:]))
	if n > len(b)-frameHeaderLen {
		return Frame{}, fmt.Errorf("%w: seq of %d in a frame of %d bytes", ErrFrameSeq, n, len(b))
	}
	return Frame{
		Version: binary.BigEndian.Uint16(b),
		Type:    FrameType(binary.BigEndian.Uint16(b[2:])),
		Status:  int16(binary.BigEndian.Uint16(b[4:])),
		Seq:     b[8 : 8+n : 8+n],
		Ext:     binary.BigEndian.Uint16(b[8+n:]),
		Payload: b[frameHeaderLen+n:],
	}, nil
}

// AppendFrame writes f behind dst and gives the longer slice. A seq of more than
// 65535 bytes is ErrFrameSeq.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	if len(f.Seq) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: %d bytes", ErrFrameSeq, len(f.Seq))
	}
	return append(appendFrameHeader(dst, f), f.Payload...), nil
}

// appendFrameHeader writes all of f but its payload, so that the caller can
// write that in place.
func appendFrameHeader(dst []byte, f Frame) []byte {
	dst = binary.BigEndian.AppendUint16(dst, f.Version)
	dst = binary.BigEndian.AppendUint16(dst, uint16(f.Type))
	dst = binary.BigEndian.AppendUint16(dst, uint16(f.Status))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(f.Seq)))
	dst = append(dst, f.Seq...)
	return binary.BigEndian.AppendUint16(dst, f.Ext)
}
