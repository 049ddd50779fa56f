package rows

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// parquetOf writes values, which are structs, as a Parquet file.
func parquetOf[T any](t testing.TB, values []T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, options...)
	_, err := w.Write(values)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// parquetRowsOf writes rows of plain values for a schema that no struct has.
func parquetRowsOf(t testing.TB, schema parquet.Group, rows ...[]parquet.Value) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewWriter(&out, parquet.NewSchema("rows", schema))
	for _, row := range rows {
		for i := range row {
			row[i] = row[i].Level(0, 0, i)
		}
		_, err := w.WriteRows([]parquet.Row{row})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func readParquet(t testing.TB, data []byte) (*Parquet, []Row, []*Fault) {
	t.Helper()
	p, err := NewParquet(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	rows, faults := readAll(t, p)
	return p, rows, faults
}

func TestParquetReadsEveryTypeWithoutLoss(t *testing.T) {
	t.Parallel()
	type inner struct {
		Name  string `parquet:"name"`
		Count int64  `parquet:"count,optional"`
	}
	type record struct {
		ID     string    `parquet:"_id"`
		Text   string    `parquet:"text"`
		Kind   string    `parquet:"kind,enum"`
		Raw    []byte    `parquet:"raw"`
		Digest [32]byte  `parquet:"digest"`
		UUID   [16]byte  `parquet:"uuid,uuid"`
		Small  int8      `parquet:"small"`
		Big    int64     `parquet:"big"`
		Max    uint64    `parquet:"max"`
		Max32  uint32    `parquet:"max32"`
		Money  int64     `parquet:"money,decimal(2:18)"`
		Whole  float64   `parquet:"whole"`
		Part   float64   `parquet:"part"`
		Large  float64   `parquet:"large"`
		Single float32   `parquet:"single"`
		NaN    float64   `parquet:"nan"`
		Yes    bool      `parquet:"yes"`
		At     time.Time `parquet:"at,timestamp(millisecond)"`
		Day    int32     `parquet:"day,date"`
		Void   *string   `parquet:"void,optional"`
		List   []int64   `parquet:"list,list"`
		Plain  []string  `parquet:"plain"`
		Deep   [][]byte  `parquet:"deep,list"`
		Struct inner     `parquet:"struct"`
		Items  []inner   `parquet:"items,list"`
		State  string    `parquet:"_state"`
	}
	digest := [32]byte{0xab, 31: 0xcd}
	data := parquetOf(t, []record{{
		ID: "r-1", Text: "存证", Kind: "E", Raw: []byte{0, 0xff}, Digest: digest, UUID: [16]byte{1, 15: 2},
		Small: -7, Big: math.MinInt64, Max: math.MaxUint64, Max32: math.MaxUint32, Money: 12345, Whole: 1 << 53, Part: 0.1, Large: 1.23e18, Single: 16777216, NaN: math.NaN(), Yes: true,
		At: time.Date(2026, 11, 25, 8, 9, 10, 5e6, time.UTC), Day: 20000,
		List: []int64{1, 2}, Plain: []string{"a", "b"}, Deep: [][]byte{{1}, {2, 3}},
		Struct: inner{"s", 5}, Items: []inner{{"x", 1}, {"y", 0}}, State: "confirmed",
	}, {ID: "r-2", Money: -100}})
	p, rows, faults := readParquet(t, data)
	require.Empty(t, faults)
	require.Len(t, rows, 2)
	number := func(s string) json.Number { return json.Number(s) }
	got := map[string]any{}
	for _, c := range rows[0].Cells {
		got[c.Column] = c.Value
	}
	require.Equal(t, map[string]any{
		"text": "存证", "kind": "E", "raw": []byte{0, 0xff}, "digest": digest[:], "uuid": append(append([]byte{1}, make([]byte, 14)...), 2),
		"small": number("-7"), "big": number("-9223372036854775808"), "max": number("18446744073709551615"), "max32": number("4294967295"),
		"money": number("123.45"), "whole": number("9007199254740992"), "part": number("0.1"), "large": number("1.23e+18"), "single": number("16777216"), "nan": "NaN",
		"yes": true, "at": "2026-11-25T08:09:10.005Z", "day": "2024-10-04", "void": nil,
		"list": []any{number("1"), number("2")}, "plain": []any{"a", "b"}, "deep": []any{[]byte{1}, []byte{2, 3}},
		"struct": map[string]any{"name": "s", "count": number("5")},
		"items":  []any{map[string]any{"name": "x", "count": number("1")}, map[string]any{"name": "y", "count": nil}},
	}, got)
	require.Equal(t, "r-1", rows[0].ID)
	require.Equal(t, int64(2), rows[1].Number)
	require.Zero(t, rows[1].Line)
	got = map[string]any{}
	for _, c := range rows[1].Cells {
		got[c.Column] = c.Value
	}
	require.Equal(t, number("-1"), got["money"], "a whole DECIMAL has no decimals")
	require.Equal(t, []any{}, got["list"])
	require.Equal(t, []any{}, got["items"])
	require.Equal(t, sha256.Sum256(data), p.SHA256())

	var texts []string
	require.NoError(t, json.Unmarshal(rows[0].Source, &texts))
	source := map[string]string{}
	for i, name := range p.Columns() {
		source[name] = texts[i]
	}
	require.Equal(t, "0x"+hex.EncodeToString(digest[:]), source["digest"])
	require.Equal(t, `["0x01","0x0203"]`, source["deep"])
	require.Equal(t, `[{"count":1,"name":"x"},{"count":null,"name":"y"}]`, source["items"])
	require.Equal(t, "confirmed", source["_state"])
	require.Equal(t, "", source["void"])
}

func TestParquetKeepsAllDigitsOfADecimal(t *testing.T) {
	t.Parallel()
	wide, ok := new(big.Int).SetString("-57896044618658097711785492504343953926634992332820282019728792003956564819968", 10)
	require.True(t, ok)
	bytesOf := func(n *big.Int) []byte { // two's complement
		if n.Sign() < 0 {
			n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		return n.FillBytes(make([]byte, 32))
	}
	for _, tc := range []struct {
		scale int
		n     *big.Int
		want  string
	}{
		{0, wide, wide.String()},
		{0, big.NewInt(-1), "-1"},
		{0, big.NewInt(0), "0"},
		{18, new(big.Int).Mul(big.NewInt(1e18), big.NewInt(123)), "123"},
		{18, big.NewInt(1), "0.000000000000000001"},
		{2, big.NewInt(-5), "-0.05"},
	} {
		data := parquetRowsOf(t, parquet.Group{"v": parquet.Decimal(tc.scale, 76, parquet.FixedLenByteArrayType(32))},
			[]parquet.Value{parquet.FixedLenByteArrayValue(bytesOf(tc.n))})
		_, rows, faults := readParquet(t, data)
		require.Empty(t, faults)
		require.Equal(t, json.Number(tc.want), rows[0].Cells[0].Value)
	}
}

func TestParquetReadsListsAsOtherWritersHaveThem(t *testing.T) {
	t.Parallel()
	// An optional list of optional elements in three levels: null, empty, with a null.
	type record struct {
		List []*int64 `parquet:"list,optional,list"`
	}
	one := int64(1)
	_, rows, faults := readParquet(t, parquetOf(t, []record{{nil}, {[]*int64{&one, nil}}}))
	require.Empty(t, faults)
	require.Nil(t, rows[0].Cells[0].Value)
	require.Equal(t, []any{json.Number("1"), nil}, rows[1].Cells[0].Value)

	// Lists of lists.
	type nested struct {
		List [][]int64 `parquet:"list,list"`
	}
	_, rows, faults = readParquet(t, parquetOf(t, []nested{{[][]int64{{1, 2}, {}, {3}}}, {}}))
	require.Empty(t, faults)
	n := func(s string) any { return json.Number(s) }
	require.Equal(t, []any{[]any{n("1"), n("2")}, []any{}, []any{n("3")}}, rows[0].Cells[0].Value)
	require.Equal(t, []any{}, rows[1].Cells[0].Value)
}

func TestParquetSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	type one struct {
		A int64 `parquet:"a"`
	}
	good := parquetOf(t, []one{{1}, {2}})
	type spaced struct {
		A int64 `parquet:" a"`
	}
	type reserved struct {
		A int64 `parquet:"_from"`
	}
	type listID struct {
		ID []string `parquet:"_id,list"`
		A  int64    `parquet:"a"`
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":          {nil, "input: cannot be read as Parquet: is it whole?"},
		"text":           {[]byte("a,b\n1,2\n"), "input: cannot be read as Parquet: is it whole?"},
		"cut":            {good[:len(good)-1], "input: cannot be read as Parquet: is it whole?"},
		"a magic":        {[]byte("PAR1PAR1PAR1"), "input: cannot be read as Parquet: is it whole?"},
		"a huge footer":  {[]byte("PAR1\xff\xff\xff\xffPAR1"), "its footer cannot have 4294967295 bytes"},
		"no rows":        {parquetOf(t, []one{}), "input: has no rows"},
		"spaces":         {parquetOf(t, []spaced{{1}}), `input, column " a": the name of column 1 has spaces around it`},
		"reserved":       {parquetOf(t, []reserved{{1}}), `input, column "_from": this name is reserved`},
		"a list as _id":  {parquetOf(t, []listID{{[]string{"a"}, 1}}), `row 1, column "_id": must be a text, a number or bytes`},
		"INT96":          {parquetRowsOf(t, parquet.Group{"a": parquet.Leaf(parquet.Int96Type)}), `input, column "a": has the type INT96`},
		"damaged values": {damaged(t), "input: cannot be read as Parquet: is it whole?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, faults := readParquet(t, tc.data)
			require.Len(t, faults, 1)
			require.Contains(t, faults[0].Error(), tc.want)
		})
	}
}

// damaged is a file whose footer is whole and whose pages are not.
func damaged(t *testing.T) []byte {
	type one struct {
		A string `parquet:"a,zstd"`
	}
	var values []one
	for i := range 1000 {
		values = append(values, one{fmt.Sprint(i * i)})
	}
	data := parquetOf(t, values)
	for i := 4; i < 60; i++ {
		data[i] ^= 0x5a
	}
	return data
}

func TestParquetPassesErrorsOfTheFile(t *testing.T) {
	t.Parallel()
	type one struct {
		A int64 `parquet:"a"`
	}
	data := parquetOf(t, []one{{1}, {2}})
	broken := errors.New("disk is gone")
	for good := range 40 {
		file := &failingFile{r: bytes.NewReader(data), good: good, err: broken}
		p, err := NewParquet(file, int64(len(data)))
		for err == nil {
			_, err = p.Next()
		}
		if !file.failed {
			require.Equal(t, io.EOF, err)
			return
		}
		require.ErrorIs(t, err, broken, "after %d reads", good)
		require.Nil(t, asFault(err))
	}
	t.Fatal("the file was read more often than this test breaks it")
}

type failingFile struct {
	r      io.ReaderAt
	good   int
	err    error
	failed bool
}

func (f *failingFile) ReadAt(b []byte, off int64) (int, error) {
	if f.good--; f.good < 0 {
		f.failed = true
		return 0, f.err
	}
	return f.r.ReadAt(b, off)
}

// FuzzParquet holds that any bytes are rows, faults or both, and that nothing
// panics or has no end.
func FuzzParquet(f *testing.F) {
	type record struct {
		ID    string   `parquet:"_id"`
		Text  string   `parquet:"text,dict"`
		List  []int64  `parquet:"list,list"`
		Plain []string `parquet:"plain"`
		Void  *int32   `parquet:"void,optional"`
	}
	seven := int32(7)
	f.Add(parquetOf(f, []record{{"a", "x", []int64{1, 2}, []string{"p"}, nil}, {"b", "x", nil, nil, &seven}}))
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	for _, harm := range harmful(f) {
		if len(harm.data) < 1000 {
			f.Add(harm.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := NewParquet(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		for n := 0; n < 10_000; n++ { // a few bytes may be millions of rows
			row, err := p.Next()
			if err == io.EOF {
				require.NotZero(t, n)
				return
			}
			require.True(t, err != nil && asFault(err) != nil || json.Valid(row.Source))
		}
	})
}
