package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// pieceTimeout is how long one read of a request body or one write of an
	// answer may take: a peer that stalls longer loses its connection, one that
	// is only slow does not.
	pieceTimeout = 30 * time.Second
	// bodyTimeout is how long a JSON body may take as a whole.
	bodyTimeout = time.Minute
)

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
// body one unless it streams. The deadline is taken back after each read,
// because an old one would end the request's context while the handler works.
type bodyReader struct {
	io.ReadCloser
	conn  *http.ResponseController
	until time.Time // zero for a stream
}

func (b *bodyReader) Read(p []byte) (int, error) {
	deadline := time.Now().Add(pieceTimeout)
	if !b.until.IsZero() && b.until.Before(deadline) {
		deadline = b.until
	}
	if err := b.conn.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, &bodyError{cause: err}
	}
	n, err := b.ReadCloser.Read(p)
	// A failure here means that the connection is gone, which the next read tells.
	_ = b.conn.SetReadDeadline(time.Time{})
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{cause: err, stalled: errors.Is(err, os.ErrDeadlineExceeded)}
	}
	return n, err
}

// pieceWriter gives each write of an answer its own deadline.
type pieceWriter struct {
	gin.ResponseWriter
	conn *http.ResponseController
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
	body := &bodyReader{ReadCloser: c.Request.Body, conn: conn}
	if !g.streams(c) {
		body.until = time.Now().Add(bodyTimeout)
	}
	c.Request.Body = body
	c.Next()
	writer.extend() // for what net/http still has in its buffer
}
