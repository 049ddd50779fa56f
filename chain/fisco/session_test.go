package fisco

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// openPipe opens a session that is closed when the test ends.
func openPipe(t *testing.T, cfg SessionConfig) *Session {
	t.Helper()
	s, err := OpenSession(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// states records what OnState was told.
type states struct {
	mu  sync.Mutex
	got []string
}

func (s *states) note(up bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, fmt.Sprint(up, " ", chain.KindOf(err)))
}

func (s *states) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

// Wherever connections break, in history and live, each event comes once and in
// order.
func TestSubscriptionSurvivesReconnects(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			node := newFakeEvents(t, 200, seed)
			node.breakage = 25
			node.logs = func(block uint64) []Event {
				switch block % 5 {
				case 0:
					return nil
				case 1:
					return []Event{at(block, 0, 0), at(block, 0, 1), at(block, 3, 0)}
				}
				return []Event{at(block, 0, 0)}
			}
			s := openPipe(t, SessionConfig{DialConfig: pipeNode(t, node.node())})
			sub, err := s.Subscribe(t.Context(), EventFilter{FromBlock: 3, ToBlock: 400})
			require.NoError(t, err)
			go func() {
				for head := uint64(201); head <= 400; head++ {
					time.Sleep(20 * time.Millisecond)
					node.grow(head)
				}
			}()
			var got []Event
			for e := range sub.Events() {
				if got = append(got, e); len(got)%97 == 0 {
					time.Sleep(5 * time.Second) // a consumer that is slow now and then
				}
			}
			require.NoError(t, sub.Err(), "seed %d", seed)
			require.Equal(t, places(node.want(3, 400)), places(got), "seed %d", seed)
			require.Positive(t, node.resets, "seed %d", seed)
		})
	}
}

func TestSessionDialsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{handshake: fakeHandshake}
		cfg := pipeNode(t, node)
		connect, refuse := cfg.connect, errors.New("port closed")
		var mu sync.Mutex
		down, dials := false, []time.Time{}
		cfg.connect = func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			dials = append(dials, time.Now())
			if down {
				return nil, refuse
			}
			return connect(ctx, network, address)
		}
		var seen states
		s := openPipe(t, SessionConfig{DialConfig: cfg, BackoffMin: 100 * time.Millisecond, BackoffMax: 5 * time.Second, OnState: seen.note})
		first, err := s.Client(t.Context())
		require.NoError(t, err)
		require.Equal(t, "chain0", s.Group().ChainID)

		mu.Lock()
		down = true
		mu.Unlock()
		node.session(t).reset()
		<-first.Done()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = s.Client(ctx)
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.True(t, chain.Unsent(err))
		require.ErrorIs(t, err, refuse, "it says why")
		_, err = s.Head(t.Context())
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		_, err = s.Terms(t.Context(), "nonce")
		require.True(t, chain.Is(err, chain.KindUnavailable) && chain.Unsent(err), "%v", err)
		require.Equal(t, "chain0", s.Group().ChainID, "what was known stays known")
		canceled, stop := context.WithCancel(t.Context())
		stop()
		_, err = s.Client(canceled)
		require.True(t, chain.Is(err, chain.KindCanceled), "%v", err)

		mu.Lock()
		for i, at := range dials[1:] { // each wait is below its limit
			require.LessOrEqual(t, at.Sub(dials[i]), min(5*time.Second, 100*time.Millisecond<<min(i, 10)), "dial %d", i)
		}
		require.Greater(t, len(dials), 12)
		down = false
		mu.Unlock()
		second, err := s.Client(t.Context())
		require.NoError(t, err)
		require.NotSame(t, first, second)
		synctest.Wait()
		told := seen.all()
		require.Equal(t, "true ", told[0])
		require.Equal(t, "false unavailable", told[1])
		require.Equal(t, "true ", told[len(told)-1])
		require.Len(t, told, len(dials)+1)

		require.NoError(t, s.Close())
		_, err = s.Client(t.Context())
		require.True(t, chain.Is(err, chain.KindCanceled), "%v", err)
		require.Error(t, second.Err())
		_, err = s.Subscribe(t.Context(), EventFilter{})
		require.True(t, chain.Is(err, chain.KindCanceled), "%v", err)
	})
}

func TestBackoffIsBoundedAndGrows(t *testing.T) {
	t.Parallel()
	b := backoff{lowest: time.Second, highest: time.Minute}
	for i := range 100 {
		limit := time.Minute
		if i < 6 {
			limit = time.Second << i
		}
		wait := b.next()
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.Less(t, wait, limit, "dial %d", i)
	}
	var spread, most time.Duration
	for range 200 {
		wait := b.next()
		spread, most = max(spread, most-wait), max(most, wait)
	}
	require.Greater(t, most, 30*time.Second)
	require.Greater(t, spread, 20*time.Second, "the jitter is full")
}

// A node that hangs up after each handshake is not dialed in a tight loop.
func TestNodeThatHangsUpIsLeftInPeace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{handshake: fakeHandshake}
		var seen states
		openPipe(t, SessionConfig{DialConfig: pipeNode(t, node), OnState: func(up bool, err error) {
			seen.note(up, err)
			if up {
				node.session(t).reset()
			}
		}})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Less(t, len(seen.all()), 2*250, "about each 5 s, not each 100 ms")
	})
}

