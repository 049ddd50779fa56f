package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// reconcilePause is when a place in the line of reconciliations may be free: they take
// seconds to minutes.
const reconcilePause = 10 * time.Second

// problemOf is the one place where errors from inside become problems. What it
// does not know is a 500 whose text stays in the log.
func (g *Gateway) problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*chain.Error](err); ok {
		return chainProblem(g.chainRules, e)
	}
	if e, ok := errors.AsType[*batch.InvalidRowsError](err); ok {
		p := newProblem(http.StatusUnprocessableEntity, "invalid_rows", counted(e.Count, "fault")+" in the rows, nothing was sent: mend the rows and make a new job")
		p.JobID, p.Faults, p.FaultCount = e.JobID, e.Faults, e.Count
		return p
	}
	if e, ok := errors.AsType[*batch.SpecError](err); ok {
		return badMember(e.Field, e.Reason)
	}
	if e, ok := errors.AsType[*reconcile.OptionError](err); ok {
		return newProblem(http.StatusUnprocessableEntity, "invalid_request", e.Error()).at("query."+e.Option, e.Reason)
	}
	if e, ok := errors.AsType[*rows.Fault](err); ok {
		p := newProblem(http.StatusUnprocessableEntity, "invalid_rows", "the rows cannot be read, nothing was sent: "+e.Error())
		p.Faults, p.FaultCount = []batch.RowFault{{Row: e.Row, Line: e.Line, Column: e.Column, Reason: e.Reason}}, 1
		return p
	}
	if e, ok := errors.AsType[*contracts.ArgError](err); ok {
		return newProblem(http.StatusUnprocessableEntity, "invalid_arguments", e.Error()).at("body.args", e.Error())
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("the rows are larger than %d bytes (http.rows_limit): cut them into several jobs", e.Limit))
	}
	if e, ok := errors.AsType[*bodyError](err); ok {
		return bodyProblem(e)
	}
	if p := uploadProblem(err); p != nil {
		return p
	}
	return sentinelProblem(err)
}

func sentinelProblem(err error) *Problem {
	switch {
	case errors.Is(err, batch.ErrNotFound):
		return newProblem(http.StatusNotFound, "job_not_found", "there is no such job: GET /v1/jobs lists them")
	case errors.Is(err, reconcile.ErrNever):
		return newProblem(http.StatusNotFound, "reconciliation_not_found", "this job has not been reconciled since the gateway started: begin with POST /v1/jobs/{id}/reconcile")
	case errors.Is(err, reconcile.ErrBusy):
		return newProblem(http.StatusTooManyRequests, "too_many_requests", "too many jobs wait to be reconciled: ask again later").later(reconcilePause)
	case errors.Is(err, batch.ErrConflict):
		return newProblem(http.StatusConflict, "conflict", "the idempotency key or the rows of this job belong to another request: use a new key, or send the same again")
	case errors.Is(err, batch.ErrBudget):
		return newProblem(http.StatusConflict, "budget_used", "more rows have failed than the error budget of the job allows: resume it with a larger maxErrors").because(err)
	case errors.Is(err, batch.ErrState):
		return newProblem(http.StatusConflict, "wrong_state", "the job is not in a state in which this can be done: see GET /v1/jobs/{id}").because(err)
	case errors.Is(err, batch.ErrNoRetry):
		return newProblem(http.StatusConflict, "no_retry", err.Error())
	case errors.Is(err, batch.ErrNotDeployed):
		return badMember("contract", "no contract of this name was deployed on the target through this gateway: deploy it, or give its address as to")
	case errors.Is(err, batch.ErrNotStarted):
		return stopping().because(err)
	case errors.Is(err, context.DeadlineExceeded):
		p := newProblem(http.StatusGatewayTimeout, "gateway_timeout", "the request was not done in the time it had: ask again").because(err)
		p.Retryable = true
		return p
	case errors.Is(err, context.Canceled):
		return newProblem(statusClientClosed, "client_closed_request", "the client closed the request").because(err)
	case batch.StoreAway(err):
		return newProblem(http.StatusServiceUnavailable, "store_unavailable", "the database of the gateway cannot be reached for the moment: ask again").because(err).later(time.Second)
	}
	return unexpected(err)
}

func bodyProblem(e *bodyError) *Problem {
	switch {
	case errors.Is(e, errBodiesFull):
		return newProblem(http.StatusTooManyRequests, "too_many_requests", e.cause.Error()+": ask again later").later(time.Second)
	case e.stalled:
		return newProblem(http.StatusRequestTimeout, "body_timeout", "the body did not arrive in time: send it again").later(0)
	}
	return newProblem(http.StatusBadRequest, "body_broken", "the body broke off before its end: send it again").because(e)
}

// shape gives every error answer of huma the form of a Problem, and every
// Problem the id of its request.
func (g *Gateway) shape(ctx huma.Context, _ string, v any) (any, error) {
	req := requestFrom(ctx.Context())
	var p *Problem
	switch e := v.(type) {
	case *Problem:
		p = e
	case *huma.ErrorModel:
		if req.body != nil {
			p = bodyProblem(req.body)
			force(ctx, p)
		} else {
			p = g.humaProblem(e)
		}
	default:
		return v, nil
	}
	p.RequestID = req.id
	if p.Status >= http.StatusBadRequest && p.cause != nil && req.cause == nil {
		req.cause = p.cause
	}
	return p, nil
}

// force gives the answer the status and headers of p, where huma has decided on
// others already.
func force(ctx huma.Context, p *Problem) {
	c := humagin.Unwrap(ctx)
	for name, values := range p.GetHeaders() {
		c.Header(name, values[0])
	}
	if w, ok := c.Writer.(*pieceWriter); ok {
		w.status = p.Status
	}
}

// humaProblem words what huma found wrong with a request. The values that it
// would echo are left out: they can be as large as the body.
func (g *Gateway) humaProblem(e *huma.ErrorModel) *Problem {
	first := e.Detail
	if len(e.Errors) > 0 {
		first = e.Errors[0].Message
	}
	switch e.Status {
	case http.StatusBadRequest:
		return newProblem(e.Status, "bad_json", "the body cannot be read as JSON: "+first)
	case http.StatusRequestEntityTooLarge:
		return bodyTooLarge(g.cfg.BodyLimit, "http.body_limit")
	case http.StatusUnsupportedMediaType:
		return newProblem(e.Status, "unsupported_media_type", "the body must be JSON: send Content-Type: application/json")
	case http.StatusUnprocessableEntity:
		p := newProblem(e.Status, "invalid_request", "")
		for _, d := range e.Errors {
			p = p.at(d.Location, d.Message)
		}
		p.Detail = "the request does not fit the API (see /openapi.json)"
		if len(p.Errors) > 0 {
			p.Detail = fmt.Sprintf("%s: %s", p.Errors[0].Location, p.Errors[0].Message)
		}
		if more := len(p.Errors) - 1; more > 0 {
			p.Detail += fmt.Sprintf(" (and %d more)", more)
		}
		return p
	}
	return unexpected(errors.New(e.Detail + ": " + first))
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
