package rpc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// Statuses of AMOP failures; they come in a frame of type 0 (protocol §7.4).
const (
	statusNoSubscriber = 3001
	statusSilent       = -4008
)

// maxTopics of one session; further ones are not taken. A real node takes any number.
const maxTopics = 4096

var (
	errAMOP     = errors.New("AMOP message is cut off")
	errNoAnswer = errors.New("the subscriber does not answer")
	errGone     = errors.New("the subscriber has left")
)

// subscriber is who takes AMOP messages: a session of this node. One that stands
// for the subscribers of another node could be put beside them.
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
	mu     sync.Mutex
	topics map[string][]subscriber // guarded by mu; no empty lists
}

// add subscribes to topics. What was subscribed before stays (protocol §7.4).
func (a *amop) add(s subscriber, topics []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.topics == nil {
		a.topics = map[string][]subscriber{}
	}
	for _, topic := range topics {
		if !slices.Contains(a.topics[topic], s) {
			a.topics[topic] = append(a.topics[topic], s)
		}
	}
}

// remove ends the subscriptions of s to topics.
func (a *amop) remove(s subscriber, topics []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, topic := range topics {
		left := slices.DeleteFunc(a.topics[topic], func(other subscriber) bool { return other == s })
		if len(left) == 0 {
			delete(a.topics, topic)
			continue
		}
		a.topics[topic] = left
	}
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

// broadcast sends f to all subscribers of the topic, the sender too if it is one.
func (a *amop) broadcast(topic string, f frame) {
	a.mu.Lock()
	all := slices.Clone(a.topics[topic])
	a.mu.Unlock()
	for _, s := range all {
		s.tell(f)
	}
}

// request brings f to one subscriber of the topic and gives the frame for the
// caller, or nil for none, when ctx ends first. A subscriber sees a seq of the
// node's own; when it lets its time pass or leaves, the request goes out once more
// and then keeps the caller's seq. What comes of that goes back as it is, and
// failing twice is a frame without anything in it, all as on a node.
func (a *amop) request(ctx context.Context, topic string, f frame) *frame {
	first := a.choose(topic)
	if first == nil {
		return &frame{Type: typeReply, Status: statusNoSubscriber, Seq: f.Seq,
			Payload: []byte("there has no node subscribe this topic, topic: " + topic)}
	}
	answer, err := first.ask(ctx, frame{Type: typeAMOPRequest, Seq: newSeq(), Payload: f.Payload})
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil && answer == nil:
		return &frame{Type: typeReply, Seq: f.Seq}
	case err == nil:
		answer.Seq = f.Seq
		return answer
	}
	second := a.choose(topic)
	if second == nil {
		if errors.Is(err, errGone) {
			return &frame{Type: typeReply}
		}
		return &frame{Type: typeReply, Status: statusSilent, Seq: f.Seq, Payload: []byte("waiting for message response timed out")}
	}
	answer, err = second.ask(ctx, f)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil || answer == nil:
		return &frame{Type: typeReply}
	}
	return answer
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
