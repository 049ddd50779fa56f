package rpc

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func topicMessage(topic, data string) string {
	return "\x00\x00\x00\x00\x00" + string(rune(len(topic))) + topic + data
}

// ready waits until the frames that p sent before have been served.
func (p *peer) ready() { p.call("getBlockNumber") }

func (p *peer) answer(seq []byte, data string) {
	p.send(frame{Type: typeAMOPResponse, Seq: seq, Payload: []byte(data)})
}

func TestAMOPRequestReachesASubscriberAndItsAnswerTheCaller(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	subscriber, caller := e.dial(), e.dial()
	subscriber.ask(typeAMOPSubTopic, `{"topics":["topic","other"]}`)
	subscriber.ask(typeAMOPSubTopic, `{"topics":["third",5]}`) // takes nothing away
	subscriber.ready()
	for _, topic := range []string{"topic", "other", "third", "5"} {
		seq := caller.ask(typeAMOPRequest, topicMessage(topic, "hello"))
		asked := subscriber.next(typeAMOPRequest)
		require.Equal(t, topicMessage(topic, "hello"), string(asked.Payload))
		require.Len(t, asked.Seq, 32)
		require.NotEqual(t, seq, string(asked.Seq), "the node has a seq of its own")
		subscriber.answer(asked.Seq, "answer of "+topic)
		require.Equal(t, frame{Type: typeAMOPResponse, Seq: []byte(seq), Payload: []byte("answer of " + topic)}, caller.next(typeAMOPResponse, typeReply))
	}
	// One's own topic.
	seq := subscriber.ask(typeAMOPRequest, topicMessage("topic", "myself"))
	subscriber.answer(subscriber.next(typeAMOPRequest).Seq, "me")
	require.Equal(t, seq, string(subscriber.next(typeAMOPResponse).Seq))
}

func TestAMOPAnswersOutOfOrderAndOfAnyType(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	subscriber, caller := e.dial(), e.dial()
	subscriber.ask(typeAMOPSubTopic, `{"topics":["t"]}`)
	subscriber.ready()
	one := caller.ask(typeAMOPRequest, topicMessage("t", "1"))
	first := subscriber.next(typeAMOPRequest)
	two := caller.ask(typeAMOPRequest, topicMessage("t", "2"))
	second := subscriber.next(typeAMOPRequest)
	subscriber.send(frame{Type: typeRPC, Status: 7, Seq: second.Seq, Payload: []byte("second")})
	require.Equal(t, frame{Type: typeRPC, Status: 7, Seq: []byte(two), Payload: []byte("second")}, caller.next(typeRPC, typeReply))
	subscriber.answer(first.Seq, "first")
	require.Equal(t, one, string(caller.next(typeAMOPResponse).Seq))
}

func TestAMOPBroadcastGoesToAllSubscribers(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	one, two, caller := e.dial(), e.dial(), e.dial()
	for _, p := range []*peer{one, two} {
		p.ask(typeAMOPSubTopic, `{"topics":["t"]}`)
		p.ready()
	}
	sent := frame{Type: typeAMOPBroadcast, Seq: []byte("the caller's"), Payload: []byte(topicMessage("t", "to all"))}
	caller.send(sent)
	one.send(sent)
	for _, p := range []*peer{one, two} {
		require.Equal(t, sent, p.next(typeAMOPBroadcast))
		require.Equal(t, sent, p.next(typeAMOPBroadcast))
	}
	caller.send(frame{Type: typeAMOPBroadcast, Payload: []byte(topicMessage("nobody", ""))})
	caller.ready()
}

func TestAMOPSubscriberThatLeaves(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	leaving, caller := e.dial(), e.dial()
	leaving.ask(typeAMOPSubTopic, `{"topics":["t"]}`)
	leaving.ready()
	seq := caller.ask(typeAMOPRequest, topicMessage("t", "1"))
	leaving.next(typeAMOPRequest)
	caller.ask(typeAMOPRequest, topicMessage("t", "2"))
	leaving.next(typeAMOPRequest)
	require.NoError(t, leaving.ws.CloseNow())
	var seqs []string
	for range 2 {
		f := caller.next(typeReply)
		require.Zero(t, f.Status)
		require.Empty(t, f.Payload)
		seqs = append(seqs, string(f.Seq))
	}
	require.ElementsMatch(t, []string{"", seq}, seqs)
	caller.ask(typeAMOPRequest, topicMessage("t", "anyone?"))
	require.Equal(t, int16(statusNoSubscriber), caller.next(typeReply).Status)
}

func TestAMOPRequestsDoNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	subscriber, caller := e.dial(), e.dial()
	subscriber.ask(typeAMOPSubTopic, `{"topics":["t"]}`)
	subscriber.ready()
	caller.ask(typeAMOPRequest, topicMessage("t", "never answered"))
	subscriber.next(typeAMOPRequest)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, e.server.Stop(ctx))
}

// stubSubscriber takes its time and then gives what it is told.
type stubSubscriber struct {
	wait   time.Duration
	answer *frame
	err    error
	asked  []frame
}

func (s *stubSubscriber) ask(ctx context.Context, f frame) (*frame, error) {
	s.asked = append(s.asked, f)
	select {
	case <-time.After(s.wait):
		return s.answer, s.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *stubSubscriber) tell(frame) {}

func TestAMOPRequestGoesOutTwice(t *testing.T) {
	t.Parallel()
	asked := frame{Version: 1, Type: typeAMOPRequest, Seq: []byte("caller"), Ext: 3, Payload: []byte(topicMessage("t", "x"))}
	for name, stub := range map[string]*stubSubscriber{
		"silent":  {err: errNoAnswer},
		"leaving": {err: errGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var a amop
			a.add(stub, []string{"t", "t"})
			require.Equal(t, &frame{Type: typeReply}, a.request(t.Context(), "t", asked), "nothing in it, not even the seq")
			require.Len(t, stub.asked, 2)
			require.NotEqual(t, asked.Seq, stub.asked[0].Seq)
			require.Equal(t, asked, stub.asked[1], "the second time it is the caller's own frame")
		})
	}
	t.Run("no frame", func(t *testing.T) {
		t.Parallel()
		var a amop
		a.add(&stubSubscriber{}, []string{"t"})
		require.Equal(t, &frame{Type: typeReply, Seq: asked.Seq}, a.request(t.Context(), "t", asked))
	})
	t.Run("given up", func(t *testing.T) {
		t.Parallel()
		var a amop
		a.add(&stubSubscriber{wait: time.Hour}, []string{"t"})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Nil(t, a.request(ctx, "t", asked))
	})
}

func TestASilentSubscriberIsWaitedForHalfAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &session{server: &Server{cfg: Config{AMOPWait: 30 * time.Second}}, out: make(chan outgoing, 8), cancel: func(error) {}}
		var a amop
		a.add(s, []string{"t"})
		begin := time.Now()
		answered := make(chan *frame)
		go func() {
			answered <- a.request(t.Context(), "t", frame{Type: typeAMOPRequest, Seq: []byte("caller"), Payload: []byte(topicMessage("t", ""))})
		}()
		<-s.out
		again, err := parseFrame((<-s.out).data)
		require.NoError(t, err)
		require.Equal(t, 30*time.Second, time.Since(begin))
		require.Equal(t, "caller", string(again.Seq))
		require.True(t, s.owed.settle(frame{Type: typeAMOPResponse, Seq: again.Seq, Payload: []byte("late")}))
		require.Equal(t, &frame{Type: typeAMOPResponse, Seq: []byte("caller"), Payload: []byte("late")}, <-answered)
		require.False(t, s.owed.settle(again), "an answer counts once")
	})
}

func TestTopicsAreBounded(t *testing.T) {
	t.Parallel()
	var o owed
	require.Equal(t, []string{"a", "b"}, o.subscribe([]string{"a", "b", "a"}))
	require.Empty(t, o.subscribe([]string{"b"}))
	many := strings.Split(strings.Repeat("x,", maxTopics), ",")
	for i := range many {
		many[i] += string(rune('A' + i))
	}
	require.Len(t, o.subscribe(many), maxTopics-2)
	o.end()
	require.Empty(t, o.subscribe([]string{"late"}))
	_, ok := o.add([]byte("late"))
	require.False(t, ok)
}

func TestTopicListsThatCannotBeReadHaveNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`{"topics":["a",null,1,true,1.5]} x`: {"a", "", "1", "true", "1.5"},
		`{"topics":[]}`:                      {},
		`{"topics":"x"}`:                     nil,
		`{"topics":{"0":"a"}}`:               nil,
		`{"topics":["a",["b"]]}`:             nil,
		`{}`:                                 nil,
		`["a"]`:                              nil,
		`{"topics":["a"`:                     nil,
		``:                                   nil,
	} {
		require.Equal(t, want, parseTopicList([]byte(text)), text)
	}
}

func FuzzTopicList(f *testing.F) {
	f.Add([]byte("{\"topics\":[]}\n"))
	f.Add([]byte(`{"topics":["a",1,null]}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		var o owed
		added := o.subscribe(parseTopicList(payload))
		require.LessOrEqual(t, len(added), maxTopics)
		require.Empty(t, o.subscribe(added), "each once")
	})
}
