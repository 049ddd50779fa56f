package shield_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

const (
	contract    = "6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"
	configText  = "0000000000000000000000000000000000001000"
	council     = "0000000000000000000000000000000000010001"
	longAddress = "1111111111111111111111111111111111111111111111111111111111111111"
)

// signed is a whole transaction to a contract, in version 2, as an account of s
// would send it.
func signed(t testing.TB, s suite.Suite) tars.Transaction {
	t.Helper()
	secret := [32]byte{31: 7}
	key, err := suite.NewKey(s, secret[:])
	require.NoError(t, err)
	to := common.HexToAddress(contract)
	made, err := tx.NewSigner(key, "chain0", "group0").SignFields(
		chain.Intent{To: &to, Input: []byte{0x6d, 0x4c, 0xe6, 0x3c}, Value: big.NewInt(0)},
		chain.Terms{Nonce: "1", BlockLimit: 500}, tx.Fields{Version: 2, Extension: []byte("x")})
	require.NoError(t, err)
	decoded, err := tars.DecodeTransaction(made.Raw)
	require.NoError(t, err)
	return decoded
}

// send hands in a transaction as a raw one, changed before.
func send(t testing.TB, s suite.Suite, change func(*tars.Transaction)) error {
	t.Helper()
	transaction := signed(t, s)
	change(&transaction)
	return shield.Request("sendTransaction", s, []any{"group0", "", jsonrpc.Hex(transaction.Append(nil)), false})
}

// setting is the call of a function that sets a system configuration.
func setting(t testing.TB, s suite.Suite, function string, values ...any) []byte {
	t.Helper()
	_, list, _ := strings.Cut(strings.TrimSuffix(function, ")"), "(")
	var args abi.Arguments
	for _, name := range strings.Split(list, ",") {
		typ, err := abi.NewType(name, "", nil)
		require.NoError(t, err)
		args = append(args, abi.Argument{Type: typ})
	}
	packed, err := args.Pack(values...)
	require.NoError(t, err)
	selector := s.Selector(function)
	return append(selector[:], packed...)
}

const (
	setNow  = "setValueByKey(string,string)"
	propose = "createSetSysConfigProposal(string,string,uint256)"
)

func sendSetting(t testing.TB, s suite.Suite, to, key, value string) error {
	t.Helper()
	function, values := setNow, []any{key, value}
	if strings.HasSuffix(to, council) {
		function, values = propose, []any{key, value, big.NewInt(100)}
	}
	return send(t, s, func(x *tars.Transaction) { x.Data.To, x.Data.Input = to, setting(t, s, function, values...) })
}

// frameOf is a message with a seq of 32 characters.
func frameOf(typ uint16, payload string) []byte {
	return append(append([]byte{0, 0, byte(typ >> 8), byte(typ), 0, 0, 0, 32}, strings.Repeat("5", 32)+"\x00\x00"...), payload...)
}

const op = "test"

func signedCall(t testing.TB, s suite.Suite, change func([]byte) []byte) error {
	t.Helper()
	signature := change(signed(t, s).Signature)
	return shield.Request("call", s, []any{"group0", "", contract, "0x6d4ce63c", jsonrpc.Hex(signature)})
}

func sendInput(t testing.TB, to string, input []byte) error {
	t.Helper()
	return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To, x.Data.Input = to, input })
}

func withByte(b []byte, at int, v byte) []byte {
	b[at] = v
	return b
}

func getLogs(filter string) error {
	return shield.Envelope(op, suite.Standard, []byte(`{"id":1,"method":"getLogs","params":["group0",`+filter+`]}`))
}

func subscribe(params string) error {
	return shield.Subscription(op, []byte(`{"id":"1","group":"group0","params":`+params+`}`))
}

// Every poison of the table is refused by name, before anything is sent.
func TestPoisonsAreRefused(t *testing.T) {
	t.Parallel()
	for _, entry := range shield.Poisons() {
		t.Run(string(entry.Name), func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, entry.What)
			require.Contains(t, entry.Source, "§")
			require.Equal(t, entry.Effect, entry.Name.Effect())
			require.NotEmpty(t, examples[entry.Name], "the table has an entry without an example")
			for name, example := range examples[entry.Name] {
				requireRefused(t, example(t), entry.Name, name)
			}
		})
	}
}

func requireRefused(t testing.TB, err error, poison shield.Poison, name string) {
	t.Helper()
	kind := chain.KindInvalid
	if poison == shield.PoisonMethod {
		kind = chain.KindUnsupported
	}
	require.Equal(t, kind, chain.KindOf(err), "%s: %v", name, err)
	require.True(t, chain.Unsent(err), name)
	refusal, ok := errors.AsType[*shield.Refusal](err)
	require.True(t, ok, name)
	require.Equal(t, poison, refusal.Poison, "%s: %v", name, err)
	require.NotEmpty(t, refusal.Reason, name)
	require.ErrorContains(t, err, poison.Effect(), name)
	require.Less(t, len(err.Error()), 1000, name)
}

