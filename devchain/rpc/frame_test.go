package rpc

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The example of protocol §2.1.
const (
	exampleRequest = "00000102000000203031323334353637383961626364656630313233343536373839616263646566" + "0000" +
		"7b226a736f6e727063223a22322e30222c226d6574686f64223a22676574426c6f636b4e756d626572222c22706172616d73223a5b2267726f757030222c22225d2c226964223a317d"
	exampleAnswer = "00000000000000203031323334353637383961626364656630313233343536373839616263646566" + "0000" +
		"7b226964223a312c226a736f6e727063223a22322e30222c22726573756c74223a377d"
)

func TestFrameReadsAndWritesTheProtocolExample(t *testing.T) {
	t.Parallel()
	f, err := parseFrame(unhex(t, exampleRequest))
	require.NoError(t, err)
	require.Equal(t, uint16(typeRPC), f.Type)
	require.Equal(t, "0123456789abcdef0123456789abcdef", string(f.Seq))
	require.JSONEq(t, `{"jsonrpc":"2.0","method":"getBlockNumber","params":["group0",""],"id":1}`, string(f.Payload))

	answer := frame{Type: typeReply, Seq: f.Seq, Ext: f.Ext, Payload: []byte(`{"id":1,"jsonrpc":"2.0","result":7}`)}
	require.Equal(t, exampleAnswer, hex.EncodeToString(answer.bytes()))
}

func TestFrameKeepsEveryField(t *testing.T) {
	t.Parallel()
	for _, f := range []frame{
		{},
		{Version: 7, Type: 0xffff, Status: -4008, Ext: 0x8001},
		{Type: typeEventPush, Payload: []byte("x")},
		{Seq: bytes.Repeat([]byte{0}, 300), Payload: bytes.Repeat([]byte{1}, 70000)},
		{Seq: bytes.Repeat([]byte{0xff}, 65535)},
	} {
		got, err := parseFrame(f.bytes())
		require.NoError(t, err)
		require.Equal(t, f.bytes(), got.bytes())
		require.Equal(t, f.Status, got.Status)
		require.Equal(t, len(f.Seq), len(got.Seq))
	}
}

func TestFrameRefusesWhatIsTooShort(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":                   "",
		"nine bytes":              "000001020000000000",
		"seq behind the end":      "00000102000000c8616263640000",
		"seq of 65535 bytes":      "000001020000ffff0000",
		"ext cut off":             "00000102000000026162" + "00",
		"length of four GiB kind": strings.Repeat("ff", 10),
	} {
		_, err := parseFrame(unhex(t, text))
		require.ErrorIs(t, err, errFrame, name)
	}
}

func FuzzParseFrame(f *testing.F) {
	for _, text := range []string{exampleRequest, exampleAnswer, "000001020000ffff0000", ""} {
		b, err := hex.DecodeString(text)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseFrame(data)
		if err != nil {
			return
		}
		require.Equal(t, data, got.bytes(), "a frame that was accepted is written back unchanged")
	})
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}
