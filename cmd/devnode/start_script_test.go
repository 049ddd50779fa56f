//go:build unix

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
)

// startable makes a chain whose nodes listen on ports that are free, and makes
// sure that it is stopped at the end. It returns the folder with start_all.sh.
// RPC ports are chosen by the system.
func startable(t *testing.T, nodes int, options ...string) string {
	t.Helper()
	home := filepath.Join(buildChain(t, "sh", append([]string{"-l", fmt.Sprintf("127.0.0.1:%d", nodes)}, options...)...), "127.0.0.1")
	var peers []string
	for i := range nodes {
		peers = append(peers, freeAddress(t))
		_, p2p, err := net.SplitHostPort(peers[i])
		require.NoError(t, err)
		edit(t, filepath.Join(home, fmt.Sprintf("node%d", i), "config.ini"),
			fmt.Sprintf("listen_port=%d", 20200+i), "listen_port=0", fmt.Sprintf("listen_port=%d", 30300+i), "listen_port="+p2p)
	}
	for i := range nodes {
		text := `{"nodes":["` + strings.Join(peers, `","`) + `"]}`
		require.NoError(t, os.WriteFile(filepath.Join(home, fmt.Sprintf("node%d", i), "nodes.json"), []byte(text), 0o600))
	}
	t.Cleanup(func() {
		text, code := script(t, "devnode", "sh", "/", filepath.Join(home, "stop_all.sh"))
		require.Zero(t, code, text)
	})
	return home
}

// edit replaces texts in a file, which must be there, by the text after each.
func edit(t *testing.T, path string, pairs ...string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(data)
	for i := 0; i < len(pairs); i += 2 {
		require.Contains(t, text, pairs[i])
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func runScript(t *testing.T, home, name string) (string, int) {
	t.Helper()
	return script(t, "devnode", "sh", "/", filepath.Join(home, name))
}

// address is the port that the nohup.out of a node names.
func address(t *testing.T, home string, node int) string {
	t.Helper()
	out, err := os.ReadFile(filepath.Join(home, fmt.Sprintf("node%d", node), "nohup.out"))
	require.NoError(t, err)
	match := regexp.MustCompile(`listening on https?://(\S+)`).FindSubmatch(out)
	require.NotNil(t, match, string(out))
	return string(match[1])
}

func client(t *testing.T, home string) *http.Client {
	t.Helper()
	sdk := filepath.Join(home, "sdk")
	cert, roots, err := certs.LoadTLSCert(certs.Files{CA: filepath.Join(sdk, "ca.crt"), Cert: filepath.Join(sdk, "sdk.crt"), Key: filepath.Join(sdk, "sdk.key")})
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: certs.ClientConfig(cert, roots)}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func requireBlockNumber(t *testing.T, c *http.Client, address string) {
	t.Helper()
	answer, err := c.Post("https://"+address, "application/json",
		strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"getBlockNumber","params":["group0",""]}`))
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"jsonrpc":"2.0","id":1,"result":0}`, string(body))
}

func readPID(t *testing.T, home string, node int) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(home, fmt.Sprintf("node%d", node), "node.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	require.NoError(t, err)
	return pid
}

func TestChainStartsAnswersAndStops(t *testing.T) {
	t.Parallel()
	home := startable(t, 4)

	text, code := runScript(t, home, "node2/start.sh") // without the others
	require.Zero(t, code, text)
	require.Contains(t, text, "node2 is started")
	c := client(t, home)
	requireBlockNumber(t, c, address(t, home, 2))
	_, err := tls.Dial("tcp", address(t, home, 2), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	require.ErrorContains(t, err, "handshake failure", "a client without a certificate is refused")

	pid := readPID(t, home, 2)
	text, code = runScript(t, home, "start_all.sh")
	require.Zero(t, code, text)
	require.Contains(t, text, fmt.Sprintf("node2 is running already (pid %d)", pid))
	require.Equal(t, 3, strings.Count(text, "is started"), text)
	require.Equal(t, pid, readPID(t, home, 2))
	for i := range 4 {
		requireBlockNumber(t, c, address(t, home, i))
	}

	text, code = runScript(t, home, "node2/stop.sh")
	require.Zero(t, code, text)
	require.Contains(t, text, "node2 is stopped")
	require.True(t, hasEnded(pid))
	require.NoFileExists(t, filepath.Join(home, "node2", "node.pid"))
	out, err := os.ReadFile(filepath.Join(home, "node2", "nohup.out"))
	require.NoError(t, err)
	require.Contains(t, string(out), "devnode stopped", "it ended gracefully")
	requireBlockNumber(t, c, address(t, home, 0))

	text, code = runScript(t, home, "stop_all.sh")
	require.Zero(t, code, text)
	require.Equal(t, 3, strings.Count(text, "is stopped"), text)
	require.Contains(t, text, "node2 is not running")
}

func TestANodeStartsAgainAfterKill(t *testing.T) {
	t.Parallel()
	home := startable(t, 1)
	text, code := runScript(t, home, "node0/start.sh")
	require.Zero(t, code, text)
	first := readPID(t, home, 0)
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	require.Eventually(t, func() bool { return hasEnded(first) }, patience, 10*time.Millisecond)

	text, code = runScript(t, home, "start_all.sh")
	require.Zero(t, code, text)
	require.Contains(t, text, "is started")
	require.NotEqual(t, first, readPID(t, home, 0))
	requireBlockNumber(t, client(t, home), address(t, home, 0))
	require.FileExists(t, filepath.Join(home, "node0", "nohup.out.1"), "what the first one printed is kept")
}

// hasEnded is also true for a process that keeps its number because nobody
// waits for orphans, as in some containers: it has no command line any more.
func hasEnded(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return syscall.Kill(pid, 0) != nil || err == nil && len(data) == 0
}

func TestAProcessThatIsNotOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	home := startable(t, 1)
	stranger := exec.Command("sleep", "60")
	require.NoError(t, stranger.Start())
	t.Cleanup(func() { stranger.Process.Kill(); stranger.Wait() })
	pidFile := filepath.Join(home, "node0", "node.pid")
	for _, content := range []string{strconv.Itoa(stranger.Process.Pid), "", "rubbish", "-1"} {
		require.NoError(t, os.WriteFile(pidFile, []byte(content+"\n"), 0o600))
		text, code := runScript(t, home, "stop_all.sh")
		require.Zero(t, code, text)
		require.Contains(t, text, "node0 is not running")
	}
	require.NoError(t, stranger.Process.Signal(syscall.Signal(0)))

	require.NoError(t, os.WriteFile(pidFile, []byte(strconv.Itoa(stranger.Process.Pid)), 0o600))
	text, code := runScript(t, home, "start_all.sh")
	require.Zero(t, code, text)
	require.Contains(t, text, "is started")
}

func TestScriptsAtTheSameTimeStartOneProcess(t *testing.T) {
	t.Parallel()
	home := startable(t, 1)
	texts, codes := make([]string, 4), make([]int, 4)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { texts[i], codes[i] = runScript(t, home, "node0/start.sh") })
	}
	all.Wait()
	require.Equal(t, make([]int, 4), codes, "%q", texts)
	together := strings.Join(texts, "")
	require.Equal(t, 1, strings.Count(together, "is started"), together)
	require.Equal(t, 3, strings.Count(together, "is running already"), together)
}

