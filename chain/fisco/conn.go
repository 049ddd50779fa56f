package fisco

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
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

// Why a connection ended or refused a request.
var (
	errClosed      = errors.New("the connection was closed by this side")
	errDead        = errors.New("the node answered none of the last heartbeats")
	errFull        = errors.New("too many requests wait for answers of this connection")
	errTooLarge    = errors.New("the request is above the 32 MiB that a node takes")
	errWrite       = errors.New("the request cannot be written")
	errBrokenFrame = errors.New("the node sent a broken frame")
)

// conn carries requests and pushes over one WebSocket connection.
//
// Three goroutines own the connection. The reader never stops, because the
// library answers the node's pings only while something reads; it hands each
// answer to its waiter, finds nobody for late and double ones and drops them.
// The writer takes requests from a bounded queue: callers do not line up at a
// mutex, a caller's context never reaches the socket (the library closes a
// connection when the context of a write ends), and a request that was not taken
// from the queue is proven unsent. The heart notices a dead peer.
//
// When the connection ends, for whatever reason, closed is closed and all waiters
// wake up.
type conn struct {
	ws        *websocket.Conn
	line      *cork // below ws
	heartbeat time.Duration
	onPush    func(Frame) // called by the reader; the frame is only good during the call

	prefix    [16]byte // first half of each seq
	queue     chan *request
	lastFrame atomic.Int64 // unix nanoseconds

	pending pending

	closeOnce sync.Once
	closed    chan struct{}
	cause     error // set before closed is closed
	wg        sync.WaitGroup
}

// request is one frame that waits for its answer, or only to be written.
type request struct {
	frame  []byte
	state  atomic.Int32
	answer chan Frame // of one; a post has none
}

// The states of a request: the writer and the waiter race for it once.
const (
	stateQueued int32 = iota
	stateTaken        // bytes may have been written
	stateWithdrawn
)

// startConn takes over ws, which writes to line. close must be called.
func startConn(ws *websocket.Conn, line *cork, heartbeat time.Duration, maxPending int, onPush func(Frame)) *conn {
	s := &conn{
		ws:        ws,
		line:      line,
		heartbeat: heartbeat,
		onPush:    onPush,
		queue:     make(chan *request, queueLen),
		closed:    make(chan struct{}),
	}
	s.pending.max = int64(maxPending)
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

// end ends the connection; the first cause counts.
func (s *conn) end(cause error) {
	s.closeOnce.Do(func() {
		s.cause = cause
		close(s.closed)
		_ = s.ws.CloseNow()
	})
}

// close ends the connection and waits for its goroutines.
func (s *conn) close() {
	s.end(errClosed)
	s.wg.Wait()
}

// do sends a frame whose payload is written by build and waits for its answer,
// whose memory is the caller's. taken says whether bytes of the frame may have
// left.
func (s *conn) do(ctx context.Context, typ FrameType, build func(dst []byte) ([]byte, error)) (answer Frame, taken bool, err error) {
	r := &request{answer: make(chan Frame, 1)}
	id, ok := s.pending.add(r)
	if !ok {
		return Frame{}, false, errFull
	}
	var seq [32]byte
	s.putSeq(&seq, id)
	if err := s.enqueue(ctx, r, Frame{Type: typ, Seq: seq[:]}, build); err != nil {
		s.pending.take(id)
		return Frame{}, false, err
	}
	select {
	case answer := <-r.answer:
		return answer, true, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.closed:
		err = s.cause
	}
	if s.pending.take(id) == nil { // the reader has it: the answer counts
		return <-r.answer, true, nil
	}
	return Frame{}, !r.state.CompareAndSwap(stateQueued, stateWithdrawn), err
}

// post sends a frame that nobody answers. It waits for a place in the queue, not
// for the socket.
func (s *conn) post(ctx context.Context, header Frame, build func(dst []byte) ([]byte, error)) error {
	if header.Seq == nil {
		var seq [32]byte
		s.putSeq(&seq, s.pending.next.Add(1))
		header.Seq = seq[:]
	}
	return s.enqueue(ctx, &request{}, header, build)
}

// enqueue writes the frame of r and hands it to the writer.
func (s *conn) enqueue(ctx context.Context, r *request, header Frame, build func(dst []byte) ([]byte, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	frame, err := build(appendFrameHeader(make([]byte, 0, 512), header))
	if err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	if len(frame) > maxMessage {
		return fmt.Errorf("%w: %d bytes", errTooLarge, len(frame))
	}
	r.frame = frame
	select {
	case s.queue <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return s.cause
	}
}

// putSeq writes the seq of request id: 32 hex characters, as the official
// clients use, of which the first half is this connection's.
func (s *conn) putSeq(seq *[32]byte, id uint64) {
	copy(seq[:], s.prefix[:])
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], id)
	hex.Encode(seq[16:], b[:])
}

// idOf reads a seq of ours back.
func (s *conn) idOf(seq []byte) (uint64, bool) {
	if len(seq) != 32 || !bytes.Equal(seq[:16], s.prefix[:]) {
		return 0, false
	}
	var b [8]byte
	if _, err := hex.Decode(b[:], seq[16:]); err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint64(b[:]), true
}

func (s *conn) read() {
	var buf bytes.Buffer
	for {
		// No deadline: the heart ends a connection whose peer is silent.
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
// matched by seq alone (protocol §2.2); but AMOP messages carry the seq of their
// sender, which may be this client.
func (s *conn) dispatch(f Frame) {
	id, ours := s.idOf(f.Seq)
	if !ours || f.Type == FrameAMOPRequest || f.Type == FrameAMOPBroadcast {
		s.onPush(f)
		return
	}
	if r := s.pending.take(id); r != nil {
		f.Seq, f.Payload = nil, bytes.Clone(f.Payload)
		r.answer <- f
	}
}

func (s *conn) write() {
	for {
		select {
		case r := <-s.queue:
			if !r.state.CompareAndSwap(stateQueued, stateTaken) {
				continue // nobody waits for it any more
			}
			if err := s.writeAll(r); err != nil {
				s.end(err)
				return
			}
		case <-s.closed:
			return
		}
	}
}

// writeAll writes r and what is queued behind it, in as few writes to the
// connection as there can be.
func (s *conn) writeAll(r *request) error {
	for r != nil {
		next := s.queued()
		if next == nil {
			// Callers that became ready together, by a commit or a block, get their turn
			// first, else the first of them would leave alone.
			runtime.Gosched()
			next = s.queued()
		}
		s.line.held.Store(next != nil)
		// No deadline here either: a write that blocks blocks the pings, too.
		if err := s.ws.Write(context.Background(), websocket.MessageBinary, r.frame); err != nil {
			return err
		}
		r = next
	}
	return nil
}

// queued takes the next request that somebody waits for, nil when there is none.
func (s *conn) queued() *request {
	for {
		select {
		case r := <-s.queue:
			if r.state.CompareAndSwap(stateQueued, stateTaken) {
				return r
			}
		default:
			return nil
		}
	}
}

// beat pings a silent node and ends the connection after maxMisses silent beats.
func (s *conn) beat() {
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

func (s *conn) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), min(s.heartbeat, 3*time.Second))
	defer cancel()
	return s.ws.Ping(ctx)
}
