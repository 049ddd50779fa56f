package batch

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABackupOfARunningJobGoesOnWhereTheOriginalIsGone(t *testing.T) {
	t.Parallel()
	// Four seconds of work, of which the copy takes some milliseconds.
	b := newBench(t, func(cfg *Config) { cfg.Targets[0].Limits.Rate = 500 })
	ctx := context.Background()
	job := b.run(saveSpec(), 2000)
	require.Eventually(t, func() bool {
		p, err := b.engine.Progress(ctx, job.ID)
		return err == nil && p.Counts.Confirmed > 100
	}, time.Minute, time.Millisecond)
	copied := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, BackupStore(ctx, b.path, copied))
	p, err := b.engine.Progress(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, JobRunning, p.State, "the copy was made in the middle")
	entries, err := os.ReadDir(filepath.Dir(copied))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left")

	b.stop()
	require.NoError(t, os.Remove(b.path))
	b.path = copied
	b.start()
	found, err := b.store.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, found)
	seen, err := b.store.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, job.ID, seen.ID)
	// What the original sent after the copy is not in it: the chain refuses it a second
	// time, and the rows end with the proof that none of the copy's own attempts landed.
	require.Eventually(t, func() bool {
		p, err := b.engine.Progress(ctx, job.ID)
		b.chain.with(func(c *fakeChain) { c.height += 100 })
		return err == nil && p.State.Final()
	}, 2*time.Minute, 20*time.Millisecond)
	done := b.wait(job.ID)
	require.EqualValues(t, 2000, done.Counts.Confirmed+done.Counts.Rejected)
	require.Zero(t, b.chain.doubles())
	b.chain.with(func(c *fakeChain) { require.Len(t, c.executed, 2000) })
}

func TestABackupIsRefusedRatherThanWrong(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	s, err := OpenStore(ctx, filepath.Join(dir, "store.db"))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	taken := filepath.Join(dir, "taken.db")
	require.NoError(t, os.WriteFile(taken, []byte("precious"), 0o600))
	text := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(text, make([]byte, 5000), 0o600))

	require.ErrorIs(t, BackupStore(ctx, filepath.Join(dir, "store.db"), taken), fs.ErrExist)
	kept, err := os.ReadFile(taken)
	require.NoError(t, err)
	require.Equal(t, "precious", string(kept))
	require.ErrorIs(t, BackupStore(ctx, filepath.Join(dir, "missing.db"), filepath.Join(dir, "a.db")), fs.ErrNotExist)
	require.NoFileExists(t, filepath.Join(dir, "missing.db"))
	require.ErrorIs(t, BackupStore(ctx, text, filepath.Join(dir, "b.db")), ErrNotAStore)
	require.ErrorIs(t, BackupStore(ctx, "postgres://h/d", filepath.Join(dir, "c.db")), ErrNoBackup)
	for _, name := range []string{"a.db", "b.db", "c.db", "a.db.part", "b.db.part"} {
		require.NoFileExists(t, filepath.Join(dir, name))
	}

	require.NoError(t, BackupStore(ctx, filepath.Join(dir, "store.db"), filepath.Join(dir, "d.db")))
	info, err := os.Stat(filepath.Join(dir, "d.db"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestCheckFindsWhatDoesNotAddUp(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		job := b.wait(b.run(saveSpec(), 5).ID)
		found, err := b.store.Check(ctx)
		require.NoError(t, err)
		require.Empty(t, found)
		require.NoError(t, b.store.change("test", "DELETE FROM outcomes WHERE item = ?", itemID(1, 2)))
		require.NoError(t, b.store.change("test", "DELETE FROM attempts WHERE item = ?", itemID(1, 3)))
		require.NoError(t, b.store.change("test", "DELETE FROM items WHERE id = ?", itemID(1, 4)))
		found, err = b.store.Check(ctx)
		require.NoError(t, err)
		require.Equal(t, []string{
			"job " + job.ID + ": 4 rows, there should be 5",
			"job " + job.ID + ": 4 confirmed, there should be 5",
			"job " + job.ID + ": 1 results without a row, there should be 0",
			"job " + job.ID + ": 1 results without their attempt, there should be 0",
		}, found)
	})
}

func TestCheckFindsDamagedPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.wait(b.run(saveSpec(), 500).ID)
	b.stop()
	data, err := os.ReadFile(b.path)
	require.NoError(t, err)
	for i := len(data) - 60000; i < len(data)-20000; i++ {
		data[i] ^= 0x55
	}
	require.NoError(t, os.WriteFile(b.path, data, 0o600))
	s, err := OpenStore(context.Background(), b.path)
	require.NoError(t, err)
	defer s.Close()
	found, err := s.Check(context.Background())
	if err != nil {
		require.ErrorIs(t, err, ErrNotAStore)
	} else {
		require.NotEmpty(t, found)
	}
	err = BackupStore(context.Background(), b.path, b.path+".copy")
	require.ErrorIs(t, err, ErrNotAStore)
	require.ErrorContains(t, err, "damaged")
	require.NoFileExists(t, b.path+".copy")
}
