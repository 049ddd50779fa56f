package rows

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// packed packs each text and puts the packings behind each other.
func packed(t testing.TB, how string, texts ...string) string {
	t.Helper()
	var out bytes.Buffer
	for _, text := range texts {
		var w io.WriteCloser = gzip.NewWriter(&out)
		if how == "zstd" {
			var err error
			w, err = zstd.NewWriter(&out)
			require.NoError(t, err)
		}
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	return out.String()
}

func TestPackedInputIsReadAsWhatItHolds(t *testing.T) {
	t.Parallel()
	plain := map[Format][2]string{
		FormatCSV:    {"\xef\xbb\xbfa;b\n存;1\n", "x;2\n"},
		FormatNDJSON: {"{\"a\":\"存\",\"b\":\"1\"}\n", "{\"a\":\"x\",\"b\":\"2\"}\n"},
	}
	for _, how := range []string{"gzip", "zstd"} {
		for format, text := range plain {
			whole := packed(t, how, text[0]+text[1])
			inTwo := packed(t, how, text[0], text[1]) // as pigz and cat write them
			for _, input := range []io.Reader{strings.NewReader(whole), strings.NewReader(inTwo), iotest.OneByteReader(strings.NewReader(whole)), iotest.DataErrReader(strings.NewReader(inTwo))} {
				raw := newHashedReader(input)
				r, err := New(format, raw, CSVOptions{})
				require.NoError(t, err)
				rows, faults := readAll(t, r)
				require.Empty(t, faults)
				require.Equal(t, [][]string{{"存", "1"}, {"x", "2"}}, texts(rows), "%s %s", how, format)
				require.Equal(t, raw.sum(), r.SHA256(), "the hash is over the bytes as they were given")
			}
			r, err := New(format, strings.NewReader(whole), CSVOptions{})
			require.NoError(t, err)
			readAll(t, r)
			require.Equal(t, sha256.Sum256([]byte(whole)), r.SHA256())
		}
	}
}

func TestPackedInputThatIsBrokenIsAFaultOfTheInput(t *testing.T) {
	t.Parallel()
	text := "a\n" + strings.Repeat("0123456789abcdef\n", 20_000)
	for _, how := range []string{"gzip", "zstd"} {
		good := packed(t, how, text)
		flipped := []byte(good)
		flipped[len(flipped)-5] ^= 0xff
		for name, tc := range map[string]struct{ input, want string }{
			"cut":          {good[:len(good)-6], "ends in the middle of its " + how + " data: is it whole?"},
			"cut early":    {good[:5], how + " data"},
			"only a magic": {good[:4], how + " data"},
			"damaged":      {string(flipped), "has damaged " + how + " data"},
			"more behind":  {good + "more than the packed data", "has damaged " + how + " data"},
			"packed twice": {packed(t, how, good), "is packed twice: unpack it once"},
			"Parquet":      {packed(t, how, "PAR1xxxx"), "is a Parquet file: "},
			"a workbook":   {packed(t, how, "PK\x03\x04"), "is a zip file"},
			"empty":        {packed(t, how, ""), "is empty"},
		} {
			for _, format := range []Format{FormatCSV, FormatNDJSON} {
				r, err := New(format, strings.NewReader(tc.input), CSVOptions{})
				require.NoError(t, err, "%s %s", how, name)
				_, faults := readAll(t, r)
				require.NotEmpty(t, faults, "%s %s", how, name)
				last := faults[len(faults)-1]
				require.Zero(t, last.Row, "%s %s", how, name)
				require.Contains(t, last.Error(), tc.want, "%s %s", how, name)
			}
		}
	}
}

func TestPackedInputThatBreaksOffIsNoFault(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for _, how := range []string{"gzip", "zstd"} {
		// Text that cannot be packed, so that much is left when it breaks off.
		good := packed(t, how, "a\n"+strings.Repeat("1\n", 500_000))
		for _, keep := range []int{1, len(good) / 2, len(good) - 1} {
			r, err := NewCSV(io.MultiReader(strings.NewReader(good[:keep]), iotest.ErrReader(broken)), CSVOptions{})
			for err == nil {
				_, err = r.Next()
			}
			require.ErrorIs(t, err, broken, "%s %d", how, keep)
			require.Nil(t, asFault(err))
		}
	}
}

func TestInputThatUnpacksWithoutEndIsRefused(t *testing.T) {
	t.Parallel()
	bomb := packed(t, "zstd", "a\n"+strings.Repeat(strings.Repeat("0", 1000)+"\n", freeExpansion/1000+200))
	require.Less(t, len(bomb), freeExpansion/maxExpansion/2)
	r, err := NewCSV(strings.NewReader(bomb), CSVOptions{})
	require.NoError(t, err)
	var rows int
	for {
		if _, err = r.Next(); err != nil {
			break
		}
		rows++
	}
	require.EqualError(t, err, "input: unpacks to more than 300 times its size: unpack it first if that is right")
	require.Less(t, rows, freeExpansion/1000+100)
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

func TestZstdMayNotAskForMuchMemory(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithWindowSize(2*zstdWindow))
	require.NoError(t, err)
	_, err = io.Copy(w, io.LimitReader(endless("a\n1\n"), 3*zstdWindow)) // what is small has a smaller window
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r, err := NewCSV(&out, CSVOptions{})
	require.NoError(t, err)
	_, faults := readAll(t, r)
	require.Len(t, faults, 1)
	require.Equal(t, "input: is zstd with a window of more than 8 MiB: pack it with level 19 or less", faults[0].Error())
}

// FuzzPacked holds that packed bytes of any kind end, and are rows, faults or
// both, but never an error.
func FuzzPacked(f *testing.F) {
	for _, how := range []string{"gzip", "zstd"} {
		good := packed(f, how, "a,b\n1,2\n3,4\n")
		f.Add([]byte(good))
		f.Add([]byte(good[:len(good)-3]))
		f.Add([]byte(good + good))
		f.Add([]byte(packed(f, how, "{\"a\":1}\n")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		format, opt, err := Detect("", bytes.NewReader(data), CSVOptions{})
		require.NoError(t, err)
		if format == FormatParquet {
			return
		}
		r, err := New(format, bytes.NewReader(data), opt)
		require.NoError(t, err)
		rows, faults := readAll(t, r)
		require.NotZero(t, len(rows)+len(faults))
		if len(faults) == 0 {
			require.Equal(t, sha256.Sum256(data), r.SHA256())
		}
	})
}
