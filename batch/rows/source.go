package rows

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

const (
	// zstdWindow is what RFC 8878 asks every decoder to support; zstd uses more
	// only from level 20 on. Each upload that is unpacked needs as much memory.
	zstdWindow = 8 << 20
	// Rows that differ in a hash of 32 bytes pack ten times or less; rows without
	// anything of their own, a hundred times. What unpacks to more than
	// maxExpansion times its bytes, once it is larger than freeExpansion, was
	// made to fill a disk.
	maxExpansion  = 300
	freeExpansion = 64 << 20
)

// source is the bytes of an input: hashed as they come, then unpacked. What is
// wrong with the packing is a *Fault, so that it is told from errors of the
// underlying reader.
type source struct {
	hashed *hashedReader
	packed *bufio.Reader
	plain  io.Reader // nil until the first byte was seen
	name   string    // of the packing, "" for none
	out    int64     // bytes that were unpacked
}

// newSource looks at the first bytes of r. The error is one of r.
func newSource(r io.Reader) (*source, error) {
	s := &source{hashed: newHashedReader(r)}
	s.packed = bufio.NewReaderSize(s.hashed, blockSize)
	head, err := s.packed.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read input: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		s.name = "gzip"
	case bytes.HasPrefix(head, []byte(zstdMagic)):
		s.name = "zstd"
	default:
		s.plain = s.packed
	}
	return s, nil
}

// Unpacked is the bytes of an input of which another package knows the content:
// packed with gzip or zstd or not, which is seen from its first bytes.
type Unpacked struct{ source *source }

// NewUnpacked looks at the first bytes of r, which it never closes. The error is
// one of r.
func NewUnpacked(r io.Reader) (*Unpacked, error) {
	src, err := newSource(r)
	return &Unpacked{src}, err
}

// Read gives the next bytes. What is wrong with the packing is a *Fault.
func (u *Unpacked) Read(p []byte) (int, error) { return u.source.Read(p) }

// SHA256 is the hash of the bytes that were read of the input, as they came.
func (u *Unpacked) SHA256() [32]byte { return u.source.hashed.sum() }

// Size is how many bytes came out of the packing so far; 0 without one.
func (u *Unpacked) Size() int64 { return u.source.out }

// Read gives the bytes of the rows.
func (s *source) Read(p []byte) (int, error) {
	if s.plain == nil {
		if err := s.unpack(); err != nil {
			return 0, s.fault(err)
		}
	}
	n, err := s.plain.Read(p)
	if s.name == "" {
		return n, err
	}
	s.out += int64(n)
	if s.out > freeExpansion && s.out/maxExpansion > s.hashed.n {
		return 0, &Fault{Reason: fmt.Sprintf("unpacks to more than %d times its size: unpack it first if that is right", maxExpansion)}
	}
	if err != nil && err != io.EOF {
		err = s.fault(err)
	}
	return n, err
}

// unpack opens the packing. It starts no goroutine, so that nothing needs to be
// closed.
func (s *source) unpack() (err error) {
	if s.name == "gzip" {
		s.plain, err = gzip.NewReader(s.packed)
		return err
	}
	s.plain, err = zstd.NewReader(s.packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(zstdWindow))
	return err
}

// fault tells what is wrong with the packing from what is wrong with the input.
func (s *source) fault(err error) error {
	switch {
	case s.hashed.err != nil && s.hashed.err != io.EOF:
		return s.hashed.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return &Fault{Reason: fmt.Sprintf("is zstd with a window of more than %d MiB: pack it with level 19 or less", zstdWindow>>20)}
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return &Fault{Reason: "ends in the middle of its " + s.name + " data: is it whole?"}
	}
	return &Fault{Reason: fmt.Sprintf("has damaged %s data: %s", s.name, err)}
}

// asFault gives the fault that an error of a source is, or nil.
func asFault(err error) *Fault {
	f, _ := errors.AsType[*Fault](err)
	return f
}

// hashedReader hashes and counts all bytes that pass through it, and remembers
// how it ended.
type hashedReader struct {
	r   io.Reader
	h   hash.Hash
	n   int64
	err error
}

func newHashedReader(r io.Reader) *hashedReader { return &hashedReader{r: r, h: sha256.New()} }

func (h *hashedReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.h.Write(p[:n])
	h.n += int64(n)
	h.err = err
	return n, err
}

func (h *hashedReader) sum() (sum [32]byte) {
	h.h.Sum(sum[:0])
	return sum
}
