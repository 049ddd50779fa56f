package rpc

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHTTPAnswersEveryMethodPathAndContentType(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	const body = `{"jsonrpc":"2.0","id":1,"method":"getBlockNumber","params":["group0",""]}`
	for _, c := range []struct{ method, path, kind, body, want string }{
		{"POST", "/", "application/json", body, `{"id":1,"jsonrpc":"2.0","result":0}`},
		{"POST", "/some/path?x=1", "text/plain", body, `{"id":1,"jsonrpc":"2.0","result":0}`},
		{"GET", "/", "", body, `{"id":1,"jsonrpc":"2.0","result":0}`},
		{"PUT", "/", "", "", invalidAnswer},
		{"GET", "/", "", "", invalidAnswer},
	} {
		req, err := http.NewRequest(c.method, e.url()+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		if c.kind != "" {
			req.Header.Set("Content-Type", c.kind)
		}
		res, err := e.client().Do(req)
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, c.want, string(got), "%s %s", c.method, c.path)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "application/json", res.Header.Get("Content-Type"))
		require.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, int64(len(c.want)), res.ContentLength)
	}
}

func TestOptionsIsAnsweredWithoutContent(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	req, err := http.NewRequest(http.MethodOptions, e.url(), nil)
	require.NoError(t, err)
	req.Header.Set("Origin", "http://example.org")
	res, err := e.client().Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":      "*",
		"Access-Control-Allow-Methods":     "GET, POST, OPTIONS",
		"Access-Control-Allow-Headers":     "Content-Type, Authorization, X-Requested-With",
		"Access-Control-Max-Age":           "86400",
		"Access-Control-Allow-Credentials": "true",
	} {
		require.Equal(t, want, res.Header.Get(name), name)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	conn, err := net.Dial("tcp", e.address)
	require.NoError(t, err)
	defer conn.Close()
	var all bytes.Buffer
	for i := range 18 {
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"getBlockNumber","params":["group0",""]}`, i)
		fmt.Fprintf(&all, "POST / HTTP/1.1\r\nHost: node\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	_, err = conn.Write(all.Bytes())
	require.NoError(t, err)
	answers := bufio.NewReader(conn)
	for i := range 18 {
		res, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf(`{"id":%d,"jsonrpc":"2.0","result":0}`, i), string(got))
	}
}

func TestBodyOverTheLimitEndsTheConnectionWithoutAnswer(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	for name, length := range map[string]string{
		"announced":     fmt.Sprintf("Content-Length: %d", maxMessage+1),
		"four GiB":      "Content-Length: 4294967296",
		"not announced": "Transfer-Encoding: chunked",
	} {
		conn, err := net.Dial("tcp", e.address)
		require.NoError(t, err)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: node\r\n%s\r\n\r\n", length)
		if name == "not announced" {
			chunk := "100000\r\n" + strings.Repeat("x", 1<<20) + "\r\n"
			for range 33 {
				if _, err := io.WriteString(conn, chunk); err != nil {
					break // it does not listen any more
				}
			}
		}
		answer, _ := io.ReadAll(conn) // an end or a reset
		require.Empty(t, string(answer), name)
		require.NoError(t, conn.Close())
	}
	require.Equal(t, "0", e.result("getBlockNumber", "group0", ""), "others are served")
}

func TestALargeBodyBelowTheLimitIsAnswered(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	require.Equal(t, invalidAnswer, e.post(strings.Repeat("x", maxMessage)))
}

func TestTLSIsMutualAndVersion12(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	cert := ca.issue(t)
	e := newWorld(t, 1, -1).endpoint(func(cfg *Config) { cfg.TLS = ca.server(ca.issue(t)) })

	e.tls = ca.client(cert)
	require.Equal(t, "0", e.result("getBlockNumber", "group0", ""))
	p := e.dial()
	require.Equal(t, `{"id":1,"jsonrpc":"2.0","result":0}`, p.call("getBlockNumber", "group0", ""))

	newest := ca.client(cert)
	newest.MinVersion, newest.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	for name, cfg := range map[string]*tls.Config{
		"no certificate":            ca.client(),
		"certificate of another CA": ca.client(stranger.issue(t)),
		"TLS 1.3 only":              newest,
	} {
		refused := &endpoint{t: t, address: e.address, tls: cfg}
		_, err := refused.client().Post(refused.url(), "", nil)
		require.Error(t, err, name)
	}

	plain := &endpoint{t: t, address: e.address}
	res, err := plain.client().Post(plain.url(), "", nil)
	if err == nil { // the TLS layer may say what is wrong, but nothing is served
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
	}
}

func TestStopAnswersTheRequestInWorkAndEndsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, -1)
	require.NoError(t, w.chain.SetSealing(t.Context(), false)) // until the stop has begun
	e := w.endpoint(nil)
	p := e.dial()
	raw, other := w.signed(nil, unhex(t, emitterInit), ""), w.signed(nil, unhex(t, emitterInit), "")
	overHTTP := make(chan string, 1)
	go func() { overHTTP <- e.post(rpcText("sendTransaction", "group0", "", raw, false)) }()
	p.ask(typeRPC, rpcText("sendTransaction", "group0", "", other, false))
	require.Eventually(t, func() bool { return w.chain.PendingCount() == 2 }, patience, time.Millisecond)

	fresh, err := net.Dial("tcp", e.address) // never asks anything
	require.NoError(t, err)
	defer fresh.Close()

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- e.server.Stop(ctx) }()
	<-e.server.ending
	require.NoError(t, w.chain.SetSealing(ctx, true))
	require.NoError(t, <-stopped)
	require.Contains(t, <-overHTTP, `"status":0`)
	require.Contains(t, string(p.next(typeReply).Payload), `"status":0`)
	p.ended()
	_, err = net.Dial("tcp", e.address)
	require.Error(t, err, "the port is closed")
}

func TestStopCutsOffWhatDoesNotEndInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, time.Hour) // no block comes
	e := w.endpoint(nil)
	p := e.dial()
	p.ask(typeRPC, rpcText("sendTransaction", "group0", "", w.signed(nil, unhex(t, emitterInit), ""), false))
	require.Eventually(t, func() bool { return w.chain.PendingCount() == 1 }, patience, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, e.server.Stop(ctx), context.DeadlineExceeded)
	p.ended()
}
