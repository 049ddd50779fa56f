package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
)

const evidenceJob = `{"contract":"Evidence","function":"save"`

func TestJobWithInlineRows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("POST", "/v1/jobs", evidenceJob+`,"idempotencyKey":"k","rows":[["0x01","a"],{"digest":"0x02","text":"b"}]}`)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, "/v1/jobs/job1", a.header.Get("Location"))
	got := a.json(t)
	require.Equal(t, "job1", got["id"])
	require.Equal(t, "running", got["state"])
	require.EqualValues(t, 2, got["rows"])
	require.Equal(t, map[string]any{"rate": 12.5, "inFlight": 3.0, "window": 64.0, "subBatch": 120.0, "etaMs": 2000.0, "waiting": "no node online"}, got["progress"])

	again := r.do("POST", "/v1/jobs", evidenceJob+`,"rows":[["0x01","a"],{"digest":"0x02","text":"b"}]}`, "Idempotency-Key", "k")
	require.Equal(t, http.StatusOK, again.status, "the same request again finds the job: %s", again.body)
	require.Equal(t, "job1", again.json(t)["id"])

	other := r.do("POST", "/v1/jobs", `{"contract":"Evidence","function":"get","idempotencyKey":"k","rows":[["0x01"]]}`)
	r.problem(other, http.StatusConflict, "conflict")
	rows := r.do("POST", "/v1/jobs", evidenceJob+`,"idempotencyKey":"k","rows":[["0x03","c"]]}`)
	require.Equal(t, "job1", r.problem(rows, http.StatusConflict, "conflict").JobID)
}

func TestJobsThatReadAndSimulate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", `{"contract":"Evidence","function":"get","kind":"call","block":7}`).status)
	require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", evidenceJob+`,"kind":"plan","sameBlock":true}`).status)
	require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", evidenceJob+`}`).status)
	seven := uint64(7)
	require.Equal(t, batch.KindCall, r.engine.specs[0].Kind)
	require.Equal(t, &seven, r.engine.specs[0].Block)
	require.Equal(t, batch.KindPlan, r.engine.specs[1].Kind)
	require.True(t, r.engine.specs[1].SameBlock)
	require.Equal(t, batch.KindBatch, r.engine.specs[2].Kind)
	a := r.do("GET", "/v1/jobs/job2/plan?rate=250", "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	plan := a.json(t)
	require.Equal(t, "job2", plan["job"].(map[string]any)["id"])
	require.Equal(t, map[string]any{"rate": 250.0, "basis": "as asked"}, plan["time"])
	require.Equal(t, true, plan["oneBlock"])
}

func TestJobThatDoesNotStartByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.do("POST", "/v1/jobs", evidenceJob+`,"rows":[["0x01","a"]],"start":false}`)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
	require.Equal(t, "ready", a.json(t)["state"])
	require.Equal(t, "running", r.do("POST", "/v1/jobs/job1/start", "").json(t)["state"])
	require.Equal(t, "paused", r.do("POST", "/v1/jobs/job1/pause", "").json(t)["state"])
	require.Equal(t, "running", r.do("POST", "/v1/jobs/job1/resume", "").json(t)["state"])
	require.Equal(t, "running", r.do("POST", "/v1/jobs/job1/resume", `{"maxErrors":"5%"}`).json(t)["state"])
	require.Equal(t, "5%", r.engine.maxErrors)
	require.Equal(t, "canceled", r.do("POST", "/v1/jobs/job1/cancel", "").json(t)["state"])
}

func TestFailedRowsOfAJobAreRetried(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`,"rows":[["0x01","a"]],"start":false}`)
	r.problem(r.do("POST", "/v1/jobs/job1/retry", ""), 409, "wrong_state")
	for _, tc := range []struct {
		body   string
		states []batch.ItemState
	}{
		{"", nil},
		{"{}", nil},
		{`{"states":["reverted","canceled"]}`, []batch.ItemState{batch.ItemReverted, batch.ItemCanceled}},
	} {
		r.do("POST", "/v1/jobs/job1/cancel", "")
		a := r.do("POST", "/v1/jobs/job1/retry", tc.body).json(t)
		require.EqualValues(t, 2, a["rows"], "%s: %v", tc.body, a)
		require.EqualValues(t, 1, a["left"])
		require.Equal(t, "running", a["job"].(map[string]any)["state"])
		require.Equal(t, tc.states, r.engine.retries[len(r.engine.retries)-1])
	}
	r.engine.setFail("Retry", fmt.Errorf("retry job job1: %w: they were signed elsewhere", batch.ErrNoRetry))
	p := r.problem(r.do("POST", "/v1/jobs/job1/retry", ""), 409, "no_retry")
	require.Contains(t, p.Detail, "signed elsewhere")
	require.Equal(t, "job1", p.JobID)
}

