package batch

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// fleet is some engines that share a database and a chain.
type fleet []*bench

func newFleet(t *testing.T, n int, config ...func(*Config)) fleet {
	return newFleetAt(t, newDatabase(t), n, config...)
}

// newFleetAt is newFleet with the store at a location.
func newFleetAt(t *testing.T, location string, n int, config ...func(*Config)) fleet {
	var f fleet
	for range n {
		b := &bench{t: t, path: location, chain: newFakeChain()}
		if len(config) > 0 {
			b.config = config[0]
		}
		if len(f) > 0 {
			b.chain = f[0].chain
		}
		b.start()
		t.Cleanup(b.stop)
		f = append(f, b)
	}
	for _, b := range f {
		require.Eventually(t, func() bool {
			b.engine.share.mu.Lock()
			defer b.engine.share.mu.Unlock()
			return len(b.engine.share.others) == n-1
		}, 20*time.Second, 10*time.Millisecond, "all know all")
	}
	return f
}

// carriers counts the engines that have settled something.
func (f fleet) carriers() (n int) {
	for _, b := range f {
		if b.engine != nil && b.engine.Stats()[0].Sent > 0 {
			n++
		}
	}
	return n
}

// report is what a report says of a job that does not differ from run to run.
func (b *bench) report(job Job) string {
	b.t.Helper()
	var list []Item
	require.NoError(b.t, b.store.Snapshot(context.Background(), job.ID, func(s *Snapshot) error {
		return s.Items(context.Background(), func(it TimedItem) error {
			it.TxHash, it.Block, it.LatencyMS, it.Trace, it.GasUsed = nil, 0, 0, "", 0
			list = append(list, it.Item)
			return nil
		})
	}))
	text, err := json.Marshal(list)
	require.NoError(b.t, err)
	return string(text)
}

func someRevert(input []byte) []byte {
	if input[35]%7 == 0 {
		return []byte{0x08, 0xc3, 0x79, 0xa0}
	}
	return nil
}

func TestAJobOnOneAndOnThreeEnginesHasTheSameReport(t *testing.T) {
	t.Parallel()
	const n = 3000
	var reports []string
	for _, engines := range []int{1, 3} {
		f := newFleet(t, engines)
		f[0].chain.latency, f[0].chain.perBlock, f[0].chain.revert = 50*time.Millisecond, 100, someRevert
		spec := saveSpec()
		spec.ShardBy = "range(50)" // enough for all
		job := f[0].run(spec, n)
		job = f[engines-1].wait(job.ID)
		require.Equal(t, JobDone, job.State)
		require.EqualValues(t, n, job.Counts.Confirmed+job.Counts.Reverted)
		f[0].verify(job)
		require.Equal(t, engines, f.carriers(), "all take part")
		reports = append(reports, f[0].report(job))
	}
	require.Equal(t, reports[0], reports[1])
}

// hang cuts an engine off from its database: nothing of it is saved, nobody is told,
// and its client of the work queue goes on taking tickets.
func (b *bench) hang() {
	b.t.Helper()
	b.store.writing.Lock() // it writes nothing more
	b.store.pg.drop()
	b.t.Cleanup(func() {
		b.store.writing.Unlock()
		b.stop()
	})
}

func TestTheShardsOfAnEngineThatHangsMoveOn(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 3, func(c *Config) { c.Targets[0].Limits = Limits{InFlight: 300} }) // slow enough that all take part
	f[0].chain.latency, f[0].chain.perBlock = 100*time.Millisecond, 100
	const n = 6000
	job := f[0].run(saveSpec(), n)
	f[1].settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > n/10 && f.carriers() == 3 })
	f[0].hang()
	began := time.Now()
	require.Eventually(t, func() bool {
		others, _, err := f[1].store.otherRunners(context.Background())
		return err == nil && len(others) == 1
	}, 30*time.Second, 50*time.Millisecond)
	t.Logf("declared dead after %s", time.Since(began))
	f[2].chain.with(func(c *fakeChain) { c.height += 1000 }) // what was written down and not sent is proven absent
	job = f[2].wait(job.ID)
	require.Equal(t, Counts{Confirmed: n}, job.Counts)
	f[2].verify(job)
}

