package jsonrpc

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAppendRequest(t *testing.T) {
	t.Parallel()
	got, err := AppendRequest([]byte("before "), 7, "sendTransaction", "group0", "", Hex{0x1a, 0xff}, false, 5, int64(-1), uint64(1<<63), []string{"x"}, "q\"\\\n中", Hex(nil))
	require.NoError(t, err)
	require.Equal(t, `before {"jsonrpc":"2.0","id":7,"method":"sendTransaction","params":["group0","","0x1aff",false,5,-1,9223372036854775808,["x"],"q\"\\\n中","0x"]}`, string(got))
	require.True(t, json.Valid(got[len("before "):]))

	got, err = AppendRequest(nil, 1, "getGroupList")
	require.NoError(t, err)
	require.JSONEq(t, `{"jsonrpc":"2.0","id":1,"method":"getGroupList","params":[]}`, string(got))

	_, err = AppendRequest(nil, 1, "getLogs", func() {})
	require.ErrorContains(t, err, "parameter 0 of getLogs")
}

func TestDecodeResponse(t *testing.T) {
	t.Parallel()
	number, err := DecodeResponse[int64]([]byte(`{"id":1,"jsonrpc":"2.0","result":378,"more":{}}`))
	require.NoError(t, err)
	require.Equal(t, int64(378), number)

	code, err := DecodeResponse[Hex]([]byte(`{"id":1,"jsonrpc":"2.0","result":"0x60ff"}`))
	require.NoError(t, err)
	require.Equal(t, Hex{0x60, 0xff}, code)

	for _, empty := range []string{`"0x"`, `""`} {
		code, err = DecodeResponse[Hex]([]byte(`{"result":` + empty + `}`))
		require.NoError(t, err)
		require.Empty(t, code)
	}

	_, err = DecodeResponse[int64]([]byte(`{"error":{"code":3008,"message":"GetTransactionReceiptByHash"},"id":1,"jsonrpc":"2.0"}`))
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, Error{Code: 3008, Message: "GetTransactionReceiptByHash"}, *refused)

	for _, broken := range []string{``, `null`, `{}`, `[]`, `{"result":null}`, `{"result":"seven"}`, `{"result":7`, `{"error":"no"}`, "\x00\xff"} {
		_, err = DecodeResponse[int64]([]byte(broken))
		require.ErrorIs(t, err, ErrResponse, broken)
	}
	_, err = DecodeResponse[Hex]([]byte(`{"result":"0x6"}`))
	require.ErrorIs(t, err, ErrResponse)
	require.NotErrorIs(t, err, ErrNull)
}

func TestDecodeResponseNull(t *testing.T) {
	t.Parallel()
	null := []byte(`{"id":1,"jsonrpc":"2.0","result":null}`)
	_, err := DecodeResponse[int64](null)
	require.ErrorIs(t, err, ErrNull)
	require.ErrorIs(t, err, ErrResponse)
	_, err = DecodeResponse[json.RawMessage](null)
	require.ErrorIs(t, err, ErrNull)
	_, err = DecodeResponse[*outer](null)
	require.ErrorIs(t, err, ErrNull)
	_, err = DecodeResponse[outer](null)
	require.ErrorIs(t, err, ErrNull)

	_, err = DecodeResponse[outer]([]byte(`{"error":null}`))
	require.ErrorIs(t, err, ErrResponse)
	require.NotErrorIs(t, err, ErrNull)
	// Both, which no node does: the refusal counts.
	_, err = DecodeResponse[outer]([]byte(`{"result":{},"error":{"code":7}}`))
	require.Equal(t, &Error{Code: 7}, err)
}

func TestDecodeResponseOfStructs(t *testing.T) {
	t.Parallel()
	got, err := DecodeResponse[outer]([]byte(` { "result" : {"n":5,"x":[1]} , "more" : [{}] } `))
	require.NoError(t, err)
	require.Equal(t, 5, got.N)
	require.Equal(t, map[string]json.RawMessage{"x": json.RawMessage("[1]")}, got.Extra)

	pointer, err := DecodeResponse[*outer]([]byte(`{"result":{"n":5}}`))
	require.NoError(t, err)
	require.Equal(t, 5, pointer.N)
	all, err := DecodeResponse[[]outer]([]byte(`{"result":[{"n":5},{"n":6}]}`))
	require.NoError(t, err)
	require.Equal(t, 6, all[1].N)

	// Of members with the same name the last counts, and nothing of the first stays.
	got, err = DecodeResponse[outer]([]byte(`{"result":{"n":5,"x":1},"result":{"s":"a"}}`))
	require.NoError(t, err)
	require.Zero(t, got.N)
	require.Empty(t, got.Extra)

	for _, broken := range []string{`{"result":{"n":5}`, `{"result":{"n":"5"}}`, `{"result":7}`, `{"result":{}} {}`, `{"result":{}},`, `{"result":[]}`, `{"result":{"s":"\ud"}}`} {
		_, err = DecodeResponse[outer]([]byte(broken))
		require.ErrorIs(t, err, ErrResponse, broken)
	}
	_, err = DecodeResponse[outer]([]byte(`{"result":{"n":5,"nested":{"n":1.5}}}`))
	require.ErrorContains(t, err, "nested: n: before byte 35: no integer", "the error says where")
}