func TestOpenSessionFailsAsDialDoes(t *testing.T) {
	t.Parallel()
	node := startNode(t, &fakeNode{handshake: fakeHandshake}, nil)
	_, err := OpenSession(soon(t), SessionConfig{DialConfig: DialConfig{Address: node.addr, ChainID: "chain1", Group: "group0"}})
	var why *DialError
	require.ErrorAs(t, err, &why)
	require.Equal(t, ReasonWrongChain, why.Reason)
	_, err = OpenSession(soon(t), SessionConfig{DialConfig: DialConfig{Address: node.addr, ChainID: "chain0", Group: "group0"}, BlockLimitWindow: 5001})
	require.True(t, chain.Is(err, chain.KindInvalid), "%v", err)
}

func TestTopicsAreSubscribedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node, sent := relay()
		cfg := pipeNode(t, node)
		cfg.OnAMOP = func(AMOPMessage) []byte { return []byte("answer") }
		s := openPipe(t, SessionConfig{DialConfig: cfg})
		require.NoError(t, s.SubscribeTopics(t.Context(), "a", "b"))
		require.JSONEq(t, `{"topics":["a","b"]}`, string((<-sent).payload))
		require.NoError(t, s.SubscribeTopics(t.Context(), "b", "c"))
		require.JSONEq(t, `{"topics":["b","c"]}`, string((<-sent).payload))
		require.True(t, chain.Is(s.SubscribeTopics(t.Context(), ""), chain.KindInvalid))

		c, err := s.Client(t.Context())
		require.NoError(t, err)
		node.session(t).reset()
		<-c.Done()
		require.NoError(t, s.SubscribeTopics(t.Context(), "while down"), "it is left for the next connection")
		f := <-sent
		require.Equal(t, uint16(0x110), f.typ)
		require.JSONEq(t, `{"topics":["a","b","c","while down"]}`, string(f.payload))

		payload, err := AppendAMOP(nil, "a", nil)
		require.NoError(t, err)
		node.session(t).frame(0x111, "seq", payload)
		require.Equal(t, fakeFrame{0x113, "seq", []byte("answer")}, <-sent)
		require.NoError(t, s.Broadcast(t.Context(), "x", nil))
		require.Equal(t, uint16(0x112), (<-sent).typ)
		go func() {
			f := <-sent
			node.session(t).frame(0x113, f.seq, []byte("theirs"))
		}()
		answer, err := s.Publish(t.Context(), "x", nil)
		require.NoError(t, err)
		require.Equal(t, "theirs", string(answer))
		require.Zero(t, s.AMOPDropped())
	})
}

func TestGroupIsWhatTheNodeSaidLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{handshake: fakeHandshake}
		s := openPipe(t, SessionConfig{DialConfig: pipeNode(t, node)})
		require.Len(t, s.Group().NodeList, 1)
		node.session(t).frame(0x103, "", []byte(`{"chainID":"chain0","groupID":"group0","genesisConfig":"","iniConfig":"","nodeList":[]}`))
		node.session(t).frame(0x103, "", []byte(`{"chainID":"chain0","groupID":"other","genesisConfig":"","iniConfig":"","nodeList":[{},{}]}`))
		node.session(t).push("group0", 500)
		synctest.Wait()
		require.Empty(t, s.Group().NodeList)
		head, err := s.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(500), head.Number)
	})
}

func TestTermsNeedAFreshHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// It answers pings, but no poll.
		var mu sync.Mutex
		mute := false
		node := &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte {
			mu.Lock()
			defer mu.Unlock()
			if mute {
				return nil
			}
			return ok("377")
		}}
		s := openPipe(t, SessionConfig{DialConfig: pipeNode(t, node)})
		terms, err := s.Terms(t.Context(), "nonce")
		require.NoError(t, err)
		require.Equal(t, chain.Terms{Nonce: "nonce", BlockLimit: 877}, terms)

		for range 600 { // a quiet chain is polled, so its head stays fresh
			time.Sleep(time.Second)
			_, err := s.BlockLimit(t.Context())
			require.NoError(t, err)
		}
		mu.Lock()
		mute = true
		mu.Unlock()
		time.Sleep(26 * time.Second)
		_, err = s.Terms(t.Context(), "nonce")
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.True(t, chain.Unsent(err))
		require.ErrorContains(t, err, "377")

		node.session(t).push("group0", 377) // the same number is news, too
		synctest.Wait()
		_, err = s.Terms(t.Context(), "nonce")
		require.NoError(t, err)
	})
}

func TestNarrowWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{handshake: fakeHandshake}
		ctx := t.Context()
		s := openPipe(t, SessionConfig{DialConfig: pipeNode(t, node), BlockLimitWindow: 40})
		limit, err := s.BlockLimit(ctx)
		require.NoError(t, err)
		require.Equal(t, uint64(397), limit)
		require.False(t, s.NarrowWindow(ctx, 377), "it expired")
		require.False(t, s.NarrowWindow(ctx, 417), "it was too far ahead for the window as it is")
		require.True(t, s.NarrowWindow(ctx, limit))
		require.False(t, s.NarrowWindow(ctx, limit), "many may have had that limit")
		for _, want := range []uint64{387, 382, 379, 378, 378} {
			limit, err = s.BlockLimit(ctx)
			require.NoError(t, err)
			require.Equal(t, want, limit)
			s.NarrowWindow(ctx, limit)
		}
		require.NoError(t, s.Close())
		require.False(t, s.NarrowWindow(ctx, limit))
	})
}
