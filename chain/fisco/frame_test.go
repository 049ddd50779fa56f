package fisco

import (
	"bytes"
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
