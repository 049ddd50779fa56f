package batch

import (
	"context"
	"errors"
	"math/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// once lets a fault happen to the first send of every item.
func once(f fault) func(int, fakeTx) fault {
	seen := map[string]bool{}
	return func(_ int, tx fakeTx) fault {
		if seen[string(tx.Intent.Input)] {
			return faultNone
		}
		seen[string(tx.Intent.Input)] = true
		return f
	}
}

func TestEveryPassingFaultEndsInOneExecution(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]fault{
		"answer lost after execution":      faultLostAnswer,
		"connection broke before delivery": faultLostBefore,
		"no connection":                    faultUnsent,
		"pool full":                        faultOverloaded,
		"dropped from the pool":            faultDropped,
		"node failed inside":               faultNode,
		"executed after the deadline":      faultPending,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.chain.fault = once(f)
			job := b.wait(b.run(saveSpec(), 40).ID)
			require.EqualValues(t, 40, job.Counts.Confirmed)
			b.verify(job)
			items, err := b.store.Items(context.Background(), job.ID, ItemFilter{Limit: 1, History: true})
			require.NoError(t, err)
			require.Equal(t, 1, items[0].Attempts, "the same bytes all the time")
			if f != faultUnsent {
				require.Contains(t, items[0].History[0].Outcome, "in block")
				require.Contains(t, items[0].History[0].Outcome, "before that: ")
			}
		})
	}
}

func TestAnyMixOfFaultsEndsInOneExecution(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	rnd := rand.New(rand.NewSource(7))
	passing := []fault{faultLostAnswer, faultLostBefore, faultUnsent, faultOverloaded, faultDropped, faultNode, faultPending}
	b.chain.fault = func(int, fakeTx) fault {
		if rnd.Intn(4) == 0 {
			return passing[rnd.Intn(len(passing))]
		}
		return faultNone
	}
	job := b.wait(b.run(saveSpec(), 400).ID)
	require.EqualValues(t, 400, job.Counts.Confirmed)
	b.verify(job)
}

func TestRevertIsAResultWithItsReason(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const reason = "0x08c379a00000000000000000000000000000000000000000000000000000000000000020000000000000000000000000000000000000000000000000000000000000000474616b6500000000000000000000000000000000000000000000000000000000"
	b.chain.revert = func(input []byte) []byte {
		if input[35] == 2 { // the digest of row 2
			return hexutil.MustDecode(reason)
		}
		return nil
	}
	job := b.wait(b.run(saveSpec(), 3).ID)
	require.Equal(t, Counts{Confirmed: 2, Reverted: 1}, job.Counts)
	items, err := b.store.Items(context.Background(), job.ID, ItemFilter{States: []ItemState{ItemReverted}})
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.EqualValues(t, 2, items[0].Row)
	require.Equal(t, "reverted", items[0].ErrorKind)
	require.Contains(t, items[0].Error, "take")
	require.Equal(t, 16, *items[0].Status)
	require.Equal(t, reason, items[0].Output)
	b.verify(job)
}

func TestRefusedItemsAreRejectedWithTheReason(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(_ int, tx fakeTx) fault {
		if tx.Intent.Input[35] == 2 {
			return faultInvalid
		}
		return faultNone
	}
	job := b.wait(b.run(saveSpec(), 3).ID)
	require.Equal(t, Counts{Confirmed: 2, Rejected: 1}, job.Counts)
	items, err := b.store.Items(context.Background(), job.ID, ItemFilter{States: []ItemState{ItemRejected}})
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Equal(t, string(chain.KindInvalid), items[0].ErrorKind)
	require.Contains(t, items[0].Error, "scripted")
	b.verify(job)
}

// settles waits until the job's counts satisfy ok.
func (b *bench) settles(id string, ok func(Progress) bool) Progress {
	b.t.Helper()
	var p Progress
	require.Eventually(b.t, func() bool {
		var err error
		p, err = b.engine.Progress(context.Background(), id)
		return err == nil && ok(p)
	}, 20*time.Second, 5*time.Millisecond, "%+v", &p)
	return p
}

