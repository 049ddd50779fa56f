package contracts

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func method(t testing.TB, sig string) *Method {
	t.Helper()
	m, err := MethodFromSignature(sig)
	require.NoError(t, err)
	return m
}

// words lays out encoded arguments: each text is the end of a 32-byte word, or
// with a trailing dot its beginning.
func words(list ...string) string {
	var b strings.Builder
	for _, w := range list {
		if start, ok := strings.CutSuffix(w, "."); ok {
			b.WriteString(start + strings.Repeat("0", 64-len(start)))
		} else {
			b.WriteString(strings.Repeat("0", 64-len(w)) + w)
		}
	}
	return b.String()
}

var (
	ff   = strings.Repeat("f", 64)
	ab32 = strings.Repeat("ab", 32)
)

const addr = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // from EIP-55

func TestEncodeEveryType(t *testing.T) {
	t.Parallel()
	max256 := "115792089237316195423570985008687907853269984665640564039457584007913129639935"
	bareAddr := strings.ToLower(addr[2:])
	tests := []struct {
		typ   string
		value any
		want  string
	}{
		{"uint8", "255", words("ff")},
		{"uint8", json.Number("7"), words("7")},
		{"uint8", float64(7), words("7")},
		{"uint8", "0x0f", words("f")},
		{"uint8", "007", words("7")},
		{"uint24", "16777215", words("ffffff")},
		{"uint64", "18446744073709551615", words("ffffffffffffffff")},
		{"uint256", max256, ff},
		{"uint256", json.Number(max256), ff},
		{"uint256", "0x" + ff, ff},
		{"uint", "1", words("1")},
		{"uint256", "1230000000000000000", words("1111d67bb1bb0000")},
		{"uint256", float64(1 << 53), words("20000000000000")},
		{"int8", "-128", strings.Repeat("f", 62) + "80"},
		{"int8", "127", words("7f")},
		{"int", "-1", ff},
		{"int256", "-57896044618658097711785492504343953926634992332820282019728792003956564819968", words("80" + strings.Repeat("0", 62))},
		{"int64", json.Number("-0"), words("0")},
		{"bool", true, words("1")},
		{"bool", "true", words("1")},
		{"bool", "FALSE", words("0")},
		{"address", addr, words(bareAddr)},
		{"address", addr[2:], words(bareAddr)},
		{"address", "0x" + bareAddr, words(bareAddr)},
		{"address", strings.ToUpper(bareAddr), words(bareAddr)},
		{"bytes32", "0x" + ab32, ab32},
		{"bytes32", ab32, ab32},
		{"bytes1", "0xFf", words("ff.")},
		{"bytes4", "01020304", words("01020304.")},
		{"function", "0x" + strings.Repeat("cd", 24), words(strings.Repeat("cd", 24) + ".")},
		{"bytes", "0x", words("20", "0")},
		{"bytes", "0xabcd", words("20", "2", "abcd.")},
		{"string", "", words("20", "0")},
		{"string", "存", words("20", "3", "e5ad98.")},
		{"string", strings.Repeat("a", 32), words("20", "20", strings.Repeat("61", 32))},
		{"string", "[1]", words("20", "3", "5b315d.")},
		{"uint8[]", []any{}, words("20", "0")},
		{"uint8[]", `[1, "2", "0x3"]`, words("20", "3", "1", "2", "3")},
		{"uint8[2]", `[1,2]`, words("1", "2")},
		{"uint8[2][]", `[[1,2],[3,4]]`, words("20", "2", "1", "2", "3", "4")},
		{"uint8[][2]", `[[1],[2,3]]`, words("20", "40", "80", "1", "1", "2", "2", "3")},
		{"string[]", []any{"a", "b"}, words("20", "2", "40", "80", "1", "61.", "1", "62.")},
		{"(uint8,bool)", `[1,true]`, words("1", "1")},
		{"(uint8 a,bool b)", map[string]any{"b": true, "a": json.Number("1")}, words("1", "1")},
		{"(uint8 a,string b)", `{"a":1,"b":"x"}`, words("20", "1", "40", "1", "78.")},
		{"(uint8 a,(address to,bytes4 sel)[] calls)", `{"a":1,"calls":[["` + addr + `","0x01020304"],{"to":"` + addr + `","sel":"0x01020304"}]}`,
			words("20", "1", "40", "2", bareAddr, "01020304.", bareAddr, "01020304.")},
		{"(uint8,string)[1]", `[[1,"x"]]`, words("20", "20", "1", "40", "1", "78.")},
	}
	for _, tt := range tests {
		got, err := method(t, "f("+tt.typ+" v)").Encode([]any{tt.value})
		require.NoError(t, err, "%s %v", tt.typ, tt.value)
		require.Equal(t, tt.want, hex.EncodeToString(got[4:]), "%s %v", tt.typ, tt.value)
	}
}

