package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// retry sends rows again, and gives what came of it.
func (b *bench) retry(id string, states ...ItemState) RetryResult {
	b.t.Helper()
	res, err := b.engine.Retry(context.Background(), id, states)
	require.NoError(b.t, err)
	return res
}

// succeedsOnce checks that no input took effect twice, and gives how many did.
func (b *bench) succeedsOnce() (n int) {
	b.t.Helper()
	b.chain.with(func(c *fakeChain) {
		require.Empty(b.t, c.breaches)
		for input, times := range c.succeeded {
			require.Equal(b.t, 1, times, "%x", input)
		}
		n = len(c.succeeded)
	})
	return n
}

func (b *bench) item(id string, row int64) Item {
	b.t.Helper()
	items, err := b.store.Items(context.Background(), id, ItemFilter{After: row - 1, Limit: 1, History: true})
	require.NoError(b.t, err)
	require.Len(b.t, items, 1)
	require.Equal(b.t, row, items[0].Row)
	return items[0]
}

func (b *bench) attemptsOf(id string, row int64) (list []AttemptRecord) {
	b.t.Helper()
	ctx := context.Background()
	require.NoError(b.t, b.store.Snapshot(ctx, id, func(s *Snapshot) error {
		return s.Attempts(ctx, func(a AttemptRecord) error {
			if a.Row == row {
				list = append(list, a)
			}
			return nil
		})
	}))
	return list
}

func allRevert([]byte) []byte { return []byte{1} }

func TestRevertedRowsAreSentAgain(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.revert = func(input []byte) []byte {
			if input[35]%10 == 3 { // the digest is the number of the row
				return []byte{1}
			}
			return nil
		}
		spec := saveSpec()
		spec.ShardBy = "range(7)"
		job := b.wait(b.run(spec, 100).ID)
		require.Equal(t, Counts{Confirmed: 90, Reverted: 10}, job.Counts)
		was := b.item(job.ID, 13)

		require.Equal(t, JobDone, b.retry(job.ID, ItemRejected, ItemExpired).Job.State, "nothing is chosen")
		require.Zero(t, b.item(job.ID, 13).Generation)

		b.chain.with(func(c *fakeChain) { c.revert = nil })
		res := b.retry(job.ID)
		require.EqualValues(t, 10, res.Rows)
		require.Zero(t, res.Left)
		require.Contains(t, []JobState{JobRunning, JobDone}, res.Job.State)
		job = b.wait(job.ID)
		require.Equal(t, Counts{Confirmed: 100}, job.Counts)
		require.Equal(t, 1, job.Retries)
		require.NotNil(t, job.Retried)
		require.Equal(t, 100, b.succeedsOnce())
		b.checkCounts(job.ID)

		it := b.item(job.ID, 13)
		require.Equal(t, ItemConfirmed, it.State)
		require.Equal(t, 1, it.Generation)
		require.Equal(t, 2, it.Attempts)
		require.Len(t, it.History, 2)
		require.Equal(t, was.History[0], it.History[0], "history does not change")
		require.Equal(t, 1, it.History[1].Generation)
		require.Equal(t, 2, it.History[1].Number)
		require.Len(t, it.Earlier, 1)
		was.History, was.Input, was.Trace = nil, nil, ""
		require.Equal(t, was, it.Earlier[0])
		require.Zero(t, b.item(job.ID, 14).Generation)

		attempts := b.attemptsOf(job.ID, 13)
		require.Len(t, attempts, 2)
		require.NotEqual(t, attempts[0].Nonce, attempts[1].Nonce, "that of the reverted transaction is used up")
		require.True(t, attempts[0].Landed && attempts[1].Landed)
		require.Equal(t, []int{0, 1}, []int{attempts[0].Generation, attempts[1].Generation})
		require.Equal(t, was.Block, attempts[0].Block)
		wrong, err := b.store.Check(ctx)
		require.NoError(t, err)
		require.Empty(t, wrong)

		b.stop()
		store, err := OpenStore(ctx, location)
		require.NoError(t, err)
		defer store.Close()
		_, err = store.Prune(ctx, time.Now().Add(time.Hour))
		require.NoError(t, err)
		var left int
		require.NoError(t, store.read.QueryRowContext(ctx, "SELECT count(*) FROM past_outcomes").Scan(&left))
		require.Zero(t, left)
	})
}

