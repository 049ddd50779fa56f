package contracts

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

func parse(t testing.TB, text string) *ABI {
	t.Helper()
	a, err := ParseABI([]byte(text))
	require.NoError(t, err)
	return a
}

const overloads = `[
	{"type":"function","name":"save","inputs":[{"name":"digest","type":"bytes32"}],"outputs":[]},
	{"type":"function","name":"save","inputs":[{"name":"digest","type":"bytes32"},{"name":"text","type":"string"}],"outputs":[]},
	{"type":"function","name":"count","inputs":[],"outputs":[{"type":"uint256","name":""}],"stateMutability":"view"},
	{"type":"function","name":"old","constant":true,"inputs":[{"type":"tuple[]","name":"items","components":[{"type":"uint8","name":"a"},{"type":"address","name":""}]}]},
	{"type":"fallback","stateMutability":"payable"},{"type":"receive","stateMutability":"payable"}]`

func TestABIFindsFunctions(t *testing.T) {
	t.Parallel()
	a := parse(t, overloads)
	for fn, want := range map[string]string{
		"count":                             "count()",
		" count ":                           "count()",
		"count()":                           "count()",
		"save(bytes32)":                     "save(bytes32)",
		"save(bytes32 digest, string text)": "save(bytes32,string)",
		"old":                               "old((uint8,address)[])",
		"old((uint8,address)[])":            "old((uint8,address)[])",
	} {
		m, err := a.Method(fn)
		require.NoError(t, err, fn)
		require.Equal(t, want, m.Signature())
	}
	m, err := a.Method("save(bytes32,string)")
	require.NoError(t, err)
	require.Equal(t, []Argument{{"digest", "bytes32"}, {"text", "string"}}, m.Inputs(), "names come from the ABI")
	require.False(t, m.ReadOnly())
	for _, fn := range []string{"count", "old"} {
		m, err = a.Method(fn)
		require.NoError(t, err)
		require.True(t, m.ReadOnly())
	}
	require.Len(t, a.Methods(), 4)
	require.Empty(t, a.Constructor().Inputs())
	out, err := a.Constructor().Encode(nil)
	require.NoError(t, err)
	require.Empty(t, out)
}

func TestABISaysWhichFunctionsThereAre(t *testing.T) {
	t.Parallel()
	a := parse(t, overloads)
	all := "count(), old((uint8,address)[]), save(bytes32), save(bytes32,string)"
	for fn, want := range map[string]string{
		"save":         `"save" is the name of several functions; use one of these: save(bytes32), save(bytes32,string)`,
		"save(string)": `the contract has no function "save(string)"; of that name it has: save(bytes32), save(bytes32,string)`,
		"Save":         `the contract has no function "Save", did you mean "save"?; it has: ` + all,
		"cuont":        `the contract has no function "cuont", did you mean "count"?; it has: ` + all,
		"mint":         `the contract has no function "mint"; it has: ` + all,
		"mint(uint8)":  `the contract has no function "mint(uint8)"; it has: ` + all,
		"":             `no function is named; it has: ` + all,
	} {
		_, err := a.Method(fn)
		require.EqualError(t, err, want, fn)
		var e *FunctionError
		require.ErrorAs(t, err, &e)
	}
	_, err := a.Method("save(bytes33)")
	require.ErrorContains(t, err, `at character 6: unknown type "bytes33"`)
	_, err = parse(t, "[]").Method("save")
	require.EqualError(t, err, `the contract has no function "save"; the ABI has no functions`)
}

func TestParseABIRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":             "ABI is not a JSON array of functions, events and errors",
		"null x":       "ABI is not a JSON array",
		"null":         "ABI is null",
		`{"abi":null}`: "ABI is null",
		`"x"`:          "ABI is not a JSON array",
		`{"a":1}`:      `ABI is neither a JSON array nor an object with an array "abi"`,
		`{"abi":1`:     "ABI is not JSON",
		`[{"type":"function","name":"f","inputs":[{"name":"c","type":"Color"}]}]`:                            `ABI entry 1 (function "f"): parameter 1 "c": unknown type "Color"`,
		`[{"type":"function","name":"f","inputs":[{"type":"uint8[3"}]}]`:                                     `array brackets "[3" are broken`,
		`[{"type":"function","name":"f","inputs":[{"type":"uint8[3]x"}]}]`:                                   `array brackets "x" are broken`,
		`[{"type":"function","name":"f","inputs":[{"type":"uint256[9999999][9999999]"}]}]`:                   "is too large",
		`[{"type":"function","name":"f","inputs":[{"type":"tuple"}]}]`:                                       "a tuple has at least one part",
		`[{"type":"function","name":"f","inputs":[{"type":"uint8","name":"a"},{"type":"bool","name":"a"}]}]`: `two arguments are called "a"`,
		`[{"type":"function","name":"f(","inputs":[]}]`:                                                      "the name is not an identifier",
		`[{"type":"function","name":"f"},{"type":"function","name":"f"}]`:                                    `ABI entry 2 (function "f"): the same signature is there twice`,
		`[{"type":"constructor"},{"type":"constructor"}]`:                                                    "there is a constructor already",
		`[{"type":"modifier","name":"x"}]`:                                                                   "the type of the entry is not known",
	} {
		_, err := ParseABI([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	a := parse(t, `{"contractName":"X","abi": [ {"type":"function","name":"f"} ]}`)
	require.Equal(t, `[{"type":"function","name":"f"}]`, a.JSON())
	require.Equal(t, a.JSON(), parse(t, a.JSON()).JSON())
}

func TestBuiltinContracts(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"Evidence", "Ledger"}, BuiltinNames())
	want := map[string]map[string]string{
		"Evidence": {"save(bytes32,string)": "a0b3a603", "get(bytes32)": "8eaa6ac0", "count()": "06661abd"},
		"Ledger": {
			"balanceOf(address)": "70a08231", "transfer(address,uint256)": "a9059cbb", "totalSupply()": "18160ddd", "name()": "06fdde03",
			"batchTransfer(address[],uint256[])": "88d695b2",
		},
	}
	for _, name := range BuiltinNames() {
		a, ok := Builtin(name)
		require.True(t, ok)
		require.Equal(t, name, a.Name)
		require.Greater(t, len(a.Bytecode), 500)
		require.Equal(t, byte(0x60), a.Bytecode[0], "creation code begins with PUSH1")
		require.NotContains(t, string(a.Bytecode), "solc", "no metadata behind the code")
		oracle, err := abi.JSON(strings.NewReader(a.ABI.JSON()))
		require.NoError(t, err)
		require.Len(t, a.ABI.Methods(), len(want[name]))
		for _, m := range a.ABI.Methods() {
			require.Equal(t, want[name][m.Signature()], hex.EncodeToString(m.selector), m.Signature())
			require.Equal(t, oracle.Methods[m.Name()].ID, m.selector)
			require.Contains(t, hex.EncodeToString(a.Bytecode), "63"+hex.EncodeToString(m.selector), "the code dispatches %s", m.Signature())
			require.Equal(t, m.Name() != "save" && m.Name() != "transfer" && m.Name() != "batchTransfer", m.ReadOnly())
		}
	}
	_, ok := Builtin("evidence")
	require.False(t, ok)
}

func TestDecodeLog(t *testing.T) {
	t.Parallel()
	a, ok := Builtin("Evidence")
	require.True(t, ok)
	log := chain.Log{
		Topics: []common.Hash{crypto.Keccak256Hash([]byte("Saved(bytes32,address,uint256,string)")), common.HexToHash(ab32), common.HexToHash(addr)},
		Data:   unhex(t, words("7", "40", "3", "e5ad98.")),
	}
	event, err := a.ABI.DecodeLog(log)
	require.NoError(t, err)
	require.Equal(t, Event{Name: "Saved", Signature: "Saved(bytes32,address,uint256,string)", Args: []Value{
		{Name: "digest", Type: "bytes32", Value: "0x" + ab32},
		{Name: "owner", Type: "address", Value: addr},
		{Name: "blockNumber", Type: "uint256", Value: "7"},
		{Name: "text", Type: "string", Value: "存"},
	}}, event)

	log.Data = log.Data[:40]
	_, err = a.ABI.DecodeLog(log)
	require.ErrorContains(t, err, "decode event Saved(bytes32,address,uint256,string): text (string): the data ends too early")
	log.Topics = log.Topics[:2]
	_, err = a.ABI.DecodeLog(log)
	require.ErrorIs(t, err, ErrUnknownEvent)
	_, err = a.ABI.DecodeLog(chain.Log{})
	require.ErrorIs(t, err, ErrUnknownEvent)
	_, err = (*ABI)(nil).DecodeLog(log)
	require.ErrorIs(t, err, ErrUnknownEvent)
}

func TestDecodeLogTellsShapesApart(t *testing.T) {
	t.Parallel()
	a := parse(t, `[
		{"type":"event","name":"Transfer","inputs":[{"name":"from","type":"address","indexed":true},{"name":"value","type":"uint256"}]},
		{"type":"event","name":"Transfer","inputs":[{"name":"from","type":"address","indexed":true},{"name":"id","type":"uint256","indexed":true}]},
		{"type":"event","name":"Noted","inputs":[{"name":"","type":"string","indexed":true},{"name":"pair","type":"uint8[2]","indexed":true}]},
		{"type":"event","name":"Quiet","anonymous":true,"inputs":[]}]`)
	topic := crypto.Keccak256Hash([]byte("Transfer(address,uint256)"))
	event, err := a.DecodeLog(chain.Log{Topics: []common.Hash{topic, {}}, Data: unhex(t, words("5"))})
	require.NoError(t, err)
	require.Equal(t, "value", event.Args[1].Name)
	event, err = a.DecodeLog(chain.Log{Topics: []common.Hash{topic, {}, common.HexToHash("0x05")}})
	require.NoError(t, err)
	require.Equal(t, Value{Name: "id", Type: "uint256", Value: "5"}, event.Args[1])

	event, err = a.DecodeLog(chain.Log{Topics: []common.Hash{crypto.Keccak256Hash([]byte("Noted(string,uint8[2])")), common.HexToHash(ab32), common.HexToHash(ff)}})
	require.NoError(t, err)
	require.Equal(t, []Value{
		{Name: "arg0", Type: "string", Value: "0x" + ab32, Hashed: true},
		{Name: "pair", Type: "uint8[2]", Value: "0x" + ff, Hashed: true},
	}, event.Args)

	_, err = a.DecodeLog(chain.Log{Topics: []common.Hash{topic, common.HexToHash(ff)}, Data: unhex(t, words("5"))})
	require.ErrorContains(t, err, "from (address): ")
}

