package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// The contracts and accounts of these tests. The keys are known to everybody.
const (
	governorKey = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
	adminKey    = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
)

var (
	authManagerAt = common.HexToAddress("0x1005")
	committeeAt   = common.HexToAddress("0x10001")
	accountsAt    = common.HexToAddress("0x10003")
	membersAt     = common.HexToAddress("0xc0c0000000000000000000000000000000000001")
	proposalsAt   = common.HexToAddress("0xc0c0000000000000000000000000000000000002")

	governorOne = common.HexToAddress("0x2c7536E3605D9C16a7a3D7b1898e529396a65c23") // of governorKey
	governorTwo = common.HexToAddress("0x1111111111111111111111111111111111111111")
	someone     = common.HexToAddress("0x2222222222222222222222222222222222222222")
	assetAt     = common.HexToAddress("0x3333333333333333333333333333333333333333")
)

// pack encodes values for the parameter list of a signature with another codec
// than the program's.
func pack(t testing.TB, signature string, values ...any) []byte {
	t.Helper()
	var inputs abi.Arguments
	if !strings.HasSuffix(signature, "()") {
		parsed, err := abi.ParseSelector(signature)
		require.NoError(t, err)
		text, err := json.Marshal(parsed.Inputs)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &inputs))
	}
	packed, err := inputs.Pack(values...)
	require.NoError(t, err, signature)
	return packed
}

// authNode is a node on a real socket whose answers a test writes. It speaks
// frames with code of its own.
type authNode struct {
	t     testing.TB
	suite suite.Suite
	addr  string
	dir   string // has the configuration and the key files
	admin common.Address

	calls map[string]string // results by "to input"
	abi   string            // of any contract
	// send answers a transaction, "" not at all.
	send    func(s *authSession, t tx.Transaction) string
	receipt func(hash string) string // answers getTransactionReceipt; nil knows none

	mu  sync.Mutex
	got []tx.Transaction
}

type authSession struct {
	ws  *websocket.Conn
	seq []byte
}

// startAuthNode is a node of a chain with permissions, two governors and a
// contract with an administrator, and a folder with a configuration for it.
func startAuthNode(t *testing.T, s suite.Suite) *authNode {
	n := &authNode{t: t, suite: s, dir: t.TempDir(), calls: map[string]string{}}
	ctx, stop := context.WithCancel(context.Background())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.serve(ctx, w, r) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(func() {
		stop()
		server.CloseClientConnections()
		server.Close()
	})
	n.addr = server.Listener.Addr().String()

	admin, err := suite.ParseKey([]byte(adminKey), s)
	require.NoError(t, err)
	n.admin = admin.Address()
	n.write("governor.key", governorKey)
	n.write("admin.key", adminKey)
	n.write("gateway.yaml", fmt.Sprintf("http: {listen: 127.0.0.1:0}\nstore: {path: jobs.db}\n"+
		"accounts:\n  - {name: governor, file: governor.key}\n  - {name: admin, file: admin.key}\n"+
		"targets:\n  - name: main\n    nodes: [%s]\n    account: governor\n    tls: {disabled: true}\n", n.addr))

	n.on(committeeAt, "_committee()", nil, "address", membersAt)
	n.on(committeeAt, "_proposalMgr()", nil, "address", proposalsAt)
	n.on(membersAt, "getCommitteeInfo()", nil, "uint8,uint8,address[],uint32[]", uint8(0), uint8(51), []common.Address{governorOne, governorTwo}, []uint32{1, 1})
	n.on(committeeAt, "isGovernor(address)", []any{governorOne}, "bool", true)
	n.on(committeeAt, "isGovernor(address)", []any{n.admin}, "bool", false)
	n.on(authManagerAt, "deployType()", nil, "uint256", big.NewInt(1))
	n.on(authManagerAt, "hasDeployAuth(address)", []any{governorOne}, "bool", true)
	n.on(accountsAt, "getAccountStatus(address)", []any{governorOne}, "uint8", uint8(0))
	n.on(authManagerAt, "getAdmin(address)", []any{assetAt}, "address", n.admin)
	n.on(authManagerAt, "contractAvailable(address)", []any{assetAt}, "bool", true)
	return n
}

func (n *authNode) write(name, text string) {
	require.NoError(n.t, os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600))
}

func (n *authNode) input(signature string, args ...any) []byte {
	selector := n.suite.Selector(signature)
	return append(selector[:], pack(n.t, signature, args...)...)
}

// on sets the answer of one call.
func (n *authNode) on(to common.Address, signature string, args []any, returns string, out ...any) {
	n.calls[callKey(to, n.input(signature, args...))] = fmt.Sprintf(`{"blockNumber":100,"status":0,"output":"0x%x"}`, pack(n.t, "f("+returns+")", out...))
}

func callKey(to common.Address, input []byte) string { return fmt.Sprintf("%x %x", to[:], input) }

