package contracts

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestDecodeOutput(t *testing.T) {
	t.Parallel()
	m := method(t, "get(bytes32) returns (address owner, int8 n, (bool,bytes)[] list, (string a,bytes2 b) s, uint256[2])")
	data := unhex(t, words(strings.ToLower(addr[2:]), strings.Repeat("f", 64), "c0", "180", "7", strings.Repeat("f", 64),
		"1", "20", "1", "40", "1", "ee.", /* list */
		"40", "abcd.", "1", "ff." /* s, with a text that is not UTF-8 */))
	got, err := m.DecodeOutput(data)
	require.NoError(t, err)
	require.Equal(t, []Value{
		{Name: "owner", Type: "address", Value: addr},
		{Name: "n", Type: "int8", Value: "-1"},
		{Name: "list", Type: "(bool,bytes)[]", Value: []any{[]any{true, "0xee"}}},
		{Name: "s", Type: "(string,bytes2)", Value: map[string]any{"a": "�", "b": "0xabcd"}},
		{Name: "", Type: "uint256[2]", Value: []any{"7", "115792089237316195423570985008687907853269984665640564039457584007913129639935"}},
	}, got)

	none, err := method(t, "f()").DecodeOutput(data)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestDecodeRefusesWhatTheTypeDoesNotSay(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ outputs, data, want string }{
		"nothing":              {"uint8", "", "decode output of f(): there is none; is a contract at that address?"},
		"half a word":          {"uint8", "00", "the data ends too early"},
		"too large":            {"uint8", words("100"), "does not fit the type"},
		"not negative":         {"int8", words("80"), "does not fit the type"},
		"not sign-extended":    {"int16", words("ff" + strings.Repeat("0", 60) + "80"), "does not fit the type"},
		"bool of 2":            {"bool", words("2"), "is neither 0 nor 1"},
		"a long address":       {"address", words("1" + strings.Repeat("0", 40)), "is not an address"},
		"bytes4 with more":     {"bytes4", words("0102030405."), "is longer than the type"},
		"offset far away":      {"string", ff, "an offset points outside of the data"},
		"offset behind":        {"string", words("40"), "an offset points outside of the data"},
		"offset to the end":    {"string", words("20"), "the data ends too early"},
		"a long text":          {"string", words("20", "21", "0"), "the data ends too early"},
		"a text without end":   {"string", words("20") + ff, "the data ends too early"},
		"a list without end":   {"uint8[]", words("20") + ff, "the data ends too early"},
		"a list too long":      {"uint8[]", words("20", "2", "1"), "the data ends too early"},
		"a fixed list cut":     {"uint8[2]", words("1"), "the data ends too early"},
		"inside":               {"bool,(uint8,bool[])", words("1", "40", "1", "40", "1", "2"), "1 ((uint8,bool[])): 1 (bool[]): [0]: "},
		"a part behind is cut": {"uint8,uint8", words("1"), "1 (uint8): the data ends too early"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := method(t, "f()("+tt.outputs+")").DecodeOutput(unhex(t, tt.data))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestDecodeCannotBeMadeToSwell has data in which many elements point at one
// long text, and lists of lists that all are the same list.
func TestDecodeCannotBeMadeToSwell(t *testing.T) {
	t.Parallel()
	const n = 2000
	var b strings.Builder
	b.WriteString(words("20", fmt.Sprintf("%x", n)))
	for range n {
		b.WriteString(words(fmt.Sprintf("%x", n*32)))
	}
	b.WriteString(words(fmt.Sprintf("%x", 1<<20)) + strings.Repeat("61", 1<<20))
	shared := unhex(t, b.String())

	// Each level has 64 elements, and all of them are the list one level down.
	b.Reset()
	b.WriteString(words("20"))
	for range 6 {
		b.WriteString(words("40") + strings.Repeat(words("800"), 64))
	}
	b.WriteString(words("0"))
	nested := unhex(t, b.String())

	var before, after runtime.MemStats
	for sig, data := range map[string][]byte{"f()(string[])": shared, "f()(bytes[])": shared, "f()(uint8[][][][][][][])": nested} {
		runtime.ReadMemStats(&before)
		_, err := method(t, sig).DecodeOutput(data)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, errOverlap, sig)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), sig)
	}
}