// A row that reverts again is retried again: every generation is kept.
func TestGenerationsAreCounted(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.revert = allRevert
		id := b.wait(b.run(saveSpec(), 2).ID).ID
		for range 3 {
			require.EqualValues(t, 2, b.retry(id).Rows)
			b.wait(id)
		}
		it := b.item(id, 2)
		require.Equal(t, 3, it.Generation)
		require.Len(t, it.Earlier, 3)
		require.Equal(t, 2, it.Earlier[2].Generation)
		require.Equal(t, 4, it.Attempts)
		require.Equal(t, 3, it.History[3].Generation)
		nonces := map[string]bool{}
		for _, a := range b.attemptsOf(id, 2) {
			nonces[a.Nonce] = true
		}
		require.Len(t, nonces, 4)
		require.Zero(t, b.succeedsOnce())
	})
}

// What no transaction has used stays the row's nonce: the chain would refuse the row if
// another store had sent it with the same idempotency key.
func TestWhatNeverLandedKeepsItsNonce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.chain.fault = func(int, fakeTx) fault { return faultDenied }
	id := b.run(saveSpec(), 3).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Unknown == 3 })
	b.chain.with(func(c *fakeChain) { c.height += 1000 })
	require.Equal(t, Counts{Rejected: 3}, b.wait(id).Counts)
	b.chain.with(func(c *fakeChain) { c.fault = nil })
	require.EqualValues(t, 3, b.retry(id).Rows)
	require.Equal(t, Counts{Confirmed: 3}, b.wait(id).Counts)
	attempts := b.attemptsOf(id, 2)
	require.Len(t, attempts, 2)
	require.Equal(t, attempts[0].Nonce, attempts[1].Nonce)
	require.Equal(t, []bool{false, true}, []bool{attempts[0].Landed, attempts[1].Landed})
	require.Equal(t, "denied", b.item(id, 2).Earlier[0].ErrorKind)
	require.Equal(t, 3, b.succeedsOnce())
}

// The nonce that another store's job has used may have put the same row on chain.
func TestRowsWhoseNonceIsUsedAreLeft(t *testing.T) {
	t.Parallel()
	a := newBench(t)
	spec := saveSpec()
	spec.IdempotencyKey = "tonight"
	a.wait(a.run(spec, 20).ID)
	b := newBench(t)
	b.stop()
	b.chain = a.chain
	b.start()
	id := b.run(spec, 21).ID
	b.settles(id, func(p Progress) bool { return p.Counts.Unknown == 20 })
	b.chain.with(func(c *fakeChain) { c.height += 1000 })
	require.Equal(t, Counts{Confirmed: 1, Rejected: 20}, b.wait(id).Counts)
	res := b.retry(id, RetryStates...)
	require.Zero(t, res.Rows)
	require.EqualValues(t, 20, res.Left)
	require.Equal(t, JobDone, res.Job.State)
	require.Zero(t, b.chain.doubles())
}

