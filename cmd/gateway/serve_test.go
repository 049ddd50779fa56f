package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// csvRows are n rows for Evidence.save whose digests begin at first.
func csvRows(first, n int) string {
	var b strings.Builder
	b.WriteString("digest,text\n")
	for i := range n {
		fmt.Fprintf(&b, "0x%064x,file %d\n", first+i, first+i)
	}
	return b.String()
}

// A stranger's whole way: deploy, one job inline, one streamed, report, read back.
func TestServiceEndToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	s := w.run().ready()
	require.Contains(t, s.out.String(), s.url+"/docs")

	deployed := s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true,"idempotencyKey":"deploy"}`)
	require.Equal(t, "confirmed", deployed["state"], "%v", deployed)
	address := deployed["contract"].(string)
	again := s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true,"idempotencyKey":"deploy"}`)
	require.Equal(t, address, again["contract"], "the same key deploys once")
	require.Equal(t, deployed["txHash"], again["txHash"])
	listed := s.ok(http.StatusOK, "GET", "/v1/contracts", "")["contracts"].([]any)
	require.Len(t, listed, 1)
	require.Equal(t, address, listed[0].(map[string]any)["address"])

	inline := s.ok(http.StatusCreated, "POST", "/v1/jobs", fmt.Sprintf(
		`{"contract":"Evidence","function":"save","rows":[["0x%064x","one"],{"digest":"0x%064x","text":"two","_id":"r2"}]}`, 1, 2))
	done := s.done(inline["id"].(string))
	require.EqualValues(t, 2, done["counts"].(map[string]any)["confirmed"], "%v", done)

	const n = 300
	streamed := s.ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save(bytes32,string)","name":"files"}`)
	id := streamed["id"].(string)
	require.Equal(t, "loading", streamed["state"])
	status, data := s.do("PUT", "/v1/jobs/"+id+"/rows", "text/csv", csvRows(1000, n))
	require.Equal(t, http.StatusOK, status, "%s", data)
	require.EqualValues(t, n, s.done(id)["counts"].(map[string]any)["confirmed"])

	count := s.ok(http.StatusOK, "POST", "/v1/calls", `{"contract":"Evidence","function":"count"}`)
	require.Equal(t, fmt.Sprint(n+2), count["outputs"].([]any)[0].(map[string]any)["value"], "the chain has each row once: %v", count)
	got := s.ok(http.StatusOK, "POST", "/v1/calls", fmt.Sprintf(`{"contract":"Evidence","function":"get","args":{"digest":"0x%064x"}}`, 1007))
	require.Contains(t, fmt.Sprint(got["outputs"]), "file 1007")
	unknown := s.ok(http.StatusOK, "POST", "/v1/calls", fmt.Sprintf(`{"contract":"Evidence","function":"get","args":["0x%064x"]}`, 5))
	require.NotEqualValues(t, 0, unknown["status"])
	require.NotEmpty(t, unknown["revertReason"])

	status, report := s.do("GET", "/v1/jobs/"+id+"/report", "", "")
	require.Equal(t, http.StatusOK, status)
	table, err := csv.NewReader(bytes.NewReader(report)).ReadAll()
	require.NoError(t, err)
	require.Len(t, table, n+1)
	require.Equal(t, []string{"digest", "text"}, table[0][:2])
	require.Equal(t, fmt.Sprintf("0x%064x", 1000), table[1][0])
	state := -1
	for i, column := range table[0] {
		if column == "_state" {
			state = i
		}
	}
	for _, row := range table[1:] {
		require.Equal(t, "confirmed", row[state])
	}
	lines, ndjson := s.do("GET", "/v1/jobs/"+id+"/report?format=ndjson", "", "")
	require.Equal(t, http.StatusOK, lines)
	require.Equal(t, n, bytes.Count(ndjson, []byte("\n")))
	s.ok(http.StatusOK, "GET", "/v1/jobs/"+id+"/report?format=json", "")

	twice := s.ok(http.StatusOK, "POST", "/v1/transactions", fmt.Sprintf(`{"contract":"Evidence","function":"save","args":["0x%064x","again"]}`, 1))
	require.Equal(t, "reverted", twice["state"], "a revert is a result")
	rows := s.ok(http.StatusOK, "GET", "/v1/jobs/"+twice["jobId"].(string)+"/rows?history=true", "")["rows"].([]any)
	require.Len(t, rows[0].(map[string]any)["history"], 1)

	chains := s.ok(http.StatusOK, "GET", "/v1/chains", "")["chains"].([]any)[0].(map[string]any)
	require.Len(t, chains["nodes"], 2)
	require.Positive(t, chains["head"])
	require.NotEmpty(t, chains["genesis"])
	_, metrics := s.do("GET", "/metrics", "", "")
	require.Contains(t, string(metrics), fmt.Sprintf(`bcosgate_items_settled_total{state="confirmed",target="main"} %d`, n+3))
	require.Contains(t, string(metrics), `bcosgate_send_duration_seconds_count{outcome="receipt",target="main"}`)
	require.NotContains(t, string(metrics), "bcosgate_store_committed_rows_total 0\n")

	require.Equal(t, exitOK, s.stop())
	require.Contains(t, s.out.String(), "gateway stopped")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(w.path("account.pem"))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "nobody else may read the key that was made")
	}
}