// geth is the oracle: go-ethereum's own ABI codec with the same types.
func geth(t require.TestingT, fields []field) abi.Arguments {
	var marshal func(f field, i int) map[string]any
	marshal = func(f field, i int) map[string]any {
		name := fmt.Sprintf("p%d", i)
		base, brackets := f.typ, ""
		for base.elem != nil {
			if base.kind == kindArray {
				brackets = fmt.Sprintf("[%d]", base.size) + brackets
			} else {
				brackets = "[]" + brackets
			}
			base = base.elem
		}
		out := map[string]any{"name": name, "type": base.name + brackets}
		if base.kind == kindTuple {
			parts := []any{}
			for j, p := range base.fields {
				parts = append(parts, marshal(p, j))
			}
			out["type"], out["components"] = "tuple"+brackets, parts
		}
		return out
	}
	list := []any{}
	for i, f := range fields {
		list = append(list, marshal(f, i))
	}
	text, err := json.Marshal(list)
	require.NoError(t, err)
	var args abi.Arguments
	require.NoError(t, json.Unmarshal(text, &args))
	return args
}

// plain turns what go-ethereum unpacked into what our decoder gives.
func plain(v reflect.Value, t *abiType) any {
	switch t.kind {
	case kindSlice, kindArray:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i), t.elem)
		}
		return list
	case kindTuple:
		list, object := []any{}, map[string]any{}
		named := true
		for i, f := range t.fields {
			part := plain(v.Field(i), f.typ)
			list, object[f.name] = append(list, part), part
			named = named && f.name != ""
		}
		if named {
			return object
		}
		return list
	case kindUint, kindInt:
		if n, ok := v.Interface().(*big.Int); ok {
			return n.String()
		}
		return fmt.Sprint(v.Interface())
	case kindFixedBytes:
		raw := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(raw), v)
		return "0x" + hex.EncodeToString(raw)
	case kindBytes:
		return "0x" + hex.EncodeToString(v.Bytes())
	case kindAddress:
		return v.Interface().(common.Address).Hex()
	}
	return v.Interface()
}

// genType and genValue make any type that is not too deep, and a value of it as
// our decoder gives it.
func genType(t *rapid.T, depth int) *abiType {
	choice := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		choice %= 7
	}
	one := func(name string) *abiType {
		typ, err := elementary(name)
		require.NoError(t, err)
		return typ
	}
	switch choice {
	case 0:
		return one(fmt.Sprintf("uint%d", 8*rapid.IntRange(1, 32).Draw(t, "bytes")))
	case 1:
		return one(fmt.Sprintf("int%d", 8*rapid.IntRange(1, 32).Draw(t, "bytes")))
	case 2:
		return one(fmt.Sprintf("bytes%d", rapid.IntRange(1, 32).Draw(t, "bytes")))
	case 3, 4, 5, 6:
		return one([]string{"bool", "address", "bytes", "string", "function"}[rapid.IntRange(0, 4).Draw(t, "plain")])
	case 7:
		typ, err := arrayOf(genType(t, depth-1), -1)
		require.NoError(t, err)
		return typ
	case 8:
		typ, err := arrayOf(genType(t, depth-1), rapid.IntRange(1, 3).Draw(t, "length"))
		require.NoError(t, err)
		return typ
	}
	named := rapid.Bool().Draw(t, "named")
	fields := make([]field, rapid.IntRange(1, 3).Draw(t, "parts"))
	for i := range fields {
		fields[i].typ = genType(t, depth-1)
		if named {
			fields[i].name = fmt.Sprintf("part_%d", i)
		}
	}
	typ, err := tupleOf(fields)
	require.NoError(t, err)
	return typ
}

func genValue(t *rapid.T, typ *abiType) any {
	switch typ.kind {
	case kindUint, kindInt:
		raw := rapid.SliceOfN(rapid.Byte(), typ.size/8, typ.size/8).Draw(t, "integer")
		n := new(big.Int).SetBytes(raw)
		if typ.kind == kindInt && n.Bit(typ.size-1) == 1 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(typ.size)))
		}
		return n.String()
	case kindBool:
		return rapid.Bool().Draw(t, "bool")
	case kindString:
		return strings.ToValidUTF8(rapid.String().Draw(t, "text"), "?")
	case kindAddress:
		return common.BytesToAddress(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "address")).Hex()
	case kindBytes:
		return "0x" + hex.EncodeToString(rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "bytes"))
	case kindFixedBytes:
		return "0x" + hex.EncodeToString(rapid.SliceOfN(rapid.Byte(), typ.size, typ.size).Draw(t, "bytes"))
	case kindTuple:
		list, object := []any{}, map[string]any{}
		for _, f := range typ.fields {
			v := genValue(t, f.typ)
			list, object[f.name] = append(list, v), v
		}
		if typ.fields[0].name != "" {
			return object
		}
		return list
	}
	n := typ.size
	if typ.kind == kindSlice {
		n = rapid.IntRange(0, 3).Draw(t, "length")
	}
	list := make([]any, n)
	for i := range list {
		list[i] = genValue(t, typ.elem)
	}
	return list
}