func TestANewAttemptNeedsProofOfAbsence(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(_ int, tx fakeTx) fault {
		if tx.Terms.BlockLimit < 1000 { // all that was signed before the jump
			return faultLostBefore
		}
		return faultNone
	}
	job := b.run(saveSpec(), 5)
	require.Eventually(t, func() bool { // memory is ahead of the store
		stored, err := b.store.Job(context.Background(), job.ID)
		return err == nil && stored.Counts.Unknown == 5
	}, 20*time.Second, 5*time.Millisecond)
	b.checkCounts(job.ID)
	b.chain.with(func(c *fakeChain) {
		require.Empty(t, c.executed)
		c.height += 1000
	})
	job = b.wait(job.ID)
	require.EqualValues(t, 5, job.Counts.Confirmed)
	b.verify(job)
	items, err := b.store.Items(context.Background(), job.ID, ItemFilter{History: true})
	require.NoError(t, err)
	for _, it := range items {
		require.Equal(t, 2, it.Attempts)
		require.Len(t, it.History, 2)
		require.NotEqual(t, it.History[0].TxHash, it.History[1].TxHash)
		require.Contains(t, it.History[0].Outcome, "cannot any more", "the evidence is kept")
		require.Contains(t, it.History[0].Outcome, "node0, node1")
		require.Equal(t, it.History[1].TxHash, *it.TxHash)
	}
	b.chain.with(func(c *fakeChain) {
		for nonce, seen := range c.seen {
			require.Len(t, seen, 2, "one nonce for all attempts: %s", nonce)
		}
	})
}

func TestANonceThatAnotherUsedEndsInRejectionWithProof(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	spec := saveSpec()
	spec.IdempotencyKey = "night run"
	ref := itemRef(nonceRef(spec, b.engine.targets[0].Info, "any"), 1, 0)
	b.chain.nonces[fakeAccount.Nonce(ref)] = common.HexToHash("0xbeef")
	job := b.run(spec, 2)
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Unknown == 1 && p.Counts.Confirmed == 1 })
	b.chain.with(func(c *fakeChain) { c.height += 1000 })
	job = b.wait(job.ID)
	require.Equal(t, Counts{Confirmed: 1, Rejected: 1}, job.Counts)
	items, err := b.store.Items(context.Background(), job.ID, ItemFilter{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, string(chain.KindNonceUsed), items[0].ErrorKind)
	require.Contains(t, items[0].Error, "another transaction has used")
	require.Contains(t, items[0].Error, "cannot any more")
}

func TestADeniedItemIsRejectedOnlyWithProof(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(int, fakeTx) fault { return faultDenied }
	job := b.run(saveSpec(), 1)
	b.settles(job.ID, func(p Progress) bool { return p.Counts.Unknown == 1 })
	b.chain.with(func(c *fakeChain) { c.height += 1000 })
	job = b.wait(job.ID)
	require.Equal(t, Counts{Rejected: 1}, job.Counts)
	items, err := b.store.Items(context.Background(), job.ID, ItemFilter{})
	require.NoError(t, err)
	require.Equal(t, string(chain.KindDenied), items[0].ErrorKind)
	require.Contains(t, items[0].Error, "scripted")
	require.Contains(t, items[0].Error, "cannot any more")
}

func TestTheWrongChainStopsTheJobAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var wrong atomic.Bool
	wrong.Store(true)
	b.chain.fault = func(n int, _ fakeTx) fault {
		if n > 5 && wrong.Load() {
			return faultWrongChain
		}
		return faultNone
	}
	id := b.run(saveSpec(), 50).ID
	job, err := b.engine.Wait(context.Background(), id)
	require.ErrorIs(t, err, ErrHalted)
	require.Equal(t, JobRunning, job.State)
	require.Contains(t, job.Reason, "wrong_chain")
	p, err := b.engine.Progress(context.Background(), id)
	require.NoError(t, err)
	require.True(t, p.Halted)
	stored, err := b.store.Job(context.Background(), id)
	require.NoError(t, err)
	require.Contains(t, stored.Reason, "wrong_chain", "also for those who only read the store")

	wrong.Store(false)
	require.NoError(t, b.engine.Run(context.Background(), id))
	job = b.wait(id)
	require.EqualValues(t, 50, job.Counts.Confirmed)
	require.Empty(t, job.Reason)
	b.verify(job)
}

func TestARebuiltChainIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(n int, _ fakeTx) fault {
		if n > 3 {
			return faultLostBefore
		}
		return faultNone
	}
	id := b.run(saveSpec(), 20).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Confirmed == 3 && p.Counts.Unknown == 17 })
	b.stop()
	old := b.chain
	b.chain = newFakeChain()
	b.chain.genesis = common.HexToHash("0x02")
	b.start()
	job, err := b.engine.Wait(context.Background(), id)
	require.ErrorIs(t, err, ErrHalted)
	require.Contains(t, job.Reason, "was it rebuilt")
	require.Zero(t, b.chain.sends, "nothing goes to the other chain")

	b.stop()
	b.chain = old
	b.chain.fault = nil
	b.start()
	job = b.wait(id)
	require.EqualValues(t, 20, job.Counts.Confirmed)
	b.verify(job)
}

func TestAChainThatIsRebuiltUnderARunningJobProvesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(int, fakeTx) fault { return faultLostBefore }
	id := b.run(saveSpec(), 3).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Unknown == 3 })
	b.chain.with(func(c *fakeChain) {
		c.genesis = common.HexToHash("0x02")
		c.height += 1000
		c.fault = nil
	})
	job, err := b.engine.Wait(context.Background(), id)
	require.ErrorIs(t, err, ErrHalted)
	require.Contains(t, job.Reason, "was it rebuilt")
	b.chain.with(func(c *fakeChain) { require.Empty(t, c.executed) })
}

func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(int, fakeTx) fault { return faultLostBefore }
	id := b.run(saveSpec(), 3).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Unknown == 3 })

	b.stop()
	b.config = func(c *Config) {
		c.Targets[0].Accounts = map[string]chain.Signer{"alice": fakeSigner{address: common.HexToAddress("0x02")}}
	}
	b.start()
	job, err := b.engine.Wait(context.Background(), id)
	require.ErrorIs(t, err, ErrHalted)
	require.Contains(t, job.Reason, "give the account its key back")

	// The same address, but other bytes: the stored hash shows it.
	b.stop()
	b.config = func(c *Config) {
		c.Targets[0].Accounts = map[string]chain.Signer{"alice": fakeSigner{address: fakeAccount.address, salt: "other"}}
	}
	b.chain.sends = 0
	b.start()
	job, err = b.engine.Wait(context.Background(), id)
	require.ErrorIs(t, err, ErrHalted)
	require.Contains(t, job.Reason, "signing attempt 1 again gives")
	require.Zero(t, b.chain.sends)

	b.stop()
	b.config, b.chain.fault = nil, nil
	b.start()
	job = b.wait(id)
	require.EqualValues(t, 3, job.Counts.Confirmed)
	b.verify(job)
}

func TestAJobWaitsForATargetThatIsDown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.run(saveSpec(), 0+200).ID
	b.chain.with(func(c *fakeChain) { c.down = true })
	p := b.settles(id, func(p Progress) bool { return p.Waiting != "" || p.State.Final() })
	if !p.State.Final() {
		require.Contains(t, p.Waiting, "no node")
		require.False(t, p.Halted)
	}
	b.chain.with(func(c *fakeChain) { c.down = false })
	job := b.wait(id)
	require.EqualValues(t, 200, job.Counts.Confirmed)
	b.verify(job)
}

func TestAJobCanBeResumedWhileTheTargetIsDown(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Targets[0].Limits.InFlight = 200 }) // some are queued when the engine stops
	b.chain.fault = func(n int, tx fakeTx) fault {
		switch {
		case n <= 100:
			return faultNone
		case tx.Intent.Input[35]%2 == 0: // of every other row, so that the job cannot end before the engine stops
			return faultLostBefore
		default:
			return faultLostAnswer
		}
	}
	id := b.run(saveSpec(), 300).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Confirmed >= 50 })
	b.stop()
	b.chain.down, b.chain.fault = true, nil
	b.start()
	b.settles(id, func(p Progress) bool { return strings.Contains(p.Waiting, "no node") })
	b.chain.with(func(c *fakeChain) { c.down = false })
	job := b.wait(id)
	require.EqualValues(t, 300, job.Counts.Confirmed)
	b.verify(job)
}

func TestRestartsInTheMiddleLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.latency = 3 * time.Millisecond
		rnd := rand.New(rand.NewSource(3))
		b.chain.fault = func(int, fakeTx) fault {
			return []fault{faultNone, faultNone, faultNone, faultLostAnswer, faultLostBefore, faultPending}[rnd.Intn(6)]
		}
		id := b.run(saveSpec(), 3000).ID
		for i := range 6 {
			settled := int64(400 * (i + 1))
			b.settles(id, func(p Progress) bool {
				return p.Rows-p.Counts.Queued >= settled || p.State.Final()
			})
			b.halt() // what is in flight is abandoned
			b.checkCounts(id)
			b.restart()
		}
		b.chain.with(func(c *fakeChain) { c.fault = nil })
		job := b.wait(id)
		require.EqualValues(t, 3000, job.Counts.Confirmed)
		b.verify(job)
	})
}

func TestStopDrainsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.latency = 100 * time.Millisecond
	id := b.run(saveSpec(), 5000).ID
	b.settles(id, func(p Progress) bool { return p.InFlight > 100 })
	require.NoError(t, b.engine.Stop(context.Background()))
	job, err := b.store.Job(context.Background(), id)
	require.NoError(t, err)
	require.Equal(t, JobRunning, job.State)
	require.Zero(t, job.Counts.Unknown)
	require.Zero(t, job.Counts.Submitted, "what was written down was also sent")
	b.chain.with(func(c *fakeChain) {
		require.Zero(t, c.sending)
		require.EqualValues(t, len(c.executed), job.Counts.Confirmed, "every answer was waited for and saved")
	})
	b.chain.latency = 0
	require.NoError(t, b.engine.Start(context.Background()), "a stopped engine starts again")
	b.verify(b.wait(id))
}

func TestCancelSettlesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.latency = 50 * time.Millisecond
	id := b.run(saveSpec(), 5000).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Confirmed > 100 })
	job, err := b.engine.Cancel(context.Background(), id)
	require.NoError(t, err)
	require.Equal(t, JobCanceling, job.State)
	job = b.wait(id)
	require.Equal(t, JobCanceled, job.State)
	require.Greater(t, job.Counts.Canceled, int64(1000))
	require.EqualValues(t, 5000, job.Counts.Confirmed+job.Counts.Canceled)
	b.verify(job)
	again, err := b.engine.Cancel(context.Background(), id)
	require.NoError(t, err, "once more changes nothing")
	require.Equal(t, JobCanceled, again.State)
	require.ErrorIs(t, b.engine.Run(context.Background(), id), ErrState)
	items, err := b.store.Items(context.Background(), id, ItemFilter{States: []ItemState{ItemCanceled}, Limit: 1})
	require.NoError(t, err)
	require.Len(t, items, 1)
}

func TestCancelWaitsForTheEvidenceOfLostSends(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(_ int, tx fakeTx) fault {
		if tx.Intent.Input[35]%2 == 0 {
			return faultLostBefore
		}
		return faultPending
	}
	id := b.run(saveSpec(), 10).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Unknown+p.Counts.Confirmed == 10 && p.Counts.Unknown >= 5 })
	_, err := b.engine.Cancel(context.Background(), id)
	require.NoError(t, err)
	b.settles(id, func(p Progress) bool { return p.Counts.Confirmed == 5 })
	b.restart() // also the waiting is resumed
	b.settles(id, func(p Progress) bool { return p.State == JobCanceling && p.Counts.Unknown+p.Counts.Submitted == 5 })
	var sends int
	b.chain.with(func(c *fakeChain) { sends = c.sends; c.height += 1000 })
	job := b.wait(id)
	require.Equal(t, JobCanceled, job.State)
	require.Equal(t, Counts{Confirmed: 5, Canceled: 5}, job.Counts)
	b.chain.with(func(c *fakeChain) { require.Equal(t, sends, c.sends, "nothing was sent after the cancel") })
	items, err := b.store.Items(context.Background(), id, ItemFilter{States: []ItemState{ItemCanceled}})
	require.NoError(t, err)
	require.Contains(t, items[0].Error, "cannot any more")
	b.verify(job)
}

