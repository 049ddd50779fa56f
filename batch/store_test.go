package batch

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOpenStoreRefusesWhatIsNoStore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	s, err := OpenStore(ctx, good)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", "file:"+foreign)
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE t (x)")
	require.NoError(t, err)
	require.NoError(t, db.Close())

	text := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("not a database at all\n", 100)), 0o600))

	data, err := os.ReadFile(good)
	require.NoError(t, err)
	for i := 100; i < len(data); i++ { // the header stays, all else is noise
		data[i] = byte(i * 7)
	}
	damaged := filepath.Join(dir, "damaged.db")
	require.NoError(t, os.WriteFile(damaged, data, 0o600))

	for _, path := range []string{foreign, text, damaged} {
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		_, err = OpenStore(ctx, path)
		require.ErrorIs(t, err, ErrNotAStore, path)
		require.ErrorContains(t, err, filepath.Base(path))
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after, "nothing was changed in it")
	}
	_, err = OpenStore(ctx, filepath.Join(dir, "missing", "store.db"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestOpenStoreRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		ctx := context.Background()
		s, err := OpenStore(ctx, location)
		require.NoError(t, err)
		require.NoError(t, s.change("test", "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)"))
		require.NoError(t, s.Close())
		_, err = OpenStore(ctx, location)
		require.ErrorIs(t, err, ErrStoreNewer)
		require.ErrorContains(t, err, "99")
	})
}

func TestTheStoreIsSafeAgainstPowerCutsAndStrangers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "with space & ? % #.db")
	s, err := OpenStore(ctx, path)
	require.NoError(t, err)
	defer s.Close()
	var mode string
	var synchronous int
	require.NoError(t, s.db.(*sqliteDB).conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode))
	require.NoError(t, s.db.(*sqliteDB).conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous))
	require.Equal(t, "wal", mode)
	require.Equal(t, 2, synchronous, "FULL")
	_, err = s.read.ExecContext(ctx, "DELETE FROM jobs")
	require.Error(t, err, "readers cannot write")
	info, err := os.Stat(path)
	require.NoError(t, err, "the name is taken as it is")
	if runtime.GOOS != "windows" {
		require.EqualValues(t, 0o600, info.Mode().Perm())
	}
}

func TestTwoEnginesCannotShareAFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	other, err := OpenStore(ctx, b.path)
	require.NoError(t, err, "reading is allowed")
	defer other.Close()
	engine, err := NewEngine(Config{Store: other})
	require.NoError(t, err)
	err = engine.Start(ctx)
	require.ErrorIs(t, err, ErrStoreInUse)
	if runtime.GOOS != "windows" {
		require.ErrorContains(t, err, strconv.Itoa(os.Getpid()))
	}
	job := b.wait(b.run(saveSpec(), 5).ID)
	read, err := other.Job(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, job, read)

	require.NoError(t, b.engine.Stop(ctx))
	require.NoError(t, engine.Start(ctx), "free again")
	require.NoError(t, engine.Stop(ctx))
}

func TestAnItemHasOneOutcomeForEver(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		job := b.wait(b.run(saveSpec(), 3).ID)
		rec, err := jobByID(context.Background(), b.store.read, job.ID)
		require.NoError(t, err)
		err = b.store.writeGroup(&fate{}, []write{{job: rec.seq, item: itemID(rec.seq, 2), from: ItemSubmitted, to: ItemReverted,
			outcome: &outcome{state: ItemReverted, settled: time.Now()}}})
		require.Error(t, err)
		require.True(t, isConstraint(err))
		b.checkCounts(job.ID)
	})
}

func TestOneBadWriteDoesNotSpoilItsGroup(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		job := b.wait(b.run(saveSpec(), 3).ID)
		ctx := context.Background()
		rec, err := jobByID(ctx, b.store.read, job.ID)
		require.NoError(t, err)
		require.NoError(t, b.store.change("test", "DELETE FROM outcomes WHERE item = ?", itemID(rec.seq, 3)))
		results := map[int64]error{}
		var group []write
		for _, row := range []int64{3, 2} {
			group = append(group, write{job: rec.seq, item: itemID(rec.seq, row), from: ItemConfirmed, to: ItemConfirmed,
				outcome: &outcome{state: ItemConfirmed, settled: time.Now()}, done: func(err error) { results[row] = err }})
		}
		newCommitter(b.store, newSubBatch(SubBatch{}), b.engine.log, func(int, time.Duration) {}).flush(ctx, group)
		require.NoError(t, results[3])
		require.True(t, isConstraint(results[2]))
	})
}

func TestTheCommitterWaitsForAStoreThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	job := b.wait(b.run(saveSpec(), 1).ID)
	ctx := context.Background()
	rec, err := jobByID(ctx, b.store.read, job.ID)
	require.NoError(t, err)
	_, err = b.store.db.(*sqliteDB).conn.ExecContext(ctx, "PRAGMA query_only(1)")
	require.NoError(t, err)
	hard, end := context.WithCancel(ctx)
	c := newCommitter(b.store, newSubBatch(SubBatch{}), b.engine.log, func(int, time.Duration) {})
	done := make(chan struct{})
	go func() { defer close(done); c.run(hard) }()
	result := make(chan error, 1)
	go func() {
		result <- c.commit(write{job: rec.seq, item: itemID(rec.seq, 9), from: ItemQueued, to: ItemQueued, attempt: &attempt{number: 1}})
	}()
	require.Eventually(t, func() bool { return c.trouble.Load() != nil }, 5*time.Second, time.Millisecond)
	require.Contains(t, *c.trouble.Load(), "cannot be written")
	b.store.writing.Lock()
	_, err = b.store.db.(*sqliteDB).conn.ExecContext(ctx, "PRAGMA query_only(0)")
	b.store.writing.Unlock()
	require.NoError(t, err)
	require.NoError(t, <-result, "written once it can be")
	require.Nil(t, c.trouble.Load())

	b.store.writing.Lock()
	_, err = b.store.db.(*sqliteDB).conn.ExecContext(ctx, "PRAGMA query_only(1)")
	b.store.writing.Unlock()
	require.NoError(t, err)
	go func() {
		result <- c.commit(write{job: rec.seq, item: itemID(rec.seq, 10), from: ItemQueued, to: ItemQueued, attempt: &attempt{number: 1}})
	}()
	require.Eventually(t, func() bool { return c.trouble.Load() != nil }, 5*time.Second, time.Millisecond)
	end()
	require.Error(t, <-result, "given up at the hard end")
	close(c.queue)
	<-done
	_, err = b.store.db.(*sqliteDB).conn.ExecContext(ctx, "PRAGMA query_only(0)")
	require.NoError(t, err)
}

func TestJobsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		var ids []string
		for range 5 {
			job, _, err := b.engine.Create(ctx, saveSpec())
			require.NoError(t, err)
			ids = append(ids, job.ID)
		}
		b.wait(b.run(saveSpec(), 1).ID)
		list, err := b.store.Jobs(ctx, JobFilter{State: JobLoading, Kind: KindBatch, Target: "main", Limit: 2})
		require.NoError(t, err)
		require.Equal(t, []string{ids[4], ids[3]}, []string{list[0].ID, list[1].ID})
		list, err = b.store.Jobs(ctx, JobFilter{State: JobLoading, Before: ids[3]})
		require.NoError(t, err)
		require.Len(t, list, 3)
		require.Equal(t, ids[2], list[0].ID)
		_, err = b.store.Jobs(ctx, JobFilter{Before: "nope"})
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestItemsAreFilteredByState(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.revert = func(input []byte) []byte {
			if input[35]%10 == 0 {
				return []byte{}
			}
			return nil
		}
		job := b.wait(b.run(saveSpec(), 100).ID)
		ctx := context.Background()
		var rowsSeen []int64
		for after := int64(0); ; {
			items, err := b.store.Items(ctx, job.ID, ItemFilter{States: []ItemState{ItemReverted, ItemRejected}, After: after, Limit: 3})
			require.NoError(t, err)
			if len(items) == 0 {
				break
			}
			for _, it := range items {
				rowsSeen = append(rowsSeen, it.Row)
				require.Equal(t, "RevertInstruction", it.Error)
				require.Equal(t, "0x", it.Output)
			}
			after = items[len(items)-1].Row
		}
		require.Equal(t, []int64{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}, rowsSeen)
		items, err := b.store.Items(ctx, job.ID, ItemFilter{States: []ItemState{ItemQueued, ItemConfirmed}, Limit: 1000})
		require.NoError(t, err)
		require.Len(t, items, 90)
	})
}

func TestTheFailedAreFoundByIndex(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	query, args := itemQuery(1, ItemFilter{States: []ItemState{ItemReverted, ItemRejected}, Limit: 5})
	rows, err := b.store.read.Query("EXPLAIN QUERY PLAN "+query, args...)
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var a, b, c int
		var detail string
		require.NoError(t, rows.Scan(&a, &b, &c, &detail))
		plan.WriteString(detail + "\n")
	}
	require.NoError(t, rows.Err())
	require.Contains(t, plan.String(), "outcomes_failed", plan.String())
	require.NotContains(t, plan.String(), "USE TEMP B-TREE FOR ORDER BY", plan.String())
}
