package fisco

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

func TestHistoryEndsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 2500, 1)
		c := dialPipe(t, pipeNode(t, node.node()))
		s, err := c.Subscribe(t.Context(), EventFilter{FromBlock: 7, ToBlock: 2345})
		require.NoError(t, err)
		require.Equal(t, places(node.want(7, 2345)), places(rest(s)))
		require.NoError(t, s.Err())
		require.Equal(t, uint64(2346), s.Cursor())
		require.NoError(t, s.Close())
		require.NoError(t, s.Err())

		// Window by window, without a gap; what ended is not ended again.
		require.Len(t, node.asked, 3)
		for i, want := range [][2]uint64{{7, 1006}, {1007, 2006}, {2007, 2345}} {
			require.Equal(t, want, [2]uint64{node.asked[i].FromBlock, node.asked[i].ToBlock})
		}
		require.Zero(t, node.ended)
		require.Empty(t, c.feeds)
	})
}

func TestLiveBeginsWithTheHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 377, 1)
		c := dialPipe(t, pipeNode(t, node.node()))
		s, err := c.Subscribe(t.Context(), EventFilter{})
		require.NoError(t, err)
		began := time.Now()
		require.Equal(t, places(node.want(377, 377)), places(collect(t.Context(), t, s, 3)))
		require.Equal(t, settleTime, time.Since(began), "a lone block is delivered after a short silence")
		for head := uint64(378); head <= 400; head++ {
			node.grow(head)
			require.Equal(t, places(node.want(head, head)), places(collect(t.Context(), t, s, 3)))
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, max(377, head-9), s.Cursor())
		}
		require.NoError(t, s.Close())
		require.NoError(t, s.Err())
		_, open := <-s.Events()
		require.False(t, open)
		synctest.Wait()
		require.Equal(t, 1, node.ended, "Close unsubscribes")
		require.NoError(t, c.Err())
	})
}

// A cursor that is kept while the consumer is at work is a place to begin again.
func TestCursorIsNeverPastWhatWasDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 300, 3)
		c := dialPipe(t, pipeNode(t, node.node()))
		s, err := c.Subscribe(t.Context(), EventFilter{FromBlock: 1, ToBlock: 300})
		require.NoError(t, err)
		for {
			next := s.Cursor()
			e, open := <-s.Events()
			if !open {
				break
			}
			require.LessOrEqual(t, next, e.Block)
		}
		require.NoError(t, s.Err())
	})
}

func TestSlowConsumerLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 8000, 1)
		node.logs = func(block uint64) []Event { return []Event{at(block, 0, 0)} }
		c := dialPipe(t, pipeNode(t, node.node()))
		s, err := c.Subscribe(t.Context(), EventFilter{FromBlock: 1, ToBlock: 2000})
		require.NoError(t, err)
		var got []Event
		most := 0
		for {
			if len(got)%200 == 0 {
				time.Sleep(time.Minute) // the node is through long before
				synctest.Wait()
				c.feedMu.Lock()
				for _, f := range c.feeds {
					most = max(most, len(f.pushes))
				}
				c.feedMu.Unlock()
			}
			e, open := <-s.Events()
			if !open {
				break
			}
			got = append(got, e)
		}
		require.NoError(t, s.Err())
		require.Equal(t, places(node.want(1, 2000)), places(got))
		require.Positive(t, node.ended, "an overrun unsubscribes")
		require.Equal(t, feedLen, most)
	})
}

func TestFeedIsBounded(t *testing.T) {
	t.Parallel()
	f := &feed{wake: make(chan struct{}, 1)}
	for range feedLen {
		f.put(&eventMessage{Result: []byte("[]")})
	}
	require.False(t, f.over)
	f.put(&eventMessage{Result: []byte("[]")})
	f.put(&eventMessage{Status: eventStatusEnd}) // after an overrun nothing counts
	pushes, over, end := f.take()
	require.Len(t, pushes, feedLen)
	require.True(t, over)
	require.ErrorIs(t, end, errOverrun)

	f = &feed{wake: make(chan struct{}, 1)}
	large := make([]byte, feedBytes)
	for range feedLeast + 5 {
		f.put(&eventMessage{Result: large})
	}
	pushes, _, end = f.take()
	require.Len(t, pushes, feedLeast, "room for more than may come again, whatever the size")
	require.Greater(t, len(pushes), scanBatch)
	require.ErrorIs(t, end, errOverrun)
}

func TestEventsAreDecoded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 400, 1)
		c := dialPipe(t, pipeNode(t, node.node()))
		broken := errors.New("no such event")
		s, err := c.Subscribe(t.Context(), EventFilter{FromBlock: 10, ToBlock: 30, Decode: func(log chain.Log) (any, error) {
			if log.Index == 1 {
				return nil, broken
			}
			return fmt.Sprint("log ", log.Index), nil
		}})
		require.NoError(t, err)
		events := rest(s)
		require.Len(t, events, 63)
		for _, e := range events {
			if e.LogIndex == 1 {
				require.Equal(t, broken, e.DecodeErr)
				require.Nil(t, e.Decoded)
			} else {
				require.NoError(t, e.DecodeErr)
				require.Equal(t, "log 0", e.Decoded)
			}
		}
		require.NoError(t, s.Err(), "what cannot be decoded ends nothing")
	})
}

func TestOnlySucceededAsksOncePerTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 400, 1)
		served := node.node()
		var mu sync.Mutex
		asked := map[string]int{}
		served.answer = func(_ *fakeSession, _, method string, params []json.RawMessage) []byte {
			if method != opReceipt {
				return ok("400")
			}
			mu.Lock()
			defer mu.Unlock()
			var hash string
			_ = json.Unmarshal(params[2], &hash)
			asked[hash]++
			status := 0
			if strings.HasSuffix(hash, "01") {
				status = 16
			}
			return ok(fmt.Sprintf(`{"blockNumber":5,"contractAddress":"","checksumContractAddress":"","from":"0x6370ef2f4db3611d657b90667de398a2cc2a370c",`+
				`"gasUsed":"1","hash":"0x00000000000000000000000000000000000000000000000000000000000000ab","input":"0x","logEntries":[],"message":"","output":"0x",`+
				`"status":%d,"to":"6849f21d1e455e9f0712b1e99fa4fcd23758e8f1","transactionHash":"%s","version":0,"extraData":""}`, status, hash))
		}
		c := dialPipe(t, pipeNode(t, served))
		s, err := c.Subscribe(t.Context(), EventFilter{FromBlock: 10, ToBlock: 30, OnlySucceeded: true})
		require.NoError(t, err)
		events := rest(s)
		require.NoError(t, s.Err())
		require.Len(t, events, 21)
		for _, e := range events {
			require.Zero(t, e.TxIndex, "the second transaction failed")
		}
		require.Len(t, asked, 42)
		for hash, times := range asked {
			require.Equal(t, 1, times, hash)
		}
	})
}

func TestSubscriptionEndsWithTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := newFakeEvents(t, 400, 1)
		served := node.node()
		cfg := pipeNode(t, served)

		c := dialPipe(t, cfg)
		s, err := c.Subscribe(t.Context(), EventFilter{FromBlock: 390})
		require.NoError(t, err)
		collect(t.Context(), t, s, 3)
		served.session(t).reset()
		rest(s)
		require.True(t, chain.Is(s.Err(), chain.KindUnavailable), "%v", s.Err())
		require.ErrorContains(t, s.Err(), "the connection broke")
		_, err = c.Subscribe(t.Context(), EventFilter{})
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)

		// Close ends it although nobody takes its events.
		c = dialPipe(t, cfg)
		s, err = c.Subscribe(t.Context(), EventFilter{FromBlock: 390})
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.True(t, chain.Is(s.Err(), chain.KindCanceled), "%v", s.Err())
		require.NoError(t, s.Close())
		require.True(t, chain.Is(s.Err(), chain.KindCanceled), "it ended before")
	})
}

// What a node may say instead of what it should.
func TestSubscriptionsThatGoWrong(t *testing.T) {
	t.Parallel()
	event := func(block uint64) string { return pushText(t, []Event{at(block, 0, 0)}) }
	for name, c := range map[string]struct {
		answer  string // %s is the id
		push    []string
		kind    chain.Kind
		refused bool // by Subscribe
	}{
		"refused":         {`{"id":"","status":-41000}`, nil, chain.KindInvalid, true},
		"no group":        {`{"id":"%s","status":-41002}`, nil, chain.KindWrongChain, true},
		"no JSON":         {`hello`, nil, chain.KindProtocol, true},
		"another id":      {`{"id":"other%.0s","status":0}`, nil, chain.KindProtocol, true},
		"ended by status": {`{"id":"%s","status":0}`, []string{`{"id":"%s","status":-41006}`}, chain.KindDenied, false},
		"no events":       {`{"id":"%s","status":0}`, []string{`{"id":"%s","status":0,"result":{}}`}, chain.KindProtocol, false},
		"a block before":  {`{"id":"%s","status":0}`, []string{`{"id":"%s","status":0,"result":` + event(99) + `}`}, chain.KindProtocol, false},
		"a block behind":  {`{"id":"%s","status":0}`, []string{`{"id":"%s","status":0,"result":` + event(201) + `}`}, chain.KindProtocol, false},
		"no JSON, then the end; another's": {`{"id":"%s","status":0}`, []string{
			`{`, `{"id":"x","status":-41006%.0s}`, `{"id":"%s","status":1}`}, "", false},
	} {
		node := startNode(t, &fakeNode{handshake: fakeHandshake, frames: func(s *fakeSession, f fakeFrame) {
			var r subscribeJSON
			if err := json.Unmarshal(f.payload, &r); err != nil {
				t.Error(err)
			}
			if f.typ == 0x121 {
				s.frame(0x121, f.seq, fmt.Appendf(nil, `{"id":"%s","status":-41007}`, r.ID))
				return
			}
			say := func(text string) []byte {
				if strings.Contains(text, "%") {
					return fmt.Appendf(nil, text, r.ID)
				}
				return []byte(text)
			}
			s.frame(0x120, f.seq, say(c.answer))
			for _, push := range c.push {
				s.frame(0x122, "", say(push))
			}
		}}, nil)
		client := dialNode(t, node)
		s, err := client.Subscribe(soon(t), EventFilter{FromBlock: 100, ToBlock: 200})
		if c.refused {
			require.True(t, chain.Is(err, c.kind), "%s: %v", name, err)
			require.ErrorContains(t, err, client.Node(), name)
		} else {
			require.NoError(t, err, name)
			require.Empty(t, rest(s), name)
			err = s.Err()
		}
		if c.kind == "" {
			require.NoError(t, err, name)
			continue
		}
		require.True(t, chain.Is(err, c.kind), "%s: %v", name, err)
		require.NoError(t, client.Err(), "%s: the connection stays", name)
		client.feedMu.Lock()
		require.Empty(t, client.feeds, name)
		client.feedMu.Unlock()
	}
}

func TestSubscribeTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := dialPipe(t, pipeNode(t, &fakeNode{handshake: fakeHandshake}))
		_, err := c.Subscribe(t.Context(), EventFilter{})
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		require.Empty(t, c.feeds)
		require.NoError(t, c.Close())
		_, err = c.Subscribe(t.Context(), EventFilter{})
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
	})
}
