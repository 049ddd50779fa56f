package batch

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// inBubble runs a test with an engine whose time is that of the bubble.
func inBubble(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newBench(t)) })
}

func (b *bench) counts(id string) Counts {
	b.t.Helper()
	synctest.Wait()
	p, err := b.engine.Progress(context.Background(), id)
	require.NoError(b.t, err)
	return p.Counts
}

// ends waits without a bound for a job: the time of a bubble costs nothing.
func (b *bench) ends(id string) Job {
	b.t.Helper()
	job, err := b.engine.Wait(b.t.Context(), id)
	require.NoError(b.t, err)
	return job
}

func (b *bench) setDown(down bool) {
	b.chain.with(func(c *fakeChain) { c.down = down })
}

func TestRowsExpireAtTheDeadline(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.chain.latency = 40 * time.Second
		spec := saveSpec()
		spec.InFlight, spec.Deadline = 1, Duration(2*time.Minute+30*time.Second)
		began := time.Now()
		job := b.ends(b.run(spec, 1000).ID)
		require.Equal(t, JobDone, job.State)
		require.Equal(t, Counts{Confirmed: 4, Expired: 996}, job.Counts, "what was sent in time is waited for")
		require.Less(t, time.Since(began), 165*time.Second)
		b.verify(job)
		items, err := b.store.Items(t.Context(), job.ID, ItemFilter{States: []ItemState{ItemExpired}, Limit: 1, History: true})
		require.NoError(t, err)
		require.Equal(t, "deadline", items[0].ErrorKind)
		require.Equal(t, "not sent within 2m30s", items[0].Error)
		require.Empty(t, items[0].History)
		require.EqualValues(t, 4, b.chain.sends)
	})
}

func TestRowsExpireWhenNothingCanBeSent(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.chain.fault = func(int, fakeTx) fault { return faultUnsent } // the head is known, no transaction gets out
		id := b.run(saveSpec(), 3000).ID
		time.Sleep(29 * time.Minute)
		c := b.counts(id)
		require.Zero(t, c.Expired)
		require.Positive(t, c.Submitted, "some are signed and never left")
		time.Sleep(2 * time.Minute)
		done := b.ends(id)
		require.Equal(t, Counts{Expired: 3000}, done.Counts)
		items, err := b.store.Items(t.Context(), id, ItemFilter{Limit: 1, History: true})
		require.NoError(t, err)
		require.Equal(t, "maxWait", items[0].ErrorKind)
		require.Contains(t, items[0].Error, "nothing of the job could be sent for 30m0s; the target cannot be reached")
		require.Len(t, items[0].History, 1)
		b.verify(done)
	})
}

// What may have landed never expires: it is resolved, however long that takes.
func TestWhatMayHaveLandedDoesNotExpire(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.chain.fault = func(n int, _ fakeTx) fault {
			switch n {
			case 1:
				c := b.chain
				c.down = true // held by the chain itself
				return faultLostAnswer
			default:
				return faultLostBefore
			}
		}
		spec := saveSpec()
		spec.InFlight, spec.MaxWait, spec.Deadline = 1, Duration(10*time.Minute), Duration(time.Hour)
		id := b.run(spec, 5).ID
		time.Sleep(3 * time.Hour)
		require.Equal(t, Counts{Unknown: 1, Expired: 4}, b.counts(id))
		b.setDown(false)
		job := b.ends(id)
		require.Equal(t, Counts{Confirmed: 1, Expired: 4}, job.Counts)
		b.verify(job)
	})
}

// An item that was sent, and is proven not to have landed, is not signed again when
// it is too late.
func TestWhatDidNotLandExpires(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.chain.fault = func(int, fakeTx) fault { return faultLostBefore }
		spec := saveSpec()
		spec.Deadline = Duration(time.Hour)
		id := b.run(spec, 3).ID
		time.Sleep(2 * time.Hour)
		require.Equal(t, Counts{Unknown: 3}, b.counts(id))
		b.chain.with(func(c *fakeChain) { c.height += 1000 })
		job := b.ends(id)
		require.Equal(t, Counts{Expired: 3}, job.Counts)
		items, err := b.store.Items(t.Context(), id, ItemFilter{Limit: 1})
		require.NoError(t, err)
		require.Contains(t, items[0].Error, "not sent within 1h0m0s; attempt 1 (0x")
		b.verify(job)
	})
}

func TestASlowJobDoesNotExpire(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		spec := saveSpec()
		spec.Rate = 1.0 / 7200 // one in two hours
		job := b.ends(b.run(spec, 4).ID)
		require.Equal(t, Counts{Confirmed: 4}, job.Counts)
		require.Greater(t, job.Finished.Sub(*job.Started), 5*time.Hour)
	})
}

