package rows

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
)

// madeFile is a Parquet file with one column "a" and one row group, made piece by piece.
type madeFile struct {
	kind       format.Type
	repetition format.FieldRepetitionType
	codec      format.CompressionCodec
	rows       int64
	pages      []madePage
}

type madePage struct {
	header format.PageHeader
	body   []byte
}

func (f madeFile) bytes(t testing.TB) []byte {
	t.Helper()
	protocol := new(thrift.CompactProtocol)
	marshal := func(v any) []byte {
		b, err := thrift.Marshal(protocol, v)
		require.NoError(t, err)
		return b
	}
	out := []byte(parquetMagic)
	for _, p := range f.pages {
		if p.header.CompressedPageSize == 0 {
			p.header.CompressedPageSize = int32(len(p.body))
		}
		out = append(append(out, marshal(&p.header)...), p.body...)
	}
	footer := marshal(&format.FileMetaData{
		Version: 1, NumRows: f.rows,
		Schema: []format.SchemaElement{
			{Name: "rows", NumChildren: thrift.New[int32](1)},
			{Name: "a", Type: thrift.New(f.kind), RepetitionType: thrift.New(f.repetition)},
		},
		RowGroups: []format.RowGroup{{NumRows: f.rows, Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{
			Type: f.kind, PathInSchema: []string{"a"}, Codec: f.codec, NumValues: f.rows,
			DataPageOffset: int64(len(parquetMagic)), TotalCompressedSize: int64(len(out) - len(parquetMagic)),
		}}}}},
	})
	return withFooter(out, footer)
}

func withFooter(out, footer []byte) []byte {
	out = append(out, footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	return append(out, parquetMagic...)
}

// dataPage is a page of version 1. Its body is whole when there are no levels.
func dataPage(values int32, encoding format.Encoding, body []byte) madePage {
	return madePage{body: body, header: format.PageHeader{Type: format.DataPage, UncompressedPageSize: int32(len(body)),
		DataPageHeader: thrift.New(format.DataPageHeader{NumValues: values, Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE})}}
}

func dictionaryPage(values int32, body []byte) madePage {
	return madePage{body: body, header: format.PageHeader{Type: format.DictionaryPage, UncompressedPageSize: int32(len(body)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: values, Encoding: format.Plain})}}
}

func (p madePage) with(change func(*format.PageHeader)) madePage {
	change(&p.header)
	return p
}

