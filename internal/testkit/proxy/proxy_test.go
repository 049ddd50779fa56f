package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	seed = 1
	// patience is for what must come, and silence for what must not.
	patience = 20 * time.Second
	silence  = 100 * time.Millisecond
)

// echo is a node that answers what it gets, until the end of the stream.
func echo(t *testing.T) string {
	t.Helper()
	return serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		_, _ = io.Copy(c, c)
		_ = c.CloseWrite()
	})
}

// serve lets do have each connection, which is closed after it.
func serve(t *testing.T, addr string, do func(*net.TCPConn)) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", addr)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c.(*net.TCPConn))
			}()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-ended })
	return listener.Addr().String()
}

func start(t *testing.T) *Proxy {
	t.Helper()
	return Start(t, echo(t), seed)
}

func tryDial(p *Proxy) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", p.Addr())
}

func dial(t *testing.T, p *Proxy) *net.TCPConn {
	t.Helper()
	c, err := tryDial(p)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	return c.(*net.TCPConn)
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
}

func read(t *testing.T, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func exchange(t *testing.T, c net.Conn) {
	t.Helper()
	write(t, c, "ping")
	read(t, c, "ping")
}

// requireSilence wants neither a byte nor the end.
func requireSilence(t *testing.T, c net.Conn) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(silence)))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
}

func requireLive(t *testing.T, p *Proxy, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return p.Stats().Live == n }, patience, time.Millisecond)
}

func TestGoodLinePassesEverythingOn(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	exchange(t, c)
	requireLive(t, p, 1)
	require.NoError(t, c.CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err, "the end of the stream comes in order")
	require.Empty(t, got)
	requireLive(t, p, 0)
	exchange(t, dial(t, p))
	require.Equal(t, Stats{Live: 1, Opened: 2, ToNode: 8, ToClient: 8}, p.Stats())
}

func TestAbortOfOneSideReachesTheOther(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	p := Start(t, serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		_, err := io.Copy(io.Discard, c)
		ended <- err
	}), seed)
	c := dial(t, p)
	write(t, c, "x")
	require.Eventually(t, func() bool { return p.Stats().ToNode == 1 }, patience, time.Millisecond)
	reset(c)
	require.ErrorIs(t, <-ended, syscall.ECONNRESET)

	p = Start(t, serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		reset(c)
	}), seed)
	c = dial(t, p)
	write(t, c, "x")
	_, err := io.ReadAll(c)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestNodeThatDoesNotListenResets(t *testing.T) {
	t.Parallel()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := Start(t, listener.Addr().String(), seed)
	require.NoError(t, listener.Close())
	c, err := tryDial(p)
	if err == nil { // else the reset was faster
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	requireLive(t, p, 0)

	serve(t, listener.Addr().String(), func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	exchange(t, dial(t, p))
}

func TestLatencyDelaysButDoesNotThrottle(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	exchange(t, c)
	const latency = 100 * time.Millisecond
	require.NoError(t, p.Set(Faults{ToNode: Flow{Latency: latency}, ToClient: Flow{Latency: latency, Jitter: latency}}))
	began := time.Now()
	exchange(t, c)
	require.GreaterOrEqual(t, time.Since(began), 2*latency)

	sent := make([]byte, 4<<20)
	for i := range sent {
		sent[i] = byte(rand.N(256))
	}
	began = time.Now()
	go func() {
		for piece := range chunks(sent, 8<<10) { // 512 pieces
			_, _ = c.Write(piece)
		}
	}()
	got := make([]byte, len(sent))
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got), "jitter keeps the order")
	require.Less(t, time.Since(began), 128*latency, "pieces that wait one after the other would need 512 times the latency")
	require.NoError(t, p.Heal())
	exchange(t, c)
}

func chunks(data []byte, size int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 && yield(data[:min(size, len(data))]) {
			data = data[min(size, len(data)):]
		}
	}
}

func TestLatencyOfOneDirection(t *testing.T) {
	t.Parallel()
	began := make(chan time.Time, 1)
	p := Start(t, serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 1))
		began <- time.Now()
		_, _ = c.Write([]byte("x"))
	}), seed)
	const latency = 200 * time.Millisecond
	require.NoError(t, p.Set(Faults{ToClient: Flow{Latency: latency}}))
	c := dial(t, p)
	write(t, c, "x")
	read(t, c, "x")
	require.GreaterOrEqual(t, time.Since(<-began), latency)
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestThrottledLineIsSharedAndFreedAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t)
	a, b := dial(t, p), dial(t, p)
	exchange(t, a)
	exchange(t, b)
	require.NoError(t, p.Set(Faults{ToNode: Flow{Rate: 100_000}}))
	began := time.Now()
	text := string(make([]byte, 25_000))
	write(t, a, text)
	write(t, b, text)
	read(t, a, text)
	read(t, b, text)
	require.GreaterOrEqual(t, time.Since(began), 500*time.Millisecond)

	require.NoError(t, p.Set(Faults{ToClient: Flow{Rate: 1}}))
	write(t, a, text) // would need hours
	requireSilence(t, b)
	require.NoError(t, p.Heal())
	read(t, a, text)
}

