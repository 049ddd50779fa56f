package shield_test

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/jsonrpc"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func suiteIf(gm bool) suite.Suite {
	if gm {
		return suite.GM
	}
	return suite.Standard
}

// FuzzShieldTransaction throws bytes at the check of raw transactions: what
// passes has nothing that the oracle knows to be poison.
func FuzzShieldTransaction(f *testing.F) {
	for _, name := range golden.Files(f, "tx/*.jsonl") {
		for i, e := range golden.Ledger(f, name) {
			if raw, err := hex.DecodeString(e.Raw); err == nil && len(raw) > 0 && len(raw) < 2000 && i%8 == 0 {
				f.Add(raw, golden.GM(name))
			}
		}
	}
	for _, gm := range []bool{false, true} {
		x := signed(f, suiteIf(gm))
		f.Add(x.Append(nil), gm)
		x.Data.To, x.Data.Input = configText, setting(f, suiteIf(gm), setNow, "executor_version", "1")
		f.Add(x.Append(nil), gm)
	}
	f.Fuzz(func(t *testing.T, raw []byte, gm bool) {
		if shield.Request("sendTransaction", suiteIf(gm), []any{"group0", "", jsonrpc.Hex(raw)}) != nil {
			return
		}
		x, err := tars.DecodeTransaction(raw)
		require.NoError(t, err)
		require.Empty(t, transactionFault(&x, gm))
	})
}

// FuzzShieldFields throws transactions at the check that are whole but for some
// fields, and holds it against the oracle in both directions.
func FuzzShieldFields(f *testing.F) {
	good := [2]tars.Transaction{signed(f, suite.Standard), signed(f, suite.GM)}
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { checkFields(t, good) }))
}

func TestShieldFields(t *testing.T) {
	t.Parallel()
	good := [2]tars.Transaction{signed(t, suite.Standard), signed(t, suite.GM)}
	rapid.Check(t, func(t *rapid.T) { checkFields(t, good) })
}

func checkFields(t *rapid.T, good [2]tars.Transaction) {
	gm := rapid.Bool().Draw(t, "gm")
	x := good[0]
	if gm {
		x = good[1]
	}
	change(t, &x)
	raw := x.Append(nil)
	err := shield.Request("sendTransaction", suiteIf(gm), []any{"group0", "", hex.EncodeToString(raw)})
	fault := transactionFault(&x, gm)
	if err == nil {
		require.Empty(t, fault)
	}
	if fault == "" && !strings.Contains(x.Data.To, "0000000000") { // settings may be refused for their form
		require.NoError(t, err)
	}
}

// change replaces some fields, each by something near to what is allowed.
func change(t *rapid.T, x *tars.Transaction) {
	times := rapid.IntRange(0, 3).Draw(t, "changes")
	for range times {
		switch rapid.IntRange(0, 9).Draw(t, "field") {
		case 0:
			x.Data.Version = rapid.OneOf(rapid.Int32Range(-2, 4), rapid.Int32()).Draw(t, "version")
		case 1:
			x.Data.To = rapid.OneOf(addressLike(), rapid.String()).Draw(t, "to")
		case 2:
			x.Signature = signatureLike().Draw(t, "signature")
		case 3:
			x.Data.Value = quantityLike().Draw(t, "value")
		case 4:
			x.Data.MaxFeePerGas = quantityLike().Draw(t, "fee")
		case 5:
			x.Type = rapid.Int8Range(-1, 1).Draw(t, "type")
			x.ExtraTransactionBytes = rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "extra")
		case 6:
			x.Data.BlockLimit = rapid.Int64Range(-2, math.MaxInt64).Draw(t, "limit")
			x.Data.GasLimit = rapid.Int64Range(-2, math.MaxInt64).Draw(t, "gas")
		case 7:
			x.Data.Nonce, x.ExtraData, x.Data.ABI = rapid.String().Draw(t, "nonce"), rapid.String().Draw(t, "extra data"), rapid.String().Draw(t, "abi")
		case 8:
			x.Data.Input = rapid.SliceOf(rapid.Byte()).Draw(t, "input")
		case 9:
			changeSetting(t, x)
		}
	}
}

func changeSetting(t *rapid.T, x *tars.Transaction) {
	s := suiteIf(rapid.Bool().Draw(t, "selector of GM"))
	key := rapid.SampledFrom([]string{"executor_version", "Executor_Version", "compatibility_version", "COMPATIBILITY_VERSION", "tx_count_limit", ""}).Draw(t, "key")
	value := rapid.OneOf(rapid.SampledFrom([]string{"0", "1", "2", "01", "3.16.4", "3.16.5", "3.2.0", "4.0.0", "3.16", ""}), rapid.String()).Draw(t, "value")
	x.Data.To = rapid.SampledFrom([]string{configText, "0x" + configText}).Draw(t, "system contract")
	selector := s.Selector(setNow)
	x.Data.Input = append(selector[:], packTexts(key, value)...)
	if rapid.Bool().Draw(t, "damage") {
		at := rapid.IntRange(4, len(x.Data.Input)-1).Draw(t, "at")
		x.Data.Input[at] = rapid.Byte().Draw(t, "byte")
	}
	if rapid.Bool().Draw(t, "cut") {
		x.Data.Input = x.Data.Input[:rapid.IntRange(0, len(x.Data.Input)).Draw(t, "length")]
	}
}

