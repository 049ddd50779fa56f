package fisco

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// The rules with time are tested on a fake clock, over connections in memory:
// a real socket's wait does not let the clock go on.

// pipeListener gives the far ends of the connections that connect makes.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) connect(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// pipeNode serves n in memory; the config leads to it.
func pipeNode(t *testing.T, n *fakeNode) DialConfig {
	t.Helper()
	n.t = t
	ctx, stop := context.WithCancel(context.Background())
	l := newPipeListener()
	server := &http.Server{Handler: n.handler(ctx)}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		stop()
		n.mu.Lock()
		sessions := n.sessions
		n.mu.Unlock()
		for _, s := range sessions {
			s.reset()
		}
		_ = server.Close()
		wg.Wait()
	})
	return DialConfig{Address: "node:20200", ChainID: "chain0", Group: "group0", connect: l.connect}
}

func dialPipe(t *testing.T, cfg DialConfig) *Client {
	t.Helper()
	c, err := Dial(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestQuietHeadIsPolled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte { return ok("600") }}
		c := dialPipe(t, pipeNode(t, node))
		time.Sleep(9 * time.Second)
		synctest.Wait()
		require.Zero(t, node.seen("getBlockNumber"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, node.seen("getBlockNumber"), "after two heartbeats without news")
		head, err := c.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(600), head.Number)
		require.Less(t, time.Since(head.At), 2*time.Second)

		for range 60 { // news each second leaves nothing to ask
			node.session(t).push("group0", 600)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		require.Equal(t, 1, node.seen("getBlockNumber"))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.InDelta(t, 360, node.seen("getBlockNumber"), 3)
		require.NoError(t, c.Err())
	})
}

func TestSilentNodeIsNoticedAfterThreeHeartbeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := dialPipe(t, pipeNode(t, &fakeNode{handshake: fakeHandshake, deaf: true}))
		began := time.Now()
		failed := make(chan error, 1)
		go func() {
			_, err := c.Send(context.Background(), signedCall(t, "silence"))
			failed <- err
		}()
		err := <-failed
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.ErrorIs(t, err, errDead)
		require.Equal(t, chain.SentMaybe, sentOf(t, err))
		<-c.Done()
		// Beats at 5, 10 and 15 s; each waits 3 s for its answer.
		require.GreaterOrEqual(t, time.Since(began), 15*time.Second)
		require.LessOrEqual(t, time.Since(began), 18*time.Second)
	})
}

func TestQuietNodeThatAnswersPingsStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// It answers pings, but no request.
		c := dialPipe(t, pipeNode(t, &fakeNode{handshake: fakeHandshake}))
		time.Sleep(time.Hour)
		synctest.Wait()
		require.NoError(t, c.Err())
	})
}

func TestReadsHaveATimeLimitOfTheirOwnAndSendsHaveNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := dialPipe(t, pipeNode(t, &fakeNode{handshake: fakeHandshake}))
		began := time.Now()
		_, err := c.BlockNumber(context.Background())
		require.True(t, chain.Is(err, chain.KindTimeout))
		require.True(t, chain.Unsent(err))
		require.Equal(t, 10*time.Second, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began = time.Now()
		_, err = c.Send(ctx, signedCall(t, "patience"))
		require.True(t, chain.Is(err, chain.KindTimeout))
		require.Equal(t, chain.SentMaybe, sentOf(t, err))
		require.Equal(t, time.Hour, time.Since(began))
	})
}

func TestDialTimesOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conf *tls.Config
		node *fakeNode // nil: a port that says nothing
		says string
	}{
		"while connecting":            {nil, nil, "connecting"},
		"at TLS":                      {&tls.Config{ServerName: "node"}, &fakeNode{}, "making TLS"},
		"at the WebSocket":            {nil, &fakeNode{}, "opening the WebSocket"},
		"at the FISCO BCOS handshake": {nil, &fakeNode{handshake: ""}, "handshake"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var cfg DialConfig
			switch {
			case c.says == "handshake":
				cfg = pipeNode(t, c.node)
			default:
				l := newPipeListener()
				cfg = DialConfig{Address: "node:20200", ChainID: "chain0", Group: "group0", TLS: c.conf, connect: l.connect}
				if c.node != nil { // it accepts and reads, and never answers
					var wg sync.WaitGroup
					wg.Go(func() {
						if conn, err := l.Accept(); err == nil {
							_, _ = io.Copy(io.Discard, conn)
						}
					})
					t.Cleanup(wg.Wait)
				}
			}
			began := time.Now()
			_, err := Dial(t.Context(), cfg)
			require.True(t, chain.Is(err, chain.KindTimeout), "%s: %v", name, err)
			require.True(t, chain.Unsent(err), name)
			var why *DialError
			require.ErrorAs(t, err, &why)
			require.Equal(t, ReasonTimeout, why.Reason, name)
			require.ErrorContains(t, err, c.says, name)
			require.Equal(t, 10*time.Second, time.Since(began), name)
		})
	}
}
