package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"
)

const (
	// pieceTimeout is how long one read of a request body or one write of an
	// answer may take: a peer that stalls longer loses its connection, one that
	// is only slow does not.
	pieceTimeout = 30 * time.Second
	// bodyTimeout is how long a JSON body may take as a whole.
	bodyTimeout = time.Minute
)

// errBodiesFull stands for a body that has no place in memory at the moment.
var errBodiesFull = errors.New("the JSON bodies of other requests fill the memory that they may have")

// bodyError says that the body of a request could not be read to its end.
type bodyError struct {
	cause   error
	stalled bool // nothing came for too long; else the client broke off
}

func (e *bodyError) Error() string   { return "read the request body: " + e.cause.Error() }
func (e *bodyError) Unwrap() error   { return e.cause }
func (e *bodyError) Timeout() bool   { return e.stalled }
func (e *bodyError) Temporary() bool { return false }

// bodyReader gives each read of a request body its own deadline, and the whole
// body one unless it streams. At the end of a body net/http takes the deadline
// back and watches the connection; a later deadline would end the request, so
// the end is remembered and reading on sets none. What a JSON body takes of the memory for bodies is held until the request is over.
type bodyReader struct {
	io.ReadCloser
	req    *request // learns of the error, which huma does not pass on whole
	conn   *http.ResponseController
	until  time.Time           // zero for a stream
	memory *semaphore.Weighted // nil for a stream
	held   int64
	ended  bool
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	deadline := time.Now().Add(pieceTimeout)
	if !b.until.IsZero() && b.until.Before(deadline) {
		deadline = b.until
	}
	if err := b.conn.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, b.broken(&bodyError{cause: err})
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, b.broken(&bodyError{cause: err, stalled: errors.Is(err, os.ErrDeadlineExceeded)})
	}
	if b.memory != nil && n > 0 {
		if !b.memory.TryAcquire(int64(n)) {
			return 0, b.broken(&bodyError{cause: errBodiesFull})
		}
		b.held += int64(n)
	}
	b.ended = err != nil
	return n, err
}

func (b *bodyReader) broken(err *bodyError) error {
	b.req.body = err
	return err
}

// release gives the memory back; nothing is read after it.
func (b *bodyReader) release() {
	if b.held > 0 {
		b.memory.Release(b.held)
	}
}

// pieceWriter gives each write of an answer its own deadline.
type pieceWriter struct {
	gin.ResponseWriter
	conn   *http.ResponseController
	status int // where not 0, what the status must be, whatever huma thinks
}

// WriteHeader notes the status; it is sent with the first byte.
func (w *pieceWriter) WriteHeader(status int) {
	if w.status != 0 {
		status = w.status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *pieceWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}

func (w *pieceWriter) WriteString(s string) (int, error) {
	w.extend()
	return w.ResponseWriter.WriteString(s)
}

// Unwrap lets http.ResponseController find the connection.
func (w *pieceWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// extend sets the deadline of what is written next. A failure means that the
// connection is gone, which the write tells.
func (w *pieceWriter) extend() { _ = w.conn.SetWriteDeadline(time.Now().Add(pieceTimeout)) }

// deadlines is the middleware that puts both around every request.
func (g *Gateway) deadlines(c *gin.Context) {
	conn := http.NewResponseController(c.Writer)
	writer := &pieceWriter{ResponseWriter: c.Writer, conn: conn}
	// A kept-alive connection still has the deadline of its last answer.
	_ = conn.SetWriteDeadline(time.Time{})
	c.Writer = writer
	body := &bodyReader{ReadCloser: c.Request.Body, req: requestOf(c), conn: conn, ended: c.Request.Body == http.NoBody}
	if !g.streams(c) {
		body.until, body.memory = time.Now().Add(bodyTimeout), g.bodies
	}
	c.Request.Body = body
	defer body.release()
	c.Next()
	writer.extend() // for what net/http still has in its buffer
}