// lengthBefore is bytes behind their length.
func lengthBefore(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// run is a run of n times the same number of eight bits or less.
func run(n uint64, number byte) []byte { return append(binary.AppendUvarint(nil, n<<1), number) }

func zeros(t testing.TB, n int64, pack func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := pack(&out)
	require.NoError(t, err)
	_, err = io.CopyN(w, &nothing{}, n)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func toGzip(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }
func toZstd(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }

// harmful are files of a few bytes that ask for a lot of memory, time or stack, each
// with what is said of it.
func harmful(t testing.TB) map[string]struct {
	data []byte
	want string
} {
	type harm = struct {
		data []byte
		want string
	}
	one := binary.LittleEndian.AppendUint64(nil, 1)
	texts := func(pages ...madePage) madeFile { return madeFile{kind: format.ByteArray, rows: 1, pages: pages} }
	numbers := func(pages ...madePage) madeFile { return madeFile{kind: format.Int64, rows: 1, pages: pages} }
	packed := func(codec format.CompressionCodec, body []byte) []byte {
		f := numbers(dataPage(1, format.Plain, body).with(func(h *format.PageHeader) { h.UncompressedPageSize = 8 }))
		f.codec = codec
		return f.bytes(t)
	}
	optional := func(pages ...madePage) []byte {
		f := numbers(pages...)
		f.repetition = format.Optional
		return f.bytes(t)
	}
	deltas := func(total uint64) []byte { // in one block of four parts that take no bits
		b := binary.AppendUvarint(nil, 128)
		b = binary.AppendUvarint(b, 4)
		b = binary.AppendUvarint(b, total)
		return append(b, 0, 0, 0, 0, 0, 0)
	}
	word := append([]byte{5, 0, 0, 0}, "hello"...)
	long := lengthBefore(make([]byte, MaxRow+1))
	type list struct {
		A []int64 `parquet:"a"`
	}
	return map[string]harm{
		"lists of two thousand million row groups": {withFooter([]byte(parquetMagic), binary.AppendUvarint([]byte{0x49, 0xfc}, math.MaxInt32)), "too many parts"},
		"a million empty structs":                  {withFooter([]byte(parquetMagic), append(binary.AppendUvarint([]byte{0x49, 0xfc}, 1<<20), make([]byte, 1<<20)...)), "too many parts"},
		"structs in structs":                       {withFooter([]byte(parquetMagic), bytes.Repeat([]byte{0x1c}, 1<<20)), "too deep in itself"},
		"lists in lists":                           {withFooter([]byte(parquetMagic), bytes.Repeat([]byte{0x19}, 1<<20)), "too deep in itself"},
		"a text longer than the footer":            {withFooter([]byte(parquetMagic), binary.AppendUvarint([]byte{0x18}, math.MaxInt32)), "ends too early"},

		"a page of two GB": {numbers(dataPage(1, format.Plain, one).with(func(h *format.PageHeader) { h.UncompressedPageSize = math.MaxInt32 })).bytes(t), "needs more than 256 MiB"},
		"a page longer than the file": {numbers(dataPage(1, format.Plain, one).with(func(h *format.PageHeader) { h.CompressedPageSize = math.MaxInt32 })).bytes(t),
			"longer than the column"},
		"two thousand million values": {numbers(dataPage(math.MaxInt32, format.Plain, one)).bytes(t), "needs more than 256 MiB"},
		"a dictionary of as many":     {texts(dictionaryPage(math.MaxInt32, word)).bytes(t), "needs more than 256 MiB"},
		"less than no values":         {numbers(dataPage(-1, format.Plain, one)).bytes(t), "not described as one"},
		"a page of data that is a dictionary": {texts(dataPage(1, format.Plain, word).with(func(h *format.PageHeader) {
			h.DictionaryPageHeader = thrift.New(format.DictionaryPageHeader{NumValues: 1})
		})).bytes(t), "not described as one"},
		"zstd that unpacks to 64 MiB": {packed(format.Zstd, zeros(t, 64<<20, toZstd)), "unpacks to more than it says"},
		"gzip that unpacks to 64 MiB": {packed(format.Gzip, zeros(t, 64<<20, toGzip)), "unpacks to more than it says"},
		"gzip that says 100 MB": {func() []byte {
			f := numbers(dataPage(1, format.Plain, zeros(t, 8, toGzip)).with(func(h *format.PageHeader) { h.UncompressedPageSize = 100e6 }))
			f.codec = format.Gzip
			return f.bytes(t)
		}(), "unpacks to less than it says"},
		"Snappy that says so":                   {packed(format.Snappy, binary.AppendUvarint(nil, math.MaxUint32)), "unpacks to more than it says"},
		"LZ4, whose damage has no end":          {packed(format.Lz4Raw, []byte{0xff, 0xff}), "is compressed with LZ4_RAW: use Snappy"},
		"levels without end":                    {optional(dataPage(1, format.Plain, append(lengthBefore(run(1<<30, 1)), one...))), "more values than it says"},
		"many runs of levels":                   {optional(dataPage(1, format.Plain, append(lengthBefore(bytes.Repeat(run(500, 1), 1<<16)), one...))), "more values than it says"},
		"levels that are packed by bits":        {optional(dataPage(1, format.Plain, append(lengthBefore(run(1, 1)), one...)).with(func(h *format.PageHeader) { h.DataPageHeader.V.DefinitionLevelEncoding = format.BitPacked })), "levels that are encoded as BIT_PACKED"},
		"places in a dictionary without end":    {texts(dictionaryPage(1, word), dataPage(1, format.RLEDictionary, append([]byte{1}, run(1<<30, 0)...))).bytes(t), "more values than it says"},
		"a dictionary that is not there":        {texts(dataPage(1, format.RLEDictionary, append([]byte{1}, run(1, 0)...))).bytes(t), "a dictionary that is not there"},
		"truths without end":                    {madeFile{kind: format.Boolean, rows: 3, pages: []madePage{dataPage(3, format.RLE, lengthBefore(run(1<<30, 0)))}}.bytes(t), "more values than it says"},
		"booleans that would be read wrongly":   {madeFile{kind: format.Boolean, rows: 3, pages: []madePage{dataPage(3, format.RLE, lengthBefore(run(3, 1)))}}.bytes(t), "has booleans that are encoded as runs"},
		"differences without end":               {numbers(dataPage(1, format.DeltaBinaryPacked, deltas(math.MaxInt32))).bytes(t), "more values than it says"},
		"lengths without end":                   {texts(dataPage(1, format.DeltaLengthByteArray, deltas(math.MaxInt32))).bytes(t), "more values than it says"},
		"texts that begin like the last one":    {texts(dataPage(1, format.DeltaByteArray, deltas(1))).bytes(t), "is encoded as DELTA_BYTE_ARRAY: use the plain one"},
		"differences of more bits than numbers": {numbers(dataPage(40, format.DeltaBinaryPacked, append(append(binary.AppendUvarint(nil, 128), 4, 40, 0, 0), 255, 255, 255, 255))).bytes(t), "not described as one"},

		"a row without end":                {parquetOf(t, []list{{make([]int64, mostRowValues+1)}}), "row 1 has more than 262144 values in a column"},
		"a long text in each of many rows": {madeFile{kind: format.ByteArray, rows: 1000, pages: []madePage{dictionaryPage(1, long), dataPage(1000, format.RLEDictionary, append([]byte{1}, run(1000, 0)...))}}.bytes(t), "row 1: is longer than 4 MiB"},
		"fewer rows than the group has":    {madeFile{kind: format.Int64, rows: 5, pages: []madePage{dataPage(1, format.Plain, one)}}.bytes(t), "different numbers of rows"},
		"more rows than the group has":     {madeFile{kind: format.Int64, rows: 1, pages: []madePage{dataPage(2, format.Plain, append(one, one...))}}.bytes(t), "different numbers of rows"},
	}
}

// This test is not parallel, because it looks at the heap of the whole process.
func TestParquetThatIsMadeToHarmTakesNoMemory(t *testing.T) {
	const mostAlloc = 64 << 20 // in all, also what was given back
	for name, tc := range harmful(t) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := NewParquet(bytes.NewReader(tc.data), int64(len(tc.data)))
		require.NoError(t, err, name)
		var fault *Fault
		for fault == nil && !errors.Is(err, io.EOF) {
			_, err = p.Next()
			fault = asFault(err)
		}
		require.NotNil(t, fault, name)
		require.Contains(t, fault.Error(), tc.want, name)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(mostAlloc), name)
		t.Logf("%s: %d bytes, took %.1f MB: %s", name, len(tc.data), float64(after.TotalAlloc-before.TotalAlloc)/1e6, fault)
	}
}