func TestRevertReason(t *testing.T) {
	t.Parallel()
	evidence, ok := Builtin("Evidence")
	require.True(t, ok)
	custom := words(ab32, strings.ToLower(addr[2:]), "7")
	many := parse(t, `[{"type":"error","name":"Bad","inputs":[{"type":"string","name":"why"},{"type":"tuple","name":"at","components":[{"type":"uint8","name":"x"},{"type":"bool","name":"y"}]},{"type":"uint8[]","name":""}]}]`)
	selector := func(sig string) string { return hex.EncodeToString(crypto.Keccak256([]byte(sig))[:4]) }
	tests := map[string]struct {
		abi        *ABI
		data, want string
	}{
		"a text":                {nil, "08c379a0" + words("20", "3", "6e6f21."), "no!"},
		"a text, SM3":           {nil, "c703cb12" + words("20", "3", "6e6f21."), "no!"},
		"overflow":              {nil, "4e487b71" + words("11"), "panic 0x11: arithmetic overflow or underflow"},
		"overflow, SM3":         {nil, "b95aa355" + words("11"), "panic 0x11: arithmetic overflow or underflow"},
		"an assertion":          {nil, "4e487b71" + words("1"), "panic 0x01: an assertion failed"},
		"a panic of tomorrow":   {nil, "4e487b71" + words("ff"), "panic 255"},
		"custom":                {evidence.ABI, selector("AlreadySaved(bytes32,address,uint256)") + custom, "AlreadySaved(digest=0x" + ab32 + ", owner=" + addr + ", blockNumber=7)"},
		"custom, SM3":           {evidence.ABI, hexSM3("NotSaved(bytes32)") + ab32, "NotSaved(digest=0x" + ab32 + ")"},
		"custom, all sorts":     {many, selector("Bad(string,(uint8,bool),uint8[])") + words("80", "1", "1", "c0", "2", "6122.", "1", "9"), `Bad(why="a\"", at={"x":"1","y":true}, ["9"])`},
		"custom without an ABI": {nil, selector("NotSaved(bytes32)") + ab32, ""},
		"custom, cut":           {evidence.ABI, selector("NotSaved(bytes32)") + ab32[:10], ""},
		"a text, cut":           {nil, "08c379a0" + words("20", "30", "6e6f21."), ""},
		"a panic, cut":          {nil, "4e487b71", ""},
		"nothing":               {evidence.ABI, "", ""},
		"three bytes":           {evidence.ABI, "08c379", ""},
		"unknown":               {evidence.ABI, "01020304", ""},
	}
	for name, tt := range tests {
		require.Equal(t, tt.want, tt.abi.RevertReason(unhex(t, tt.data)), name)
	}
	long := (*ABI)(nil).RevertReason(unhex(t, "08c379a0"+words("20", "1800")+strings.Repeat("e5ad98", 0x800)))
	require.Len(t, long, maxReason-1+3)
	require.True(t, strings.HasSuffix(long, "存..."))
}

func hexSM3(sig string) string { s := selectors(sig)[1]; return hex.EncodeToString(s[:]) }

func TestSelectorsOfBothHashes(t *testing.T) {
	t.Parallel()
	// Protocol §14.1 and §5.4.
	for sig, want := range map[string][2]string{
		"set(string)":    {"4ed3885e", "3590b49f"},
		"get()":          {"6d4ce63c", "299f7f9d"},
		"Error(string)":  {hex.EncodeToString([]byte(errorKeccak)), hex.EncodeToString([]byte(errorSM3))},
		"Panic(uint256)": {hex.EncodeToString([]byte(panicKeccak)), hex.EncodeToString([]byte(panicSM3))},
	} {
		s := selectors(sig)
		require.Equal(t, want, [2]string{hex.EncodeToString(s[0][:]), hex.EncodeToString(s[1][:])}, sig)
	}
}

// FuzzParseABI holds that no text breaks the parser, and that what it takes can
// be read again.
func FuzzParseABI(f *testing.F) {
	f.Add([]byte(overloads))
	for _, name := range BuiltinNames() {
		a, _ := Builtin(name)
		f.Add([]byte(a.ABI.JSON()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ParseABI(text)
		if err != nil {
			return
		}
		require.True(t, json.Valid([]byte(a.JSON())))
		again, err := ParseABI([]byte(a.JSON()))
		require.NoError(t, err)
		require.Equal(t, signatures(a.methods), signatures(again.methods))
	})
}
