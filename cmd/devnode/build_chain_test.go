//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain/nodeconf"
	"github.com/bcosgate/bcosgate/internal/golden"
)

// roleVariable makes the test's own binary another program, so that the scripts
// are tried with real processes and nothing has to be built for it.
const roleVariable = "DEVNODE_TEST_ROLE"

// environment makes this binary play a role. With the race detector a program
// waits a second at its end unless told otherwise, and the scripts start many.
func environment(role string, more ...string) []string {
	return append(append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0"), more...)
}

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "devnode":
		main()
	case "node": // a node program that is not ours
		if slices.Contains(os.Args, "--version") {
			fmt.Println("FISCO BCOS Version : 3.16.4")
			return
		}
		if _, err := nodeconf.ReadNode(os.Args[2]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("started with", os.Args[1:])
		<-stop
	default:
		os.Exit(m.Run())
	}
}

func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	return root
}

// self is this test's binary, to be given to -e.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// script runs a shell script in dir, with this binary playing the given role,
// and returns what it printed and its exit code.
func script(t *testing.T, role, shell, dir string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.Command(shell, args...)
	cmd.Dir = dir
	cmd.Env = environment(role, "GO=/no/such/go")
	out, err := cmd.CombinedOutput()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// shells are those that the scripts must run with and that are installed.
func shells() []string {
	found := []string{"sh"}
	for _, name := range []string{"dash", "bash"} {
		if _, err := exec.LookPath(name); err == nil {
			found = append(found, name)
		}
	}
	return found
}

// buildChain makes a chain with this binary as devnode and returns its folder.
func buildChain(t *testing.T, shell string, args ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "some chain")
	all := append([]string{filepath.Join(repository(t), "scripts", "build_chain.sh"), "-e", self(t), "-o", out}, args...)
	text, code := script(t, "devnode", shell, t.TempDir(), all...)
	require.Zero(t, code, text)
	return out
}

func TestBuildChainRefuses(t *testing.T) {
	t.Parallel()
	build := filepath.Join(repository(t), "scripts", "build_chain.sh")
	full := t.TempDir()
	plain := filepath.Join(full, "plain")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	tests := []struct {
		args string
		want string
	}{
		{"", "-l is required"},
		{"-l", "-l needs a value"},
		{"-l 127.0.0.1", "give an address and a number of nodes"},
		{"-l 127.0.0.1:0", "'0' is no number of nodes"},
		{"-l 127.0.0.1:four", "'four' is no number of nodes"},
		{"-l 127.0.0.1:04", "'04' is no number of nodes"},
		{"-l 256.0.0.1:1", "'256.0.0.1' is no IPv4 address"},
		{"-l 1.2.3:1", "'1.2.3' is no IPv4 address"},
		{"-l localhost:1", "'localhost' is no IPv4 address"},
		{"-l *:1", "'*' is no IPv4 address"},
		{"-l 127.0.0.1:1,127.0.0.1:1", "127.0.0.1 is named twice"},
		{"-l 127.0.0.1:1,", "an entry is empty"},
		{"-l 127.0.0.1:4 -p 20200", "give the first p2p and the first RPC port"},
		{"-l 127.0.0.1:4 -p 0,20200", "'0' is no port number"},
		{"-l 127.0.0.1:4 -p 30300,70000", "'70000' is no port number"},
		{"-l 127.0.0.1:4 -p 30300,20200,x", "'x' is no port number"},
		{"-l 127.0.0.1:4 -p 30300,20200,1,2", "'1,2' is no port number"},
		{"-l 127.0.0.1:4 -p 30300,65533", "need ports above 65535"},
		{"-l 127.0.0.1:4 -p 20203,20200", "overlap"},
		{"-l 127.0.0.1:1 -v 2.9.1", "a version looks like v3.16.0"},
		{"-l 127.0.0.1:1 -v v3.16", "a version looks like v3.16.0"},
		{"-l 127.0.0.1:1 -v v3.16.x", "a version looks like v3.16.0"},
		{"-l 127.0.0.1:1 -v v3.15.9 -e " + self(t), "development nodes behave as 3.16.0 and later"},
		{"-l 127.0.0.1:1 -g group/0", "a group id has letters"},
		{"-l 127.0.0.1:1 -I chain-0", "a chain id has letters"},
		{"-l 127.0.0.1:1 -o " + full, "exists already: nothing was changed"},
		{"-l 127.0.0.1:1 -e /no/such/file", "there is no such file"},
		{"-l 127.0.0.1:1 -e " + plain, "not executable"},
		{"-l 127.0.0.1:1 -d " + full, "there is no ca.crt in this folder"},
		{"-l 127.0.0.1:1", "Go was not found"},
		{"-l 127.0.0.1:1 extra", "unexpected argument 'extra'"},
		{"-l 127.0.0.1:1 -a", "-a needs a value"},
		{"-l 127.0.0.1:1 -a 6370ef2f4db3611d657b90667de398a2cc2a370c", "an account is 0x and 40 hex digits"},
		{"-l 127.0.0.1:1 -a 0x6370ef2f4db3611d657b90667de398a2cc2a37zz", "an account is 0x and 40 hex digits"},
		{"-l 127.0.0.1:1 -w", "-w: WebAssembly"},
		{"-C expand", "-C: only a new chain"},
		{"-C", "-C: only a new chain"},
		{"-D", "-D: this option of the official script is not supported"},
		{"-q", "unknown option -q"},
		{"--groups x", "options have one letter"},
	}
	for _, shell := range shells() {
		for _, test := range tests {
			t.Run(shell+" "+test.args, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				text, code := script(t, "devnode", shell, dir, append([]string{build}, strings.Fields(test.args)...)...)
				require.Equal(t, 1, code, text)
				require.Contains(t, text, test.want)
				left, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Empty(t, left)
			})
		}
	}
}

