package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

type inner struct {
	N int
	Form
}

func (i *inner) Members(o *Object) { o.Int("n", &i.N) }

// outer is a Struct with a few kinds of members.
type outer struct {
	N      int
	S      string
	Nested inner
	List   []inner
	Form
}

func (m *outer) Members(o *Object) {
	List(o, "list", &m.List)
	o.Int("n", &m.N)
	Nested(o, "nested", &m.Nested)
	o.String("s", &m.S)
}

func (m *outer) UnmarshalJSON(data []byte) error { return Unmarshal(data, m) }

// quoted stands as text inside a string.
type quoted struct {
	N int
	Quoted
}

func (q *quoted) Members(o *Object) { o.Int("n", &q.N) }

// kinds is a Struct with one member of every kind.
type kinds struct {
	Any      map[string]int
	Bool     bool
	Hash     common.Hash
	Hashes   []common.Hash
	Hex      Hex
	Hexes    []Hex
	Int      int
	Int32    int32
	Int64    int64
	Int64s   []int64
	Ints     []int
	Optional *string
	Quantity uint64
	String   string
	Strings  []string
	Uint32   uint32
	Uint64   uint64
	Form
}

func (k *kinds) Members(o *Object) {
	Any(o, "any", &k.Any)
	o.Bool("bool", &k.Bool)
	o.Hash("hash", &k.Hash)
	o.Hashes("hashes", &k.Hashes)
	o.Hex("hex", &k.Hex)
	o.Hexes("hexes", &k.Hexes)
	o.Int("int", &k.Int)
	o.Int32("int32", &k.Int32)
	o.Int64("int64", &k.Int64)
	o.Int64s("int64s", &k.Int64s)
	o.Ints("ints", &k.Ints)
	o.OptionalString("optional", &k.Optional)
	o.Quantity("quantity", &k.Quantity)
	o.String("string", &k.String)
	o.Strings("strings", &k.Strings)
	o.Uint32("uint32", &k.Uint32)
	o.Uint64("uint64", &k.Uint64)
}

var zeroHash = `"0x` + strings.Repeat("00", 32) + `"`

// What is read comes back letter by letter, in whatever way the value stood there.
func TestStructsAreLossless(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]string{
		"any":      {`null`, `{}`, `{"a": 1 }`},
		"bool":     {`null`, `true`, `false`},
		"hash":     {zeroHash, `"0X` + strings.Repeat("aB", 32) + `"`},
		"hashes":   {`null`, `[]`, `[` + zeroHash + `]`, `[` + zeroHash + `,"0x` + strings.Repeat("AB", 32) + `"]`},
		"hex":      {`null`, `""`, `"0x"`, `"0x00"`, `"0xaB"`, `"ab"`},
		"hexes":    {`null`, `[]`, `["","0x","0x01"]`, `[null,"AB"]`},
		"int":      {`null`, `0`, `-0`, `-7`, `9223372036854775807`},
		"int32":    {`null`, `0`, `-2147483648`, `2147483647`},
		"int64":    {`null`, `0`, `-9223372036854775808`},
		"int64s":   {`null`, `[]`, `[0,-1,null]`},
		"ints":     {`null`, `[]`, `[1,2,3,4,5,6,7,8,9]`},
		"optional": {`null`, `""`, `"a"`},
		"quantity": {`null`, `"0x0"`, `"0xffffffffffffffff"`, `"0x01"`, `"0xA"`},
		"string":   {`null`, `""`, `"a"`},
		"strings":  {`null`, `[]`, `["",null,"a"]`},
		"uint32":   {`null`, `0`, `4294967295`},
		"uint64":   {`null`, `0`, `18446744073709551615`},
		"unknown":  {`null`, `[1.50,"\u0041",{"b":{}}]`},
	} {
		for _, value := range values {
			text := `{"` + name + `":` + value + `}`
			var k kinds
			require.NoError(t, Unmarshal([]byte(text), &k), text)
			out, err := Marshal(&k)
			require.NoError(t, err)
			require.Equal(t, text, string(out))
		}
	}
	for name, values := range map[string][]string{
		"bool": {`1`, `"true"`, `tru`}, "hash": {`null`, `""`, `"0x"`, zeroHash[:8] + `"`, `"` + strings.Repeat("00", 33) + `"`, `"0x` + strings.Repeat("0g", 32) + `"`, `7`},
		"hex": {`"0x0"`, `"0X00"`, `"0xgg"`, `"é"`, `7`, `[]`}, "int": {`1.0`, `1e2`, `"1"`, `9223372036854775808`, `01`, `true`, ``}, "int32": {`2147483648`, `-2147483649`},
		"uint32": {`-1`, `4294967296`, `-0`}, "uint64": {`18446744073709551616`}, "quantity": {`7`, `"7"`, `"0x"`, `"0x10000000000000000"`, `"0x-1"`, `""`},
		"strings": {`{}`, `[1]`, `["a"`, `["a",]`, `[,]`, `"a"`}, "hashes": {`[null]`}, "any": {`[]`, `{"a":"b"}`}, "optional": {`7`},
	} {
		for _, value := range values {
			require.Error(t, Unmarshal([]byte(`{"`+name+`":`+value+`}`), new(kinds)), "%s: %s", name, value)
		}
	}
}

