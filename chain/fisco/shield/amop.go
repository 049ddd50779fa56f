package shield

import (
	"encoding/binary"
	"math"
)

const (
	// amopHeaderLen is that of version and topic length (protocol §7.4).
	amopHeaderLen = 6
	// maxList is how many addresses, topics of one position or AMOP topics a
	// request may carry. It is a choice, far above use: a node compares every log
	// of every block with each.
	maxList = 1000
)

// AMOP refuses the parts of an AMOP request or broadcast: the topic has 1 to
// 65535 bytes, and both together fit into a message.
func AMOP(op, topic string, data []byte) error { return border(op, amop(topic, data)) }

func amop(topic string, data []byte) *Refusal {
	switch {
	case topic == "":
		return refuse(PoisonAMOP, "AMOP topic is empty")
	case len(topic) > math.MaxUint16:
		return refuse(PoisonAMOP, "AMOP topic has %d bytes, more than %d", len(topic), math.MaxUint16)
	case len(topic)+len(data) > MaxData:
		return refuse(PoisonSize, "AMOP message has more than %d bytes", MaxData)
	}
	return nil
}

// AMOPPayload refuses the payload of an AMOP request or broadcast unless it is
// whole: version 0, the length of a topic, the topic, then data of any length.
func AMOPPayload(op string, b []byte) error { return border(op, amopPayload(b)) }

func amopPayload(b []byte) *Refusal {
	if len(b) < amopHeaderLen {
		return refuse(PoisonAMOP, "AMOP payload has %d bytes, fewer than %d", len(b), amopHeaderLen)
	}
	if version := binary.BigEndian.Uint32(b); version != 0 {
		return refuse(PoisonAMOP, "AMOP payload has version %d, not 0", version)
	}
	n, rest := int(binary.BigEndian.Uint16(b[4:])), b[amopHeaderLen:]
	if n > len(rest) {
		return refuse(PoisonAMOP, "AMOP topic of %d bytes runs past the end", n)
	}
	return amop(string(rest[:n]), rest[n:])
}

// AMOPTopics refuses the payload of an AMOP subscription unless it is a JSON
// object with a list of at most 1000 topics and nothing else. The list may be
// empty, as official clients send it.
func AMOPTopics(op string, payload []byte) error { return border(op, amopTopics(payload)) }

func amopTopics(payload []byte) *Refusal {
	object, r := decodeObject(PoisonTopics, payload, "topics")
	if r != nil {
		return r
	}
	topics, ok := object["topics"].([]any)
	if !ok || len(topics) > maxList {
		return refuse(PoisonTopics, "topics are no list of at most %d texts", maxList)
	}
	for _, topic := range topics {
		if text, ok := topic.(string); !ok || text == "" || len(text) > math.MaxUint16 {
			return refuse(PoisonTopics, "a topic is no text of 1 to %d bytes", math.MaxUint16)
		}
	}
	return nil
}