func TestBuildChainHelp(t *testing.T) {
	t.Parallel()
	build := filepath.Join(repository(t), "scripts", "build_chain.sh")
	for _, flag := range []string{"-h", "--help"} {
		text, code := script(t, "devnode", "sh", t.TempDir(), build, flag)
		require.Zero(t, code, text)
		for _, want := range []string{"-l IP:N", "-p ", "-o ", "-e ", "-g ", "-I ", "-v ", "-d ", "-s ", "Examples:"} {
			require.Contains(t, text, want)
		}
	}
}

// files lists everything below dir: path, mode and a digest of the content.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		digest := sha256.Sum256(data)
		list[relative] = info.Mode().String() + " " + hex.EncodeToString(digest[:])
		return err
	}))
	return list
}

func TestBuildChainLayout(t *testing.T) {
	t.Parallel()
	for _, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			dir := buildChain(t, shell, "-l", "127.0.0.1:3", "-p", "40300,30200,8545", "-g", "group1", "-I", "chain_1", "-v", "v3.16.4")
			requireLayout(t, dir, 3)
			requireConfiguration(t, dir, 3)
			requireCertificates(t, dir, 3)
		})
	}
}

func requireLayout(t *testing.T, dir string, nodes int) {
	t.Helper()
	private := regexp.MustCompile(`(ca|sdk|ssl)\.key$|\.pem$`)
	program := regexp.MustCompile(`\.sh$|/fisco-bcos$`)
	var got []string
	for path, description := range files(t, dir) {
		mode, _, _ := strings.Cut(description, " ")
		switch {
		case private.MatchString(path):
			require.Equal(t, "-rw-------", mode, path)
		case program.MatchString(path):
			require.Equal(t, "-rwxr-xr-x", mode, path)
		default:
			require.Equal(t, "-rw-r--r--", mode, path)
		}
		got = append(got, regexp.MustCompile(`0x[0-9a-f]{40}`).ReplaceAllString(path, "ADDRESS"))
	}
	var want []string
	for _, folder := range []string{"ca/", "127.0.0.1/ca/"} {
		for _, name := range []string{"ca.crt", "ca.key", "ca.srl", "cert.cnf", "accounts/ADDRESS.pem"} {
			want = append(want, folder+name)
		}
	}
	for _, name := range []string{"fisco-bcos", "start_all.sh", "stop_all.sh", "sdk/ca.crt", "sdk/cert.cnf", "sdk/sdk.crt", "sdk/sdk.key", "sdk/sdk.nodeid"} {
		want = append(want, "127.0.0.1/"+name)
	}
	for i := range nodes {
		for _, name := range []string{
			"config.ini", "config.genesis", "nodes.json", "start.sh", "stop.sh", "conf/ca.crt", "conf/cert.cnf",
			"conf/ssl.crt", "conf/ssl.key", "conf/ssl.nodeid", "conf/node.pem", "conf/node.nodeid",
		} {
			want = append(want, fmt.Sprintf("127.0.0.1/node%d/%s", i, name))
		}
	}
	require.ElementsMatch(t, want, got)
}

