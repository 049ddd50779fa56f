package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

// nodeFolder is a node's folder with key, certificates and both files; the RPC
// port is chosen by the system.
type nodeFolder struct{ dir, id string }

// folders makes n nodes of one chain, whose genesis names the first sealers of them.
func folders(t testing.TB, n, sealers int, ini string) ([]nodeFolder, *http.Client) {
	t.Helper()
	ca, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	home := t.TempDir()
	write := func(path string, data []byte) {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}
	var nodes []nodeFolder
	genesis := "[version]\ncompatibility_version=3.16.0\n[executor]\nversion=1\n[consensus]\n"
	for i := range n {
		key, err := suite.GenerateKey(suite.Standard)
		require.NoError(t, err)
		pem, err := key.PEM()
		require.NoError(t, err)
		pair, err := ca.Issue(certs.Validity{})
		require.NoError(t, err)
		dir := filepath.Join(home, fmt.Sprint("node", i))
		write(filepath.Join(dir, "conf", "node.pem"), pem)
		write(filepath.Join(dir, "conf", "ca.crt"), ca.CertPEM())
		write(filepath.Join(dir, "conf", "ssl.crt"), pair.CertPEM)
		write(filepath.Join(dir, "conf", "ssl.key"), pair.KeyPEM)
		write(filepath.Join(dir, "config.ini"), []byte("[rpc]\nlisten_ip=127.0.0.1\nlisten_port=0\n"+
			"[cert]\nca_path=conf\n[consensus]\nmin_seal_time=0\n"+ini))
		if i < sealers {
			genesis += fmt.Sprintf("node.%d=%s: 1\n", i, key.NodeID())
		}
		nodes = append(nodes, nodeFolder{dir, key.NodeID()})
	}
	for _, node := range nodes {
		write(filepath.Join(node.dir, "config.genesis"), []byte(genesis))
	}
	conf := filepath.Join(nodes[0].dir, "conf")
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(conf, "ca.crt"), Cert: filepath.Join(conf, "ssl.crt"), Key: filepath.Join(conf, "ssl.key"),
	})
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: certs.ClientConfig(cert, roots)}
	t.Cleanup(transport.CloseIdleConnections)
	return nodes, &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

func arguments(nodes ...nodeFolder) []string {
	args := []string{"-g", filepath.Join(nodes[0].dir, "config.genesis")}
	for _, node := range nodes {
		args = append(args, "-c", filepath.Join(node.dir, "config.ini"))
	}
	return args
}

// running is a devnode in this process.
type running struct {
	urls    []string
	control string // address of the control endpoint, if there is one
	web3    []string
	stop    func() (code int, stderr string)
}

// start runs devnode until stop, or the end of the test. It returns when the
// ports are open.
func start(t *testing.T, args []string) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	var stderr bytes.Buffer
	var code int
	done := make(chan struct{})
	go func() {
		defer close(done)
		code = run(ctx, args, writer, &stderr)
		_ = writer.Close()
	}()
	var r running
	r.stop = sync.OnceValues(func() (int, string) {
		cancel()
		<-done
		return code, stderr.String()
	})
	t.Cleanup(func() { r.stop() })
	lines := bufio.NewScanner(reader)
	for lines.Scan() && lines.Text() != "devnode ready" {
		if address, ok := strings.CutPrefix(lines.Text(), "control endpoint on "); ok {
			r.control = address
			continue
		}
		if m := regexp.MustCompile(`^node\d+ listening on (http://\S+) \(web3\)$`).FindStringSubmatch(lines.Text()); m != nil {
			r.web3 = append(r.web3, m[1])
			continue
		}
		m := regexp.MustCompile(`^node\d+ listening on (https?://\S+) \(chain0, group0\)$`).FindStringSubmatch(lines.Text())
		require.NotNil(t, m, lines.Text())
		r.urls = append(r.urls, m[1])
	}
	go func() {
		for lines.Scan() { // what is printed later must not block
		}
	}()
	if lines.Text() != "devnode ready" {
		_, text := r.stop()
		require.Fail(t, "devnode did not start", text)
	}
	return r
}

func ask(t *testing.T, client *http.Client, url, method string) string {
	t.Helper()
	res, err := client.Post(url, "application/json", strings.NewReader(
		`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":["group0","",0]}`))
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// fails runs devnode where it must not start, and gives what it says.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.Equal(t, 1, run(t.Context(), args, &stdout, &stderr))
	require.Empty(t, stdout.String())
	return stderr.String()
}

