package tars

import (
	"bytes"
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func transactions() *rapid.Generator[Transaction] {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.Map(rapid.IntRange(200, 70000), func(n int) string { return strings.Repeat("x", n) }))
	// Absent and empty arrays are the same on the wire: nil stands for both.
	blob := rapid.Map(rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 80), rapid.Map(rapid.IntRange(100, 70000), func(n int) []byte { return make([]byte, n) })),
		func(b []byte) []byte {
			if len(b) == 0 {
				return nil
			}
			return b
		})
	return rapid.Custom(func(t *rapid.T) Transaction {
		return Transaction{
			Data: TransactionData{
				Version: rapid.Int32().Draw(t, "version"), ChainID: text.Draw(t, "chain"), GroupID: text.Draw(t, "group"),
				BlockLimit: rapid.Int64().Draw(t, "limit"), Nonce: text.Draw(t, "nonce"), To: text.Draw(t, "to"),
				Input: blob.Draw(t, "input"), ABI: text.Draw(t, "abi"), Value: text.Draw(t, "value"), GasPrice: text.Draw(t, "price"),
				GasLimit: rapid.Int64().Draw(t, "gas"), MaxFeePerGas: text.Draw(t, "fee"), MaxPriorityFeePerGas: text.Draw(t, "tip"),
				Extension: blob.Draw(t, "extension"),
			},
			DataHash: blob.Draw(t, "hash"), Signature: blob.Draw(t, "signature"), ImportTime: rapid.Int64().Draw(t, "time"),
			Attribute: rapid.Int32().Draw(t, "attribute"), Sender: blob.Draw(t, "sender"), ExtraData: text.Draw(t, "extra"),
			Type: rapid.Int8().Draw(t, "type"), ExtraTransactionBytes: blob.Draw(t, "extraBytes"), ExtraTransactionHash: blob.Draw(t, "extraHash"),
		}
	})
}

func TestDecodeGivesBackWhatWasEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := transactions().Draw(t, "transaction")
		wire := want.Append(nil)
		require.LessOrEqual(t, len(wire), want.SizeHint())
		got, err := DecodeTransaction(wire)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestEveryPrefixIsRefusedAsTruncated(t *testing.T) {
	t.Parallel()
	whole := sample(t)
	full, err := DecodeTransaction(whole)
	require.NoError(t, err)
	refused := 0
	for n := range len(whole) {
		got, err := DecodeTransaction(whole[:n])
		if err == nil { // cut between two fields: then a field is missing
			require.NotEqual(t, full, got, "prefix of %d bytes", n)
			continue
		}
		refused++
		require.ErrorIs(t, err, ErrTruncated, "prefix of %d bytes", n)
	}
	require.Greater(t, refused, len(whole)-5)
}

func TestIntegersOfEveryWidth(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"4005", "410005", "4200000005", "430000000000000005"} {
		got, err := DecodeTransaction(unhex(t, "1a"+field+"0b"))
		require.NoError(t, err, field)
		require.Equal(t, int64(5), got.Data.BlockLimit, field)
	}
	got, err := DecodeTransaction(unhex(t, "1a1300000000000000024c0b"))
	require.NoError(t, err)
	require.Equal(t, int32(2), got.Data.Version)
	require.Zero(t, got.Data.BlockLimit)

	for _, v := range []int64{0, 1, -1, 127, 128, -128, -129, 32767, 32768, -32768, -32769, math.MaxInt32, math.MaxInt32 + 1, math.MinInt32, math.MinInt32 - 1, math.MaxInt64, math.MinInt64} {
		wire := appendInt(nil, 200, v)
		r := reader{b: wire}
		h := r.head()
		require.Equal(t, byte(200), h.tag)
		require.Equal(t, v, r.int(h))
		require.NoError(t, r.err)
		require.False(t, r.more())
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	t.Parallel()
	// Inside the data: tag 15 (two-byte head) as map, list, struct, floats, string, byte array.
	for _, unknown := range []string{
		"f80f" + "0001" + "0601610002",    // map of one pair: "a" -> 2
		"f90f" + "0002" + "0001" + "0c",   // list of two integers
		"fa0f" + "1001" + "2a0b" + "0b",   // struct with a struct inside
		"f40f" + "00000000",               // float
		"f50f" + "0000000000000000",       // double
		"f60f" + "0161",                   // string
		"f70f" + "0000000161",             // long string
		"fd0f" + "00" + "0003" + "010203", // byte array
		"fc0f",                            // zero
	} {
		got, err := DecodeTransaction(unhex(t, "1a"+"1001"+unknown+"0b"+"2d00000101"))
		require.NoError(t, err, unknown)
		require.Equal(t, int32(1), got.Data.Version)
		require.Equal(t, []byte{1}, got.DataHash)
	}
	// Tag 6 of the transaction is a field of the past.
	got, err := DecodeTransaction(unhex(t, "1a0b"+"660161"+"860162"))
	require.NoError(t, err)
	require.Equal(t, "b", got.ExtraData)
}