// The clock of maxWait stands while the job is paused and while there is no engine.
func TestTheClockOfMaxWaitStands(t *testing.T) {
	t.Parallel()
	for name, stand := range map[string]func(t *testing.T, b *bench, id string){
		"paused": func(t *testing.T, b *bench, id string) {
			_, err := b.engine.Pause(t.Context(), id)
			require.NoError(t, err)
			time.Sleep(10 * time.Hour)
			require.Equal(t, Counts{Queued: 5}, b.counts(id))
			_, err = b.engine.Resume(t.Context(), id, "")
			require.NoError(t, err)
		},
		"no engine": func(_ *testing.T, b *bench, _ string) {
			b.stop()
			time.Sleep(10 * time.Hour)
			b.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *bench) {
				job, _, err := b.engine.Create(t.Context(), saveSpec())
				require.NoError(t, err)
				_, err = b.engine.Load(t.Context(), job.ID, fromCSV(t, csvRows(5)))
				require.NoError(t, err)
				b.setDown(true)
				require.NoError(t, b.engine.Run(t.Context(), job.ID))
				time.Sleep(20 * time.Minute)
				stand(t, b, job.ID)
				time.Sleep(20 * time.Minute)
				require.Equal(t, Counts{Queued: 5}, b.counts(job.ID))
				time.Sleep(20 * time.Minute)
				require.Equal(t, Counts{Expired: 5}, b.ends(job.ID).Counts, "the rest does not need the chain")
			})
		})
	}
}

// Rows that were not sent expire also while an earlier attempt waits for a chain that
// nobody can ask which one it is.
func TestRowsExpireBesideAnAttemptThatCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		b.chain.latency = 30 * time.Second
		spec := saveSpec()
		spec.InFlight = 2
		id := b.run(spec, 5).ID
		time.Sleep(10 * time.Second)
		b.setDown(true)
		b.restart()
		time.Sleep(time.Hour)
		require.Equal(t, Counts{Unknown: 2, Expired: 3}, b.counts(id))
		b.setDown(false)
		job := b.ends(id)
		require.Equal(t, Counts{Confirmed: 2, Expired: 3}, job.Counts)
		b.verify(job)
	})
}

func TestTheTimesOfARunningJobChange(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *bench) {
		spec := saveSpec()
		spec.IdempotencyKey, spec.MaxWait = "k", Duration(10*time.Hour)
		b.chain.fault = func(int, fakeTx) fault { return faultUnsent }
		id := b.run(spec, 5).ID
		time.Sleep(2 * time.Hour)
		spec.MaxWait = 0
		job, created, err := b.engine.Create(t.Context(), spec)
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, id, job.ID)
		require.Equal(t, Counts{Expired: 5}, b.ends(id).Counts)
	})
}

func TestDurationsAreTexts(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(Spec{Deadline: Duration(90 * time.Minute)})
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"","target":"","deadline":"1h30m0s"}`, string(text))
	var spec Spec
	require.NoError(t, json.Unmarshal([]byte(`{"maxWait":"90s"}`), &spec))
	require.Equal(t, Duration(90*time.Second), spec.MaxWait)
	require.Error(t, json.Unmarshal([]byte(`{"maxWait":"soon"}`), &spec))
}

func TestExpiryCounts(t *testing.T) {
	t.Parallel()
	at := func(minutes float64) time.Time {
		return time.Unix(0, 0).Add(time.Duration(minutes * float64(time.Minute)))
	}
	x := newExpiry(Spec{MaxWait: Duration(10 * time.Minute), Deadline: Duration(time.Hour)}, at(0), at(5))
	due := func(minutes float64) (expiryRule, time.Duration) {
		cause, left := x.due(at(minutes))
		if cause == nil {
			return "", left
		}
		return cause.by, left
	}
	check := func(minutes float64, by expiryRule, left time.Duration) {
		t.Helper()
		gotBy, gotLeft := due(minutes)
		require.Equal(t, by, gotBy)
		require.Equal(t, left, gotLeft)
	}
	check(5, "", 10*time.Minute)
	check(15, byMaxWait, 0)
	x.move(at(14))
	check(15, "", 9*time.Minute)
	x.hold(at(16))
	x.hold(at(20))
	check(45, "", 8*time.Minute)
	x.release(at(46))
	check(50, "", 8*time.Minute)
	x.release(at(50))
	check(51, "", 7*time.Minute)
	x.move(at(58))
	check(58, "", 2*time.Minute)
	check(60, byDeadline, 0)
	x.set(Spec{})
	check(60, "", 28*time.Minute)
}
