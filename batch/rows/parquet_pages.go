package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// This file looks at the pages of a row group before the library decodes them, which
// believes what they say of their sizes, and unpacks whatever comes out: a few bytes
// could take all memory. Here nothing is made larger than it may be.

// mostPages bounds what the pages take that are held at a time: of each column one, and
// its dictionary. Programs write pages of about 1 MiB.
const mostPages = 256 << 20

var errTooLarge = &Fault{Reason: fmt.Sprintf("needs more than %d MiB of memory at a time: write it with smaller pages (1 MiB is usual)", mostPages>>20)}

// pageChecker checks the pages of row groups, one column after the other.
type pageChecker struct {
	file   io.ReaderAt
	size   int64
	packed []byte // of a page, or of the beginning of one
	plain  []byte // what comes out of it
	gzip   *gzip.Reader
	zstd   *zstd.Decoder

	// Of the column that is being checked.
	column     *parquet.Column
	codec      format.CompressionCodec
	dictionary bool  // there is one before the next page
	looked     int64 // memory for the dictionary
	largest    int64 // memory for the largest page
}

// check makes sure that the columns of a row group, whose leaves are given, can be
// decoded within the bounds.
func (c *pageChecker) check(leaves []*parquet.Column, group *format.RowGroup) error {
	if len(group.Columns) != len(leaves) {
		return fmt.Errorf("a row group has %d columns instead of %d", len(group.Columns), len(leaves))
	}
	held := int64(0)
	for i, leaf := range leaves {
		c.column, c.codec = leaf, leaf.Compression().CompressionCodec()
		c.dictionary, c.looked, c.largest = false, 0, 0
		if err := c.chunk(&group.Columns[i].MetaData); err != nil {
			return err
		}
		if held += c.largest + c.looked; held > mostPages {
			return errTooLarge
		}
	}
	return nil
}

func (c *pageChecker) chunk(m *format.ColumnMetaData) error {
	switch c.codec {
	case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
	default:
		return c.unread("is compressed with %s: use Snappy, Zstandard, gzip or nothing", c.codec)
	}
	if m.Codec != c.codec {
		return c.unread("is compressed in several ways")
	}
	at := m.DataPageOffset
	if m.DictionaryPageOffset != 0 {
		at = m.DictionaryPageOffset
	}
	if at < int64(len(parquetMagic)) || at > c.size || m.TotalCompressedSize < 0 || m.TotalCompressedSize > c.size-at {
		return fmt.Errorf("column %q lies outside of it", c.column.Name())
	}
	for end := at + m.TotalCompressedSize; at < end; {
		header, n, err := c.header(at, end)
		if err != nil {
			return err
		}
		if at += int64(n); int64(header.CompressedPageSize) > end-at {
			return fmt.Errorf("a page of column %q is longer than the column", c.column.Name())
		}
		if err := c.page(header, at); err != nil {
			return err
		}
		at += int64(header.CompressedPageSize)
	}
	return nil
}

// unread is the fault of a column that is whole perhaps, but not read.
func (c *pageChecker) unread(format string, args ...any) error {
	return &Fault{Column: c.column.Name(), Reason: fmt.Sprintf(format, args...)}
}

// mostPageHeader bounds the description of a page, which may have the least and the
// largest of its values.
const mostPageHeader = 1 << 20

// header reads what describes the page at an offset, and gives its length, too.
func (c *pageChecker) header(at, end int64) (*format.PageHeader, int, error) {
	for window := int64(1 << 10); ; window <<= 5 {
		c.packed = resized(c.packed, min(window, end-at))
		if _, err := c.file.ReadAt(c.packed, at); err != nil && err != io.EOF {
			return nil, 0, err
		}
		n, err := thriftLen(c.packed)
		if errors.Is(err, errThriftShort) && window < min(end-at, mostPageHeader) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		header := new(format.PageHeader)
		return header, n, thrift.Unmarshal(new(thrift.CompactProtocol), c.packed[:n], header)
	}
}

// page checks the page whose bytes begin at an offset. The library decides by the type
// alone which of the headers it takes, but for a dictionary.
func (c *pageChecker) page(h *format.PageHeader, at int64) error {
	v1, v2, dictionary := h.DataPageHeader, h.DataPageHeaderV2, h.DictionaryPageHeader
	only := 0
	for _, valid := range []bool{v1.Valid, v2.Valid, dictionary.Valid} {
		if valid {
			only++
		}
	}
	var values int32
	switch {
	case only != 1 || h.CompressedPageSize < 0 || h.UncompressedPageSize < 0:
		return errPage
	case h.Type == format.DataPage && v1.Valid:
		values = v1.V.NumValues
	case h.Type == format.DataPageV2 && v2.Valid:
		values = v2.V.NumValues
	case h.Type == format.DictionaryPage && dictionary.Valid:
		values = dictionary.V.NumValues
	default:
		return errPage
	}
	if values < 0 {
		return errPage
	}
	// What the library holds of a page: its bytes, what comes out of them, and the same
	// once more where texts are put one behind the other; of each value its levels and
	// where it begins, or its place in the dictionary.
	memory := int64(h.CompressedPageSize) + 2*int64(h.UncompressedPageSize) + int64(values)*valueMemory
	if memory > mostPages {
		return errTooLarge
	}
	c.packed = resized(c.packed, int64(h.CompressedPageSize))
	if n, err := c.file.ReadAt(c.packed, at); n < len(c.packed) {
		return err
	}
	switch {
	case dictionary.Valid:
		c.dictionary, c.looked = true, max(c.looked, memory)
		if e := dictionary.V.Encoding; e != format.Plain && e != plainDictionary {
			return c.unread("has a dictionary that is encoded as %s", e)
		}
		_, err := c.unpack(c.packed, h.UncompressedPageSize, 0)
		return err
	case v1.Valid:
		c.largest = max(c.largest, memory)
		return c.pageV1(&v1.V, h.UncompressedPageSize)
	default:
		c.largest = max(c.largest, memory)
		return c.pageV2(&v2.V, h.UncompressedPageSize)
	}
}

