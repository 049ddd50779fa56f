package web3

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
)

func testRules() params.Rules { return params.MergedTestChainConfig.Rules(common.Big0, true, 0) }

// Requests that no recording has; what is answered follows from the node's source.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.BatchLimit = 3 })
	fields := `{"error":{"code":-32600,"message":"Request not valid, required fields: jsonrpc, method, params, id"},"id":null,"jsonrpc":"2.0"}`
	for body, want := range map[string]string{
		`7`:         fields,
		`null`:      fields,
		`"text"`:    fields,
		`[7]`:       fields,
		`[[]]`:      fields,
		`[[7]]`:     `{"error":{"code":-32600,"message":"Invalid field: "},"id":null,"jsonrpc":"2.0"}`,
		`[1,2,3,4]`: `{"error":{"code":-32600,"message":"The requested array size exceeds the limit size: 3"},"id":null,"jsonrpc":"2.0"}`,
		`{"jsonrpc":2,"id":1,"method":"eth_chainId"}`:                         `{"error":{"code":-32600,"message":"Invalid field: jsonrpc"},"id":1,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1,"method":7}`:                                 `{"error":{"code":-32600,"message":"Invalid field: method"},"id":1,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":true,"method":"eth_chainId"}`:                  `{"error":{"code":-32600,"message":"Invalid field: id"},"id":true,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1.5,"method":"eth_chainId"} behind`:            `{"id":1.5,"jsonrpc":"2.0","result":"0x4ee8"}`,
		`/* comment */ {"jsonrpc":"2.0","id":-1,"method":"eth_chainId"}`:      `{"id":-1,"jsonrpc":"2.0","result":"0x4ee8"}`,
		`{"zz":1,"aa":2,"jsonrpc":"2.0","id":1,"method":"eth_chainId"}`:       `{"error":{"code":-32600,"message":"Invalid field: aa"},"id":1,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["x"]}`:    `{"error":{"code":-32600,"message":"Subscribe request only support websocket protocol"},"id":1,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":"ü","method":"eth_hashrate","params":[]}`:      `{"id":"\u00fc","jsonrpc":"2.0","result":"0x0"}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getUncleByBlockHashAndIndex"}`: `{"id":1,"jsonrpc":"2.0","result":"null"}`,
	} {
		require.Equal(t, want, w.post(body), body)
	}
}

func TestParametersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dump := func(exception, what string) string {
		return fmt.Sprintf(`{"code":-32603,"message":"Dynamic exception type: %s\nstd::exception::what: %s\n"}`, exception, what)
	}
	notHex := dump("boost::wrapexcept<boost::algorithm::non_hex_input>", "std::exception")
	for _, c := range []struct{ method, params, want string }{
		{"eth_getBalance", `["0x00","nothing"]`, `{"code":-32602,"message":"Invalid Block Number: nothing"}`},
		{"eth_getCode", `["0x00","12"]`, `{"code":-32602,"message":"Invalid Block Number: 12"}`},
		{"eth_call", `[{},"0x10000000000000000"]`, dump("std::out_of_range", "stoull")},
		{"eth_call", `[]`, `{"code":-32602,"message":"Invalid call request!"}`},
		{"eth_call", `[{"gas":"much"}]`, dump("std::invalid_argument", "stoull")},
		{"eth_call", `[{"to":{}}]`, dump("Json::LogicError", "Type is not convertible to string")},
		{"eth_getTransactionByHash", `["0xzz"]`, notHex},
		{"eth_getTransactionByHash", `["0x123"]`, dump("boost::wrapexcept<std::invalid_argument>", "Invalid input string!")},
		{"eth_getBlockByNumber", `["latest","yes"]`, dump("Json::LogicError", "Value is not convertible to bool.")},
		{"eth_getBlockTransactionCountByNumber", `["0x10000000000000000"]`, dump("std::out_of_range", "stoull")},
		{"web3_sha3", `["0xzz"]`, notHex},
		{"web3_sha3", `[]`, `{"code":-32603,"message":"Empty input hex string"}`},
		{"eth_newFilter", `[{"fromBlock":"Latest","toBlock":"","address":[],"topics":[]}]`, `{"code":-32602,"message":"Invalid Block Number: Latest"}`},
		{"eth_newFilter", `[{"fromBlock":"0x2","toBlock":"0x1","address":[],"topics":[]}]`, `{"code":-32000,"message":"invalid block range params"}`},
		{"eth_getLogs", `[{"fromBlock":"","toBlock":"","address":[],"topics":[1,2,3,4,5]}]`, `{"code":-32000,"message":"exceed max topics"}`},
		{"eth_getLogs", `["all"]`, dump("Json::LogicError", "in Json::Value::find(begin, end): requires objectValue or nullValue")},
		{"eth_getLogs", `[{"fromBlock":"","toBlock":"","address":[],"topics":[],"blockhash":"0x11"}]`, `{"code":-32000,"message":"unknown block"}`},
	} {
		require.JSONEq(t, c.want, w.failure(c.method, c.params), "%s %s", c.method, c.params)
	}
	for _, c := range []struct{ method, params, want string }{
		{"eth_getBalance", `[]`, `"0x0"`},
		{"eth_getBalance", `["0x12"]`, `"0x0"`},
		{"eth_getStorageAt", `["` + w.from.Hex() + `","0x123","latest"]`, `"` + common.Hash{}.Hex() + `"`},
		{"eth_getBlockByNumber", `["nothing"]`, `null`},
		{"eth_getBlockByHash", `["0x123"]`, `null`},
		{"eth_getBlockTransactionCountByNumber", `[" 0x99z"]`, `"0x0"`},
		{"eth_getBlockTransactionCountByHash", `["0x11"]`, `"0x0"`},
		{"eth_getTransactionByBlockHashAndIndex", `["0x11","0x0"]`, `null`},
		{"eth_call", `[{"data":"zz"}]`, `"0x"`},
	} {
		require.JSONEq(t, c.want, w.result(c.method, c.params), "%s %s", c.method, c.params)
	}
}

func TestStoull(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"0x1f": 0x1f, "1F": 0x1f, " \t12": 0x12, "+3": 3, "-1": 1<<64 - 1, "0x": 0, "0xg": 0, "12 34": 0x12, "ffffffffffffffff": 1<<64 - 1, "0X7": 7,
	} {
		got, err := stoull(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "x", "-", "--1", "latest", "10000000000000000"} {
		_, err := stoull(text)
		require.Error(t, err, text)
	}
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.BodyLimit = 100 })
	do := func(method, body string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), method, w.url+"/any/path", strings.NewReader(body))
		require.NoError(t, err)
		return http.DefaultClient.Do(req)
	}
	resp, err := do(http.MethodOptions, "")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "86400",
		"Access-Control-Allow-Headers": "Content-Type, Authorization, X-Requested-With", "Access-Control-Allow-Credentials": "true",
	} {
		require.Equal(t, want, resp.Header.Get(name))
	}
	resp, err = do(http.MethodGet, "")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(text), "Parse json failed")
	_, err = do(http.MethodPost, strings.Repeat(" ", 101))
	require.Error(t, err, "a message that is too long ends the connection")
	require.Contains(t, w.post(strings.Repeat(" ", 100)), "Parse json failed")

	plain := newWorld(t, func(c *Config) { c.CORS = nil })
	w = plain
	resp, err = do(http.MethodGet, "")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
}