func TestEncodePutsDynamicPartsBehind(t *testing.T) {
	t.Parallel()
	// The example f(uint256,uint32[],bytes10,bytes) of the Solidity ABI specification.
	got, err := method(t, "f(uint256,uint32[],bytes10,bytes)").Encode([]any{"0x123", `["0x456","0x789"]`, "0x31323334353637383930", "0x48656c6c6f2c20776f726c6421"})
	require.NoError(t, err)
	require.Equal(t, "8be65246"+words("123", "80", "31323334353637383930.", "e0", "2", "456", "789", "d", "48656c6c6f2c20776f726c6421."), hex.EncodeToString(got))
}

// TestEncodeRefuses is a promise of the product: a clear error with the
// argument and the reason, and nothing rounded, cut or padded.
func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		typ   string
		value any
		want  string
	}{
		"exponent":              {"uint256", "1.23E+18", `argument v (uint256): "1.23E+18" has an exponent: a spreadsheet or a program has rounded it; take all its digits from the source`},
		"exponent in JSON":      {"uint256", json.Number("1e18"), `argument v (uint256): 1e18 has an exponent: a spreadsheet or a program has rounded it; take all its digits from the source`},
		"exponent with a comma": {"uint256", "1,23E+18", `argument v (uint256): "1,23E+18" has an exponent: a spreadsheet or a program has rounded it; take all its digits from the source`},
		"bytes as a number":     {"int256", []byte{1}, `argument v (int256): 0x01 is not a number`},
		"bytes as a text":       {"string", []byte("ab"), `argument v (string): 0x6162 is not a text: write it in quotes`},
		"bytes too long":        {"bytes2", []byte{1, 2, 3}, `argument v (bytes2): 0x010203 is too long: it has 6 hex digits (3 bytes), bytes2 has exactly 4`},
		"bytes too many":        {"uint8", []byte{1, 2}, `argument v (uint8): 0x0102 is too large for uint8: 255 is the most`},
		"huge exponent":         {"uint256", "1e999999999", `has an exponent`},
		"decimals":              {"uint256", "1.5", `"1.5" has decimals, but only whole numbers can be sent`},
		"decimals of zero":      {"uint256", json.Number("1.0"), `1.0 has decimals`},
		"commas":                {"uint256", "1,000", `"1,000" has separators between its digits: write digits only`},
		"underscores":           {"uint256", "1_000", `has separators`},
		"thin spaces":           {"uint256", "1\u202f000", `has separators`},
		"many points":           {"uint256", "1.000.000", `has separators`},
		"empty number":          {"uint256", "", `argument v (uint256): "" is empty where a number is expected`},
		"spaces":                {"uint256", " 1", `" 1" has spaces around it`},
		"plus":                  {"uint256", "+1", `has a plus sign: leave it out`},
		"only a minus":          {"int256", "-", `is not a whole number`},
		"two minus":             {"int256", "--1", `is not a whole number`},
		"hex without 0x":        {"uint256", "ff", `is not a decimal number: write 0x before hex digits`},
		"0x alone":              {"uint256", "0x", `has no digits behind 0x`},
		"bad hex number":        {"uint256", "0x1g", `is not hex: 'g' at character 4`},
		"negative hex":          {"int256", "-0x1", `is negative hex: write it in decimal`},
		"full width digits":     {"uint256", "１", `is not a whole number`},
		"infinity":              {"uint256", "Infinity", `is not a whole number`},
		"a word":                {"uint256", "many", `is not a whole number`},
		"too large 8":           {"uint8", "256", `"256" is too large for uint8: 255 is the most`},
		"too large 256":         {"uint256", "0x1" + strings.Repeat("0", 64), `is too large for uint256: 2^256-1 is the most`},
		"far too large":         {"uint256", strings.Repeat("9", 200), `is too long for a number of 256 bits`},
		"negative uint":         {"uint8", "-1", `"-1" is negative, but uint8 begins at 0`},
		"int too large":         {"int8", "128", `is too large for int8: 127 is the most`},
		"int too small":         {"int8", "-129", `is too small for int8: -128 is the least`},
		"int256 too small":      {"int256", "-57896044618658097711785492504343953926634992332820282019728792003956564819969", `is too small for int256: -2^255 is the least`},
		"half a float":          {"uint256", 1.5, `has lost digits as a floating point number: write it in quotes`},
		"a large float":         {"uint256", 1e18, `has lost digits`},
		"not a number":          {"uint256", math.NaN(), `has lost digits`},
		"bool for a number":     {"uint256", true, `argument v (uint256): true is not a number`},
		"null for a number":     {"uint256", nil, `argument v (uint256): null is not a number`},
		"a list for a number":   {"uint256", []any{"1"}, `["1"] is not a number`},
		"a Go value":            {"uint256", 7, `7 is not a number`},
		"1 for bool":            {"bool", "1", `argument v (bool): "1" is neither true nor false`},
		"number for bool":       {"bool", json.Number("0"), `0 is neither true nor false`},
		"empty bool":            {"bool", "", `"" is neither true nor false`},
		"checksum":              {"address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", `argument v (address): "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD" has a wrong checksum: a digit or the case of a letter is not what it was; copy it again from where it comes from`},
		"short address":         {"address", addr[:41], `is not an address: it has 39 hex digits, not 40`},
		"long address":          {"address", addr + "00", `is not an address: it has 42 hex digits, not 40`},
		"empty address":         {"address", "", `is empty where an address is expected`},
		"name as address":       {"address", "vitalik.eth", `is not an address: 'v' at character 1 is not a hex digit`},
		"letter O":              {"address", "0xO" + addr[3:], `'O' at character 3 is not a hex digit`},
		"number for address":    {"address", json.Number("1"), `1 is not an address: write 0x and 40 hex digits in quotes`},
		"spaces and address":    {"address", addr + " ", `has spaces around it`},
		"odd bytes32":           {"bytes32", "0x" + ab32[:63], `argument v (bytes32): "0x` + ab32[:63] + `" has 63 hex digits, an odd number; bytes32 has exactly 64`},
		"odd long bytes32":      {"bytes32", ab32 + "a", `has 65 hex digits, an odd number`},
		"long bytes32":          {"bytes32", "0x" + ab32 + "ab", `is too long: it has 66 hex digits (33 bytes), bytes32 has exactly 64`},
		"short bytes32":         {"bytes32", "0xab", `is too short: it has 2 hex digits (1 byte), bytes32 has exactly 64`},
		"empty bytes32":         {"bytes32", "", `is empty where 64 hex digits are expected`},
		"0x for bytes32":        {"bytes32", "0x", `is too short: it has 0 hex digits (0 bytes), bytes32 has exactly 64`},
		"text for bytes32":      {"bytes32", "hello", `"hello" is not hex: 'h' at character 1`},
		"umlaut in bytes32":     {"bytes32", "0xaü", `is not hex: 'ü' at character 4`},
		"long function":         {"function", "0x" + strings.Repeat("00", 25), `function has exactly 48`},
		"number for bytes":      {"bytes", json.Number("1"), `1 is not hex: write 0x and hex digits in quotes`},
		"bytes without 0x":      {"bytes", "abcd", `has no 0x, so that it may be meant as text: write 0x before hex digits`},
		"odd bytes":             {"bytes", "0xabc", `has 3 hex digits, an odd number`},
		"empty bytes":           {"bytes", "", `is empty: write 0x for no bytes`},
		"number for text":       {"string", json.Number("7"), `7 is not a text: write it in quotes`},
		"null for text":         {"string", nil, `null is not a text`},
		"broken text":           {"string", "a\xff", `is not valid UTF-8`},
		"not an array":          {"uint8[]", `{"a":1}`, `is not a JSON array`},
		"one for an array":      {"uint8[]", `5`, `argument v (uint8[]): 5 is not a JSON array`},
		"array, broken JSON":    {"uint8[]", `[1,`, `argument v (uint8[]): "[1," is not JSON: unexpected end of JSON input (byte 3); write a JSON array, such as ["first","second"]`},
		"array, bare words":     {"address[]", `0xaa,0xbb`, `is not JSON`},
		"array, empty cell":     {"uint8[]", "", `is empty; write a JSON array`},
		"array too short":       {"uint8[3]", `[1,2]`, `has 2 elements, not 3`},
		"dynamic array short":   {"string[2]", `["a"]`, `has 1 element, not 2`},
		"inside an array":       {"uint8[]", `[1,300]`, `argument v[1] (uint8): 300 is too large for uint8: 255 is the most`},
		"deep inside":           {"(uint256 id,(address to,uint256 amount)[] items)", `{"id":1,"items":[["` + addr + `",1],["` + addr + `",2],{"to":"` + addr + `","amount":1e3}]}`, `argument v.items[2].amount (uint256): 1e3 has an exponent`},
		"inside static tuples":  {"(uint8,(bool ok)[2])", `[1,[[true],["x"]]]`, `argument v.1[1].ok (bool): "x" is neither`},
		"text inside an array":  {"uint8[][]", `["[1]"]`, `argument v[0] (uint8[]): "[1]" is not a JSON array`},
		"part missing":          {"(uint8 a,bool b)", `{"a":1}`, `has no part "b"`},
		"part unknown":          {"(uint8 a)", `{"a":1,"c":2}`, `has a part "c" that the type does not have`},
		"part twice":            {"(uint8 a)", `{"a":1,"a":2}`, `has the name "a" twice in one object`},
		"too many parts":        {"(uint8 a)", `[1,2]`, `has 2 parts, not 1`},
		"no names in the tuple": {"(uint8,bool b)", `{"b":true}`, `is an object, but part 1 has no name: write an array`},
		"tuple of a text":       {"(uint8 a)", `"x"`, `is neither a JSON object nor a JSON array`},
		"empty tuple":           {"(uint8 a)", ``, `is empty; write a JSON object or array`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := method(t, "f(bool first, "+tt.typ+" v)")
			_, err := m.Encode([]any{true, tt.value})
			require.ErrorContains(t, err, tt.want)
			var arg *ArgError
			require.True(t, errors.As(err, &arg))
			require.Equal(t, 1, arg.Index)
			require.Equal(t, "v", arg.Name)
			require.True(t, strings.HasPrefix(arg.Path, "v"))
			require.NotEmpty(t, arg.Type)
			require.NotEmpty(t, arg.Value)
			require.NotEmpty(t, arg.Reason)
		})
	}
}