func requireConfiguration(t *testing.T, dir string, nodes int) {
	t.Helper()
	node := func(i int, name string) string {
		return filepath.Join(dir, "127.0.0.1", fmt.Sprintf("node%d", i), name)
	}
	genesisText, err := os.ReadFile(node(0, "config.genesis"))
	require.NoError(t, err)
	genesis, err := nodeconf.ReadGenesis(node(0, "config.genesis"))
	require.NoError(t, err)
	require.Equal(t, "chain_1", genesis.ChainID)
	require.Equal(t, "group1", genesis.GroupID)
	require.Equal(t, "3.16.4", genesis.Version)
	require.Regexp(t, `^0x[0-9a-f]{40}$`, genesis.AuthAdminAccount)
	require.FileExists(t, filepath.Join(dir, "ca", "accounts", genesis.AuthAdminAccount+".pem"))
	require.Len(t, genesis.Sealers, nodes)
	for i := range nodes {
		config, err := nodeconf.ReadNode(node(i, "config.ini"))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("127.0.0.1:%d", 30200+i), config.Listen)
		require.Equal(t, fmt.Sprintf("127.0.0.1:%d", 40300+i), config.P2PListen)
		require.True(t, config.TLS)
		require.Equal(t, node(i, "data"), config.DataDir)
		require.Equal(t, genesis.Sealers[i].NodeID(), config.NodeID)
		same, err := os.ReadFile(node(i, "config.genesis"))
		require.NoError(t, err)
		require.Equal(t, string(genesisText), string(same))
		peers, err := os.ReadFile(node(i, "nodes.json"))
		require.NoError(t, err)
		require.JSONEq(t, `{"nodes":["127.0.0.1:40300","127.0.0.1:40301","127.0.0.1:40302"]}`, string(peers))
	}
}

func requireCertificates(t *testing.T, dir string, nodes int) {
	t.Helper()
	serials := map[string]bool{}
	check := func(folder, name string) {
		at := func(file string) string { return filepath.Join(dir, "127.0.0.1", folder, file) }
		cert, _, err := certs.LoadTLSCert(certs.Files{CA: filepath.Join(dir, "ca", "ca.crt"), Cert: at(name + ".crt"), Key: at(name + ".key")})
		require.NoError(t, err)
		require.False(t, serials[cert.Leaf.SerialNumber.String()], "each identity has its own certificate")
		serials[cert.Leaf.SerialNumber.String()] = true
		own, err := os.ReadFile(at("ca.crt"))
		require.NoError(t, err)
		ca, err := os.ReadFile(filepath.Join(dir, "ca", "ca.crt"))
		require.NoError(t, err)
		require.Equal(t, ca, own)
	}
	check("sdk", "sdk")
	for i := range nodes {
		check(fmt.Sprintf("node%d/conf", i), "ssl")
	}
}

// TestConfigurationHasTheOfficialKeys compares with the files of a real chain,
// when the recordings are at hand.
func TestConfigurationHasTheOfficialKeys(t *testing.T) {
	t.Parallel()
	key := regexp.MustCompile(`(?m)^\s*(\[[a-z_0-9]+\]|[a-z_0-9]+ *(?:=))`)
	for template, official := range map[string]string{"config.ini": "std.ini", "config.genesis": "std.genesis"} {
		ours, err := os.ReadFile(filepath.Join(repository(t), "scripts", "build_chain", template))
		require.NoError(t, err)
		theirs, err := os.ReadFile(golden.Path(t, "config/"+official))
		require.NoError(t, err)
		normal := func(data []byte) []string {
			var keys []string
			for _, match := range key.FindAllSubmatch(data, -1) {
				keys = append(keys, string(bytes.ReplaceAll(match[1], []byte(" "), nil)))
			}
			return keys
		}
		require.Equal(t, normal(theirs), normal(ours), template)
	}
}

func TestBuildChainTwiceIsRefused(t *testing.T) {
	t.Parallel()
	dir := buildChain(t, "sh", "-l", "127.0.0.1:1")
	before := files(t, dir)
	text, code := script(t, "devnode", "sh", t.TempDir(), filepath.Join(repository(t), "scripts", "build_chain.sh"),
		"-l", "127.0.0.1:2", "-e", self(t), "-o", dir+"/")
	require.Equal(t, 1, code)
	require.Contains(t, text, "exists already: nothing was changed")
	require.Equal(t, before, files(t, dir))
}

