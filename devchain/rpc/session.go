package rpc

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/bcosgate/bcosgate/devchain/faults"
)

// Bounds of one session. A real node has none but the message size; here they
// keep a slow or hostile peer from taking the process's memory.
const (
	// maxMessage is the size limit of a message in each direction and of an HTTP body.
	maxMessage = 32 << 20
	// maxRequests in work or with an unsent answer; above it the session is not
	// read until one is done. Four full blocks of the default size fit.
	maxRequests = 4096
	// maxPushes waiting to be sent; above it the subscriptions of the session wait.
	maxPushes = 256
	// maxNotices is the room for block notices beyond requests and pushes. When it
	// is used up the session is closed: the peer has stopped reading.
	maxNotices = 1024
	// maxQueuedBytes of unsent answers; above it the session is closed, too.
	maxQueuedBytes = 256 << 20
)

// outgoing is a message on its way; done is called when it was sent or dropped.
type outgoing struct {
	data []byte
	done func()
}

// session is one WebSocket connection. run owns all of its goroutines: the
// reader (run itself), the writer, the keep-alive, one for each request in work
// and one for each event subscription.
type session struct {
	server *Server
	ws     *websocket.Conn
	conn   *activityConn
	log    *slog.Logger

	out    chan outgoing
	queued atomic.Int64  // bytes in out
	slots  chan struct{} // one for each request in work
	pushes chan struct{} // one for each push in out
	events subscriptions
	owed   owed // by the peer, as a subscriber of AMOP topics

	reading atomic.Bool   // the reader waits for the peer, not for us
	flush   chan struct{} // closed by finish: the writer sends what is left and closes
	finish  func()
	ctx     context.Context         // owned by run; ends with the session
	cancel  context.CancelCauseFunc // ends it; the first cause is the reason
	asking  context.Context         // of the peer's AMOP requests; ends with drain
	giveUp  context.CancelFunc      // ends asking

	mu       sync.Mutex
	draining bool           // guarded by mu; no request may start any more
	requests sync.WaitGroup // added to under mu
}

// newSession makes a session that ends with ctx at the latest; run must follow.
func newSession(ctx context.Context, s *Server, ws *websocket.Conn, conn *activityConn) *session {
	ws.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancelCause(ctx)
	asking, giveUp := context.WithCancel(ctx)
	flush := make(chan struct{})
	return &session{
		server: s, ws: ws, conn: conn, log: s.log.With("peer", conn.RemoteAddr().String()), ctx: ctx, cancel: cancel,
		asking: asking, giveUp: giveUp,
		out:    make(chan outgoing, maxRequests+maxPushes+maxNotices),
		slots:  make(chan struct{}, maxRequests),
		pushes: make(chan struct{}, maxPushes),
		flush:  flush,
		finish: sync.OnceFunc(func() { close(flush) }),
	}
}

// Reasons for the end of a session that are ours.
var (
	errSlowReader = errors.New("the peer does not read: too much is waiting to be sent")
	errSilent     = errors.New("the peer was silent for too long and answers no ping")
	errHalfOpen   = errors.New("the connection was half-open, as asked for")
	errHandshake  = errors.New("the handshake offers no protocol version that this node speaks")
)

// run serves the session until the peer leaves, breaks the rules or the context
// ends, and returns when everything that belongs to it has ended.
func (s *session) run() {
	ctx := s.ctx
	var owned sync.WaitGroup
	owned.Go(func() { s.cancel(s.write(ctx)) })
	owned.Go(func() { s.cancel(s.keepAlive(ctx)) })
	s.cancel(s.read(ctx))
	s.giveUp()
	s.server.amop.remove(s, s.owed.topics) // only the reader, which has ended, adds any
	s.owed.end()

	s.mu.Lock()
	s.draining = true // whatever comes later finds the session closed
	s.mu.Unlock()
	s.requests.Wait()
	s.events.stop()
	owned.Wait()
	_ = s.ws.CloseNow()
	s.log.Debug("session ended", "reason", context.Cause(ctx))
}

// drain lets the requests in work finish, except AMOP requests, sends their answers and closes the
// connection with a close frame. It returns early when ctx ends.
func (s *session) drain(ctx context.Context) {
	s.mu.Lock()
	first := !s.draining
	s.draining = true
	s.mu.Unlock()
	if !first {
		return
	}
	s.giveUp() // the answers are up to others
	finished := make(chan struct{})
	go func() { // ends with the requests, which end with the session at the latest
		s.requests.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		if s.conn.Dead() { // nothing gets through any more
			s.cancel(errHalfOpen)
		}
		s.finish()
	case <-ctx.Done():
	}
}