// A value that nobody has read is written whole, without lists and pointers that
// are nil.
func TestStructsMadeByHand(t *testing.T) {
	t.Parallel()
	out, err := Marshal(&kinds{})
	require.NoError(t, err)
	require.Equal(t, `{"bool":false,"hash":`+zeroHash+`,"hex":"","int":0,"int32":0,"int64":0,"quantity":"0x0","string":"","uint32":0,"uint64":0}`, string(out))

	out, err = Marshal(&outer{List: []inner{{N: 1}}, S: "\x00\"é"})
	require.NoError(t, err)
	require.JSONEq(t, `{"list":[{"n":1}],"n":0,"nested":{"n":0},"s":"\u0000\"é"}`, string(out))

	out, err = Marshal(&quoted{N: 1})
	require.NoError(t, err)
	require.Equal(t, `"{\"n\":1}"`, string(out))
}

func TestStructsWithinStructs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, `{}`, `{"nested":null}`, `{"nested":{}}`, `{"nested":{"n":null}}`, `{"nested":{"n":0,"x":1},"x":2}`, `{"list":[null,{},{"n":0}]}`, `{"n":1,"nested":{"n":2},"s":"a"}`,
	} {
		var m outer
		require.NoError(t, Unmarshal([]byte(text), &m), text)
		out, err := Marshal(&m)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	}
	// Members in another order than the list's, and more than once: the last counts.
	var m outer
	require.NoError(t, Unmarshal([]byte(`{"s":"a","nested":{"n":7,"x":1},"n":1,"nested":{},"s":null,"list":[]}`), &m))
	out, err := Marshal(&m)
	require.NoError(t, err)
	require.Equal(t, `{"list":[],"n":1,"nested":{},"s":null}`, string(out))

	for text, want := range map[string]string{
		`{"string":null,"string":""}`:  `{"string":""}`,
		`{"string":"a","string":null}`: `{"string":null}`,
		`{"hex":"AB","hex":"0xab"}`:    `{"hex":"0xab"}`,
		`{"hex":"0xab","hex":"AB"}`:    `{"hex":"AB"}`,
		`{"x":1,"x":2}`:                `{"x":2}`,
	} {
		var k kinds
		require.NoError(t, Unmarshal([]byte(text), &k), text)
		out, err := Marshal(&k)
		require.NoError(t, err)
		require.Equal(t, want, string(out))
	}

	m = outer{N: 1, S: "old"}
	require.NoError(t, Unmarshal([]byte(`{"n":2}`), &m))
	require.Empty(t, m.S, "the former content is gone")
	m.Extra = map[string]json.RawMessage{"b": json.RawMessage(`{}`), "a\"": json.RawMessage(`1`)}
	out, err = Marshal(&m)
	require.NoError(t, err)
	require.Equal(t, `{"n":2,"a\"":1,"b":{}}`, string(out))
	m.Extra["b"] = json.RawMessage(`{`)
	_, err = Marshal(&m)
	require.Error(t, err)
}

func TestQuotedStructs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`null`, `"{ \"n\":1, \"x\": [] }\n"`, `"{}"`, `"null"`} {
		var q quoted
		require.NoError(t, Unmarshal([]byte(text), &q), text)
		out, err := Marshal(&q)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
	}
	var q quoted
	require.NoError(t, Unmarshal([]byte(`"{ \"n\":1, \"x\": [] }\n"`), &q))
	q.N = 2
	out, err := Marshal(&q)
	require.NoError(t, err)
	require.Equal(t, `"{\"n\":2,\"x\":[]}"`, string(out))

	for _, broken := range []string{``, `{}`, `""`, `"x"`, `"{}`, `"{\"n\":\"1\"}"`, `"{}" 1`} {
		require.Error(t, Unmarshal([]byte(broken), new(quoted)), broken)
	}
}

func TestHexIsText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Hex{`""`: nil, `"0x"`: {}, `"0x0aff"`: {0x0a, 0xff}} {
		var h Hex
		require.NoError(t, json.Unmarshal([]byte(text), &h))
		require.Equal(t, want, h)
		out, err := json.Marshal(h)
		require.NoError(t, err)
		require.Equal(t, text, string(out))
		require.Equal(t, text, `"`+h.String()+`"`)
	}
}

// FuzzReader compares what is JSON with encoding/json.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-0.5e+7,"\u00e9é\\",true,false,null,{}]}`, ` [ ] `, `01`, `1.`, `-`, `"\x"`, `"` + "\x01" + `"`, `tru`, `{"a":1,}`, `[1 2]`, `{} {}`, "\"\xff\"", "\"long enough\xc3 for eight bytes at once\"", "\"long enough\x01 for eight bytes at once\"", `"unfinished`, `"escaped\`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader{data: data}
		r.skip()
		r.end()
		require.Equal(t, json.Valid(data), r.err == nil, "%v", r.err)

		var want string
		s := reader{data: data}
		got := s.quoted()
		s.end()
		if err := json.Unmarshal(data, &want); err == nil && s.err == nil {
			require.Equal(t, want, string(got))
		} else if err == nil {
			require.Equal(t, "null", strings.TrimSpace(string(data)))
		} else {
			require.Error(t, s.err)
		}
	})
}
