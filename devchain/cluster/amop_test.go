package cluster

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeClients subscribe what they are told to and answer with "re: " and the request,
// or not before their node ends or gives up.
type fakeClients struct {
	silent bool
	asked  chan string // what came, and "ended" for what was given up
	told   chan string

	mu     sync.Mutex
	topics []string
}

func (c *fakeClients) Topics() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.topics)
}

func (c *fakeClients) AskClient(ctx context.Context, payload []byte) (int16, []byte) {
	c.asked <- string(payload)
	if c.silent {
		<-ctx.Done()
		c.asked <- "ended"
		return 0, nil
	}
	if bytes.HasPrefix(payload, []byte("refuse")) {
		return -4006, []byte("no " + string(payload))
	}
	return 0, append([]byte("re: "), payload...)
}

func (c *fakeClients) TellClients(payload []byte) { c.told <- string(payload) }

// amopWorld is a chain of n nodes with clients that have not subscribed anything.
func amopWorld(t *testing.T, n int) (*world, []*fakeClients) {
	w := newWorld(t, n)
	clients := make([]*fakeClients, n)
	for i := range clients {
		clients[i] = &fakeClients{asked: make(chan string, 100), told: make(chan string, 100)}
		w.nodes[i].clients = clients[i]
	}
	return w, clients
}

// subscribe changes the topics of a node's clients and waits until node 0 knows it.
func (w *world) subscribe(clients []*fakeClients, i int, topics ...string) {
	w.t.Helper()
	clients[i].mu.Lock()
	clients[i].topics = topics
	clients[i].mu.Unlock()
	w.nodes[i].TopicsChanged()
	for _, topic := range topics {
		w.await(fmt.Sprint("node 0 knows ", topic), func() bool { return slices.Contains(w.nodes[0].Subscribed(topic), i) })
	}
}

func (w *world) ask(from, to int, payload string) (int16, string, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	status, answer, err := w.nodes[from].Ask(ctx, to, []byte(payload))
	return status, string(answer), err
}

func TestAnAskReachesTheClientsOfAnotherNode(t *testing.T) {
	t.Parallel()
	w, clients := amopWorld(t, 3)
	w.startAll()
	require.Empty(t, w.nodes[0].Subscribed("a"))
	w.subscribe(clients, 1, "a", "b")
	w.subscribe(clients, 2, "b")
	require.Equal(t, []int{1}, w.nodes[0].Subscribed("a"))
	require.Equal(t, []int{1, 2}, w.nodes[0].Subscribed("b"))
	require.NotContains(t, w.nodes[1].Subscribed("a"), 1, "one's own clients are no neighbors")

	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			text := fmt.Sprint("question ", i)
			status, answer, err := w.ask(0, 1+i%2, text)
			if err != nil || status != 0 || answer != "re: "+text {
				t.Error(status, answer, err)
			}
		})
	}
	all.Wait()
	status, answer, err := w.ask(0, 1, "refuse")
	require.NoError(t, err)
	require.Equal(t, int16(-4006), status)
	require.Equal(t, "no refuse", answer)
	large := strings.Repeat("x", 32<<20)
	_, answer, err = w.ask(0, 2, large)
	require.NoError(t, err)
	require.Len(t, answer, 4+len(large))

	w.nodes[0].Tell("b", []byte("to all"))
	w.nodes[0].Tell("a", []byte("to one"))
	w.nodes[0].Tell("nobody's", []byte("to none"))
	require.Equal(t, "to all", <-clients[1].told)
	require.Equal(t, "to one", <-clients[1].told)
	require.Equal(t, "to all", <-clients[2].told)

	w.subscribe(clients, 1, "b")
	w.await("a is given up", func() bool { return len(w.nodes[0].Subscribed("a")) == 0 })
	w.must(0)
	require.Empty(t, clients[2].told)
}

func TestANodeThatVanishesLosesItsTopicsAndWhatItOwes(t *testing.T) {
	t.Parallel()
	w, clients := amopWorld(t, 3)
	clients[1].silent = true
	w.startAll()
	w.subscribe(clients, 1, "a")
	_, _, err := w.ask(0, 7, "there is no such node")
	require.ErrorIs(t, err, ErrUnreachable)

	type result struct {
		answer string
		err    error
	}
	results := make(chan result)
	go func() {
		_, answer, err := w.ask(0, 1, "are you there?")
		results <- result{answer, err}
	}()
	require.Equal(t, "are you there?", <-clients[1].asked)
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, _, err := w.nodes[0].Ask(ctx, 1, []byte("quick"))
		gaveUp <- err
	}()
	require.Equal(t, "quick", <-clients[1].asked)
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)

	w.stop(1)
	require.Equal(t, result{"", ErrUnreachable}, <-results)
	require.Equal(t, "ended", <-clients[1].asked)
	require.Equal(t, "ended", <-clients[1].asked)
	w.await("its topic is gone", func() bool { return len(w.nodes[0].Subscribed("a")) == 0 })
	_, _, err = w.ask(0, 1, "still there?")
	require.ErrorIs(t, err, ErrUnreachable)
	w.nodes[0].Tell("a", []byte("nobody is there"))

	clients[1].silent = false
	w.start(1)
	w.await("its topic is back, without anybody saying it anew", func() bool { return slices.Equal(w.nodes[0].Subscribed("a"), []int{1}) })
	_, answer, err := w.ask(0, 1, "back?")
	require.NoError(t, err)
	require.Equal(t, "re: back?", answer)
	w.must(1)
}

