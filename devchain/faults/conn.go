package faults

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

// Conn is a connection that can be reset and made half-open.
type Conn struct {
	net.Conn
	dead atomic.Bool // half-open: what comes is thrown away, nothing is sent
}

// Dead reports whether the connection was made half-open.
func (c *Conn) Dead() bool { return c.dead.Load() }

// HalfOpen makes the connection half-open until the peer or the node closes it.
func (c *Conn) HalfOpen() {
	c.dead.Store(true)
	_ = c.Conn.SetDeadline(time.Time{}) // fails when it is closed already
}

// Reset ends the connection with a TCP RST, where the system can.
func (c *Conn) Reset() {
	if tcp, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close()
}

// Read reads nothing from a half-open connection but its end.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.Dead() {
			return n, err
		}
	}
}

// Write is as good as done on a half-open connection.
func (c *Conn) Write(p []byte) (int, error) {
	if c.Dead() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// SetDeadline ends no half-open connection, nor do the two below.
func (c *Conn) SetDeadline(t time.Time) error {
	if c.Dead() {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline is SetDeadline for reading.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.Dead() {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline is SetDeadline for writing.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.Dead() {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// Listener accepts connections that can be struck, and lets the faults on Connect
// strike them at once.
type Listener struct {
	net.Listener
	Faults *Set
	Point  Point // of the port; On is not looked at
}

// Accept waits for the next connection; it is a *Conn.
func (l Listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &Conn{Conn: accepted}
	point := l.Point
	point.On = Connect
	l.Faults.Do(context.Background(), Exchange{ // no action on a connection waits
		Point: point,
		Line:  socketLine{c},
		Serve: func(context.Context) []byte { return nil },
	})
	return c, nil
}

// socketLine is a connection without anything on it.
type socketLine struct{ *Conn }

func (l socketLine) Close() { _ = l.Conn.Close() }

type connKey struct{}

// WithConn keeps the connection of a request where ConnOf finds it; it is for
// http.Server.ConnContext.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// ConnOf gives the connection of a request as the listener accepted it; nil when
// there is none.
func ConnOf(ctx context.Context) net.Conn {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	return c
}
