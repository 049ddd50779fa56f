//go:build unix

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
)

// programs builds the programs once for all tests of the package.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bcosgate-e2e-")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", slices.Concat([]string{"build"}, raceFlags, []string{"-o", dir + "/", "./cmd/..."})...)
	build.Dir = "../.."
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, text)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// world is a running chain of development nodes and a folder for a client.
type world struct {
	t     *testing.T
	bin   string
	dir   string // the client's working folder
	home  string // the chain's folder with start_all.sh
	ports []int  // RPC ports
	http  *http.Client
}

// newWorld makes and starts a chain of n nodes; it ends with the test.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	bin, err := programs()
	require.NoError(t, err)
	w := &world{t: t, bin: bin, dir: t.TempDir()}
	ports := freePorts(t, 2*n)
	w.ports = ports[:n]
	out := filepath.Join(t.TempDir(), "nodes")
	w.must("../../scripts/build_chain.sh", "-l", "127.0.0.1:"+strconv.Itoa(n), "-o", out,
		"-e", filepath.Join(bin, "devnode"), "-p", fmt.Sprintf("%d,%d", ports[n], ports[0]))
	w.home = filepath.Join(out, "127.0.0.1")

	sdk := filepath.Join(w.home, "sdk")
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(sdk, "ca.crt"), Cert: filepath.Join(sdk, "sdk.crt"), Key: filepath.Join(sdk, "sdk.key")})
	require.NoError(t, err)
	w.http = &http.Client{Transport: &http.Transport{TLSClientConfig: certs.ClientConfig(cert, roots)}}
	t.Cleanup(w.http.CloseIdleConnections)

	t.Cleanup(func() { w.must(filepath.Join(w.home, "stop_all.sh")) })
	w.must(filepath.Join(w.home, "start_all.sh"))
	return w
}

// must runs a program to its end and fails the test unless it exits 0.
func (w *world) must(name string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(w.t, cmd.Run(), "%s %v\n%s%s", name, args, &out, &errs)
	return out.String()
}

// rpc asks a node over plain HTTPS, without any of our client code.
func (w *world) rpc(node int, result any, method string, params ...any) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(w.t, w.ask(ctx, node, result, method, params...))
}

// ask is rpc for nodes that may not answer. Group and node name come before params.
func (w *world) ask(ctx context.Context, node int, result any, method string, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": append([]any{"group0", ""}, params...)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://127.0.0.1:%d", w.ports[node]), bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := w.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w: %s", method, err, text)
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return fmt.Errorf("%s: %w: %s", method, err, text)
	}
	return nil
}

// transactions is how many transactions the chain has executed, and how many
// failed, as the node says that is ahead of the others.
func (w *world) transactions() (total, failed int) {
	w.t.Helper()
	for node := range w.ports {
		var count transactionCount
		w.rpc(node, &count, "getTotalTransactionCount")
		if count.TransactionCount > total {
			total, failed = count.TransactionCount, count.FailedTransactionCount
		}
	}
	return total, failed
}

type transactionCount struct{ TransactionCount, FailedTransactionCount int }

// nextPort is where freePorts looks next. It lies below the ports that systems
// give to outgoing connections, and differs between processes that test at a time.
var nextPort = struct {
	sync.Mutex
	port int
}{port: 10000 + os.Getpid()%1000*20}

// freePorts gives n neighbouring ports that were free a moment ago, to each
// caller others.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	nextPort.Lock()
	defer nextPort.Unlock()
	for range 1000 {
		first := nextPort.port
		if nextPort.port += n; nextPort.port > 32000 {
			nextPort.port = 10000
		}
		var ports []int
		for port := first; port < first+n; port++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				break
			}
			require.NoError(t, l.Close())
			ports = append(ports, port)
		}
		if len(ports) == n {
			return ports
		}
	}
	require.FailNow(t, "no free ports")
	return nil
}
