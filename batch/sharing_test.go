package batch

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTwoEnginesCannotShareAnOpenStore(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		engine, err := NewEngine(Config{Store: b.store})
		require.NoError(t, err)
		require.ErrorIs(t, engine.Start(context.Background()), ErrStoreInUse)
		require.Equal(t, JobDone, b.wait(b.run(saveSpec(), 3).ID).State, "the first goes on")
		other, err := OpenStore(context.Background(), b.path)
		require.NoError(t, err)
		defer other.Close()
		engine, err = NewEngine(Config{Store: other})
		require.NoError(t, err)
		if b.store.shared() {
			require.NoError(t, engine.Start(context.Background()), "a database is for several processes")
			require.NoError(t, engine.Stop(context.Background()))
			return
		}
		require.ErrorIs(t, engine.Start(context.Background()), ErrStoreInUse, "and still has the file")
	})
}

func TestAStoreIsTheSameByAllItsNames(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "file.db"), filepath.Join(dir, "folder")
	if err := errors.Join(os.Symlink(b.path, file), os.Symlink(filepath.Dir(b.path), folder)); err != nil {
		if runtime.GOOS == "windows" {
			t.Skipf("this user may not make links: %v", err)
		}
		require.NoError(t, err)
	}
	for _, path := range []string{file, filepath.Join(folder, filepath.Base(b.path))} {
		other, err := OpenStore(context.Background(), path)
		require.NoError(t, err)
		engine, err := NewEngine(Config{Store: other})
		require.NoError(t, err)
		require.ErrorIs(t, engine.Start(context.Background()), ErrStoreInUse, path)
		require.NoError(t, other.Close())
	}
}

// Snapshots that stand must hold up neither jobs nor other readers.
func TestSlowReadersOfSnapshotsHoldNothingUp(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		done := b.wait(b.run(saveSpec(), 2000).ID)
		var all sync.WaitGroup
		release := make(chan struct{})
		began := make(chan struct{}, 2*readers)
		for range 2 * readers {
			all.Go(func() {
				_ = b.store.Snapshot(ctx, done.ID, func(s *Snapshot) error {
					return s.Items(ctx, func(TimedItem) error {
						began <- struct{}{}
						<-release
						return io.EOF
					})
				})
			})
		}
		defer all.Wait()
		defer close(release)
		for range readers { // that many are being read, and stand
			<-began
		}
		bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		job, _, err := b.engine.Create(bounded, saveSpec())
		require.NoError(t, err)
		_, err = b.engine.Load(bounded, job.ID, fromCSV(t, strings.ReplaceAll(csvRows(200), "0x0", "0xa")))
		require.NoError(t, err)
		require.NoError(t, b.engine.Run(bounded, job.ID))
		job, err = b.engine.Wait(bounded, job.ID)
		require.NoError(t, err)
		require.Equal(t, JobDone, job.State)
		_, err = b.store.Items(bounded, job.ID, ItemFilter{})
		require.NoError(t, err)
	})
}