// valueMemory is what a value of a page takes beside its bytes.
const valueMemory = 1 + 1 + 4

var errPage = errors.New("a page is not described as one")

// pageV1 checks a page in which all is packed together.
func (c *pageChecker) pageV1(h *format.DataPageHeader, plain int32) error {
	data, err := c.unpack(c.packed, plain, 0)
	if err != nil {
		return err
	}
	values := int64(h.NumValues)
	for _, l := range []struct {
		most     int
		encoding format.Encoding
	}{{c.column.MaxRepetitionLevel(), h.RepetitionLevelEncoding}, {c.column.MaxDefinitionLevel(), h.DefinitionLevelEncoding}} {
		if l.most == 0 {
			continue
		}
		if l.encoding != format.RLE {
			return c.unread("has levels that are encoded as %s", l.encoding)
		}
		levels, rest, err := prefixed(data)
		if err != nil {
			return err
		}
		if err := checkRuns(levels, bitsOf(l.most), values); err != nil {
			return err
		}
		data = rest
	}
	return c.values(h.Encoding, data, values)
}

// pageV2 checks a page in which only the values are packed.
func (c *pageChecker) pageV2(h *format.DataPageHeaderV2, plain int32) error {
	data, values := c.packed, int64(h.NumValues)
	for _, l := range []struct {
		most   int
		length int32
	}{{c.column.MaxRepetitionLevel(), h.RepetitionLevelsByteLength}, {c.column.MaxDefinitionLevel(), h.DefinitionLevelsByteLength}} {
		if l.length < 0 || int(l.length) > len(data) {
			return errPage
		}
		if l.most > 0 {
			if err := checkRuns(data[:l.length], bitsOf(l.most), values); err != nil {
				return err
			}
		}
		data = data[l.length:]
	}
	if !h.IsCompressed.Valid || h.IsCompressed.V {
		var err error
		if data, err = c.unpack(data, plain, len(c.packed)-len(data)); err != nil {
			return err
		}
	}
	return c.values(h.Encoding, data, values)
}

// mostMissing is by how much a page may unpack to less than it says, which some programs
// count in other ways: the library makes room for what it says.
const mostMissing = 64 << 10

// unpack gives what comes out of packed bytes, which should be size bytes, with or
// without the levels that stand before it, and is never more. It is valid until the
// next call.
func (c *pageChecker) unpack(packed []byte, size int32, levels int) ([]byte, error) {
	if c.codec == format.Uncompressed {
		return packed, nil
	}
	data, err := c.decode(packed, size)
	if err == nil && int64(size)-int64(levels)-int64(len(data)) > mostMissing {
		err = errMissing
	}
	return data, err
}

func (c *pageChecker) decode(packed []byte, most int32) ([]byte, error) {
	switch c.codec {
	case format.Snappy:
		n, err := snappy.DecodedLen(packed)
		if err != nil || n > int(most) {
			return nil, errors.Join(errUnpacks, err)
		}
		c.plain = resized(c.plain, int64(n))
		return snappy.Decode(c.plain, packed)
	case format.Gzip:
		if c.gzip == nil {
			c.gzip = new(gzip.Reader)
		}
		if err := c.gzip.Reset(bytes.NewReader(packed)); err != nil {
			return nil, err
		}
		return c.readAll(c.gzip, most)
	case format.Zstd:
		if c.zstd == nil {
			var err error
			if c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)); err != nil {
				return nil, err
			}
		}
		if err := c.zstd.Reset(bytes.NewReader(packed)); err != nil {
			return nil, err
		}
		return c.readAll(c.zstd, most)
	}
	return nil, errPage // check lets no other one through
}

var (
	errUnpacks = errors.New("a page unpacks to more than it says")
	errMissing = errors.New("a page unpacks to less than it says")
)

func (c *pageChecker) readAll(r io.Reader, most int32) ([]byte, error) {
	out := bytes.NewBuffer(c.plain[:0])
	n, err := out.ReadFrom(io.LimitReader(r, int64(most)+1))
	c.plain = out.Bytes()
	switch {
	case n > int64(most):
		return nil, errUnpacks
	case err != nil && err != io.ErrUnexpectedEOF: // where it broke off, the library says so
		return nil, err
	}
	return c.plain, nil
}

func resized(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}
