package batch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// commits tells of n groups, of which each commit costs so much for itself and for
// each row, one after the other.
func (s *subBatch) commits(now time.Time, n int, fixed, each time.Duration) time.Time {
	for i := range n {
		rows := 20 + i*37%300
		took := fixed + time.Duration(rows)*each
		now = now.Add(took + time.Millisecond)
		s.committed(now, rows, took)
	}
	return now
}

func TestSubBatchFollowsTheCostOfACommit(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := newSubBatch(SubBatch{})
	require.Equal(t, DefaultSubBatch, s.aim(), "before anything is known")
	now = s.commits(now, 100, 200*time.Microsecond, 10*time.Microsecond) // a fast disk
	require.InDelta(t, 160, s.aim(), 5)
	now = s.commits(now, 300, 400*time.Microsecond, 10*time.Microsecond) // it became slower
	require.InDelta(t, 320, s.aim(), 10)
	now = s.commits(now, 300, 20*time.Millisecond, 10*time.Microsecond) // a slow one
	require.Equal(t, DefaultSubBatch, s.aim())
	s.commits(now, 500, 0, 10*time.Microsecond) // no disk
	require.LessOrEqual(t, s.aim(), 10)
}

func TestSubBatchStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	s := newSubBatch(SubBatch{Least: 50, Most: 60})
	now := s.commits(time.Unix(0, 0), 100, 0, 10*time.Microsecond)
	require.Equal(t, 50, s.aim())
	s.commits(now, 500, time.Second, time.Microsecond)
	require.Equal(t, 60, s.aim())
	s = newSubBatch(SubBatch{Least: 70, Most: 70})
	require.Equal(t, 70, s.aim())
}

func TestSubBatchLearnsNothingFromGroupsOfOneSize(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := newSubBatch(SubBatch{})
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		s.committed(now, 1, time.Millisecond)
	}
	require.Equal(t, DefaultSubBatch, s.aim())
}

func TestSubBatchWaitsNoLongerThanAnswersAllow(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := newSubBatch(SubBatch{})
	require.Zero(t, s.linger(), "a write that comes first expects no company")
	s.commits(now, 10, time.Millisecond, 10*time.Microsecond)
	require.Equal(t, lingerFirst, s.linger(), "no answer yet")
	answers := func(took time.Duration) {
		for range 500 {
			s.answered(took)
		}
	}
	answers(800 * time.Millisecond)
	require.InDelta(t, 50*time.Millisecond, s.linger(), float64(time.Millisecond))
	answers(time.Minute)
	require.Equal(t, lingerMost, s.linger())
	answers(320 * time.Millisecond)
	require.InDelta(t, 20*time.Millisecond, s.linger(), float64(time.Millisecond))
	answers(time.Millisecond)
	require.Equal(t, lingerLeast, s.linger())
}

func TestSubBatchOfALoneTransactionDoesNotWait(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := newSubBatch(SubBatch{})
	for range 10 { // one write each half second
		now = now.Add(500 * time.Millisecond)
		s.committed(now, 1, time.Millisecond)
		s.answered(500 * time.Millisecond)
		require.Zero(t, s.linger())
	}
}