// What is checked in made files is right in good ones.
func TestParquetReadsWhatIsMadeByHand(t *testing.T) {
	t.Parallel()
	one := binary.LittleEndian.AppendUint64(nil, 1)
	word := append([]byte{5, 0, 0, 0}, "hello"...)
	pack := func(codec format.CompressionCodec, body []byte) madeFile {
		return madeFile{kind: format.Int64, codec: codec, rows: 1, pages: []madePage{dataPage(1, format.Plain, body).with(func(h *format.PageHeader) { h.UncompressedPageSize = 8 })}}
	}
	var gz, zst bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err := w.Write(one)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	z, err := zstd.NewWriter(&zst)
	require.NoError(t, err)
	_, err = z.Write(one)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	deltas := []byte{128, 1, 4, 3, 2, 2, 0, 0, 0, 0} // 128 numbers to a block of 4 parts, 3 in all, from 1 on, each one more
	for name, tc := range map[string]struct {
		file madeFile
		want []string
	}{
		"plain":      {madeFile{kind: format.Int64, rows: 1, pages: []madePage{dataPage(1, format.Plain, one)}}, []string{"1"}},
		"gzip":       {pack(format.Gzip, gz.Bytes()), []string{"1"}},
		"zstd":       {pack(format.Zstd, zst.Bytes()), []string{"1"}},
		"snappy":     {pack(format.Snappy, snappy.Encode(nil, one)), []string{"1"}},
		"two pages":  {madeFile{kind: format.Int64, rows: 2, pages: []madePage{dataPage(1, format.Plain, one), dataPage(1, format.Plain, one)}}, []string{"1", "1"}},
		"dictionary": {madeFile{kind: format.ByteArray, rows: 3, pages: []madePage{dictionaryPage(1, word), dataPage(3, format.RLEDictionary, append([]byte{1}, run(3, 0)...))}}, []string{"0x68656c6c6f", "0x68656c6c6f", "0x68656c6c6f"}},
		"an empty dictionary": {madeFile{kind: format.ByteArray, repetition: format.Optional, rows: 2,
			pages: []madePage{dictionaryPage(0, nil), dataPage(2, format.RLEDictionary, append(lengthBefore(run(2, 0)), 0))}}, []string{"", ""}},
		"optional": {madeFile{kind: format.Int64, repetition: format.Optional, rows: 2,
			pages: []madePage{dataPage(2, format.Plain, append(lengthBefore(append(run(1, 1), run(1, 0)...)), one...))}}, []string{"1", ""}},
		"booleans bit by bit": {madeFile{kind: format.Boolean, rows: 3, pages: []madePage{dataPage(3, format.RLE, lengthBefore([]byte{1<<1 | 1, 0b101}))}}, []string{"true", "false", "true"}},
		"false as a run":      {madeFile{kind: format.Boolean, rows: 3, pages: []madePage{dataPage(3, format.RLE, lengthBefore(run(3, 0)))}}, []string{"false", "false", "false"}},
		"differences":         {madeFile{kind: format.Int64, rows: 3, pages: []madePage{dataPage(3, format.DeltaBinaryPacked, deltas)}}, []string{"1", "2", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, rows, faults := readParquet(t, tc.file.bytes(t))
			require.Empty(t, faults)
			var got []string
			for _, row := range rows {
				text, err := cellText(row.Cells[0].Value)
				require.NoError(t, err)
				got = append(got, text)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// All that the library writes by itself is read, in each version of pages.
func TestParquetReadsEveryEncodingOfTheWriter(t *testing.T) {
	t.Parallel()
	type record struct {
		Plain  string   `parquet:"plain"`
		Dict   string   `parquet:"dict,dict,snappy"`
		Delta  int64    `parquet:"delta,delta,zstd"`
		Delta3 int32    `parquet:"delta3,delta,gzip"`
		Length string   `parquet:"length"`
		Void   *int64   `parquet:"void,optional"`
		List   []string `parquet:"list,list"`
		Split  float64  `parquet:"split,split"`
		Yes    bool     `parquet:"yes"`
	}
	var list []record
	for i := range 2000 {
		r := record{Plain: fmt.Sprint("p", i), Dict: fmt.Sprint(i % 7), Delta: int64(i) * 1e6, Delta3: int32(-i), Length: strings.Repeat("x", i%9), Split: float64(i), Yes: i%3 == 0}
		if n := int64(i); i%5 == 0 {
			r.Void = &n
		}
		for j := range i % 4 {
			r.List = append(r.List, fmt.Sprint(j))
		}
		list = append(list, r)
	}
	for version := 1; version <= 2; version++ {
		data := parquetOf(t, list, parquet.DataPageVersion(version), parquet.PageBufferSize(4<<10), parquet.MaxRowsPerRowGroup(700))
		_, rows, faults := readParquet(t, data)
		require.Empty(t, faults, "version %d", version)
		require.Len(t, rows, len(list))
		for i, row := range rows {
			cells := map[string]any{}
			for _, c := range row.Cells {
				text, err := cellText(c.Value)
				require.NoError(t, err)
				cells[c.Column] = text
			}
			require.Equal(t, list[i].Plain, cells["plain"])
			require.Equal(t, list[i].Dict, cells["dict"])
			require.Equal(t, fmt.Sprint(list[i].Delta), cells["delta"])
			require.Equal(t, fmt.Sprint(list[i].Delta3), cells["delta3"])
			require.Equal(t, list[i].Length, cells["length"])
			require.Equal(t, fmt.Sprint(i%3 == 0), cells["yes"])
		}
	}
}

func TestThriftLen(t *testing.T) {
	t.Parallel()
	b, err := thrift.Marshal(new(thrift.CompactProtocol), &format.PageHeader{Type: format.DataPage, UncompressedPageSize: 300, CompressedPageSize: 77, CRC: -5,
		DataPageHeader: thrift.New(format.DataPageHeader{NumValues: 9, Statistics: format.Statistics{MinValue: []byte("a"), MaxValue: []byte("b")}})})
	require.NoError(t, err)
	n, err := thriftLen(append(b, "and more"...))
	require.NoError(t, err)
	require.Equal(t, len(b), n)
	for i := range b {
		_, err := thriftLen(b[:i])
		require.ErrorIs(t, err, errThriftShort, "%d bytes", i)
	}
}
