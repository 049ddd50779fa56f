package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	// dialTime is what the node may take to accept; it is on this machine.
	dialTime = 5 * time.Second
	// listenTime is what it may take to get the port back after a cut: somebody
	// may hold it for a moment.
	listenTime = 10 * time.Second
	retryTime  = 10 * time.Millisecond
)

// Proxy is a running proxy. All methods are safe for concurrent use.
type Proxy struct {
	target string
	addr   string
	seed   uint64
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // accepting and connections
	bytes  [2]atomic.Int64

	setting sync.Mutex // held while faults are switched, so that one switch is whole before the next

	mu       sync.Mutex // guards the fields below
	listener net.Listener
	faults   Faults
	changed  chan struct{} // closed when the faults are others
	switches uint64        // how often faults were set
	links    map[*link]struct{}
	opened   uint64
	free     [2]time.Time // when a line with a rate takes the next byte
}

// Stats says what went through a proxy.
type Stats struct {
	Live             int    // connections of clients that are open
	Opened           uint64 // connections of clients that were ever taken
	ToNode, ToClient int64  // bytes written
}

// Start listens on a free port of this machine and passes on to target
// (host:port), which need not listen yet: a connection that it does not take is
// reset. The seed decides jitter and corruption. The proxy is closed with the test.
func Start(t testing.TB, target string, seed uint64) *Proxy {
	t.Helper()
	p := &Proxy{target: target, seed: seed, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err := p.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.addr = p.listener.Addr().String()
	t.Cleanup(p.Close)
	return p
}

// Addr is where clients connect, host:port. It stays the same for ever.
func (p *Proxy) Addr() string { return p.addr }

// Set makes the line as the faults say, for live and new connections. The error
// says that the port was lost after a cut, or that the proxy is closed.
func (p *Proxy) Set(f Faults) error {
	p.setting.Lock()
	defer p.setting.Unlock()
	if p.ctx.Err() != nil {
		return fmt.Errorf("proxy for %s: %w", p.target, net.ErrClosed)
	}
	p.mu.Lock()
	p.faults = f
	p.switches++
	p.free = [2]time.Time{}
	close(p.changed)
	p.changed = make(chan struct{})
	listener := p.listener
	if f.Cut {
		p.listener = nil
	}
	p.mu.Unlock()
	switch {
	case f.Cut:
		if listener != nil {
			_ = listener.Close()
		}
		p.each((*link).finish)
	case f.HalfOpen:
		p.each((*link).swallow)
	}
	if !f.Cut && listener == nil {
		return p.listen(p.addr)
	}
	return nil
}

// Heal makes the line good: it is Set without faults.
func (p *Proxy) Heal() error { return p.Set(Faults{}) }

// Reset ends all live connections with a TCP RST to both sides; new ones are as
// the faults say.
func (p *Proxy) Reset() { p.each((*link).reset) }

// Stats is the state of this moment. The connection of a client that has closed
// lives until the node has closed too, which takes as long as the faults let it.
func (p *Proxy) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Live: len(p.links), Opened: p.opened, ToNode: p.bytes[ToNode].Load(), ToClient: p.bytes[ToClient].Load()}
}

// Close ends everything at once and waits for its goroutines. It may be called
// more than once.
func (p *Proxy) Close() {
	p.setting.Lock()
	defer p.setting.Unlock()
	p.cancel()
	p.mu.Lock()
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.mu.Unlock()
	p.each((*link).reset)
	p.wg.Wait()
}

func (p *Proxy) each(do func(*link)) {
	p.mu.Lock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		links = append(links, l)
	}
	p.mu.Unlock()
	for _, l := range links {
		do(l)
	}
}

func (p *Proxy) listen(addr string) error {
	ctx, cancel := context.WithTimeout(p.ctx, listenTime)
	defer cancel()
	var config net.ListenConfig
	for {
		listener, err := config.Listen(ctx, "tcp", addr)
		if err == nil {
			p.mu.Lock()
			p.listener = listener
			p.mu.Unlock()
			p.wg.Go(func() { p.accept(listener) })
			return nil
		}
		if !pause(ctx, retryTime) {
			return fmt.Errorf("proxy for %s: %w", p.target, err)
		}
	}
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file descriptor is left, perhaps
			if !pause(p.ctx, retryTime) {
				return
			}
			continue
		}
		l := p.add(conn)
		if l == nil {
			reset(conn)
			continue
		}
		p.wg.Go(func() {
			l.run()
			p.mu.Lock()
			delete(p.links, l)
			p.mu.Unlock()
		})
	}
}

// add is nil when the line was cut, or the proxy closed, while the connection came.
func (p *Proxy) add(client net.Conn) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.Cut || p.ctx.Err() != nil {
		return nil
	}
	l := newLink(p, client, p.opened)
	l.swallowing.Store(p.faults.HalfOpen)
	p.opened++
	p.links[l] = struct{}{}
	return l
}

// state is the faults in force, their number, and what is closed when they change.
func (p *Proxy) state() (f Faults, number uint64, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.switches, p.changed
}

// reserve takes the place of n bytes in a line with a rate, and says when it is free.
func (p *Proxy) reserve(d Direction, n, rate int) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.free[d].Before(now) {
		p.free[d] = now
	}
	p.free[d] = p.free[d].Add(time.Duration(n) * time.Second / time.Duration(rate))
	return p.free[d]
}

// pause is false when ctx ended before the time was over.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset ends a connection with a TCP RST.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