func (s *session) read(ctx context.Context) error {
	for {
		s.reading.Store(true)
		_, data, err := s.ws.Read(ctx)
		s.reading.Store(false)
		if err != nil {
			return err
		}
		f, err := parseFrame(data)
		if err == nil {
			err = s.receive(ctx, f)
		}
		if err != nil {
			s.log.Warn("session closed", "reason", err)
			_ = s.ws.Close(websocket.StatusNormalClosure, "")
			return err
		}
	}
}

// start runs work in a goroutine of its own, and gives its slot back when the
// message it returns is sent; nil is no message. It waits while all slots are taken.
func (s *session) start(ctx context.Context, work func() []byte) {
	select {
	case s.slots <- struct{}{}:
		s.startInSlot(work)
	case <-ctx.Done():
	}
}

func (s *session) startInSlot(work func() []byte) {
	s.mu.Lock()
	if s.draining {
		s.mu.Unlock()
		<-s.slots
		return
	}
	s.requests.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.requests.Done()
		if message := work(); message != nil {
			s.send(message, func() { <-s.slots })
		} else {
			<-s.slots
		}
	}()
}

// notice sends a block notice, or hands it to the fault that strikes it, and never
// blocks: it takes a slot for a fault, and when there is none the session is closed.
func (s *session) notice(data []byte, number uint64) {
	exchange := faults.Exchange{
		Point:  s.server.point(faults.BlockNotify, faults.WebSocket),
		Line:   s.line(),
		Serve:  func(ctx context.Context) []byte { return s.server.blockNotice(faults.Height(ctx, number)) },
		Damage: damagedFrame,
	}
	fault := s.server.cfg.Faults.Strike(exchange.Point)
	if fault == nil {
		s.send(data, nil)
		return
	}
	select {
	case s.slots <- struct{}{}:
		s.startInSlot(func() []byte { return fault.Carry(s.ctx, exchange) })
	default:
		s.cancel(errSlowReader)
	}
}

// send queues a message and never blocks: when there is no room the session is
// closed. done may be nil.
func (s *session) send(data []byte, done func()) {
	if done == nil {
		done = func() {}
	}
	if s.queued.Add(int64(len(data))) <= maxQueuedBytes {
		select {
		case s.out <- outgoing{data, done}:
			return
		default:
		}
	}
	s.queued.Add(-int64(len(data)))
	done()
	s.cancel(errSlowReader)
}

// push queues an event message and waits while too many of them are unsent.
func (s *session) push(ctx context.Context, data []byte) error {
	select {
	case s.pushes <- struct{}{}:
		s.send(data, func() { <-s.pushes })
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) write(ctx context.Context) error {
	for {
		select {
		case m := <-s.out:
			if err := s.writeOne(ctx, m); err != nil {
				return err
			}
		case <-s.flush:
			for {
				select {
				case m := <-s.out:
					if err := s.writeOne(ctx, m); err != nil {
						return err
					}
				default:
					return s.ws.Close(websocket.StatusNormalClosure, "")
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *session) writeOne(ctx context.Context, m outgoing) error {
	ctx, cancel := context.WithTimeout(ctx, s.server.cfg.WriteTimeout)
	defer cancel()
	err := s.ws.Write(ctx, websocket.MessageBinary, m.data)
	s.queued.Add(-int64(len(m.data)))
	m.done()
	return err
}

// keepAlive pings after a time of silence and ends the session after a longer
// one (protocol §2.5): at TCP level, without a close frame.
func (s *session) keepAlive(ctx context.Context) error {
	after, end := s.server.cfg.PingAfter, s.server.cfg.CloseAfter
	for {
		silence := s.conn.silence()
		if !s.reading.Load() {
			silence = 0 // we do not listen: the peer is not to blame
		}
		wait := after - silence
		switch {
		case silence >= end:
			return errSilent
		case silence >= after:
			// Ping waits for the pong; other signs of life count as well, so its
			// time-out decides nothing here.
			pinged, cancel := context.WithTimeout(ctx, end-silence)
			err := s.ws.Ping(pinged)
			ended := err != nil && pinged.Err() == nil
			cancel()
			if ended {
				return err
			}
			wait = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
