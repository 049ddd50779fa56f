package batch

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOldJobsAreDeletedWhole(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		old := b.wait(b.run(saveSpec(), 20).ID)
		refused, err := b.load(saveSpec(), fromCSV(t, "digest\nx\n"))
		require.Error(t, err)
		ready, err := b.load(saveSpec(), fromCSV(t, csvRows(3)))
		require.NoError(t, err)
		require.NoError(t, b.store.change("test", "UPDATE jobs SET finished = finished - 60000"))
		border := time.Now().Add(-30 * time.Second)
		young := b.wait(b.run(saveSpec(), 7).ID)

		for _, id := range []string{old.ID, young.ID} {
			require.NoError(t, b.store.SaveReconciliation(ctx, id, time.Now(), json.RawMessage(`{"state":"differs"}`)))
			require.NoError(t, b.store.SaveReconciliation(ctx, id, time.Now(), json.RawMessage(`{"state":"agrees"}`)))
		}
		result, err := b.store.Reconciliation(ctx, old.ID)
		require.NoError(t, err)
		require.JSONEq(t, `{"state":"agrees"}`, string(result))

		_, err = b.store.Prune(ctx, border)
		require.ErrorIs(t, err, ErrStoreInUse, "the engine does it itself")
		require.NoError(t, b.engine.Stop(ctx))

		would, err := b.store.Prunable(ctx, border)
		require.NoError(t, err)
		did, err := b.store.Prune(ctx, border)
		require.NoError(t, err)
		require.Equal(t, would, did)
		require.EqualValues(t, 2, did.Jobs)
		for _, id := range []string{old.ID, refused.ID} {
			_, err = b.store.Job(ctx, id)
			require.ErrorIs(t, err, ErrNotFound)
			require.ErrorIs(t, b.store.SaveReconciliation(ctx, id, time.Now(), nil), ErrNotFound)
			result, err = b.store.Reconciliation(ctx, id)
			require.NoError(t, err)
			require.Nil(t, result)
		}
		for table, n := range map[string]int64{"jobs": 2, "items": 10, "attempts": 7, "outcomes": 7, "pruned": 0, "reconciliations": 1} {
			require.Equal(t, n, b.count(table), table)
		}
		kept, err := b.store.Job(ctx, ready.ID)
		require.NoError(t, err)
		require.Equal(t, JobReady, kept.State, "not final")
		items, err := b.store.Items(ctx, young.ID, ItemFilter{})
		require.NoError(t, err)
		require.Len(t, items, 7)
		found, err := b.store.Check(ctx)
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

func (b *bench) count(table string) (n int64) {
	require.NoError(b.t, b.store.read.QueryRow("SELECT count(*) FROM "+table).Scan(&n))
	return n
}

func TestAnEngineKeepsJobsForSoLong(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		pruned := &prunedObserver{told: make(chan Pruned, 1)}
		var keep time.Duration
		b := newBenchAt(t, location, func(cfg *Config) { cfg.Keep, cfg.Observer = keep, pruned })
		ctx := context.Background()
		job := b.wait(b.run(saveSpec(), 5).ID)
		keep = time.Hour
		b.restart()
		_, err := b.store.Job(ctx, job.ID)
		require.NoError(t, err)
		require.NoError(t, b.store.change("test", "UPDATE jobs SET finished = finished - ?", 2*time.Hour.Milliseconds()))
		b.restart()
		require.Equal(t, Pruned{Jobs: 1, Rows: 5}, <-pruned.told)
		_, err = b.store.Job(ctx, job.ID)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

type prunedObserver struct {
	nobody
	told chan Pruned
}

func (o *prunedObserver) Pruned(p Pruned) { o.told <- p }

func TestItemsOfADeletedJobAreRemovedLater(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.wait(b.run(saveSpec(), 5).ID)
		require.NoError(t, b.engine.Stop(context.Background()))
		p, more, err := b.store.forgetJobs(time.Now().Add(time.Hour)) // and then the machine stops
		require.NoError(t, err)
		require.False(t, more)
		require.EqualValues(t, 1, p.Jobs)
		require.EqualValues(t, 5, b.count("items"))
		_, err = b.store.Prune(context.Background(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, b.count("items")+b.count("attempts")+b.count("outcomes")+b.count("pruned"))
	})
}

func TestDeploymentsWithANameAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	b.wait(b.run(saveSpec(), 1).ID)
	require.NoError(t, b.store.change("test", "UPDATE jobs SET registers = 'Ledger'"))
	p, err := b.store.Prunable(ctx, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, p.Jobs)
}