// packTexts is the ABI form of two texts.
func packTexts(key, value string) []byte {
	padded := func(s string) []byte { return append([]byte(s), make([]byte, (32-len(s)%32)%32)...) }
	number := func(n int) []byte { return append(make([]byte, 30), byte(n>>8), byte(n)) }
	out := number(64)
	out = append(out, number(96+len(padded(key)))...)
	out = append(append(out, number(len(key))...), padded(key)...)
	return append(append(out, number(len(value))...), padded(value)...)
}

func addressLike() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"", "", "0x", "0X", "0x0x", " "}).Draw(t, "prefix")
		n := rapid.SampledFrom([]int{40, 40, 40, 38, 39, 41, 42, 64, 0}).Draw(t, "digits")
		digits := rapid.StringOfN(rapid.RuneFrom([]rune("0123456789abcdefABCDEF")), n, n, -1).Draw(t, "hex")
		return prefix + digits + rapid.SampledFrom([]string{"", "", "", "g", "\x00", "é"}).Draw(t, "suffix")
	})
}

func quantityLike() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		prefix := rapid.SampledFrom([]string{"0x", "0x", "0X", "", "-0x"}).Draw(t, "prefix")
		n := rapid.SampledFrom([]int{0, 1, 64, 512, 513}).Draw(t, "digits")
		return prefix + strings.Repeat(rapid.SampledFrom([]string{"1", "F", "z"}).Draw(t, "digit"), n)
	})
}

func signatureLike() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		n := rapid.SampledFrom([]int{65, 65, 128, 128, 0, 64, 66, 127, 129}).Draw(t, "length")
		b := make([]byte, n)
		if n > 64 {
			b[64] = rapid.SampledFrom([]byte{0, 1, 2, 3, 4, 27, 28, 255}).Draw(t, "v")
		}
		return b
	})
}

// FuzzShieldRequest throws methods with parameters at the check.
func FuzzShieldRequest(f *testing.F) {
	seen := map[string]int{}
	for _, name := range golden.Files(f, "rpc/*.txt") {
		for _, x := range golden.Exchanges(f, name) {
			var r struct {
				Method string
				Params json.RawMessage
			}
			if len(x.Request) > 2000 || json.Unmarshal([]byte(x.Request), &r) != nil || seen[r.Method] > 4 {
				continue
			}
			seen[r.Method]++
			f.Add(r.Method, string(r.Params), golden.GM(name))
		}
	}
	f.Add("call", `["","","`+configText+`","`+hex.EncodeToString(setting(f, suite.GM, setNow, "executor_version", "1"))+`"]`, true)
	f.Add("getLogs", `["",{"fromBlock":"0x1","toBlock":"","address":["`+contract+`"],"topics":[null,["`+longAddress+`"]]}]`, false)
	f.Fuzz(func(t *testing.T, method, text string, gm bool) {
		var params []any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&params) != nil {
			return
		}
		if shield.Request(method, suiteIf(gm), params) == nil {
			require.Empty(t, requestFault(method, params, gm))
		}
	})
}

// FuzzShieldMessage throws WebSocket messages at the check.
func FuzzShieldMessage(f *testing.F) {
	seen := map[string]int{}
	for _, name := range golden.Files(f, "ws/*.txt") {
		for _, m := range golden.Messages(f, name) {
			if !m.Sent || len(m.Data) > 2000 || len(m.Data) < 4 || seen[string(m.Data[2:4])] > 12 {
				continue
			}
			seen[string(m.Data[2:4])]++
			f.Add(m.Data, golden.GM(name))
		}
	}
	f.Add(frameOf(0x0112, "\x00\x00\x00\x00\x00\x05topic"), false)
	f.Add(frameOf(0x0102, `{"id":1,"method":"getCode","params":["","","`+contract+`"]}`), false)
	f.Fuzz(func(t *testing.T, b []byte, gm bool) {
		if shield.Message(op, suiteIf(gm), b) == nil {
			require.Empty(t, messageFault(b, gm))
		}
		if shield.Frame(op, b) == nil {
			require.GreaterOrEqual(t, len(b), 10+int(b[6])<<8+int(b[7]))
		}
	})
}