func TestOnlyChosenRowsOfACanceledJobAreSent(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.latency = 5 * time.Millisecond
		b.chain.revert = func(input []byte) []byte {
			if input[35]%2 == 0 {
				return []byte{1}
			}
			return nil
		}
		spec := saveSpec()
		spec.InFlight = 100
		id := b.run(spec, 5000).ID
		b.settles(id, func(p Progress) bool { return p.Counts.Reverted > 100 })
		_, err := b.engine.Cancel(ctx, id)
		require.NoError(t, err)
		was := b.wait(id)
		require.Equal(t, JobCanceled, was.State)
		require.Greater(t, was.Counts.Canceled, int64(2000))

		b.chain.with(func(c *fakeChain) { c.revert, c.latency = nil, 0 })
		require.Equal(t, was.Counts.Reverted, b.retry(id).Rows)
		job := b.wait(id)
		require.Equal(t, JobDone, job.State)
		require.Equal(t, Counts{Confirmed: was.Counts.Confirmed + was.Counts.Reverted, Canceled: was.Counts.Canceled}, job.Counts)
		b.checkCounts(id)

		require.Equal(t, was.Counts.Canceled, b.retry(id, ItemCanceled).Rows)
		require.Equal(t, Counts{Confirmed: 5000}, b.wait(id).Counts)
		b.checkCounts(id)
		require.Equal(t, 5000, b.succeedsOnce())
	})
}

// A job that was canceled before it began has rows to send, too.
func TestAJobThatNeverBeganIsRetried(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		id := b.ready(saveSpec(), 10).ID
		_, err := b.engine.Cancel(context.Background(), id)
		require.NoError(t, err)
		require.Zero(t, b.retry(id).Rows, "what the user has canceled is not among the usual ones")
		require.EqualValues(t, 10, b.retry(id, ItemCanceled).Rows)
		require.Equal(t, Counts{Confirmed: 10}, b.wait(id).Counts)
	})
}

// Rows of a lane lie in one shard, wherever they are in the file.
func TestRowsInLanesAreSentAgain(t *testing.T) {
	t.Parallel()
	var csv strings.Builder
	csv.WriteString("digest,text,note\n")
	for i := range 1000 {
		fmt.Fprintf(&csv, "0x%064x,x,2026-11-%02dT%02d:00:00Z\n", i, 1+i*7%28, i%24)
	}
	for _, by := range []string{"key(note)", "time(note,1h)"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			eachStore(t, func(t *testing.T, location string) {
				b := newBenchAt(t, location)
				spec := saveSpec()
				spec.ShardBy = by
				b.chain.revert = someRevert
				job, err := b.load(spec, fromCSV(t, csv.String()))
				require.NoError(t, err)
				require.NoError(t, b.engine.Run(context.Background(), job.ID))
				was := b.wait(job.ID).Counts
				require.Positive(t, was.Reverted)
				b.chain.with(func(c *fakeChain) { c.revert = nil })
				require.Equal(t, was.Reverted, b.retry(job.ID).Rows)
				require.Equal(t, Counts{Confirmed: 1000}, b.wait(job.ID).Counts)
				b.checkCounts(job.ID)
				require.Equal(t, 1000, b.succeedsOnce())
			})
		})
	}
}

// What breaks off, by the end of the request or of the process, is gone on with.
func TestARetryThatBreaksOffGoesOn(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx, cancel := context.WithCancel(context.Background())
		b.chain.fault = func(int, fakeTx) fault { return faultInvalid }
		id := b.wait(b.run(saveSpec(), 5000).ID).ID
		b.chain.with(func(c *fakeChain) { c.fault = nil })
		rec, err := jobByID(ctx, b.store.read, id)
		require.NoError(t, err)
		last, err := b.store.putBack(&putting{seq: rec.seq, states: DefaultRetryStates}, time.Now()) // and then the process dies
		require.NoError(t, err)
		require.False(t, last)
		b.restart()
		b.checkCounts(id)
		job, err := b.engine.Wait(ctx, id)
		require.ErrorIs(t, err, ErrPaused)
		require.Equal(t, StopRetry, job.StoppedBy)
		require.Contains(t, job.Reason, "retry again, or resume")
		require.Equal(t, Counts{Queued: retryRows, Rejected: 5000 - retryRows}, job.Counts)

		cancel()
		_, err = b.engine.Retry(ctx, id, nil)
		require.ErrorIs(t, err, context.Canceled)
		require.EqualValues(t, 5000-retryRows, b.retry(id).Rows)
		job = b.wait(id)
		require.Equal(t, Counts{Confirmed: 5000}, job.Counts)
		require.Empty(t, job.StoppedBy)
		require.Equal(t, 5000, b.succeedsOnce())
		b.checkCounts(id)
	})
}

