package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RetryStates are the states from which rows can be sent again. Nothing of such a row
// took effect, and nothing of it can any more:
//   - reverted: its transaction is in a block, whose effects were undone, and its
//     nonce is used up;
//   - rejected, expired, canceled: no bytes of it ever left, or it is proven that
//     none landed and none can.
//
// A rejected row whose nonce another transaction has used is the exception: that one
// may be the same row, sent with the same idempotency key from another store.
var RetryStates = []ItemState{ItemReverted, ItemRejected, ItemExpired, ItemCanceled}

// DefaultRetryStates are those of RetryStates that are meant when none is named: what
// the user has canceled was not to be sent.
var DefaultRetryStates = []ItemState{ItemReverted, ItemRejected, ItemExpired}

// RetryResult says what a retry did.
type RetryResult struct {
	Rows int64 `json:"rows"` // that are queued again
	Left int64 `json:"left"` // in the chosen states, whose nonce was used by another transaction: they stay as they are
	Job  Job   `json:"job"`  // as it is then
}

// retryBroke is the reason of a job whose rows are being put back. It is read only
// when that broke off.
const retryBroke = "putting rows back broke off: retry again, or resume with those that are queued"

var errInFlight = fmt.Errorf("the rows in flight of the paused job are being settled, ask again when they are: %w", ErrState)

// Retry sends the rows of a job again that are in one of some of RetryStates (empty is
// DefaultRetryStates). Each begins a new generation; how it had ended stays in its
// history. A row whose transaction has reverted gets a new nonce, any other keeps the
// one that no transaction has used. A done or canceled job runs again, and a paused one
// of which nothing is in flight, with all of its rows; any other state gives ErrState.
// ErrNoRetry when rows of this job can never be sent again, a *SpecError when states
// are not among RetryStates. When no row is chosen nothing changes.
//
// A few thousand rows are put back at once, more in groups, for up to a minute a million.
// When ctx or the process ends before the last, the job is paused by StopRetry: the
// same call again puts back the rest.
func (e *Engine) Retry(ctx context.Context, jobID string, states []ItemState) (RetryResult, error) {
	if len(states) == 0 {
		states = DefaultRetryStates
	}
	for _, s := range states {
		if !slices.Contains(RetryStates, s) {
			return RetryResult{}, &SpecError{"states", fmt.Sprintf("%q cannot be sent again; choose some of %s", s, stateNames(RetryStates))}
		}
	}
	release, err := e.begin()
	if err != nil {
		return RetryResult{}, err
	}
	defer release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.soft, func() { cancel(context.Cause(e.soft)) })()
	rec, err := jobByID(ctx, e.Store.read, jobID)
	if err != nil {
		return RetryResult{}, err
	}
	res, err := e.retry(ctx, rec, states)
	if err == nil && res.Rows > 0 {
		e.log.Info("rows are sent again", "job", jobID, "rows", res.Rows, "left", res.Left, "states", stateNames(states))
	}
	if err == nil {
		err = e.followMove(ctx, rec, nil)
	}
	e.changed.broadcast()
	if err != nil {
		return res, fmt.Errorf("retry job %s: %w", jobID, err)
	}
	res.Job, err = e.Store.Job(ctx, jobID)
	return res, err
}

func (e *Engine) retry(ctx context.Context, rec record, states []ItemState) (res RetryResult, err error) {
	if err := rec.mayRetry(); err != nil {
		return res, err
	}
	if err := e.forgetRun(ctx, rec.ID); err != nil {
		return res, err
	}
	if res.Left, err = e.Store.countLeft(ctx, rec.seq, states); err != nil {
		return res, err
	}
	if rec.State == JobCanceled {
		if err := e.Store.keepCanceled(ctx, rec); err != nil {
			return res, err
		}
	}
	p := putting{seq: rec.seq, states: states}
	for last := false; !last && err == nil; {
		if ctx.Err() != nil {
			return res, context.Cause(ctx)
		}
		last, err = e.Store.putBack(&p, time.Now())
		res.Rows = p.rows
	}
	return res, err
}

// mayRetry says why rows of a job cannot be sent again, or not now.
func (r record) mayRetry() error {
	switch {
	case r.Spec.Signed != nil:
		return fmt.Errorf("%w: they were signed elsewhere, and only there they can be signed anew: write the failed rows with a report, then plan, sign and send them as a new job", ErrNoRetry)
	case r.Spec.Kind.Reads() && (r.Spec.Block != nil || r.Spec.SameBlock):
		return fmt.Errorf("%w: all are to be read at block %d, and nodes answer at their newest block only: make a new job", ErrNoRetry, r.Block)
	}
	if _, err := r.State.after(eventRetry); err != nil {
		if r.State == JobRunning {
			err = fmt.Errorf("%w: wait for its end, or pause it", err)
		}
		return err
	}
	if r.Counts.Submitted+r.Counts.Unknown > 0 {
		return errInFlight
	}
	return nil
}

// forgetRun waits for the end of the run of a job that has nothing to do any more. A
// run that shares its job with other processes may stay: whoever takes up a shard sees
// that it knows the job as it was before (see carryShard).
func (e *Engine) forgetRun(ctx context.Context, jobID string) error {
	if e.Store.shared() {
		return nil
	}
	e.mu.Lock()
	r := e.runs[jobID]
	e.mu.Unlock()
	if r == nil {
		return nil
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runs[jobID] == r {
		delete(e.runs, jobID)
	}
	return nil
}

func stateNames(states []ItemState) string {
	list := make([]string, len(states))
	for i, s := range states {
		list[i] = string(s)
	}
	return strings.Join(list, ", ")
}
