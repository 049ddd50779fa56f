package rpc

import (
	"context"
	"net"
	"sync"
)

// piped is endpoint without sockets, for a bubble of synctest: there the times of
// the server pass at once, and a busy machine makes none of them too short.
func (w *world) piped(change func(*Config)) *endpoint {
	w.t.Helper()
	l := &pipes{accepted: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return w.endpointOn(l, l.dial, change)
}

// pipes is a listener inside the process.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
	close    func()
}

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.accepted <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.close()
	return nil
}

func (l *pipes) Addr() net.Addr { return pipeAddress{} }

type pipeAddress struct{}

func (pipeAddress) Network() string { return "pipe" }
func (pipeAddress) String() string  { return "pipe:1" }
