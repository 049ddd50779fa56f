package web3

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/flatstate"
	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey is key i of the recordings.
func testKey(i byte) *ecdsa.PrivateKey {
	secret := golden.Key(i)
	key, err := crypto.ToECDSA(secret[:])
	if err != nil {
		panic(err)
	}
	return key
}

// world is a running chain with its Web3 port. Key 0 has an account with balance.
type world struct {
	t      testing.TB
	chain  *devchain.Chain
	server *Server
	url    string
	key    *ecdsa.PrivateKey
	from   common.Address
}

const chainID = 20200

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, key: testKey(0)}
	w.from = crypto.PubkeyToAddress(w.key.PublicKey)
	genesis := devchain.DefaultGenesis()
	nodeKey, err := suite.NewKey(suite.Standard, [32]byte(crypto.FromECDSA(testKey(9))))
	require.NoError(t, err)
	node := devchain.Sealer{PublicKey: nodeKey.PublicKey()}
	genesis.Sealers = []devchain.Sealer{node}
	cfg := devchain.Config{Genesis: genesis, DataDir: t.TempDir(), NodeKeys: []*suite.Key{nodeKey}, MinSealTime: -1}
	fund(t, cfg, w.from)
	w.chain, err = devchain.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.chain.Close()) })
	require.NoError(t, w.chain.Start(t.Context()))

	port := Config{Ledger: w.chain, NodeID: node.NodeID(), CORS: &CORS{Origins: "*", Methods: "GET, POST, OPTIONS", Headers: "Content-Type, Authorization, X-Requested-With", MaxAge: 86400, Credentials: true}}
	for _, f := range change {
		f(&port)
	}
	w.server, err = NewServer(port)
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.server.Start(listener)
	w.url = "http://" + listener.Addr().String()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		require.NoError(t, w.server.Stop(ctx))
	})
	return w
}

// fund writes 10^18 into the ledger of a chain that does not run: an account gets
// its first balance from a system contract only.
func fund(t testing.TB, cfg devchain.Config, account common.Address) {
	t.Helper()
	chain, err := devchain.Open(cfg)
	require.NoError(t, err)
	require.NoError(t, chain.Close())
	db, err := pebble.Open(cfg.DataDir, &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
	require.NoError(t, err)
	changes := flatstate.New(emptyState{}, nil)
	state, err := flatstate.NewStateDB(changes)
	require.NoError(t, err)
	state.AddBalance(account, uint256.NewInt(1e18), tracing.BalanceChangeUnspecified)
	_, err = state.Commit(testRules(), 0)
	require.NoError(t, err)
	for _, c := range changes.Changes() {
		require.NoError(t, db.Set(c.Key, c.Value, pebble.Sync))
	}
	require.NoError(t, db.Close())
}

type quiet struct{}

func (quiet) Infof(string, ...any)         {}
func (quiet) Errorf(string, ...any)        {}
func (quiet) Fatalf(text string, _ ...any) { panic(text) }

type emptyState struct{}

func (emptyState) Get([]byte) ([]byte, error) { return nil, nil }

// post sends a message and gives the answer.
func (w *world) post(body string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, bytes.NewReader([]byte(body)))
	require.NoError(w.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	require.Equal(w.t, http.StatusOK, resp.StatusCode)
	require.Equal(w.t, "application/json", resp.Header.Get("Content-Type"))
	answer, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return string(answer)
}

// ask calls a method; params is JSON. It gives the answer behind the id.
func (w *world) ask(method, params string) string {
	w.t.Helper()
	return w.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params))
}

func (w *world) result(method, params string) string {
	w.t.Helper()
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	text := w.ask(method, params)
	require.NoError(w.t, json.Unmarshal([]byte(text), &answer))
	require.Empty(w.t, answer.Error, "%s %s", method, params)
	return string(answer.Result)
}

// failure is the error of a method.
func (w *world) failure(method, params string) string {
	w.t.Helper()
	var answer struct{ Error json.RawMessage }
	text := w.ask(method, params)
	require.NoError(w.t, json.Unmarshal([]byte(text), &answer))
	require.NotEmpty(w.t, answer.Error, text)
	return string(answer.Error)
}

func (w *world) sign(tx types.TxData) *types.Transaction {
	w.t.Helper()
	signed, err := types.SignNewTx(w.key, types.LatestSignerForChainID(big.NewInt(chainID)), tx)
	require.NoError(w.t, err)
	return signed
}

// raw is a signed transaction as a parameter.
func (w *world) raw(tx types.TxData) string {
	w.t.Helper()
	data, err := w.sign(tx).MarshalBinary()
	require.NoError(w.t, err)
	return fmt.Sprintf(`["0x%x"]`, data)
}

// land sends a transaction and waits for its receipt.
func (w *world) land(tx types.TxData) *devchain.Receipt {
	w.t.Helper()
	var hash common.Hash
	require.NoError(w.t, json.Unmarshal([]byte(w.result("eth_sendRawTransaction", w.raw(tx))), &hash))
	var receipt *devchain.Receipt
	require.Eventually(w.t, func() (found bool) {
		var err error
		receipt, err = w.chain.Receipt(hash)
		return err == nil
	}, patience, time.Millisecond)
	return receipt
}

// initCode returns code: PUSH2 len, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN.
func initCode(code []byte) []byte {
	head := []byte{0x61, byte(len(code) >> 8), byte(len(code)), 0x80, 0x60, 12, 0x60, 0, 0x39, 0x60, 0, 0xf3}
	return append(head, code...)
}

var (
	// stores the first word of the input at slot 0, logs it with topic 0xaa and
	// returns it: PUSH1 0 CALLDATALOAD DUP1 PUSH1 0 SSTORE PUSH1 0 MSTORE
	// PUSH1 aa PUSH1 20 PUSH1 0 LOG1 PUSH1 20 PUSH1 0 RETURN
	storeCode = common.FromHex("60003580600055600052" + "60aa60206000a1" + "60206000f3")
	// reverts with the first word of the input
	revertCode = common.FromHex("600035600052" + "60206000fd")
)

func (w *world) deploy(nonce uint64, code []byte) common.Address {
	w.t.Helper()
	receipt := w.land(&types.LegacyTx{Nonce: nonce, Data: initCode(code)})
	require.Equal(w.t, devchain.StatusNone, receipt.Status)
	return *receipt.ContractAddress
}
