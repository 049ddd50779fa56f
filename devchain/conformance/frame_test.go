package conformance

import (
	"encoding/binary"
	"fmt"
)

// Frame types (protocol §2.2) that a player has to know.
const (
	frameReply        = 0x0000
	frameHandshake    = 0x0100
	frameBlockNotify  = 0x0101
	frameRPC          = 0x0102
	frameAMOPRequest  = 0x0111
	frameBroadcast    = 0x0112
	frameAMOPResponse = 0x0113
	frameSubTopic     = 0x0110
	framePush         = 0x0122
)

// frame is a message of protocol §2.1.
type frame struct {
	version, kind uint16
	status        int16
	seq           string
	ext           uint16
	payload       []byte
}

func parseFrame(data []byte) (f frame, ok bool) {
	if len(data) < 10 || len(data) < 10+int(binary.BigEndian.Uint16(data[6:])) {
		return f, false
	}
	n := 8 + int(binary.BigEndian.Uint16(data[6:]))
	return frame{
		version: binary.BigEndian.Uint16(data), kind: binary.BigEndian.Uint16(data[2:]), status: int16(binary.BigEndian.Uint16(data[4:])),
		seq: string(data[8:n]), ext: binary.BigEndian.Uint16(data[n:]), payload: data[n+2:],
	}, true
}

func (f frame) bytes() []byte {
	var b []byte
	b = binary.BigEndian.AppendUint16(b, f.version)
	b = binary.BigEndian.AppendUint16(b, f.kind)
	b = binary.BigEndian.AppendUint16(b, uint16(f.status))
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.seq)))
	b = append(b, f.seq...)
	b = binary.BigEndian.AppendUint16(b, f.ext)
	return append(b, f.payload...)
}

func (f frame) String() string {
	return fmt.Sprintf("version %d type %#04x status %d seq %q ext %d payload %.200q", f.version, f.kind, f.status, f.seq, f.ext, f.payload)
}

// poison is a message that makes a node's session or its whole WebSocket service
// stand still (protocol §5.7); here it ends the session.
func poison(data []byte) bool {
	f, ok := parseFrame(data)
	if !ok {
		return len(data) >= 10
	}
	return (f.kind == frameAMOPRequest || f.kind == frameBroadcast) && (len(f.payload) < 6 || len(f.payload) < 6+int(binary.BigEndian.Uint16(f.payload[4:])))
}

func handshakeHeight(f frame) (uint64, bool) {
	var answer struct{ GroupBlockNumber []map[string]uint64 }
	if f.kind != frameHandshake || decode(string(f.payload), &answer) != nil {
		return 0, false
	}
	for _, group := range answer.GroupBlockNumber {
		for _, n := range group {
			return n, true
		}
	}
	return 0, false
}

// blockOf is the block that a frame tells of.
func blockOf(f frame) (uint64, bool) {
	var v struct {
		BlockNumber *uint64
		Result      []struct{ BlockNumber uint64 }
	}
	if decode(string(f.payload), &v) != nil {
		return 0, false
	}
	if v.BlockNumber != nil {
		return *v.BlockNumber, true
	}
	if len(v.Result) > 0 {
		return v.Result[0].BlockNumber, true
	}
	return 0, false
}

func memberID(f frame) string {
	var v struct{ ID any }
	_ = decode(string(f.payload), &v)
	return fmt.Sprint(v.ID)
}

// frameExchanges are the JSON-RPC requests in frames, and their answers.
func frameExchanges(cases []*recordedCase) (all []*exchange) {
	open := map[string]*exchange{}
	for _, c := range cases {
		for _, it := range c.items {
			f, ok := parseFrame(unhex(it.text))
			switch {
			case !ok || it.kind == remark:
			case it.kind == sent && f.kind == frameRPC:
				open[f.seq] = &exchange{request: string(f.payload), line: it.line}
				all = append(all, open[f.seq])
			case it.kind == received && f.kind == frameReply && open[f.seq] != nil:
				open[f.seq].answer, open[f.seq].answered = string(f.payload), true
			}
		}
	}
	return all
}