func TestEncodeCutsLongValuesInErrors(t *testing.T) {
	t.Parallel()
	_, err := method(t, "f(bytes32 v)").Encode([]any{strings.Repeat("存", 1<<20)})
	var arg *ArgError
	require.ErrorAs(t, err, &arg)
	require.Less(t, len(err.Error()), 400)
	require.True(t, strings.HasSuffix(arg.Value, `..."`))
}

func TestEncodeCountsTheArguments(t *testing.T) {
	t.Parallel()
	m := method(t, "save(bytes32 digest, string memo)")
	for _, values := range [][]any{nil, {"a"}, {"a", "b", "c"}} {
		_, err := m.Encode(values)
		var arg *ArgError
		require.ErrorAs(t, err, &arg)
		require.Equal(t, -1, arg.Index)
		require.ErrorContains(t, err, "save(bytes32 digest, string memo) needs 2 arguments, not ")
	}
	out, err := method(t, "count()").Encode(nil)
	require.NoError(t, err)
	require.Equal(t, "06661abd", hex.EncodeToString(out))
}

func TestEncodeNamedFindsArguments(t *testing.T) {
	t.Parallel()
	m := method(t, "transfer(address _to, uint256 value_, bool)")
	want, err := m.Encode([]any{addr, "1", true})
	require.NoError(t, err)
	got, err := m.EncodeNamed(map[string]any{"to": addr, "value_": "1", "arg2": true})
	require.NoError(t, err)
	require.Equal(t, want, got)

	_, err = m.EncodeNamed(map[string]any{"to": addr, "amount": "1", "arg2": true})
	require.EqualError(t, err, `the names are not those of transfer(address _to, uint256 value_, bool arg2); missing: "value_"; not known: "amount"`)
	var arg *ArgError
	require.ErrorAs(t, err, &arg)
	require.Equal(t, -1, arg.Index)

	order, err := m.Arrange([]string{"arg2", "value", "_to"})
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 0}, order)
	_, err = m.Arrange([]string{"arg2", "value", "_to", "to"})
	require.ErrorContains(t, err, `not known: "to"`)

	// The exact name wins, wherever it stands.
	m = method(t, "f(uint8 _a, uint8 a)")
	order, err = m.Arrange([]string{"a", "_a"})
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, order)
	_, err = m.Arrange([]string{"a"})
	require.ErrorContains(t, err, `missing: "_a"`)
}