func TestCancelBeforeRun(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, saveSpec())
	require.NoError(t, err)
	job, err = b.engine.Load(ctx, job.ID, fromCSV(t, csvRows(3)))
	require.NoError(t, err)
	job, err = b.engine.Cancel(ctx, job.ID)
	require.NoError(t, err)
	require.Equal(t, JobCanceled, job.State)
	require.Equal(t, Counts{Canceled: 3}, job.Counts)
	b.checkCounts(job.ID)
}

func TestCancelOfAHaltedJobThatSentNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(int, fakeTx) fault { return faultWrongChain }
	id := b.run(saveSpec(), 3).ID
	_, err := b.engine.Wait(context.Background(), id)
	require.ErrorIs(t, err, ErrHalted)
	_, err = b.engine.Cancel(context.Background(), id)
	require.NoError(t, err)
	b.chain.with(func(c *fakeChain) { c.fault = nil; c.height += 1000 })
	job := b.wait(id)
	require.Equal(t, JobCanceled, job.State)
	require.EqualValues(t, 3, job.Counts.Canceled)
}

func TestLimitsAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Targets[0].Limits.InFlight = 7 })
	b.chain.latency = time.Millisecond
	job := b.wait(b.run(saveSpec(), 200).ID)
	require.EqualValues(t, 200, job.Counts.Confirmed)
	require.LessOrEqual(t, b.chain.mostSends, 7)

	spec := saveSpec()
	spec.InFlight, spec.Name = 2, "slow"
	b.chain.with(func(c *fakeChain) { c.mostSends = 0; c.executed = map[string]int{} })
	b.wait(b.run(spec, 50).ID)
	require.LessOrEqual(t, b.chain.mostSends, 2)

	spec.Rate = 100
	began := time.Now()
	b.wait(b.run(spec, 30).ID)
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
}

func TestJobsShareATarget(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Targets[0].Limits.InFlight, c.Targets[0].Limits.InFlightLeast = 10, 10 })
	b.chain.latency = time.Millisecond
	long := b.run(saveSpec(), 3000)
	short := b.wait(b.run(saveSpec(), 50).ID)
	require.Equal(t, JobDone, short.State)
	p, err := b.engine.Progress(context.Background(), long.ID)
	require.NoError(t, err)
	require.Less(t, p.Counts.Confirmed, int64(1000), "the short job had its turns")
	require.EqualValues(t, 10, p.Window)
	stats := b.engine.Stats()
	require.Len(t, stats, 1)
	require.Equal(t, 1, stats[0].Jobs)
	require.GreaterOrEqual(t, stats[0].Settled[ItemConfirmed], uint64(50))
	_, err = b.engine.Cancel(context.Background(), long.ID)
	require.NoError(t, err)
	b.wait(long.ID)
}

func TestErrorsOfOthersAreNotMistaken(t *testing.T) {
	t.Parallel()
	r := &run{target: newTarget(Target{})}
	for _, c := range []struct {
		err  error
		kind chain.Kind
	}{
		{errors.New("anything"), chain.KindNode},
		{context.DeadlineExceeded, chain.KindTimeout},
		{context.Canceled, chain.KindCanceled},
		{&chain.Error{Kind: chain.KindKnown, Sent: chain.SentYes}, chain.KindKnown},
	} {
		it := &itemRun{}
		ans := r.failed(it, askSend, c.err)
		require.Equal(t, c.kind, ans.kind)
		require.NotEqual(t, chain.SentNo, ans.sent)
		require.True(t, strings.Contains(it.text, c.err.Error()))
	}
}
