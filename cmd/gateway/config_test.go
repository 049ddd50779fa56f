package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
)

// command runs one command line to its end.
func command(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	stdout, stderr := newBuffer(), newBuffer()
	code = execute(t.Context(), args, stdout, stderr)
	return code, stdout.String(), stderr.String()
}

func TestConfigCheckListsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Second)
	code, out, text := command(t, "config", "check", "--config", w.path("gateway.yaml"))
	require.Equal(t, exitOK, code, text)
	require.Contains(t, out, "1 targets, 1 accounts")
	require.NoFileExists(t, w.path("account.pem"), "a check makes nothing")
	require.NoDirExists(t, w.path("store"))

	w.write("gateway.yaml", w.config("  body_limit: -3\n  colour: red\n  token_file: nothing.txt"))
	code, out, text = command(t, "config", "check", "--config", w.path("gateway.yaml"), "--log-level", "loud")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	for _, key := range []string{"http.body_limit", "http.colour", "http.token_file", "log.level (from --log-level)"} {
		require.Contains(t, text, key)
	}

	w.write("tokens.txt", "alice:short\n")
	w.write("account.pem", "no key\n")
	w.write("sdk.key", "no key\n")
	w.write("gateway.yaml", w.config("  token_file: tokens.txt\n  tls:\n    cert: ssl.crt\n    key: ca.crt"))
	code, _, text = command(t, "config", "check", "--config", w.path("gateway.yaml"))
	require.Equal(t, exitFailed, code)
	for _, want := range []string{"tokens.txt", "http.tls", "account default", "target main"} {
		require.Contains(t, text, want, "files are read, too, and all of them")
	}
	require.NotContains(t, text, "short\n", "a token is never shown")

	w.write("password.txt", "\n")
	w.write("gateway.yaml", strings.Replace(w.config(""), "nodes: ["+strings.Join(w.net.Nodes, ", ")+"]",
		"discovery: {etcd: {endpoints: ['127.0.0.1:1'], prefix: /nodes/, username: gateway, password_file: password.txt}}", 1))
	code, _, text = command(t, "config", "check", "--config", w.path("gateway.yaml"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "password.txt has an empty first line")

	code, _, text = command(t, "config", "check", "--config", w.path("nowhere.yaml"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "nowhere.yaml")
}

func TestHelpHasExamplesAndExitCodes(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"config", "--help"}, {"config", "check", "--help"}, {"version", "--help"},
		{"node", "--help"}, {"node", "list", "--help"}, {"node", "cordon", "--help"}, {"node", "uncordon", "--help"}} {
		code, out, text := command(t, args...)
		require.Equal(t, exitOK, code)
		require.Empty(t, text)
		require.Contains(t, out, "Examples:", args)
	}
	_, out, _ := command(t)
	require.Contains(t, out, "Exit codes: 0")
	_, out, _ = command(t, "serve", "--help")
	for _, flag := range []string{"--config", "--http-listen", "--store-path", "--log-level", "--http-token-file"} {
		require.Contains(t, out, flag)
	}
	code, _, text := command(t, "server")
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "unknown command")
	code, out, _ = command(t, "version")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `^gateway \S+ .*go1\.\d+`, out)
}

func TestMutualTLSAndTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond)
	w.write("tokens.txt", "alice:0123456789abcdef\n")
	w.write("gateway.yaml", w.config("  token_file: tokens.txt\n  tls:\n    cert: ssl.crt\n    key: ssl.key\n    client_ca: ca.crt"))
	s := w.run()
	require.True(t, strings.HasPrefix(s.url, "https://"))
	cert, roots, err := certs.LoadTLSCert(certs.Files{CA: w.path("ca.crt"), Cert: w.path("sdk.crt"), Key: w.path("sdk.key")})
	require.NoError(t, err)
	get := func(security *tls.Config, token string) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: security, DisableKeepAlives: true}}
		req, err := http.NewRequest(http.MethodGet, s.url+"/v1/jobs", nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return resp, err
	}
	stranger := certs.ClientConfig(cert, roots)
	stranger.Certificates = nil
	_, err = get(stranger, "0123456789abcdef")
	require.Error(t, err, "nobody comes in without a certificate")
	known := certs.ClientConfig(cert, roots)
	resp, err := get(known, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	resp, err = get(known, "0123456789abcdef")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NotContains(t, s.err.String(), "0123456789abcdef")
	require.Equal(t, exitOK, s.stop())
}

func TestEnvironmentAndJSONLog(t *testing.T) {
	w := newWorld(t, 20*time.Millisecond)
	t.Setenv("BCOSGATE_LOG_FORMAT", "json")
	t.Setenv("BCOSGATE_STORE_PATH", w.path("from-environment.db"))
	s := w.run()
	require.Equal(t, exitOK, s.stop())
	require.FileExists(t, w.path("from-environment.db"))
	for line := range strings.Lines(s.err.String()) {
		require.True(t, strings.HasPrefix(line, "{"), line)
	}
	key, err := os.ReadFile(w.path("account.pem"))
	require.NoError(t, err)
	require.NotContains(t, s.err.String(), strings.Split(string(key), "\n")[1], "a key is never logged")
	require.Contains(t, s.err.String(), fmt.Sprintf(`"file":%q`, w.path("account.pem")))
}
