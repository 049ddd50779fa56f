package fisco

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/internal/testkit"
)

// Over HTTPS a real chain answers the same as over WebSocket.
func TestHTTPSIsTheSameAsWebSocket(t *testing.T) {
	t.Parallel()
	d := testkit.NewDevnet(t, 1, -1).Serve()
	cfg := DialConfig{Address: d.Nodes[0], TLS: d.ClientTLS(t), ChainID: "chain0", Group: "group0"}
	ctx := soon(t)
	web, err := DialHTTP(ctx, cfg)
	require.NoError(t, err)
	defer web.Close()
	socket, err := Dial(ctx, cfg)
	require.NoError(t, err)
	defer socket.Close()

	tx := signedCall(t, "over HTTPS")
	receipt, err := web.Send(ctx, tx)
	require.NoError(t, err)
	other, err := socket.Receipt(ctx, tx.Hash)
	require.NoError(t, err)
	require.Equal(t, other, receipt)

	_, err = web.Send(ctx, tx)
	require.True(t, chain.Is(err, chain.KindNonceUsed))
	again, err := web.Submit(ctx, tx)
	require.NoError(t, err, "Submit finds the receipt of what was sent before")
	require.Equal(t, receipt, again)

	for name, ask := range map[string]func(*Methods) (any, error){
		"block":     func(m *Methods) (any, error) { return m.GetBlockByNumber(ctx, 1, BlockTransactions) },
		"header":    func(m *Methods) (any, error) { return m.GetBlockByNumber(ctx, 1, BlockHeader) },
		"group":     func(m *Methods) (any, error) { return m.GetGroupInfo(ctx) },
		"groups":    func(m *Methods) (any, error) { return m.GetGroupList(ctx) },
		"sealers":   func(m *Methods) (any, error) { return m.GetSealerList(ctx) },
		"observers": func(m *Methods) (any, error) { return m.GetObserverList(ctx) },
		"sync":      func(m *Methods) (any, error) { return m.GetSyncStatus(ctx) },
		"consensus": func(m *Methods) (any, error) { return m.GetConsensusStatus(ctx) },
		"setting":   func(m *Methods) (any, error) { return m.GetSystemConfigByKey(ctx, "tx_gas_limit") },
		"count":     func(m *Methods) (any, error) { return m.GetTotalTransactionCount(ctx) },
		"peers":     func(m *Methods) (any, error) { return m.GetPeers(ctx) },
		"identity":  func(m *Methods) (any, error) { return m.Identity(ctx) },
		"raw":       func(m *Methods) (any, error) { return m.Do(ctx, "getPbftView", "group0", "") },
	} {
		a, err := ask(&web.Methods)
		require.NoError(t, err, name)
		b, err := ask(&socket.Methods)
		require.NoError(t, err, name)
		require.Equal(t, b, a, name)
	}
	head, err := web.Head(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(1), head.Number)

	_, err = web.GetGroupNodeInfo(ctx, "nobody")
	require.True(t, chain.Is(err, chain.KindNotFound), "%v", err)
	_, err = web.Do(ctx, "getGroupBlockNumber", "group0")
	require.True(t, chain.Is(err, chain.KindUnsupported), "the protocol has no such method: %v", err)
	_, err = web.Do(ctx, "sendTransaction", "group0", "", "0x00")
	require.True(t, chain.Is(err, chain.KindUnsupported))
	cfg.Group = "group1"
	_, err = DialHTTP(ctx, cfg)
	require.True(t, chain.Is(err, chain.KindWrongChain))
	cfg.Group = "group0"
	cfg.TLS = nil
	_, err = DialHTTP(ctx, cfg)
	require.Error(t, err)
	require.True(t, chain.Unsent(err))
}

// httpNode answers like a node until broken is set.
func httpNode(t *testing.T, broken http.HandlerFunc) (*HTTPClient, func()) {
	t.Helper()
	var mu sync.Mutex
	bad := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		fail := bad
		mu.Unlock()
		if fail {
			broken(w, r)
			return
		}
		_, _ = w.Write(ok(`[{"chainID":"chain0","groupID":"group0","nodeList":[]}]`))
	}))
	t.Cleanup(server.Close)
	c, err := DialHTTP(soon(t), DialConfig{Address: strings.TrimPrefix(server.URL, "http://"), ChainID: "chain0", Group: "group0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, func() {
		mu.Lock()
		bad = true
		mu.Unlock()
	}
}

func TestHTTPFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken http.HandlerFunc
		kind   chain.Kind
	}{
		"status 500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, chain.KindProtocol},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, chain.KindProtocol},
		"no JSON":    {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, chain.KindProtocol},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "{")
		}, chain.KindUnavailable},
		"connection gone": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, chain.KindUnavailable},
		"a refusal":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(refusal(10002, "TxPoolIsFull")) }, chain.KindOverloaded},
	} {
		client, fail := httpNode(t, c.broken)
		fail()
		_, err := client.Send(soon(t), signedCall(t, name))
		require.Equal(t, c.kind, chain.KindOf(err), "%s: %v", name, err)
		require.False(t, chain.Unsent(err), "%s: the bytes may be in the node", name)
		_, err = client.GetCode(soon(t), common.Address{})
		require.Equal(t, c.kind, chain.KindOf(err), "%s: %v", name, err)
		require.True(t, chain.Unsent(err), "%s: a read sends no transaction", name)
		require.ErrorContains(t, err, client.Node())
	}
}

func TestHTTPDeadline(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	client, fail := httpNode(t, func(http.ResponseWriter, *http.Request) { <-hold })
	defer close(hold)
	fail()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.GetCode(ctx, common.Address{})
	require.True(t, chain.Is(err, chain.KindCanceled))
	client.readTimeout = 1
	_, err = client.GetCode(t.Context(), common.Address{})
	require.True(t, chain.Is(err, chain.KindTimeout))
}

func TestHTTPWithoutANode(t *testing.T) {
	t.Parallel()
	var l net.ListenConfig
	listener, err := l.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = DialHTTP(soon(t), DialConfig{Address: address, ChainID: "chain0", Group: "group0"})
	require.Equal(t, ReasonPortClosed, reasonOf(t, err))
	_, err = DialHTTP(soon(t), DialConfig{Address: address})
	require.True(t, chain.Is(err, chain.KindInvalid))

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode("hello") }))
	defer server.Close()
	_, err = DialHTTP(soon(t), DialConfig{Address: strings.TrimPrefix(server.URL, "http://"), ChainID: "chain0", Group: "group0"})
	require.Equal(t, ReasonNotFISCO, reasonOf(t, err))
}
