package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

func TestSnapshotsHaveWhatTheStoreKnows(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
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
	})
}

// What a report counts and what it lists belong to one moment, also while the
// job runs on.
func TestSnapshotsAreOneMoment(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
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
	})
}

// BenchmarkSnapshot measures how fast the rows of a finished job are read, which
// bounds every report.
func BenchmarkSnapshot(b *testing.B) {
	const rows = 100_000
	s, err := OpenStore(context.Background(), filepath.Join(b.TempDir(), "store.db"))
	require.NoError(b, err)
	defer s.Close()
	rec, _, err := s.insertJob(record{Job: Job{ID: "bench", State: JobRunning, Created: time.Now()}})
	require.NoError(b, err)
	receipt := &chain.Receipt{BlockNumber: 7, StatusName: "None", GasUsed: 21000, Output: make([]byte, 32)}
	now := time.Now()
	for row := int64(1); row <= rows; {
		var items []newItem
		var attempts, outcomes []write
		for range 500 {
			items = append(items, newItem{row: row, recipient: make([]byte, 20), input: make([]byte, 100),
				source: json.RawMessage(fmt.Sprintf(`["0x%064x","text %d"]`, row, row))})
			id := itemID(rec.seq, row)
			attempts = append(attempts, write{job: rec.seq, item: id, from: ItemQueued, to: ItemSubmitted,
				attempt: &attempt{number: 1, hash: common.BigToHash(common.Big1), nonce: "7", limit: 510, created: now}})
			outcomes = append(outcomes, write{job: rec.seq, item: id, from: ItemSubmitted, to: ItemConfirmed,
				outcome: &outcome{state: ItemConfirmed, attempts: 1, landed: 1, receipt: receipt, settled: now}})
			row++
		}
		_, err := s.insertItems(rec.seq, items)
		require.NoError(b, err)
		require.NoError(b, s.writeGroup(&fate{}, attempts))
		require.NoError(b, s.writeGroup(&fate{}, outcomes))
	}
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, s.Snapshot(context.Background(), "bench", func(snap *Snapshot) error {
			return snap.Items(context.Background(), func(TimedItem) error { return nil })
		}))
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
