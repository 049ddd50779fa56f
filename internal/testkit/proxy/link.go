package proxy

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// lingerTime is how long the sides of a connection that is closed in order have
// to close theirs.
const lingerTime = time.Second

// link is the connection of a client and the one to the node that belongs to it.
type link struct {
	p          *Proxy
	number     uint64
	client     net.Conn
	flowing    context.Context // ends when no byte may pass any more
	stop       context.CancelFunc
	swallowing atomic.Bool // half-open until the client closes
	// Nothing more comes from the client. Who sets one of these two flags looks at
	// the other after it, so that one of both ends the link.
	clientEnded atomic.Bool

	mu    sync.Mutex // guards the fields below
	node  net.Conn   // nil before it is dialed
	ended bool       // nothing may be dialed any more
}

func newLink(p *Proxy, client net.Conn, number uint64) *link {
	l := &link{p: p, number: number, client: client}
	l.flowing, l.stop = context.WithCancel(p.ctx)
	return l
}

// run returns when both sides are closed.
func (l *link) run() {
	defer l.close()
	dialed := !l.swallowing.Load() && l.dial()
	if l.swallowing.Load() {
		_, _ = io.Copy(io.Discard, l.client) // until the client closes
		return
	}
	if !dialed {
		if !l.isEnded() {
			reset(l.client) // the node does not listen
		}
		return
	}
	up, down := newLine(l, ToNode), newLine(l, ToClient)
	up.back, down.back = down, up
	var wg sync.WaitGroup
	wg.Go(func() {
		up.read(l.client)
		l.clientEnded.Store(true)
		if l.swallowing.Load() {
			l.reset()
		}
	})
	wg.Go(func() { down.read(l.node) })
	wg.Go(func() { up.write(l.node) })
	wg.Go(func() { down.write(l.client) })
	wg.Wait()
}

// dial connects to the node as soon as no partition is between.
func (l *link) dial() bool {
	if !l.wait(func(f Faults) bool { return !f.Partition }) {
		return false
	}
	ctx, cancel := context.WithTimeout(l.flowing, dialTime)
	defer cancel()
	var dialer net.Dialer
	node, err := dialer.DialContext(ctx, "tcp", l.p.target)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		reset(node)
		return false
	}
	l.node = node
	return true
}

// wait returns once the faults are as wanted; false when nothing may pass any more.
func (l *link) wait(wanted func(Faults) bool) bool {
	for {
		f, _, changed := l.p.state()
		if wanted(f) {
			return l.flowing.Err() == nil
		}
		select {
		case <-changed:
		case <-l.flowing.Done():
			return false
		}
	}
}

// swallow makes the link half-open.
func (l *link) swallow() {
	l.swallowing.Store(true)
	l.stop()
	for _, conn := range l.sides() {
		_ = conn.SetWriteDeadline(time.Unix(1, 0)) // ends a write that waits for its peer
	}
	if l.clientEnded.Load() {
		l.reset()
	}
}

// finish ends the link in order: both sides read the end of the stream.
func (l *link) finish() {
	l.swallowing.Store(false)
	l.end()
	for _, conn := range l.sides() {
		_ = conn.SetDeadline(time.Now().Add(lingerTime))
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.CloseWrite()
		}
	}
}

// reset ends the link at once, with a TCP RST for a side that is not closed.
func (l *link) reset() {
	l.end()
	for _, conn := range l.sides() {
		reset(conn)
	}
}

// close ends a link on which both sides have ended, or one that leads nowhere.
func (l *link) close() {
	l.end()
	for _, conn := range l.sides() {
		_ = conn.Close()
	}
}

func (l *link) isEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *link) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.stop()
}

func (l *link) sides() []net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.node == nil {
		return []net.Conn{l.client}
	}
	return []net.Conn{l.client, l.node}
}
