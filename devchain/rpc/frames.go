package rpc

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Protocol versions of the handshake that a 3.6 or later node speaks.
const (
	lowestProtocol  = 0
	highestProtocol = 2
)

// statusNoSubscriber is the AMOP status "no node has a subscriber" (protocol §7.4).
const statusNoSubscriber = 3001

var errAMOP = errors.New("AMOP message is cut off")

// handle serves one frame. It does not wait for the ledger; an error ends the
// session. Types that a client has no business to send are ignored, as a node does.
func (s *session) handle(ctx context.Context, f frame) error {
	switch f.Type {
	case typeRPC:
		s.start(ctx, func() []byte {
			return frame{Type: typeReply, Seq: f.Seq, Ext: f.Ext, Payload: s.server.answer(ctx, f.Payload)}.bytes()
		})
	case typeHandshake:
		return s.handshake(f)
	case typeEventSubscribe:
		s.subscribe(ctx, f)
	case typeEventUnsubscribe:
		s.unsubscribe(f)
	case typeAMOPRequest:
		topic, err := amopTopic(f.Payload)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("there has no node subscribe this topic, topic: %s", topic)
		s.send(frame{Type: typeReply, Status: statusNoSubscriber, Seq: f.Seq, Ext: f.Ext, Payload: []byte(text)}.bytes(), nil)
	case typeAMOPBroadcast:
		// Nobody is subscribed. A damaged one stops a real node's WebSocket service.
		_, err := amopTopic(f.Payload)
		return err
	}
	return nil
}

// reply sends payload back in the frame of a request: same type, seq and ext.
func (s *session) reply(f frame, payload any) {
	text, err := line(payload)
	if err != nil {
		s.cancel(err)
		return
	}
	f.Payload = text
	s.send(f.bytes(), nil)
}

// amopTopic reads the head of an AMOP payload: 32 bits of version, 16 bits of
// length, topic.
func amopTopic(payload []byte) (string, error) {
	if len(payload) < 6 {
		return "", errAMOP
	}
	n := int(binary.BigEndian.Uint16(payload[4:]))
	if len(payload) < 6+n {
		return "", errAMOP
	}
	return string(payload[6 : 6+n]), nil
}

// handshake answers a HANDSHAKE frame (protocol §2.3). What cannot be read stays
// unanswered; versions that do not meet end the session.
func (s *session) handshake(f frame) error {
	var offer struct {
		MinVersion json.RawMessage `json:"minVersion"`
		MaxVersion json.RawMessage `json:"maxVersion"`
		ModuleID   json.RawMessage `json:"moduleID"`
	}
	v, err := firstValue(f.Payload)
	if err != nil || v[0] != '{' || json.Unmarshal(v, &offer) != nil {
		return nil
	}
	lowest, wrongLowest := asInt64(offer.MinVersion)
	highest, wrongHighest := asInt64(offer.MaxVersion)
	module, wrongModule := asInt64(offer.ModuleID)
	// Modules up to 3 are known; an RPC client is 2 and most leave it at that.
	if wrongLowest != nil || wrongHighest != nil || wrongModule != nil || module < 0 || module > 3 {
		return nil
	}
	if lowest > highestProtocol || highest < lowestProtocol {
		return errHandshake
	}
	head := s.server.ledger.Head()
	s.reply(f, struct {
		GroupBlockNumber []map[string]uint64 `json:"groupBlockNumber"`
		GroupInfoList    []groupInfo         `json:"groupInfoList"`
		ProtocolVersion  int64               `json:"protocolVersion"`
	}{
		GroupBlockNumber: []map[string]uint64{{s.server.genesis.GroupID: head.Number}},
		GroupInfoList:    []groupInfo{s.server.groupInfo()},
		ProtocolVersion:  min(highest, highestProtocol),
	})
	return nil
}
