// Package plan says what a batch would do before anything of it is sent: which rows
// would fail and why, which call the same, what they cost and how long they take. It
// is made of a job of kind plan over the same rows, whose items were simulated, and
// of what earlier jobs of the same target were like.
//
// It asks no chain and changes nothing; every estimate says what it is based on.
package plan

import (
	"context"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
)

// Plan is what a batch would do, as far as it can be known. Each row was simulated
// alone, on the chain as it was: what earlier rows would have changed by then is not
// in it.
type Plan struct {
	Job batch.Job `json:"job"` // the simulation, of kind plan; its counts say how many rows would succeed
	Forecast
}

// Forecast is what a Plan says beyond the counts of its simulation.
type Forecast struct {
	OneBlock   bool           `json:"oneBlock"`          // all rows were simulated at the same block, Job.FirstBlock
	Errors     []report.Cause `json:"errors"`            // why rows would fail, the most frequent first
	Duplicates Duplicates     `json:"duplicates"`        // rows that call the same
	Earlier    []Earlier      `json:"earlier,omitempty"` // jobs that have sent, or are sending, the same input
	Gas        GasEstimate    `json:"gas"`
	Time       TimeEstimate   `json:"time"`
}

// Duplicates are rows that make the same call: the same data to the same contract.
type Duplicates struct {
	Calls  int64          `json:"calls"`            // calls that more than one row makes
	Rows   int64          `json:"rows"`             // rows beyond the first one of each
	Listed []batch.Repeat `json:"listed,omitempty"` // the first 20 calls
}

// Earlier is a job that was made of the same input.
type Earlier struct {
	JobID     string         `json:"jobId"`
	State     batch.JobState `json:"state"`
	Name      string         `json:"name,omitempty"`
	Created   time.Time      `json:"created"`
	Confirmed int64          `json:"confirmed"` // rows
}

// GasEstimate is an estimate. PerRow and Total are 0 where nothing is known.
type GasEstimate struct {
	PerRow uint64 `json:"perRow,omitempty"`
	Min    uint64 `json:"min,omitempty"` // of any row that the estimate is based on
	Max    uint64 `json:"max,omitempty"`
	Total  uint64 `json:"total,omitempty"` // of all rows that would succeed
	Basis  string `json:"basis"`           // in words
}

// TimeEstimate is an estimate. Rate and Seconds are 0 where nothing is known.
type TimeEstimate struct {
	Rate    float64 `json:"rate,omitempty"` // rows a second
	Seconds float64 `json:"seconds,omitempty"`
	Basis   string  `json:"basis"` // in words
}

// Store has the simulation. *batch.Store is one.
type Store interface {
	report.Store
	Job(ctx context.Context, id string) (batch.Job, error)
	Repeats(ctx context.Context, jobID string, limit int) (calls, rows int64, list []batch.Repeat, err error)
}

// Past has earlier jobs. *batch.Store is one.
type Past interface {
	SameInput(ctx context.Context, plan batch.Job) ([]batch.Job, error)
	PastPace(ctx context.Context, target string, jobs int, atLeast int64) (batch.Pace, error)
	PastGas(ctx context.Context, plan batch.Job) (*batch.Gas, error)
}

// listed is how many duplicates are named: a screen of them.
const listed = 20

// What a rate is taken from: few enough to be recent, long enough to tell.
const (
	paceJobs = 5
	paceRows = 100
)

// Maker makes plans. It is safe for concurrent use.
type Maker struct {
	Store Store
	Past  Past               // nil knows no earlier jobs
	Rates map[string]float64 // most rows a second that may be sent, by target; 0 is no limit
}

// Plan makes the plan of a job of kind plan that is final. rate is the most rows a
// second that the batch itself may send, 0 is no limit. It reads all rows several
// times. ErrState when the job is of another kind, or is not final.
func (m *Maker) Plan(ctx context.Context, jobID string, rate float64) (Plan, error) {
	store, past := m.Store, m.Past
	job, err := store.Job(ctx, jobID)
	switch {
	case err != nil:
		return Plan{}, err
	case job.Spec.Kind != batch.KindPlan:
		return Plan{}, fmt.Errorf("job %s is of kind %s, only those of kind %s simulate: %w", jobID, job.Spec.Kind, batch.KindPlan, batch.ErrState)
	case !job.State.Final():
		return Plan{}, fmt.Errorf("job %s is %s, its rows are not simulated yet: %w", jobID, job.State, batch.ErrState)
	}
	p := Plan{Job: job, Forecast: Forecast{OneBlock: job.FirstBlock > 0 && job.FirstBlock == job.LastBlock}}
	if p.Errors, err = report.Causes(ctx, store, jobID); err != nil {
		return Plan{}, err
	}
	d := &p.Duplicates
	if d.Calls, d.Rows, d.Listed, err = store.Repeats(ctx, jobID, listed); err != nil {
		return Plan{}, fmt.Errorf("look for duplicates: %w", err)
	}
	if past == nil {
		past = nothing{}
	}
	same, err := past.SameInput(ctx, job)
	if err != nil {
		return Plan{}, err
	}
	for _, j := range same {
		p.Earlier = append(p.Earlier, Earlier{JobID: j.ID, State: j.State, Name: j.Spec.Name, Created: j.Created, Confirmed: j.Counts.Confirmed})
	}
	gas, err := past.PastGas(ctx, job)
	if err != nil {
		return Plan{}, err
	}
	p.Gas = gasOf(gas, job.Counts.Confirmed)
	pace, err := past.PastPace(ctx, job.Spec.Target, paceJobs, paceRows)
	if err != nil {
		return Plan{}, err
	}
	if limit := m.Rates[job.Spec.Target]; rate == 0 || limit > 0 && limit < rate {
		rate = limit
	}
	p.Time = timeOf(pace, rate, job.Rows)
	return p, nil
}

// nothing is a past without jobs.
type nothing struct{}

func (nothing) SameInput(context.Context, batch.Job) ([]batch.Job, error) { return nil, nil }
func (nothing) PastGas(context.Context, batch.Job) (*batch.Gas, error)    { return nil, nil }
func (nothing) PastPace(context.Context, string, int, int64) (batch.Pace, error) {
	return batch.Pace{}, nil
}
