package fisco

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestAMOPPayload(t *testing.T) {
	t.Parallel()
	// The example of protocol §7.4.
	payload, err := AppendAMOP([]byte{1}, "topic", []byte("hello"))
	require.NoError(t, err)
	require.Equal(t, append([]byte{1}, unhex(t, "000000000005746f70696368656c6c6f")...), payload)
	topic, data, err := ParseAMOP(payload[1:])
	require.NoError(t, err)
	require.Equal(t, "topic", topic)
	require.Equal(t, "hello", string(data))

	longest := strings.Repeat("t", math.MaxUint16)
	payload, err = AppendAMOP(nil, longest, nil)
	require.NoError(t, err)
	topic, data, err = ParseAMOP(payload)
	require.NoError(t, err)
	require.Equal(t, longest, topic)
	require.Empty(t, data)

	for _, topic := range []string{"", longest + "t"} {
		_, err := AppendAMOP(nil, topic, nil)
		require.True(t, chain.Is(err, chain.KindInvalid), "%v", err)
		require.True(t, chain.Unsent(err))
	}
	for text, want := range map[string]error{
		"": ErrAMOPShort, "0000": ErrAMOPShort, "0000000000": ErrAMOPShort, "000000000001": ErrAMOPTopic, "0000000000c873686f7274": ErrAMOPTopic,
		"00000001000161": ErrAMOPVersion,
	} {
		_, _, err := ParseAMOP(unhex(t, text))
		require.ErrorIs(t, err, want, text)
	}
}

// Recorded messages come out of our encoder to the byte; the malformed ones that
// stopped a node are refused by parser and shield alike.
func TestRecordedAMOP(t *testing.T) {
	t.Parallel()
	messages, topics, malformed, errs := 0, 0, 0, 0
	for _, name := range golden.Files(t, "ws/*.txt") {
		for _, m := range golden.Messages(t, name) {
			f, err := ParseFrame(m.Data)
			if err != nil {
				continue
			}
			switch {
			case f.Type == FrameAMOPRequest || f.Type == FrameAMOPBroadcast:
				topic, data, err := ParseAMOP(f.Payload)
				if err != nil || topic == "" {
					require.True(t, m.Sent, "a node sends none")
					require.Error(t, shield.AMOPPayload("test", f.Payload), "%s:%d", name, m.Line)
					malformed++
					continue
				}
				again, err := AppendAMOP(nil, topic, data)
				require.NoError(t, err)
				require.Equal(t, f.Payload, again, "%s:%d", name, m.Line)
				messages++
			case f.Type == FrameAMOPSubscribe:
				var r struct{ Topics []string }
				if json.Unmarshal(f.Payload, &r) != nil {
					continue // no list of texts: SubscribeTopics cannot say it
				}
				payload, err := topicsPayload(r.Topics)
				require.NoError(t, err)
				require.JSONEq(t, string(f.Payload), string(payload), "%s:%d", name, m.Line)
				topics++
			case f.Type == FrameAnswer && f.Status != 0:
				require.Equal(t, chain.KindNotFound, amopRefused(f).Kind, "%s:%d", name, m.Line)
				errs++
			}
		}
	}
	if golden.Whole() {
		require.Greater(t, messages, 15)
		require.Greater(t, topics, 4)
		require.Positive(t, malformed)
		require.Positive(t, errs)
	}
}

