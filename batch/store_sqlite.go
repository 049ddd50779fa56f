package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver
)

// applicationID marks our files among all SQLite files ("bcgt").
const applicationID = 0x62636774

// sqliteDB is a store in one file. A lock file beside it tells who works with it.
type sqliteDB struct {
	flock *flock.Flock // held while an engine of this process owns the file
	write *sql.DB      // one connection
	conn  *sql.Conn    // the connection of write
	stmts [len(rowStatements)]*sql.Stmt
}

func (s *Store) openSQLite(ctx context.Context, path string) error {
	path, err := makeFile(path)
	if err != nil {
		return err
	}
	if s.read, err = openFile(path, readers, "query_only(1)"); err != nil {
		return err
	}
	if s.reports, err = openFile(path, readers, "query_only(1)"); err != nil {
		return err
	}
	have, err := checkFile(ctx, s.read)
	if err != nil {
		return err
	}
	db := &sqliteDB{flock: flock.New(path+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR))}
	s.db = db
	// WAL lets reports be read while the job runs; FULL makes a commit survive a
	// power cut, which is what write-ahead means.
	db.write, err = openFile(path, 1, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(4000)", "cache_size(-16000)")
	if err != nil {
		return err
	}
	if have == 0 { // before there are tables, so that it is never a stranger's
		if _, err := db.write.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx, goose.DialectSQLite3, "sqlite", db.write, have); err != nil {
		return err
	}
	return db.prepare(ctx)
}

// makeFile makes the file if it is missing and gives its true name, without
// links: the lock is beside it, and must be the same by whatever name it is opened.
func makeFile(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	// Inputs may be confidential, and SQLite would make the file readable by all.
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	f.Close()
	return filepath.EvalSymlinks(abs)
}

// openFile opens path with at most conns connections, each with the pragmas.
func openFile(path string, conns int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{}
	for _, p := range append([]string{"busy_timeout(10000)", "temp_store(MEMORY)"}, pragmas...) {
		q.Add("_pragma", p)
	}
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // a drive letter
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: p, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// checkFile refuses files that are not ours, before anything is changed in them,
// and gives the number of the schema, 0 for an empty file.
func checkFile(ctx context.Context, db querier) (schema int64, err error) {
	var tables, id int64
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return 0, err
	}
	if tables == 0 {
		return 0, nil
	}
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, err
	}
	if id != applicationID {
		return 0, fmt.Errorf("%w: it is an SQLite database of another program", ErrNotAStore)
	}
	var n int64
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", goose.DefaultTablename).Scan(&n)
	if err != nil || n == 0 {
		return 0, err
	}
	return schemaNumber(ctx, db)
}

func (db *sqliteDB) prepare(ctx context.Context) (err error) {
	if db.conn, err = db.write.Conn(ctx); err != nil {
		return err
	}
	for i, text := range rowStatements {
		if db.stmts[i], err = db.conn.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // close closes them all
			return err
		}
	}
	return nil
}

func (db *sqliteDB) lock(context.Context, bool) error {
	ok, err := db.flock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s: %w", db.flock.Path(), err)
	}
	if !ok {
		// Where locked files cannot be read (Windows), the number is missing.
		if pid, err := os.ReadFile(db.flock.Path()); err == nil && len(pid) > 0 {
			return fmt.Errorf("%w (pid %s)", ErrStoreInUse, strings.TrimSpace(string(pid)))
		}
		return ErrStoreInUse
	}
	// The number is for people: without it the lock holds just as well.
	_ = os.WriteFile(db.flock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return nil
}

func (db *sqliteDB) claim(context.Context, string, []string) error { return nil }

func (db *sqliteDB) unlock() { _ = db.flock.Unlock() }

func (db *sqliteDB) tx(_ *fate, f func(ctx context.Context, c *sql.Conn) error) (err error) {
	ctx := context.Background()
	if _, err := db.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = db.conn.ExecContext(ctx, "ROLLBACK")
		}
	}()
	if err := f(ctx, db.conn); err != nil {
		return err
	}
	_, err = db.conn.ExecContext(ctx, "COMMIT")
	return err
}

func (db *sqliteDB) each(ctx context.Context, _ *sql.Conn, list []command) ([]int64, error) {
	changed := make([]int64, len(list))
	for i, cmd := range list {
		res, err := db.stmts[cmd.statement].ExecContext(ctx, cmd.args...)
		if err != nil {
			return nil, err
		}
		if changed[i], err = res.RowsAffected(); err != nil {
			return nil, err
		}
	}
	return changed, nil
}

func (db *sqliteDB) close() error {
	var errs []error
	for _, st := range db.stmts {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	if db.conn != nil {
		errs = append(errs, db.conn.Close())
	}
	if db.write != nil {
		errs = append(errs, db.write.Close())
	}
	return errors.Join(append(errs, db.flock.Close())...)
}
