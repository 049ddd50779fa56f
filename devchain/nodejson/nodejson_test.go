package nodejson

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/logfilter"
)

func TestFirstReadsAsTheNodeDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":1} rest`:                     `{"a":1}`,
		`// comment` + "\n" + `[1]`:        `[1]`,
		`{"a":/* x */1,"b":"// no \" /*"}`: `{"a":       1,"b":"// no \" /*"}`,
		` 7`:                               `7`,
	} {
		got, err := First([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, string(got))
	}
	for _, text := range []string{"", "{bad", "/* never ends", "// only", `"open`} {
		_, err := First([]byte(text))
		require.Error(t, err, text)
	}
}

func TestCompactWritesAsTheNodeDoes(t *testing.T) {
	t.Parallel()
	got, err := Compact(map[string]any{"b": "<&>", "a": "ü😀"})
	require.NoError(t, err)
	require.Equal(t, `{"a":"\u00fc\ud83d\ude00","b":"<&>"}`, string(got))
	_, err = Compact(make(chan int))
	require.Error(t, err)
}

func TestConversions(t *testing.T) {
	t.Parallel()
	wrong := func(text string) error { return typeError(text) }
	for text, want := range map[string]struct {
		n     int64
		nErr  error
		b     bool
		bErr  error
		s     string
		sErr  error
		isNil bool
	}{
		`null`:                 {isNil: true},
		``:                     {isNil: true},
		`true`:                 {n: 1, b: true, s: "true"},
		`false`:                {s: "false"},
		`-1.9`:                 {n: -1, b: true, s: "-1.9"},
		`0`:                    {s: "0"},
		`"x"`:                  {nErr: notConvertible("Int64"), bErr: notConvertible("bool"), s: "x"},
		`{}`:                   {nErr: notConvertible("Int64"), bErr: notConvertible("bool"), sErr: wrong("Type is not convertible to string")},
		`[]`:                   {nErr: notConvertible("Int64"), bErr: notConvertible("bool"), sErr: wrong("Type is not convertible to string")},
		`18446744073709551615`: {nErr: wrong("LargestUInt out of Int64 range"), b: true, s: "18446744073709551615"},
		`1e30`:                 {nErr: wrong("double out of Int64 range"), b: true, s: "1e30"},
	} {
		v := json.RawMessage(text)
		n, err := Int64(v)
		require.Equal(t, want.nErr, err, text)
		require.Equal(t, want.n, n, text)
		b, err := Bool(v)
		require.Equal(t, want.bErr, err, text)
		require.Equal(t, want.b, b, text)
		s, err := Text(v)
		require.Equal(t, want.sErr, err, text)
		require.Equal(t, want.s, s, text)
		require.Equal(t, want.isNil, IsNull(v), text)
	}
	p := Params{json.RawMessage(`"a"`), json.RawMessage(`1`)}
	require.Equal(t, "a", p.Text(0))
	require.Empty(t, p.Text(1), "only strings are text here")
	require.Empty(t, p.Text(2))
	require.Nil(t, p.At(2))
}

func TestLogQuery(t *testing.T) {
	t.Parallel()
	hash := common.BytesToHash([]byte{0x12})
	got, err := LogQuery(json.RawMessage(`{"fromBlock":"0x1","toBlock":"pending","address":["0xAB",7],"topics":[null,"0xCD",["0x1","0x2"],[]],"blockhash":"0x12"}`))
	require.NoError(t, err)
	require.Equal(t, logfilter.Query{
		From: logfilter.Bound{Number: 1}, To: logfilter.Bound{Latest: true}, Block: &hash,
		Addresses: []string{"0xab", "7"}, Topics: [][]string{nil, {"0xCD"}, {"0x1", "0x2"}, {}},
	}, got)
	with := func(member string) string {
		return `{"fromBlock":"earliest","toBlock":"","address":"","topics":[],` + member + `}`
	}
	for text, want := range map[string]error{
		`null`:                                  &QueryError{Text: "fromBlock is null"},
		`{"fromBlock":"0x1"}`:                   &QueryError{Text: "toBlock is null"},
		with(`"topics":null`):                   &QueryError{Text: "topics is null"},
		with(`"address":null`):                  &QueryError{Text: "address is null"},
		with(`"topics":[1,2,3,4,5]`):            &QueryError{Text: "exceed max topics"},
		with(`"topics":{"a":1}`):                typeError("in Json::Value::operator[](ArrayIndex)const: requires arrayValue"),
		with(`"topics":[{}]`):                   typeError("Type is not convertible to string"),
		with(`"address":[[]]`):                  typeError("Type is not convertible to string"),
		with(`"fromBlock":1`):                   &QueryError{Text: "Invalid Block Number: 1", BlockTag: true},
		with(`"toBlock":"Latest"`):              &QueryError{Text: "Invalid Block Number: Latest", BlockTag: true},
		with(`"toBlock":"0x10000000000000000"`): &TypeError{Text: "stoull", Exception: "std::out_of_range"},
		with(`"blockhash":{}`):                  typeError("Type is not convertible to string"),
		`"all"`:                                 typeError("in Json::Value::find(begin, end): requires objectValue or nullValue"),
	} {
		_, err := LogQuery(json.RawMessage(text))
		require.Equal(t, want, err, text)
	}
	got, err = LogQuery(json.RawMessage(with(`"fromBlock":"0xffffffffffffffff","blockhash":"no hash","topics":7`)))
	require.NoError(t, err)
	require.Equal(t, logfilter.Bound{Number: -1}, got.From)
	require.Equal(t, &common.Hash{}, got.Block, "the hash of no block")
	require.Empty(t, got.Topics)
}

// Whatever is read, the query is one that can be searched for, and faults are worded.
func FuzzLogQuery(f *testing.F) {
	f.Add([]byte(`{"fromBlock":"0x1","toBlock":"latest","address":[],"topics":[null,["0x1"]],"blockhash":null}`))
	f.Add([]byte(`{"fromBlock":1,"toBlock":true,"address":{},"topics":"x"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := First(text)
		if err != nil {
			return
		}
		q, err := LogQuery(v)
		var wrongType *TypeError
		var query *QueryError
		if err != nil {
			require.True(t, errors.As(err, &wrongType) || errors.As(err, &query), "%v", err)
			require.NotEmpty(t, err.Error())
			return
		}
		require.LessOrEqual(t, len(q.Topics), maxTopicPositions)
	})
}
