package offline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRowsWithTheSameIDAreFound(t *testing.T) {
	t.Parallel()
	var s idSet
	for row := range int64(10_000) {
		s.add(fmt.Sprint(row), row+1)
		s.add("", row+1)
	}
	_, _, found := s.twins()
	require.False(t, found)
	s.add("7000", 20_000)
	s.add("70", 30_000)
	s.add("70", 40_000)
	first, second, found := s.twins()
	require.True(t, found)
	require.EqualValues(t, 7001, first)
	require.EqualValues(t, 20_000, second)
}
