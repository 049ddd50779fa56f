package discovery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcdServer is a real etcd of one member in a process of its own.
type etcdServer struct {
	endpoint string
	folder   string
	tls      *tls.Config // of clients; nil is plain text
	process  *exec.Cmd
	client   *clientv3.Client // for the test
}

// startEtcd runs etcd until the end of the test. Without the program the test is
// skipped, unless BCOSGATE_ETCD=required.
func startEtcd(t *testing.T, withTLS bool) *etcdServer {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		require.NotEqual(t, "required", os.Getenv("BCOSGATE_ETCD"), "no etcd in the PATH")
		t.Skip("no etcd in the PATH (Debian: etcd-server); BCOSGATE_ETCD=required makes this a failure")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	s := &etcdServer{folder: t.TempDir(), endpoint: "http://" + listener.Addr().String()}
	if withTLS {
		s.endpoint = "https://" + listener.Addr().String()
		s.makeCert(t)
	}
	t.Cleanup(func() { s.kill(t) })
	s.start(t)
	s.client, err = clientv3.New(clientv3.Config{Endpoints: []string{s.endpoint}, TLS: s.tls, Logger: zap.NewNop()})
	require.NoError(t, err)
	t.Cleanup(func() { s.client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = s.client.Get(ctx, "up")
	require.NoError(t, err, "etcd does not answer; its log is:\n%s", s.log(t))
	return s
}

func (s *etcdServer) start(t *testing.T) {
	t.Helper()
	const peer = "http://127.0.0.1:1" // never called: there is one member
	s.process = exec.Command("etcd", "--data-dir", filepath.Join(s.folder, "data"),
		"--listen-client-urls", s.endpoint, "--advertise-client-urls", s.endpoint,
		"--listen-peer-urls", "http://127.0.0.1:0", "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer,
		"--logger", "zap", "--log-level", "warn")
	if s.tls != nil {
		s.process.Args = append(s.process.Args, "--cert-file", filepath.Join(s.folder, "crt"), "--key-file", filepath.Join(s.folder, "key"))
	}
	log, err := os.OpenFile(filepath.Join(s.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer log.Close()
	s.process.Stderr = log
	require.NoError(t, s.process.Start())
}

// kill ends etcd as a crash does.
func (s *etcdServer) kill(t *testing.T) {
	t.Helper()
	if s.process != nil {
		require.NoError(t, s.process.Process.Kill())
		_ = s.process.Wait()
		s.process = nil
	}
}

func (s *etcdServer) log(t *testing.T) string {
	content, err := os.ReadFile(filepath.Join(s.folder, "log"))
	require.NoError(t, err)
	return string(content)
}

// makeCert takes the certificate for 127.0.0.1 that comes with the standard library.
func (s *etcdServer) makeCert(t *testing.T) {
	t.Helper()
	donor := httptest.NewTLSServer(nil)
	defer donor.Close()
	key, err := x509.MarshalPKCS8PrivateKey(donor.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"crt": {Type: "CERTIFICATE", Bytes: donor.Certificate().Raw}, "key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(s.folder, name), pem.EncodeToMemory(block), 0o600))
	}
	roots := x509.NewCertPool()
	roots.AddCert(donor.Certificate())
	s.tls = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func (s *etcdServer) put(t *testing.T, key, value string) (revision int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answer, err := s.client.Put(ctx, key, value)
	require.NoError(t, err)
	return answer.Header.Revision
}

func (s *etcdServer) remove(t *testing.T, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := s.client.Delete(ctx, prefix, clientv3.WithPrefix())
	require.NoError(t, err)
}

func (s *etcdServer) source(t *testing.T, change func(*EtcdConfig)) Source {
	t.Helper()
	cfg := EtcdConfig{Endpoints: []string{s.endpoint}, Prefix: "/nodes/", TLS: s.tls}
	change(&cfg)
	source, err := Etcd(cfg)
	require.NoError(t, err)
	return source
}

func asItIs(*EtcdConfig) {}

func TestRealEtcdNodesComeAndGo(t *testing.T) {
	t.Parallel()
	server := startEtcd(t, false)
	server.put(t, "/nodes/a", "a:1")
	server.put(t, "/other/x", "x:1")
	w, h := startWatcher(t, server.source(t, asItIs))
	require.Equal(t, []string{"a:1"}, h.next(t))
	require.NoError(t, w.Wait(t.Context()))

	server.put(t, "/nodes/b", "b:2\n")
	require.Equal(t, []string{"a:1", "b:2"}, h.next(t))
	server.put(t, "/nodes/c", "not a node")
	h.untilLogged(t, "key /nodes/c: ")
	server.remove(t, "/nodes/a")
	require.Equal(t, []string{"b:2"}, h.next(t))

	server.remove(t, "/nodes/")
	h.untilLogged(t, ErrNoNodes.Error())
	require.Empty(t, h.lists, "an empty prefix takes no node away")
	server.put(t, "/nodes/d", "d:4")
	require.Equal(t, []string{"d:4"}, h.next(t))
}

func TestRealEtcdIsFoundBehindAMemberThatIsDown(t *testing.T) {
	t.Parallel()
	server := startEtcd(t, false)
	server.put(t, "/nodes/a", "a:1")
	const nobody = "http://127.0.0.1:1"
	_, h := startWatcher(t, server.source(t, func(c *EtcdConfig) { c.Endpoints = []string{nobody, server.endpoint} }))
	require.Equal(t, []string{"a:1"}, h.next(t))
	server.put(t, "/nodes/a", "a:2")
	require.Equal(t, []string{"a:2"}, h.next(t))
	require.Zero(t, h.count("WARN"), h.text())
}

func TestRealEtcdKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := startEtcd(t, false)
	server.put(t, "/nodes/a", "a:1")
	_, h := startWatcher(t, server.source(t, asItIs))
	require.Equal(t, []string{"a:1"}, h.next(t))
	for _, node := range []string{"b:2", "c:3"} {
		server.kill(t)

		// Who comes meanwhile gets no list, and hears why.
		late, lateHeard := startWatcher(t, server.source(t, asItIs))
		lateHeard.untilLogged(t, "connection refused")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		require.ErrorContains(t, late.Wait(ctx), "connection refused")
		cancel()

		server.start(t)
		server.put(t, "/nodes/a", node)
		require.Equal(t, []string{node}, h.next(t))
		lateHeard.until(t, node)
		stopWatcher(t, late)
	}
	require.Empty(t, h.lists)
}

func TestRealEtcdCompactedWhileTheWatchWasCutOff(t *testing.T) {
	t.Parallel()
	server := startEtcd(t, false)
	server.put(t, "/nodes/a", "a:1")
	line := newGate(t, server.endpoint[len("http://"):])
	_, h := startWatcher(t, server.source(t, func(c *EtcdConfig) { c.Endpoints = []string{line.address} }))
	require.Equal(t, []string{"a:1"}, h.next(t))
	line.cut()
	server.put(t, "/nodes/b", "b:2")
	server.remove(t, "/nodes/a")
	revision := server.put(t, "/other/x", "x:1")
	_, err := server.client.Compact(t.Context(), revision, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	line.mend()
	require.Equal(t, []string{"b:2"}, h.next(t))
	server.put(t, "/nodes/b", "b:3")
	require.Equal(t, []string{"b:3"}, h.next(t), "it is watched again")
	require.Zero(t, h.count("WARN"), "compaction is no trouble:\n%s", h.text())
}

func TestRealEtcdWithUserAndPassword(t *testing.T) {
	t.Parallel()
	server := startEtcd(t, false)
	server.put(t, "/nodes/a", "a:1")
	for _, err := range []error{
		second(server.client.UserAdd(t.Context(), "root", "secret")),
		second(server.client.UserGrantRole(t.Context(), "root", "root")),
		second(server.client.AuthEnable(t.Context())),
	} {
		require.NoError(t, err)
	}
	_, h := startWatcher(t, server.source(t, func(c *EtcdConfig) { c.Username, c.Password = "root", "secret" }))
	require.Equal(t, []string{"a:1"}, h.next(t))
	for want, change := range map[string]func(*EtcdConfig){
		"authentication failed": func(c *EtcdConfig) { c.Username, c.Password = "root", "wrong" },
		"user name is empty":    asItIs,
	} {
		_, h := startWatcher(t, server.source(t, change))
		h.untilLogged(t, want)
		require.NotContains(t, h.text(), "secret")
	}
}

func second[T any](_ T, err error) error { return err }

func TestRealEtcdOverTLS(t *testing.T) {
	t.Parallel()
	server := startEtcd(t, true)
	server.put(t, "/nodes/a", "a:1")
	_, h := startWatcher(t, server.source(t, asItIs))
	require.Equal(t, []string{"a:1"}, h.next(t))
	server.put(t, "/nodes/a", "a:2")
	require.Equal(t, []string{"a:2"}, h.next(t))

	_, h = startWatcher(t, server.source(t, func(c *EtcdConfig) { c.TLS = &tls.Config{RootCAs: x509.NewCertPool()} }))
	h.untilLogged(t, "certificate signed by unknown authority")
}

// gate is a line to an address that can be cut.
type gate struct {
	address string
	to      string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]bool
	wg    sync.WaitGroup
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g := &gate{address: listener.Addr().String(), to: to, conns: map[net.Conn]bool{}}
	g.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			g.wg.Go(func() { g.carry(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		g.cut()
		g.wg.Wait()
	})
	return g
}

func (g *gate) carry(from net.Conn) {
	to, err := net.Dial("tcp", g.to)
	if err != nil {
		from.Close()
		return
	}
	g.mu.Lock()
	for _, conn := range []net.Conn{from, to} {
		g.conns[conn] = true
		if g.down {
			conn.Close()
		}
	}
	g.mu.Unlock()
	g.wg.Go(func() { io.Copy(from, to); from.Close() })
	io.Copy(to, from)
	to.Close()
}

func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = true
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

func (g *gate) mend() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = false
}
