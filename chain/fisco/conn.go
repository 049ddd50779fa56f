package fisco

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxMessage is the limit of a node in both directions (protocol §2.5).
	maxMessage = 32 << 20
	// queueLen is how many requests wait for the writer before callers wait
	// themselves: enough to keep it busy, few enough to see that a node is slow.
	queueLen = 256
	// maxMisses is how many heartbeats in a row may stay unanswered.
	maxMisses = 3
	// keptBuffer is the most that the reader keeps between two messages.
	keptBuffer = 1 << 20
)

// Why a session ended or refused a request.
var (
	errClosed      = errors.New("the connection was closed by this side")
	errDead        = errors.New("the node answered none of the last heartbeats")
	errFull        = errors.New("too many requests wait for answers of this connection")
	errTooLarge    = errors.New("the request is above the 32 MiB that a node takes")
	errBrokenFrame = errors.New("the node sent a broken frame")
)

// session carries requests and pushes over one WebSocket connection.
//
// Three goroutines own the connection. The reader never stops, because the
// library answers the node's pings only while something reads; it hands each
// answer to its waiter, finds nobody for late and double ones and drops them.
// The writer takes requests from a bounded queue: callers do not line up at a
// mutex, a caller's context never reaches the socket (the library closes a
// connection when the context of a write ends), and a request that was not taken
// from the queue is proven unsent. The heart notices a dead peer.
//
// When the session ends, for whatever reason, closed is closed and all waiters
// wake up.
type session struct {
	ws        *websocket.Conn
	heartbeat time.Duration
	onPush    func(Frame) // called by the reader; the frame is only good during the call

	prefix    [16]byte // first half of each seq
	queue     chan *request
	lastFrame atomic.Int64 // unix nanoseconds

	mu         sync.Mutex
	pending    map[uint64]*request
	maxPending int
	next       uint64

	closeOnce sync.Once
	closed    chan struct{}
	cause     error // set before closed is closed
	wg        sync.WaitGroup
}

// request is one frame that waits for its answer.
type request struct {
	frame  []byte
	state  atomic.Int32
	answer chan []byte // of one
}

// The states of a request: the writer and the waiter race for it once.
const (
	stateQueued int32 = iota
	stateTaken        // bytes may have been written
	stateWithdrawn
)

// startSession takes over ws. close must be called.
func startSession(ws *websocket.Conn, heartbeat time.Duration, maxPending int, onPush func(Frame)) *session {
	s := &session{
		ws:         ws,
		heartbeat:  heartbeat,
		onPush:     onPush,
		queue:      make(chan *request, queueLen),
		pending:    make(map[uint64]*request),
		maxPending: maxPending,
		closed:     make(chan struct{}),
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	hex.Encode(s.prefix[:], random[:])
	s.lastFrame.Store(time.Now().UnixNano())
	ws.SetReadLimit(maxMessage)
	s.wg.Go(s.read)
	s.wg.Go(s.write)
	s.wg.Go(s.beat)
	return s
}

// end ends the session; the first cause counts.
func (s *session) end(cause error) {
	s.closeOnce.Do(func() {
		s.cause = cause
		close(s.closed)
		_ = s.ws.CloseNow()
	})
}

// close ends the session and waits for its goroutines.
func (s *session) close() {
	s.end(errClosed)
	s.wg.Wait()
}

// do sends a frame whose payload is written by build and waits for its answer's
// payload. taken says whether bytes of the frame may have left.
func (s *session) do(ctx context.Context, typ FrameType, build func(dst []byte) ([]byte, error)) (answer []byte, taken bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	r := &request{answer: make(chan []byte, 1)}
	id, err := s.register(r)
	if err != nil {
		return nil, false, err
	}
	defer s.forget(id)

	var seq [32]byte
	s.putSeq(&seq, id)
	frame, err := build(appendFrameHeader(make([]byte, 0, 512), Frame{Type: typ, Seq: seq[:]}))
	if err != nil {
		return nil, false, err
	}
	if len(frame) > maxMessage {
		return nil, false, fmt.Errorf("%w: %d bytes", errTooLarge, len(frame))
	}
	r.frame = frame

	select {
	case s.queue <- r:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case <-s.closed:
		return nil, false, s.cause
	}
	select {
	case answer := <-r.answer:
		return answer, true, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.closed:
		err = s.cause
	}
	select {
	case answer := <-r.answer: // both were ready: the answer counts
		return answer, true, nil
	default:
	}
	return nil, !r.state.CompareAndSwap(stateQueued, stateWithdrawn), err
}

func (s *session) register(r *request) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return 0, s.cause
	default:
	}
	if len(s.pending) >= s.maxPending {
		return 0, errFull
	}
	s.next++
	s.pending[s.next] = r
	return s.next, nil
}

