package fisco

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
)

// The operations of the errors about AMOP.
const (
	opPublish   = "publish"
	opBroadcast = "broadcast"
	opTopics    = "subscribe topics"
)

const (
	// amopHeaderLen is the length of an AMOP payload without topic and data.
	amopHeaderLen = 6
	// maxAMOPTopics is how many topics a frame may name, as the shield says.
	maxAMOPTopics = 1000
	// amopHandlers is how many messages of one connection are handled at a time.
	amopHandlers = 16
)

// AMOPMessage is a message that another client of the network sent to a topic of
// ours (protocol §7.4).
type AMOPMessage struct {
	Topic     string
	Data      []byte // the handler's own
	Broadcast bool   // went to all subscribers, and nobody waits for an answer
}

// What is wrong with an AMOP payload; errors of ParseAMOP wrap one of these.
var (
	ErrAMOPShort   = errors.New("AMOP payload is shorter than its header")
	ErrAMOPVersion = errors.New("AMOP payload has a version that is not known")
	ErrAMOPTopic   = errors.New("AMOP payload has a topic that runs past its end")
)

// AppendAMOP writes the payload of an AMOP message behind dst. A topic that is
// empty or longer than 65535 bytes, or data that no message can carry, is
// KindInvalid: malformed AMOP ends the WebSocket service of a whole node.
func AppendAMOP(dst []byte, topic string, data []byte) ([]byte, error) {
	if err := shield.AMOP("encode AMOP", topic, data); err != nil {
		return nil, err
	}
	dst = binary.BigEndian.AppendUint32(dst, 0) // version
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(topic)))
	return append(append(dst, topic...), data...), nil
}

// ParseAMOP reads the payload of an AMOP message. The data shares b's memory.
func ParseAMOP(b []byte) (topic string, data []byte, err error) {
	if len(b) < amopHeaderLen {
		return "", nil, fmt.Errorf("%w: %d bytes", ErrAMOPShort, len(b))
	}
	if version := binary.BigEndian.Uint32(b); version != 0 {
		return "", nil, fmt.Errorf("%w: %d", ErrAMOPVersion, version)
	}
	n, rest := int(binary.BigEndian.Uint16(b[4:])), b[amopHeaderLen:]
	if n > len(rest) {
		return "", nil, fmt.Errorf("%w: %d bytes where %d are left", ErrAMOPTopic, n, len(rest))
	}
	return string(rest[:n]), rest[n:], nil
}

// amopKinds is what the statuses of an answer mean (protocol §7.4).
var amopKinds = map[int16]chain.Kind{
	3001: chain.KindNotFound,    // nobody in the network has subscribed the topic
	3002: chain.KindNotFound,    // the node that was chosen has no client for it
	3003: chain.KindUnavailable, // sending failed
	3004: chain.KindInvalid,     // the packet is not supported
}

// Publish asks one subscriber of a topic, any in the network, and gives its
// answer. KindNotFound says that there is none. A subscriber that stays silent is
// asked again by the node after 30 s, and Publish waits as long as ctx allows
// (protocol §7.4): give it a deadline. A subscriber that leaves meanwhile is
// KindUnavailable. The error's Sent says whether somebody may have the message.
func (c *Client) Publish(ctx context.Context, topic string, data []byte) ([]byte, error) {
	answer, taken, err := c.conn.do(ctx, FrameAMOPRequest, amopBuilder(topic, data))
	switch {
	case err != nil:
		return nil, c.amopFailure(opPublish, taken, err)
	case answer.Status != 0:
		return nil, c.at(amopRefused(answer))
	case answer.Type != FrameAMOPResponse: // what a node sends for a subscriber that is gone
		return nil, c.at(&chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentMaybe, Op: opPublish, Msg: "the subscriber left without an answer"})
	}
	return answer.Payload, nil
}

func amopRefused(answer Frame) *chain.Error {
	e := &chain.Error{Kind: chain.KindNode, Sent: chain.SentMaybe, Op: opPublish, Code: int(answer.Status), Msg: string(answer.Payload)}
	if kind, known := amopKinds[answer.Status]; known {
		e.Kind = kind
	}
	if e.Kind == chain.KindNotFound || e.Kind == chain.KindInvalid {
		e.Sent = chain.SentNo
	}
	return e
}