func TestConstructorHasNoSelector(t *testing.T) {
	t.Parallel()
	a, ok := Builtin("Ledger")
	require.True(t, ok)
	got, err := a.ABI.Constructor().EncodeNamed(map[string]any{"name": "gold", "supply": "5"})
	require.NoError(t, err)
	require.Equal(t, words("40", "5", "4", "676f6c64."), hex.EncodeToString(got))
	require.Equal(t, "constructor(string,uint256)", a.ABI.Constructor().Signature())
	require.Empty(t, a.ABI.Constructor().Name())
	_, err = a.ABI.Constructor().Encode(nil)
	require.ErrorContains(t, err, "constructor(string name_, uint256 supply) needs 2 arguments, not 0")
}

func BenchmarkEncode(b *testing.B) {
	for name, bm := range map[string]struct {
		sig    string
		values []any
	}{
		"save":     {"save(bytes32,string)", []any{"0x" + ab32, "src/net/http/server.go"}},
		"transfer": {"transfer(address,uint256)", []any{addr, "1000000000000000000"}},
		"batch":    {"pay((address to,uint256 value)[])", []any{`[{"to":"` + strings.ToLower(addr) + `","value":1},{"to":"` + strings.ToLower(addr) + `","value":2}]`}},
	} {
		b.Run(name, func(b *testing.B) {
			m := method(b, bm.sig)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Encode(bm.values); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
