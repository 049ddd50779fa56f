package shield_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// examples has for every poison requests that are it, as a caller would hand
// them in.
var examples = map[shield.Poison]map[string]func(testing.TB) error{
	shield.PoisonSignature: {
		"v 27": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Signature[64] = 27 })
		},
		"v 4": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Signature[64] = 4 })
		},
		"v 2": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Signature[64] = 2 })
		},
		"none": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Signature = nil })
		},
		"of GM": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Signature = signed(t, suite.GM).Signature })
		},
		"GM, one byte too many": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Signature = append(x.Signature, 0) })
		},
		"GM, of a standard chain": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Signature = signed(t, suite.Standard).Signature })
		},
		"no such suite": func(t testing.TB) error {
			x := signed(t, suite.Standard)
			x.Signature[64] = 27
			return shield.Transaction(op, &x, suite.Suite(7))
		},
	},
	shield.PoisonAddress: {
		"getCode, 32 bytes": func(testing.TB) error {
			return shield.Request("getCode", suite.Standard, []any{"group0", "", longAddress})
		},
		"getABI, 32 bytes": func(testing.TB) error {
			return shield.Request("getABI", suite.Standard, []any{"group0", "", "0x" + longAddress})
		},
		"call, 32 bytes": func(testing.TB) error {
			return shield.Request("call", suite.GM, []any{"group0", "", longAddress, "0x6d4ce63c"})
		},
		"21 bytes":   func(testing.TB) error { return shield.Address("getCode", contract+"00") },
		"19 bytes":   func(testing.TB) error { return shield.Address("getCode", contract[2:]) },
		"empty":      func(testing.TB) error { return shield.Address("getCode", "") },
		"0X":         func(testing.TB) error { return shield.Address("getCode", "0X"+contract) },
		"0x twice":   func(testing.TB) error { return shield.Address("getCode", "0x0x"+contract[2:]) },
		"full width": func(testing.TB) error { return shield.Address("getCode", strings.Repeat("１", 40)) },
		"null":       func(testing.TB) error { return shield.Request("getCode", suite.Standard, []any{"group0", "", nil}) },
		"list": func(testing.TB) error {
			return shield.Request("getCode", suite.Standard, []any{"group0", "", []string{longAddress}})
		},
		"a common.Hash": func(testing.TB) error {
			return shield.Request("getCode", suite.Standard, []any{"group0", "", common.Hash{1}})
		},
	},
	shield.PoisonTo: {
		"0X": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To = "0X" + contract })
		},
		"words": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To = "not hex" })
		},
		"a path": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Data.To = "/sys/status" })
		},
		"0x": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To = "0x" })
		},
		"32 bytes": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Data.To = longAddress })
		},
		"a space behind": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To = contract + " " })
		},
		"a NUL inside": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.To = contract[:39] + "\x00" })
		},
	},
	shield.PoisonVersion: {
		"3": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Version = 3 })
		},
		"-1": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Version = -1 })
		},
		"2^31-1": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Data.Version = 1<<31 - 1 })
		},
	},
	shield.PoisonExecutorVersion: {
		"9": func(t testing.TB) error { return sendSetting(t, suite.Standard, configText, "executor_version", "9") },
		"to with 0x": func(t testing.TB) error {
			return sendSetting(t, suite.Standard, "0x"+configText, "executor_version", "2")
		},
		"upper case":   func(t testing.TB) error { return sendSetting(t, suite.GM, configText, "EXECUTOR_Version", "9") },
		"GM":           func(t testing.TB) error { return sendSetting(t, suite.GM, configText, "executor_version", "-1") },
		"01":           func(t testing.TB) error { return sendSetting(t, suite.Standard, configText, "executor_version", "01") },
		"empty":        func(t testing.TB) error { return sendSetting(t, suite.Standard, configText, "executor_version", "") },
		"proposed":     func(t testing.TB) error { return sendSetting(t, suite.Standard, council, "Executor_version", "3") },
		"proposed, GM": func(t testing.TB) error { return sendSetting(t, suite.GM, "0x"+council, "executor_version", "3") },
		"the other suite's selector": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) {
				x.Data.To, x.Data.Input = configText, setting(t, suite.GM, setNow, "executor_version", "9")
			})
		},
		"as a call": func(t testing.TB) error {
			return shield.Request("call", suite.Standard, []any{"group0", "", "0x" + configText, jsonrpc.Hex(setting(t, suite.Standard, setNow, "executor_version", "9"))})
		},
		"typed": func(testing.TB) error { return shield.SystemConfig(op, "executor_version", "9") },
	},
	shield.PoisonCompatibility: {
		"9.9.9": func(t testing.TB) error {
			return sendSetting(t, suite.Standard, configText, "compatibility_version", "9.9.9")
		},
		"3.16.5": func(t testing.TB) error {
			return sendSetting(t, suite.GM, configText, "COMPATIBILITY_VERSION", "3.16.5")
		},
		"proposed": func(t testing.TB) error {
			return sendSetting(t, suite.Standard, council, "compatibility_version", "3.17.0")
		},
		"no version": func(testing.TB) error {
			return shield.SystemConfig(op, "compatibility_version", "three")
		},
		"two parts":  func(testing.TB) error { return shield.SystemConfig(op, "compatibility_version", "3.16") },
		"four parts": func(testing.TB) error { return shield.SystemConfig(op, "compatibility_version", "3.16.4.1") },
		"a zero":     func(testing.TB) error { return shield.SystemConfig(op, "compatibility_version", "3.016.4") },
		"wraps":      func(testing.TB) error { return shield.SystemConfig(op, "compatibility_version", "3.4294967297.0") },
	},
	shield.PoisonAMOP: {
		"two bytes":     func(testing.TB) error { return shield.AMOPPayload(op, []byte{0, 0}) },
		"past the end":  func(testing.TB) error { return shield.AMOPPayload(op, []byte("\x00\x00\x00\x00\x00\xc8short")) },
		"no topic":      func(testing.TB) error { return shield.AMOPPayload(op, []byte("\x00\x00\x00\x00\x00\x00data")) },
		"version":       func(testing.TB) error { return shield.AMOPPayload(op, []byte("\x00\x00\x00\x01\x00\x01tdata")) },
		"nothing":       func(testing.TB) error { return shield.AMOPPayload(op, nil) },
		"empty topic":   func(testing.TB) error { return shield.AMOP(op, "", []byte("data")) },
		"endless topic": func(testing.TB) error { return shield.AMOP(op, strings.Repeat("t", 1<<16), nil) },
		"request frame": func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0x0111, "\x00\x00")) },
		"broadcast": func(testing.TB) error {
			return shield.Message(op, suite.Standard, frameOf(0x0112, "\x00\x00\x00\x00\x00\x09topic"))
		},
		"one byte short": func(testing.TB) error { return shield.AMOPPayload(op, []byte("\x00\x00\x00\x00\x00\x05topi")) },
	},
	shield.PoisonFrame: {
		"seq past the end": func(testing.TB) error { return shield.Frame(op, []byte("\x00\x00\x01\x02\x00\x00\x03\xe8seq\x00\x00")) },
		"one too many":     func(testing.TB) error { return shield.Frame(op, []byte("\x00\x00\x01\x02\x00\x00\x00\x01\x00\x00")) },
		"as a message": func(testing.TB) error {
			return shield.Message(op, suite.GM, []byte("\x00\x00\x01\x02\x00\x00\xff\xffseq\x00\x00"))
		},
	},
	shield.PoisonShortFrame: {
		"nothing":    func(testing.TB) error { return shield.Frame(op, nil) },
		"nine bytes": func(testing.TB) error { return shield.Message(op, suite.Standard, make([]byte, 9)) },
	},
	shield.PoisonSize: {
		"frame":    func(testing.TB) error { return shield.Frame(op, make([]byte, shield.MaxMessage)) },
		"envelope": func(testing.TB) error { return shield.Envelope(op, suite.Standard, make([]byte, shield.MaxMessage)) },
		"transaction of 16.1 MiB": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Input = make([]byte, 161<<20/10) })
		},
		"transaction, decoded": func(t testing.TB) error {
			x := signed(t, suite.Standard)
			x.Data.ABI = strings.Repeat("x", 16<<20)
			return shield.Transaction(op, &x, suite.Standard)
		},
		"call": func(testing.TB) error {
			return shield.Request("call", suite.Standard, []any{"", "", contract, jsonrpc.Hex(make([]byte, 16<<20))})
		},
		"AMOP": func(testing.TB) error { return shield.AMOP(op, "topic", make([]byte, shield.MaxMessage)) },
	},
	shield.PoisonCallSignature: {
		"v 27": func(t testing.TB) error {
			return signedCall(t, suite.Standard, func(b []byte) []byte { b[64] = 27; return b })
		},
		"cut": func(t testing.TB) error {
			return signedCall(t, suite.Standard, func(b []byte) []byte { return b[:64] })
		},
		"empty":   func(t testing.TB) error { return signedCall(t, suite.GM, func([]byte) []byte { return nil }) },
		"GM, cut": func(t testing.TB) error { return signedCall(t, suite.GM, func(b []byte) []byte { return b[:127] }) },
		"null": func(testing.TB) error {
			return shield.Request("call", suite.Standard, []any{"", "", contract, "0x", nil})
		},
	},
	shield.PoisonSetting: {
		"arguments cut": func(t testing.TB) error {
			return sendInput(t, configText, setting(t, suite.Standard, setNow, "a", "b")[:100])
		},
		"selector only": func(t testing.TB) error {
			return sendInput(t, council, setting(t, suite.Standard, propose, "a", "b", big.NewInt(1))[:4])
		},
		"offset of 2^64+64": func(t testing.TB) error {
			return sendInput(t, configText, withByte(setting(t, suite.Standard, setNow, "executor_version", "9"), 4+23, 1))
		},
		"offset into the heads": func(t testing.TB) error {
			return sendInput(t, configText, withByte(setting(t, suite.Standard, setNow, "executor_version", "9"), 4+31, 0))
		},
		"length past the end": func(t testing.TB) error {
			return sendInput(t, configText, withByte(setting(t, suite.Standard, setNow, "executor_version", "9"), 4+64+30, 1))
		},
	},
	shield.PoisonTransaction: {
		"not TARS": func(testing.TB) error {
			return shield.Request("sendTransaction", suite.Standard, []any{"", "", "0x1a0b1a0b"})
		},
		"nothing": func(testing.TB) error { return shield.Request("sendTransaction", suite.Standard, []any{"", "", "0x"}) },
		"no hex": func(testing.TB) error {
			return shield.Request("sendTransaction", suite.Standard, []any{"", "", "0xzz"})
		},
		"null": func(testing.TB) error { return shield.Request("sendTransaction", suite.Standard, []any{"", "", nil}) },
		"nested without end": func(t testing.TB) error {
			x := signed(t, suite.Standard)
			raw := append(x.Append(nil), []byte(strings.Repeat("\xfa\x0c", 100_000))...)
			return shield.Request("sendTransaction", suite.Standard, []any{"", "", jsonrpc.Hex(raw)})
		},
		"two signatures": func(t testing.TB) error {
			x := signed(t, suite.Standard)
			raw := append(x.Append(nil), []byte("\x3d\x00\x00\x01\x05")...)
			return shield.Request("sendTransaction", suite.Standard, []any{"", "", jsonrpc.Hex(raw)})
		},
	},
	shield.PoisonWeb3: {
		"type": func(t testing.TB) error { return send(t, suite.Standard, func(x *tars.Transaction) { x.Type = 1 }) },
		"payload": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.ExtraTransactionBytes = []byte{1} })
		},
		"hash": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.ExtraTransactionHash = []byte{1} })
		},
	},
	shield.PoisonQuantity: {
		"decimal": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.Value = "1" })
		},
		"0X": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.GasPrice = "0X1" })
		},
		"negative": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.MaxFeePerGas = "-0x1" })
		},
		"not hex": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Data.MaxPriorityFeePerGas = "0xg" })
		},
		"515 digits": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Data.Value = "0x" + strings.Repeat("0", 513) })
		},
		"in version 0": func(t testing.TB) error {
			return send(t, suite.GM, func(x *tars.Transaction) { x.Data.Version, x.Data.Value = 0, "zz" })
		},
		"gas limit": func(t testing.TB) error { return send(t, suite.GM, func(x *tars.Transaction) { x.Data.GasLimit = -1 }) },
	},
	shield.PoisonBlockLimit: {
		"-1": func(t testing.TB) error {
			return send(t, suite.Standard, func(x *tars.Transaction) { x.Data.BlockLimit = -1 })
		},
	},
	shield.PoisonMethod: {
		"unknown": func(testing.TB) error { return shield.Request("noSuchMethod", suite.Standard, nil) },
		"Web3":    func(testing.TB) error { return shield.Request("eth_blockNumber", suite.Standard, nil) },
		"case":    func(testing.TB) error { return shield.Request("getcode", suite.Standard, []any{"", "", longAddress}) },
		"NUL": func(testing.TB) error {
			return shield.Request("getCode\x00", suite.Standard, []any{"", "", longAddress})
		},
		"envelope": func(testing.TB) error {
			return shield.Envelope(op, suite.Standard, []byte(`{"method":"x","params":[]}`))
		},
	},
	shield.PoisonParameter: {
		"too many": func(testing.TB) error {
			return shield.Request("getCode", suite.Standard, []any{"", "", contract, longAddress})
		},
		"too few": func(testing.TB) error { return shield.Request("call", suite.Standard, []any{"", "", contract}) },
		"group":   func(testing.TB) error { return shield.Request("getBlockNumber", suite.Standard, []any{1}) },
		"long name": func(testing.TB) error {
			return shield.Request("getBlockNumber", suite.Standard, []any{strings.Repeat("g", 5000)})
		},
		"fraction": func(testing.TB) error { return shield.Request("getBlockByNumber", suite.Standard, []any{"", "", 1.5}) },
		"above 2^63": func(testing.TB) error {
			return shield.Request("getBlockByNumber", suite.Standard, []any{"", "", uint64(1 << 63)})
		},
		"flag": func(testing.TB) error {
			return shield.Request("getBlockByNumber", suite.Standard, []any{"", "", 1, "true"})
		},
		"hash": func(testing.TB) error { return shield.Request("getTransaction", suite.Standard, []any{"", "", "0x12"}) },
		"data": func(testing.TB) error {
			return shield.Request("call", suite.Standard, []any{"", "", contract, "0x123"})
		},
		"empty data":   func(testing.TB) error { return shield.Request("call", suite.Standard, []any{"", "", contract, ""}) },
		"not writable": func(testing.TB) error { return shield.Request("getBlockNumber", suite.Standard, []any{func() {}}) },
		"not valid JSON": func(testing.TB) error {
			return shield.Envelope(op, suite.Standard, []byte(`{"method":"getPeers","params":[]} x`))
		},
		"batch": func(testing.TB) error {
			return shield.Envelope(op, suite.Standard, []byte(`[{"method":"getPeers","params":[]}]`))
		},
		"id": func(testing.TB) error {
			return shield.Envelope(op, suite.Standard, []byte(`{"id":"1","method":"getPeers","params":[]}`))
		},
		"no list": func(testing.TB) error {
			return shield.Envelope(op, suite.Standard, []byte(`{"method":"getPeers","params":{}}`))
		},
		"nested": func(testing.TB) error {
			return shield.Envelope(op, suite.Standard, []byte(`{"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`,"method":"getPeers","params":[]}`))
		},
	},
	shield.PoisonFilter: {
		"five positions": func(testing.TB) error {
			return getLogs(`{"fromBlock":"","toBlock":"","address":[],"topics":[null,null,null,null,null]}`)
		},
		"no topics":  func(testing.TB) error { return getLogs(`{"fromBlock":"","toBlock":"","address":[]}`) },
		"no address": func(testing.TB) error { return getLogs(`{"fromBlock":"","toBlock":"","topics":[]}`) },
		"no toBlock": func(testing.TB) error { return getLogs(`{"fromBlock":"","address":[],"topics":[]}`) },
		"number":     func(testing.TB) error { return getLogs(`{"fromBlock":5,"toBlock":"","address":[],"topics":[]}`) },
		"block name": func(testing.TB) error { return getLogs(`{"fromBlock":"Latest","toBlock":"","address":[],"topics":[]}`) },
		"block 0x-1": func(testing.TB) error { return getLogs(`{"fromBlock":"0x-1","toBlock":"","address":[],"topics":[]}`) },
		"block of 2^64": func(testing.TB) error {
			return getLogs(`{"fromBlock":"0xffffffffffffffff","toBlock":"","address":[],"topics":[]}`)
		},
		"long address": func(testing.TB) error {
			return getLogs(`{"fromBlock":"","toBlock":"","address":"` + longAddress + `","topics":[]}`)
		},
		"topic": func(testing.TB) error { return getLogs(`{"fromBlock":"","toBlock":"","address":[],"topics":["0x12"]}`) },
		"nested topic": func(testing.TB) error {
			return getLogs(`{"fromBlock":"","toBlock":"","address":[],"topics":[[["0x12"]]]}`)
		},
		"block hash": func(testing.TB) error {
			return getLogs(`{"fromBlock":"","toBlock":"","address":[],"topics":[],"blockhash":1}`)
		},
		"member": func(testing.TB) error {
			return getLogs(`{"fromBlock":"","toBlock":"","address":[],"topics":[],"limit":1}`)
		},
		"text": func(testing.TB) error { return getLogs(`"x"`) },
		"1001 addresses": func(testing.TB) error {
			return shield.Filter(op, map[string]any{"fromBlock": "", "toBlock": "", "address": make([]common.Address, 1001), "topics": []string{}})
		},
		"1001 alternatives": func(testing.TB) error {
			return shield.Filter(op, map[string]any{"fromBlock": "", "toBlock": "", "address": []string{}, "topics": [][]common.Hash{make([]common.Hash, 1001)}})
		},
	},
	shield.PoisonSubscription: {
		"no JSON":        func(testing.TB) error { return shield.Subscription(op, []byte("hello")) },
		"no id":          func(testing.TB) error { return shield.Subscription(op, []byte(`{"group":"group0","params":{}}`)) },
		"no group":       func(testing.TB) error { return shield.Subscription(op, []byte(`{"id":"1","params":{}}`)) },
		"no params":      func(testing.TB) error { return shield.Subscription(op, []byte(`{"id":"1","group":"group0"}`)) },
		"params":         func(testing.TB) error { return subscribe(`[]`) },
		"text":           func(testing.TB) error { return subscribe(`{"fromBlock":"381"}`) },
		"never ends":     func(testing.TB) error { return subscribe(`{"fromBlock":385,"toBlock":381}`) },
		"addresses":      func(testing.TB) error { return subscribe(`{"addresses":"` + contract + `"}`) },
		"long address":   func(testing.TB) error { return subscribe(`{"addresses":["` + longAddress + `"]}`) },
		"topics":         func(testing.TB) error { return subscribe(`{"topics":"x"}`) },
		"five positions": func(testing.TB) error { return subscribe(`{"topics":[null,null,null,null,null]}`) },
		"member":         func(testing.TB) error { return subscribe(`{"extra":1}`) },
		"frame":          func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0x0120, "hello")) },
		"unsubscription": func(testing.TB) error { return shield.Unsubscription(op, []byte(`{"id":"15"}`)) },
		"its frame":      func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0x0121, "hello")) },
	},
	shield.PoisonTopics: {
		"text":       func(testing.TB) error { return shield.AMOPTopics(op, []byte(`{"topics":"x"}`)) },
		"no JSON":    func(testing.TB) error { return shield.AMOPTopics(op, []byte("hello")) },
		"numbers":    func(testing.TB) error { return shield.AMOPTopics(op, []byte(`{"topics":[1]}`)) },
		"empty text": func(testing.TB) error { return shield.AMOPTopics(op, []byte(`{"topics":[""]}`)) },
		"absent":     func(testing.TB) error { return shield.AMOPTopics(op, []byte(`{}`)) },
		"too many": func(testing.TB) error {
			return shield.AMOPTopics(op, []byte(`{"topics":["t"`+strings.Repeat(`,"t"`, 1000)+`]}`))
		},
		"frame": func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0x0110, `{"topics":{}}`)) },
	},
	shield.PoisonFrameType: {
		"notification": func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0x0101, "{}")) },
		"answer":       func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0, "{}")) },
		"unknown":      func(testing.TB) error { return shield.Message(op, suite.Standard, frameOf(0x7777, "")) },
	},
}