func TestBadRowsSendNothing(t *testing.T) {
	t.Parallel()
	s := newWorld(t, 20*time.Millisecond).serve().run().ready()
	s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	for name, tc := range map[string]struct {
		rows   string
		column string
		row    float64
	}{
		"odd hex":        {"digest,text\n0x123,a\n", "digest", 1},
		"too long":       {"digest,text\n0x" + strings.Repeat("ab", 33) + ",a\n", "digest", 1},
		"missing header": {"digest\n0x" + strings.Repeat("ab", 32) + "\n", "", 0},
		"broken quote":   {"digest,text\n0x" + strings.Repeat("ab", 32) + ",\"a\n", "", 1},
		"empty":          {"", "", 0},
		"second row":     {csvRows(1, 1) + "0xzz,b\n", "digest", 2},
	} {
		id := s.ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save"}`)["id"].(string)
		status, data := s.do("PUT", "/v1/jobs/"+id+"/rows", "text/csv", tc.rows)
		require.Equal(t, http.StatusUnprocessableEntity, status, "%s: %s", name, data)
		require.Contains(t, string(data), `"code":"invalid_rows"`, name)
		require.Contains(t, string(data), fmt.Sprintf(`"row":%v`, tc.row), name)
		require.Contains(t, string(data), `"reason":"`, name)
		if tc.column != "" {
			require.Contains(t, string(data), fmt.Sprintf(`"column":%q`, tc.column), name)
		}
	}
	status, data := s.do("POST", "/v1/jobs", "application/json", `{"contract":"Evidence","function":"nope"}`)
	require.Equal(t, http.StatusUnprocessableEntity, status, "%s", data)
	require.Contains(t, string(data), "body.function")
	count := s.ok(http.StatusOK, "POST", "/v1/calls", `{"contract":"Evidence","function":"count"}`)
	require.Equal(t, "0", count["outputs"].([]any)[0].(map[string]any)["value"])
}

