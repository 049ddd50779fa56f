package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// readers is how many queries may read at a time, and how many reports may be
// written; more wait. Reports have connections of their own: whoever reads one
// slowly must not hold up the jobs.
const readers = 4

// Store keeps jobs, items, attempts and outcomes, and the cordons of nodes, in
// an SQLite file or in a PostgreSQL database. Its exported methods only read, all
// but Cancel, Pause, Prune, SetCordon and ClearCordon, and may be used while an engine
// of another process owns the store. They are safe for concurrent use.
type Store struct {
	read    *sql.DB // a few connections that cannot write, for short questions
	reports *sql.DB // the same for reports, whose readers may be slow

	writing sync.Mutex // held for one write transaction at a time; guards db
	db      database
	pg      *postgresDB // db, when several processes may work with it; else nil
	owned   atomic.Bool // by an engine that uses this very Store
}

// database is what SQLite and PostgreSQL do each in its own way. Calls must not overlap.
type database interface {
	// lock takes the store for this process: alone, or with the others where a
	// store is for several. ErrStoreInUse when others are in the way.
	lock(ctx context.Context, alone bool) error
	// claim notes who holds the lock and begins to write: a name for people, and the
	// queues that it takes shards from.
	claim(ctx context.Context, name string, serves []string) error
	unlock()
	// tx runs f inside one write transaction. f may be run more than once, when
	// what an earlier time did was undone.
	tx(once *fate, f func(ctx context.Context, c *sql.Conn) error) error
	// each runs commands in their order, inside of tx, and gives how many rows each
	// changed.
	each(ctx context.Context, c *sql.Conn, list []command) ([]int64, error)
	close() error
}

// fate remembers over several calls of tx with the same changes that the answer to
// their commit was lost, so that they are not made twice.
type fate struct {
	committed bool
}

// command is one of the statements that run for every row, with its values.
type command struct {
	statement rowStatement
	args      []any
}

type rowStatement int

const (
	insertItem rowStatement = iota
	insertItemAfter
	insertAttempt
	noteAttempt
	insertOutcome
	addCounts
	widenBlocks
	insertShard
	endShard
	endJob
)

// SQLite prepares a statement once only if nothing follows its end, not even a
// newline.
var rowStatements = [...]string{
	insertItem: `INSERT INTO items (id, ref, recipient, input, source, lane) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job, ref) WHERE ref IS NOT NULL DO NOTHING`,
	insertItemAfter: `INSERT INTO items (id, ref, recipient, input, source, lane, after_id) SELECT ?, ?, ?, ?, ?, ?, id FROM items WHERE job = ? AND ref = ?
		ON CONFLICT (job, ref) WHERE ref IS NOT NULL DO NOTHING`,
	insertAttempt: `INSERT INTO attempts (item, number, hash, nonce, block_limit, created) VALUES (?, ?, ?, ?, ?, ?)`,
	noteAttempt:   `UPDATE attempts SET answer_kind = ?, answer = ? WHERE item = ? AND number = ?`,
	insertOutcome: `INSERT INTO outcomes (item, state, attempts, landed, block, status, status_name, gas_used, output, contract, error_kind, error, latency, settled)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
	addCounts: `UPDATE jobs SET submitted = submitted + ?, unknown = unknown + ?, confirmed = confirmed + ?, reverted = reverted + ?,
		rejected = rejected + ?, expired = expired + ?, canceled = canceled + ? WHERE seq = ?`,
	widenBlocks: `UPDATE jobs SET first_block = CASE WHEN first_block <= ? THEN first_block ELSE ? END,
		last_block = CASE WHEN last_block >= ? THEN last_block ELSE ? END WHERE seq = ?`,
	insertShard: `INSERT INTO shards (job, number, low, high, state, ticket) VALUES (?, ?, ?, ?, 'open', false)`,
	endShard:    `UPDATE shards SET state = 'done', owner = NULL WHERE job = ? AND number = ?`,
	// The row of the job is locked by addCounts before, so that of two processes with
	// the last two shards the second sees what the first has done.
	// The states are those of eventSettle.
	endJob: `UPDATE jobs SET state = CASE state WHEN 'canceling' THEN 'canceled' ELSE 'done' END, reason = '', stopped_by = '', finished = ?
		WHERE seq = ? AND state IN ('running', 'paused', 'canceling') AND NOT EXISTS (SELECT 1 FROM shards WHERE job = jobs.seq AND state <> 'done')`,
}

// OpenStore opens the store at a location, which is the path of an SQLite file or
// a URL of PostgreSQL (see IsStoreURL), and brings its schema up to date. A file
// that is missing is made (its folder must exist), an empty database filled.
// A password is better not in the URL: PGPASSWORD and password files are used as
// psql uses them.
// Errors: ErrStoreNewer, ErrNotAStore, ErrStoreInUse when the schema would have
// to change under another process.
func OpenStore(ctx context.Context, location string) (*Store, error) {
	s := &Store{}
	open := s.openSQLite
	if IsStoreURL(location) {
		open = s.openPostgres
	}
	if err := open(ctx, location); err != nil {
		s.Close()
		return nil, fmt.Errorf("open store %s: %w", StoreName(location), notAStore(err))
	}
	return s, nil
}

// IsStoreURL tells a PostgreSQL URL (postgres://user@host/database?sslmode=...,
// or postgresql://) from the path of a file.
func IsStoreURL(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// StoreName is a store's location for people: without a password.
func StoreName(location string) string {
	if !IsStoreURL(location) {
		return location
	}
	u, err := url.Parse(location)
	if err != nil {
		return "at a URL that cannot be read"
	}
	query := u.Query()
	if query.Has("password") {
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}

// own takes the store for one engine or command of this process until disown. serves
// has the queues that it takes shards from.
func (s *Store) own(ctx context.Context, serves ...string) error {
	if !s.owned.CompareAndSwap(false, true) { // the lock tells processes apart, not engines
		return fmt.Errorf("%w: by another engine of this one (pid %d)", ErrStoreInUse, os.Getpid())
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.db.lock(ctx, false); err != nil {
		s.owned.Store(false)
		return err
	}
	host, _ := os.Hostname() // it is only for people
	if err := s.db.claim(ctx, fmt.Sprintf("%s pid %d", host, os.Getpid()), serves); err != nil {
		s.db.unlock()
		s.owned.Store(false)
		return err
	}
	return nil
}

func (s *Store) disown() {
	if s.shared() {
		_ = s.retire() // when the database is away, the others do it
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.db.unlock()
	s.owned.Store(false)
}

// Close frees the store. Stop the engine first.
func (s *Store) Close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.close())
	}
	for _, db := range []*sql.DB{s.read, s.reports} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// tx runs f inside one write transaction. It is not bound to a context: work
// that is done is saved even when its caller has gone. f must not block, and may
// be run again when its first time was undone.
func (s *Store) tx(f func(ctx context.Context, c *sql.Conn) error) error {
	return s.txOnce(&fate{}, f)
}

// txOnce is tx for changes that are tried again after an error: once keeps them
// from being made twice.
func (s *Store) txOnce(once *fate, f func(ctx context.Context, c *sql.Conn) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.db.tx(once, f)
}