func TestCallsAndEstimates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store, revert := w.deploy(0, storeCode), w.deploy(1, revertCode)
	word := strings.Repeat("0", 63) + "7"
	arg := func(to common.Address, more string) string {
		return fmt.Sprintf(`[{"to":%q,"data":"0x%s"%s}]`, to.Hex(), word, more)
	}
	require.Equal(t, `"0x`+word+`"`, w.result("eth_call", arg(store, "")))
	require.JSONEq(t, `{"code":16,"data":"0x`+word+`","message":""}`, w.failure("eth_call", arg(revert, "")))
	require.JSONEq(t, `{"code":16,"data":"0x`+word+`","message":""}`, w.failure("eth_estimateGas", arg(revert, "")))
	require.JSONEq(t, `{"code":7,"data":"`+hex0x(notEnough())+`","message":""}`, w.failure("eth_call", arg(store, `,"value":"0x1"`)))

	var estimate string
	require.NoError(t, json.Unmarshal([]byte(w.result("eth_estimateGas", arg(store, ""))), &estimate))
	receipt := w.land(&types.LegacyTx{Nonce: 2, To: &store, Data: common.FromHex(word)})
	require.Equal(t, fmt.Sprintf("0x%x", receipt.GasUsed), estimate)
	require.Equal(t, `"0x`+word+`"`, w.result("eth_getStorageAt", `["`+store.Hex()+`","0x0","latest"]`))
	require.Equal(t, `"`+hex0x(storeCode)+`"`, w.result("eth_getCode", `["`+store.Hex()+`","latest"]`))
	require.Equal(t, `"0x"`, w.result("eth_call", `[{"data":"`+hex0x(initCode(storeCode))+`"}]`), "a deployment returns nothing")
}

func notEnough() []byte {
	text := "Account balance is not enough!"
	out := append(common.FromHex("08c379a0"), common.LeftPadBytes([]byte{32}, 32)...)
	out = append(out, common.LeftPadBytes([]byte{byte(len(text))}, 32)...)
	return append(out, common.RightPadBytes([]byte(text), 32)...)
}

func TestSyncTransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.SyncTransaction = true })
	revert := w.deploy(0, revertCode)
	tx := w.sign(&types.LegacyTx{Nonce: 1, To: &revert, Data: []byte{1}})
	raw, err := tx.MarshalBinary()
	require.NoError(t, err)
	data := "0x01" + strings.Repeat("0", 62)
	text := "VM Exception while processing transaction, reason: RevertInstruction, msg: " + data
	require.JSONEq(t, fmt.Sprintf(`{"code":-32603,"message":%q,"data":{"data":%q,"message":%q,"txHash":%q}}`, text, data, text, tx.Hash().Hex()),
		w.failure("eth_sendRawTransaction", `["`+hex0x(raw)+`"]`))
	_, err = w.chain.Receipt(tx.Hash())
	require.NoError(t, err, "it is in a block when it is answered")
}

func TestAccessListsAndBlobsAsANodeShowsThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := common.Hash{2}
	receipt := w.land(&types.AccessListTx{ChainID: big.NewInt(chainID), Data: initCode(nil), AccessList: types.AccessList{{Address: common.Address{1}, StorageKeys: []common.Hash{key}}}})
	var tx map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(w.result("eth_getTransactionByHash", `["`+receipt.TxHash.Hex()+`"]`)), &tx))
	require.JSONEq(t, `[null,{"address":"0x0100000000000000000000000000000000000000","storageKeys":[null,"`+key.Hex()+`"]}]`, string(tx["accessList"]))
	require.Equal(t, `"0x1"`, string(tx["type"]))
	require.NotContains(t, tx, "maxFeePerGas")
}

func TestReceiptsOfABlockWithSeveralTransactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := w.deploy(0, storeCode)
	var last common.Hash
	for nonce := uint64(1); nonce <= 30; nonce++ {
		tx := w.sign(&types.LegacyTx{Nonce: nonce, To: &store, Data: []byte{byte(nonce)}})
		raw, err := tx.MarshalBinary()
		require.NoError(t, err)
		w.result("eth_sendRawTransaction", `["`+hex0x(raw)+`"]`)
		last = tx.Hash()
	}
	require.Eventually(t, func() bool { _, err := w.chain.Receipt(last); return err == nil }, patience, time.Millisecond)
	for number := uint64(2); number <= w.chain.Head().Number; number++ {
		receipts, err := w.chain.Receipts(number)
		require.NoError(t, err)
		var sum uint64
		for i, r := range receipts {
			sum += r.GasUsed
			var shown receiptResult
			require.NoError(t, json.Unmarshal([]byte(w.result("eth_getTransactionReceipt", `["`+r.TxHash.Hex()+`"]`)), &shown))
			require.Equal(t, fmt.Sprintf("0x%x", sum), shown.CumulativeGasUsed)
			require.Equal(t, fmt.Sprintf("0x%x", i), shown.TransactionIndex)
			require.Equal(t, fmt.Sprintf("0x%x", fmt.Sprintf("0x%x", i)), shown.Logs[0].TransactionIndex, "encoded twice")
		}
	}
}

func TestNewHeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(w.url, "http"), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	defer ws.CloseNow()
	exchange := func(request string) (answer struct {
		Result json.RawMessage
		Error  *fault
	}) {
		require.NoError(t, ws.Write(ctx, websocket.MessageText, []byte(request)))
		_, data, err := ws.Read(ctx)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &answer))
		return answer
	}
	require.Equal(t, `"0x4ee8"`, string(exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}`).Result))
	require.Equal(t, "Unsupported eth_subscribe method", exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["logs"]}`).Error.Message)
	var name string
	require.NoError(t, json.Unmarshal(exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}`).Result, &name))
	require.Regexp(t, "^0x[0-9a-f]{32}$", name)
	for nonce := range uint64(3) {
		w.deploy(nonce, storeCode)
		_, data, err := ws.Read(ctx)
		require.NoError(t, err)
		var push struct {
			Method string
			Params struct {
				Subscription string
				Result       map[string]any
			}
		}
		require.NoError(t, json.Unmarshal(data, &push))
		require.Equal(t, "eth_subscription", push.Method)
		require.Equal(t, name, push.Params.Subscription)
		require.Equal(t, fmt.Sprintf("0x%x", nonce+1), push.Params.Result["number"])
		require.NotContains(t, push.Params.Result, "transactions")
	}
	require.Equal(t, "true", string(exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_unsubscribe","params":["`+name+`"]}`).Result))
	require.Equal(t, "false", string(exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_unsubscribe","params":["`+name+`"]}`).Result))
	for range maxSubscriptions {
		require.Nil(t, exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}`).Error)
	}
	require.NotNil(t, exchange(`{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}`).Error)
	require.NoError(t, w.server.Stop(ctx))
	_, _, err = ws.Read(ctx)
	require.Error(t, err)
}

// heldLedger holds back who asks for the head, until it is let go.
type heldLedger struct {
	Ledger
	asked chan struct{} // gets one for each question
	free  chan struct{}
}

func (l *heldLedger) Head() devchain.Head {
	l.asked <- struct{}{}
	<-l.free
	return l.Ledger.Head()
}

func TestStopAnswersWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	held := &heldLedger{asked: make(chan struct{}, 1), free: make(chan struct{})}
	w := newWorld(t, func(cfg *Config) { held.Ledger, cfg.Ledger = cfg.Ledger, held })
	type result struct {
		text string
		err  error
	}
	answered := make(chan result, 1)
	go func() {
		text, err := w.try(t.Context(), askNumber)
		answered <- result{text, err}
	}()
	<-held.asked
	stopped := make(chan error, 1)
	go func() { stopped <- w.server.Stop(t.Context()) }()
	<-w.server.ending
	close(held.free)
	got := <-answered
	require.NoError(t, got.err)
	require.JSONEq(t, `{"id":1,"jsonrpc":"2.0","result":"0x0"}`, got.text)
	require.NoError(t, <-stopped)
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := NewServer(Config{NodeID: "x", BatchLimit: -1})
	require.ErrorContains(t, err, "no ledger")
	require.ErrorContains(t, err, "no node id")
	require.ErrorContains(t, err, "negative")
	var idle Server
	require.NoError(t, idle.Stop(t.Context()))
}

func TestAReceiptOfNothing(t *testing.T) {
	t.Parallel()
	tx := &devchain.Transaction{To: "ABCDEF"}
	require.Equal(t, "0xABCDEF", *receiver(tx.To))
	require.Nil(t, receiver(""))
	require.Equal(t, "0x0", trimmed([]byte{0, 0}))
	require.Equal(t, "0x10", trimmed([]byte{0, 0x10}))
}