func TestOneProcessServesSeveralNodesWithTheirOwnNames(t *testing.T) {
	t.Parallel()
	nodes, client := folders(t, 3, 3, "[log]\nlevel=debug\n")
	r := start(t, arguments(nodes...))
	require.Len(t, r.urls, 3)
	for i, url := range r.urls {
		require.True(t, strings.HasPrefix(url, "https://"))
		require.Equal(t, `{"id":1,"jsonrpc":"2.0","result":0}`, ask(t, client, url, "getBlockNumber"))
		require.Contains(t, ask(t, client, url, "getGroupInfo"), `"name":"`+nodes[i].id+`"`)
		require.Contains(t, ask(t, client, url, "getPeers"), `"p2pNodeID":"3082010a`)
		require.Equal(t, 3, strings.Count(ask(t, client, url, "getSealerList"), "termWeight"))
	}
	_, err := (&http.Client{Timeout: 5 * time.Second}).Post(r.urls[0], "", nil)
	require.Error(t, err, "nobody comes in without a certificate")

	code, stderr := r.stop()
	require.Zero(t, code, stderr)
	require.FileExists(t, filepath.Join(nodes[0].dir, "log", "devnode.log"))
	require.DirExists(t, filepath.Join(nodes[0].dir, "data"))
	require.NoDirExists(t, filepath.Join(nodes[1].dir, "data"), "the ledger is the first node's")
	require.NoFileExists(t, filepath.Join(nodes[0].dir, "data", "devnode.pid"))
}

func TestOneOfSeveralSealersRunsAlone(t *testing.T) {
	t.Parallel()
	nodes, client := folders(t, 4, 4, "")
	r := start(t, arguments(nodes[2]))
	require.Len(t, r.urls, 1)
	require.Equal(t, 4, strings.Count(ask(t, client, r.urls[0], "getSealerList"), "termWeight"))
}

func TestAPlainPortAndAnotherDataFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "ledger")
	nodes, _ := folders(t, 1, 1, "[rpc]\nenable_ssl=false\n[storage]\ndata_path="+data+"\n[log]\nenable=false\n")
	for range 2 { // it can be started again
		r := start(t, arguments(nodes...))
		require.True(t, strings.HasPrefix(r.urls[0], "http://"))
		require.Contains(t, ask(t, http.DefaultClient, r.urls[0], "getBlockHashByNumber"), `"result":"0x`)
		code, stderr := r.stop()
		require.Zero(t, code, stderr)
	}
	require.DirExists(t, data)
	require.NoDirExists(t, filepath.Join(nodes[0].dir, "log"))
	http.DefaultClient.CloseIdleConnections()
}

func TestADataFolderHasOneOwner(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 1, 1, "")
	start(t, arguments(nodes...))
	text := fails(t, arguments(nodes...)...)
	require.Contains(t, text, fmt.Sprintf("is in use by another devnode (process %d): stop it first", os.Getpid()))
	require.Contains(t, text, filepath.Join(nodes[0].dir, "data"))
}

func TestAChangedGenesisIsRefused(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 2, 2, "")
	r := start(t, arguments(nodes...))
	code, stderr := r.stop()
	require.Zero(t, code, stderr)
	path := filepath.Join(nodes[0].dir, "config.genesis")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, "[tx]\ngas_limit=200000\n"...), 0o600))
	require.Contains(t, fails(t, arguments(nodes...)...), "another genesis")
}

func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 2, 1, "")
	first, second := nodes[0], nodes[1]

	text := fails(t, "-c", filepath.Join(first.dir, "none.ini"), "-g", filepath.Join(first.dir, "none.genesis"))
	require.Contains(t, text, "none.ini: cannot be read")
	require.Contains(t, text, "none.genesis: cannot be read")

	require.Contains(t, fails(t, arguments(first, second)...), "is no sealer in")
	require.Contains(t, fails(t, arguments(first, first)...), "are the same node")
	require.Contains(t, fails(t, "--nonsense"), "unknown flag: --nonsense")
	require.Contains(t, fails(t, "stray"), `unknown command "stray"`)

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	ini := filepath.Join(first.dir, "config.ini")
	good, err := os.ReadFile(ini)
	require.NoError(t, err)
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	require.NoError(t, os.WriteFile(ini, bytes.Replace(good, []byte("listen_port=0"), []byte("listen_port="+port), 1), 0o600))
	require.Contains(t, fails(t, arguments(first)...), "config.ini: [rpc] listen_port cannot be used")
	require.NoError(t, os.WriteFile(ini, good, 0o600))

	require.NoError(t, os.Remove(filepath.Join(first.dir, "conf", "ssl.key")))
	text = fails(t, arguments(first)...)
	require.Contains(t, text, "config.ini: [cert]")
	require.Contains(t, text, "ssl.key")
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string]string{
		"-v": "FISCO BCOS Version : 3.16.4\n", "--version": "FISCO BCOS Version : 3.16.4\n",
		"-h": "--genesis", "--help": "--config",
	} {
		var stdout, stderr bytes.Buffer
		require.Zero(t, run(t.Context(), []string{flag}, &stdout, &stderr), flag)
		require.Contains(t, stdout.String(), want)
		require.Empty(t, stderr.String())
	}
}
