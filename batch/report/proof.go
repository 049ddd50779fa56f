package report

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bcosgate/bcosgate/batch"
)

// Proof shows that one row is in the report with a root, without the other rows.
type Proof struct {
	Algorithm string     `json:"algorithm"` // MerkleAlgorithm
	Root      string     `json:"root"`      // 64 hex digits
	Leaves    uint64     `json:"leaves"`    // lines of the report: the header and the rows
	Header    ProvenLine `json:"header"`
	Row       ProvenLine `json:"row"`
}

// ProvenLine is a line of a report with the hashes that lead from it to the root.
type ProvenLine struct {
	Number uint64   `json:"number"` // of the row; 0 is the header
	Key    string   `json:"key"`    // of the row; empty for the header
	Cells  []string `json:"cells"`
	Path   []string `json:"path"` // the sibling of the leaf first, each 64 hex digits
}

// ErrNoRow says that a report has no row with that number.
var ErrNoRow = errors.New("the report has no such row")

// Prove reads a CSV report to its end and makes the proof of one of its rows,
// which are counted from 1. The proof is worth as much as the trust in its root:
// verify the report first. Errors: ErrNoRow, what is wrong with the report, or
// one of r or ctx.
func Prove(ctx context.Context, r io.Reader, row uint64) (Proof, error) {
	header, line := &follower{}, &follower{index: row}
	v := &verifier{Verification: Verification{States: map[batch.ItemState]int64{}}, tree: lineTree{Tree: Tree{followers: []*follower{header, line}}}}
	p := Proof{Algorithm: MerkleAlgorithm, Row: ProvenLine{Number: row}}
	v.tree.seen = func(number uint64, key string, cells []string) {
		switch number {
		case 0:
			p.Header.Cells = slices.Clone(cells)
		case row:
			p.Row.Key, p.Row.Cells = key, slices.Clone(cells)
		}
	}
	if err := v.readCSV(ctx, r, nil); err != nil {
		return Proof{}, fmt.Errorf("row %d: %w", v.at, err)
	}
	if row == 0 || row >= v.tree.size {
		return Proof{}, fmt.Errorf("row %d of %d: %w", row, v.Rows, ErrNoRow)
	}
	root := v.tree.Root()
	p.Root, p.Leaves = hex.EncodeToString(root[:]), v.tree.size
	p.Header.Path, p.Row.Path = v.tree.path(header), v.tree.path(line)
	return p, nil
}

// Verify computes the root from header and row; nil when both lead to Root.
func (p Proof) Verify() error {
	if p.Algorithm != MerkleAlgorithm {
		return fmt.Errorf("the proof has the form %q, this program knows %q", p.Algorithm, MerkleAlgorithm)
	}
	if p.Header.Number != 0 || p.Header.Key != "" || p.Row.Number == 0 || len(p.Row.Cells) != len(p.Header.Cells) {
		return errors.New("the proof has no header, or a row that does not fit it")
	}
	for _, line := range []ProvenLine{p.Header, p.Row} {
		if err := line.verify(p.Leaves, p.Root); err != nil {
			return fmt.Errorf("row %d: %w", line.Number, err)
		}
	}
	return nil
}

// verify follows the path as RFC 9162, section 2.1.3.2, has it.
func (l ProvenLine) verify(leaves uint64, root string) error {
	if l.Number >= leaves {
		return fmt.Errorf("there are only %d lines", leaves)
	}
	hash := lineHash(l.Key, l.Cells)
	at, last := l.Number, leaves-1
	for _, text := range l.Path {
		var sibling Hash
		if n, err := hex.Decode(sibling[:], []byte(text[:min(len(text), 2*len(sibling))])); err != nil || n != len(sibling) || len(text) != 2*n {
			return fmt.Errorf("%q in the path is no hash", text)
		}
		if last == 0 {
			return errors.New("the path is too long")
		}
		if at&1 == 1 || at == last {
			hash = nodeHash(sibling, hash)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			hash = nodeHash(hash, sibling)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 || hex.EncodeToString(hash[:]) != root {
		return errors.New("it does not lead to the root: the line or the path was changed")
	}
	return nil
}
