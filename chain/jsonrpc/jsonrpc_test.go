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
}
