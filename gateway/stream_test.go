package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch/report"
)

func TestStreamedRowsAreReadAsTheyCome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.loading = make(chan int64)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	first := make(chan int64, 1)
	go func() {
		first <- <-r.engine.loading
		for range r.engine.loading {
		}
	}()
	body, feed := io.Pipe()
	req, err := http.NewRequest(http.MethodPut, r.url+"/v1/jobs/job1/rows", body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", "text/csv")
	done := make(chan answer, 1)
	go func() { done <- r.send(req) }()
	_, err = io.WriteString(feed, "digest,text\n")
	require.NoError(t, err)
	const n = 3000
	for i := range n {
		_, err := fmt.Fprintf(feed, "0x%064x,%s\n", i, strings.Repeat("x", 100)) // 500 kB in all: far over the limit of JSON bodies
		require.NoError(t, err)
		if i == n*2/3 {
			require.EqualValues(t, 1, <-first, "the first rows are read while the last are not written yet")
		}
	}
	require.NoError(t, feed.Close())
	a := <-done
	close(r.engine.loading)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.EqualValues(t, n, a.json(t)["rows"])
	require.Equal(t, "running", a.json(t)["state"])
}

func TestRowsInEveryForm(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ contentType, query, body string }{
		"csv":           {"text/csv", "", "a,b\n1,2\n"},
		"csv semicolon": {"text/csv", "?delimiter=semicolon", "a;b\n1;2\n"},
		"csv bar":       {"text/csv", "?delimiter=%7C", "a|b\n1|2\n"},
		"csv charset":   {"text/csv; charset=UTF-8", "", "a,b\n1,2\n"},
		"csv gbk":       {"text/csv", "?encoding=gbk", "a,b\n1,\xc4\xe3\n"},
		"tsv":           {"text/tab-separated-values", "", "a\tb\n1\t2\n"},
		"ndjson":        {"application/x-ndjson", "", "{\"a\":1}\n"},
		"jsonl":         {"application/jsonl", "", "[1,2]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.do("POST", "/v1/jobs", evidenceJob+`}`)
			sep := "?"
			if tc.query != "" {
				sep = "&"
			}
			a := r.do("PUT", "/v1/jobs/job1/rows"+tc.query+sep+"start=false", tc.body, "Content-Type", tc.contentType)
			require.Equal(t, http.StatusOK, a.status, "%s", a.body)
			require.Equal(t, "ready", a.json(t)["state"])
			require.EqualValues(t, 1, a.json(t)["rows"])
		})
	}
}

func TestSameBytesAgainChangeNothingOtherBytesConflict(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	put := func(body string) answer {
		return r.do("PUT", "/v1/jobs/job1/rows", body, "Content-Type", "text/csv")
	}
	require.Equal(t, http.StatusOK, put("a\n1\n").status)
	require.Equal(t, http.StatusOK, put("a\n1\n").status)
	require.Equal(t, "job1", r.problem(put("a\n2\n"), http.StatusConflict, "conflict").JobID)
}

func TestUploadThatBreaksOffLeavesTheJobEmpty(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "PUT /v1/jobs/job1/rows HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\na,b\n"+strings.Repeat("1,2\n", 3))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	// The load must end by itself, or the rows after this would never be read.
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "route=/v1/jobs/:id/rows") }, 10*time.Second, time.Millisecond)
	require.Regexp(t, `route=/v1/jobs/:id/rows status=(400|499)`, r.log.String())
	job := r.do("GET", "/v1/jobs/job1", "").json(t)
	require.Equal(t, "loading", job["state"])
	require.EqualValues(t, 0, job["rows"])
	require.Equal(t, http.StatusOK, r.do("PUT", "/v1/jobs/job1/rows", "a,b\n3,4\n", "Content-Type", "text/csv").status, "the upload can be sent again")
}

func TestBodiesOverTheLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.BodyLimit, c.RowsLimit = 1000, 2000 })
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	body := func(size int) string {
		head := evidenceJob + `,"name":"`
		return head + strings.Repeat("n", 150) + `"` + strings.Repeat(" ", size-len(head)-152) + "}"
	}
	chunked := func(method, path, contentType, body string) answer {
		req, err := http.NewRequest(method, r.url+path, struct{ io.Reader }{strings.NewReader(body)}) // no length is declared
		require.NoError(t, err)
		req.Header.Set("Content-Type", contentType)
		return r.send(req)
	}
	require.Len(t, body(1000), 1000)
	require.Equal(t, http.StatusCreated, r.do("POST", "/v1/jobs", body(1000)).status, "exactly the limit is allowed")
	require.Equal(t, http.StatusCreated, chunked("POST", "/v1/jobs", "application/json", body(1000)).status)
	r.problem(r.do("POST", "/v1/jobs", body(1001)), http.StatusRequestEntityTooLarge, "body_too_large")
	r.problem(chunked("POST", "/v1/jobs", "application/json", body(1001)), http.StatusRequestEntityTooLarge, "body_too_large")
	r.problem(chunked("POST", "/v1/jobs", "application/json", body(500_000)), http.StatusRequestEntityTooLarge, "body_too_large")

	rows := "a\n" + strings.Repeat("1\n", 999)
	require.Len(t, rows, 2000)
	over := r.problem(chunked("PUT", "/v1/jobs/job1/rows", "text/csv", rows+"1\n"), http.StatusRequestEntityTooLarge, "body_too_large")
	require.Contains(t, over.Detail, "http.rows_limit")
	require.Equal(t, "loading", r.do("GET", "/v1/jobs/job1", "").json(t)["state"])
	require.Equal(t, http.StatusOK, chunked("PUT", "/v1/jobs/job1/rows", "text/csv", rows).status, "exactly the limit is allowed")
}

