package cluster

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"
)

const (
	// maxServing asks of all other nodes, with maxServingBytes of payload, wait for
	// clients of this node; one more is answered with statusSendFailed.
	maxServing      = 4096
	maxServingBytes = 128 << 20
	// roomPause is the time between two attempts to send an answer.
	roomPause = 20 * time.Millisecond
)

// statusSendFailed and its text are a node's for a message that cannot be passed on
// (protocol §7.4).
const (
	statusSendFailed = 3003
	textSendFailed   = "unable to send message to peer by topic"
)

// ErrUnreachable says that a node is not connected, has no room for a message, or has
// been lost before it answered.
var ErrUnreachable = errors.New("the node cannot be reached")

// Clients are the clients of a node that take part in AMOP (protocol §7.4).
type Clients interface {
	// Topics are those that somebody has subscribed, each once.
	Topics() []string
	// AskClient brings the payload of a request to one of them and waits for what is
	// to be told to the node that asked, at most until ctx ends.
	AskClient(ctx context.Context, payload []byte) (status int16, answer []byte)
	// TellClients brings the payload of a broadcast to them. It never blocks.
	TellClients(payload []byte)
}

// reachAll is false when a node that is there has no room for a frame.
func (n *Node) reachAll(frame []byte) bool {
	all := true
	for sealer := range n.sealers.members {
		if !n.sendOnce(sealer, frame) && n.reaches(sealer) {
			all = false
		}
	}
	return all
}

// sendOnce sends an AMOP message on one connection only; false when that cannot be.
func (n *Node) sendOnce(to int, frame []byte) bool {
	return slices.ContainsFunc(n.links, func(l *link) bool { return l.send(to, frame, talk) })
}

// Tell brings the payload of a broadcast to the clients of all other nodes that have
// subscribed to its topic. It never blocks; a node that has no room for it is left out.
func (n *Node) Tell(topic string, payload []byte) {
	found := n.Subscribed(topic)
	if len(found) == 0 {
		return
	}
	frame := frame(tell{payload})
	for _, sealer := range found {
		if !n.sendOnce(sealer, frame) {
			n.log.Warn("an AMOP broadcast is not passed on: a node reads too slowly", "sealer", sealer)
		}
	}
}

// Ask brings the payload of a request to a client of a sealer's node and waits for
// what comes back: a status and its text, or 0 and what the client has answered. It is
// ErrUnreachable when there is no way, or no longer, and else the error of ctx.
func (n *Node) Ask(ctx context.Context, sealer int, payload []byte) (status int16, data []byte, err error) {
	id, answered := n.asked.add(sealer)
	defer n.asked.take(id, sealer)
	if !n.sendOnce(sealer, frame(ask{id, payload})) {
		return 0, nil, ErrUnreachable
	}
	select {
	case m, ok := <-answered:
		if !ok {
			return 0, nil, ErrUnreachable
		}
		return int16(m.Status), m.Data, nil
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

// handleAMOP handles what other nodes say on behalf of clients; false when the
// message is of another sort. It never blocks, so that AMOP does not hold up blocks.
func (n *Node) handleAMOP(ctx context.Context, from int, conn net.Conn, message any) bool {
	switch m := message.(type) {
	case topics:
		n.noteTopics(from, conn, m)
	case answer:
		if answered := n.asked.take(m.ID, from); answered != nil {
			answered <- m
		}
	case tell:
		if n.clients != nil {
			n.clients.TellClients(m.Payload)
		}
	case ask:
		if n.clients == nil || !n.serving.begin(m) {
			n.sendOnce(from, frame(answer{m.ID, statusSendFailed, []byte(textSendFailed)})) // else the other node's time runs out
			return true
		}
		n.owned.Go(func() {
			defer n.serving.end(m)
			status, data := n.clients.AskClient(ctx, m.Payload)
			n.answerAsk(ctx, from, answer{m.ID, uint16(status), data})
		})
	default:
		return false
	}
	return true
}

// answerAsk sends an answer. It waits for room, so that answers to a node that reads
// slowly count among the asks in work.
func (n *Node) answerAsk(ctx context.Context, to int, m answer) {
	frame := frame(m)
	for !n.sendOnce(to, frame) && n.reaches(to) {
		select {
		case <-time.After(roomPause):
		case <-ctx.Done():
			return
		}
	}
}