// Broadcast sends to all subscribers of a topic. Nobody answers, and no error
// says that somebody got it. It blocks until the message is in line for sending.
func (c *Client) Broadcast(ctx context.Context, topic string, data []byte) error {
	if err := c.conn.post(ctx, Frame{Type: FrameAMOPBroadcast}, amopBuilder(topic, data)); err != nil {
		return c.amopFailure(opBroadcast, false, err)
	}
	return nil
}

// SubscribeTopics makes this client a subscriber of topics: what is sent to them
// comes to DialConfig.OnAMOP. Earlier topics stay; there is no way to give one up
// but to end the connection (protocol §7.4). No answer comes, so nil only says
// that the request is in line for sending.
func (c *Client) SubscribeTopics(ctx context.Context, topics ...string) error {
	if c.cfg.OnAMOP == nil {
		return c.at(&chain.Error{Kind: chain.KindInvalid, Sent: chain.SentNo, Op: opTopics, Msg: "there is no OnAMOP to take messages"})
	}
	payload, err := topicsPayload(topics)
	if err != nil {
		return c.at(err)
	}
	c.amopWanted.Store(true)
	err = c.conn.post(ctx, Frame{Type: FrameAMOPSubscribe}, func(dst []byte) ([]byte, error) { return append(dst, payload...), nil })
	if err != nil {
		return c.unanswered(opTopics, false, err)
	}
	return nil
}

func topicsPayload(topics []string) ([]byte, error) {
	payload, err := json.Marshal(struct {
		Topics []string `json:"topics"`
	}{append([]string{}, topics...)}) // never null
	if err != nil {
		return nil, err
	}
	return payload, shield.AMOPTopics(opTopics, payload)
}

// AMOPDropped is how many messages were dropped because as many as are handled
// at a time were being handled.
func (c *Client) AMOPDropped() uint64 { return c.amopDropped.Load() }

func amopBuilder(topic string, data []byte) func([]byte) ([]byte, error) {
	return func(dst []byte) ([]byte, error) { return AppendAMOP(dst, topic, data) }
}

// amopFailure tells a message that was refused here from one that could not be sent.
func (c *Client) amopFailure(op string, taken bool, err error) error {
	if refused, ok := errors.AsType[*chain.Error](err); ok {
		refused.Op = op
		return c.at(refused)
	}
	return c.unanswered(op, taken, err)
}

// pushAMOP gives a message to a handler of its own, or drops it when all are
// busy: the reading goroutine must not wait.
func (c *Client) pushAMOP(f Frame) {
	if !c.amopWanted.Load() {
		return
	}
	topic, data, err := ParseAMOP(f.Payload)
	if err != nil {
		c.log.Warn("AMOP message cannot be read", "error", err)
		return
	}
	message := AMOPMessage{Topic: topic, Data: bytes.Clone(data), Broadcast: f.Type == FrameAMOPBroadcast}
	seq := bytes.Clone(f.Seq)
	select {
	case c.amopSlots <- struct{}{}:
	default:
		c.log.Warn("AMOP message dropped: all handlers are busy", "topic", topic, "dropped", c.amopDropped.Add(1))
		return
	}
	handle := func() {
		defer func() { <-c.amopSlots }()
		answer := c.cfg.OnAMOP(message)
		if !message.Broadcast {
			c.answerAMOP(seq, answer)
		}
	}
	if !c.owned.start(handle) {
		<-c.amopSlots
	}
}

// answerAMOP answers the request that came with seq.
func (c *Client) answerAMOP(seq, answer []byte) {
	header := Frame{Type: FrameAMOPResponse, Seq: seq}
	if len(seq) == 0 {
		return // nobody could tell what is answered
	}
	if err := c.conn.post(c.life, header, func(dst []byte) ([]byte, error) { return append(dst, answer...), nil }); err != nil {
		c.log.Warn("AMOP answer was not sent", "error", err)
	}
}
