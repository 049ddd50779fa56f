package batch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

func TestMain(m *testing.M) {
	if childMain() {
		return
	}
	code := m.Run()
	if sharedServer.Server != nil {
		_ = sharedServer.Stop()
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var fakeAccount = fakeSigner{address: common.HexToAddress("0xAcc0000000000000000000000000000000000001")}

// bench is an engine with its store and a chain, for one test.
type bench struct {
	t      testing.TB
	path   string
	chain  *fakeChain
	store  *Store
	engine *Engine
	config func(*Config)
}

func newBench(t testing.TB, config ...func(*Config)) *bench {
	return newBenchAt(t, filepath.Join(t.TempDir(), "store.db"), config...)
}

// newBenchAt is newBench with the store at a location.
func newBenchAt(t testing.TB, location string, config ...func(*Config)) *bench {
	b := &bench{t: t, path: location, chain: newFakeChain()}
	if len(config) > 0 {
		b.config = config[0]
	}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start() {
	b.t.Helper()
	var err error
	b.store, err = OpenStore(context.Background(), b.path)
	require.NoError(b.t, err)
	cfg := Config{Store: b.store, Targets: []Target{{
		Info:     chain.Target{Name: "main", Family: chain.FISCO3, ChainID: "chain0", Group: "group0"},
		Chain:    b.chain,
		Accounts: map[string]chain.Signer{"alice": fakeAccount},
	}}}
	if b.config != nil {
		b.config(&cfg)
	}
	b.engine, err = NewEngine(cfg)
	require.NoError(b.t, err)
	require.NoError(b.t, b.engine.Start(context.Background()))
}

// halt ends the engine in the hard way: nothing in flight is waited for. The store
// can still be read.
func (b *bench) halt() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(b.t, b.engine.Stop(ctx))
}

// stop halts the engine and closes the store.
func (b *bench) stop() {
	if b.engine == nil {
		return
	}
	b.halt()
	require.NoError(b.t, b.store.Close())
	b.engine = nil
}

func (b *bench) restart() {
	b.stop()
	b.start()
}

func saveSpec() Spec {
	return Spec{To: &fakeContract, Function: "save(bytes32 digest,string text)"}
}

func csvRows(n int) string {
	var s strings.Builder
	s.WriteString("digest,text,note\n")
	for i := range n {
		fmt.Fprintf(&s, "0x%064x,text %d,untouched %d\n", i+1, i+1, i+1)
	}
	return s.String()
}

func fromCSV(t testing.TB, text string) rows.Reader {
	r, err := rows.NewCSV(strings.NewReader(text), rows.CSVOptions{})
	require.NoError(t, err)
	return r
}

// run creates, loads and runs a job of n rows.
func (b *bench) run(spec Spec, n int) Job {
	b.t.Helper()
	job := b.ready(spec, n)
	require.NoError(b.t, b.engine.Run(context.Background(), job.ID))
	return job
}

// ready creates and loads a job of n rows.
func (b *bench) ready(spec Spec, n int) Job {
	b.t.Helper()
	ctx := context.Background()
	job, created, err := b.engine.Create(ctx, spec)
	require.NoError(b.t, err)
	require.True(b.t, created)
	require.Equal(b.t, JobLoading, job.State)
	job, err = b.engine.Load(ctx, job.ID, fromCSV(b.t, csvRows(n)))
	require.NoError(b.t, err)
	require.Equal(b.t, JobReady, job.State)
	require.EqualValues(b.t, n, job.Rows)
	return job
}

func (b *bench) wait(id string) Job {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	job, err := b.engine.Wait(ctx, id)
	if err != nil {
		p, _ := b.engine.Progress(context.Background(), id)
		require.NoError(b.t, err, "progress %+v", p)
	}
	return job
}

// verify checks a final job against the chain: every row exactly once.
func (b *bench) verify(job Job) {
	b.t.Helper()
	require.Zero(b.t, b.chain.doubles(), "executed twice")
	b.chain.with(func(c *fakeChain) {
		require.Empty(b.t, c.breaches)
		require.EqualValues(b.t, job.Counts.Confirmed+job.Counts.Reverted, len(c.executed))
	})
	b.checkCounts(job.ID)
}

// checkCounts compares the counts of the job with the states of its items, at one moment.
func (b *bench) checkCounts(id string) {
	b.t.Helper()
	require.NoError(b.t, b.store.Snapshot(context.Background(), id, func(s *Snapshot) error {
		var counts Counts
		var row int64
		err := s.Items(context.Background(), func(it TimedItem) error {
			row++
			require.Equal(b.t, row, it.Row)
			*counts.of(it.State)++
			return nil
		})
		require.Equal(b.t, s.Job().Rows, row)
		require.Equal(b.t, counts, s.Job().Counts)
		return err
	}))
}

func TestJobConfirmsEveryRowOnce(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		job := b.wait(b.run(saveSpec(), 1000).ID)
		require.Equal(t, JobDone, job.State)
		require.EqualValues(t, 1000, job.Counts.Confirmed)
		require.NotNil(t, job.Started)
		require.NotNil(t, job.Finished)
		b.verify(job)

		items, err := b.store.Items(context.Background(), job.ID, ItemFilter{After: 41, Limit: 1, History: true})
		require.NoError(t, err)
		require.Len(t, items, 1)
		it := items[0]
		require.EqualValues(t, 42, it.Row)
		require.Equal(t, ItemConfirmed, it.State)
		require.Equal(t, 1, it.Attempts)
		require.NotNil(t, it.TxHash)
		require.Equal(t, 0, *it.Status)
		require.EqualValues(t, 21000, it.GasUsed)
		require.JSONEq(t, fmt.Sprintf(`["0x%064x","text 42","untouched 42"]`, 42), string(it.Input))
		require.Len(t, it.History, 1)
		require.Equal(t, *it.TxHash, it.History[0].TxHash)
		require.Equal(t, fmt.Sprintf("in block %d", it.Block), it.History[0].Outcome)
		require.Equal(t, items[0].History[0].BlockLimit >= 510, true)
	})
}

func TestStartAndStopFromEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.run(saveSpec(), 2000).ID
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				_ = b.engine.Stop(ctx)
				_ = b.engine.Start(context.Background()) // one of them wins
				_, _ = b.engine.Progress(context.Background(), id)
				_ = b.engine.Stats()
			}
		})
	}
	all.Wait()
	_ = b.engine.Start(context.Background())
	job := b.wait(id)
	require.EqualValues(t, 2000, job.Counts.Confirmed)
	b.verify(job)
	require.NoError(t, b.engine.Stop(context.Background()))
	require.NoError(t, b.engine.Stop(context.Background()), "nothing to stop")
}
