// Package tickets hands shards out among the processes that share a PostgreSQL
// database: one ticket is one job of the work queue River. It knows nothing of
// chains and stores, and decides nothing: a ticket only asks a process to have a
// look at a shard, and the store says whose the shard is.
package tickets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// Ticket names a shard. Its JSON form is what River keeps.
type Ticket struct {
	Job   int64 `json:"job"`
	Shard int64 `json:"shard"`
}

// Kind is the name of tickets in River's tables.
func (Ticket) Kind() string { return "bcosgate_shard" }

// The priorities of a ticket: those of a lower number are handed out first.
const (
	PriorityHigh   = 1
	PriorityNormal = 2
	PriorityLow    = 3
)

// Verdict is what became of a ticket.
type Verdict struct {
	Done  bool          // it is not needed any more
	Later time.Duration // else it is handed out again after this while, to whoever
}

// Worker does what a ticket asks for, and returns when its shard needs nobody any
// more, or not this process. When ctx ends it returns soon.
type Worker func(ctx context.Context, t Ticket) Verdict

const (
	// A ticket is held for as long as its shard is carried. After this while it is
	// handed out anew, so that River can tell a ticket that was lost from one whose
	// shard takes long; whoever gets it sees that the shard is being carried.
	holdTime = 30 * time.Minute
	// What is held for longer was lost: its process did not tell what became of it.
	lostAfter = time.Hour
	// How often tickets are looked for beside being told of them.
	pollInterval = time.Second
	// The least time between two looks.
	fetchCooldown = 50 * time.Millisecond
	// How long completed tickets are kept, for people who look into the tables.
	keepCompleted = time.Hour
	// Tries of a ticket. It fails only when the program panics.
	mostAttempts = 1000
	// Connections to the database: one listens, the others fetch and complete.
	connections = 4
)

// Queue hands out tickets in one process.
type Queue struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
}

// Open connects to a database with the tables of River, as the client of a name
// that no other process has. queues has the queues to take tickets from, each with
// how many tickets this process holds at a time. Start begins; Close it in the end.
func Open(ctx context.Context, cfg *pgx.ConnConfig, name string, queues map[string]int, work Worker, log *slog.Logger) (*Queue, error) {
	pool, err := openPool(ctx, cfg)
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{work: work}); err != nil {
		pool.Close()
		return nil, fmt.Errorf("work queue: %w", err)
	}
	places := map[string]river.QueueConfig{}
	for queue, most := range queues {
		places[queue] = river.QueueConfig{MaxWorkers: most}
	}
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		ID: name, Queues: places, Workers: workers, Logger: slog.New(quiet{log.Handler()}),
		JobTimeout: holdTime, RescueStuckJobsAfter: lostAfter, MaxAttempts: mostAttempts,
		FetchCooldown: fetchCooldown, FetchPollInterval: pollInterval, CompletedJobRetentionPeriod: keepCompleted,
	})
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("work queue: %w", err)
	}
	return &Queue{pool: pool, client: client}, nil
}

func openPool(ctx context.Context, cfg *pgx.ConnConfig) (*pgxpool.Pool, error) {
	// Only a config that ParseConfig has made is taken.
	settings, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	settings.ConnConfig = cfg.Copy()
	settings.MaxConns, settings.MinConns = connections, 0
	return pgxpool.NewWithConfig(ctx, settings)
}

// Start begins to take tickets, until Close. ctx bounds only Start itself.
func (q *Queue) Start(ctx context.Context) error {
	started := make(chan error, 1)
	go func() { started <- q.client.Start(context.WithoutCancel(ctx)) }()
	select {
	case err := <-started:
		return err
	case <-ctx.Done():
		return errors.Join(ctx.Err(), q.client.StopAndCancel(context.WithoutCancel(ctx)), <-started)
	}
}

// Drain takes no more tickets, and waits for the workers that have one, or for Close.
func (q *Queue) Drain(ctx context.Context) { _ = q.client.Stop(ctx) }

// Close takes no more tickets, ends the context of the workers, waits for them, and
// notes what became of their tickets. When ctx ends before, notes may be missing.
func (q *Queue) Close(ctx context.Context) error {
	err := q.client.StopAndCancel(ctx)
	q.pool.Close()
	return err
}

// worker is what River calls.
type worker struct {
	river.WorkerDefaults[Ticket]
	work Worker
}

func (w *worker) Work(ctx context.Context, job *river.Job[Ticket]) error {
	v := w.work(ctx, job.Args)
	if v.Done {
		return nil
	}
	return river.JobSnooze(v.Later)
}

// NextRetry is when a ticket that was lost is handed out again.
func (w *worker) NextRetry(*river.Job[Ticket]) time.Time { return time.Now() }

// Put makes tickets, inside of tx.
func Put(ctx context.Context, tx pgx.Tx, queue string, priority int, list []Ticket) error {
	if len(list) == 0 {
		return nil
	}
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	params := make([]river.InsertManyParams, len(list))
	for i, t := range list {
		params[i] = river.InsertManyParams{Args: t, InsertOpts: &river.InsertOpts{Queue: queue, Priority: priority, MaxAttempts: mostAttempts}}
	}
	if _, err := client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	return nil
}

// TakeBack lets others have the tickets that are held by clients who do not live any
// more, inside of tx. River would find out after an hour.
func TakeBack(ctx context.Context, tx pgx.Tx, living []string) error {
	_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE state = 'running' AND kind = $1 AND attempted_by[array_upper(attempted_by, 1)] <> ALL ($2)`, Ticket{}.Kind(), living)
	return err
}

// HurryUp hands the tickets of a job out now that wait for their time, inside of tx.
func HurryUp(ctx context.Context, tx pgx.Tx, job int64) error {
	_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE state IN ('scheduled', 'retryable') AND kind = $1 AND (args->>'job')::bigint = $2`, Ticket{}.Kind(), job)
	return err
}

// Ready reports whether the tables are those that this version of River needs.
func Ready(ctx context.Context, cfg *pgx.ConnConfig) (ready bool, err error) {
	err = migrating(ctx, cfg, func(m *rivermigrate.Migrator[pgx.Tx]) error {
		result, err := m.Validate(ctx, nil)
		ready = err == nil && result.OK
		return err
	})
	return ready, err
}

// Migrate brings the tables up to date.
func Migrate(ctx context.Context, cfg *pgx.ConnConfig) error {
	return migrating(ctx, cfg, func(m *rivermigrate.Migrator[pgx.Tx]) error {
		_, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	})
}

func migrating(ctx context.Context, cfg *pgx.ConnConfig, f func(*rivermigrate.Migrator[pgx.Tx]) error) error {
	pool, err := openPool(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	if err := f(m); err != nil {
		return fmt.Errorf("work queue: %w", err)
	}
	return nil
}

var _ rivertype.JobArgs = Ticket{}

// quiet keeps River's words about its own comings and goings out of our log.
type quiet struct{ slog.Handler }

// Enabled lets warnings and errors through.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs is slog's.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup is slog's.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
