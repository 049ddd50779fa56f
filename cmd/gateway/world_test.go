package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/testkit"
)

// TestMain lets the test binary be the program itself, so that signals and exit
// codes can be tested on a process.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_GATEWAY") != "" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// world is a chain with two endpoints, and a folder with a configuration for a
// gateway on it, the certificates beside it.
type world struct {
	t   *testing.T
	dir string
	net *testkit.Devnet
}

// newWorld makes a chain with two nodes that seals a block every sealTime while
// transactions wait. The ports are taken, but nothing is served before serve.
func newWorld(t *testing.T, sealTime time.Duration) *world {
	t.Helper()
	net := testkit.NewDevnet(t, 2, sealTime)
	w := &world{t: t, dir: net.Certs, net: net}
	w.write("gateway.yaml", w.config(""))
	return w
}

// serve lets the nodes answer.
func (w *world) serve() *world {
	w.net.Serve()
	return w
}

// config is a configuration for this chain; http has more lines of that section.
func (w *world) config(http string) string {
	return fmt.Sprintf(`
http:
  listen: 127.0.0.1:0
  shutdown_timeout: 20s
%s
store:
  path: store/jobs.db
accounts:
  - name: default
    file: account.pem
    create: true
targets:
  - name: main
    nodes: [%s]
    tls:
      dir: .
`, http, strings.Join(w.net.Nodes, ", "))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// service is a gateway in this process.
type service struct {
	t      *testing.T
	url    string
	client *http.Client
	stop   func() int // exit code
	out    *buffer
	err    *buffer
}

type buffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	wrote chan struct{} // has room for one: something was written
}

func newBuffer() *buffer { return &buffer{wrote: make(chan struct{}, 1)} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.wrote <- struct{}{}:
	default:
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// run starts `gateway serve` with the arguments and waits until it listens.
func (w *world) run(args ...string) *service {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{t: w.t, out: newBuffer(), err: newBuffer(), client: &http.Client{Transport: &http.Transport{}}}
	done := make(chan int, 1)
	go func() {
		done <- execute(ctx, append([]string{"serve", "--config", w.path("gateway.yaml")}, args...), s.out, s.err)
	}()
	s.stop = sync.OnceValue(func() int {
		cancel()
		s.client.CloseIdleConnections()
		return <-done
	})
	w.t.Cleanup(func() { s.stop() })
	for s.url == "" {
		select {
		case code := <-done:
			done <- code
			require.FailNow(w.t, "the gateway ended", "exit code %d\n%s", code, s.err)
		case <-s.out.wrote:
		}
		if _, after, ok := strings.Cut(s.out.String(), "listens on "); ok {
			s.url, _, _ = strings.Cut(after, "\n")
		}
	}
	return s
}

// do sends a request and reads the whole answer.
func (s *service) do(method, path, contentType, body string) (int, []byte) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := s.client.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return resp.StatusCode, data
}

// ok sends JSON (or nothing) and wants the status.
func (s *service) ok(status int, method, path, body string) map[string]any {
	s.t.Helper()
	contentType := ""
	if body != "" {
		contentType = "application/json"
	}
	got, data := s.do(method, path, contentType, body)
	require.Equal(s.t, status, got, "%s %s: %s", method, path, data)
	var v map[string]any
	require.NoError(s.t, json.Unmarshal(data, &v), "%s", data)
	return v
}

// ready waits until /readyz says yes.
func (s *service) ready() *service {
	s.t.Helper()
	s.eventually(func() bool {
		status, _ := s.do("GET", "/readyz", "", "")
		return status == http.StatusOK
	})
	return s
}

// done waits until a job is final and returns it.
func (s *service) done(id string) map[string]any {
	s.t.Helper()
	var job map[string]any
	s.eventually(func() bool {
		job = s.ok(http.StatusOK, "GET", "/v1/jobs/"+id, "")
		return job["state"] == "done"
	})
	return job
}

func (s *service) eventually(what func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(60 * time.Second)
	for !what() {
		select {
		case <-tick.C:
		case <-limit:
			require.FailNow(s.t, "it did not happen in a minute", "%s", s.err)
		}
	}
}