func TestBuildChainWithAnExistingCA(t *testing.T) {
	t.Parallel()
	first := buildChain(t, "sh", "-l", "127.0.0.1:1")
	second := buildChain(t, "sh", "-l", "127.0.0.1:1", "-d", filepath.Join(first, "ca"))
	for _, name := range []string{"ca.crt", "ca.key"} {
		require.Equal(t, files(t, first)["ca/"+name], files(t, second)["ca/"+name])
	}
	requireLayout(t, second, 1)
	requireCertificates(t, second, 1)
}

// TestBuildChainCleansUp lets it fail half-way: nothing may be left, not even a
// folder that was made on the way to the output folder.
func TestBuildChainCleansUp(t *testing.T) {
	t.Parallel()
	chain := buildChain(t, "sh", "-l", "127.0.0.1:1")
	badCA := t.TempDir()
	for _, name := range []string{"ca.crt", "ca.key"} {
		data, err := os.ReadFile(filepath.Join(chain, "127.0.0.1", "sdk", strings.Replace(name, "ca.", "sdk.", 1)))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(badCA, name), data, 0o600))
	}
	dir := t.TempDir()
	text, code := script(t, "devnode", "sh", dir, filepath.Join(repository(t), "scripts", "build_chain.sh"),
		"-l", "127.0.0.1:1", "-e", self(t), "-d", badCA, "-o", "new/chain")
	require.Equal(t, 1, code)
	require.Contains(t, text, "is not a CA certificate")
	require.Contains(t, text, "a certificate could not be issued")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestBuildChainInterrupted stops it while it waits for the Go compiler.
func TestBuildChainInterrupted(t *testing.T) {
	t.Parallel()
	dir, tools := t.TempDir(), t.TempDir()
	pipe := filepath.Join(tools, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	compiler := filepath.Join(tools, "go")
	require.NoError(t, os.WriteFile(compiler, []byte("#!/bin/sh\necho started >'"+pipe+"'\nexec sleep 60\n"), 0o700))

	cmd := exec.Command("sh", filepath.Join(repository(t), "scripts", "build_chain.sh"), "-l", "127.0.0.1:1")
	cmd.Dir = dir
	cmd.Env = environment("", "GO="+compiler)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	started, err := os.ReadFile(pipe)
	require.NoError(t, err)
	require.Equal(t, "started\n", string(started))
	// As Ctrl-C at a terminal does: to the whole group.
	require.NoError(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestBuildChainCallsGo: without -e the program is built from the repository,
// wherever the script is called from; with cgo where there is a C compiler that
// works, unless CGO_ENABLED says no.
func TestBuildChainCallsGo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environment []string
		builds      string // values of CGO_ENABLED, one a line
	}{
		"C compiler":              {[]string{"CC=sh"}, "1\n"},
		"no C compiler":           {[]string{"CC=/no/such/cc"}, "0\n"},
		"C compiler fails":        {[]string{"CC=sh", "FAILS=1"}, "1\n0\n"},
		"C compiler not wanted":   {[]string{"CC=sh", "CGO_ENABLED=0"}, "0\n"},
		"C compiler is asked for": {[]string{"CC=sh", "CGO_ENABLED=1"}, "1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, tools := t.TempDir(), t.TempDir()
			compiler, builds := filepath.Join(tools, "go"), filepath.Join(tools, "builds")
			require.NoError(t, os.WriteFile(compiler, []byte(`#!/bin/sh
echo "$CGO_ENABLED" >>"$BUILDS"
[ "$CGO_ENABLED" != "$FAILS" ] && [ -f go.mod ] && [ "$1" = build ] || exit 1
while [ $# -gt 2 ]; do [ "$1" != -o ] || out=$2; shift; done
[ -f "$2/main.go" ] || exit 1
exec cp "$SELF" "$out"
`), 0o700))
			cmd := exec.Command("sh", filepath.Join(repository(t), "scripts", "build_chain.sh"), "-l", "127.0.0.1:1")
			cmd.Dir = dir
			cmd.Env = append(environment("devnode", "GO="+compiler, "SELF="+self(t), "BUILDS="+builds), tc.environment...)
			text, err := cmd.CombinedOutput()
			require.NoError(t, err, string(text))
			requireLayout(t, filepath.Join(dir, "nodes"), 1)
			require.Contains(t, string(text), "sh nodes/127.0.0.1/start_all.sh")
			require.Contains(t, string(text), "curl --cacert nodes/127.0.0.1/sdk/ca.crt")
			tried, err := os.ReadFile(builds)
			require.NoError(t, err)
			require.Equal(t, tc.builds, string(tried))
		})
	}
}
