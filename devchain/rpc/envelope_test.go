package rpc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	invalidAnswer    = `{"error":{"code":-32600,"message":"The JSON sent is not a valid Request object."},"id":0,"jsonrpc":""}`
	unreadableAnswer = `{"error":{"code":-32700,"message":"Invalid JSON was received by the server."},"id":0,"jsonrpc":""}`
)

// What a 3.16.4 node answered to requests that are malformed or unusual.
func TestEnvelopeIsReadAsLenientlyAsANodeDoes(t *testing.T) {
	t.Parallel()
	const ok = `{"jsonrpc":"2.0","id":1,"method":"m","params":["group0",""]}`
	good := func(id, version string) string { return `{"id":` + id + `,"jsonrpc":"` + version + `","result":"m"}` }
	for body, want := range map[string]string{
		`{bad`:         invalidAnswer,
		``:             invalidAnswer,
		`null`:         invalidAnswer,
		`{}`:           invalidAnswer,
		`[]`:           unreadableAnswer,
		`[` + ok + `]`: unreadableAnswer,
		`1`:            unreadableAnswer,
		`"text"`:       unreadableAnswer,

		`{"jsonrpc":"2.0","id":"x","method":"m","params":[]}`:                  unreadableAnswer,
		`{"jsonrpc":"2.0","id":"7","method":"m","params":[]}`:                  unreadableAnswer,
		`{"jsonrpc":"2.0","id":[1],"method":"m","params":[]}`:                  unreadableAnswer,
		`{"jsonrpc":"2.0","id":{},"method":"m","params":[]}`:                   unreadableAnswer,
		`{"jsonrpc":"2.0","id":18446744073709551616,"method":"m","params":[]}`: unreadableAnswer,
		`{"jsonrpc":"2.0","id":1.5,"method":"m","params":[]}`:                  good("1", "2.0"),
		`{"jsonrpc":"2.0","id":-3,"method":"m","params":[]}`:                   good("-3", "2.0"),
		`{"jsonrpc":"2.0","id":null,"method":"m","params":[]}`:                 good("0", "2.0"),
		`{"jsonrpc":"2.0","id":true,"method":"m","params":[]}`:                 good("1", "2.0"),
		`{"jsonrpc":"2.0","id":2147483648,"method":"m","params":[]}`:           good("2147483648", "2.0"),
		`{"jsonrpc":"2.0","id":9007199254740993,"method":"m","params":[]}`:     good("9007199254740993", "2.0"),
		`{"jsonrpc":"2.0","method":"m","params":[]}`:                           good("0", "2.0"),

		`{"id":1,"method":"m","params":[]}`:                  invalidAnswer,
		`{"jsonrpc":"1.0","id":1,"method":"m","params":[]}`:  good("1", "1.0"),
		`{"jsonrpc":"","id":1,"method":"m","params":[]}`:     good("1", ""),
		`{"jsonrpc":2,"id":1,"method":"m","params":[]}`:      good("1", "2"),
		`{"jsonrpc":null,"id":1,"method":"m","params":[]}`:   good("1", ""),
		`{"jsonrpc":"2.0","id":1,"params":["group0",""]}`:    invalidAnswer,
		`{"jsonrpc":"2.0","id":1,"method":1,"params":[]}`:    `{"id":1,"jsonrpc":"2.0","result":"1"}`,
		`{"jsonrpc":"2.0","id":1,"method":null,"params":[]}`: `{"id":1,"jsonrpc":"2.0","result":""}`,

		`{"jsonrpc":"2.0","id":1,"method":"m"}`:                   invalidAnswer,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":null}`:     invalidAnswer,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":{}}`:       invalidAnswer,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":"group0"}`: invalidAnswer,
		`{"jsonrpc":"2.0","id":1,"method":"m","params":1}`:        invalidAnswer,

		` ` + "\n\t" + ok + " \n": good("1", "2.0"),
		ok + ` trailing`:          good("1", "2.0"),
		ok + ok:                   good("1", "2.0"),
		strings.Replace(ok, `"id":1`, `"id":1,"id":2`, 1):                     good("2", "2.0"),
		strings.Replace(ok, `"id"`, `/* c */"id"`, 1):                         good("1", "2.0"),
		strings.Replace(ok, `"id"`, "// \"x\n\"id\"", 1):                      good("1", "2.0"),
		strings.Replace(ok, `"id"`, `"a":"/*\"*/","extra":{"a":[1]},"id"`, 1): good("1", "2.0"),
		strings.ReplaceAll(ok, `"`, `'`):                                      invalidAnswer,
		strings.Replace(ok, `]}`, `],}`, 1):                                   invalidAnswer,
	} {
		r, wrong := parseRequest([]byte(body))
		a := answer{ID: r.ID, JSONRPC: r.JSONRPC, Result: r.Method, Fault: wrong}
		require.Equal(t, want, string(a.bytes()), "body %q", body)
	}
}

