package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxWaiting bounds the bytes that are under way in one direction of a
	// connection; then nothing more is read, as with a full window of TCP. With a
	// latency of a second that is 8 MiB a second, more than tests send.
	maxWaiting = 8 << 20
	readSize   = 32 << 10
	// piecesEachSecond cuts what a line with a rate sends, so that bytes come
	// evenly.
	piecesEachSecond = 50
)

// line is one direction of a link: bytes are read as they come, wait as long as
// the faults say, and are written in order.
type line struct {
	l         *link
	direction Direction
	back      *line
	queue     queue
	jitter    jitter  // of the reading goroutine
	flips     flipper // of the writing goroutine
	last      time.Time
}

// chunk is some bytes, or the end of the stream.
type chunk struct {
	due   time.Time
	data  []byte
	ended bool
	abort bool // ended by an error, a TCP RST most likely
}

func newLine(l *link, d Direction) *line {
	number := l.number*2 + uint64(d)
	return &line{
		l: l, direction: d, queue: newQueue(),
		jitter: newJitter(l.p.seed, number), flips: flipper{rand: random(^l.p.seed, number)},
	}
}

// read returns at the end of the stream. What comes when nothing may pass any
// more is thrown away.
func (n *line) read(src net.Conn) {
	buffer := make([]byte, readSize)
	for {
		count, err := src.Read(buffer)
		f, _, _ := n.l.p.state()
		due := n.due(f.flow(n.direction))
		if count > 0 {
			n.queue.push(n.l.flowing, chunk{due: due, data: append([]byte(nil), buffer[:count]...)})
		}
		if err != nil {
			n.queue.push(n.l.flowing, chunk{due: due, ended: true, abort: !errors.Is(err, io.EOF)})
			return
		}
	}
}

// due is when something that comes now has arrived, never before what came earlier.
func (n *line) due(f Flow) time.Time {
	due := time.Now().Add(f.Latency + n.jitter.upTo(f.Jitter))
	if due.Before(n.last) {
		due = n.last
	}
	n.last = due
	return due
}

// write returns when the end of the stream is passed on, or nothing may pass any
// more.
func (n *line) write(dst net.Conn) {
	for {
		c, ok := n.queue.pop(n.l.flowing)
		if !ok || !pause(n.l.flowing, time.Until(c.due)) || !n.l.wait(func(f Faults) bool { return !f.Partition }) {
			return
		}
		switch {
		case c.abort:
			n.l.reset()
			return
		case c.ended:
			if tcp, ok := dst.(*net.TCPConn); ok {
				_ = tcp.CloseWrite() // fails when dst is gone; then its reader knows
			}
			return
		}
		if err := n.send(dst, c.data); err != nil {
			// The receiver is gone, which the sender hears after all that the receiver said.
			n.back.queue.push(n.l.flowing, chunk{ended: true, abort: true})
			return
		}
		n.queue.done(c)
	}
}

func (n *line) send(dst net.Conn, data []byte) error {
	f, number, _ := n.l.p.state()
	n.flips.strike(data, f.flow(n.direction), number)
	for len(data) > 0 {
		piece := n.piece(data)
		if n.l.flowing.Err() != nil {
			return nil
		}
		// Counted before, so that who has received them finds them counted.
		passed := &n.l.p.bytes[n.direction]
		passed.Add(int64(len(piece)))
		if count, err := dst.Write(piece); err != nil {
			passed.Add(int64(count - len(piece)))
			return err
		}
		data = data[len(piece):]
	}
	return nil
}

// piece waits until the line takes the next bytes, and says which.
func (n *line) piece(data []byte) []byte {
	f, _, changed := n.l.p.state()
	rate := f.flow(n.direction).Rate
	if rate <= 0 {
		return data
	}
	piece := data[:min(len(data), max(1, rate/piecesEachSecond))]
	timer := time.NewTimer(time.Until(n.l.p.reserve(n.direction, len(piece), rate)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-n.l.flowing.Done():
	}
	return piece
}

// queue holds chunks in order, with at most maxWaiting bytes.
type queue struct {
	room  *semaphore.Weighted
	ready chan struct{} // has a token when chunks may wait

	mu     sync.Mutex // guards the field below
	chunks []chunk
}

func newQueue() queue {
	return queue{room: semaphore.NewWeighted(maxWaiting), ready: make(chan struct{}, 1)}
}

// push waits for room. After ctx the chunk is thrown away.
func (q *queue) push(ctx context.Context, c chunk) {
	if q.room.Acquire(ctx, int64(len(c.data))) != nil {
		return
	}
	q.mu.Lock()
	q.chunks = append(q.chunks, c)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// pop waits for a chunk; false after ctx. The chunk takes room until it is done.
func (q *queue) pop(ctx context.Context) (chunk, bool) {
	for ctx.Err() == nil {
		q.mu.Lock()
		if len(q.chunks) > 0 {
			c := q.chunks[0]
			q.chunks = q.chunks[1:]
			q.mu.Unlock()
			return c, true
		}
		q.mu.Unlock()
		select {
		case <-q.ready:
		case <-ctx.Done():
		}
	}
	return chunk{}, false
}

func (q *queue) done(c chunk) { q.room.Release(int64(len(c.data))) }
