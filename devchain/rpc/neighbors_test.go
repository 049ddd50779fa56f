package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeNeighbors joins servers of this process without a network. Each server sees
// the others under their numbers.
type fakeNeighbors struct {
	self int

	servers []*Server       // of all nodes
	news    chan []string   // what Topics gave when they changed
	changes func() []string // Topics of the own server

	mu    sync.Mutex
	lost  map[int]bool // guarded by mu; nodes that are subscribed as before, but cannot be reached
	tried map[int]int  // guarded by mu; how often a node was asked
}

func (n *fakeNeighbors) TopicsChanged() { n.news <- n.changes() }

func (n *fakeNeighbors) Subscribed(topic string) []int {
	var found []int
	for i, server := range n.servers {
		if i != n.self && slices.Contains(server.Topics(), topic) {
			found = append(found, i)
		}
	}
	return found
}

// lose cuts a node off, and forgets who was asked before.
func (n *fakeNeighbors) lose(node int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[node], n.tried = true, map[int]int{}
}

var errLost = errors.New("the node is lost")

func (n *fakeNeighbors) Ask(ctx context.Context, node int, payload []byte) (int16, []byte, error) {
	n.mu.Lock()
	n.tried[node]++
	lost := n.lost[node]
	n.mu.Unlock()
	if lost {
		return 0, nil, errLost
	}
	status, answer := n.servers[node].AskClient(ctx, payload)
	return status, answer, ctx.Err()
}

func (n *fakeNeighbors) Tell(topic string, payload []byte) {
	for _, i := range n.Subscribed(topic) {
		n.servers[i].TellClients(payload)
	}
}

// neighborhood is n endpoints that are neighbors.
func neighborhood(t *testing.T, n int, wait time.Duration) ([]*endpoint, []*fakeNeighbors) {
	w := newWorld(t, 1, -1)
	endpoints, all := make([]*endpoint, n), make([]*fakeNeighbors, n)
	for i := range n {
		all[i] = &fakeNeighbors{self: i, lost: map[int]bool{}, tried: map[int]int{}, news: make(chan []string, 100)}
		endpoints[i] = w.endpoint(func(cfg *Config) { cfg.Neighbors, cfg.AMOPWait = all[i], wait })
		all[i].changes = endpoints[i].server.Topics
	}
	for _, neighbors := range all {
		for _, e := range endpoints {
			neighbors.servers = append(neighbors.servers, e.server)
		}
	}
	return endpoints, all
}

func (p *peer) subscribe(topics string) {
	p.t.Helper()
	p.ask(typeAMOPSubTopic, `{"topics":[`+topics+`]}`)
	p.ready()
}

func TestAMOPRequestsGoToClientsOfOtherNodesFirst(t *testing.T) {
	t.Parallel()
	nodes, _ := neighborhood(t, 3, 0)
	caller, own, far := nodes[0].dial(), nodes[0].dial(), nodes[1].dial()
	own.subscribe(`"t","own"`)
	far.subscribe(`"t"`)
	for range 5 { // as a node does, though it has a client of its own
		seq := caller.ask(typeAMOPRequest, topicMessage("t", "hello"))
		asked := far.next(typeAMOPRequest)
		require.Equal(t, topicMessage("t", "hello"), string(asked.Payload))
		require.NotEqual(t, seq, string(asked.Seq))
		far.send(frame{Type: typeAMOPResponse, Status: 5, Ext: 1, Seq: asked.Seq, Payload: []byte("from afar")})
		require.Equal(t, frame{Type: typeAMOPResponse, Status: 5, Ext: 1, Seq: []byte(seq), Payload: []byte("from afar")}, caller.next(typeAMOPResponse, typeReply))
	}
	caller.ask(typeAMOPRequest, topicMessage("own", "hello"))
	own.answer(own.next(typeAMOPRequest).Seq, "from here")
	require.Equal(t, "from here", string(caller.next(typeAMOPResponse, typeReply).Payload))

	seq := caller.ask(typeAMOPRequest, topicMessage("nobody's", "hello"))
	require.Equal(t, frame{
		Type: typeReply, Status: statusNoSubscriber, Seq: []byte(seq), Payload: []byte("there has no node subscribe this topic, topic: nobody's"),
	}, caller.next(typeReply))
}