func TestJobListsArePaged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	empty := r.do("GET", "/v1/jobs", "")
	require.JSONEq(t, `{"jobs":[]}`, string(empty.body))
	for range 5 {
		require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", evidenceJob+`}`).status)
	}
	var seen []string
	next := ""
	for range 3 {
		var page struct {
			Jobs []batch.Job
			Next string
		}
		a := r.do("GET", "/v1/jobs?limit=2&before="+next, "")
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.NoError(t, json.Unmarshal(a.body, &page))
		for _, j := range page.Jobs {
			seen = append(seen, j.ID)
		}
		next = page.Next
	}
	require.Equal(t, []string{"job5", "job4", "job3", "job2", "job1"}, seen)
	require.Empty(t, next, "the last page says that it is the last")
	require.JSONEq(t, `{"jobs":[]}`, string(r.do("GET", "/v1/jobs?state=done", "").body))
}

func TestRowListsArePaged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`,"rows":[["1","a"],["2","b"],["3","c"]]}`)
	a := r.do("GET", "/v1/jobs/job1/rows?limit=2", "")
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	first := a.json(t)
	require.Len(t, first["rows"], 2)
	require.EqualValues(t, 2, first["next"])
	last := r.do("GET", "/v1/jobs/job1/rows?limit=2&after=2", "").json(t)
	require.Len(t, last["rows"], 1)
	require.NotContains(t, last, "next")
	require.JSONEq(t, `{"rows":[]}`, string(r.do("GET", "/v1/jobs/job1/rows?state=confirmed,reverted", "").body))
}

func TestFaultsOfRowsAreToldOneByOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.problem(r.do("POST", "/v1/jobs", evidenceJob+`,"rows":[["1","a"],7]}`), http.StatusUnprocessableEntity, "invalid_rows")
	require.Equal(t, "job1", p.JobID)
	require.EqualValues(t, 1, p.FaultCount)
	require.EqualValues(t, 2, p.Faults[0].Row)
	require.NotEmpty(t, p.Faults[0].Reason)
}

func TestBadRequestsGetAReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	big := fmt.Sprintf(`%s,"name":"%0*d"}`, evidenceJob, 64<<10, 0)
	for name, tc := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		code, location     string
	}{
		"not JSON":                 {"POST", "/v1/jobs", `{"contract"`, nil, 400, "bad_json", ""},
		"two documents":            {"POST", "/v1/jobs", evidenceJob + `} {}`, nil, 400, "bad_json", ""},
		"empty body":               {"POST", "/v1/jobs", "", nil, 400, "bad_json", ""},
		"array body":               {"POST", "/v1/jobs", "[]", nil, 422, "invalid_request", "body"},
		"unknown member":           {"POST", "/v1/jobs", evidenceJob + `,"colour":"red"}`, nil, 422, "invalid_request", "body.colour"},
		"missing member":           {"POST", "/v1/jobs", `{"contract":"Evidence"}`, nil, 422, "invalid_request", "body"},
		"wrong type":               {"POST", "/v1/jobs", `{"function":7}`, nil, 422, "invalid_request", "body.function"},
		"negative rate":            {"POST", "/v1/jobs", evidenceJob + `,"rate":-1}`, nil, 422, "invalid_request", "body.rate"},
		"rows are an object":       {"POST", "/v1/jobs", evidenceJob + `,"rows":{}}`, nil, 422, "invalid_request", "body.rows"},
		"start without rows":       {"POST", "/v1/jobs", evidenceJob + `,"start":false}`, nil, 422, "invalid_request", "body.start"},
		"bad address":              {"POST", "/v1/jobs", evidenceJob + `,"to":"0x12"}`, nil, 422, "invalid_request", "body.to"},
		"bad checksum":             {"POST", "/v1/jobs", evidenceJob + `,"to":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaee"}`, nil, 422, "invalid_request", "body.to"},
		"bad ABI":                  {"POST", "/v1/jobs", evidenceJob + `,"abi":{}}`, nil, 422, "invalid_request", "body.abi"},
		"two keys":                 {"POST", "/v1/jobs", evidenceJob + `,"idempotencyKey":"a"}`, []string{"Idempotency-Key", "b"}, 422, "invalid_request", "body.idempotencyKey"},
		"form body":                {"POST", "/v1/jobs", evidenceJob + `}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", ""},
		"broken content type":      {"POST", "/v1/jobs", evidenceJob + `}`, []string{"Content-Type", ";+"}, 415, "unsupported_media_type", ""},
		"gzip":                     {"POST", "/v1/jobs", evidenceJob + `}`, []string{"Content-Encoding", "gzip"}, 415, "unsupported_encoding", ""},
		"declared length too long": {"POST", "/v1/jobs", big, nil, 413, "body_too_large", ""},
		"unknown job":              {"GET", "/v1/jobs/nope", "", nil, 404, "job_not_found", ""},
		"rows of unknown job":      {"GET", "/v1/jobs/nope/rows", "", nil, 404, "job_not_found", ""},
		"plan of unknown job":      {"GET", "/v1/jobs/nope/plan", "", nil, 404, "job_not_found", ""},
		"plan of a batch":          {"GET", "/v1/jobs/job1/plan", "", nil, 409, "wrong_state", ""},
		"unknown kind":             {"POST", "/v1/jobs", evidenceJob + `,"kind":"transaction"}`, nil, 422, "invalid_request", "body.kind"},
		"report of unknown job":    {"GET", "/v1/jobs/nope/report", "", nil, 404, "job_not_found", ""},
		"start of unknown job":     {"POST", "/v1/jobs/nope/start", "", nil, 404, "job_not_found", ""},
		"cancel of unknown job":    {"POST", "/v1/jobs/nope/cancel", "", nil, 404, "job_not_found", ""},
		"pause of unknown job":     {"POST", "/v1/jobs/nope/pause", "", nil, 404, "job_not_found", ""},
		"resume of unknown job":    {"POST", "/v1/jobs/nope/resume", "", nil, 404, "job_not_found", ""},
		"pause of an empty job":    {"POST", "/v1/jobs/job1/pause", "", nil, 409, "wrong_state", ""},
		"retry of unknown job":     {"POST", "/v1/jobs/nope/retry", "", nil, 404, "job_not_found", ""},
		"retry of confirmed rows":  {"POST", "/v1/jobs/job1/retry", `{"states":["confirmed"]}`, nil, 422, "invalid_request", "body.states[0]"},
		"upload to unknown job":    {"PUT", "/v1/jobs/nope/rows", "a\n1\n", []string{"Content-Type", "text/csv"}, 404, "job_not_found", ""},
		"start of an empty job":    {"POST", "/v1/jobs/job1/start", "", nil, 409, "wrong_state", ""},
		"endless id":               {"GET", "/v1/jobs/" + fmt.Sprintf("%0100d", 1), "", nil, 422, "invalid_request", "path.id"},
		"limit too high":           {"GET", "/v1/jobs?limit=1001", "", nil, 422, "invalid_request", "query.limit"},
		"limit zero":               {"GET", "/v1/jobs?limit=0", "", nil, 422, "invalid_request", "query.limit"},
		"limit is a word":          {"GET", "/v1/jobs?limit=many", "", nil, 422, "invalid_request", "query.limit"},
		"unknown state":            {"GET", "/v1/jobs?state=sleeping", "", nil, 422, "invalid_request", "query.state"},
		"unknown item state":       {"GET", "/v1/jobs/job1/rows?state=confirmed,asleep", "", nil, 422, "invalid_request", "query.state[1]"},
		"unknown query":            {"GET", "/v1/jobs?colour=red", "", nil, 422, "invalid_request", "query.colour"},
		"unknown report format":    {"GET", "/v1/jobs/job1/report?format=xls", "", nil, 422, "invalid_request", "query.format"},
		"rows without a type":      {"PUT", "/v1/jobs/job1/rows", "a\n1\n", []string{"Content-Type", ""}, 415, "unsupported_media_type", ""},
		"rows as JSON":             {"PUT", "/v1/jobs/job1/rows", "[]", nil, 415, "unsupported_media_type", ""},
		"rows in latin1":           {"PUT", "/v1/jobs/job1/rows", "a\n1\n", []string{"Content-Type", "text/csv; charset=latin1"}, 415, "unsupported_media_type", ""},
		"long delimiter":           {"PUT", "/v1/jobs/job1/rows?delimiter=ab", "a\n1\n", []string{"Content-Type", "text/csv"}, 422, "invalid_request", "query.delimiter"},
		"unknown route":            {"GET", "/v2/jobs", "", nil, 404, "route_not_found", ""},
		"trailing slash":           {"GET", "/v1/jobs/", "", nil, 404, "route_not_found", ""},
		"wrong method":             {"DELETE", "/v1/jobs/job1", "", nil, 405, "method_not_allowed", ""},
		"other site's script":      {"POST", "/v1/jobs", evidenceJob + `}`, []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross_origin", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := *r
			r.t = t
			p := r.problem(r.do(tc.method, tc.path, tc.body, tc.headers...), tc.status, tc.code)
			if tc.location != "" {
				require.NotEmpty(t, p.Errors, "%+v", p)
				require.Equal(t, tc.location, p.Errors[0].Location)
			}
			require.Less(t, len(p.Detail), 600, "a problem does not echo the request")
		})
	}
}