func TestCutRefusesAndClosesInOrder(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	exchange(t, c)
	require.NoError(t, p.Set(Faults{Cut: true}))
	require.NoError(t, p.Set(Faults{Cut: true}))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = tryDial(p)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	requireLive(t, p, 0) // although the client has not closed
	require.NoError(t, p.Heal())
	exchange(t, dial(t, p))
}

func TestResetEndsLiveConnectionsOnly(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	exchange(t, c)
	p.Reset()
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	requireLive(t, p, 0)
	exchange(t, dial(t, p))
}

func TestHalfOpenStaysForConnectionsThatItStruck(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	p := Start(t, serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		_, _ = io.Copy(c, c)
		ended <- struct{}{}
	}), seed)
	live := dial(t, p)
	exchange(t, live)
	require.NoError(t, p.Set(Faults{HalfOpen: true}))
	fresh := dial(t, p)
	for _, c := range []net.Conn{live, fresh} {
		write(t, c, "lost")
		requireSilence(t, c)
	}
	require.NoError(t, p.Heal())
	for _, c := range []net.Conn{live, fresh} {
		write(t, c, "lost")
		requireSilence(t, c)
	}
	exchange(t, dial(t, p))
	require.Equal(t, int64(8), p.Stats().ToNode, "nothing that was swallowed reached the node")
	requireLive(t, p, 3)
	require.NoError(t, live.Close())
	require.NoError(t, fresh.Close())
	requireLive(t, p, 1)
	<-ended
}

func TestHalfOpenHidesThatTheNodeEnded(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	p := Start(t, serve(t, "127.0.0.1:0", func(c *net.TCPConn) {
		_, _ = io.CopyN(c, c, 4)
		<-end
	}), seed)
	c := dial(t, p)
	exchange(t, c)
	require.NoError(t, p.Set(Faults{HalfOpen: true}))
	close(end)
	requireSilence(t, c)
	require.NoError(t, p.Set(Faults{Cut: true}))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "a cut ends half-open connections too")
	requireLive(t, p, 0)
}

func TestPartitionHoldsEverythingUntilItIsOver(t *testing.T) {
	t.Parallel()
	p := start(t)
	live, leaving := dial(t, p), dial(t, p)
	exchange(t, live)
	exchange(t, leaving)
	require.NoError(t, p.Set(Faults{Partition: true}))
	fresh := dial(t, p)
	for _, c := range []net.Conn{live, fresh} {
		write(t, c, "ping")
		requireSilence(t, c)
	}
	require.NoError(t, leaving.Close())
	require.Equal(t, 3, p.Stats().Live, "the end does not pass either")
	require.NoError(t, p.Heal())
	read(t, live, "ping")
	read(t, fresh, "ping")
	requireLive(t, p, 2)
}

func TestByteIsFlippedAtItsPlace(t *testing.T) {
	t.Parallel()
	p := start(t)
	c := dial(t, p)
	exchange(t, c)
	require.NoError(t, p.Set(Faults{ToNode: Flow{Flip: 6}}))
	for _, c := range []net.Conn{c, dial(t, p)} {
		exchange(t, c) // bytes 1 to 4
		got := make([]byte, 4)
		write(t, c, "ping")
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
		require.NotEqual(t, byte('i'), got[1])
		got[1] = 'i'
		require.Equal(t, "ping", string(got))
		exchange(t, c)
	}
}

func TestFlipsComeFromTheSeed(t *testing.T) {
	t.Parallel()
	node := echo(t)
	const size, each = 100_000, 0.01
	flips := func(seed uint64) (got []byte) {
		p := Start(t, node, seed)
		require.NoError(t, p.Set(Faults{ToClient: Flow{FlipEach: each}}))
		c := dial(t, p)
		go func() { _, _ = c.Write(make([]byte, size)) }()
		got = make([]byte, size)
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
		return got
	}
	first := flips(1)
	struck := size - bytes.Count(first, []byte{0})
	require.InDelta(t, size*each, struck, size*each/4)
	require.Equal(t, first, flips(1))
	require.NotEqual(t, first, flips(2))
}

func TestEverythingIsFlippedWithProbabilityOne(t *testing.T) {
	t.Parallel()
	p := start(t)
	require.NoError(t, p.Set(Faults{ToClient: Flow{FlipEach: 1}}))
	c := dial(t, p)
	write(t, c, string(make([]byte, 100)))
	got := make([]byte, 100)
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.NotContains(t, got, byte(0))
}

func TestCloseEndsWhatFaultsHold(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]Faults{
		"good":      {},
		"partition": {Partition: true},
		"half-open": {HalfOpen: true},
		"cut":       {Cut: true},
		"latency":   {ToClient: Flow{Latency: time.Hour}},
		"throttle":  {ToNode: Flow{Rate: 1}},
	} {
		p := start(t)
		c := dial(t, p)
		exchange(t, c)
		require.NoError(t, p.Set(faults), name)
		_, _ = c.Write(make([]byte, 1000))
		if fresh, err := tryDial(p); err == nil {
			defer fresh.Close()
		}
		p.Close()
		require.Zero(t, p.Stats().Live, name)
		_, err := io.ReadAll(c)
		require.True(t, err == nil || errors.Is(err, syscall.ECONNRESET), "%s: %v", name, err)
		require.Error(t, p.Set(Faults{}), name)
		p.Close()
	}
}
