//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// service is a `gateway serve` process.
type service struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

// serve starts a gateway on the world's chain with its configuration in dir,
// and returns when it listens.
func (w *world) serve(dir string) *service {
	w.t.Helper()
	config := filepath.Join(dir, "gateway.yaml")
	var nodes strings.Builder
	for _, port := range w.ports {
		fmt.Fprintf(&nodes, "      - 127.0.0.1:%d\n", port)
	}
	require.NoError(w.t, os.WriteFile(config, fmt.Appendf(nil, `
http: {listen: "127.0.0.1:0"}
store: {path: jobs.db}
log: {level: error}
accounts: [{name: default, file: account.pem, create: true}]
targets:
  - name: main
    tls: {dir: %s}
    limits: {rate: 900}
    nodes:
%s`, filepath.Join(w.home, "sdk"), &nodes), 0o600))
	s := &service{t: w.t, cmd: exec.Command(filepath.Join(w.bin, "gateway"), "serve", "--config", config)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, s.cmd.Start())
	w.t.Cleanup(s.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "listens on "); ok {
			s.url = url
			return s
		}
	}
	require.FailNow(w.t, "the gateway ended before it listened")
	return nil
}

// kill ends the process with SIGKILL and waits for it; again it does nothing.
func (s *service) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill() // it may have ended by itself
		_ = s.cmd.Wait()
	}
}

// do sends a request, wants a status below 300 and decodes the answer.
func (s *service) do(method, path, contentType, body string, answer any) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.Less(s.t, res.StatusCode, 300, "%s %s: %s", method, path, text)
	if raw, ok := answer.(*[]byte); ok {
		*raw = text
		return
	}
	require.NoError(s.t, json.Unmarshal(text, answer), "%s", text)
}

// waitReady waits until a node is connected.
func (s *service) waitReady() {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/readyz", nil)
		require.NoError(s.t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(s.t, err)
		require.NoError(s.t, res.Body.Close())
		if res.StatusCode == http.StatusOK {
			return
		}
		<-tick.C
	}
}

// The gateway is killed in the middle of a job of streamed rows; each start goes
// on by itself, and in the end every row is executed exactly once.
func TestKilledGatewayGoesOnByItself(t *testing.T) {
	t.Parallel()
	const rows, kills = 3000, 3
	w := newWorld(t, 2)
	dir := t.TempDir()
	s := w.serve(dir)
	s.waitReady()
	var deployed struct{ State string }
	s.do("POST", "/v1/transactions", "application/json", `{"deploy":true,"contract":"Evidence"}`, &deployed)
	require.Equal(t, "confirmed", deployed.State)
	input := filepath.Join(dir, "rows.csv")
	writeEvidenceRows(t, input, rows)
	text, err := os.ReadFile(input)
	require.NoError(t, err)
	var job struct{ ID, State string }
	s.do("POST", "/v1/jobs", "application/json", `{"contract":"Evidence","function":"save(bytes32,string)"}`, &job)
	s.do("PUT", "/v1/jobs/"+job.ID+"/rows", "text/csv", string(text), &job)

	for range kills {
		<-time.After(time.Duration(100+rand.IntN(500)) * time.Millisecond) // a random moment
		s.do("GET", "/v1/jobs/"+job.ID, "", "", &job)
		require.Equal(t, "running", job.State, "it is killed in the middle")
		s.kill()
		s = w.serve(dir)
	}

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for job.State != "done" {
		<-tick.C
		s.do("GET", "/v1/jobs/"+job.ID, "", "", &job)
	}
	var report []byte
	s.do("GET", "/v1/jobs/"+job.ID+"/report?format=csv", "", "", &report)
	path := filepath.Join(dir, "report.csv")
	require.NoError(t, os.WriteFile(path, report, 0o600))
	requireConfirmedOnce(t, path, input)
	total, failed := w.transactions()
	require.Equal(t, rows+1, total, "one transaction for each row and one for the deployment")
	require.Zero(t, failed, "a second execution would have reverted")
}