func TestWhatIsDoneToAJobReachesAllEngines(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	ctx := context.Background()
	f[0].chain.latency = 20 * time.Millisecond
	spec := saveSpec()
	spec.IdempotencyKey, spec.InFlight = "limits", 20
	job := f[0].run(spec, 20000) // seconds of work, so that it is not done before it is canceled
	f[0].settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > 0 && f.carriers() == 2 })
	spec.InFlight = 40
	_, _, err := f[1].engine.Create(ctx, spec)
	require.NoError(t, err)

	_, err = f[1].engine.Pause(ctx, job.ID)
	require.NoError(t, err)
	job = f[0].waitPaused(job.ID)
	var sends int
	f[0].chain.with(func(c *fakeChain) { sends = c.sends })
	require.Zero(t, job.Counts.Submitted+job.Counts.Unknown)
	_, err = f[0].engine.Resume(ctx, job.ID, "")
	require.NoError(t, err)
	f[1].settles(job.ID, func(p Progress) bool { return p.Counts.Confirmed > job.Counts.Confirmed })
	f[0].chain.with(func(c *fakeChain) { require.Greater(t, c.sends, sends) })

	_, err = f[0].engine.Cancel(ctx, job.ID)
	require.NoError(t, err)
	job = f[1].wait(job.ID)
	require.Equal(t, JobCanceled, job.State)
	require.Positive(t, job.Counts.Canceled)
	f[1].checkCounts(job.ID)
	f[1].verify(job)
}

// A process without the account of a job leaves its shards to those who have it.
func TestAnEngineTakesOnlyWhatItCanSign(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 1)
	stranger := &bench{t: t, path: f[0].path, chain: f[0].chain, config: func(cfg *Config) {
		cfg.Targets[0].Accounts = map[string]chain.Signer{"bob": fakeSigner{address: fakeContract}}
	}}
	stranger.start()
	t.Cleanup(stranger.stop)
	job, _, err := f[0].engine.Create(context.Background(), saveSpec())
	require.NoError(t, err)
	_, err = f[0].engine.Load(context.Background(), job.ID, fromCSV(t, csvRows(1000)))
	require.NoError(t, err)
	require.NoError(t, stranger.engine.Run(context.Background(), job.ID))
	job = stranger.wait(job.ID)
	require.Equal(t, Counts{Confirmed: 1000}, job.Counts)
	require.Zero(t, stranger.engine.Stats()[0].Sent)
}

// A single transaction does not wait for the work queue.
func TestATransactionIsCarriedByWhoTakesIt(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	for i, b := range f {
		spec := saveSpec()
		spec.Kind = KindTransaction
		b.wait(b.run(spec, 1).ID)
		require.EqualValues(t, 1, b.engine.Stats()[0].Sent, "engine %d", i)
		f[0].chain.with(func(c *fakeChain) { clear(c.executed) })
	}
	var tickets int
	require.NoError(t, f[0].store.read.QueryRow("SELECT count(*) FROM river_job").Scan(&tickets))
	require.Zero(t, tickets)
}

func TestALoadBelongsToOneEngine(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	ctx := context.Background()
	job, _, err := f[0].engine.Create(ctx, saveSpec())
	require.NoError(t, err)
	rec, err := jobByID(ctx, f[0].store.read, job.ID)
	require.NoError(t, err)
	require.NoError(t, f[0].store.claimLoad(rec.seq))
	_, err = f[0].store.insertItems(rec.seq, []newItem{{row: 1, input: []byte{1}, source: json.RawMessage(`[]`)}})
	require.NoError(t, err)
	_, err = f[1].engine.Load(ctx, job.ID, fromCSV(t, csvRows(3)))
	require.ErrorIs(t, err, ErrState)
	f[1].restart()
	require.EqualValues(t, 1, f[1].count("items"), "a start leaves the rows of others alone")
	_, err = f[1].store.bury(f[0].store.me())
	require.NoError(t, err)
	_, err = f[1].engine.Load(ctx, job.ID, fromCSV(t, csvRows(3)))
	require.NoError(t, err)
	require.EqualValues(t, 3, f[1].count("items"))
}
