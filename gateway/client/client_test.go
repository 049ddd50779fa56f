package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
)

// gatewayStub serves h and gives a client of it that repeats quickly.
func gatewayStub(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL, Attempts: 3, Backoff: time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func writeProblem(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func TestCreateJobSaysWhatIsWantedAndNothingElse(t *testing.T) {
	t.Parallel()
	to := common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01")
	status := http.StatusCreated
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "POST /v1/jobs", r.Method+" "+r.URL.Path)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.JSONEq(t, `{"contract":"Evidence","function":"save","to":"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01",
			"idempotencyKey":"k","rate":12.5,"rows":[["0x01","a"]]}`, string(body))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"id":"j1","state":"running","rows":1,"counts":{"queued":1},"aNewMember":true}`)
	})
	req := JobRequest{Contract: "Evidence", Function: "save", To: &to, IdempotencyKey: "k", Rate: 12.5, Rows: []json.RawMessage{[]byte(`["0x01","a"]`)}}
	job, created, err := c.CreateJob(t.Context(), req)
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, "j1", job.ID)
	require.Equal(t, batch.JobRunning, job.State)
	require.EqualValues(t, 1, job.Counts.Queued)

	status = http.StatusOK
	_, created, err = c.CreateJob(t.Context(), req)
	require.NoError(t, err)
	require.False(t, created)
}

func TestOnlySafeRequestsAreRepeated(t *testing.T) {
	t.Parallel()
	calls := map[string]struct {
		call     func(context.Context, *Client) error
		attempts int64
	}{
		"job with key": {func(ctx context.Context, c *Client) error {
			_, _, err := c.CreateJob(ctx, JobRequest{IdempotencyKey: "k"})
			return err
		}, 3},
		"job without key": {func(ctx context.Context, c *Client) error {
			_, _, err := c.CreateJob(ctx, JobRequest{})
			return err
		}, 1},
		"transaction with key": {func(ctx context.Context, c *Client) error {
			_, err := c.Transact(ctx, TransactionRequest{IdempotencyKey: "k"})
			return err
		}, 3},
		"transaction without key": {func(ctx context.Context, c *Client) error {
			_, err := c.Transact(ctx, TransactionRequest{})
			return err
		}, 1},
		"rows": {func(ctx context.Context, c *Client) error {
			_, err := c.PutRows(ctx, "j", rowsOf("a\n1\n"))
			return err
		}, 3},
		"start":    {func(ctx context.Context, c *Client) error { _, err := c.StartJob(ctx, "j"); return err }, 3},
		"pause":    {func(ctx context.Context, c *Client) error { _, err := c.PauseJob(ctx, "j"); return err }, 3},
		"resume":   {func(ctx context.Context, c *Client) error { _, err := c.ResumeJob(ctx, "j", ""); return err }, 3},
		"retry":    {func(ctx context.Context, c *Client) error { _, err := c.RetryJob(ctx, "j", nil); return err }, 1},
		"cancel":   {func(ctx context.Context, c *Client) error { _, err := c.CancelJob(ctx, "j"); return err }, 3},
		"job":      {func(ctx context.Context, c *Client) error { _, err := c.Job(ctx, "j"); return err }, 3},
		"jobs":     {func(ctx context.Context, c *Client) error { _, err := c.Jobs(ctx, JobFilter{}); return err }, 3},
		"job rows": {func(ctx context.Context, c *Client) error { _, err := c.Rows(ctx, "j", RowFilter{}); return err }, 3},
		"report":   {func(ctx context.Context, c *Client) error { return c.Report(ctx, "j", report.Options{}, io.Discard) }, 3},
		"reconcile": {func(ctx context.Context, c *Client) error {
			_, err := c.Reconcile(ctx, "j", ReconcileOptions{Nodes: 3})
			return err
		}, 3},
		"reconciliation": {func(ctx context.Context, c *Client) error { _, err := c.Reconciliation(ctx, "j"); return err }, 3},
		"call":           {func(ctx context.Context, c *Client) error { _, err := c.Call(ctx, CallRequest{}); return err }, 3},
		"contracts":      {func(ctx context.Context, c *Client) error { _, err := c.Contracts(ctx, ""); return err }, 3},
		"chains":         {func(ctx context.Context, c *Client) error { _, err := c.Chains(ctx); return err }, 3},
	}
	failures := map[string]http.HandlerFunc{
		"503": func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, Problem{Status: 503}) },
		"429": func(w http.ResponseWriter, _ *http.Request) { writeProblem(w, Problem{Status: 429}) },
		"a cut connection": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		},
		"half an answer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
			panic(http.ErrAbortHandler)
		},
	}
	for failure, fail := range failures {
		for name, tc := range calls {
			t.Run(name+" after "+failure, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					fail(w, r)
				})
				// A kept-alive connection that breaks is repeated by net/http itself; ours are to be counted.
				c.transport.DisableKeepAlives = true
				require.Error(t, tc.call(t.Context(), c))
				require.Equal(t, tc.attempts, asked.Load())
			})
		}
	}
}

func TestRefusalsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 409, 413, 422, 500} {
		var asked atomic.Int64
		c := gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			writeProblem(w, Problem{Status: status, Code: "some_code", Detail: "no"})
		})
		_, err := c.Job(t.Context(), "j")
		p, ok := errors.AsType[*Problem](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, status, p.Status)
		require.Equal(t, "some_code", p.Code)
		require.Equal(t, status == 404, IsNotFound(err))
		require.Equal(t, status == 409, IsConflict(err))
		require.EqualValues(t, 1, asked.Load())
	}
}

func TestARepeatedRequestSucceeds(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c := gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			writeProblem(w, Problem{Status: 503})
			return
		}
		_, _ = io.WriteString(w, `{"jobs":[{"id":"a"}],"next":"a"}`)
	})
	page, err := c.Jobs(t.Context(), JobFilter{})
	require.NoError(t, err)
	require.Equal(t, "a", page.Next)
	require.Len(t, page.Jobs, 1)
}

func TestPausesGrowAndFollowTheGateway(t *testing.T) {
	t.Parallel()
	c, err := New(Config{URL: "127.0.0.1:1", Backoff: 100 * time.Millisecond})
	require.NoError(t, err)
	for attempt, ceiling := range map[int]time.Duration{1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 3: 400 * time.Millisecond, 9: maxBackoff, 60: maxBackoff} {
		pause := c.pause(attempt, errors.New("x"))
		require.GreaterOrEqual(t, pause, ceiling/2)
		require.LessOrEqual(t, pause, ceiling)
	}
	require.Equal(t, 3*time.Second, c.pause(1, &Problem{RetryAfter: 3 * time.Second}))
	require.Equal(t, maxRetryAfter, c.pause(1, &Problem{RetryAfter: time.Hour}))
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	require.Equal(t, 7*time.Second, retryAfter("7", now))
	require.Equal(t, 10*time.Second, retryAfter("Fri, 02 Jan 2026 03:04:15 GMT", now))
	require.Zero(t, retryAfter("Fri, 02 Jan 2026 03:04:00 GMT", now))
	require.Zero(t, retryAfter("-1", now))
	require.Zero(t, retryAfter("", now))
}

func rowsOf(text string) Rows {
	return Rows{
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Size: int64(len(text)), ContentType: "text/csv", Start: true,
	}
}

func TestRowsAreSentWholeOnEveryAttempt(t *testing.T) {
	t.Parallel()
	text := "digest,text\n" + strings.Repeat("0x00,hello\n", 20000)
	var asked atomic.Int64
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, text, string(body))
		require.Equal(t, "PUT /v1/jobs/j/rows", r.Method+" "+r.URL.Path)
		require.Equal(t, "text/csv", r.Header.Get("Content-Type"))
		require.Equal(t, "delimiter=tab&encoding=gbk&start=true", r.URL.RawQuery)
		if asked.Add(1) < 3 {
			writeProblem(w, Problem{Status: 502})
			return
		}
		_, _ = io.WriteString(w, `{"id":"j","state":"running","rows":20000}`)
	})
	rows := rowsOf(text)
	rows.Delimiter, rows.Encoding = "tab", "gbk"
	job, err := c.PutRows(t.Context(), "j", rows)
	require.NoError(t, err)
	require.EqualValues(t, 20000, job.Rows)
}

func TestRowsThatAreRefusedDoNotTravel(t *testing.T) {
	t.Parallel()
	c := gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, Problem{Status: 422, Code: "invalid_rows", Detail: "2 faults", FaultCount: 2,
			Faults: []batch.RowFault{{Row: 1, Line: 2, Column: "digest", Reason: "too long"}}})
	})
	var opened, read atomic.Int64
	_, err := c.PutRows(t.Context(), "j", Rows{ContentType: "text/csv", Size: 1 << 30, Open: func() (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(io.TeeReader(endless{}, countWriter{&read})), nil
	}})
	p, ok := errors.AsType[*Problem](err)
	require.True(t, ok, "%v", err)
	require.EqualValues(t, 2, p.FaultCount)
	require.Equal(t, "digest", p.Faults[0].Column)
	require.EqualValues(t, 1, opened.Load())
	require.Zero(t, read.Load(), "the gateway answered before it asked for the body")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type countWriter struct{ n *atomic.Int64 }

func (w countWriter) Write(p []byte) (int, error) { w.n.Add(int64(len(p))); return len(p), nil }

func TestAnInputThatCannotBeReadIsNotTheGatewaysFault(t *testing.T) {
	t.Parallel()
	broken := errors.New("bad sector")
	var opened atomic.Int64
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	_, err := c.PutRows(t.Context(), "j", Rows{ContentType: "text/csv", Size: -1, Open: func() (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(io.MultiReader(strings.NewReader("a\n"), failingReader{broken})), nil
	}})
	require.ErrorIs(t, err, broken)
	_, unreachable := errors.AsType[*UnreachableError](err)
	require.False(t, unreachable)
	require.EqualValues(t, 1, opened.Load())

	_, err = c.PutRows(t.Context(), "j", Rows{Open: func() (io.ReadCloser, error) { return nil, broken }})
	require.ErrorIs(t, err, broken)
	_, err = c.PutRows(t.Context(), "j", Rows{})
	require.Error(t, err)
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func TestProblemsOfProxiesAreProblemsToo(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]string{
		"text/html":  "the gateway answered 418 I'm a teapot, and not as a gateway does: is the address that of a gateway, or of a proxy before it?",
		"text/plain": "go away",
	} {
		c := gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "go away")
		})
		_, err := c.Job(t.Context(), "j")
		require.EqualError(t, err, want)
	}
}

func TestProblemSaysEachThingOnce(t *testing.T) {
	t.Parallel()
	p := &Problem{Status: 422, Detail: "body.function: is missing (and 1 more)", TxHash: "0xab", RequestID: "r1",
		Errors: []ProblemDetail{{"body.function", "is missing"}, {"body.rate", "is negative"}}}
	require.EqualError(t, p, "body.function: is missing (and 1 more); body.rate: is negative (transaction 0xab)")
	require.EqualError(t, &Problem{Status: 500, Detail: "failed", RequestID: "r1"}, "failed (request r1)")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := c.Job(t.Context(), "j")
	require.True(t, hasStatus(err, http.StatusTemporaryRedirect), "%v", err)
	require.Zero(t, elsewhere.Load())
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	c, err := New(Config{URL: addr, Attempts: 2, Backoff: time.Millisecond})
	require.NoError(t, err)
	_, err = c.Job(t.Context(), "j")
	u, ok := errors.AsType[*UnreachableError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "http://"+addr, u.URL)
	require.ErrorContains(t, err, "refused")
}

func TestTheContextEndsEverything(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	waiting := make(chan struct{}, 1)
	c := gatewayStub(t, func(_ http.ResponseWriter, r *http.Request) {
		waiting <- struct{}{}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-waiting
		cancel(reason)
	}()
	_, err := c.Job(ctx, "j")
	require.ErrorIs(t, err, reason)

	// Also between two attempts.
	c = gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		writeProblem(w, Problem{Status: 503})
		waiting <- struct{}{}
	})
	ctx, cancel = context.WithCancelCause(t.Context())
	go func() {
		<-waiting
		cancel(reason)
	}()
	_, err = c.Job(ctx, "j")
	require.ErrorIs(t, err, reason)
}

func TestReportIsNotBegunTwice(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/v1/jobs/j/report?delimiter=%3B&format=ndjson", r.URL.String())
		switch asked.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			_, _ = io.WriteString(w, "half a")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	})
	c.transport.DisableKeepAlives = true
	var out bytes.Buffer
	require.Error(t, c.Report(t.Context(), "j", report.Options{Format: report.NDJSON, Delimiter: ';'}, &out))
	require.Equal(t, "half a", out.String())
	require.EqualValues(t, 2, asked.Load())
}

func TestRowsFilter(t *testing.T) {
	t.Parallel()
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/v1/jobs/j/rows?after=7&history=true&limit=50&state=reverted%2Crejected", r.URL.String())
		_, _ = io.WriteString(w, `{"rows":[{"row":8,"state":"reverted","attempts":1,"input":["a"]}],"next":8}`)
	})
	page, err := c.Rows(t.Context(), "j", RowFilter{States: []batch.ItemState{batch.ItemReverted, batch.ItemRejected}, After: 7, Limit: 50, History: true})
	require.NoError(t, err)
	require.EqualValues(t, 8, page.Next)
	require.Equal(t, batch.ItemReverted, page.Rows[0].State)
}

func TestTransactTellsWhetherItIsFinal(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	c := gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"jobId":"j","state":"submitted","row":1}`)
	})
	res, err := c.Transact(t.Context(), TransactionRequest{Deploy: true})
	require.NoError(t, err)
	require.True(t, res.Final)
	require.Equal(t, "j", res.JobID)
	status = http.StatusAccepted
	res, err = c.Transact(t.Context(), TransactionRequest{Deploy: true})
	require.NoError(t, err)
	require.False(t, res.Final)
}

func TestAnAnswerThatMakesNoSenseIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c := gatewayStub(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = io.WriteString(w, `<html>`)
	})
	_, err := c.Job(t.Context(), "j")
	require.ErrorContains(t, err, "not what this client understands")
	require.EqualValues(t, 1, asked.Load())
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"127.0.0.1:8080":         "http://127.0.0.1:8080",
		"localhost:8080":         "http://localhost:8080",
		"[::1]:8080":             "http://[::1]:8080",
		"gate.bank.example":      "https://gate.bank.example",
		"gate.bank.example/bcos": "https://gate.bank.example/bcos",
		"http://10.0.0.1:80":     "http://10.0.0.1:80",
		"https://u:pw@h":         "https://u:xxxxx@h",
	} {
		c, err := New(Config{URL: text})
		require.NoError(t, err, text)
		require.Equal(t, want, c.URL())
	}
	for _, text := range []string{"", "ftp://h", "http://", "http://h/?a=b", "http://h/#f", "http://[::1"} {
		_, err := New(Config{URL: text})
		require.Error(t, err, text)
	}
}

func TestPathPrefixIsKept(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/bcos/v1/jobs/j", r.URL.Path)
		_, _ = io.WriteString(w, `{"id":"j"}`)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{URL: server.URL + "/bcos/"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Job(t.Context(), "j")
	require.NoError(t, err)
}

func TestTokensTravelOnlyWhereNobodyReadsThem(t *testing.T) {
	t.Parallel()
	_, err := New(Config{URL: "http://10.0.0.1:80", Token: "secret"})
	require.ErrorContains(t, err, "https://")
	require.NotContains(t, err.Error(), "secret")
	_, err = New(Config{URL: "https://10.0.0.1:80", Token: "secret"})
	require.NoError(t, err)

	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"chains":[{"name":"a","nodes":[{"node":"n","online":true}]}]}`)
	}))
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c, err := New(Config{URL: server.URL, Token: "secret", TLS: &tls.Config{RootCAs: roots}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	chains, err := c.Chains(t.Context())
	require.NoError(t, err)
	require.True(t, chains[0].Nodes[0].Online)

	// A server that the roots do not know is no gateway, and does not become one.
	c, err = New(Config{URL: server.URL, Token: "secret", Backoff: time.Hour})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.Chains(t.Context())
	_, unreachable := errors.AsType[*UnreachableError](err)
	require.True(t, unreachable, "%v", err)
}
