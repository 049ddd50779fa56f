package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/batch"
)

// maxProblem bounds how much of an error's body is read.
const maxProblem = 1 << 20

// Problem is an answer of the gateway that is not a success, as RFC 9457 has it
// with the gateway's own members.
type Problem struct {
	Type       string           `json:"type,omitempty"`
	Title      string           `json:"title,omitempty"`
	Status     int              `json:"status"`           // the HTTP status
	Detail     string           `json:"detail,omitempty"` // what is wrong, in words
	Code       string           `json:"code,omitempty"`   // a short stable word, for example "job_not_found"
	Kind       string           `json:"kind,omitempty"`   // a chain.Kind, or "request"
	Retryable  bool             `json:"retryable,omitempty"`
	TxHash     string           `json:"txHash,omitempty"` // 0x hex, when a transaction may have been sent
	JobID      string           `json:"jobId,omitempty"`
	RequestID  string           `json:"requestId,omitempty"` // the gateway's log has it
	Errors     []ProblemDetail  `json:"errors,omitempty"`
	Faults     []batch.RowFault `json:"faults,omitempty"`     // what is wrong with the rows of a job, the first 100
	FaultCount int64            `json:"faultCount,omitempty"` // how many faults there are in all
	Attempts   []CallAttempt    `json:"attempts,omitempty"`   // what was tried for a call
	RetryAfter time.Duration    `json:"-"`                    // from the header of the same name, 0 without it
}

// ProblemDetail is one thing that is wrong with a request.
type ProblemDetail struct {
	Location string `json:"location,omitempty"` // for example "body.function"
	Message  string `json:"message,omitempty"`
}

// Error says what is wrong, each thing once, and which transaction and which
// line of the gateway's log it is about.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = strings.TrimSpace(fmt.Sprintf("the gateway answered %d %s", p.Status, http.StatusText(p.Status)))
		if p.Code == "" {
			text += ", and not as a gateway does: is the address that of a gateway, or of a proxy before it?"
		}
	}
	for _, e := range p.Errors {
		if !strings.Contains(text, e.Message) {
			text += "; " + e.Location + ": " + e.Message
		}
	}
	if p.TxHash != "" {
		text += " (transaction " + p.TxHash + ")"
	}
	if p.Status >= http.StatusInternalServerError && p.RequestID != "" {
		text += " (request " + p.RequestID + ")"
	}
	return text
}

// UnreachableError says that no answer came from the gateway. What was asked
// may have been done all the same.
type UnreachableError struct {
	URL string // of the gateway, without a password
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from the gateway at %s: %v", e.URL, e.Err)
}

// Unwrap gives the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// IsNotFound reports whether err is the gateway's word that there is no such thing.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict reports whether err is the gateway's word that the request does
// not fit with what it has: another job under the same idempotency key, other
// rows, or a job in a state that does not allow it.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

func hasStatus(err error, status int) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Status == status
}

// readProblem makes a Problem of any answer that is not a success; a proxy's
// HTML page becomes one too. It does not close the body.
func readProblem(res *http.Response) *Problem {
	p := &Problem{}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err != nil || json.Unmarshal(body, p) != nil {
		p = &Problem{}
		if text := strings.TrimSpace(string(body)); text != "" && strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			p.Detail = text
		}
	}
	p.Status = res.StatusCode
	p.RetryAfter = retryAfter(res.Header.Get("Retry-After"), time.Now())
	return p
}

// retryAfter reads seconds or an HTTP date; 0 when it is neither or has passed.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