func TestAnswersAreASCIIAndKeepMarkup(t *testing.T) {
	t.Parallel()
	got := answer{Result: map[string]any{"z": nil, "a": "<é 中 \U0001F600 & \n>"}}.bytes()
	require.Equal(t, `{"id":0,"jsonrpc":"","result":{"a":"<\u00e9 \u4e2d \ud83d\ude00 & \n>","z":null}}`, string(got))
	require.Equal(t, `{"id":0,"jsonrpc":"","result":null}`, string(answer{}.bytes()))
	require.Contains(t, string(answer{ID: 4, Result: func() {}}.bytes()), `"code":-32603`)
}

func TestParametersConvertAsInTheNode(t *testing.T) {
	t.Parallel()
	r, wrong := parseRequest([]byte(`{"jsonrpc":"2.0","method":"m","params":["a",null,7,1.9,true,"1",{"x":1},[2],9223372036854775808,1e40,-1.5]}`))
	require.Nil(t, wrong)
	p := r.Params

	require.Equal(t, "a", p.text(0))
	for i := 1; i < 12; i++ {
		if i != 5 {
			require.Empty(t, p.text(i), "parameter %d", i)
		}
	}

	for i, want := range map[int]int64{1: 0, 2: 7, 3: 1, 4: 1, 10: -1, 11: 0} {
		n, wrong := p.number(i)
		require.Nil(t, wrong, "parameter %d", i)
		require.Equal(t, want, n, "parameter %d", i)
	}
	for i, want := range map[int]string{
		0: "Value is not convertible to Int64.", 6: "Value is not convertible to Int64.", 7: "Value is not convertible to Int64.",
		8: "LargestUInt out of Int64 range", 9: "double out of Int64 range",
	} {
		_, wrong := p.number(i)
		require.Equal(t, &fault{Code: -32600, Message: want}, wrong, "parameter %d", i)
	}

	for i, want := range map[int]bool{1: false, 2: true, 3: true, 4: true, 11: true} {
		b, wrong := p.boolean(i, true)
		require.Nil(t, wrong, "parameter %d", i)
		require.Equal(t, want, b, "parameter %d", i)
	}
	_, wrong = p.boolean(5, true)
	require.Equal(t, "Value is not convertible to bool.", wrong.Message)
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"getBlockNumber","params":["group0",""]}`))
	f.Add([]byte(`/* c */{"jsonrpc":2,"id":1.5,"method":"m","params":[{}]}x`))
	f.Add([]byte(`{"a":"\"//","b":/*`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, wrong := parseRequest(body)
		if wrong != nil {
			require.Contains(t, []int{codeParse, codeInvalidRequest}, wrong.Code)
			return
		}
		for i := range r.Params {
			_ = r.Params.text(i)
			_, _ = r.Params.number(i)
			_, _ = r.Params.boolean(i, true)
		}
	})
}
