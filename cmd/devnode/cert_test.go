package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/devchain/suite"
)

func devnode(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, faults bytes.Buffer
	code = run(context.Background(), args, &out, &faults)
	return out.String(), faults.String(), code
}

func TestCertCommandsMakeAChainsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, sdk, conf := filepath.Join(dir, "ca"), filepath.Join(dir, "sdk"), filepath.Join(dir, "node", "conf")
	for _, args := range [][]string{
		{"cert", "ca", "--out", ca},
		{"cert", "issue", "--ca", ca, "--name", "sdk", "--out", sdk},
		{"cert", "issue", "--ca", ca, "--name", "ssl", "--out", conf},
	} {
		_, stderr, code := devnode(t, args...)
		require.Zero(t, code, stderr)
	}
	for _, f := range []certs.Files{
		{CA: filepath.Join(ca, "ca.crt"), Cert: filepath.Join(sdk, "sdk.crt"), Key: filepath.Join(sdk, "sdk.key")},
		{CA: filepath.Join(sdk, "ca.crt"), Cert: filepath.Join(conf, "ssl.crt"), Key: filepath.Join(conf, "ssl.key")},
	} {
		_, _, err := certs.LoadTLSCert(f)
		require.NoError(t, err)
	}

	stdout, stderr, code := devnode(t, "cert", "node-key", "--out", conf)
	require.Zero(t, code, stderr)
	data, err := os.ReadFile(filepath.Join(conf, "node.pem"))
	require.NoError(t, err)
	key, err := suite.ParsePEM(data)
	require.NoError(t, err, "the node reads the key that was made")
	require.Equal(t, key.NodeID()+"\n", stdout)
	id, err := os.ReadFile(filepath.Join(conf, "node.nodeid"))
	require.NoError(t, err)
	require.Equal(t, stdout, string(id))

	stdout, stderr, code = devnode(t, "cert", "account", "--out", filepath.Join(ca, "accounts"))
	require.Zero(t, code, stderr)
	require.Regexp(t, `^0x[0-9a-f]{40}\n$`, stdout)
	require.FileExists(t, filepath.Join(ca, "accounts", stdout[:42]+".pem"))
}

func TestCertCommandsRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca")
	_, stderr, code := devnode(t, "cert", "ca", "--out", ca)
	require.Zero(t, code, stderr)
	before, err := os.ReadFile(filepath.Join(ca, "ca.key"))
	require.NoError(t, err)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	tests := []struct {
		name string
		args []string
		want string
	}{
		{"over existing files", []string{"ca", "--out", ca}, "exists already: nothing was written"},
		{"no folder", []string{"ca"}, `"out" not set`},
		{"a file for a folder", []string{"ca", "--out", file}, "file"},
		{"no CA", []string{"issue", "--out", dir}, `"ca" not set`},
		{"a folder without CA", []string{"issue", "--ca", dir, "--out", dir}, "ca.crt: the file does not exist"},
		{"a name with a slash", []string{"issue", "--ca", ca, "--name", "a/b", "--out", dir}, `--name "a/b"`},
		{"the CA's own name", []string{"issue", "--ca", ca, "--name", "ca", "--out", dir}, `--name "ca"`},
		{"an unknown command", []string{"sign"}, "unknown command"},
		{"an argument too much", []string{"ca", "x", "--out", dir}, "unknown command"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, stderr, code := devnode(t, append([]string{"cert"}, test.args...)...)
			require.Equal(t, 1, code)
			require.Contains(t, stderr, test.want)
		})
	}
	after, err := os.ReadFile(filepath.Join(ca, "ca.key"))
	require.NoError(t, err)
	require.Equal(t, before, after)
}
