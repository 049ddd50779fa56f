package exactjson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeKeepsValuesExact(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want any
	}{
		"a number of 256 bits":    {strings.Repeat("9", 77), json.Number(strings.Repeat("9", 77))},
		"an exponent stays":       {`1.50e+18`, json.Number("1.50e+18")},
		"text":                    {`"a\u00e9\n"`, "aé\n"},
		"a pair of surrogates":    {`"\ud83d\ude00"`, "😀"},
		"the replacement itself":  {`"\ufffd"`, "�"},
		"an escaped backslash":    {`"\\ud800�"`, `\ud800�`},
		"nothing":                 {`null`, nil},
		"true":                    {` true `, true},
		"empty array":             {`[]`, []any{}},
		"nested":                  {`[{"a":[1,"2",null]}]`, []any{map[string]any{"a": []any{json.Number("1"), "2", nil}}}},
		"the same name elsewhere": {`{"a":{"a":1}}`, map[string]any{"a": map[string]any{"a": json.Number("1")}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Decode([]byte(tt.text))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, reason string }{
		"nothing":                 {"", "is empty"},
		"spaces":                  {" \n", "is empty"},
		"half an object":          {`{"a":1`, "is not JSON: unexpected end"},
		"a comma too many":        {`[1,]`, "is not JSON"},
		"no quotes":               {`{a:1}`, "is not JSON"},
		"more behind":             {`1 2`, "is not JSON"},
		"a name twice":            {`{"a":1,"b":2,"a":3}`, `has the name "a" twice`},
		"a name twice, escaped":   {`{"a":1,"\u0061":3}`, `has the name "a" twice`},
		"a name twice, deep":      {`[[{"x":{"a":1,"a":3}}]]`, `has the name "a" twice`},
		"not UTF-8":               {"\"\xd6\xd0\"", "is not valid UTF-8 at byte 2"},
		"a high surrogate":        {`"x\ud800y"`, `has \ud800`},
		"a low surrogate":         {`{"\udc00":1}`, `has \udc00`},
		"two high surrogates":     {`"\ud800\ud800"`, `has \ud800`},
		"too deep":                {strings.Repeat("[", 65) + strings.Repeat("]", 65), "deeper than 64"},
		"far too deep":            {strings.Repeat("[", 1<<20), "is not JSON"},
		"a leading zero":          {`01`, "is not JSON"},
		"not a number":            {`NaN`, "is not JSON"},
		"a control in text":       {"\"a\nb\"", "is not JSON"},
		"escape of half a number": {`"\ud8"`, "is not JSON"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode([]byte(tt.text))
			require.ErrorContains(t, err, tt.reason)
		})
	}
}

func TestDecodeRowKeepsTheOrder(t *testing.T) {
	t.Parallel()
	members, isObject, err := DecodeRow([]byte(`{"z":1,"a":[2],"m":{"k":true}}`))
	require.NoError(t, err)
	require.True(t, isObject)
	require.Equal(t, []Member{
		{"z", json.Number("1")}, {"a", []any{json.Number("2")}}, {"m", map[string]any{"k": true}},
	}, members)

	members, isObject, err = DecodeRow([]byte(`["x",[],null]`))
	require.NoError(t, err)
	require.False(t, isObject)
	require.Equal(t, []Member{{"", "x"}, {"", []any{}}, {"", nil}}, members)

	for _, text := range []string{`"x"`, `1`, `null`} {
		_, _, err = DecodeRow([]byte(text))
		require.ErrorContains(t, err, "neither a JSON object nor a JSON array", text)
	}
	_, _, err = DecodeRow([]byte(`{"a":1,"a":2}`))
	require.ErrorContains(t, err, "twice")
}

// FuzzDecode holds it against encoding/json: what is read is what
// encoding/json reads, and what is refused by it is refused.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1,"2",null,{"b":false}]}`, `"\ud83d\ude00"`, `[1e5,-0.1]`, `{"a":1,"a":2}`, "\"\xff\"", `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Decode(text)
		if err != nil {
			return
		}
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		var want any
		require.NoError(t, dec.Decode(&want))
		require.Equal(t, want, got)
	})
}