func (s *session) forget(id uint64) {
	s.mu.Lock()
	delete(s.pending, id)
	s.mu.Unlock()
}

// putSeq writes the seq of request id: 32 hex characters, as the official
// clients use, of which the first half is this session's.
func (s *session) putSeq(seq *[32]byte, id uint64) {
	copy(seq[:], s.prefix[:])
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], id)
	hex.Encode(seq[16:], b[:])
}

// idOf reads a seq of ours back.
func (s *session) idOf(seq []byte) (uint64, bool) {
	if len(seq) != 32 || !bytes.Equal(seq[:16], s.prefix[:]) {
		return 0, false
	}
	var b [8]byte
	if _, err := hex.Decode(b[:], seq[16:]); err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint64(b[:]), true
}

func (s *session) read() {
	var buf bytes.Buffer
	for {
		// No deadline: the heart ends a session whose peer is silent.
		_, message, err := s.ws.Reader(context.Background())
		if err == nil {
			buf.Reset()
			_, err = buf.ReadFrom(message)
		}
		if err != nil {
			s.end(err)
			return
		}
		s.lastFrame.Store(time.Now().UnixNano())
		frame, err := ParseFrame(buf.Bytes())
		if err != nil {
			s.end(fmt.Errorf("%w: %w", errBrokenFrame, err))
			return
		}
		s.dispatch(frame)
		if buf.Cap() > keptBuffer {
			buf = bytes.Buffer{}
		}
	}
}

// dispatch hands an answer to its waiter, everything else to onPush. Answers are
// matched by seq alone (protocol §2.2).
func (s *session) dispatch(f Frame) {
	id, ours := s.idOf(f.Seq)
	if !ours {
		s.onPush(f)
		return
	}
	s.mu.Lock()
	r := s.pending[id]
	delete(s.pending, id)
	s.mu.Unlock()
	if r != nil {
		r.answer <- bytes.Clone(f.Payload)
	}
}

func (s *session) write() {
	for {
		select {
		case r := <-s.queue:
			if !r.state.CompareAndSwap(stateQueued, stateTaken) {
				continue // nobody waits for it any more
			}
			// No deadline here either: a write that blocks blocks the pings, too.
			if err := s.ws.Write(context.Background(), websocket.MessageBinary, r.frame); err != nil {
				s.end(err)
				return
			}
		case <-s.closed:
			return
		}
	}
}

// beat pings a silent node and ends the session after maxMisses silent beats.
func (s *session) beat() {
	tick := time.NewTicker(s.heartbeat)
	defer tick.Stop()
	for misses := 0; ; {
		select {
		case <-tick.C:
		case <-s.closed:
			return
		}
		if time.Since(time.Unix(0, s.lastFrame.Load())) < s.heartbeat || s.ping() == nil {
			misses = 0
			continue
		}
		if misses++; misses == maxMisses {
			s.end(errDead)
			return
		}
	}
}

func (s *session) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), min(s.heartbeat, 3*time.Second))
	defer cancel()
	return s.ws.Ping(ctx)
}