// Instead of again the job may be resumed, or canceled, with what was put back so far.
func TestARetryThatBrokeOffMayBeLeft(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		for _, end := range []func(*Engine, context.Context, string) (Job, error){
			func(e *Engine, ctx context.Context, id string) (Job, error) { return e.Resume(ctx, id, "") },
			(*Engine).Cancel,
		} {
			b := newBenchAt(t, location)
			ctx := context.Background()
			b.chain.revert = allRevert
			id := b.wait(b.run(saveSpec(), retryRows+10).ID).ID
			b.chain.with(func(c *fakeChain) { c.revert = nil })
			rec, err := jobByID(ctx, b.store.read, id)
			require.NoError(t, err)
			p := &putting{seq: rec.seq, states: DefaultRetryStates}
			last, err := b.store.putBack(p, time.Now())
			require.NoError(t, err)
			require.False(t, last)
			_, err = end(b.engine, ctx, id)
			require.NoError(t, err)
			_, err = b.store.putBack(p, time.Now())
			require.ErrorIs(t, err, ErrState)
			job := b.wait(id)
			require.EqualValues(t, 10, job.Counts.Reverted)
			require.EqualValues(t, retryRows, job.Counts.Confirmed+job.Counts.Canceled)
			b.checkCounts(id)
			require.EqualValues(t, job.Counts.Confirmed, b.succeedsOnce())
			b.retry(id, RetryStates...)
			require.Equal(t, Counts{Confirmed: retryRows + 10}, b.wait(id).Counts)
			b.checkCounts(id)
			b.stop()
		}
	})
}

func TestAPausedJobIsRetriedWhenNothingIsInFlight(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		b.chain.latency = 10 * time.Millisecond
		b.chain.revert = allRevert
		spec := saveSpec()
		spec.InFlight = 100
		id := b.run(spec, 3000).ID
		b.settles(id, func(p Progress) bool { return p.Counts.Reverted > 10 })
		_, err := b.engine.Retry(ctx, id, nil)
		require.ErrorIs(t, err, ErrState, "it runs")
		_, err = b.engine.Pause(ctx, id)
		require.NoError(t, err)
		b.waitPaused(id)
		b.chain.with(func(c *fakeChain) { c.revert, c.latency = nil, 0 })
		require.Eventually(t, func() bool { // a shard may be given back a moment later
			was := must(b.store.Job(ctx, id)).Counts
			res, err := b.engine.Retry(ctx, id, nil)
			if errors.Is(err, ErrState) {
				return false
			}
			require.NoError(t, err)
			require.Equal(t, was.Reverted, res.Rows)
			return true
		}, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, Counts{Confirmed: 3000}, b.wait(id).Counts)
		require.Equal(t, 3000, b.succeedsOnce())
	})
}

