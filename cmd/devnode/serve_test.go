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

// patience is how long a test waits for what must come; long enough for a machine
// that has much else to do.
const patience = time.Minute

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
	var peers []string
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
		peers = append(peers, freeAddress(t))
		_, port, err := net.SplitHostPort(peers[i])
		require.NoError(t, err)
		write(filepath.Join(dir, "config.ini"), []byte("[rpc]\nlisten_ip=127.0.0.1\nlisten_port=0\n[p2p]\nlisten_ip=127.0.0.1\nlisten_port="+port+"\n"+
			"[cert]\nca_path=conf\n[consensus]\nmin_seal_time=0\n"+ini))
		if i < sealers {
			genesis += fmt.Sprintf("node.%d=%s: 1\n", i, key.NodeID())
		}
		nodes = append(nodes, nodeFolder{dir, key.NodeID()})
	}
	for _, node := range nodes {
		write(filepath.Join(node.dir, "config.genesis"), []byte(genesis))
		write(filepath.Join(node.dir, "nodes.json"), []byte(`{"nodes":["`+strings.Join(peers, `","`)+`"]}`))
	}
	conf := filepath.Join(nodes[0].dir, "conf")
	cert, roots, err := certs.LoadTLSCert(certs.Files{
		CA: filepath.Join(conf, "ca.crt"), Cert: filepath.Join(conf, "ssl.crt"), Key: filepath.Join(conf, "ssl.key"),
	})
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: certs.ClientConfig(cert, roots)}
	t.Cleanup(transport.CloseIdleConnections)
	return nodes, &http.Client{Transport: transport, Timeout: patience}
}

// freeAddress is an address that nobody listens on just now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func arguments(node nodeFolder) []string {
	return []string{"-g", filepath.Join(node.dir, "config.genesis"), "-c", filepath.Join(node.dir, "config.ini")}
}

// running is a devnode in this process.
type running struct {
	url     string
	control string // address of the control endpoint, if there is one
	web3    []string
	stop    func() (code int, stderr string)
}

// start runs devnode until stop, or the end of the test. It returns when the RPC
// port is open.
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
		r.url = m[1]
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

func TestNodesOfAChainKnowEachOther(t *testing.T) {
	t.Parallel()
	nodes, client := folders(t, 3, 3, "[log]\nlevel=debug\n")
	var urls []string
	var last running
	for _, node := range nodes {
		last = start(t, arguments(node))
		urls = append(urls, last.url)
	}
	for i, url := range urls {
		require.True(t, strings.HasPrefix(url, "https://"))
		require.Equal(t, `{"id":1,"jsonrpc":"2.0","result":0}`, ask(t, client, url, "getBlockNumber"))
		require.Contains(t, ask(t, client, url, "getGroupInfo"), `"name":"`+nodes[i].id+`"`)
		require.Equal(t, 3, strings.Count(ask(t, client, url, "getSealerList"), "termWeight"))
		require.Eventually(t, func() bool { return strings.Count(ask(t, client, url, "getGroupPeers"), ",") == 4 },
			patience, 10*time.Millisecond, "it finds both others")
		require.Equal(t, 3, strings.Count(ask(t, client, url, "getPeers"), `"p2pNodeID":"3082010a`))
	}
	_, err := (&http.Client{Timeout: 5 * time.Second}).Post(urls[0], "", nil)
	require.Error(t, err, "nobody comes in without a certificate")

	code, stderr := last.stop()
	require.Zero(t, code, stderr)
	require.FileExists(t, filepath.Join(nodes[2].dir, "log", "devnode.log"))
	require.DirExists(t, filepath.Join(nodes[2].dir, "data"))
	require.NoFileExists(t, filepath.Join(nodes[2].dir, "data", "devnode.pid"))
	require.Eventually(t, func() bool { return strings.Count(ask(t, client, urls[0], "getGroupPeers"), ",") == 3 },
		patience, 10*time.Millisecond, "the others know that it is gone")
}

func TestOneOfSeveralSealersStartsAlone(t *testing.T) {
	t.Parallel()
	nodes, client := folders(t, 4, 4, "")
	r := start(t, arguments(nodes[2]))
	require.Equal(t, 4, strings.Count(ask(t, client, r.url, "getSealerList"), "termWeight"))
	require.Contains(t, ask(t, client, r.url, "getPeers"), `"peers":[]`)
}

func TestAPlainPortAndAnotherDataFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "ledger")
	nodes, _ := folders(t, 1, 1, "[rpc]\nenable_ssl=false\n[storage]\ndata_path="+data+"\n[log]\nenable=false\n")
	for range 2 { // it can be started again
		r := start(t, arguments(nodes[0]))
		require.True(t, strings.HasPrefix(r.url, "http://"))
		require.Contains(t, ask(t, http.DefaultClient, r.url, "getBlockHashByNumber"), `"result":"0x`)
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
	start(t, arguments(nodes[0]))
	text := fails(t, arguments(nodes[0])...)
	require.Contains(t, text, fmt.Sprintf("is in use by another devnode (process %d): stop it first", os.Getpid()))
	require.Contains(t, text, filepath.Join(nodes[0].dir, "data"))
}

func TestAChangedGenesisIsRefused(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 2, 2, "")
	r := start(t, arguments(nodes[0]))
	code, stderr := r.stop()
	require.Zero(t, code, stderr)
	path := filepath.Join(nodes[0].dir, "config.genesis")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(text, "[tx]\ngas_limit=200000\n"...), 0o600))
	require.Contains(t, fails(t, arguments(nodes[0])...), "another genesis")
}

func TestWhatIsWrongIsSaidWithItsPlace(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 2, 1, "")
	first, second := nodes[0], nodes[1]

	text := fails(t, "-c", filepath.Join(first.dir, "none.ini"), "-g", filepath.Join(first.dir, "none.genesis"))
	require.Contains(t, text, "none.ini: cannot be read")
	require.Contains(t, text, "none.genesis: cannot be read")

	require.Contains(t, fails(t, arguments(second)...), "is no sealer in")
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

func TestWhatIsWrongWithOtherNodesIsSaid(t *testing.T) {
	t.Parallel()
	nodes, _ := folders(t, 2, 2, "")
	start(t, arguments(nodes[0]))
	ini, list := filepath.Join(nodes[1].dir, "config.ini"), filepath.Join(nodes[1].dir, "nodes.json")
	good, err := os.ReadFile(ini)
	require.NoError(t, err)
	peers, err := os.ReadFile(list)
	require.NoError(t, err)

	taken := regexp.MustCompile(`127.0.0.1:(\d+)`).FindSubmatch(peers)[1]
	changed := regexp.MustCompile(`\[p2p\]\nlisten_ip=127.0.0.1\nlisten_port=\d+`).ReplaceAll(good, append([]byte("[p2p]\nlisten_ip=127.0.0.1\nlisten_port="), taken...))
	require.NoError(t, os.WriteFile(ini, changed, 0o600))
	require.Contains(t, fails(t, arguments(nodes[1])...), "config.ini: [p2p] listen_port cannot be used")
	require.NoError(t, os.WriteFile(ini, good, 0o600))

	require.NoError(t, os.WriteFile(list, []byte(`{"nodes":["nowhere"]}`), 0o600))
	require.Contains(t, fails(t, arguments(nodes[1])...), "nodes_file")
	require.NoError(t, os.Remove(list))
	require.Contains(t, fails(t, arguments(nodes[1])...), "names no node")
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