func TestAPortInUseIsSaid(t *testing.T) {
	t.Parallel()
	home := startable(t, 2)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	edit(t, filepath.Join(home, "node1", "config.ini"), "listen_port=0", "listen_port="+port)

	text, code := runScript(t, home, "start_all.sh")
	require.Equal(t, 1, code, text)
	require.Contains(t, text, "node0 is started")
	require.Contains(t, text, "node1 did not start")
	require.Contains(t, text, "node1/config.ini")
	require.Contains(t, text, "address already in use")
	require.NoFileExists(t, filepath.Join(home, "node1", "node.pid"))
}

// TestRealNodeProgram: with -e of another program each node is a process of its
// own, started and stopped by itself.
func TestRealNodeProgram(t *testing.T) {
	t.Parallel()
	dir, tools := t.TempDir(), t.TempDir()
	// The certificates are made by devnode all the same; here its build is this binary.
	compiler := filepath.Join(tools, "go")
	require.NoError(t, os.WriteFile(compiler, []byte(`#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" != -o ] || out=$2; shift; done
printf '#!/bin/sh\nexport `+roleVariable+`=devnode\nexec "`+self(t)+`" "$@"\n' >"$out"
chmod 700 "$out"
`), 0o700))
	cmd := exec.Command("sh", filepath.Join(repository(t), "scripts", "build_chain.sh"),
		"-l", "127.0.0.1:2,127.0.0.2:1", "-e", self(t), "-v", "v3.16.4")
	cmd.Dir = dir
	cmd.Env = environment("node", "GO="+compiler)
	text, err := cmd.CombinedOutput()
	require.NoError(t, err, string(text))
	for _, node := range []string{"127.0.0.1/node0", "127.0.0.1/node1", "127.0.0.2/node0"} {
		peers, err := os.ReadFile(filepath.Join(dir, "nodes", node, "nodes.json"))
		require.NoError(t, err)
		require.JSONEq(t, `{"nodes":["127.0.0.1:30300","127.0.0.1:30301","127.0.0.2:30300"]}`, string(peers))
	}

	home := filepath.Join(dir, "nodes", "127.0.0.1")
	asNode := func(name string) (string, int) { return script(t, "node", "sh", "/", filepath.Join(home, name)) }
	t.Cleanup(func() { asNode("stop_all.sh") })
	out, code := asNode("start_all.sh")
	require.Zero(t, code, out)
	require.Contains(t, out, "node0 is started")
	require.Contains(t, out, "node1 is started")
	out, code = asNode("node0/start.sh")
	require.Zero(t, code, out)
	require.Contains(t, out, "node0 is running already")
	printed, err := os.ReadFile(filepath.Join(home, "node0", "nohup.out"))
	require.NoError(t, err)
	require.Contains(t, string(printed), "started with [-c config.ini -g config.genesis]")

	out, code = asNode("node0/stop.sh")
	require.Zero(t, code, out)
	require.Contains(t, out, "node0 is stopped")
	out, code = asNode("node1/start.sh")
	require.Zero(t, code, out)
	require.Contains(t, out, "node1 is running already", "the other one lives on")
	out, code = asNode("stop_all.sh")
	require.Zero(t, code, out)
	require.Contains(t, out, "node0 is not running")
	require.Contains(t, out, "node1 is stopped")

	require.NoError(t, os.Remove(filepath.Join(home, "node1", "conf", "node.pem")))
	out, code = asNode("node1/start.sh")
	require.Equal(t, 1, code)
	require.Contains(t, out, "node1 did not start")
	require.Contains(t, out, "node.pem")
}