// A canary whose rows are put back holds again, and a budget that was used up has room.
func TestAJobThatARuleHasPausedIsRetried(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		b.chain.revert = revertOdd
		spec := saveSpec()
		spec.Canary = 10
		job := b.runCSV(spec, failing(500, func(row int) bool { return row == 3 }))
		for range 2 { // it fails again
			require.Equal(t, Counts{Queued: 490, Confirmed: 9, Reverted: 1}, b.waitStopped(job.ID, StopCanary).Counts)
			require.EqualValues(t, 1, b.retryWhenStill(job.ID).Rows)
		}
		b.waitStopped(job.ID, StopCanary)
		b.chain.with(func(c *fakeChain) { c.revert = nil })
		require.EqualValues(t, 1, b.retryWhenStill(job.ID).Rows)
		require.Equal(t, Counts{Confirmed: 500}, b.wait(job.ID).Counts)
		require.Equal(t, 500, b.succeedsOnce())

		b.chain.with(func(c *fakeChain) { c.revert, c.latency = allRevert, time.Millisecond; clear(c.succeeded) })
		spec = saveSpec()
		spec.MaxErrors, spec.InFlight = "1%", 50
		job = b.run(spec, 2000)
		b.waitStopped(job.ID, StopMaxErrors)
		b.chain.with(func(c *fakeChain) { c.revert = nil })
		require.Positive(t, b.retryWhenStill(job.ID).Rows)
		require.Equal(t, Counts{Confirmed: 2000}, b.wait(job.ID).Counts)
		require.Equal(t, 2000, b.succeedsOnce())
	})
}

// retryWhenStill retries a paused job when the last of its shards is given back.
func (b *bench) retryWhenStill(id string) (res RetryResult) {
	b.t.Helper()
	require.Eventually(b.t, func() (done bool) {
		var err error
		if res, err = b.engine.Retry(context.Background(), id, nil); errors.Is(err, ErrState) {
			return false
		}
		require.NoError(b.t, err)
		return true
	}, 10*time.Second, 5*time.Millisecond)
	return res
}

func TestWhatCannotBeRetried(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Targets[0].TxReader = fakeReader{} })
	ctx := context.Background()
	job, _, err := b.engine.Create(ctx, saveSpec())
	require.NoError(t, err)
	_, err = b.engine.Retry(ctx, job.ID, nil)
	require.ErrorIs(t, err, ErrState)
	_, err = b.engine.Retry(ctx, "none", nil)
	require.ErrorIs(t, err, ErrNotFound)
	for _, states := range [][]ItemState{{ItemConfirmed}, {ItemReverted, ItemUnknown}, {"lost"}} {
		_, err = b.engine.Retry(ctx, job.ID, states)
		var e *SpecError
		require.ErrorAs(t, err, &e, "%v", states)
		require.Equal(t, "states", e.Field)
	}
	signed := b.wait(b.runSigned(3).ID)
	_, err = b.engine.Retry(ctx, signed.ID, nil)
	require.ErrorIs(t, err, ErrNoRetry)
	require.ErrorContains(t, err, "plan, sign and send")
}

// Rows that could not be read are asked again, and so are calls that the contract
// refused; not of jobs whose rows belong to one block.
func TestReadsAreAskedAgain(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		refuse := true
		b.chain.answer = func(n int, msg chain.CallMsg, at chain.CallResult) (chain.CallResult, error) {
			if refuse {
				at.Status, at.StatusName = 16, "RevertInstruction"
				return at, nil
			}
			return twice(n, msg, at)
		}
		job := b.wait(b.read(readSpec(), numbers(20)).ID)
		require.Equal(t, Counts{Reverted: 20}, job.Counts)
		b.chain.with(func(*fakeChain) { refuse = false })
		require.EqualValues(t, 20, b.retry(job.ID).Rows)
		require.Equal(t, Counts{Confirmed: 20}, b.wait(job.ID).Counts)
		it := b.item(job.ID, 7)
		require.Equal(t, 2, it.Attempts)
		require.Equal(t, ItemReverted, it.Earlier[0].State)

		spec := readSpec()
		spec.SameBlock = true
		job = b.wait(b.read(spec, numbers(3)).ID)
		_, err := b.engine.Retry(ctx, job.ID, nil)
		require.ErrorIs(t, err, ErrNoRetry)
	})
}

