package batch

import (
	"errors"
	"fmt"

	"github.com/bcosgate/bcosgate/batch/rows"
)

// The refusals that callers tell apart. They are wrapped with what was being
// done; match them with errors.Is.
var (
	ErrNotFound    = errors.New("not found")                                // no such job in this store
	ErrConflict    = errors.New("conflict")                                 // the idempotency key or the rows of this job belong to another request
	ErrState       = errors.New("not possible in this state")               // the job is not in a state in which this can be done
	ErrNotStarted  = errors.New("engine is not started")                    // before Start, or after Stop
	ErrBudget      = errors.New("error budget is used up")                  // more rows failed than the job's MaxErrors allows: resume with a larger one
	ErrHalted      = errors.New("job cannot go on")                         // the job is running but stands still until its Reason is mended
	ErrPaused      = errors.New("job is paused")                            // nothing more is sent until it is resumed
	ErrNoRetry     = errors.New("rows of this job cannot be sent again")    // whatever state it is in
	ErrNotDeployed = errors.New("no such contract was deployed from here")  // neither a built-in nor a deployment of this store gives an address
	ErrStoreInUse  = errors.New("store is in use by another process")       // another engine owns it
	ErrStoreLost   = errors.New("store was taken by another engine")        // the connection broke, and another engine took it meanwhile: this one writes nothing more
	ErrStoreNewer  = errors.New("store was written by a newer version")     // use that version, or newer
	ErrNotAStore   = errors.New("this is not a bcosgate store, or damaged") // no database, another program's, or broken pages
)

// SpecError says that a Spec cannot become a job, and which field is to blame.
type SpecError struct {
	Field  string // JSON name of the field in Spec, for example "function"
	Reason string // what is wrong and what to do
}

// Error says field and reason.
func (e *SpecError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// InvalidRowsError says that the rows of a job were refused. Nothing was sent.
type InvalidRowsError struct {
	JobID  string
	Faults []RowFault // the first 100
	Count  int64      // all of them
}

// Error gives the first fault and the number of all.
func (e *InvalidRowsError) Error() string { return "rows refused: " + e.summary() }

func (e *InvalidRowsError) summary() string {
	if len(e.Faults) == 0 {
		return fmt.Sprintf("%d faults", e.Count)
	}
	s := e.Faults[0].String()
	if e.Count > 1 {
		s += fmt.Sprintf(" (and %d more)", e.Count-1)
	}
	return s
}

// String says row, line, column and reason on one line.
func (f RowFault) String() string {
	return (&rows.Fault{Row: f.Row, Line: f.Line, Column: f.Column, Reason: f.Reason}).Error()
}
