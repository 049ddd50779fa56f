package batch

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks our files among all SQLite files ("bcgt").
const applicationID = 0x62636774

// readers is how many queries may read at a time, and how many reports may be
// written; more wait. Reports have connections of their own: whoever reads one
// slowly must not hold up the jobs.
const readers = 4

// Store keeps jobs, items, attempts and outcomes in one SQLite file, and the
// cordons of nodes. Its exported methods only read, all but Cancel, SetCordon and
// ClearCordon, and may be used while an engine of another process owns the file.
// They are safe for concurrent use.
type Store struct {
	path    string
	read    *sql.DB // a few connections that cannot write, for short questions
	reports *sql.DB // the same for reports, whose readers may be slow

	write   *sql.DB    // one connection
	writing sync.Mutex // held for one write transaction at a time; guards conn and stmts
	conn    *sql.Conn  // the connection of write
	stmts   statements

	lock  *flock.Flock // held while an engine of this process owns the file
	owned atomic.Bool  // by an engine that uses this very Store
}

// OpenStore opens the file at path, making it if it is missing (the folder must
// exist), and brings its schema up to date. Errors: ErrStoreNewer,
// ErrNotAStore, ErrStoreInUse when the schema would have to change under
// another process.
func OpenStore(ctx context.Context, path string) (*Store, error) {
	abs, err := makeFile(path)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	s := &Store{path: abs, lock: flock.New(abs+".lock", flock.SetFlag(os.O_CREATE|os.O_RDWR))}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("open store %s: %w", path, notAStore(err))
	}
	return s, nil
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

func (s *Store) open(ctx context.Context) (err error) {
	if s.read, err = openDB(s.path, readers, "query_only(1)"); err != nil {
		return err
	}
	if s.reports, err = openDB(s.path, readers, "query_only(1)"); err != nil {
		return err
	}
	if err := s.checkOwner(ctx); err != nil {
		return err
	}
	// WAL lets reports be read while the job runs; FULL makes a commit survive a
	// power cut, which is what write-ahead means.
	if s.write, err = openDB(s.path, 1, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(4000)", "cache_size(-16000)"); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.conn, err = s.write.Conn(ctx); err != nil {
		return err
	}
	return s.stmts.prepare(ctx, s.conn)
}

// openDB opens path with at most conns connections, each with the pragmas.
func openDB(path string, conns int, pragmas ...string) (*sql.DB, error) {
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

// checkOwner refuses files that are not ours, before anything is changed in them.
func (s *Store) checkOwner(ctx context.Context) error {
	var tables, id int64
	if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	if err := s.read.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if tables > 0 && id != applicationID {
		return fmt.Errorf("%w: it is an SQLite database of another program", ErrNotAStore)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	g, err := goose.NewProvider(goose.DialectSQLite3, s.write, dir)
	if err != nil {
		return err
	}
	sources := g.ListSources()
	newest := sources[len(sources)-1].Version
	have, err := s.schemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case have > newest:
		return fmt.Errorf("%w: its schema has number %d, this program knows up to %d; use the newer program", ErrStoreNewer, have, newest)
	case have == newest:
		return nil
	}
	// Nobody may work with the file while its tables change.
	if err := s.own(); err != nil {
		return err
	}
	defer s.disown()
	if _, err := s.write.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
		return err
	}
	if _, err := g.Up(ctx); err != nil {
		return fmt.Errorf("bring the schema from %d to %d: %w", have, newest, err)
	}
	return nil
}

// schemaVersion reads the number of the newest applied migration without
// writing, 0 for an empty file.
func (s *Store) schemaVersion(ctx context.Context) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name = ?", goose.DefaultTablename).Scan(&n)
	if err != nil || n == 0 {
		return 0, err
	}
	err = s.read.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+goose.DefaultTablename).Scan(&n)
	return n, err
}

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

// own takes the file for one engine of this process until disown.
func (s *Store) own() error {
	if !s.owned.CompareAndSwap(false, true) { // the lock tells processes apart, not engines
		return fmt.Errorf("%w: by another engine of this one (pid %d)", ErrStoreInUse, os.Getpid())
	}
	ok, err := s.lock.TryLock()
	if err != nil || !ok {
		s.owned.Store(false)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.lock.Path(), err)
	}
	if !ok {
		// Where locked files cannot be read (Windows), the number is missing.
		if pid, err := os.ReadFile(s.lock.Path()); err == nil && len(pid) > 0 {
			return fmt.Errorf("%w (pid %s)", ErrStoreInUse, strings.TrimSpace(string(pid)))
		}
		return ErrStoreInUse
	}
	// The number is for people: without it the lock holds just as well.
	_ = os.WriteFile(s.lock.Path(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return nil
}

func (s *Store) disown() {
	_ = s.lock.Unlock()
	s.owned.Store(false)
}

// Close frees the file. Stop the engine first.
func (s *Store) Close() error {
	var errs []error
	s.stmts.close()
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	for _, db := range []*sql.DB{s.read, s.reports, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	errs = append(errs, s.lock.Close())
	return errors.Join(errs...)
}

// tx runs f inside one write transaction. It is not bound to a context: work
// that is done is saved even when its caller has gone. f must not block.
func (s *Store) tx(f func(ctx context.Context, c *sql.Conn) error) (err error) {
	ctx := context.Background()
	s.writing.Lock()
	defer s.writing.Unlock()
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
		}
	}()
	if err := f(ctx, s.conn); err != nil {
		return err
	}
	_, err = s.conn.ExecContext(ctx, "COMMIT")
	return err
}
