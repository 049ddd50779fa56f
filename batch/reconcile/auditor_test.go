package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/chain"
)

// fakeStore has jobs of one confirmed row each, the newest first.
type fakeStore struct {
	jobs []batch.Job
	gas  atomic.Uint64 // what it says of each row; the chain says 1

	mu    sync.Mutex
	full  error // saving a result fails with it
	saved map[string]json.RawMessage
}

func (s *fakeStore) Reconciliation(_ context.Context, jobID string) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved[jobID], nil
}

func (s *fakeStore) SaveReconciliation(_ context.Context, jobID string, _ time.Time, result json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full == nil {
		if s.saved == nil {
			s.saved = map[string]json.RawMessage{}
		}
		s.saved[jobID] = result
	}
	return s.full
}

func agreeing(jobs ...batch.Job) *fakeStore {
	s := &fakeStore{jobs: jobs}
	s.gas.Store(1)
	return s
}

func (s *fakeStore) Job(_ context.Context, id string) (batch.Job, error) {
	for _, j := range s.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return batch.Job{}, batch.ErrNotFound
}

func (s *fakeStore) Jobs(_ context.Context, f batch.JobFilter) ([]batch.Job, error) {
	var page []batch.Job
	begun := f.Before == ""
	for _, j := range s.jobs {
		if begun && j.Spec.Kind == f.Kind && len(page) < f.Limit {
			page = append(page, j)
		}
		begun = begun || j.ID == f.Before
	}
	return page, nil
}

func (s *fakeStore) Items(_ context.Context, jobID string, f batch.ItemFilter) ([]batch.Item, error) {
	if f.After > 0 {
		return nil, nil
	}
	status, hash := 0, hashOf(jobID)
	return []batch.Item{{Row: 1, State: batch.ItemConfirmed, TxHash: &hash, Block: 5, Status: &status, Attempts: 1, GasUsed: s.gas.Load(), Output: "0x"}}, nil
}

func (s *fakeStore) Signers(context.Context, string) ([]common.Address, error) { return nil, nil }

func (s *fakeStore) RemoveKnown(_ context.Context, _ string, hashes map[common.Hash]uint64) error {
	for _, j := range s.jobs {
		delete(hashes, hashOf(j.ID))
	}
	return nil
}

func hashOf(jobID string) common.Hash { return common.BytesToHash([]byte(jobID)) }

// fakeNodes are two nodes that know every transaction, in block 5, once they are let.
type fakeNodes struct {
	mu    sync.Mutex
	down  bool
	hold  chan struct{} // answers wait for it; nil: at once
	asked map[common.Hash]int
}

func (n *fakeNodes) Head(context.Context) (chain.Head, error) { return chain.Head{Number: 9}, nil }
func (n *fakeNodes) WitnessCount() int                        { return 2 }

func (n *fakeNodes) AskReceipt(ctx context.Context, tx common.Hash, _ uint64, k int) ([]chain.Testimony[chain.Receipt], error) {
	n.mu.Lock()
	hold, down := n.hold, n.down
	if n.asked == nil {
		n.asked = map[common.Hash]int{}
	}
	n.asked[tx]++
	n.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if down {
		return nil, &chain.Error{Kind: chain.KindUnavailable, Op: "askReceipt"}
	}
	var list []chain.Testimony[chain.Receipt]
	for i := range k {
		list = append(list, chain.Testimony[chain.Receipt]{Node: fmt.Sprint("n", i), Found: true, Answer: chain.Receipt{TxHash: tx, BlockNumber: 5, Succeeded: true, GasUsed: 1}})
	}
	return list, nil
}

func (n *fakeNodes) AskBlock(_ context.Context, number uint64, k int) ([]chain.Testimony[chain.Block], error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	b := chain.Block{Number: number}
	for tx := range n.asked {
		b.TxHashes = append(b.TxHashes, tx)
	}
	var list []chain.Testimony[chain.Block]
	for i := range k {
		list = append(list, chain.Testimony[chain.Block]{Node: fmt.Sprint("n", i), Found: true, Answer: b})
	}
	return list, nil
}

func (n *fakeNodes) count(jobID string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[hashOf(jobID)]
}

func (n *fakeNodes) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

type seen struct {
	mu   sync.Mutex
	list []reconcile.Result
}

func (s *seen) Reconciled(_ string, r reconcile.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, r)
}

