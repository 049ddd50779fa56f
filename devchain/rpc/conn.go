package rpc

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// activityConn remembers when the peer was heard last: any byte counts, so that
// the keep-alive never closes a session in the middle of a long message.
type activityConn struct {
	net.Conn
	heard atomic.Int64 // nanoseconds since 1970
}

// Read notes the time of what it reads.
func (c *activityConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

func (c *activityConn) touch() { c.heard.Store(time.Now().UnixNano()) }

// silence is how long nothing has been heard.
func (c *activityConn) silence() time.Duration {
	return time.Duration(time.Now().UnixNano() - c.heard.Load())
}

// activityListener wraps what it accepts.
type activityListener struct{ net.Listener }

// Accept waits for the next connection.
func (l activityListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	wrapped := &activityConn{Conn: c}
	wrapped.touch()
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