func TestByteArrayAsList(t *testing.T) {
	t.Parallel()
	got, err := DecodeTransaction(unhex(t, "1a0b"+"29"+"0003"+"0001"+"0c"+"00ff"))
	require.NoError(t, err)
	require.Equal(t, []byte{1, 0, 255}, got.DataHash)
}

func TestBrokenBytes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wire string
		want error
	}{
		"nothing":                       {"", ErrTruncated},
		"no transaction data":           {"2d00000101", ErrTruncated},
		"data is not a struct":          {"1c", ErrType},
		"string of 4 GiB":               {"1a27ffffffff" + "61", ErrTruncated},
		"byte array of 2 GiB":           {"1a7d00027fffffff00", ErrTruncated},
		"byte array of 2^63-1":          {"1a7d00037fffffffffffffff00", ErrTruncated},
		"byte array of negative length": {"1a7d0000ff00", ErrRange},
		"byte array of strings":         {"1a7d0600", ErrType},
		"length with a tag":             {"1a7d001001", ErrType},
		"list of 2^31-1 elements":       {"1a79027fffffff00", ErrTruncated},
		"list with a wide element":      {"1a7900010100ff0b", ErrRange},
		"version of 64 bits":            {"1a1300000001000000000b", ErrRange},
		"string where int is due":       {"1a1601610b", ErrType},
		"int where string is due":       {"1a20010b", ErrType},
		"same tag twice":                {"1a100110020b", ErrOrder},
		"tags downwards":                {"1a2601611001" + "0b", ErrOrder},
		"signature before hash":         {"1a0b3d0000012d000001", ErrOrder},
		"struct without an end":         {"1a1001", ErrTruncated},
		"reserved type":                 {"1afe0f0b", ErrType},
		"skipped structs nest deeply":   {"1a" + "fa0f" + strings.Repeat("0a", 40), ErrDepth},
		"skipped lists nest deeply":     {"1a" + "f90f" + strings.Repeat("000109", 40), ErrDepth},
		"map of 4 Gi pairs":             {"1af80f027fffffff", ErrTruncated},
		"two-byte head cut":             {"1afa", ErrTruncated},
	} {
		_, err := DecodeTransaction(unhex(t, c.wire))
		require.ErrorIs(t, err, c.want, name)
	}
}

func FuzzDecodeTransaction(f *testing.F) {
	f.Add([]byte{})
	f.Add(sample(f))
	f.Add(unhex(f, "1a0b29000300010c00ff"))
	f.Add(unhex(f, "1a27ffffffff61"))
	f.Add(unhex(f, "1afa0f10012a0b0b0b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		first, err := DecodeTransaction(b)
		require.Equal(t, before, b)
		if err != nil {
			return
		}
		again, err := DecodeTransaction(first.Append(nil))
		require.NoError(t, err)
		require.Equal(t, first.Append(nil), again.Append(nil))
	})
}

// sample is the v2 vector of protocol §14.3, which has every usual field.
func sample(t testing.TB) []byte {
	return unhex(t, "1a10022606636861696e30360667726f7570304101f5562030313233343536373839616263646566303132333435363738396162636465666628363834396632316431653435356539663037313262316539396661346663643233373538653866317d0000644ed3885e0000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000568656c6c6f0000000000000000000000000000000000000000000000000000009603307831b2000f4240c603307832d603307831ed0000036578740b2d0000202528123ae45a50d16c4abbeb0dfcccf13ae12cb3add5302259d095e594a081523d000041d59b677f86e132db04a586a6f0093ef5558aa03b0e491b18f1ceb80663bc9d241af2a8e8dae0276a1522355814bd9f8ef95d28cc0b8ada422ae940aedb4da19400500186046d656d6f")
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
