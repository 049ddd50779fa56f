package batch

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// The schemas of both databases. Equal numbers are equal tables.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the schema up to date by means of db. have is the number that it
// has, 0 for an empty database. Nobody may work with the store while its tables
// change, so it takes the lock, when there is something to change.
func (s *Store) migrate(ctx context.Context, dialect goose.Dialect, folder string, db *sql.DB, have int64) error {
	dir, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return err
	}
	g, err := goose.NewProvider(dialect, db, dir)
	if err != nil {
		return err
	}
	sources := g.ListSources()
	newest := sources[len(sources)-1].Version
	switch {
	case have > newest:
		return fmt.Errorf("%w: its schema has number %d, this program knows up to %d; use the newer program", ErrStoreNewer, have, newest)
	case have == newest:
		return nil
	}
	if err := s.lockTables(ctx); err != nil {
		return err
	}
	defer s.db.unlock()
	if _, err := g.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema from %d to %d: %w", have, newest, err)
	}
	return nil
}

// lockTables waits a little: of several processes that start at the same time one
// makes the tables, and the others find them made.
func (s *Store) lockTables(ctx context.Context) error {
	for until := time.Now().Add(lockPatience); ; {
		err := s.db.lock(ctx, true)
		if !errors.Is(err, ErrStoreInUse) || time.Now().After(until) {
			return err
		}
		if !sleep(ctx, writePause) {
			return ctx.Err()
		}
	}
}

// lockPatience is for how long tables may be made by another process.
const lockPatience = 5 * time.Second

// schemaNumber reads the number of the newest applied migration.
func schemaNumber(ctx context.Context, db querier) (n int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+goose.DefaultTablename).Scan(&n)
	return n, err
}