func (n *authNode) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer ws.CloseNow()
	for {
		_, message, err := ws.Read(ctx)
		if err != nil {
			return
		}
		seqLen := int(binary.BigEndian.Uint16(message[6:8]))
		s := &authSession{ws: ws, seq: message[8 : 8+seqLen]}
		switch binary.BigEndian.Uint16(message[2:4]) {
		case 0x100:
			s.frame(0x100, fmt.Sprintf(`{"groupBlockNumber":[{"group0":100}],"groupInfoList":[{"chainID":"chain0","groupID":"group0","genesisConfig":"{}","iniConfig":"",`+
				`"nodeList":[{"name":"n","nodeID":"n","type":%d,"iniConfig":"{\"isAuthCheck\":false}"}]}],"protocolVersion":2}`, n.suite))
		case 0x102:
			if answer := n.answer(s, message[10+seqLen:]); answer != "" {
				s.frame(0, answer)
			}
		}
	}
}

func (s *authSession) frame(typ uint16, payload string) {
	b := make([]byte, 8, 10+len(s.seq)+len(payload))
	binary.BigEndian.PutUint16(b[2:], typ)
	binary.BigEndian.PutUint16(b[6:], uint16(len(s.seq)))
	b = append(append(append(b, s.seq...), 0, 0), payload...)
	_ = s.ws.Write(context.Background(), websocket.MessageBinary, b)
}

func (n *authNode) answer(s *authSession, body []byte) string {
	var request struct {
		Method string
		Params []json.RawMessage
	}
	if err := json.Unmarshal(body, &request); err != nil {
		n.t.Errorf("a request is no JSON: %v", err)
		return ""
	}
	text := func(i int) (v string) { _ = json.Unmarshal(request.Params[i], &v); return strings.TrimPrefix(v, "0x") }
	switch request.Method {
	case "getBlockNumber":
		return rpcResult("100")
	case "getSystemConfigByKey":
		return rpcResult(`{"blockNumber":0,"value":"1"}`)
	case "getABI":
		quoted, _ := json.Marshal(n.abi)
		return rpcResult(string(quoted))
	case "call":
		if result, ok := n.calls[text(2)+" "+text(3)]; ok {
			return rpcResult(result)
		}
		n.t.Errorf("an unexpected call of %s with %s", text(2), text(3))
	case "getTransactionReceipt":
		if n.receipt != nil {
			return rpcResult(n.receipt("0x" + text(2)))
		}
		return rpcError(3008, "GetTransactionReceiptByHash")
	case "sendTransaction":
		raw, _ := hex.DecodeString(text(2))
		t, err := tx.Decode(n.suite, raw)
		if err != nil {
			n.t.Errorf("a transaction that no node should get: %v", err)
			return ""
		}
		n.mu.Lock()
		n.got = append(n.got, t)
		n.mu.Unlock()
		if n.send != nil {
			return n.send(s, t)
		}
	}
	return ""
}

func rpcResult(result string) string { return `{"jsonrpc":"2.0","id":1,"result":` + result + `}` }

func rpcError(code int, message string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":%d,"message":%q}}`, code, message)
}

// sent is what the node was sent.
func (n *authNode) sent() []tx.Transaction {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]tx.Transaction(nil), n.got...)
}

// receiptOf is a receipt in block 101; logs is JSON.
func receiptOf(hash, to string, status int, output []byte, logs string) string {
	own := "0x" + strings.Repeat("cd", 32)
	return fmt.Sprintf(`{"version":0,"transactionHash":%q,"hash":%q,"blockNumber":101,"status":%d,"contractAddress":"","from":%q,"to":%q,"gasUsed":"7","output":"0x%x","message":"","logEntries":[%s]}`,
		hash, own, status, strings.ToLower(governorOne.Hex()), to, output, logs)
}

// answers sends each transaction the same receipt.
func (n *authNode) answers(status int, output []byte, logs string) {
	n.send = func(_ *authSession, t tx.Transaction) string {
		return rpcResult(receiptOf(t.Hash.Hex(), t.Data.To, status, output, logs))
	}
}

// executedLog is the committee's event after a proposal was executed.
func (n *authNode) executedLog(code int64) string {
	return fmt.Sprintf(`{"address":"%x","topics":[%q],"data":"0x%x"}`, committeeAt[:], n.suite.Hash([]byte("execResult(int256)")).Hex(), pack(n.t, "f(int256)", big.NewInt(code)))
}

// proposal sets what the chain says of proposal 7.
func (n *authNode) proposal(status uint8, agree, against []common.Address) {
	n.on(proposalsAt, "getProposalInfo(uint256)", []any{big.NewInt(7)}, "address,address,uint8,uint256,uint8,address[],address[]",
		someone, governorOne, uint8(22), big.NewInt(700), status, agree, against)
}

// run gives a command line below `gateway chain auth` to the program.
func (n *authNode) run(ctx context.Context, args ...string) (code int, out, err string) {
	n.t.Helper()
	stdout, stderr := newBuffer(), newBuffer()
	code = execute(ctx, append([]string{"chain", "auth", "--config", filepath.Join(n.dir, "gateway.yaml")}, args...), stdout, stderr)
	return code, stdout.String(), stderr.String()
}
