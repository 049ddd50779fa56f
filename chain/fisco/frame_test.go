package fisco

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrokenFrames(t *testing.T) {
	t.Parallel()
	for n := range frameHeaderLen {
		_, err := ParseFrame(make([]byte, n))
		require.ErrorIs(t, err, ErrFrameShort, "%d bytes", n)
	}
	for name, wire := range map[string]string{
		"seq one byte past the end": "00000102000000015f00",
		"seq of 65535 bytes":        "000001020000ffff0000",
		"no room for ext":           "0000010200000002" + "616100",
	} {
		_, err := ParseFrame(unhex(t, wire))
		require.ErrorIs(t, err, ErrFrameSeq, name)
	}
	_, err := AppendFrame(nil, Frame{Seq: make([]byte, 1<<16)})
	require.ErrorIs(t, err, ErrFrameSeq)
}

func TestOddFramesThatAreWhole(t *testing.T) {
	t.Parallel()
	for _, f := range []Frame{
		{Seq: []byte{}, Payload: []byte{}},
		{Version: 7, Type: 0xffff, Status: -4008, Ext: 1, Seq: []byte{0, 255}, Payload: []byte("x")},
		{Type: FrameBlockNotify, Seq: []byte{}, Payload: []byte(`{}`)},
		{Seq: bytes.Repeat([]byte("s"), 1<<16-1), Payload: bytes.Repeat([]byte("p"), 100)},
	} {
		wire, err := AppendFrame(nil, f)
		require.NoError(t, err)
		got, err := ParseFrame(wire)
		require.NoError(t, err)
		require.Equal(t, f, got)
	}
}

func TestParsedFrameSharesMemoryAndCannotGrowIntoThePayload(t *testing.T) {
	t.Parallel()
	wire, err := AppendFrame(nil, Frame{Seq: []byte("seq"), Payload: []byte("payload")})
	require.NoError(t, err)
	f, err := ParseFrame(wire)
	require.NoError(t, err)
	_ = append(f.Seq, "overwritten"...)
	require.Equal(t, "payload", string(f.Payload))
	wire[len(wire)-1] = 'D'
	require.Equal(t, "payloaD", string(f.Payload))
}

func FuzzParseFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, frameHeaderLen))
	f.Add(unhex(f, "000001020000ffff0000"))
	f.Add(unhex(f, "0000000000000020303132333435363738396162636465663031323334353637383961626364656600007b7d"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := ParseFrame(b)
		if err != nil {
			return
		}
		again, err := AppendFrame(nil, frame)
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
}

func BenchmarkParseFrame(b *testing.B) {
	wire, err := AppendFrame(nil, Frame{Seq: []byte(strings.Repeat("5e", 16)), Payload: make([]byte, 1200)})
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		if _, err := ParseFrame(wire); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFrameVector(t *testing.T) {
	t.Parallel()
	// §2.1
	const seq = "0123456789abcdef0123456789abcdef"
	for _, c := range []struct {
		wire, payload string
		typ           FrameType
	}{
		{"0000010200000020303132333435363738396162636465663031323334353637383961626364656600007b226a736f6e727063223a22322e30222c226d6574686f64223a22676574426c6f636b4e756d626572222c22706172616d73223a5b2267726f757030222c22225d2c226964223a317d",
			`{"jsonrpc":"2.0","method":"getBlockNumber","params":["group0",""],"id":1}`, FrameRPC},
		{"0000000000000020303132333435363738396162636465663031323334353637383961626364656600007b226964223a312c226a736f6e727063223a22322e30222c22726573756c74223a377d",
			`{"id":1,"jsonrpc":"2.0","result":7}`, FrameAnswer},
	} {
		f, err := ParseFrame(unhex(t, c.wire))
		require.NoError(t, err)
		require.Equal(t, Frame{Type: c.typ, Seq: []byte(seq), Payload: []byte(c.payload)}, f)
		again, err := AppendFrame(nil, f)
		require.NoError(t, err)
		require.Equal(t, c.wire, hex.EncodeToString(again))
	}
}
