package web3

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/faults"
)

// patience is how long a test waits for what must come; long enough for a machine
// that has much else to do.
const patience = time.Minute

func newStruckWorld(t *testing.T, list ...faults.Fault) (*world, *faults.Set) {
	t.Helper()
	set := &faults.Set{}
	w := newWorld(t, func(cfg *Config) { cfg.Faults = set })
	for _, f := range list {
		_, err := set.Add(f)
		require.NoError(t, err)
	}
	return w, set
}

// try asks once on a connection of its own, whatever becomes of it.
func (w *world) try(ctx context.Context, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, strings.NewReader(body))
	require.NoError(w.t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), err
}

func (w *world) socket() *websocket.Conn {
	w.t.Helper()
	ws, _, err := websocket.Dial(w.t.Context(), "ws"+strings.TrimPrefix(w.url, "http"), nil)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = ws.CloseNow() })
	return ws
}

func exchange(t *testing.T, ws *websocket.Conn, body string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, ws.Write(ctx, websocket.MessageText, []byte(body)))
	_, data, err := ws.Read(ctx)
	return string(data), err
}

const askNumber = `{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}`

func TestFaultsOfTheWeb3Port(t *testing.T) {
	t.Parallel()
	w, set := newStruckWorld(t,
		faults.Fault{Action: faults.Error, Code: -32005, Message: "broken"},
		faults.Fault{Action: faults.BlockNumber, By: 16},
		faults.Fault{Action: faults.PoolFull, On: "eth_sendRawTransaction"},
		faults.Fault{Action: faults.Drop, Transport: faults.HTTP, Times: -1})
	require.JSONEq(t, `{"code":-32005,"message":"broken"}`, w.failure("eth_chainId", "[]"))
	require.Equal(t, `"0x10"`, w.result("eth_blockNumber", "[]"))
	require.Equal(t, `"0x0"`, w.result("eth_blockNumber", "[]"))
	raw := w.raw(&types.LegacyTx{Data: initCode(storeCode)})
	require.JSONEq(t, `{"code":-32603,"message":"TxPoolIsFull"}`, w.failure("eth_sendRawTransaction", raw))
	require.NotEmpty(t, w.result("eth_sendRawTransaction", raw))

	_, err := set.Add(faults.Fault{Action: faults.Error, On: "eth_chainId", Code: 7, Message: "all"})
	require.NoError(t, err)
	require.JSONEq(t, `[{"error":{"code":7,"message":"all"},"id":1,"jsonrpc":"2.0"},{"error":{"code":7,"message":"all"},"id":"b","jsonrpc":"2.0"}]`,
		w.post(`[`+askNumber+`,{"jsonrpc":"2.0","id":"b","method":"eth_chainId","params":[]}]`), "a batch is struck as a whole")
	for i, f := range set.List()[:3] {
		require.Equal(t, 1, f.Struck, i)
	}
}

func TestConnectionFaultsOfTheWeb3Port(t *testing.T) {
	t.Parallel()
	w, set := newStruckWorld(t)
	for _, f := range []faults.Fault{
		{Action: faults.Close}, {Action: faults.Reset}, {Action: faults.Close, On: faults.Connect}, {Action: faults.Reset, On: faults.Connect},
		{Action: faults.Corrupt, Part: faults.Header},
	} {
		_, err := set.Add(f)
		require.NoError(t, err)
		_, err = w.try(t.Context(), askNumber)
		require.Error(t, err, f)
	}
	_, err := set.Add(faults.Fault{Action: faults.Corrupt, Part: faults.Seq})
	require.NoError(t, err)
	text, err := w.try(t.Context(), askNumber)
	require.NoError(t, err)
	require.JSONEq(t, `{"id":11,"jsonrpc":"2.0","result":"0x0"}`, text)

	// What is never answered ends with its client, or with the server.
	for _, f := range []faults.Fault{{Action: faults.Drop}, {Action: faults.HalfOpen}, {Action: faults.HalfOpen, On: faults.Connect}} {
		_, err := set.Add(f)
		require.NoError(t, err)
		w.staysSilent(set, f)
	}
	_, err = set.Add(faults.Fault{Action: faults.Drop})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := w.try(t.Context(), askNumber)
		ended <- err
	}()
	require.Eventually(t, func() bool { return !set.Active() }, patience, time.Millisecond)
	require.NoError(t, w.server.Stop(t.Context()))
	require.Error(t, <-ended)
}

// staysSilent asks, and leaves a while after the fault has struck the request.
func (w *world) staysSilent(set *faults.Set, f faults.Fault) {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.t.Context())
	defer leave()
	ended := make(chan error, 1)
	go func() {
		_, err := w.try(ctx, askNumber)
		ended <- err
	}()
	require.Eventually(w.t, func() bool { return !set.Active() }, patience, time.Millisecond)
	select {
	case err := <-ended:
		require.Fail(w.t, "the request ended", "%v: %v", f, err)
	case <-time.After(100 * time.Millisecond): // long for an answer on one machine
	}
	leave()
	require.ErrorIs(w.t, <-ended, context.Canceled, f)
}

func TestWebSocketFaultsOfTheWeb3Port(t *testing.T) {
	t.Parallel()
	w, set := newStruckWorld(t, faults.Fault{Action: faults.Corrupt})
	ws := w.socket()
	text, err := exchange(t, ws, askNumber)
	require.NoError(t, err)
	require.False(t, json.Valid([]byte(text)))

	_, err = exchange(t, ws, `{"jsonrpc":"2.0","id":2,"method":"eth_subscribe","params":["newHeads"]}`)
	require.NoError(t, err)
	_, err = set.Add(faults.Fault{Action: faults.Drop, On: faults.BlockNotify, Transport: faults.Web3})
	require.NoError(t, err)
	_, err = w.chain.TakeSnapshot(t.Context(), "s")
	require.NoError(t, err)
	heads := func(want string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, data, err := ws.Read(ctx)
		require.NoError(t, err)
		require.Contains(t, string(data), `"number":"`+want+`"`)
	}
	_, err = w.chain.MineBlocks(t.Context(), 2)
	require.NoError(t, err)
	heads("0x2") // that of block 1 was dropped
	_, err = w.chain.Revert(t.Context(), "s")
	require.NoError(t, err)
	_, err = w.chain.MineBlocks(t.Context(), 1)
	require.NoError(t, err)
	heads("0x1")

	for _, action := range []faults.Action{faults.Close, faults.Reset} {
		ws := w.socket()
		_, err := set.Add(faults.Fault{Action: action, On: "eth_blockNumber"})
		require.NoError(t, err)
		_, err = exchange(t, ws, askNumber)
		require.Error(t, err)
		require.Equal(t, action == faults.Close, websocket.CloseStatus(err) == websocket.StatusNormalClosure, "%v", err)
	}
}

func TestFiltersOfTheWeb3PortAfterARevert(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.chain.TakeSnapshot(t.Context(), "s")
	require.NoError(t, err)
	id := w.result("eth_newBlockFilter", "[]")
	_, err = w.chain.MineBlocks(t.Context(), 3)
	require.NoError(t, err)
	changes := func() int {
		t.Helper()
		var hashes []string
		require.NoError(t, json.Unmarshal([]byte(w.result("eth_getFilterChanges", "["+id+"]")), &hashes))
		return len(hashes)
	}
	require.Equal(t, 3, changes())
	_, err = w.chain.Revert(t.Context(), "s")
	require.NoError(t, err)
	_, err = w.chain.MineBlocks(t.Context(), 2)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return changes() == 2 }, patience, time.Millisecond)
}
