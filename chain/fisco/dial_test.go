package fisco

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// authority is a CA of a chain with a certificate from it.
type authority struct {
	roots *x509.CertPool
	cert  tls.Certificate
}

func newAuthority(t *testing.T, leaf certs.Validity) authority {
	t.Helper()
	ca, err := certs.NewCA(certs.Validity{})
	require.NoError(t, err)
	pair, err := ca.Issue(leaf)
	require.NoError(t, err)
	cert, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate())
	return authority{roots: roots, cert: cert}
}

func TestDialOverMutualTLS(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, certs.Validity{})
	node := startNode(t, &fakeNode{handshake: fakeHandshake, answer: func(*fakeSession, string, string, []json.RawMessage) []byte { return ok("5") }},
		certs.ServerConfig(ours.cert, ours.roots))
	conf := certs.ClientConfig(ours.cert, ours.roots)
	for range 2 { // the second resumes the TLS session
		c := dialNode(t, node, func(cfg *DialConfig) { cfg.TLS = conf })
		n, err := c.BlockNumber(soon(t))
		require.NoError(t, err)
		require.Equal(t, uint64(5), n)
	}
}

// Each way to meet the wrong thing has its own reason, and a text that says what to do.
func TestDialFailures(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, certs.Validity{}), newAuthority(t, certs.Validity{})
	withTLS := func(node *fakeNode, conf *tls.Config) string { return startNode(t, node, conf).addr }
	plain := func(handshake string) string { return startNode(t, &fakeNode{handshake: handshake}, nil).addr }
	// The near end of a connection has a port that nobody listens on and that no
	// other test can get meanwhile.
	closed := func() string {
		taken, err := net.Dial("tcp", listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }))
		require.NoError(t, err)
		t.Cleanup(func() { taken.Close() })
		return taken.LocalAddr().String()
	}
	web := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":{"code":-32600,"message":"The JSON sent is not a valid Request object."},"id":0,"jsonrpc":""}`)
		}))
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	says := func(text string) string {
		return listen(t, func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c)
		})
	}
	hangsUp := func() string {
		return listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	}
	good := certs.ClientConfig(ours.cert, ours.roots)
	without := certs.ClientConfig(tls.Certificate{}, ours.roots)
	without.Certificates = nil
	tls13 := certs.ServerConfig(ours.cert, ours.roots)
	tls13.MinVersion, tls13.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	named := certs.ClientConfig(ours.cert, ours.roots)
	named.InsecureSkipVerify, named.VerifyConnection = false, nil

	for name, c := range map[string]struct {
		addr   string
		conf   *tls.Config
		kind   chain.Kind
		reason DialReason
		says   string
	}{
		"no port in the address":  {"127.0.0.1", nil, chain.KindInvalid, ReasonAddress, "host:port"},
		"unknown name":            {"nowhere.invalid:20200", nil, chain.KindUnavailable, ReasonName, "not known"},
		"port closed":             {closed(), good, chain.KindUnavailable, ReasonPortClosed, "is the node running"},
		"plain node, TLS client":  {plain(fakeHandshake), good, chain.KindProtocol, ReasonPlain, "switch TLS off"},
		"SSH, TLS client":         {says("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), good, chain.KindProtocol, ReasonPlain, "does not speak TLS"},
		"hangs up, TLS client":    {hangsUp(), good, chain.KindProtocol, ReasonTLS, "GM node"},
		"TLS node, plain client":  {withTLS(&fakeNode{}, certs.ServerConfig(ours.cert, ours.roots)), nil, chain.KindProtocol, ReasonNeedsTLS, "sdk.crt"},
		"TLS alert, plain client": {says("\x15\x03\x03\x00\x02\x02\x46"), nil, chain.KindProtocol, ReasonNeedsTLS, "speaks TLS"},
		"wrong CA":                {withTLS(&fakeNode{}, certs.ServerConfig(theirs.cert, ours.roots)), good, chain.KindDenied, ReasonNodeCertificate, "ca.crt"},
		"names are checked":       {withTLS(&fakeNode{}, certs.ServerConfig(ours.cert, ours.roots)), named, chain.KindDenied, ReasonNodeCertificate, "certificate"},
		"no client certificate":   {withTLS(&fakeNode{}, certs.ServerConfig(ours.cert, ours.roots)), without, chain.KindDenied, ReasonOwnCertificate, "sdk.crt"},
		"foreign client":          {withTLS(&fakeNode{}, certs.ServerConfig(ours.cert, theirs.roots)), good, chain.KindDenied, ReasonOwnCertificate, "must come from the CA of this chain"},
		"TLS 1.3 only":            {withTLS(&fakeNode{}, tls13), good, chain.KindProtocol, ReasonTLSVersion, "TLS 1.2 exactly"},
		"HTTP 200, no WebSocket":  {web(200), nil, chain.KindProtocol, ReasonNotWebSocket, "status 200"},
		"HTTP 404, no WebSocket":  {web(404), nil, chain.KindProtocol, ReasonNotWebSocket, "status 404"},
		"SSH, plain client":       {says("SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), nil, chain.KindProtocol, ReasonNotFISCO, "does not speak HTTP"},
		"hangs up, plain client":  {hangsUp(), nil, chain.KindProtocol, ReasonNotWebSocket, "may want TLS"},
		"handshake is no JSON":    {plain("hello"), nil, chain.KindProtocol, ReasonNotFISCO, "3.x node"},
		"handshake lacks members": {plain(`{}`), nil, chain.KindProtocol, ReasonNotFISCO, "lacks"},
		"handshake lacks heights": {plain(strings.Replace(fakeHandshake, `{"group0":377}`, ``, 1)), nil, chain.KindProtocol, ReasonNotFISCO, "block number"},
		"negative height":         {plain(strings.Replace(fakeHandshake, `377`, `-1`, 1)), nil, chain.KindProtocol, ReasonNotFISCO, "block number"},
		"another chain":           {plain(strings.Replace(fakeHandshake, `"chainID":"chain0"`, `"chainID":"chain7"`, 1)), nil, chain.KindWrongChain, ReasonWrongChain, "node serves group group0 of chain chain7, not group group0 of chain chain0"},
		"another group":           {plain(strings.Replace(fakeHandshake, `"groupID":"group0"`, `"groupID":"group9"`, 1)), nil, chain.KindWrongChain, ReasonWrongChain, "node serves group group9 of chain chain0, not group group0 of chain chain0"},
		"no group":                {plain(`{"groupInfoList":[],"groupBlockNumber":[],"protocolVersion":2}`), nil, chain.KindWrongChain, ReasonWrongChain, "serves no group yet"},
		"WASM ledger":             {plain(strings.Replace(fakeHandshake, `"iniConfig":"{}"`, `"iniConfig":"{\"isWasm\":true}\n"`, 1)), nil, chain.KindUnsupported, ReasonUnsupported, "WASM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DialConfig{Address: c.addr, TLS: c.conf, ChainID: "chain0", Group: "group0"}
			client, err := Dial(context.Background(), cfg)
			require.Nil(t, client)
			require.Equal(t, c.kind, chain.KindOf(err), "%v", err)
			require.True(t, chain.Unsent(err))
			var why *DialError
			require.ErrorAs(t, err, &why)
			require.Equal(t, c.reason, why.Reason, "%v", err)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, c.addr)
		})
	}
}

func TestDialNeedsAChainAndAGroup(t *testing.T) {
	t.Parallel()
	_, err := Dial(context.Background(), DialConfig{Address: "127.0.0.1:1", ChainID: "chain0"})
	require.True(t, chain.Is(err, chain.KindInvalid))
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	accepted := make(chan struct{})
	addr := listen(t, func(c net.Conn) {
		close(accepted)
		_, _ = io.Copy(io.Discard, c)
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-accepted
		cancel()
	}()
	_, err := Dial(ctx, DialConfig{Address: addr, ChainID: "chain0", Group: "group0"})
	require.True(t, chain.Is(err, chain.KindCanceled), "%v", err)
}

func TestHandshakeRequestIsWhatOfficialClientsSend(t *testing.T) {
	t.Parallel()
	var sent map[string]int
	require.NoError(t, json.Unmarshal([]byte(handshakeRequest), &sent))
	require.Equal(t, map[string]int{"minVersion": 0, "maxVersion": 2, "moduleID": 2}, sent)
}

func TestTheLedgersSuiteIsFoundOut(t *testing.T) {
	t.Parallel()
	require.Equal(t, suite.Standard, dialNode(t, startNode(t, &fakeNode{handshake: fakeHandshake}, nil)).Suite())
	require.Equal(t, suite.GM, dialNode(t, startNode(t, &fakeNode{handshake: strings.Replace(fakeHandshake, `"type":0`, `"type":1`, 1)}, nil)).Suite())
}

func TestDialErrorTellsTheAlert(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t, certs.Validity{})
	dial := func(answer []byte) (uint8, bool) {
		addr := listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = c.Write(answer)
		})
		_, err := Dial(context.Background(), DialConfig{Address: addr, TLS: certs.ClientConfig(ours.cert, ours.roots), ChainID: "chain0", Group: "group0"})
		var why *DialError
		require.ErrorAs(t, err, &why)
		return why.Alert()
	}
	number, ok := dial([]byte{0x15, 3, 3, 0, 2, 2, 48})
	require.True(t, ok)
	require.Equal(t, uint8(48), number)
	_, ok = dial(nil)
	require.False(t, ok, "the end of the connection is no alert")
}
