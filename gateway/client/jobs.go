package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/plan"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/batch/report"
)

// JobRequest asks for a job: many calls of one function of one contract.
type JobRequest struct {
	Kind           batch.JobKind     `json:"kind,omitempty"`           // batch, call or plan; "" is batch
	Name           string            `json:"name,omitempty"`           // free text for people
	IdempotencyKey string            `json:"idempotencyKey,omitempty"` // the same key gives the same job
	Target         string            `json:"target,omitempty"`         // "" is the only one
	Account        string            `json:"account,omitempty"`        // name of an account of the gateway; "" is the target's default
	Contract       string            `json:"contract,omitempty"`       // name of a built-in or deployed contract
	To             *common.Address   `json:"to,omitempty"`             // address; nil looks Contract up
	Function       string            `json:"function"`                 // "save" or "save(bytes32,string)"
	ABI            json.RawMessage   `json:"abi,omitempty"`            // JSON ABI when Contract is not known
	Rate           float64           `json:"rate,omitempty"`           // transactions a second; 0 is the target's limit
	Event          string            `json:"event,omitempty"`          // "Saved(bytes32,address)", which the contract must emit in every confirmed row
	InFlight       int               `json:"inFlight,omitempty"`       // most transactions in flight; 0 is the target's limit
	ShardBy        string            `json:"shardBy,omitempty"`        // range(500), key(COLUMN) or time(COLUMN,1h); "" is range(250)
	Deadline       batch.Duration    `json:"deadline,omitempty"`       // rows that were not sent so long after the start expire; 0 is never
	MaxWait        batch.Duration    `json:"maxWait,omitempty"`        // rows expire when nothing can be sent for so long; 0 is 30 minutes
	Signed         *batch.SignedSpec `json:"signed,omitempty"`         // the rows are a file of signed transactions, sent by PutRows or UploadRows
	Priority       batch.Priority    `json:"priority,omitempty"`       // "" is normal
	Block          *uint64           `json:"block,omitempty"`          // of calls and plans: read at exactly this block
	SameBlock      bool              `json:"sameBlock,omitempty"`      // of calls and plans: read at the block at which the job begins
	MaxErrors      string            `json:"maxErrors,omitempty"`      // most rows that may be reverted or rejected, "100" or "1%" of all; more pause the job. "" is no bound
	Canary         int               `json:"canary,omitempty"`         // this many rows are sent and settled before all others
	OrderedBy      string            `json:"orderedBy,omitempty"`      // rows with the same value there are sent one after the other
	Rows           []json.RawMessage `json:"rows,omitempty"`           // objects or arrays; nil when PutRows will send them
	Start          *bool             `json:"start,omitempty"`          // only with Rows; nil is true: begin to send when they are stored
}

// JobStatus is a job and how it moves.
type JobStatus struct {
	batch.Job
	Progress *Progress `json:"progress,omitempty"` // nil when the job is not running
}

// Progress says how a running job moves.
type Progress struct {
	Rate     float64            `json:"rate"`              // rows that became final a second, over the last ten seconds
	InFlight int                `json:"inFlight"`          // transactions of this job that were sent and not answered
	Window   int                `json:"window"`            // how many the target may have in flight now, for all jobs
	SubBatch int                `json:"subBatch"`          // how many items are written ahead together now, for all jobs
	EtaMS    int64              `json:"etaMs,omitempty"`   // milliseconds until all rows are final at this rate; 0 when unknown
	Budget   *batch.BlockBudget `json:"budget,omitempty"`  // of transactions that were signed elsewhere; nil for others, and before a head is known
	Waiting  string             `json:"waiting,omitempty"` // why nothing moves for the moment
	Halted   bool               `json:"halted,omitempty"`  // the job cannot go on until its Reason is mended
}

// CreateJob creates a job, or finds the one that has the same idempotency key
// and the same specification; created tells them apart. Without rows in the
// request the job is loading until PutRows. Rows that are refused make a
// *Problem with Faults, and nothing was sent. It is repeated after a failure
// only when the request has an idempotency key.
func (c *Client) CreateJob(ctx context.Context, req JobRequest) (job batch.Job, created bool, err error) {
	r, err := request{method: http.MethodPost, path: "/v1/jobs", repeat: req.IdempotencyKey != ""}.withJSON(req)
	if err != nil {
		return batch.Job{}, false, err
	}
	status, err := c.doJSON(ctx, r, &job)
	return job, status == http.StatusCreated, err
}

