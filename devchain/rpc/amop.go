package rpc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Statuses of AMOP failures; they come in a frame of type 0 (protocol §7.4).
const (
	statusNoSubscriber = 3001
	statusNoClient     = 3002
	statusSendFailed   = 3003
	statusLeft         = -4006
	statusSilent       = -4008
)

// maxTopics of one session; further ones are not taken. A real node takes any number.
const maxTopics = 4096

var (
	errAMOP     = errors.New("AMOP message is cut off")
	errNoAnswer = errors.New("the subscriber does not answer")
	errGone     = errors.New("the subscriber has left")
)

// subscriber is who takes AMOP messages: a session of this node.
type subscriber interface {
	// ask sends a request on and waits for the frame that comes back. errNoAnswer
	// when the subscriber is silent, errGone when the subscriber leaves, else the error of ctx.
	// Of the requests that a leaving subscriber owes, all but one end with no frame.
	ask(ctx context.Context, f frame) (*frame, error)
	// tell sends a message on; it never blocks.
	tell(f frame)
}

// amop knows who has subscribed to which topic.
type amop struct {
	others Neighbors     // nil: there are none
	wait   time.Duration // for an answer of a neighbor

	mu     sync.Mutex
	topics map[string][]subscriber // guarded by mu; no empty lists
}

// add subscribes to topics. What was subscribed before stays (protocol §7.4).
func (a *amop) add(s subscriber, topics []string) {
	a.mu.Lock()
	before := len(a.topics)
	if a.topics == nil {
		a.topics = map[string][]subscriber{}
	}
	for _, topic := range topics {
		if !slices.Contains(a.topics[topic], s) {
			a.topics[topic] = append(a.topics[topic], s)
		}
	}
	changed := len(a.topics) != before
	a.mu.Unlock()
	a.announce(changed)
}

// remove ends the subscriptions of s to topics.
func (a *amop) remove(s subscriber, topics []string) {
	a.mu.Lock()
	before := len(a.topics)
	for _, topic := range topics {
		left := slices.DeleteFunc(a.topics[topic], func(other subscriber) bool { return other == s })
		if len(left) == 0 {
			delete(a.topics, topic)
			continue
		}
		a.topics[topic] = left
	}
	changed := len(a.topics) != before
	a.mu.Unlock()
	a.announce(changed)
}

func (a *amop) announce(changed bool) {
	if changed && a.others != nil {
		a.others.TopicsChanged()
	}
}

// list is every topic once.
func (a *amop) list() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.topics))
}

// choose takes a subscriber of the topic at random, or nil.
func (a *amop) choose(topic string) subscriber {
	a.mu.Lock()
	defer a.mu.Unlock()
	if all := a.topics[topic]; len(all) > 0 {
		return all[mathrand.IntN(len(all))]
	}
	return nil
}

// broadcast sends f to all subscribers of the topic in the chain, the sender too if
// it is one. Those of other nodes see it without the sender's seq.
func (a *amop) broadcast(topic string, f frame) {
	a.tellOwn(topic, f)
	if a.others != nil {
		a.others.Tell(topic, f.Payload)
	}
}

// tellOwn sends f to the subscribers that this node has.
func (a *amop) tellOwn(topic string, f frame) {
	a.mu.Lock()
	all := slices.Clone(a.topics[topic])
	a.mu.Unlock()
	for _, s := range all {
		s.tell(f)
	}
}

// request brings f to one subscriber of the topic and gives the frame for the
// caller, or nil for none, when ctx ends first. As on a node, clients of other nodes
// come first, and only when there are none those of this one. What fails is tried
// once more with a subscriber of this node, which then sees the caller's own frame,
// and whose answer goes back as it is; failing twice is a frame without anything in it.
func (a *amop) request(ctx context.Context, topic string, f frame) *frame {
	answer, failed := a.first(ctx, topic, f)
	if ctx.Err() != nil {
		return nil
	}
	if failed == nil {
		answer.Seq = f.Seq
		return &answer
	}
	second := a.choose(topic)
	if second == nil {
		if failed.ownLeft { // a node still counts on it, and fails twice
			return &frame{Type: typeReply}
		}
		return &frame{Type: typeReply, Status: failed.status, Seq: f.Seq, Payload: []byte(failed.text)}
	}
	again, err := second.ask(ctx, f)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil || again == nil:
		return &frame{Type: typeReply}
	}
	return again
}

// amopFailure is why a request has no answer.
type amopFailure struct {
	status  int16
	text    string
	ownLeft bool // a subscriber of this node has left
}

// first is the first attempt of a request.
func (a *amop) first(ctx context.Context, topic string, f frame) (frame, *amopFailure) {
	if answer, failed, asked := a.askOthers(ctx, topic, f.Payload); asked {
		return answer, failed
	}
	answer, failed := a.askOwn(ctx, topic, f.Payload)
	if failed != nil && failed.status == statusNoClient {
		failed.status, failed.text = statusNoSubscriber, "there has no node subscribe this topic, topic: "+topic
	}
	return answer, failed
}

// askOwn brings a request to a subscriber that this node has, under a seq of the
// node's own.
func (a *amop) askOwn(ctx context.Context, topic string, payload []byte) (frame, *amopFailure) {
	s := a.choose(topic)
	if s == nil {
		return frame{}, &amopFailure{status: statusNoClient, text: "NotFoundClientByTopicDispatchMsg"}
	}
	answer, err := s.ask(ctx, frame{Type: typeAMOPRequest, Seq: newSeq(), Payload: payload})
	switch {
	case errors.Is(err, errGone):
		return frame{}, &amopFailure{status: statusLeft, text: "Drop, the session has been disconnected, reason: -4001", ownLeft: true}
	case err != nil:
		return frame{}, &amopFailure{status: statusSilent, text: "waiting for message response timed out"}
	case answer == nil:
		return frame{}, nil
	}
	return *answer, nil
}

// newSeq is a version 4 UUID without dashes.
func newSeq() []byte {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return hex.AppendEncode(nil, id[:])
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

// parseTopicList reads an AMOP_SUBTOPIC payload. A payload that cannot be read
// has no topics: it is passed over without a word.
func parseTopicList(payload []byte) []string {
	members, ok := object(payload)
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if items = list(members["topics"]); items == nil {
		return nil
	}
	topics := make([]string, len(items))
	for i, item := range items {
		if topics[i], ok = asString(item); !ok {
			return nil
		}
	}
	return topics
}
