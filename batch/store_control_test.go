package batch

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// closedStore opens the bench's store without an engine.
func (b *bench) closedStore() *Store {
	b.t.Helper()
	b.stop()
	store, err := OpenStore(context.Background(), b.path)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { require.NoError(b.t, store.Close()) })
	return store
}

func TestAStoreCancelsWhatWasNotSent(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		ready, _, err := b.engine.Create(ctx, saveSpec())
		require.NoError(t, err)
		_, err = b.engine.Load(ctx, ready.ID, fromCSV(t, csvRows(3)))
		require.NoError(t, err)
		loading, _, err := b.engine.Create(ctx, saveSpec())
		require.NoError(t, err)
		done := b.wait(b.run(saveSpec(), 2).ID)

		_, err = b.store.Cancel(ctx, ready.ID)
		require.ErrorIs(t, err, ErrStoreInUse, "an engine has this very store")

		store := b.closedStore()
		job, err := store.Cancel(ctx, ready.ID)
		require.NoError(t, err)
		require.Equal(t, JobCanceled, job.State)
		require.Equal(t, Counts{Canceled: 3}, job.Counts)
		require.NotNil(t, job.Finished)

		again, err := store.Cancel(ctx, ready.ID)
		require.NoError(t, err)
		require.Equal(t, job, again)

		job, err = store.Cancel(ctx, loading.ID)
		require.NoError(t, err)
		require.Equal(t, JobCanceled, job.State)
		require.Zero(t, job.Rows)

		job, err = store.Cancel(ctx, done.ID)
		require.ErrorIs(t, err, ErrState)
		require.Equal(t, JobDone, job.State)
		_, err = store.Cancel(ctx, strings.Repeat("0", 36))
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestAStoreLeavesWhatIsInFlightToTheNextEngine(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.latency = 50 * time.Millisecond
		id := b.run(saveSpec(), 5000).ID
		b.settles(id, func(p Progress) bool { return p.Counts.Confirmed > 100 && p.InFlight > 100 })

		store := b.closedStore()
		job, err := store.Cancel(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, JobCanceling, job.State)
		again, err := store.Cancel(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, job, again)

		// What was written down and never arrived can be given up when no block may have it any more.
		b.chain.with(func(c *fakeChain) { c.height += 1000 })
		b.start()
		job = b.wait(id)
		require.Equal(t, JobCanceled, job.State)
		require.Greater(t, job.Counts.Canceled, int64(1000))
		require.EqualValues(t, 5000, job.Counts.Confirmed+job.Counts.Canceled)
		b.verify(job)
	})
}
