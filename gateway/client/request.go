package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxAnswer bounds a JSON answer. A page of 1,000 rows with histories is far below.
	maxAnswer     = 64 << 20
	maxBackoff    = 5 * time.Second
	maxRetryAfter = 30 * time.Second
)

// request is one request and how it may be treated.
type request struct {
	method string
	path   string     // below the base, escaped
	query  url.Values // nil for none
	header http.Header
	body   func() (io.ReadCloser, error) // opened once an attempt; nil for none
	size   int64                         // of the body; -1 when it is not known
	repeat bool                          // asking again does no harm
}

// withJSON gives the request a JSON body.
func (r request) withJSON(body any) (request, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return r, fmt.Errorf("write the request as JSON: %w", err)
	}
	r.header = http.Header{"Content-Type": {"application/json"}}
	r.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	r.size = int64(len(text))
	return r, nil
}

// doJSON sends a request and reads the JSON answer into out. It gives the status.
func (c *Client) doJSON(ctx context.Context, r request, out any) (int, error) {
	status := 0
	err := c.do(ctx, r, func(res *http.Response) error {
		status = res.StatusCode
		body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
		if err != nil {
			return err
		}
		if len(body) > maxAnswer {
			return &badAnswerError{fmt.Errorf("%s %s: the answer is longer than %d MiB", r.method, r.path, maxAnswer>>20)}
		}
		if err := json.Unmarshal(body, out); err != nil {
			return &badAnswerError{fmt.Errorf("%s %s: the answer is not what this client understands; are both of the same version? %w", r.method, r.path, err)}
		}
		return nil
	})
	return status, err
}

// badAnswerError is an answer that came whole and makes no sense: asking again will not help.
type badAnswerError struct{ err error }

func (e *badAnswerError) Error() string { return e.err.Error() }
func (e *badAnswerError) Unwrap() error { return e.err }

// do sends a request until it is answered, as often as that is safe, and gives
// the successful answer to read. An error of read counts as a broken-off
// answer, which is asked for again unless it is final.
func (c *Client) do(ctx context.Context, r request, read func(*http.Response) error) error {
	for attempt := 1; ; attempt++ {
		err := c.once(ctx, r, read)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s %s: %w", r.method, r.path, context.Cause(ctx))
		}
		if !r.repeat || attempt >= c.attempts || !passing(err) {
			return err
		}
		pause := c.pause(attempt, err)
		c.log.Warn("asking the gateway again", "method", r.method, "path", r.path, "attempt", attempt, "pause", pause, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w", r.method, r.path, context.Cause(ctx))
		}
	}
}

// once makes one attempt.
func (c *Client) once(ctx context.Context, r request, read func(*http.Response) error) error {
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if bad, ok := errors.AsType[*bodyError](err); ok {
			return bad
		}
		// url.Error repeats method and address; the cause is what matters.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return &UnreachableError{URL: c.URL(), Err: err}
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		return readProblem(res)
	}
	if err := read(res); err != nil {
		if _, ok := errors.AsType[*badAnswerError](err); ok {
			return err
		}
		return &UnreachableError{URL: c.URL(), Err: fmt.Errorf("the answer broke off: %w", err)}
	}
	return nil
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		body, err := r.body()
		if err != nil {
			return nil, &bodyError{err}
		}
		req.Body = &bodyReader{body}
		req.ContentLength = r.size
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	req.Header.Set("User-Agent", "bcosgate-client")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// bodyError is a fault of the caller's input, not of the gateway.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "read the input: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// bodyReader marks errors of the input, so that they are not taken for the network's.
type bodyReader struct{ io.ReadCloser }

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}

// passing reports whether the same request may be answered better a little later.
func passing(err error) bool {
	if p, ok := errors.AsType[*Problem](err); ok {
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	_, ok := errors.AsType[*UnreachableError](err)
	return ok && !distrust(err)
}

// distrust reports whether one side refused the other's certificate, or does
// not speak TLS: neither goes away by itself.
func distrust(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.AlertError](err)
	return ok
}

// pause is how long to wait after a failed attempt (from 1).
func (c *Client) pause(attempt int, err error) time.Duration {
	if p, ok := errors.AsType[*Problem](err); ok && p.RetryAfter > 0 {
		return min(p.RetryAfter, maxRetryAfter)
	}
	ceiling := maxBackoff
	if shift := attempt - 1; shift < 16 && c.backoff<<shift < maxBackoff {
		ceiling = c.backoff << shift
	}
	return ceiling/2 + rand.N(ceiling/2+1)
}