// The node that asked has gone: nobody works for it any more.
func TestAnAskEndsWithTheNodeThatAsked(t *testing.T) {
	t.Parallel()
	w, clients := amopWorld(t, 2)
	clients[0].silent = true
	w.startAll()
	failed := make(chan error)
	go func() {
		_, _, err := w.ask(1, 0, "are you there?")
		failed <- err
	}()
	require.Equal(t, "are you there?", <-clients[0].asked)
	w.stop(1)
	require.ErrorIs(t, <-failed, ErrUnreachable)
	require.Equal(t, "ended", <-clients[0].asked)
	s := &w.nodes[0].serving
	w.await("its room is free again", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.asks == 0 && s.bytes == 0
	})
}

// A sealer that breaks the rules of AMOP harms nobody but its own connection.
func TestAMOPOfAStranger(t *testing.T) {
	t.Parallel()
	w, clients := amopWorld(t, 4)
	clients[0].silent = true
	for i := range 3 {
		w.start(i)
	}
	w.must(0)
	s := w.talker(0, 3)
	say := func(m any) {
		_, err := s.Write(frame(m))
		require.NoError(t, err)
	}
	for range 3 {
		say(answer{ID: 1, Data: []byte("nobody has asked")})
		say(topics{[]string{"a", "", strings.Repeat("x", 70000)}})
		say(ask{ID: 7, Payload: []byte("same id")}) // nobody can be answered: node 3 is not dialed
		require.Equal(t, "same id", <-clients[0].asked)
		say(tell{})
		require.Empty(t, <-clients[0].told)
	}
	require.Empty(t, w.nodes[0].Subscribed("a"), "nothing can be sent to it")
	w.must(1)
	require.NoError(t, s.Close())
	for range 3 {
		require.Equal(t, "ended", <-clients[0].asked)
	}

	s = w.talker(0, 3)
	say(topics{make([]string, maxTopics+1)})
	var err error
	for err == nil {
		_, err = s.Read(make([]byte, 100))
	}
	w.must(0)
}

func TestWhatANodeServesIsBounded(t *testing.T) {
	t.Parallel()
	var s serving
	for range maxServing {
		require.True(t, s.begin(ask{}))
	}
	require.False(t, s.begin(ask{}))
	s.end(ask{})
	large := ask{Payload: make([]byte, maxServingBytes)}
	require.True(t, s.begin(large))
	s.end(ask{})
	require.False(t, s.begin(ask{Payload: []byte{1}}))
	s.end(large)
	require.True(t, s.begin(ask{Payload: []byte{1}}))
}

// A node that can serve no more says so at once.
func TestAnAskThatFindsNoRoom(t *testing.T) {
	t.Parallel()
	w, clients := amopWorld(t, 2)
	w.startAll()
	full := ask{Payload: make([]byte, maxServingBytes)}
	require.True(t, w.nodes[1].serving.begin(full))
	status, text, err := w.ask(0, 1, "x")
	require.NoError(t, err)
	require.EqualValues(t, statusSendFailed, status)
	require.Equal(t, textSendFailed, text)
	w.nodes[1].serving.end(full)
	_, _, err = w.ask(0, 1, "x")
	require.NoError(t, err)
	require.Equal(t, "x", <-clients[1].asked)
}

func TestListsOfTopicsAreBounded(t *testing.T) {
	t.Parallel()
	require.Equal(t, topics{[]string{}}, within(nil))
	many := make([]string, maxTopics+5)
	require.Len(t, within(many).List, maxTopics)
	huge := strings.Repeat("x", maxTopicBytes)
	require.Equal(t, []string{"a", "b"}, within([]string{"a", huge, "b"}).List)
	for _, list := range [][]string{many, {huge}, {"a", huge}} {
		m, err := decode(kindTopics, encode(within(list)))
		require.NoError(t, err)
		require.Equal(t, within(list), m)
	}
	longest := make([]string, maxTopics) // with the most that RLP adds
	for i := range longest {
		longest[i] = strings.Repeat("x", maxTopicBytes/maxTopics)
	}
	_, err := decode(kindTopics, encode(within(longest)))
	require.NoError(t, err)
}

func TestAnAnswerCountsOnceAndFromTheNodeThatWasAsked(t *testing.T) {
	t.Parallel()
	var a asked
	id, answered := a.add(1)
	other, _ := a.add(2)
	require.NotEqual(t, id, other)
	require.Nil(t, a.take(id, 2))
	a.take(id, 1) <- answer{ID: id}
	require.Equal(t, answer{ID: id}, <-answered)
	require.Nil(t, a.take(id, 1))
	id, answered = a.add(1)
	a.lose(2)
	require.Empty(t, answered)
	a.lose(1)
	_, open := <-answered
	require.False(t, open)
	require.Nil(t, a.take(id, 1))
	require.Empty(t, a.waiting)
}
