package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/rpc"
)

// TestMain lets the test binary be the program itself, so that signals and exit
// codes can be tested on a process.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_GATEWAY") != "" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// world is a chain of development nodes on real sockets with mutual TLS, and a
// folder with a configuration for a gateway on it.
type world struct {
	t         *testing.T
	dir       string
	nodes     []string
	listeners []net.Listener
	endpoints []*rpc.Server
	serving   sync.Once
}

// newWorld makes a chain with two nodes that seals a block every sealTime while
// transactions wait. The ports are taken, but nothing is served before serve.
func newWorld(t *testing.T, sealTime time.Duration) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	ca, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	node, err := ca.Issue(certs.Validity{})
	require.NoError(t, err)
	client, err := ca.Issue(certs.Validity{})
	require.NoError(t, err)
	for name, data := range map[string][]byte{
		"ca.crt": ca.CertPEM(), "ssl.crt": node.CertPEM, "ssl.key": node.KeyPEM, "sdk.crt": client.CertPEM, "sdk.key": client.KeyPEM,
	} {
		w.write(name, string(data))
	}
	cert, roots, err := certs.LoadTLSCert(certs.Files{CA: w.path("ca.crt"), Cert: w.path("ssl.crt"), Key: w.path("ssl.key")})
	require.NoError(t, err)
	key, err := certs.NewChainKey()
	require.NoError(t, err)
	sealer, err := devchain.ParseNodeID(key.NodeID())
	require.NoError(t, err)
	genesis := devchain.DefaultGenesis()
	genesis.Sealers = []devchain.Sealer{{PublicKey: sealer, Weight: 1}}
	chain, err := devchain.Open(devchain.Config{Genesis: genesis, DataDir: t.TempDir(), NodeKeys: []*ecdsa.PrivateKey{key.Key}, MinSealTime: sealTime})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, chain.Close()) })
	require.NoError(t, chain.Start(context.Background()))
	t.Cleanup(func() { within(t, 10*time.Second, chain.Stop) })
	for range 2 {
		endpoint, err := rpc.NewServer(rpc.Config{Ledger: chain, Node: rpc.Node{ID: key.NodeID()}, TLS: certs.ServerConfig(cert, roots)})
		require.NoError(t, err)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		w.endpoints = append(w.endpoints, endpoint)
		w.listeners = append(w.listeners, listener)
		w.nodes = append(w.nodes, listener.Addr().String())
	}
	w.write("gateway.yaml", w.config(""))
	return w
}

// serve lets the nodes answer.
func (w *world) serve() *world {
	w.serving.Do(func() {
		for i, endpoint := range w.endpoints {
			endpoint.Start(w.listeners[i])
			w.t.Cleanup(func() { within(w.t, 10*time.Second, endpoint.Stop) })
		}
	})
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
`, http, strings.Join(w.nodes, ", "))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// within runs a stop with a time limit and wants no error.
func within(t *testing.T, limit time.Duration, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	require.NoError(t, do(ctx))
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
