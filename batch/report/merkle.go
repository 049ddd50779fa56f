package report

import (
	"crypto/sha256"
	"encoding/binary"
)

// Hash is a node of the tree.
type Hash = [sha256.Size]byte

// Tree computes the root of a Merkle tree (RFC 6962, section 2.1) over leaves
// that come one by one. It keeps one hash for each power of two in the number
// of leaves. The zero value is the tree without leaves.
//
// It is SHA-256 and not the hash of the chain because an auditor has it in every
// language's library, and because standard and GM chains then have one form of
// report.
type Tree struct {
	size  uint64
	roots []Hash // of the perfect trees that size is made of, the largest first
}

// Add appends a leaf, which leafHash has made.
func (t *Tree) Add(leaf Hash) {
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.roots) - 1
		leaf = nodeHash(t.roots[last], leaf)
		t.roots = t.roots[:last]
	}
	t.roots = append(t.roots, leaf)
	t.size++
}

// Root is the root of all leaves so far.
func (t *Tree) Root() Hash {
	if len(t.roots) == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.roots) - 1
	root := t.roots[last]
	for i := last - 1; i >= 0; i-- {
		root = nodeHash(t.roots[i], root)
	}
	return root
}

func nodeHash(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// lineTree is the tree over the lines of a report: leaf 0 is the header, whose
// key is empty, leaf n is row n. docs/report-proof.md defines it.
type lineTree struct {
	Tree
	buf []byte
}

// add appends the line of the row with this key. A leaf is a zero byte, then
// key and cells, each behind its length in four bytes, so that nothing can move
// from one cell into the next.
func (t *lineTree) add(key string, cells []string) {
	t.buf = append(t.buf[:0], 0)
	t.field(key)
	for _, cell := range cells {
		t.field(cell)
	}
	t.Tree.Add(sha256.Sum256(t.buf))
}

func (t *lineTree) field(s string) {
	t.buf = binary.BigEndian.AppendUint32(t.buf, uint32(len(s)))
	t.buf = append(t.buf, s...)
}