func roundTrip(t *rapid.T) {
	fields := make([]field, rapid.IntRange(1, 4).Draw(t, "arguments"))
	values := make([]any, len(fields))
	for i := range fields {
		fields[i] = field{name: fmt.Sprintf("a%d", i), typ: genType(t, 3)}
		values[i] = genValue(t, fields[i].typ)
	}
	m, err := newMethod("f", fields, fields, false)
	require.NoError(t, err)
	encoded, err := m.Encode(values)
	require.NoError(t, err)

	decoded, err := m.DecodeOutput(encoded[4:])
	require.NoError(t, err)
	for i := range values {
		require.Equal(t, values[i], decoded[i].Value, decoded[i].Type)
	}

	// The same as JSON in the cells of a CSV.
	cells := make([]any, len(values))
	for i, v := range values {
		cells[i] = v
		if fields[i].typ.elemental() == nil {
			text, err := json.Marshal(v)
			require.NoError(t, err)
			cells[i] = string(text)
		}
	}
	again, err := m.Encode(cells)
	require.NoError(t, err)
	require.Equal(t, encoded, again)

	oracle := geth(t, fields)
	require.Equal(t, m.Signature(), abi.NewMethod("f", "f", abi.Function, "", false, false, oracle, nil).Sig)
	unpacked, err := oracle.Unpack(encoded[4:])
	require.NoError(t, err)
	for i := range values {
		require.Equal(t, values[i], plain(reflect.ValueOf(unpacked[i]), fields[i].typ))
	}
	packed, err := oracle.Pack(unpacked...)
	require.NoError(t, err)
	require.Equal(t, packed, encoded[4:])
}

func TestEncodeAndDecodeAgreeWithEachOtherAndWithGeth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, roundTrip)
}

func FuzzRoundTrip(f *testing.F) { f.Fuzz(rapid.MakeFuzz(roundTrip)) }

// FuzzEncode holds that no value breaks the encoder, and that what it takes
// comes back from the decoder as a value that encodes to the same bytes.
func FuzzEncode(f *testing.F) {
	for _, sig := range []string{"f(uint8,string)", "f((uint256 a,(address,bytes4)[] b) x)", "f(int256[2][],bytes)", "f(bool,function)"} {
		for _, args := range []string{`["1","x"]`, `["{\"a\":1,\"b\":[]}"]`, `[[["-1","0x2"]],"0xab"]`, `[true,null]`, `[1e5,1.5]`} {
			f.Add(sig, args)
		}
	}
	f.Fuzz(func(t *testing.T, sig, args string) {
		m, err := MethodFromSignature(sig)
		if err != nil {
			return
		}
		dec := json.NewDecoder(strings.NewReader(args))
		dec.UseNumber()
		var values []any
		if dec.Decode(&values) != nil {
			return
		}
		encoded, err := m.Encode(values)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.Zero(t, (len(encoded)-4)%32)
		decoded, err := decodeFields(encoded[4:], m.inputs.fields)
		require.NoError(t, err)
		again := make([]any, len(decoded))
		for i, v := range decoded {
			again[i] = v.Value
			_, isText := v.Value.(string)
			require.False(t, isText && m.inputs.fields[i].typ.elemental() == nil)
		}
		reencoded, err := m.Encode(again)
		require.NoError(t, err)
		require.Equal(t, encoded, reencoded)
	})
}

// FuzzDecode holds that no bytes break the decoder, and that what it reads
// encodes and decodes to itself.
func FuzzDecode(f *testing.F) {
	for _, sig := range []string{"f()(uint8,string)", "f()((uint256 a,(address,bytes4)[] b))", "f()(int256[2][],bytes)", "f()(string[][])"} {
		for _, data := range []string{words("1", "40", "1", "61."), words("20", "1", "40", "0"), words("20", "2", "1", "2"), ff} {
			raw, err := hex.DecodeString(data)
			require.NoError(f, err)
			f.Add(sig, raw)
		}
	}
	f.Fuzz(func(t *testing.T, sig string, data []byte) {
		m, err := MethodFromSignature(sig)
		if err != nil {
			return
		}
		decoded, err := m.DecodeOutput(data)
		if err != nil || len(decoded) == 0 {
			return
		}
		values := make([]any, len(decoded))
		for i, v := range decoded {
			values[i] = v.Value
		}
		_, err = json.Marshal(values)
		require.NoError(t, err)
		back := &Method{name: "f", inputs: m.outputs, outputs: m.outputs}
		encoded, err := back.Encode(values)
		require.NoError(t, err)
		again, err := back.DecodeOutput(encoded)
		require.NoError(t, err)
		require.Equal(t, decoded, again)
	})
}
