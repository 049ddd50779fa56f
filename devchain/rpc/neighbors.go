package rpc

import (
	"context"
	mathrand "math/rand/v2"
	"time"
)

// Neighbors are the other nodes of the chain whose clients take part in AMOP
// (protocol §7.4). A node is known by a number that stays the same.
type Neighbors interface {
	// TopicsChanged says that Server.Topics gives another list. It never blocks.
	TopicsChanged()
	// Subscribed are the nodes that can be reached and have a client for the topic.
	Subscribed(topic string) []int
	// Ask brings the payload of a request to Server.AskClient of a node and waits for
	// what that gives. An error says that the node cannot be reached, has been lost
	// meanwhile, or that ctx has ended.
	Ask(ctx context.Context, node int, payload []byte) (status int16, answer []byte, err error)
	// Tell brings the payload of a broadcast to Server.TellClients of all nodes that
	// have a client for the topic. It never blocks, and nobody hears when a node has
	// no room for it.
	Tell(topic string, payload []byte)
}

// neighborGrace is what a neighbor has for its answer beyond the time that its
// client has. A real node waits without end.
const neighborGrace = 10 * time.Second

// askOthers brings a request to one node after the other, in random order, until one
// can be reached; asked is false when none has a client for the topic.
func (a *amop) askOthers(ctx context.Context, topic string, payload []byte) (answer frame, failed *amopFailure, asked bool) {
	if a.others == nil {
		return frame{}, nil, false
	}
	nodes := a.others.Subscribed(topic)
	mathrand.Shuffle(len(nodes), func(i, k int) { nodes[i], nodes[k] = nodes[k], nodes[i] })
	for _, node := range nodes {
		waiting, cancel := context.WithTimeout(ctx, a.wait+neighborGrace)
		status, data, err := a.others.Ask(waiting, node, payload)
		cancel()
		switch {
		case ctx.Err() != nil:
			return frame{}, nil, true
		case err != nil:
			continue
		case status != 0:
			return frame{}, &amopFailure{status: status, text: string(data)}, true
		}
		answer, _ = parseFrame(data) // none, of a client that has left, is an empty one
		return answer, nil, true
	}
	return frame{}, &amopFailure{status: statusSendFailed, text: "unable to send message to peer by topic"}, len(nodes) > 0
}

// Topics are those that clients of this node have subscribed to, each once, in the
// order of their bytes.
func (s *Server) Topics() []string { return s.amop.list() }

// AskClient brings the payload of an AMOP request of another node to a client of
// this one, and waits for it. What it gives is for the caller's node: a status and
// its text, or 0 and the frame that the client has answered with, which is empty
// when the client has left without one.
func (s *Server) AskClient(ctx context.Context, payload []byte) (status int16, answer []byte) {
	topic, err := amopTopic(payload)
	if err != nil { // no node of ours sends that on
		return statusSendFailed, []byte(err.Error())
	}
	f, failed := s.amop.askOwn(ctx, topic, payload)
	switch {
	case failed != nil:
		return failed.status, []byte(failed.text)
	case len(f.Seq) == 0:
		return 0, nil
	}
	return 0, f.bytes()
}

// TellClients brings the payload of an AMOP broadcast of another node to all clients
// of this one that have subscribed to its topic. It never blocks.
func (s *Server) TellClients(payload []byte) {
	if topic, err := amopTopic(payload); err == nil {
		s.amop.tellOwn(topic, frame{Type: typeAMOPBroadcast, Payload: payload})
	}
}