func TestExamplesAreInTheTable(t *testing.T) {
	t.Parallel()
	listed := map[shield.Poison]bool{}
	for _, entry := range shield.Poisons() {
		require.False(t, listed[entry.Name], "%s stands twice in the table", entry.Name)
		listed[entry.Name] = true
	}
	for poison := range examples {
		require.True(t, listed[poison], poison)
	}
	shield.Poisons()[0].Name = "" // the caller's copy
	require.NotEmpty(t, shield.Poisons()[0].Name)
}

// What is next to a poison passes.
func TestHarmlessRequestsPass(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"standard transaction": send(t, suite.Standard, func(*tars.Transaction) {}),
		"GM transaction":       send(t, suite.GM, func(*tars.Transaction) {}),
		"to with 0x":           send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To = "0x" + contract }),
		"to in upper case":     send(t, suite.GM, func(x *tars.Transaction) { x.Data.To = strings.ToUpper(contract) }),
		"deployment":           send(t, suite.GM, func(x *tars.Transaction) { x.Data.To = "" }),
		"value 0x":             send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Value = "0x" }),
		"long value":           send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Value = "0x" + strings.Repeat("0", 512) }),
		"15.9 MiB":             send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Input = make([]byte, 159<<20/10-1024) }),
		"executor_version 1":   sendSetting(t, suite.Standard, configText, "executor_version", "1"),
		"executor_version 0":   sendSetting(t, suite.GM, council, "executor_version", "0"),
		"3.16.4":               sendSetting(t, suite.Standard, configText, "compatibility_version", "3.16.4"),
		"other setting":        sendSetting(t, suite.Standard, configText, "tx_count_limit", "9"),
		"reading a setting": shield.Request("call", suite.Standard, []any{"group0", "", configText,
			jsonrpc.Hex(setting(t, suite.Standard, "getValueByKey(string)", "executor_version"))}),
		"elsewhere":           sendInput(t, contract, setting(t, suite.Standard, setNow, "executor_version", "9")),
		"getCode":             shield.Request("getCode", suite.Standard, []any{"group0", "", "0x" + contract}),
		"a common.Address":    shield.Request("getABI", suite.Standard, []any{"group0", "", common.HexToAddress(contract)}),
		"signed call":         signedCall(t, suite.Standard, func(b []byte) []byte { return b }),
		"signed call, GM":     signedCall(t, suite.GM, func(b []byte) []byte { return b }),
		"no data":             shield.Request("call", suite.Standard, []any{"group0", "", contract, "0x"}),
		"nothing given":       shield.Request("getBlockNumber", suite.Standard, nil),
		"block":               shield.Request("getBlockByNumber", suite.Standard, []any{"group0", "", uint64(1<<63 - 1), true, false}),
		"filter":              getLogs(`{"fromBlock":"0x1","toBlock":"latest","address":["0x` + contract + `"],"topics":[null,["0x` + longAddress + `"],"` + longAddress + `",[]]}`),
		"filter by one block": getLogs(`{"fromBlock":"","toBlock":"","address":"` + contract + `","topics":[],"blockhash":"0x` + longAddress + `"}`),
		"typed filter": shield.Filter(op, map[string]any{"fromBlock": "0x7fffffffffffffff", "toBlock": "", "address": []common.Address{{}},
			"topics": []any{nil, []common.Hash{{}}}}),
		"subscription":         subscribe(`{"fromBlock":-1,"toBlock":-1,"addresses":["` + contract + `"],"topics":[["` + longAddress + `"],null]}`),
		"subscription to all":  subscribe(`{}`),
		"unsubscription":       shield.Unsubscription(op, []byte(`{"id":"1","group":"group0"}`)),
		"AMOP":                 shield.AMOP(op, "topic", nil),
		"AMOP payload":         shield.AMOPPayload(op, []byte("\x00\x00\x00\x00\x00\x05topic")),
		"AMOP topics":          shield.AMOPTopics(op, []byte(`{"topics":["a","b"]}`)),
		"AMOP, no topics":      shield.AMOPTopics(op, []byte("{\"topics\":[]}\n")),
		"AMOP answer":          shield.Message(op, suite.Standard, frameOf(0x0113, "\x00")),
		"handshake":            shield.Message(op, suite.Standard, frameOf(0x0100, "{}")),
		"frame without seq":    shield.Frame(op, make([]byte, 10)),
		"request in a message": shield.Message(op, suite.GM, frameOf(0x0102, `{"jsonrpc":"2.0","id":1,"method":"getPeers","params":[]}`)),
	} {
		require.NoError(t, err, name)
	}
}
