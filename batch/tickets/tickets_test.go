package tickets_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/batch/tickets"
	"github.com/bcosgate/bcosgate/internal/pgtest"
)

// patience bounds every wait for something that is to come.
const patience = 60 * time.Second

// server is started by the first test that needs it and stopped by TestMain.
var server struct {
	once sync.Once
	*pgtest.Server
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Server != nil {
		_ = server.Stop()
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// office is a database from which tickets are handed out, for one test.
type office struct {
	t   *testing.T
	cfg *pgx.ConnConfig
	*pgx.Conn
}

func newOffice(t *testing.T) *office {
	t.Helper()
	t.Parallel()
	pgtest.Need(t)
	server.once.Do(func() { server.Server, server.err = pgtest.Start() })
	require.NoError(t, server.err)
	location, err := server.Database()
	require.NoError(t, err)
	cfg, err := pgx.ParseConfig(location)
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &office{t: t, cfg: cfg, Conn: conn}
}

// ready makes the tables.
func (o *office) ready() *office {
	o.t.Helper()
	require.NoError(o.t, tickets.Migrate(o.t.Context(), o.cfg))
	return o
}

// opens begins to take tickets from the queue "q", until the test ends.
func (o *office) opens(name string, places int, work tickets.Worker) *tickets.Queue {
	o.t.Helper()
	q, err := tickets.Open(o.t.Context(), o.cfg, name, map[string]int{"q": places}, work, slog.New(slog.DiscardHandler))
	require.NoError(o.t, err)
	require.NoError(o.t, q.Start(o.t.Context()))
	o.t.Cleanup(func() { o.closes(q) })
	return q
}

func (o *office) closes(q *tickets.Queue) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(o.t, q.Close(ctx))
}

// in changes tickets inside of a transaction.
func (o *office) in(f func(ctx context.Context, tx pgx.Tx) error) {
	o.t.Helper()
	require.NoError(o.t, pgx.BeginFunc(o.t.Context(), o.Conn, func(tx pgx.Tx) error { return f(o.t.Context(), tx) }))
}

// puts makes tickets for the shards of job 1.
func (o *office) puts(shards ...int64) {
	o.t.Helper()
	var list []tickets.Ticket
	for _, shard := range shards {
		list = append(list, tickets.Ticket{Job: 1, Shard: shard})
	}
	o.in(func(ctx context.Context, tx pgx.Tx) error {
		return tickets.Put(ctx, tx, "q", tickets.PriorityNormal, list)
	})
}

// count is how many tickets are not completed.
func (o *office) count() (n int) {
	o.t.Helper()
	require.NoError(o.t, o.QueryRow(o.t.Context(), "SELECT count(*) FROM river_job WHERE state <> 'completed'").Scan(&n))
	return n
}

func (o *office) allDone() {
	o.t.Helper()
	require.Eventually(o.t, func() bool { return o.count() == 0 }, patience, 10*time.Millisecond)
}

// next waits for what comes out of a channel.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing comes")
		panic("unreachable")
	}
}

// done is a worker that tells of each ticket and needs it no more.
func done(came chan<- int64) tickets.Worker {
	return func(_ context.Context, t tickets.Ticket) tickets.Verdict {
		came <- t.Shard
		return tickets.Verdict{Done: true}
	}
}

// held is a worker that tells of each ticket and keeps it until release is closed.
func held(came chan<- int64, release <-chan struct{}) tickets.Worker {
	return func(_ context.Context, t tickets.Ticket) tickets.Verdict {
		came <- t.Shard
		<-release
		return tickets.Verdict{Done: true}
	}
}

func upTo(n int64) (list []int64) {
	for i := range n {
		list = append(list, i+1)
	}
	return list
}

func TestEachTicketIsHandedOutOnce(t *testing.T) {
	o := newOffice(t).ready()
	const n = 300
	came := make(chan int64, 2*n)
	o.opens("a", 8, done(came))
	o.opens("b", 8, done(came))
	o.puts(upTo(n)...)
	o.allDone()
	close(came) // a later delivery would panic
	var seen []int64
	for shard := range came {
		seen = append(seen, shard)
	}
	require.ElementsMatch(t, upTo(n), seen)
}

func TestADoneTicketDoesNotComeAgain(t *testing.T) {
	o := newOffice(t).ready()
	first, second := make(chan int64, 9), make(chan int64, 9)
	a := o.opens("a", 1, done(first))
	o.puts(1)
	require.EqualValues(t, 1, next(t, first))
	o.closes(a)
	require.Zero(t, o.count(), "close notes what became of it")

	o.puts(2)
	o.opens("b", 1, done(second))
	require.EqualValues(t, 2, next(t, second), "not the first one")
}