func TestAMOPRequestsAreSpreadOverNodes(t *testing.T) {
	t.Parallel()
	nodes, _ := neighborhood(t, 3, 0)
	caller, answered := nodes[0].dial(), map[string]bool{}
	for i, name := range []string{"one", "two"} {
		p := nodes[1+i].dial()
		p.subscribe(`"t"`)
		go func() {
			for f := range p.frames {
				if f.Type == typeAMOPRequest {
					_ = p.ws.Write(context.Background(), 2, frame{Type: typeAMOPResponse, Seq: f.Seq, Payload: []byte(name)}.bytes())
				}
			}
		}()
	}
	for range 200 { // that one of two is never taken is as good as impossible
		caller.ask(typeAMOPRequest, topicMessage("t", ""))
		answered[string(caller.next(typeAMOPResponse, typeReply).Payload)] = true
	}
	require.Equal(t, map[string]bool{"one": true, "two": true}, answered)
}

func TestAMOPBroadcastsReachAllNodes(t *testing.T) {
	t.Parallel()
	nodes, _ := neighborhood(t, 3, 0)
	caller := nodes[0].dial()
	caller.subscribe(`"t"`)
	var far []*peer
	for _, node := range nodes[1:] {
		for range 2 {
			p := node.dial()
			p.subscribe(`"t"`)
			far = append(far, p)
		}
	}
	sent := frame{Type: typeAMOPBroadcast, Seq: []byte("the caller's"), Payload: []byte(topicMessage("t", "to all"))}
	caller.send(sent)
	require.Equal(t, sent, caller.next(typeAMOPBroadcast))
	for _, p := range far {
		require.Equal(t, frame{Type: typeAMOPBroadcast, Seq: []byte{}, Payload: sent.Payload}, p.next(typeAMOPBroadcast), "without a seq, as a node sends it on")
	}
}

func TestAMOPNodeThatCannotBeReached(t *testing.T) {
	t.Parallel()
	nodes, neighbors := neighborhood(t, 3, 0)
	caller, one, two := nodes[0].dial(), nodes[1].dial(), nodes[2].dial()
	one.subscribe(`"t"`)
	two.subscribe(`"t"`)
	neighbors[0].lose(1)
	for range 20 {
		caller.ask(typeAMOPRequest, topicMessage("t", ""))
		two.answer(two.next(typeAMOPRequest).Seq, "two")
		require.Equal(t, "two", string(caller.next(typeAMOPResponse, typeReply).Payload), "the next one is asked")
	}
	neighbors[0].lose(2)
	seq := caller.ask(typeAMOPRequest, topicMessage("t", ""))
	require.Equal(t, frame{
		Type: typeReply, Status: statusSendFailed, Seq: []byte(seq), Payload: []byte("unable to send message to peer by topic"),
	}, caller.next(typeReply))
	require.Equal(t, map[int]int{1: 1, 2: 1}, neighbors[0].tried)

	// A client of the same node is the last resort, and sees the caller's frame.
	own := nodes[0].dial()
	own.subscribe(`"t"`)
	seq = caller.ask(typeAMOPRequest, topicMessage("t", "anybody?"))
	asked := own.next(typeAMOPRequest)
	require.Equal(t, seq, string(asked.Seq))
	own.answer(asked.Seq, "me")
	require.Equal(t, frame{Type: typeAMOPResponse, Seq: []byte(seq), Payload: []byte("me")}, caller.next(typeAMOPResponse, typeReply))
}

func TestAMOPClientsOfOtherNodesThatFail(t *testing.T) {
	t.Parallel()
	nodes, neighbors := neighborhood(t, 2, 200*time.Millisecond)
	caller, far := nodes[0].dial(), nodes[1].dial()
	far.subscribe(`"t"`)
	require.Equal(t, []string{"t"}, <-neighbors[1].news)

	seq := caller.ask(typeAMOPRequest, topicMessage("t", "no answer, please"))
	require.Equal(t, frame{
		Type: typeReply, Status: statusSilent, Seq: []byte(seq), Payload: []byte("waiting for message response timed out"),
	}, caller.next(typeReply, typeAMOPResponse))
	far.next(typeAMOPRequest)

	status, text := nodes[1].server.AskClient(t.Context(), []byte(topicMessage("given up", "")))
	require.EqualValues(t, statusNoClient, status)
	require.Equal(t, "NotFoundClientByTopicDispatchMsg", string(text))
	status, _ = nodes[1].server.AskClient(t.Context(), []byte{0, 0, 0, 0, 0, 9})
	require.EqualValues(t, statusSendFailed, status)
	nodes[1].server.TellClients([]byte{0})
	far.ready()
}

