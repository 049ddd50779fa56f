package report

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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
	size      uint64
	roots     []Hash // of the perfect trees that size is made of, the largest first
	followers []*follower
}

// follower gathers the path from one leaf to the root while leaves are added.
type follower struct {
	index uint64 // of the leaf
	tree  int    // which of the perfect trees has it, once it is there
	path  []Hash // within that tree
}

// Add appends a leaf: the hash of a zero byte and the leaf's data.
func (t *Tree) Add(leaf Hash) {
	for _, f := range t.followers {
		if f.index == t.size {
			f.tree = len(t.roots)
		}
	}
	for n := t.size; n&1 == 1; n >>= 1 {
		last := len(t.roots) - 1
		for _, f := range t.followers {
			switch {
			case f.index > t.size:
			case f.tree == last:
				f.path = append(f.path, leaf)
			case f.tree == last+1:
				f.path, f.tree = append(f.path, t.roots[last]), last
			}
		}
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

// path is the way from a leaf to the root of all leaves so far.
func (t *Tree) path(f *follower) []string {
	path := []string{}
	add := func(h Hash) { path = append(path, hex.EncodeToString(h[:])) }
	for _, h := range f.path {
		add(h)
	}
	last := len(t.roots) - 1
	right := t.roots[last]
	for i := last - 1; i >= 0; i-- {
		switch {
		case f.tree == i:
			add(right)
		case f.tree > i:
			add(t.roots[i])
		}
		right = nodeHash(t.roots[i], right)
	}
	return path
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
	buf  []byte
	seen func(number uint64, key string, cells []string) // told of every line, where not nil
}

// add appends the line of the row with this key.
func (t *lineTree) add(key string, cells []string) {
	if t.seen != nil {
		t.seen(t.size, key, cells)
	}
	t.buf = appendLine(t.buf[:0], key, cells)
	t.Tree.Add(sha256.Sum256(t.buf))
}

func lineHash(key string, cells []string) Hash { return sha256.Sum256(appendLine(nil, key, cells)) }

// appendLine is what is hashed for a leaf: a zero byte, then key and cells, each
// behind its length in four bytes, so that nothing can move from one cell into
// the next.
func appendLine(b []byte, key string, cells []string) []byte {
	b = appendField(append(b, 0), key)
	for _, cell := range cells {
		b = appendField(b, cell)
	}
	return b
}

func appendField(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
