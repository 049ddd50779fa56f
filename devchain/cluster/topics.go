package cluster

import (
	"context"
	"net"
	"slices"
	"time"
)

const (
	// maxTopics and maxTopicBytes are what one node names to the others; further
	// topics have subscribers on their own node only.
	maxTopics     = 16384
	maxTopicBytes = 1 << 20
	// maxTopicsBody has room for the RLP of such a list.
	maxTopicsBody = maxTopicBytes + 4*maxTopics + 8
	// newsPause lies between two lists of topics, so that many subscriptions in a row
	// make few of them.
	newsPause = 20 * time.Millisecond
)

// toldTopics is what a sealer has said on a connection. They end with the connection;
// while an old one has not ended yet, its topics count beside those of a newer one.
type toldTopics struct {
	sealer int
	set    map[string]struct{}
}

// areFew tells whether a list keeps within the bounds.
func (t topics) areFew() bool {
	bytes := 0
	for _, topic := range t.List {
		bytes += len(topic)
	}
	return len(t.List) <= maxTopics && bytes <= maxTopicBytes
}

// within leaves out what a list has no room for.
func within(list []string) topics {
	t := topics{List: []string{}}
	bytes := 0
	for _, topic := range list {
		if len(t.List) < maxTopics && bytes+len(topic) <= maxTopicBytes {
			t.List, bytes = append(t.List, topic), bytes+len(topic)
		}
	}
	return t
}

// TopicsChanged says that the clients have other topics than before. It never blocks.
func (n *Node) TopicsChanged() {
	select {
	case n.news <- struct{}{}:
	default: // the token that is there already will do
	}
}

// tellTopics keeps the other nodes informed of what this one's clients have
// subscribed. A node that has no room for the list gets it later.
func (n *Node) tellTopics(ctx context.Context) {
	if n.clients == nil {
		return
	}
	for {
		select {
		case <-n.news:
		case <-ctx.Done():
			return
		}
		all := n.clients.Topics()
		list := within(all)
		if left := len(all) - len(list.List); left > 0 {
			n.log.Warn("topics are not told to the other nodes: there are too many", "left out", left)
		}
		wait := newsPause
		if !n.reachAll(frame(list)) {
			n.TopicsChanged()
			wait = beat
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (n *Node) noteTopics(sealer int, conn net.Conn, t topics) {
	set := make(map[string]struct{}, len(t.List))
	for _, topic := range t.List {
		set[topic] = struct{}{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.topics[conn] = toldTopics{sealer, set}
}

func (n *Node) forgetTopics(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.topics, conn)
}

// Subscribed are the sealers whose nodes are connected and have clients that have
// subscribed to a topic.
func (n *Node) Subscribed(topic string) []int {
	n.mu.Lock()
	var found []int
	for _, told := range n.topics {
		if _, ok := told.set[topic]; ok {
			found = append(found, told.sealer)
		}
	}
	n.mu.Unlock()
	slices.Sort(found)
	return slices.DeleteFunc(slices.Compact(found), func(sealer int) bool { return !n.connected(sealer) })
}
