package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// encoding is how the bytes of a text are to be read.
type encoding int

const (
	encodingOpen encoding = iota // only ASCII was seen so far, which is the same in both
	encodingUTF8
	encodingGBK // read as GB18030, which holds GBK and GB2312
	encodingUTF16
	encodingUTF16LE
	encodingUTF16BE
)

func (e encoding) String() string {
	switch e {
	case encodingUTF8:
		return "UTF-8"
	case encodingGBK:
		return "GBK"
	case encodingUTF16, encodingUTF16LE, encodingUTF16BE:
		return "UTF-16"
	}
	return "ASCII"
}

// encodingOfMark gives the byte order mark that head begins with, "" for none,
// and what it says.
func encodingOfMark(head []byte) (mark string, says encoding) {
	for mark, says := range map[string]encoding{utf8BOM: encodingUTF8, utf16LE: encodingUTF16LE, utf16BE: encodingUTF16BE} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return mark, says
		}
	}
	return "", encodingOpen
}

func parseEncoding(name string) (encoding, error) {
	switch strings.ToLower(name) {
	case "":
		return encodingOpen, nil
	case "utf-8", "utf8":
		return encodingUTF8, nil
	case "gbk", "gb2312", "gb18030":
		return encodingGBK, nil
	case "utf-16", "utf16":
		return encodingUTF16, nil
	}
	return 0, fmt.Errorf("encoding %q is not known; use utf-8, gbk or utf-16, or leave it out to detect it", name)
}

// textReader turns bytes into UTF-8 text. Where the encoding is open it passes
// ASCII through and decides by the block that begins with the first other byte,
// so that neither a long file nor a late first umlaut needs more memory.
//
// UTF-8 passes as it is, broken bytes too: the parser finds them and knows
// their row. In others broken bytes become U+FFFD.
type textReader struct {
	raw      *bufio.Reader // at least blockSize
	encoding encoding
	decoded  io.Reader // set once the encoding is known not to be UTF-8
}

func newTextReader(raw *bufio.Reader, enc encoding) *textReader {
	t := &textReader{raw: raw}
	t.use(enc)
	return t
}

func (t *textReader) use(enc encoding) {
	t.encoding = enc
	switch enc {
	case encodingGBK:
		t.decoded = transform.NewReader(t.raw, simplifiedchinese.GB18030.NewDecoder())
	case encodingUTF16LE:
		t.decoded = transform.NewReader(t.raw, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder())
	case encodingUTF16BE:
		t.decoded = transform.NewReader(t.raw, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder())
	}
}

func (t *textReader) Read(p []byte) (int, error) {
	if t.encoding == encodingOpen {
		if _, err := t.raw.Peek(1); err != nil {
			return 0, err
		}
		ready, _ := t.raw.Peek(min(len(p), t.raw.Buffered()))
		if n := asciiPrefix(ready); n > 0 {
			copy(p, ready[:n])
			_, err := t.raw.Discard(n)
			return n, err
		}
		block, err := t.raw.Peek(blockSize)
		if err != nil && err != io.EOF {
			return 0, err
		}
		t.use(detectEncoding(block, err == io.EOF))
	}
	if t.decoded != nil {
		return t.decoded.Read(p)
	}
	return t.raw.Read(p)
}

func asciiPrefix(b []byte) int {
	if i := bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
		return i
	}
	return len(b)
}

// detectEncoding judges a block that begins with a byte that is not ASCII. It
// is GBK when more of it is broken than good as UTF-8, and nearly all of it is
// good as GB18030. A little damage changes neither: the broken bytes are then
// reported where they are. whole says that the block ends the text.
func detectEncoding(block []byte, whole bool) encoding {
	var broken, good int
	for i := 0; i < len(block); {
		r, size := utf8.DecodeRune(block[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			if !whole && !utf8.FullRune(block[i:]) {
				i = len(block) // a character that the end of the block cuts
				continue
			}
			broken++
		case size > 1:
			good++
		}
		i += size
	}
	if broken > good && mostlyGB18030(block, whole) {
		return encodingGBK
	}
	return encodingUTF8
}

// mostlyGB18030 asks for five good characters beside each broken byte.
func mostlyGB18030(block []byte, whole bool) bool {
	text := make([]byte, 4*len(block)+4)
	n, _, err := simplifiedchinese.GB18030.NewDecoder().Transform(text, block, whole)
	if err != nil && !errors.Is(err, transform.ErrShortSrc) {
		return false
	}
	var broken, good int
	for _, r := range string(text[:n]) {
		switch {
		case r == utf8.RuneError:
			broken++
		case r >= utf8.RuneSelf:
			good++
		}
	}
	return good >= 5*broken
}