// Whatever happens in whatever order, nothing takes effect twice, and in the end every
// row can be brought to the chain.
func TestRetriesDoubleNothingWhateverHappens(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		b := newBenchAt(t, location)
		ctx := context.Background()
		rnd := rand.New(rand.NewPCG(7, 1))
		b.chain.latency = time.Millisecond
		b.chain.revert = func([]byte) []byte {
			if rand.IntN(3) == 0 {
				return []byte{1}
			}
			return nil
		}
		b.chain.fault = func(int, fakeTx) fault {
			return []fault{faultNone, faultNone, faultNone, faultNone, faultLostAnswer, faultLostBefore, faultInvalid, faultDropped}[rand.IntN(8)]
		}
		id := b.run(saveSpec(), 600).ID
		for range 30 {
			var err error
			switch rnd.IntN(6) {
			case 0:
				_, err = b.engine.Pause(ctx, id)
			case 1:
				_, err = b.engine.Cancel(ctx, id)
			case 2:
				b.restart()
			case 3:
				_, err = b.engine.Resume(ctx, id, "")
			default:
				_, err = b.engine.Retry(ctx, id, RetryStates[:1+rnd.IntN(4)])
			}
			if err != nil {
				require.ErrorIs(t, err, ErrState)
			}
			time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
		}
		b.bringToChain(id, 600)
	})
}

// bringToChain retries until every row is confirmed, and checks that each was once.
func (b *bench) bringToChain(id string, rows int64) {
	b.t.Helper()
	ctx := context.Background()
	b.chain.with(func(c *fakeChain) { c.fault, c.revert, c.latency = nil, nil, 0 })
	var was Counts
	require.Eventually(b.t, func() bool {
		_, _ = b.engine.Retry(ctx, id, RetryStates) // ErrState while it runs
		_, _ = b.engine.Resume(ctx, id, "")
		job, err := b.store.Job(ctx, id)
		if err == nil && job.Counts.Submitted+job.Counts.Unknown > 0 && job.Counts == was { // a proof of absence needs later blocks
			b.chain.with(func(c *fakeChain) { c.height += 1000 })
		}
		was = job.Counts
		return err == nil && was == Counts{Confirmed: rows}
	}, 60*time.Second, 50*time.Millisecond)
	require.EqualValues(b.t, rows, b.succeedsOnce())
	b.checkCounts(b.wait(id).ID)
}

// Runs that know the job as it was, canceled or with rows expired, carry nothing of it
// after a retry by another process.
func TestARetryIsForAllEngines(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 2)
	ctx := context.Background()
	f[0].chain.latency = 20 * time.Millisecond
	spec := saveSpec()
	spec.ShardBy = "range(20)"
	spec.InFlight = 60
	id := f[0].run(spec, 3000).ID
	for range 3 {
		was := must(f[0].store.Job(ctx, id)).Counts.Confirmed
		f[0].settles(id, func(p Progress) bool { return p.Counts.Confirmed > was && f.carriers() == 2 })
		_, err := f[0].engine.Cancel(ctx, id)
		require.NoError(t, err)
		job := f[0].wait(id)
		require.Equal(t, JobCanceled, job.State)
		require.Equal(t, job.Counts.Canceled, f[1].retry(id, RetryStates...).Rows)
	}
	f[0].chain.with(func(c *fakeChain) { c.latency = 0 })
	require.Equal(t, Counts{Confirmed: 3000}, f[0].wait(id).Counts)
	f[0].checkCounts(id)
	require.Equal(t, 3000, f[0].succeedsOnce())
	require.Equal(t, 3, must(f[0].store.Job(ctx, id)).Retries)
}

// revertedFleet is two engines, and a job of n rows that all have reverted and now would not.
func revertedFleet(t *testing.T, n int) (f fleet, id string) {
	f = newFleet(t, 2)
	f[0].chain.revert, f[0].chain.perBlock = allRevert, 1000
	spec := saveSpec()
	spec.ShardBy = "range(1000)"
	id = f[0].wait(f[0].run(spec, n).ID).ID
	f[0].chain.with(func(c *fakeChain) { c.revert = nil })
	return f, id
}

