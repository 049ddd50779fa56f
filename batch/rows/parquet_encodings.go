package rows

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// This file looks at how levels and values of a page are encoded. Where the same value
// again and again takes a few bytes, it counts how many come out.

// plainDictionary is how old programs call a page with a dictionary, or one that needs it.
const plainDictionary = format.Encoding(2)

// values checks what comes after the levels.
func (c *pageChecker) values(e format.Encoding, data []byte, values int64) error {
	if len(data) == 0 {
		return nil
	}
	switch e {
	case format.Plain, format.ByteStreamSplit: // never more than there is
		return nil
	case plainDictionary, format.RLEDictionary:
		if !c.dictionary {
			return errors.New("a page needs a dictionary that is not there")
		}
		return checkRuns(data[1:], int(data[0]), values)
	case format.RLE:
		if c.column.Type().Kind() == parquet.Boolean {
			return c.truths(data, values)
		}
	case format.DeltaBinaryPacked, format.DeltaLengthByteArray:
		most := 32
		if c.column.Type().Kind() == parquet.Int64 {
			most = 64
		}
		return checkDeltas(data, most, values)
	}
	return c.unread("is encoded as %s: use the plain one or a dictionary, as version 1 of the format does", e)
}

// truths checks booleans. The library reads runs of them wrongly, unless they end with
// a byte: it repeats the byte that says true, 00000001, instead of the bit.
func (c *pageChecker) truths(data []byte, values int64) error {
	b, _, err := prefixed(data)
	if err != nil {
		return err
	}
	if err := checkRuns(b, 1, values); err != nil {
		return err
	}
	for len(b) > 0 {
		head, n := binary.Uvarint(b)
		b = b[n:]
		count := head >> 1
		switch {
		case count == 0:
		case head&1 == 1: // bit by bit
			b = b[min(count, uint64(len(b))):]
		case len(b) == 0 || b[0] != 0 && b[0] != 0xff || count%8 != 0 && len(b) > 1:
			return c.unread("has booleans that are encoded as runs: use the plain encoding, or write them as text")
		default:
			b = b[1:]
		}
	}
	return nil
}

// prefixed cuts bytes off behind their length, which has four bytes.
func prefixed(data []byte) (part, rest []byte, err error) {
	if len(data) < 4 {
		return nil, nil, errPage
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if data = data[4:]; n > int64(len(data)) {
		return nil, nil, errPage
	}
	return data[:n], data[n:], nil
}

// mostPadding is how many values more than there are the last run may have; it comes in
// groups of eight.
const mostPadding = 512

var errMoreValues = errors.New("a page has more values than it says")

// checkRuns makes sure that runs of numbers of so many bits are not more than there are
// values: a run of any length has a few bytes.
func checkRuns(b []byte, width int, values int64) error {
	if width > 32 {
		return errPage
	}
	most := uint64(values) + mostPadding
	for total := uint64(0); len(b) > 0; {
		head, n := binary.Uvarint(b)
		if n <= 0 {
			return errPage
		}
		b = b[n:]
		count := head >> 1
		if count == 0 {
			continue
		}
		if count > most {
			return errMoreValues
		}
		length := uint64(width+7) / 8
		if head&1 == 1 { // groups of eight numbers, each with its own bits
			length = count * uint64(width)
			count *= 8
		}
		if total += count; total > most {
			return errMoreValues
		}
		b = b[min(length, uint64(len(b))):]
	}
	return nil
}

// checkDeltas does the same for numbers that are written as differences, of so many bits
// at most: those that do not differ take no bits.
func checkDeltas(b []byte, most int, values int64) error {
	var head [3]uint64 // numbers in a block, parts of a block, numbers in all
	for i := range head {
		var n int
		if head[i], n = binary.Uvarint(b); n <= 0 {
			return errPage
		}
		b = b[n:]
	}
	block, parts, total := head[0], head[1], head[2]
	if total > uint64(values) {
		return errMoreValues
	}
	if block == 0 || block > 1<<20 || parts == 0 || block%parts != 0 || block/parts%32 != 0 {
		return errPage
	}
	_, n := binary.Varint(b) // the first number
	if n <= 0 {
		return errPage
	}
	b = b[n:]
	each := block / parts
	for left := max(total, 1) - 1; left > 0 && len(b) > 0; {
		_, n := binary.Varint(b)
		if n <= 0 {
			return errPage
		}
		b = b[n:]
		widths := b[:min(parts, uint64(len(b)))]
		b = b[len(widths):]
		for _, width := range widths {
			if int(width) > most {
				return errPage
			}
			b = b[min(each*uint64(width)/8, uint64(len(b))):]
			if left -= min(each, left); left == 0 {
				break
			}
		}
	}
	return nil
}

func bitsOf(level int) int { return bits.Len(uint(level)) }
