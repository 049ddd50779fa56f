package batch

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// notAStore turns SQLite's words for foreign and broken files into ErrNotAStore.
func notAStore(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("%w: it is not an SQLite database: %w", ErrNotAStore, err)
		case sqlite3.SQLITE_CORRUPT:
			return fmt.Errorf("%w: it is damaged, restore a copy: %w", ErrNotAStore, err)
		}
	}
	return err
}

// isConstraint reports whether what was to be written is to blame: it contradicts
// the store, or is no value that it can hold. Another try would end the same way.
func isConstraint(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classOf(e) == "23" || classOf(e) == "22"
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
}

// classOf is the class of an SQLSTATE.
func classOf(e *pgconn.PgError) string { return e.Code[:min(2, len(e.Code))] }

// StoreAway reports whether err is because the database is away for the moment, has
// no place or met a conflict, so that the same may succeed later.
func StoreAway(err error) bool { return isTransient(err) }

// isTransient reports whether a database that is away, has no place or met a
// conflict is to blame, so that another try may succeed. Only PostgreSQL has such
// errors: SQLite waits by itself.
func isTransient(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch classOf(e) {
		case "08", "40", "53", "55", "57": // connection, rollback, resources, lock not free, operator
			return true
		}
		return e.Code == "25006" // a standby, which may be the next primary
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	for _, target := range []error{driver.ErrBadConn, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded, errLingers} {
		if errors.Is(err, target) {
			return true
		}
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || pgconn.SafeToRetry(err)
}

// patiently repeats f while the database cannot answer, until ctx ends.
func patiently(ctx context.Context, f func() error) error {
	for {
		err := f()
		if !isTransient(err) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(commitRetry):
		}
	}
}