func job(id string, kind batch.JobKind, state batch.JobState, ended time.Time) batch.Job {
	j := batch.Job{ID: id, Spec: batch.Spec{Kind: kind, Target: "main"}, State: state, Rows: 1}
	if !ended.IsZero() {
		j.Finished = &ended
	}
	return j
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestAuditTakesTheJobsThatEndedLately(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		store := agreeing(
			job("running", batch.KindBatch, batch.JobRunning, time.Time{}),
			job("new", batch.KindBatch, batch.JobDone, now),
			job("single", batch.KindTransaction, batch.JobDone, now),
			job("old", batch.KindBatch, batch.JobDone, now.Add(-30*time.Hour)),
			job("long", batch.KindBatch, batch.JobCanceled, now.Add(-time.Hour)),
		)
		nodes, watch, log := &fakeNodes{}, &seen{}, &syncBuffer{}
		a := reconcile.NewAuditor(reconcile.New(store, []reconcile.Target{{Name: "main", Chain: nodes}}), store, reconcile.AuditorConfig{
			Every: 12 * time.Hour, Within: 24 * time.Hour, Observer: watch, Logger: slog.New(slog.NewTextHandler(log, nil))})
		require.NoError(t, a.Start(t.Context()))
		require.Error(t, a.Start(t.Context()))
		_, err := a.Result(context.Background(), "new")
		require.ErrorIs(t, err, reconcile.ErrNever)

		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for id, want := range map[string]int{"new": 1, "long": 1, "running": 0, "single": 0, "old": 0} {
			require.Equal(t, want, nodes.count(id), id)
		}
		r, err := a.Result(context.Background(), "new")
		require.NoError(t, err)
		require.Equal(t, reconcile.Agrees, r.State, "%+v", r)
		watch.mu.Lock()
		require.Len(t, watch.list, 2)
		watch.mu.Unlock()

		store.gas.Store(2) // somebody changes the store
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		require.Equal(t, 2, nodes.count("new"))
		r, err = a.Result(context.Background(), "new")
		require.NoError(t, err)
		require.Equal(t, reconcile.Differs, r.State)
		require.EqualValues(t, 1, r.Kinds[reconcile.WrongGasUsed])
		require.Contains(t, log.String(), "trace=new/1")
		require.Contains(t, log.String(), "kind=wrong_gas_used")
		require.NoError(t, a.Stop(t.Context()))
		require.NoError(t, a.Stop(t.Context()))
	})
}

// Several processes with one store share the audit, and each knows the results.
func TestAuditsShareTheWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, nodes := agreeing(job("j", batch.KindBatch, batch.JobDone, time.Now())), &fakeNodes{}
		auditor := func() *reconcile.Auditor {
			return reconcile.NewAuditor(reconcile.New(store, []reconcile.Target{{Name: "main", Chain: nodes}}), store, reconcile.AuditorConfig{Every: time.Hour})
		}
		first, second := auditor(), auditor()
		require.NoError(t, first.Start(t.Context()))
		time.Sleep(10 * time.Minute)
		require.NoError(t, second.Start(t.Context()))
		time.Sleep(10 * time.Minute)
		require.Equal(t, 1, nodes.count("j"), "the second found it done")
		a, err := first.Result(t.Context(), "j")
		require.NoError(t, err)
		b, err := second.Result(t.Context(), "j")
		require.NoError(t, err)
		require.Equal(t, reconcile.Agrees, b.State)
		require.True(t, a.Finished.Equal(b.Finished))
		_, err = second.Request(t.Context(), "j", reconcile.Options{})
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, 2, nodes.count("j"), "who asks for it gets a new one")
		require.NoError(t, first.Stop(t.Context()))
		require.NoError(t, second.Stop(t.Context()))
	})
}

// A job that was retried has ended anew: what was found before says nothing of it.
func TestAuditTakesAJobThatEndedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, nodes := agreeing(job("j", batch.KindBatch, batch.JobDone, time.Now()), job("again", batch.KindBatch, batch.JobDone, time.Now())), &fakeNodes{}
		for range 2 {
			a := reconcile.NewAuditor(reconcile.New(store, []reconcile.Target{{Name: "main", Chain: nodes}}), store, reconcile.AuditorConfig{Every: 24 * time.Hour})
			require.NoError(t, a.Start(t.Context()))
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			require.NoError(t, a.Stop(t.Context()))
			store.jobs[1] = job("again", batch.KindBatch, batch.JobDone, time.Now())
		}
		require.Equal(t, 1, nodes.count("j"))
		require.Equal(t, 2, nodes.count("again"))
	})
}

func TestAResultThatCannotBeSavedIsRemembered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := agreeing(job("j", batch.KindBatch, batch.JobDone, time.Now())), &syncBuffer{}
		store.full = errors.New("the disk is full")
		a := reconcile.NewAuditor(reconcile.New(store, []reconcile.Target{{Name: "main", Chain: &fakeNodes{}}}), store,
			reconcile.AuditorConfig{Logger: slog.New(slog.NewTextHandler(log, nil))})
		require.NoError(t, a.Start(t.Context()))
		_, err := a.Request(t.Context(), "j", reconcile.Options{})
		require.NoError(t, err)
		synctest.Wait()
		r, err := a.Result(t.Context(), "j")
		require.NoError(t, err)
		require.Equal(t, reconcile.Agrees, r.State)
		require.Contains(t, log.String(), "the disk is full")
		require.NoError(t, a.Stop(t.Context()))
	})
}

func TestAuditorAnswersInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := agreeing()
		for i := range 30 {
			store.jobs = append(store.jobs, job(fmt.Sprint("j", i), batch.KindTransaction, batch.JobDone, time.Now()))
		}
		nodes := &fakeNodes{hold: make(chan struct{})}
		a := reconcile.NewAuditor(reconcile.New(store, []reconcile.Target{{Name: "main", Chain: nodes}}), store, reconcile.AuditorConfig{})
		_, err := a.Request(t.Context(), "j0", reconcile.Options{})
		require.ErrorIs(t, err, batch.ErrNotStarted)
		require.NoError(t, a.Start(t.Context()))
		_, err = a.Request(t.Context(), "none", reconcile.Options{})
		require.ErrorIs(t, err, batch.ErrNotFound)
		_, err = a.Request(t.Context(), "j0", reconcile.Options{Event: "("})
		require.ErrorAs(t, err, new(*reconcile.OptionError))
		_, err = a.Request(t.Context(), "j0", reconcile.Options{Nodes: 3})
		require.True(t, chain.Is(err, chain.KindUnavailable))

		r, err := a.Request(t.Context(), "j0", reconcile.Options{})
		require.NoError(t, err)
		require.Equal(t, reconcile.Queued, r.State)
		synctest.Wait() // it is at work, and waits for the chain
		for i := 1; i <= 16; i++ {
			_, err := a.Request(t.Context(), fmt.Sprint("j", i), reconcile.Options{})
			require.NoError(t, err)
			_, err = a.Request(t.Context(), fmt.Sprint("j", i), reconcile.Options{})
			require.NoError(t, err, "it waits already")
		}
		_, err = a.Request(t.Context(), "j17", reconcile.Options{})
		require.ErrorIs(t, err, reconcile.ErrBusy)
		close(nodes.hold)
		synctest.Wait()
		for i := range 17 {
			r, err := a.Result(context.Background(), fmt.Sprint("j", i))
			require.NoError(t, err)
			require.Equal(t, reconcile.Agrees, r.State, "%+v", r)
			require.Equal(t, 1, nodes.count(r.JobID))
		}
		require.NoError(t, a.Stop(t.Context()))
		_, err = a.Request(t.Context(), "j0", reconcile.Options{})
		require.ErrorIs(t, err, batch.ErrNotStarted)
	})
}

func TestAuditorStopsInTheMiddle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := agreeing(job("j", batch.KindTransaction, batch.JobDone, time.Now()))
		a := reconcile.NewAuditor(reconcile.New(store, []reconcile.Target{{Name: "main", Chain: &fakeNodes{hold: make(chan struct{})}}}), store, reconcile.AuditorConfig{Every: time.Hour})
		require.NoError(t, a.Start(t.Context()))
		_, err := a.Request(t.Context(), "j", reconcile.Options{})
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, a.Stop(t.Context())) // no time passes
		r, err := a.Result(context.Background(), "j")
		require.NoError(t, err)
		require.Equal(t, reconcile.Incomplete, r.State)
	})
}

func TestANodeThatComesBackIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{"soon": 5 * time.Second, "late": time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			nodes := &fakeNodes{down: true}
			store := agreeing(job("j", batch.KindBatch, batch.JobDone, time.Now()))
			time.AfterFunc(away, func() { nodes.set(func() { nodes.down = false }) })
			began := time.Now()
			res, err := reconcile.New(store, []reconcile.Target{{Name: "main", Chain: nodes}}).Run(t.Context(), "j", reconcile.Options{}, nil)
			if name == "soon" {
				require.NoError(t, err)
				require.Equal(t, reconcile.Agrees, res.State, "%+v", res.Listed)
				return
			}
			require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
			require.Equal(t, reconcile.Incomplete, res.State)
			require.Equal(t, chain.KindUnavailable, res.ErrorKind)
			require.Equal(t, 15*time.Second, time.Since(began))
			time.Sleep(time.Minute) // the timer of the test
		})
	}
}

func TestRateHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := &fakeNodes{}
		store := agreeing(job("j", batch.KindBatch, batch.JobDone, time.Now()))
		began := time.Now()
		_, err := reconcile.New(store, []reconcile.Target{{Name: "main", Chain: nodes}}).Run(t.Context(), "j", reconcile.Options{Rate: .1}, nil)
		require.NoError(t, err)
		require.Equal(t, 10*time.Second, time.Since(began), "a row, and then its block")
	})
}
