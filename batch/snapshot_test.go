package batch

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSnapshotsHaveWhatTheStoreKnows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	job := b.wait(b.run(saveSpec(), 300).ID)
	stop := errors.New("enough")
	require.NoError(t, b.store.Snapshot(ctx, job.ID, func(s *Snapshot) error {
		require.Equal(t, job, s.Job())
		require.NotZero(t, s.Genesis())
		first, err := s.FirstAttempt(ctx)
		require.NoError(t, err)
		hashes := map[int64]AttemptRecord{}
		require.NoError(t, s.Attempts(ctx, func(a AttemptRecord) error {
			hashes[a.Row] = a
			return nil
		}))
		require.Len(t, hashes, 300)
		var row int64
		require.NoError(t, s.Items(ctx, func(it TimedItem) error {
			row++
			require.Equal(t, row, it.Row, "in their order")
			require.JSONEq(t, fmt.Sprintf(`["0x%064x","text %d","untouched %d"]`, row, row, row), string(it.Input))
			a := hashes[row]
			require.Equal(t, AttemptRecord{Row: row, Number: 1, TxHash: *it.TxHash, Nonce: a.Nonce, BlockLimit: a.BlockLimit,
				Created: it.Attempted, Landed: true, Block: it.Block}, a)
			require.NotEmpty(t, a.Nonce)
			require.NotZero(t, a.BlockLimit)
			require.False(t, it.Attempted.Before(first))
			require.False(t, it.Settled.Before(it.Attempted))
			require.False(t, it.Settled.After(*job.Finished))
			return nil
		}))
		require.EqualValues(t, 300, row)
		require.ErrorIs(t, s.Items(ctx, func(TimedItem) error { return stop }), stop)
		return nil
	}))
	require.ErrorIs(t, b.store.Snapshot(ctx, job.ID, func(*Snapshot) error { return stop }), stop)
}

// What a report counts and what it lists belong to one moment, also while the
// job runs on.
func TestSnapshotsAreOneMoment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	id := b.run(saveSpec(), 3000).ID
	for done := false; !done; {
		require.NoError(t, b.store.Snapshot(ctx, id, func(s *Snapshot) error {
			var counts Counts
			require.NoError(t, s.Items(ctx, func(it TimedItem) error {
				*counts.of(it.State)++
				require.Equal(t, it.State == ItemConfirmed, !it.Settled.IsZero())
				require.Equal(t, it.State == ItemQueued, it.Attempted.IsZero())
				return nil
			}))
			require.Equal(t, s.Job().Counts, counts)
			done = s.Job().State.Final()
			return nil
		}))
	}
}