func TestTwoEnginesRetryTheSameJob(t *testing.T) {
	t.Parallel()
	const n = retryRows + 500
	ctx := context.Background()
	f, id := revertedFleet(t, n)
	results := make(chan error, len(f))
	for _, b := range f {
		go func() {
			_, err := b.engine.Retry(ctx, id, nil)
			results <- err
		}()
	}
	for range f {
		if err := <-results; err != nil {
			require.ErrorIs(t, err, ErrState)
		}
	}
	require.Equal(t, Counts{Confirmed: n}, f[1].wait(id).Counts)
	f[1].checkCounts(id)
	require.Equal(t, n, f[1].succeedsOnce())
}

// What one process leaves half put back, another one goes on with.
func TestAnotherEngineGoesOnWithARetry(t *testing.T) {
	t.Parallel()
	const n = retryRows + 500
	ctx := context.Background()
	f, id := revertedFleet(t, n)
	rec, err := jobByID(ctx, f[0].store.read, id)
	require.NoError(t, err)
	last, err := f[0].store.putBack(&putting{seq: rec.seq, states: DefaultRetryStates}, time.Now())
	require.NoError(t, err)
	require.False(t, last)
	require.NoError(t, f[0].engine.share.queue.Close(ctx)) // who is dead takes no tickets either
	f[0].hang()
	require.EqualValues(t, 500, f[1].retry(id).Rows)
	require.Equal(t, Counts{Confirmed: n}, f[1].wait(id).Counts)
	f[1].checkCounts(id)
	require.Equal(t, n, f[1].succeedsOnce())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// childRetries makes the child of the crash test retry the only job of its store.
const childRetries = "BCOSGATE_TEST_CHILD_RETRIES"

// retryInChild retries all that failed of the only job, and waits for its end.
func retryInChild(ctx context.Context, engine *Engine) error {
	jobs, err := engine.Jobs(ctx, JobFilter{})
	if err != nil {
		return err
	}
	fmt.Println("retrying")
	if _, err := engine.Retry(ctx, jobs[0].ID, nil); err != nil && !errors.Is(err, ErrState) {
		return err
	}
	_, err = engine.Wait(ctx, jobs[0].ID)
	return err
}

func TestARetryUnderSIGKILL(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, location string) {
		const n = 4*retryRows + 100
		b := newBenchAt(t, location)
		b.chain.perBlock = 500
		b.chain.revert = allRevert
		id := b.wait(b.run(saveSpec(), n).ID).ID
		b.stop()
		b.chain.revert = func([]byte) []byte {
			if rand.IntN(2) == 0 {
				return []byte{1}
			}
			return nil
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		served := serveChain(t, listener, b.chain)
		wanted := 12
		if testing.Short() {
			wanted = 4
		}
		kills, inside := 0, 0
		for kills < wanted {
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), childStore+"="+location, childChain+"="+listener.Addr().String(), childRows+"=0", childRetries+"=1")
			cmd.Stderr = os.Stderr
			pipe, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			for out := bufio.NewScanner(pipe); out.Scan(); {
				if out.Text() == "retrying" {
					time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				}
			}
			if err := cmd.Wait(); err != nil {
				var exit *exec.ExitError
				require.ErrorAs(t, err, &exit)
				require.Equal(t, -1, exit.ExitCode())
			}
			kills++
			store, err := OpenStore(context.Background(), location)
			require.NoError(t, err)
			job, err := store.Job(context.Background(), id)
			require.NoError(t, err)
			if job.StoppedBy == StopRetry {
				inside++
			}
			(&bench{t: t, store: store}).checkCounts(id)
			require.NoError(t, store.Close())
		}
		listener.Close()
		served.Wait()
		t.Logf("kills=%d inside=%d", kills, inside)
		b.start()
		b.bringToChain(id, n)
	})
}