// Rows is the input of a job.
type Rows struct {
	// Open opens the input from its beginning; it is called once an attempt and
	// what it gives is closed.
	Open func() (io.ReadCloser, error)
	// Size in bytes; -1 when it is not known.
	Size int64
	// ContentType is "text/csv", "application/x-ndjson" or "application/jsonl".
	ContentType string
	Delimiter   string // comma, semicolon, tab or one character; "" detects. CSV only
	Encoding    string // "utf-8" or "gbk"; "" detects. CSV only
	Start       bool   // begin to send when the rows are stored
}

// PutRows sends the rows of a job that is loading, and waits until they are
// checked and stored. Rows that are refused make a *Problem with Faults, and
// nothing was sent to a chain. The same rows again change nothing; other rows
// are a conflict, see IsConflict.
func (c *Client) PutRows(ctx context.Context, jobID string, rows Rows) (batch.Job, error) {
	if rows.Open == nil {
		return batch.Job{}, errors.New("rows have no input to open")
	}
	query := url.Values{"start": {strconv.FormatBool(rows.Start)}}
	if rows.Delimiter != "" {
		query.Set("delimiter", rows.Delimiter)
	}
	if rows.Encoding != "" {
		query.Set("encoding", rows.Encoding)
	}
	var job batch.Job
	_, err := c.doJSON(ctx, request{
		method: http.MethodPut,
		path:   jobPath(jobID, "rows"),
		query:  query,
		// The gateway can refuse (no token, no such job) before the file travels.
		header: http.Header{"Content-Type": {rows.ContentType}, "Expect": {"100-continue"}},
		body:   rows.Open,
		size:   rows.Size,
		repeat: true,
	}, &job)
	return job, err
}

// StartJob begins to send the rows of a job, and returns at once. A job that
// runs or is done is left as it is.
func (c *Client) StartJob(ctx context.Context, jobID string) (batch.Job, error) {
	var job batch.Job
	_, err := c.doJSON(ctx, request{method: http.MethodPost, path: jobPath(jobID, "start"), repeat: true}, &job)
	return job, err
}

// PauseJob makes the gateway sign nothing new of a job until ResumeJob, and returns at
// once; what was signed before is settled. A paused job is left as it is; see
// IsConflict for one that is not running.
func (c *Client) PauseJob(ctx context.Context, jobID string) (batch.Job, error) {
	var job batch.Job
	_, err := c.doJSON(ctx, request{method: http.MethodPost, path: jobPath(jobID, "pause"), repeat: true}, &job)
	return job, err
}

// ResumeJob goes on with a paused job, and returns at once. A running job is left as
// it is; see IsConflict for any other. maxErrors is a new error budget, "" keeps the one
// that the job has; when that is used up, it is a conflict.
func (c *Client) ResumeJob(ctx context.Context, jobID, maxErrors string) (batch.Job, error) {
	var job batch.Job
	r, err := request{method: http.MethodPost, path: jobPath(jobID, "resume"), repeat: true}.withJSON(map[string]string{"maxErrors": maxErrors})
	if err != nil {
		return job, err
	}
	_, err = c.doJSON(ctx, r, &job)
	return job, err
}

// CancelJob stops sending new rows of a job, and returns at once; what is in
// flight is settled by the gateway.
func (c *Client) CancelJob(ctx context.Context, jobID string) (batch.Job, error) {
	var job batch.Job
	_, err := c.doJSON(ctx, request{method: http.MethodPost, path: jobPath(jobID, "cancel"), repeat: true}, &job)
	return job, err
}

// RetryJob sends the rows of a job again that ended in one of some states, each with
// its history; nil is reverted, rejected and expired. It returns when they are queued,
// within a minute for a million rows. A job that is neither done nor canceled, or paused with nothing
// in flight, is a conflict, see IsConflict; so is one whose rows can never be sent
// again. After a failure it is not repeated, because the first request may have taken
// effect: look at the job.
func (c *Client) RetryJob(ctx context.Context, jobID string, states []batch.ItemState) (batch.RetryResult, error) {
	body := struct {
		States []batch.ItemState `json:"states,omitempty"`
	}{states}
	r, err := request{method: http.MethodPost, path: jobPath(jobID, "retry")}.withJSON(body)
	if err != nil {
		return batch.RetryResult{}, err
	}
	var res batch.RetryResult
	_, err = c.doJSON(ctx, r, &res)
	return res, err
}

// Job reads a job; see IsNotFound.
func (c *Client) Job(ctx context.Context, jobID string) (JobStatus, error) {
	var job JobStatus
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: jobPath(jobID), repeat: true}, &job)
	return job, err
}

// JobFilter chooses jobs; the zero value is all, newest first, in pages of the
// gateway's size.
type JobFilter struct {
	Kind   batch.JobKind
	State  batch.JobState
	Target string
	Limit  int
	Before string // the Next of the page before
}