func TestATicketForLaterComesAgainAfterThePause(t *testing.T) {
	o := newOffice(t).ready()
	const pause = 3 * time.Second // more than the time between two looks
	came := make(chan time.Time, 9)
	o.opens("a", 1, func(context.Context, tickets.Ticket) tickets.Verdict {
		came <- time.Now()
		return tickets.Verdict{Later: pause}
	})
	o.puts(1)
	first := next(t, came)
	require.GreaterOrEqual(t, next(t, came).Sub(first), pause)
}

func TestATicketForLaterGivesItsPlaceToOthers(t *testing.T) {
	o := newOffice(t).ready()
	came := make(chan int64, 9)
	o.opens("a", 1, func(_ context.Context, t tickets.Ticket) tickets.Verdict {
		came <- t.Shard
		return tickets.Verdict{Later: time.Hour}
	})
	o.puts(1, 2)
	require.EqualValues(t, 1, next(t, came))
	require.EqualValues(t, 2, next(t, came))
	require.Equal(t, 2, o.count(), "both are kept")
}

func TestNoMoreTicketsAreHeldThanThereArePlaces(t *testing.T) {
	o := newOffice(t).ready()
	const places, n = 3, 12
	came, release := make(chan int64, n), make(chan struct{})
	var holding, most atomic.Int64
	work := held(came, release)
	o.puts(upTo(n)...)
	o.opens("a", places, func(ctx context.Context, t tickets.Ticket) tickets.Verdict {
		most.Store(max(most.Load(), holding.Add(1)))
		defer holding.Add(-1)
		return work(ctx, t)
	})
	for range places {
		next(t, came)
	}
	// Whoever has a place takes another one, so that all that are left go to it.
	rest := make(chan int64, n)
	o.opens("b", 1, done(rest))
	for range n - places {
		next(t, rest)
	}
	require.EqualValues(t, places, most.Load())
	close(release)
	o.allDone()
}

func TestHighPriorityIsHandedOutFirst(t *testing.T) {
	o := newOffice(t).ready()
	for _, priority := range []int{tickets.PriorityLow, tickets.PriorityNormal, tickets.PriorityHigh} {
		o.in(func(ctx context.Context, tx pgx.Tx) error {
			return tickets.Put(ctx, tx, "q", priority, []tickets.Ticket{{Job: 1, Shard: int64(priority)}})
		})
	}
	came := make(chan int64, 9)
	o.opens("a", 1, done(came))
	for _, want := range []int64{tickets.PriorityHigh, tickets.PriorityNormal, tickets.PriorityLow} {
		require.Equal(t, want, next(t, came))
	}
}

func TestAQueueTakesOnlyFromItsOwn(t *testing.T) {
	o := newOffice(t).ready()
	o.in(func(ctx context.Context, tx pgx.Tx) error {
		return tickets.Put(ctx, tx, "another", tickets.PriorityHigh, []tickets.Ticket{{Job: 1, Shard: 1}})
	})
	o.puts(2)
	came := make(chan int64, 9)
	o.opens("a", 2, done(came))
	require.EqualValues(t, 2, next(t, came))
	require.Eventually(t, func() bool { return o.count() == 1 }, patience, 10*time.Millisecond)
}

func TestTicketsOfATransactionThatFailedDoNotExist(t *testing.T) {
	o := newOffice(t).ready()
	broken := errors.New("broken")
	err := pgx.BeginFunc(t.Context(), o.Conn, func(tx pgx.Tx) error {
		require.NoError(t, tickets.Put(t.Context(), tx, "q", tickets.PriorityNormal, []tickets.Ticket{{Job: 1, Shard: 1}}))
		return broken
	})
	require.ErrorIs(t, err, broken)
	require.Zero(t, o.count())
	o.in(func(ctx context.Context, tx pgx.Tx) error {
		return tickets.Put(ctx, tx, "q", tickets.PriorityNormal, nil)
	})
	require.Zero(t, o.count(), "nor for an empty list")
}

func TestDrainWaitsForWorkersAndTakesNothingMore(t *testing.T) {
	o := newOffice(t).ready()
	came, release := make(chan int64, 9), make(chan struct{})
	a := o.opens("a", 4, held(came, release))
	o.puts(1)
	next(t, came)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		a.Drain(context.Background())
	}()
	select {
	case <-drained:
		require.Fail(t, "a worker has a ticket")
	default:
	}
	close(release)
	next(t, drained)
	require.Zero(t, o.count(), "what became of the ticket is noted")

	o.puts(2)
	others := make(chan int64, 9)
	o.opens("b", 1, done(others))
	require.EqualValues(t, 2, next(t, others))
	require.Empty(t, came)
}

