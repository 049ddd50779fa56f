package guard

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// Calls that ask different things never have one key: their answers would be
// mixed up.
func TestCallKey(t *testing.T) {
	t.Parallel()
	a, b, zero := common.HexToAddress("0xa"), common.HexToAddress("0xb"), common.Address{}
	require.Equal(t, callKey(chain.CallMsg{To: a}), callKey(chain.CallMsg{To: a, From: &zero}))
	seen := map[string]int{}
	for i, msg := range []chain.CallMsg{
		{To: a}, {To: b}, {To: a, From: &b}, {To: b, From: &a},
		{To: a, Input: []byte(b.Hex())}, // what an input says is no sender
		{To: a, Input: b[:]},
		{To: a, Input: []byte{0}},
		{To: a, Input: []byte{0, 0}},
		{Input: a[:]},
	} {
		other, taken := seen[callKey(msg)]
		require.False(t, taken, "%d and %d", i, other)
		seen[callKey(msg)] = i
	}
}