func TestAMOPClientOfAnotherNodeThatLeaves(t *testing.T) {
	t.Parallel()
	nodes, neighbors := neighborhood(t, 2, 0)
	caller, far := nodes[0].dial(), nodes[1].dial()
	far.subscribe(`"t"`)
	require.Equal(t, []string{"t"}, <-neighbors[1].news)
	first := caller.ask(typeAMOPRequest, topicMessage("t", "1"))
	far.next(typeAMOPRequest)
	second := caller.ask(typeAMOPRequest, topicMessage("t", "2"))
	far.next(typeAMOPRequest)
	require.NoError(t, far.ws.CloseNow())
	for range 2 {
		switch f := caller.next(typeReply); string(f.Seq) {
		case first: // all but one of a node's requests end with nothing
			require.Zero(t, f.Status)
			require.Empty(t, f.Payload)
		case second:
			require.EqualValues(t, statusLeft, f.Status)
			require.Equal(t, "Drop, the session has been disconnected, reason: -4001", string(f.Payload))
		default:
			require.Fail(t, "the answer to nothing", "%q", f.Seq)
		}
	}
	require.Empty(t, <-neighbors[1].news)
	caller.ask(typeAMOPRequest, topicMessage("t", "anyone?"))
	require.EqualValues(t, statusNoSubscriber, caller.next(typeReply).Status)
}

// Only what others must know is told: who of the clients has a topic is not.
func TestAMOPTopicsAreAnnouncedWhenTheyChange(t *testing.T) {
	t.Parallel()
	nodes, neighbors := neighborhood(t, 1, 0)
	one, two := nodes[0].dial(), nodes[0].dial()
	one.subscribe(`"b","a","b"`)
	require.Equal(t, []string{"a", "b"}, <-neighbors[0].news)
	two.subscribe(`"a"`)
	require.Empty(t, neighbors[0].news)
	require.NoError(t, one.ws.CloseNow())
	require.Equal(t, []string{"a"}, <-neighbors[0].news)
	require.NoError(t, two.ws.CloseNow())
	require.Empty(t, <-neighbors[0].news)
}

func TestAMOPCallerThatLeavesGivesUpItsNeighbor(t *testing.T) {
	t.Parallel()
	nodes, _ := neighborhood(t, 2, time.Hour)
	caller, far := nodes[0].dial(), nodes[1].dial()
	far.subscribe(`"t"`)
	caller.ask(typeAMOPRequest, topicMessage("t", "never answered"))
	far.next(typeAMOPRequest)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, nodes[0].server.Stop(ctx))
	caller.ended()
}

// stubNeighbor is a neighbor that gives what it is told.
type stubNeighbor struct {
	status int16
	data   []byte
}

func (stubNeighbor) TopicsChanged()          {}
func (stubNeighbor) Subscribed(string) []int { return []int{1} }
func (stubNeighbor) Tell(string, []byte)     {}
func (n stubNeighbor) Ask(context.Context, int, []byte) (int16, []byte, error) {
	return n.status, n.data, nil
}

func FuzzNeighbor(f *testing.F) {
	f.Add([]byte(topicMessage("t", "x")), int16(0))
	f.Add(frame{Type: typeAMOPResponse, Seq: []byte(strings.Repeat("s", 32)), Payload: []byte("answer")}.bytes(), int16(0))
	f.Add([]byte("text"), int16(-4008))
	f.Fuzz(func(t *testing.T, data []byte, status int16) {
		var s Server
		if status, text := s.AskClient(t.Context(), data); status != statusNoClient && status != statusSendFailed {
			t.Fatal("somebody was asked", status, text)
		}
		s.TellClients(data)
		s.amop.others = stubNeighbor{status, data}
		answer := s.amop.request(t.Context(), "t", frame{Seq: []byte("caller")})
		require.Equal(t, "caller", string(answer.Seq))
		if status != 0 {
			require.Equal(t, frame{Type: typeReply, Status: status, Seq: []byte("caller"), Payload: data}, *answer)
		}
	})
}
