package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// headerRequestID carries the id that joins an answer with the log.
const headerRequestID = "X-Request-Id"

// request is what the gateway notes about one request, for its log.
type request struct {
	id     string
	client string // name of the token that it showed
	cause  error  // behind an answer of 500 and above
	body   *bodyError
}

type requestKey struct{}

// requestOf finds the note of a request; middleware begin put it there.
func requestOf(c *gin.Context) *request { return requestFrom(c.Request.Context()) }

func requestFrom(ctx context.Context) *request {
	r, _ := ctx.Value(requestKey{}).(*request)
	if r == nil {
		return &request{} // a context from outside, for example of a test
	}
	return r
}

// begin gives the request an id (the client's own, if it is harmless) and, when
// it is over, writes the access log and counts it.
func (g *Gateway) begin(c *gin.Context) {
	start := time.Now()
	req := &request{id: c.GetHeader(headerRequestID)}
	if !harmlessID(req.id) {
		req.id = uuid.NewString()
	}
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestKey{}, req))
	c.Header(headerRequestID, req.id)
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Cache-Control", "no-store")
	g.metrics.inFlight.Inc()
	finished := false
	defer func() {
		g.metrics.inFlight.Dec()
		g.note(c, req, start, finished)
	}()
	c.Next()
	finished = true
}

// note writes the access log line and the metrics of one request.
func (g *Gateway) note(c *gin.Context, req *request, start time.Time, finished bool) {
	took := time.Since(start)
	status := c.Writer.Status()
	switch {
	case !finished && req.cause != nil:
		status = http.StatusInternalServerError // we cut the answer off
	case !finished || errors.Is(c.Request.Context().Err(), context.Canceled) && !c.Writer.Written():
		status = statusClientClosed
	}
	route := c.FullPath()
	g.metrics.observe(c.Request.Method, route, status, took)
	if route == "" {
		route = "unmatched"
	}
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	case c.Request.Method == http.MethodGet && quiet(route):
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("method", c.Request.Method),
		slog.String("route", route),
		slog.Int("status", status),
		slog.Int64("ms", took.Milliseconds()),
		slog.String("request", req.id),
	}
	if id := c.Param("id"); id != "" && harmlessID(id) {
		attrs = append(attrs, slog.String("job", id))
	}
	if req.client != "" {
		attrs = append(attrs, slog.String("client", req.client))
	}
	if req.cause != nil {
		attrs = append(attrs, slog.String("error", req.cause.Error()))
	}
	g.log.LogAttrs(c.Request.Context(), level, "request", attrs...)
}

// quiet names the routes that machines ask all the time.
func quiet(route string) bool {
	return route == pathHealth || route == pathReady || route == pathMetrics
}

// harmlessID reports whether an id may go into logs and headers as it is.
func harmlessID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r) {
			return false
		}
	}
	return true
}

// rescue turns a panic into a 500, or into a cut connection when the answer has
// begun, so that the client can tell that it is not whole.
func (g *Gateway) rescue(c *gin.Context) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		req := requestOf(c)
		req.cause = fmt.Errorf("panic: %v", v)
		g.log.LogAttrs(c.Request.Context(), slog.LevelError, "panic", slog.String("request", req.id),
			slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		g.abort(c, unexpected(req.cause))
	}()
	c.Next()
}

// admit refuses what should not come in at all: too many requests at once,
// writes while the gateway stops, other sites' scripts, encoded bodies, and
// bodies whose declared length is over the limit.
func (g *Gateway) admit(c *gin.Context) {
	if quiet(c.FullPath()) {
		return // machines must be able to ask when the gateway is full
	}
	select {
	case g.slots <- struct{}{}:
	default:
		g.abort(c, newProblem(http.StatusTooManyRequests, "too_many_requests",
			fmt.Sprintf("the gateway works on %d requests already: ask again later", cap(g.slots))).later(time.Second))
		return
	}
	defer func() { <-g.slots }()
	if p := g.refuse(c); p != nil {
		g.abort(c, p)
		return
	}
	c.Next()
}

func (g *Gateway) refuse(c *gin.Context) *Problem {
	switch r := c.Request; {
	case r.Method != http.MethodGet && g.draining():
		return stopping()
	case g.crossOrigin.Check(r) != nil:
		return newProblem(http.StatusForbidden, "cross_origin", "a script of another site may not use this API")
	case r.Header.Get("Content-Encoding") != "" && !strings.EqualFold(r.Header.Get("Content-Encoding"), "identity"):
		return newProblem(http.StatusUnsupportedMediaType, "unsupported_encoding", "the body must not be compressed: send it without Content-Encoding")
	case !g.streams(c) && r.ContentLength > g.cfg.BodyLimit:
		return bodyTooLarge(g.cfg.BodyLimit, "http.body_limit")
	}
	return nil
}

func stopping() *Problem {
	return newProblem(http.StatusServiceUnavailable, "stopping", "the gateway is stopping: ask again when it is back").later(5 * time.Second)
}

func bodyTooLarge(limit int64, setting string) *Problem {
	return newProblem(http.StatusRequestEntityTooLarge, "body_too_large",
		fmt.Sprintf("the body is larger than %d bytes (%s): stream many rows with PUT /v1/jobs/{id}/rows", limit, setting))
}

// abort answers with a problem, outside of huma's routes.
func (g *Gateway) abort(c *gin.Context, p *Problem) {
	req := requestOf(c)
	p.RequestID = req.id
	if p.Status >= http.StatusInternalServerError && req.cause == nil {
		req.cause = p.cause
	}
	for name, values := range p.GetHeaders() {
		c.Header(name, values[0])
	}
	body, err := json.Marshal(p)
	if err != nil { // a Problem has no member that cannot be written
		body = []byte("{}")
	}
	c.Data(p.Status, problemType, body)
	c.Abort()
}
