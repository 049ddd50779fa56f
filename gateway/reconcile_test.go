package gateway

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/chain"
)

// fakeAuditor answers what a test says.
type fakeAuditor struct {
	mu      sync.Mutex
	asked   []reconcile.Options
	answers map[string]reconcile.Result
	err     error
}

func (a *fakeAuditor) Request(_ context.Context, jobID string, opt reconcile.Options) (reconcile.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, opt)
	return reconcile.Result{JobID: jobID, State: reconcile.Queued, Nodes: 2, Rows: 1, Kinds: map[reconcile.Kind]int64{}, Listed: []reconcile.Mismatch{}}, a.err
}

func (a *fakeAuditor) Result(_ context.Context, jobID string) (reconcile.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r, ok := a.answers[jobID]; ok {
		return r, a.err
	}
	return reconcile.Result{}, reconcile.ErrNever
}

func TestJobIsReconciledInTheBackground(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", evidenceJob+`,"rows":[["0x01","a"]]}`).status)
	r.problem(r.do("GET", "/v1/jobs/job1/reconcile", ""), http.StatusNotFound, "reconciliation_not_found")
	r.problem(r.do("GET", "/v1/jobs/none/reconcile", ""), http.StatusNotFound, "job_not_found")

	a := r.do("POST", "/v1/jobs/job1/reconcile?nodes=3&from=5&to=9&event=Saved(bytes32)", "")
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.JSONEq(t, `{"jobId":"job1","state":"queued","nodes":2,"rows":1,"checked":0,"fromBlock":0,"toBlock":0,"scanned":0,"transactions":0,
		"mismatches":0,"kinds":{},"listed":[]}`, string(a.body))
	require.Equal(t, []reconcile.Options{{Nodes: 3, From: 5, To: 9, Event: "Saved(bytes32)"}}, r.auditor.asked)

	tx := common.Hash{1}
	r.auditor.answers = map[string]reconcile.Result{"job1": {JobID: "job1", State: reconcile.Differs, Nodes: 2, Rows: 1, Checked: 1, Mismatches: 1,
		Kinds: map[reconcile.Kind]int64{reconcile.WrongBlock: 1},
		Listed: []reconcile.Mismatch{{Kind: reconcile.WrongBlock, Row: 1, Trace: "job1/1", TxHash: &tx, Block: 5, Field: "block", Stored: "5",
			Nodes: []reconcile.Said{{Node: "n1:1", Says: "6"}}}}}}
	a = r.do("GET", "/v1/jobs/job1/reconcile", "")
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, `{"jobId":"job1","state":"differs","nodes":2,"rows":1,"checked":1,"fromBlock":0,"toBlock":0,"scanned":0,"transactions":0,
		"mismatches":1,"kinds":{"wrong_block":1},"listed":[{"kind":"wrong_block","row":1,"trace":"job1/1","txHash":"`+tx.Hex()+`","block":5,
		"field":"block","stored":"5","nodes":[{"node":"n1:1","says":"6"}]}]}`, string(a.body))
}

func TestReconciliationThatCannotBegin(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		err    error
		status int
	}{
		"job_not_found":     {batch.ErrNotFound, http.StatusNotFound},
		"too_many_requests": {reconcile.ErrBusy, http.StatusTooManyRequests},
		"invalid_request":   {&reconcile.OptionError{Option: "event", Reason: "it is none"}, http.StatusUnprocessableEntity},
		"chain_unavailable": {&chain.Error{Kind: chain.KindUnavailable}, http.StatusServiceUnavailable},
		"stopping":          {batch.ErrNotStarted, http.StatusServiceUnavailable},
		"internal":          {errors.New("disk"), http.StatusInternalServerError},
	} {
		r := newRig(t)
		r.auditor.err = c.err
		p := r.problem(r.do("POST", "/v1/jobs/job1/reconcile", ""), c.status, code)
		if code == "invalid_request" {
			require.Equal(t, "query.event", p.Errors[0].Location)
		}
	}
	r := newRig(t)
	r.problem(r.do("POST", "/v1/jobs/job1/reconcile?nodes=-1", ""), http.StatusUnprocessableEntity, "invalid_request")
}
