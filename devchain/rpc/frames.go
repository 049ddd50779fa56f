package rpc

import (
	"context"
	"encoding/json"

	"github.com/bcosgate/bcosgate/devchain/faults"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// Protocol versions of the handshake that a 3.6 or later node speaks.
const (
	lowestProtocol  = 0
	highestProtocol = 2
)

// receive serves one frame. It does not wait for the ledger; an error ends the
// session.
func (s *session) receive(ctx context.Context, f frame) error {
	if s.owed.settle(f) {
		return nil
	}
	switch f.Type {
	case typeRPC:
		s.start(ctx, func() []byte { return s.server.answer(ctx, f.Payload, s.way(f)) })
		return nil
	case typeAMOPRequest:
		topic, err := amopTopic(f.Payload)
		if err != nil {
			return err // it stops a real node's WebSocket service
		}
		s.start(ctx, func() []byte {
			return s.server.cfg.Faults.Do(ctx, s.exchange(f, func(context.Context) []byte { return s.request(topic, f) }))
		})
		return nil
	}
	answered := make(chan struct{})
	defer close(answered)
	var failure error
	message := s.server.cfg.Faults.Do(ctx, s.exchange(f, func(ctx context.Context) []byte {
		var message []byte
		message, failure = s.handle(ctx, f, answered)
		return message
	}))
	if message != nil {
		s.send(message, nil)
	}
	return failure
}

// exchange is what faults are told of a frame.
func (s *session) exchange(f frame, serve func(context.Context) []byte) faults.Exchange {
	return faults.Exchange{
		Point: s.server.point(frameName(f.Type), faults.WebSocket),
		Line:  s.line(),
		Serve: serve, Damage: damagedFrame,
	}
}

// request is the answer to an AMOP request; nil when the session ends before.
func (s *session) request(topic string, f frame) []byte {
	answer := s.server.amop.request(s.asking, topic, f)
	if answer == nil {
		return nil
	}
	return answer.bytes()
}

// handle serves a frame that is answered at once, and gives the answer; nil when
// there is none. What the answer begins must wait for answered. Types that a
// client has no business to send are ignored, as a node does.
func (s *session) handle(ctx context.Context, f frame, answered <-chan struct{}) ([]byte, error) {
	switch f.Type {
	case typeHandshake:
		return s.handshake(ctx, f)
	case typeEventSubscribe:
		return s.subscribe(f, answered)
	case typeEventUnsubscribe:
		return s.unsubscribe(f)
	case typeAMOPSubTopic:
		s.server.amop.add(s, s.owed.subscribe(parseTopicList(f.Payload)))
	case typeAMOPBroadcast:
		topic, err := amopTopic(f.Payload)
		if err != nil {
			return nil, err
		}
		s.server.amop.broadcast(topic, f)
	}
	return nil, nil
}

// reply puts payload into the frame of a request: same type, seq and ext.
func reply(f frame, payload any) ([]byte, error) {
	text, err := line(payload)
	if err != nil {
		return nil, err
	}
	f.Payload = text
	return f.bytes(), nil
}

// handshake answers a HANDSHAKE frame (protocol §2.3). What cannot be read stays
// unanswered; versions that do not meet end the session.
func (s *session) handshake(ctx context.Context, f frame) ([]byte, error) {
	var offer struct {
		MinVersion json.RawMessage `json:"minVersion"`
		MaxVersion json.RawMessage `json:"maxVersion"`
		ModuleID   json.RawMessage `json:"moduleID"`
	}
	v, err := nodejson.First(f.Payload)
	if err != nil || v[0] != '{' || json.Unmarshal(v, &offer) != nil {
		return nil, nil
	}
	lowest, wrongLowest := asInt64(offer.MinVersion)
	highest, wrongHighest := asInt64(offer.MaxVersion)
	module, wrongModule := asInt64(offer.ModuleID)
	// Modules up to 3 are known; an RPC client is 2 and most leave it at that.
	if wrongLowest != nil || wrongHighest != nil || wrongModule != nil || module < 0 || module > 3 {
		return nil, nil
	}
	if lowest > highestProtocol || highest < lowestProtocol {
		return nil, errHandshake
	}
	number := faults.Height(ctx, s.server.ledger.Head().Number)
	return reply(f, struct {
		GroupBlockNumber []map[string]uint64 `json:"groupBlockNumber"`
		GroupInfoList    []groupInfo         `json:"groupInfoList"`
		ProtocolVersion  int64               `json:"protocolVersion"`
	}{
		GroupBlockNumber: []map[string]uint64{{s.server.genesis.GroupID: number}},
		GroupInfoList:    []groupInfo{s.server.groupInfo()},
		ProtocolVersion:  min(highest, highestProtocol),
	})
}