// JobPage is a page of jobs, newest first.
type JobPage struct {
	Jobs []batch.Job `json:"jobs"`
	Next string      `json:"next,omitempty"` // for JobFilter.Before; "" at the end
}

// Jobs reads a page of jobs.
func (c *Client) Jobs(ctx context.Context, f JobFilter) (JobPage, error) {
	query := url.Values{}
	setIf(query, "kind", string(f.Kind))
	setIf(query, "state", string(f.State))
	setIf(query, "target", f.Target)
	setIf(query, "before", f.Before)
	if f.Limit > 0 {
		query.Set("limit", strconv.Itoa(f.Limit))
	}
	var page JobPage
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: "/v1/jobs", query: query, repeat: true}, &page)
	return page, err
}

// RowFilter chooses rows of a job; the zero value is all, in pages of the
// gateway's size.
type RowFilter struct {
	States  []batch.ItemState
	After   int64 // the row to begin behind; the Next of the page before
	Limit   int
	History bool // with all attempts
}

// RowPage is a page of rows in the order of the input.
type RowPage struct {
	Rows []batch.Item `json:"rows"`
	Next int64        `json:"next,omitempty"` // for RowFilter.After; 0 at the end
}

// Rows reads a page of the rows of a job.
func (c *Client) Rows(ctx context.Context, jobID string, f RowFilter) (RowPage, error) {
	query := url.Values{}
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	setIf(query, "state", strings.Join(states, ","))
	if f.After > 0 {
		query.Set("after", strconv.FormatInt(f.After, 10))
	}
	if f.Limit > 0 {
		query.Set("limit", strconv.Itoa(f.Limit))
	}
	if f.History {
		query.Set("history", "true")
	}
	var page RowPage
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: jobPath(jobID, "rows"), query: query, repeat: true}, &page)
	return page, err
}

// Report writes a report of a job to w. It is asked for again after a failure
// only as long as nothing was written.
func (c *Client) Report(ctx context.Context, jobID string, opt report.Options, w io.Writer) error {
	query := url.Values{}
	setIf(query, "format", string(opt.Format))
	if opt.Delimiter != 0 {
		query.Set("delimiter", string(opt.Delimiter))
	}
	r := request{method: http.MethodGet, path: jobPath(jobID, "report"), query: query, repeat: true}
	return c.do(ctx, r, func(res *http.Response) error {
		written, err := io.Copy(w, res.Body)
		if err != nil && written > 0 {
			return &badAnswerError{err}
		}
		return err
	})
}

// ReconcileOptions say how a job is compared with its chain; the zero value asks two
// nodes and searches the blocks of the job.
type ReconcileOptions struct {
	Nodes    int    // how many nodes are asked for each transaction and block
	From, To uint64 // blocks that are searched for unknown transactions
	Event    string // that the contract must have emitted in every confirmed row
}

// Reconcile begins to compare a job with its chain, and returns at once; a job that
// waits or is being compared is not begun again. Reconciliation tells the result.
func (c *Client) Reconcile(ctx context.Context, jobID string, o ReconcileOptions) (reconcile.Result, error) {
	query := url.Values{}
	setIf(query, "event", o.Event)
	for name, n := range map[string]uint64{"nodes": uint64(max(o.Nodes, 0)), "from": o.From, "to": o.To} {
		if n > 0 {
			query.Set(name, strconv.FormatUint(n, 10))
		}
	}
	var r reconcile.Result
	_, err := c.doJSON(ctx, request{method: http.MethodPost, path: jobPath(jobID, "reconcile"), query: query, repeat: true}, &r)
	return r, err
}

// Reconciliation reads how the last comparison of a job with its chain stands or
// ended; see IsNotFound.
func (c *Client) Reconciliation(ctx context.Context, jobID string) (reconcile.Result, error) {
	var r reconcile.Result
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: jobPath(jobID, "reconcile"), repeat: true}, &r)
	return r, err
}

func jobPath(jobID string, below ...string) string {
	p := "/v1/jobs/" + url.PathEscape(jobID)
	for _, b := range below {
		p += "/" + b
	}
	return p
}

func setIf(query url.Values, key, value string) {
	if value != "" {
		query.Set(key, value)
	}
}

// Plan tells what the rows of a job of kind plan would do, once they are all
// simulated. rate is the most rows a second that are to be sent; 0 is no limit.
func (c *Client) Plan(ctx context.Context, id string, rate float64) (plan.Plan, error) {
	query := url.Values{}
	if rate > 0 {
		query.Set("rate", strconv.FormatFloat(rate, 'f', -1, 64))
	}
	var p plan.Plan
	_, err := c.doJSON(ctx, request{method: http.MethodGet, path: "/v1/jobs/" + url.PathEscape(id) + "/plan", query: query, repeat: true}, &p)
	return p, err
}
