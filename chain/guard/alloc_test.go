//go:build !race

package guard

import (
	"encoding/binary"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// With every policy on, a read costs few allocations beside those of its answer.
// (The race detector makes pools forget, and more of them.)
func TestReadsAllocateLittle(t *testing.T) { //nolint:paralleltest // testing.AllocsPerRun forbids it
	g, err := New(everything(), startInstant(t))
	require.NoError(t, err)
	input := make([]byte, 36)
	n := uint64(0)
	call := func() {
		binary.BigEndian.PutUint64(input[4:], n)
		if _, err := g.Call(t.Context(), chain.CallMsg{To: common.MaxAddress, Input: input}); err != nil {
			t.Error(err)
		}
	}
	require.LessOrEqual(t, testing.AllocsPerRun(10_000, func() { n++; call() }), 10.0, "asked of a node")
	require.LessOrEqual(t, testing.AllocsPerRun(10_000, call), 2.0, "from the cache")
}
