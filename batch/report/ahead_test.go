package report

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// brokenSource fails after its items.
type brokenSource struct {
	*fakeSource
	err error
}

func (s brokenSource) Items(ctx context.Context, f func(batch.TimedItem) error) error {
	if err := s.fakeSource.Items(ctx, f); err != nil {
		return err
	}
	return s.err
}

func TestReadingAheadChangesNothing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, groupItems - 1, groupItems, groupItems + 1, 5*groupItems + 3} {
		s := newJob([]string{"digest", "text"}, cellRows(n))
		require.Equal(t, write(t, s, Options{}), write(t, ahead{s}, Options{}), "%d rows", n)
	}
	large := newJob([]string{"a"}, nil)
	for range 20 {
		large.items = append(large.items, batch.TimedItem{Item: batch.Item{Input: json.RawMessage(`["` + strings.Repeat("x", groupBytes) + `"]`)}})
	}
	require.Equal(t, write(t, large, Options{}), write(t, ahead{large}, Options{}))
}

func TestReadingAheadEndsWithItsReport(t *testing.T) {
	t.Parallel()
	s := newJob([]string{"digest", "text"}, cellRows(10*groupItems))
	full, broken := errors.New("disk is full"), errors.New("store is broken")
	seen := 0
	require.ErrorIs(t, ahead{s}.Items(t.Context(), func(batch.TimedItem) error {
		seen++
		return full
	}), full)
	require.Equal(t, 1, seen)

	seen = 0
	require.ErrorIs(t, ahead{brokenSource{s, broken}}.Items(t.Context(), func(batch.TimedItem) error {
		seen++
		return nil
	}), broken)

	ctx, cancel := context.WithCancel(t.Context())
	seen = 0
	require.ErrorIs(t, ahead{s}.Items(ctx, func(batch.TimedItem) error {
		seen++
		cancel()
		return nil
	}), context.Canceled)
	require.Less(t, seen, len(s.items))
}