func TestCloseEndsTheWorkersAndWaits(t *testing.T) {
	o := newOffice(t).ready()
	came := make(chan int64, 9)
	var over atomic.Int64
	a := o.opens("a", 2, func(ctx context.Context, t tickets.Ticket) tickets.Verdict {
		came <- t.Shard
		<-ctx.Done()
		over.Add(1)
		return tickets.Verdict{}
	})
	o.puts(1, 2)
	next(t, came)
	next(t, came)
	o.closes(a)
	require.EqualValues(t, 2, over.Load())

	others := make(chan int64, 9)
	o.opens("b", 1, done(others))
	require.ElementsMatch(t, []int64{1, 2}, []int64{next(t, others), next(t, others)}, "who is there gets what was given up")
	o.allDone()
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	o := newOffice(t).ready()
	came, release := make(chan int64, 9), make(chan struct{})
	a := o.opens("a", 1, held(came, release))
	o.puts(1)
	next(t, came)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, a.Close(ctx), context.Canceled)
	close(release)
}

func TestStartGivesUpWhenItsContextEnds(t *testing.T) {
	o := newOffice(t).ready()
	q, err := tickets.Open(t.Context(), o.cfg, "a", map[string]int{"q": 1}, done(nil), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer o.closes(q)
	blocking, err := o.Begin(t.Context()) // so that it cannot be up before
	require.NoError(t, err)
	_, err = blocking.Exec(t.Context(), "LOCK TABLE river_queue IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	defer func() { require.NoError(t, blocking.Rollback(context.Background())) }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, q.Start(ctx), context.DeadlineExceeded)
}

func TestTicketsOfTheDeadAreTakenBack(t *testing.T) {
	o := newOffice(t).ready()
	release := make(chan struct{})
	living, dead, helper := make(chan int64, 9), make(chan int64, 9), make(chan int64, 9)
	o.opens("living", 1, held(living, release))
	o.puts(1)
	next(t, living)
	o.opens("dead", 1, held(dead, release))
	defer close(release)
	o.puts(2)
	next(t, dead)
	o.opens("helper", 2, done(helper))
	o.in(func(ctx context.Context, tx pgx.Tx) error {
		return tickets.TakeBack(ctx, tx, []string{"living", "helper"})
	})
	require.EqualValues(t, 2, next(t, helper))
	o.puts(3)
	require.EqualValues(t, 3, next(t, helper), "who lives keeps its ticket")
}

func TestTicketsThatWaitAreHurriedUp(t *testing.T) {
	o := newOffice(t).ready()
	type coming struct{ job, shard int64 }
	came := make(chan coming, 9)
	var tries sync.Map
	o.opens("a", 2, func(_ context.Context, t tickets.Ticket) tickets.Verdict {
		came <- coming{t.Job, t.Shard}
		_, again := tries.LoadOrStore(t, true)
		return tickets.Verdict{Done: again, Later: time.Hour}
	})
	o.in(func(ctx context.Context, tx pgx.Tx) error {
		return tickets.Put(ctx, tx, "q", tickets.PriorityNormal, []tickets.Ticket{{Job: 1, Shard: 1}, {Job: 2, Shard: 1}})
	})
	require.ElementsMatch(t, []coming{{1, 1}, {2, 1}}, []coming{next(t, came), next(t, came)})
	require.Eventually(t, func() bool {
		var n int
		require.NoError(t, o.QueryRow(t.Context(), "SELECT count(*) FROM river_job WHERE state = 'scheduled'").Scan(&n))
		return n == 2
	}, patience, 10*time.Millisecond)
	o.in(func(ctx context.Context, tx pgx.Tx) error { return tickets.HurryUp(ctx, tx, 2) })
	require.Equal(t, coming{2, 1}, next(t, came))
	require.Eventually(t, func() bool { return o.count() == 1 }, patience, 10*time.Millisecond, "that of the other job waits")
}

func TestATicketComesAgainAfterAPanic(t *testing.T) {
	o := newOffice(t).ready()
	came := make(chan int64, 9)
	var tries atomic.Int64
	o.opens("a", 1, func(_ context.Context, t tickets.Ticket) tickets.Verdict {
		came <- t.Shard
		if tries.Add(1) <= 2 {
			panic("a defect")
		}
		return tickets.Verdict{Done: true}
	})
	o.puts(1)
	for range 3 {
		next(t, came)
	}
	o.allDone()
}

func TestAQueueGoesOnAfterItsSessionsBroke(t *testing.T) {
	o := newOffice(t).ready()
	came := make(chan int64, 9)
	o.opens("a", 1, done(came))
	o.puts(1)
	next(t, came)
	_, err := o.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	require.NoError(t, err)
	o.puts(2)
	require.EqualValues(t, 2, next(t, came))
	o.allDone()
}

func TestTablesAreMadeOnce(t *testing.T) {
	o := newOffice(t)
	for range 2 {
		ready, err := tickets.Ready(t.Context(), o.cfg)
		require.NoError(t, err)
		require.False(t, ready)
	}
	for range 2 {
		o.ready()
		ready, err := tickets.Ready(t.Context(), o.cfg)
		require.NoError(t, err)
		require.True(t, ready)
	}
}