// amopNode answers AMOP requests of topic "t" with status and text.
func amopNode(typ, status uint16, text string) *fakeNode {
	return &fakeNode{handshake: fakeHandshake, frames: func(s *fakeSession, f fakeFrame) {
		if f.typ == 0x111 {
			s.answer(typ, status, f.seq, []byte(text))
		}
	}}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		typ, status uint16
		text        string
		kind        chain.Kind
		sent        chain.Sent
	}{
		"answered":      {0x113, 0, "answer of A", "", ""},
		"empty answer":  {0x113, 0, "", "", ""},
		"no subscriber": {0, 3001, "there has no node subscribe this topic, topic: t", chain.KindNotFound, chain.SentNo},
		"no client":     {0, 3002, "text", chain.KindNotFound, chain.SentNo},
		"send failed":   {0, 3003, "text", chain.KindUnavailable, chain.SentMaybe},
		"unsupported":   {0, 3004, "text", chain.KindInvalid, chain.SentNo},
		"other status":  {0x113, 9, "text", chain.KindNode, chain.SentMaybe},
		"it left":       {0, 0, "", chain.KindUnavailable, chain.SentMaybe},
	} {
		client := dialNode(t, startNode(t, amopNode(c.typ, c.status, c.text), nil))
		answer, err := client.Publish(soon(t), "t", []byte("question"))
		if c.kind == "" {
			require.NoError(t, err, name)
			require.Equal(t, c.text, string(answer), name)
			continue
		}
		require.True(t, chain.Is(err, c.kind), "%s: %v", name, err)
		require.Equal(t, c.sent, sentOf(t, err), name)
		require.ErrorContains(t, err, client.Node())
		require.ErrorContains(t, err, c.text)
	}
}

func TestAMOPThatHarmsNeverLeaves(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, frames: func(_ *fakeSession, f fakeFrame) {
		t.Errorf("a frame of type %x was sent", f.typ)
	}}, nil)
	c := dialNode(t, node, func(cfg *DialConfig) { cfg.OnAMOP = func(AMOPMessage) []byte { return nil } })
	deaf := dialNode(t, node)
	ctx := soon(t)
	for _, topic := range []string{"", strings.Repeat("t", math.MaxUint16+1)} {
		_, err := c.Publish(ctx, topic, nil)
		require.True(t, chain.Is(err, chain.KindInvalid) && chain.Unsent(err), "%v", err)
		err = c.Broadcast(ctx, topic, nil)
		require.True(t, chain.Is(err, chain.KindInvalid) && chain.Unsent(err), "%v", err)
		err = c.SubscribeTopics(ctx, "good", topic)
		require.True(t, chain.Is(err, chain.KindInvalid) && chain.Unsent(err), "%v", err)
	}
	_, err := c.Publish(ctx, "t", make([]byte, maxMessage))
	require.True(t, chain.Is(err, chain.KindInvalid), "%v", err)
	require.True(t, chain.Is(c.SubscribeTopics(ctx, make([]string, maxAMOPTopics+1)...), chain.KindInvalid))
	require.True(t, chain.Is(deaf.SubscribeTopics(ctx, "t"), chain.KindInvalid), "there is no handler")
}

// relay hands what clients send to a channel.
func relay() (*fakeNode, <-chan fakeFrame) {
	frames := make(chan fakeFrame, 100)
	return &fakeNode{handshake: fakeHandshake, frames: func(_ *fakeSession, f fakeFrame) { frames <- f }}, frames
}

func TestTopicsAndMessages(t *testing.T) {
	t.Parallel()
	node, sent := relay()
	startNode(t, node, nil)
	got := make(chan AMOPMessage, 10)
	c := dialNode(t, node, func(cfg *DialConfig) {
		cfg.OnAMOP = func(m AMOPMessage) []byte { got <- m; return append([]byte("re: "), m.Data...) }
	})
	ctx := soon(t)
	require.NoError(t, c.SubscribeTopics(ctx, "topic", "other"))
	f := <-sent
	require.Equal(t, uint16(0x110), f.typ)
	require.JSONEq(t, `{"topics":["topic","other"]}`, string(f.payload))

	s := node.session(t)
	message := unhex(t, "000000000005746f70696368656c6c6f")
	s.frame(0x111, "4b788246bf4042009d4640438e1fe03c", message)
	require.Equal(t, AMOPMessage{Topic: "topic", Data: []byte("hello")}, <-got)
	require.Equal(t, fakeFrame{0x113, "4b788246bf4042009d4640438e1fe03c", []byte("re: hello")}, <-sent)

	// A malformed one is dropped, and a broadcast is not answered.
	s.frame(0x111, "bad", []byte{0, 0})
	s.frame(0x112, "4b788246bf4042009d4640438e1fe03d", message)
	require.Equal(t, AMOPMessage{Topic: "topic", Data: []byte("hello"), Broadcast: true}, <-got)
	require.NoError(t, c.Broadcast(ctx, "topic", []byte("to all")))
	f = <-sent
	require.Equal(t, uint16(0x112), f.typ)
	require.Equal(t, append(unhex(t, "000000000005746f706963"), "to all"...), f.payload)

	// What this client broadcasts to itself has its own seq, and so has a request
	// that a node repeats.
	s.frame(0x112, f.seq, f.payload)
	require.Equal(t, AMOPMessage{Topic: "topic", Data: []byte("to all"), Broadcast: true}, <-got)
	asked := make(chan []byte, 1)
	go func() {
		answer, err := c.Publish(ctx, "topic", []byte("myself"))
		if err != nil {
			t.Error(err)
		}
		asked <- answer
	}()
	f = <-sent
	s.frame(0x111, f.seq, f.payload)
	require.Equal(t, "myself", string((<-got).Data))
	f = <-sent
	require.Equal(t, uint16(0x113), f.typ)
	s.frame(0x113, f.seq, f.payload)
	require.Equal(t, "re: myself", string(<-asked))
	require.Zero(t, c.AMOPDropped())
}