func TestReportsHaveTypeAndName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	for format, want := range map[report.Format][2]string{
		report.CSV:         {"text/csv; charset=utf-8", "csv"},
		report.NDJSON:      {"application/x-ndjson", "ndjson"},
		report.JSON:        {"application/json", "json"},
		report.HTML:        {"text/html; charset=utf-8", "html"},
		report.Failed:      {"application/x-ndjson", "failed.ndjson"}, // as this job's input, which has no header
		report.Attempts:    {"application/x-ndjson", "attempts.ndjson"},
		report.AttemptsCSV: {"text/csv; charset=utf-8", "attempts.csv"},
	} {
		a := r.do("GET", "/v1/jobs/job1/report?format="+string(format), "")
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, want[0], a.header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="job-job1.`+want[1]+`"`, a.header.Get("Content-Disposition"))
		require.Equal(t, string(format)+" of job1\n", string(a.body))
	}
	for _, format := range report.Formats {
		require.Equal(t, http.StatusOK, r.do("GET", "/v1/jobs/job1/report?format="+string(format), "").status, format)
	}
	a := r.do("GET", "/v1/jobs/job1/report?format=failed&delimiter=semicolon", "")
	require.Equal(t, "failed of job1\n", string(a.body))
	require.Equal(t, ';', r.engine.reported.Delimiter)
	r.problem(r.do("GET", "/v1/jobs/job1/report?format=failed&delimiter=none", ""), http.StatusUnprocessableEntity, "invalid_request")
}

func TestReportThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	r.engine.report = func(io.Writer) error { return errors.New("disk is on fire") }
	r.problem(r.do("GET", "/v1/jobs/job1/report", ""), http.StatusInternalServerError, "internal")

	r.engine.report = func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 2*reportBuffer)); err != nil {
			return err
		}
		return errors.New("disk is on fire")
	}
	resp, err := http.Get(r.url + "/v1/jobs/job1/report")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	_, err = io.Copy(io.Discard, resp.Body)
	require.Error(t, err, "a report that is not whole must not look whole")
	require.Contains(t, r.log.String(), "disk is on fire")
}

func TestReportStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	more := make(chan struct{})
	r.engine.report = func(w io.Writer) error {
		for range 3 {
			if _, err := w.Write(append(make([]byte, reportBuffer), '\n')); err != nil {
				return err
			}
		}
		<-more
		_, err := io.WriteString(w, "end\n")
		return err
	}
	resp, err := http.Get(r.url + "/v1/jobs/job1/report")
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReaderSize(resp.Body, 1<<20)
	_, err = lines.ReadString('\n')
	require.NoError(t, err, "the first line is here before the last is made")
	close(more)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Contains(t, string(rest), "end\n")
}

// A client that stops reading must not hold a handler for ever; a handler whose
// client left is told by its context.
func TestReaderThatLeavesEndsTheReport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do("POST", "/v1/jobs", evidenceJob+`}`)
	ended := make(chan error, 1)
	r.engine.report = func(w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, reportBuffer)); err != nil {
				ended <- err
				return err
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/v1/jobs/job1/report", nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	cancel()
	_ = resp.Body.Close()
	require.Error(t, <-ended)
	require.Eventually(t, func() bool {
		return strings.Contains(r.log.String(), "route=/v1/jobs/:id/report status=499")
	}, 10*time.Second, time.Millisecond, "a client that leaves is no failure of ours")
	require.NotContains(t, r.log.String(), "level=ERROR")
}

// bodyServer serves a handler that reads its body through a bodyReader whose
// deadline is that far away.
func bodyServer(t *testing.T, deadline time.Duration, handler func(r *http.Request, read error) *Problem) *httptest.Server {
	t.Helper()
	g := newRig(t).gw
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &bodyReader{ReadCloser: r.Body, req: &request{}, conn: http.NewResponseController(w), until: time.Now().Add(deadline), memory: g.bodies}
		defer body.release()
		_, err := io.Copy(io.Discard, body)
		if err == nil {
			if n, again := body.Read(make([]byte, 1)); n != 0 || again != io.EOF {
				t.Errorf("after its end a body gave %d bytes and %v", n, again)
			}
		}
		if err != nil {
			err = g.problemOf(fmt.Errorf("load: %w", err))
		}
		if p := handler(r, err); p != nil {
			w.WriteHeader(p.Status)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestBodyThatStallsIsATimeout(t *testing.T) {
	t.Parallel()
	server := bodyServer(t, -time.Second, func(_ *http.Request, read error) *Problem {
		p, _ := errors.AsType[*Problem](read)
		return p
	})
	body, feed := io.Pipe()
	defer feed.Close()
	resp, err := http.Post(server.URL, "text/csv", body)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusRequestTimeout, resp.StatusCode)
}

// The deadline of reading a body must not end a request that works longer, also
// when the reader asks again after the end.
func TestDeadlineOfTheBodyEndsWithTheBody(t *testing.T) {
	t.Parallel()
	const deadline = 50 * time.Millisecond
	var read, worked error // written before the answer is sent
	server := bodyServer(t, deadline, func(r *http.Request, err error) *Problem {
		read = err
		select {
		case <-r.Context().Done():
			worked = r.Context().Err()
		case <-time.After(3 * deadline): // the work
		}
		return nil
	})
	resp, err := http.Post(server.URL, "text/csv", strings.NewReader("a\n1\n"))
	require.NoError(t, err)
	_ = resp.Body.Close()
	require.NoError(t, read)
	require.NoError(t, worked)
}