// A stop in the middle of a job and of an upload loses nothing and sends nothing twice.
func TestStopInTheMiddleGoesOnAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 150*time.Millisecond).serve()
	s := w.run("--http-shutdown-timeout", "4s").ready()
	s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	const n = 400
	id := s.ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save","rate":200}`)["id"].(string)
	status, data := s.do("PUT", "/v1/jobs/"+id+"/rows", "text/csv", csvRows(1, n))
	require.Equal(t, http.StatusOK, status, "%s", data)

	open := s.ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save"}`)["id"].(string)
	body, feed := io.Pipe()
	uploaded := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, s.url+"/v1/jobs/"+open+"/rows", body)
		if err == nil {
			req.Header.Set("Content-Type", "text/csv")
			var resp *http.Response
			if resp, err = s.client.Do(req); err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					err = fmt.Errorf("status %d", resp.StatusCode)
				}
			}
		}
		uploaded <- err
	}()
	_, err := io.WriteString(feed, csvRows(5000, 10))
	require.NoError(t, err)
	s.eventually(func() bool {
		counts := s.ok(http.StatusOK, "GET", "/v1/jobs/"+id, "")["counts"].(map[string]any)
		return counts["confirmed"].(float64) > 0 && counts["queued"].(float64) > 0
	})
	require.Equal(t, exitOK, s.stop(), "%s", s.err)
	_ = feed.CloseWithError(io.ErrUnexpectedEOF) // the client waits for the writer of its body
	require.Error(t, <-uploaded, "the upload was cut off")
	require.Contains(t, s.err.String(), "part=http", "and the log says so")

	s = w.run().ready()
	job := s.ok(http.StatusOK, "GET", "/v1/jobs/"+open, "")
	require.Equal(t, "loading", job["state"])
	require.EqualValues(t, 0, job["rows"])
	done := s.done(id)
	require.EqualValues(t, n, done["counts"].(map[string]any)["confirmed"], "%v", done)
	count := s.ok(http.StatusOK, "POST", "/v1/calls", `{"contract":"Evidence","function":"count"}`)
	require.Equal(t, fmt.Sprint(n), count["outputs"].([]any)[0].(map[string]any)["value"])
}

func TestNodesThatAreAwayAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond)
	s := w.run("--log-level", "debug")
	s.ok(http.StatusOK, "GET", "/healthz", "")
	ready := s.ok(http.StatusServiceUnavailable, "GET", "/readyz", "")
	require.Contains(t, fmt.Sprint(ready), "target main")
	refused := s.ok(http.StatusServiceUnavailable, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	require.Equal(t, "chain_unavailable", refused["code"])
	require.Equal(t, true, refused["retryable"])
	s.eventually(func() bool { return strings.Contains(s.err.String(), "no node of the target answers") })
	w.serve()
	s.ready()
	s.eventually(func() bool { return strings.Contains(s.err.String(), "target is online") })
	require.Equal(t, "confirmed", s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)["state"])
	require.Equal(t, exitOK, s.stop())
}

func TestWhatKeepsItFromStarting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	s := w.run()
	fails := func(want ...string) func(args ...string) {
		return func(args ...string) {
			t.Helper()
			out, text := newBuffer(), newBuffer()
			require.Equal(t, exitFailed, execute(t.Context(), append([]string{"serve", "--config", w.path("gateway.yaml")}, args...), out, text), "%s", text)
			require.Empty(t, out.String())
			for _, w := range want {
				require.Contains(t, text.String(), w)
			}
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	fails("store", "in use", "--store")()
	fails("listen on "+taken.Addr().String(), "--listen")("--listen", taken.Addr().String(), "--store", w.path("other.db"))
	fails("http.listen", "log.level")("--listen", "nowhere", "--log-level", "loud")
	fails("does not exist", "http.token_file")("--http-token-file", w.path("nothing.txt"))
	fails("http.tls", "http.token_file")("--listen", "0.0.0.0:0")
	fails("unknown flag", "gateway serve --help")("--colour", "red")
	w.write("short.txt", "alice:short\n")
	fails("alice", "16 characters")("--http-token-file", w.path("short.txt"), "--store", w.path("other.db"))
	w.write("text.db", strings.Repeat("this is no store\n", 100))
	fails("not a bcosgate store", "--store")("--store", w.path("text.db"))
	require.Equal(t, exitOK, s.stop())
}