func TestHandlersAreBoundedAndWaitedFor(t *testing.T) {
	t.Parallel()
	node, sent := relay()
	node.answer = func(*fakeSession, string, string, []json.RawMessage) []byte { return ok("1") }
	startNode(t, node, nil)
	var running atomic.Int64
	release := make(chan struct{})
	var began sync.WaitGroup
	began.Add(amopHandlers)
	c, err := Dial(soon(t), DialConfig{Address: node.addr, ChainID: "chain0", Group: "group0", OnAMOP: func(AMOPMessage) []byte {
		running.Add(1)
		defer running.Add(-1)
		began.Done()
		<-release
		return nil
	}})
	require.NoError(t, err)
	require.NoError(t, c.SubscribeTopics(soon(t), "t"))
	<-sent
	s := node.session(t)
	payload, err := AppendAMOP(nil, "t", nil)
	require.NoError(t, err)
	for range amopHandlers + 5 {
		s.frame(0x112, "", payload)
	}
	_, err = c.BlockNumber(soon(t)) // the reading goroutine is through with them
	require.NoError(t, err)
	began.Wait()
	require.Equal(t, int64(amopHandlers), running.Load())
	require.Equal(t, uint64(5), c.AMOPDropped())

	closed := make(chan struct{})
	go func() {
		_ = c.Close()
		close(closed)
	}()
	<-c.Done()
	select {
	case <-closed:
		t.Fatal("Close did not wait for the handlers")
	default:
	}
	close(release)
	<-closed
	require.Zero(t, running.Load())
}

func TestMessagesBeforeASubscriptionAreIgnored(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(s *fakeSession, _, _ string, _ []json.RawMessage) []byte {
		s.frame(0x111, "seq", []byte("\x00\x00\x00\x00\x00\x01t"))
		return ok("1")
	}}, nil)
	c := dialNode(t, node, func(cfg *DialConfig) {
		cfg.OnAMOP = func(AMOPMessage) []byte { t.Error("called"); return nil }
	})
	for range 2 {
		_, err := c.BlockNumber(soon(t))
		require.NoError(t, err)
	}
}

func TestPublishEndsWithItsContextOrTheConnection(t *testing.T) {
	t.Parallel()
	node, sent := relay()
	c := dialNode(t, startNode(t, node, nil))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := c.Publish(ctx, "t", nil)
	require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Publish(context.Background(), "last", nil)
		failed <- err
	}()
	for f := range sent {
		if strings.HasSuffix(string(f.payload), "last") {
			break
		}
	}
	node.session(t).reset()
	err = <-failed
	require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
	require.Equal(t, chain.SentMaybe, sentOf(t, err))
}

func FuzzParseAMOP(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x00\x00\x05topichello"))
	f.Add([]byte("\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x00\x00\xc8short"))
	f.Fuzz(func(t *testing.T, b []byte) {
		topic, data, err := ParseAMOP(b)
		if err != nil {
			require.Error(t, shield.AMOPPayload("fuzz", b), "what cannot be read may not be sent")
			return
		}
		again, err := AppendAMOP(nil, topic, data)
		if topic == "" {
			require.True(t, chain.Is(err, chain.KindInvalid))
			return
		}
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}
