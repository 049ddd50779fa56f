package report

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every row of reports of every size near a power of two has a proof, which
// holds, and holds no more once anything in it is changed.
func TestARowIsProvenAlone(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 34; n++ {
		s := newJob([]string{"_id", "text"}, cellRows(n))
		text, root := write(t, s, Options{}), summaryOf(t, s).Merkle.Root
		for row := uint64(1); row <= uint64(n); row++ {
			p, err := Prove(t.Context(), strings.NewReader(text), row)
			require.NoError(t, err)
			require.NoError(t, p.Verify(), "row %d of %d", row, n)
			require.Equal(t, root, p.Root)
			require.EqualValues(t, n+1, p.Leaves)
			require.Equal(t, "_id", p.Header.Cells[0])
			require.Equal(t, p.Row.Cells[0], p.Row.Key)
			require.LessOrEqual(t, len(p.Row.Path), 6)
		}
	}
}

func TestAChangedProofDoesNotHold(t *testing.T) {
	t.Parallel()
	text := write(t, newJob([]string{"digest", "text"}, cellRows(21)), Options{})
	proof := func() Proof {
		p, err := Prove(t.Context(), strings.NewReader(text), 9)
		require.NoError(t, err)
		// As it comes out of a file.
		var read Proof
		written, err := json.Marshal(p)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(written, &read))
		require.Equal(t, p, read)
		return read
	}
	require.NoError(t, proof().Verify())
	for name, change := range map[string]func(p *Proof){
		"a cell":             func(p *Proof) { p.Row.Cells[1] += "x" },
		"a cell more":        func(p *Proof) { p.Row.Cells = append(p.Row.Cells, "") },
		"a name":             func(p *Proof) { p.Header.Cells[1] = "note" },
		"the key":            func(p *Proof) { p.Row.Key = "10" },
		"the number":         func(p *Proof) { p.Row.Number = 10 },
		"a number too high":  func(p *Proof) { p.Row.Number = 22 },
		"the header":         func(p *Proof) { p.Row = p.Header },
		"a row for a header": func(p *Proof) { p.Header = p.Row },
		"the root":           func(p *Proof) { p.Root = strings.Repeat("0", 64) },
		"fewer lines":        func(p *Proof) { p.Leaves = 12 },
		"no lines":           func(p *Proof) { p.Leaves = 0 },
		"a path too short":   func(p *Proof) { p.Row.Path = p.Row.Path[1:] },
		"a path too long":    func(p *Proof) { p.Row.Path = append(p.Row.Path, p.Root) },
		"no hash":            func(p *Proof) { p.Row.Path[0] = "zz" },
		"a hash too long":    func(p *Proof) { p.Row.Path[0] += "00" },
		"another form":       func(p *Proof) { p.Algorithm = "none" },
		"nothing at all":     func(p *Proof) { *p = Proof{Algorithm: MerkleAlgorithm} },
	} {
		p := proof()
		change(&p)
		require.Error(t, p.Verify(), name)
	}
}

func TestWhatCannotBeProven(t *testing.T) {
	t.Parallel()
	text := write(t, newJob([]string{"digest", "text"}, cellRows(3)), Options{})
	for _, row := range []uint64{0, 4} {
		_, err := Prove(t.Context(), strings.NewReader(text), row)
		require.ErrorIs(t, err, ErrNoRow)
	}
	_, err := Prove(t.Context(), strings.NewReader("a,b\n"), 1)
	require.ErrorContains(t, err, "does not end with the columns")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Prove(ctx, strings.NewReader(text), 1)
	require.ErrorIs(t, err, context.Canceled)
}
