package rpc

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// activityConn remembers when the peer was heard last: any byte counts, so that
// the keep-alive never closes a session in the middle of a long message. It can
// be made half-open.
type activityConn struct {
	net.Conn
	heard atomic.Int64 // nanoseconds since 1970
	dead  atomic.Bool  // half-open: what comes is thrown away, nothing is sent
}

// Read notes the time of what it reads.
func (c *activityConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if n > 0 {
			c.touch()
		}
		if err != nil || !c.dead.Load() {
			return n, err
		}
	}
}

// Write is as good as done on a half-open connection.
func (c *activityConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// SetDeadline ends no half-open connection, nor do the two below.
func (c *activityConn) SetDeadline(t time.Time) error {
	if c.dead.Load() {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline is SetDeadline for reading.
func (c *activityConn) SetReadDeadline(t time.Time) error {
	if c.dead.Load() {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is SetDeadline for writing.
func (c *activityConn) SetWriteDeadline(t time.Time) error {
	if c.dead.Load() {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// halfOpen makes the connection half-open until the peer or the server closes it.
func (c *activityConn) halfOpen() {
	c.dead.Store(true)
	_ = c.Conn.SetDeadline(time.Time{}) // fails when it is closed already
}

// reset ends the connection with a TCP RST, where the system can.
func (c *activityConn) reset() {
	if tcp, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close()
}

func (c *activityConn) touch() { c.heard.Store(time.Now().UnixNano()) }

// silence is how long nothing has been heard; none when it is half-open.
func (c *activityConn) silence() time.Duration {
	if c.dead.Load() {
		return 0
	}
	return time.Duration(time.Now().UnixNano() - c.heard.Load())
}

// activityListener wraps what it accepts and gives it to meet.
type activityListener struct {
	net.Listener
	meet func(*activityConn)
}

// Accept waits for the next connection.
func (l activityListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	wrapped := &activityConn{Conn: c}
	wrapped.touch()
	l.meet(wrapped)
	return wrapped, nil
}

type connKey struct{}

// withConn keeps the connection of a request where its handler finds it.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

func connOf(ctx context.Context) *activityConn {
	c, _ := ctx.Value(connKey{}).(*activityConn)
	return c
}
