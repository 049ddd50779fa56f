package gateway

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/batch"
)

// problemType is the content type of every error answer (RFC 9457 §3).
const problemType = "application/problem+json"

// problemURN begins the type of every problem; the code follows.
const problemURN = "urn:bcosgate:problem:"

// Problem is the body of every answer that is not a success, as RFC 9457 has it,
// with members that programs can decide by. It is an error, so that handlers
// return it.
type Problem struct {
	Type       string           `json:"type" doc:"Stable identifier of this sort of problem: urn:bcosgate:problem: and the code" example:"urn:bcosgate:problem:job_not_found"`
	Title      string           `json:"title" doc:"The HTTP status in words" example:"Not Found"`
	Status     int              `json:"status" doc:"The HTTP status" example:"404"`
	Detail     string           `json:"detail" doc:"What is wrong this time, and what to do" example:"there is no job 0192f0c1: list the jobs with GET /v1/jobs"`
	Code       string           `json:"code" doc:"Short stable word for programs" example:"job_not_found"`
	Kind       string           `json:"kind" doc:"request when the request is at fault, gateway when the gateway is, else the kind of a chain error" example:"request"`
	Retryable  bool             `json:"retryable" doc:"The same request may succeed later, and repeating it is safe"`
	TxHash     string           `json:"txHash,omitempty" doc:"Hash of the transaction that the problem is about" example:"0x6b4d0f5f8a4c3d0a0ea9ae8f3fcd33ad1b5e0f0ec9c2a1c5e0c0f6d7a1b2c3d4"`
	JobID      string           `json:"jobId,omitempty" doc:"The job that the problem is about"`
	RequestID  string           `json:"requestId,omitempty" doc:"The X-Request-Id of the answer: the gateway's log has it"`
	Errors     []ProblemError   `json:"errors,omitempty" doc:"Each member of the request that is wrong"`
	Faults     []batch.RowFault `json:"faults,omitempty" doc:"The first 100 faults of the rows"`
	FaultCount int64            `json:"faultCount,omitempty" doc:"How many faults the rows have"`
	Attempts   []CallAttempt    `json:"attempts,omitempty" doc:"What was tried for a call that failed"`

	retryAfter   time.Duration
	uploadOffset *int64 // how many bytes of an upload are stored
	cause        error  // logged, never sent
}

// ProblemError names one member of the request and says what is wrong with it.
type ProblemError struct {
	Location string `json:"location,omitempty" doc:"Where: body, query, path or header, then the member" example:"body.function"`
	Message  string `json:"message" doc:"What is wrong" example:"expected string"`
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// Unwrap gives the cause, which is never sent to the client.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of a problem, whatever the client would rather have.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders has Retry-After in whole seconds, rounded up, where the problem
// says when to come back, and Upload-Offset where it says from where to go on.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.uploadOffset != nil {
		h.Set("Upload-Offset", strconv.FormatInt(*p.uploadOffset, 10))
	}
	return h
}

// kindRequest and kindGateway stand beside the chain's kinds in Problem.Kind.
const (
	kindRequest = "request"
	kindGateway = "gateway"
)

// newProblem makes a problem of kind request (status below 500) or gateway.
func newProblem(status int, code, detail string) *Problem {
	kind := kindRequest
	if status >= http.StatusInternalServerError {
		kind = kindGateway
	}
	title := http.StatusText(status)
	if title == "" {
		title = "Request Closed"
	}
	return &Problem{Type: problemURN + code, Title: title, Status: status, Detail: detail, Code: code, Kind: kind}
}

// later marks the problem as one that goes away by itself.
func (p *Problem) later(after time.Duration) *Problem {
	p.Retryable, p.retryAfter = true, after
	return p
}

// because keeps the cause for the log.
func (p *Problem) because(err error) *Problem {
	p.cause = err
	return p
}

// at names the member of the request that is wrong.
func (p *Problem) at(location, message string) *Problem {
	p.Errors = append(p.Errors, ProblemError{Location: location, Message: message})
	return p
}

// badMember is a 422 about one member of the body.
func badMember(member, message string) *Problem {
	return newProblem(http.StatusUnprocessableEntity, "invalid_request", member+": "+message).at("body."+member, message)
}
