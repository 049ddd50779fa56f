package loadgen

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMixFollowsTheWeights(t *testing.T) {
	t.Parallel()
	functions := []Function{{"a", 70}, {"b", 20}, {"c", 10}}
	m, err := newMix(functions, 3)
	require.NoError(t, err)
	again, err := newMix(functions, 3)
	require.NoError(t, err)
	other, err := newMix(functions, 4)
	require.NoError(t, err)
	counts, differ := [3]int{}, 0
	const n = 20000
	for i := range uint64(n) {
		fn := m.pick(i)
		counts[fn]++
		require.Equal(t, fn, again.pick(i))
		if fn != other.pick(i) {
			differ++
		}
	}
	for fn, share := range []float64{0.7, 0.2, 0.1} {
		require.InDelta(t, share, float64(counts[fn])/n, 0.02)
	}
	require.Greater(t, differ, n/10, "the seed decides")
	_, err = newMix(nil, 1)
	require.Error(t, err)
	_, err = newMix([]Function{{"a", 0}}, 1)
	require.ErrorContains(t, err, "a: a weight of 0")
}
