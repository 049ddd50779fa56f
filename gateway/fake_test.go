package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/plan"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// fakeEngine keeps jobs in memory and settles every row of a job that runs, as
// far as the test lets it.
type fakeEngine struct {
	mu     sync.Mutex
	jobs   []batch.Job
	items  map[string][]batch.Item
	hashes map[string][32]byte

	fail      map[string]error // by method
	hold      chan struct{}    // while not nil, running jobs settle only when it is closed
	loading   chan int64       // told of every row that is read, where not nil
	report    func(w io.Writer) error
	reported  report.Options // of the last report
	stats     []batch.TargetStats
	specs     []batch.Spec // all that Create was given
	maxErrors string       // that Resume was given last
	retries   [][]batch.ItemState
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{items: map[string][]batch.Item{}, hashes: map[string][32]byte{}, fail: map[string]error{}}
}

func (e *fakeEngine) failing(method string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fail[method]
}

func (e *fakeEngine) setFail(method string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fail[method] = err
}

func (e *fakeEngine) find(id string) *batch.Job {
	for i := range e.jobs {
		if e.jobs[i].ID == id {
			return &e.jobs[i]
		}
	}
	return nil
}

func (e *fakeEngine) Create(_ context.Context, spec batch.Spec) (batch.Job, bool, error) {
	if err := e.failing("Create"); err != nil {
		return batch.Job{}, false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.specs = append(e.specs, spec)
	for _, j := range e.jobs {
		if spec.IdempotencyKey != "" && j.Spec.IdempotencyKey == spec.IdempotencyKey {
			if !reflect.DeepEqual(j.Spec, spec) {
				return batch.Job{}, false, fmt.Errorf("create job: key %q: %w", spec.IdempotencyKey, batch.ErrConflict)
			}
			return j, false, nil
		}
	}
	job := batch.Job{ID: fmt.Sprintf("job%d", len(e.jobs)+1), Spec: spec, State: batch.JobLoading, Created: time.Unix(1_700_000_000, 0).UTC()}
	e.jobs = append(e.jobs, job)
	return job, true, nil
}

func (e *fakeEngine) Plan(ctx context.Context, jobID string, rate float64) (plan.Plan, error) {
	job, err := e.Job(ctx, jobID)
	if err == nil && job.Spec.Kind != batch.KindPlan {
		err = fmt.Errorf("job %s: %w", jobID, batch.ErrState)
	}
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Plan{Job: job, Forecast: plan.Forecast{OneBlock: true, Errors: []report.Cause{}, Time: plan.TimeEstimate{Rate: rate, Basis: "as asked"}, Gas: plan.GasEstimate{Basis: "unknown"}}}, nil
}

func (e *fakeEngine) Load(ctx context.Context, id string, r rows.Reader) (batch.Job, error) {
	if err := e.failing("Load"); err != nil {
		return batch.Job{}, err
	}
	var items []batch.Item
	var faults []batch.RowFault
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if f, ok := errors.AsType[*rows.Fault](err); ok {
			faults = append(faults, batch.RowFault{Row: f.Row, Line: f.Line, Column: f.Column, Reason: f.Reason})
			if f.Row == 0 {
				break
			}
			continue
		}
		if err != nil {
			return batch.Job{}, fmt.Errorf("load job %s: %w", id, err)
		}
		items = append(items, batch.Item{Row: row.Number, ID: row.ID, State: batch.ItemQueued, Input: row.Source})
		if e.loading != nil {
			select {
			case e.loading <- row.Number:
			case <-ctx.Done():
				return batch.Job{}, ctx.Err()
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	job := e.find(id)
	if job == nil {
		return batch.Job{}, batch.ErrNotFound
	}
	if job.State != batch.JobLoading {
		if e.hashes[id] != r.SHA256() {
			return *job, fmt.Errorf("load job %s: %w", id, batch.ErrConflict)
		}
		return *job, nil
	}
	e.hashes[id] = r.SHA256()
	job.InputSHA256 = fmt.Sprintf("%x", r.SHA256())
	if len(faults) > 0 {
		job.State, job.Faults, job.FaultCount = batch.JobInvalid, faults, int64(len(faults))
		return *job, &batch.InvalidRowsError{JobID: id, Faults: faults, Count: int64(len(faults))}
	}
	e.items[id] = items
	job.State, job.Rows, job.Counts.Queued = batch.JobReady, int64(len(items)), int64(len(items))
	return *job, nil
}

func (e *fakeEngine) Run(_ context.Context, id string) error {
	if err := e.failing("Run"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	job := e.find(id)
	switch {
	case job == nil:
		return batch.ErrNotFound
	case job.State == batch.JobLoading:
		return fmt.Errorf("run job %s: %w", id, batch.ErrState)
	case job.State == batch.JobReady:
		job.State = batch.JobRunning
		for i := range e.items[id] {
			hash := common.BigToHash(common.Big1)
			e.items[id][i].State, e.items[id][i].TxHash = batch.ItemSubmitted, &hash
		}
	}
	return nil
}

func (e *fakeEngine) Pause(_ context.Context, id string) (batch.Job, error) {
	return e.move(id, batch.JobRunning, batch.JobPaused)
}

func (e *fakeEngine) Resume(_ context.Context, id, maxErrors string) (batch.Job, error) {
	e.mu.Lock()
	e.maxErrors = maxErrors
	e.mu.Unlock()
	return e.move(id, batch.JobPaused, batch.JobRunning)
}

func (e *fakeEngine) Retry(ctx context.Context, id string, states []batch.ItemState) (batch.RetryResult, error) {
	if err := errors.Join(e.failing("Retry"), ctx.Err()); err != nil {
		return batch.RetryResult{}, err
	}
	e.mu.Lock()
	e.retries = append(e.retries, states)
	e.mu.Unlock()
	job, err := e.move(id, batch.JobCanceled, batch.JobRunning)
	return batch.RetryResult{Rows: 2, Left: 1, Job: job}, err
}

func (e *fakeEngine) move(id string, from, to batch.JobState) (batch.Job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	job := e.find(id)
	if job == nil {
		return batch.Job{}, batch.ErrNotFound
	}
	if job.State != from && job.State != to {
		return *job, fmt.Errorf("job %s is %s: %w", id, job.State, batch.ErrState)
	}
	job.State = to
	return *job, nil
}

func (e *fakeEngine) Cancel(_ context.Context, id string) (batch.Job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	job := e.find(id)
	if job == nil {
		return batch.Job{}, batch.ErrNotFound
	}
	job.State = batch.JobCanceled
	return *job, nil
}

func (e *fakeEngine) Wait(ctx context.Context, id string) (batch.Job, error) {
	if err := e.failing("Wait"); err != nil {
		return batch.Job{}, err
	}
	if e.hold != nil {
		select {
		case <-e.hold:
		case <-ctx.Done():
			return batch.Job{}, ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	job := e.find(id)
	job.State, job.Counts = batch.JobDone, batch.Counts{Confirmed: job.Rows}
	status := 0
	for i := range e.items[id] {
		it := &e.items[id][i]
		it.State, it.Block, it.Status = batch.ItemConfirmed, 7, &status
		if job.Spec.Deploy {
			at := common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01")
			it.Contract = &at
		}
	}
	return *job, nil
}

func (e *fakeEngine) Job(_ context.Context, id string) (batch.Job, error) {
	if err := e.failing("Job"); err != nil {
		return batch.Job{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if job := e.find(id); job != nil {
		return *job, nil
	}
	return batch.Job{}, fmt.Errorf("read job %s: %w", id, batch.ErrNotFound)
}

func (e *fakeEngine) Jobs(_ context.Context, f batch.JobFilter) ([]batch.Job, error) {
	if err := e.failing("Jobs"); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []batch.Job
	before := f.Before == ""
	for _, j := range slices.Backward(e.jobs) {
		if before && (f.State == "" || j.State == f.State) && (f.Kind == "" || j.Spec.Kind == f.Kind) && len(list) < f.Limit {
			list = append(list, j)
		}
		before = before || j.ID == f.Before
	}
	return list, nil
}

func (e *fakeEngine) Items(_ context.Context, id string, f batch.ItemFilter) ([]batch.Item, error) {
	if err := e.failing("Items"); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []batch.Item
	for _, it := range e.items[id] {
		if it.Row > f.After && len(list) < f.Limit && (len(f.States) == 0 || slices.Contains(f.States, it.State)) {
			list = append(list, it)
		}
	}
	return list, nil
}

func (e *fakeEngine) Progress(context.Context, string) (batch.Progress, error) {
	return batch.Progress{Rate: 12.5, Window: 64, SubBatch: 120, InFlight: 3, ETA: 2 * time.Second, Waiting: "no node online"}, e.failing("Progress")
}

func (e *fakeEngine) WriteReport(_ context.Context, id string, opt report.Options, w io.Writer) error {
	if e.report != nil {
		return e.report(w)
	}
	e.mu.Lock()
	e.reported = opt
	e.mu.Unlock()
	_, err := fmt.Fprintf(w, "%s of %s\n", opt.Format, id)
	return err
}

func (e *fakeEngine) Contract(_ context.Context, _, name string) (batch.Contract, error) {
	return batch.Contract{}, fmt.Errorf("contract %s: %w", name, batch.ErrNotDeployed)
}

func (e *fakeEngine) Contracts(context.Context, string) ([]batch.Contract, error) {
	return []batch.Contract{{Name: "Evidence", Address: common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01"), Block: 7, JobID: "job1"}}, nil
}

func (e *fakeEngine) Stats() []batch.TargetStats { return e.stats }

// fakeChain answers reads with what the test says.
type fakeChain struct {
	result chain.CallResult
	err    error
	panics bool
	last   chain.CallMsg
	during func(ctx context.Context) // the call, where not nil
}

func (c *fakeChain) Call(ctx context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	if c.during != nil {
		c.during(ctx)
	}
	if c.panics {
		panic("the chain exploded with a secret")
	}
	c.last = msg
	return c.result, c.err
}

func (c *fakeChain) Head(context.Context) (chain.Head, error) { return chain.Head{Number: 42}, c.err }
func (c *fakeChain) Identity(context.Context) (chain.Identity, error) {
	return chain.Identity{ChainID: "chain0", Group: "group0", Genesis: common.HexToHash("0xab")}, c.err
}

// fakeNodes are nodes that do as the test says. Cordoned ones cannot be used.
type fakeNodes struct {
	mu   sync.Mutex
	list []Node
	stat TargetStat
	fail error // of cordon and uncordon
}

func (f *fakeNodes) set(list ...Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = list
}

func (f *fakeNodes) List() []Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (f *fakeNodes) Stat() TargetStat { return f.stat }

func (f *fakeNodes) Cordon(_ context.Context, node, reason string) error {
	return f.change(node, []Exclusion{{Reason: "cordoned", Text: reason, Since: time.Unix(1_700_000_000, 0).UTC()}})
}

func (f *fakeNodes) Uncordon(_ context.Context, node string) error {
	return f.change(node, []Exclusion{})
}

func (f *fakeNodes) change(node string, exclusions []Exclusion) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return f.fail
	}
	for i := range f.list {
		if n := &f.list[i]; n.Node == node {
			n.Exclusions, n.Usable = exclusions, n.Online && len(exclusions) == 0
		}
	}
	return nil
}

// rig is a gateway that listens, over fakes.
type rig struct {
	t       *testing.T
	auditor *fakeAuditor
	engine  *fakeEngine
	chain   *fakeChain
	nodes   *fakeNodes
	gw      *Gateway
	url     string
	log     *safeBuffer
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, engine: newFakeEngine(), auditor: &fakeAuditor{}, chain: &fakeChain{}, log: &safeBuffer{},
		nodes: &fakeNodes{list: []Node{
			{Node: "127.0.0.1:20200", Online: true, Usable: true, Exclusions: []Exclusion{}, Head: 42, LatencyMS: 1.5, Connections: NodeConns{Open: 2, Idle: 1},
				Breakers: []NodeBreaker{{Class: "query", State: "closed"}, {Class: "write", State: "open", OpenForMS: 700}}},
			{Node: "127.0.0.1:20201", Error: "connection refused", Breakers: []NodeBreaker{},
				Exclusions: []Exclusion{{Reason: "offline", Text: "connection refused", Since: time.Unix(1_700_000_000, 0).UTC()}}},
		}}}
	r.nodes.stat = TargetStat{
		Pool: PoolStat{Nodes: 2, Usable: 1, Open: 2, Idle: 1, Dials: 9, DialFailures: 7, Leases: 11, Waits: 3, WaitMS: 1500, HeartbeatsMissed: 4,
			Closed: map[string]uint64{"idle": 5}, Changes: map[string]Change{"offline": {Began: 3, Ended: 2}}},
		Calls: CallStat{Query: ClassStat{InFlight: 6, Places: 4096}, Write: ClassStat{Places: 64}, RetriesLeft: 16},
	}
	cfg := Config{
		Version: "test", Engine: r.engine, Auditor: r.auditor, Planner: r.engine, Reports: r.engine, BodyLimit: 64 << 10,
		Targets: []Target{{Info: chain.Target{Name: "main", Family: chain.FISCO3, ChainID: "chain0", Group: "group0"}, Chain: r.chain,
			Nodes: r.nodes}},
		Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	gw, err := New(cfg)
	require.NoError(t, err)
	r.gw = gw
	server := httptest.NewServer(gw)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(a.body, &v), "%s", a.body)
	return v
}

func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return r.send(req)
}

func (r *rig) send(req *http.Request) answer {
	r.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return answer{status: resp.StatusCode, header: resp.Header, body: body}
}

// problem checks that an answer is a problem in all its forms, and returns it.
func (r *rig) problem(a answer, status int, code string) Problem {
	r.t.Helper()
	require.Equal(r.t, status, a.status, "%s", a.body)
	require.Equal(r.t, "application/problem+json", a.header.Get("Content-Type"))
	var p Problem
	require.NoError(r.t, json.Unmarshal(a.body, &p), "%s", a.body)
	require.Equal(r.t, code, p.Code, "%s", a.body)
	require.Equal(r.t, status, p.Status)
	require.Equal(r.t, "urn:bcosgate:problem:"+code, p.Type)
	require.NotEmpty(r.t, p.Title)
	require.NotEmpty(r.t, p.Detail)
	require.NotEmpty(r.t, p.Kind)
	require.NotEmpty(r.t, a.header.Get("X-Request-Id"))
	require.Equal(r.t, a.header.Get("X-Request-Id"), p.RequestID)
	return p
}
