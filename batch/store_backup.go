package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrNoBackup says that a store in PostgreSQL is backed up by PostgreSQL's own means.
var ErrNoBackup = errors.New("the store is a PostgreSQL database: back it up with pg_dump, or with the archiving of its server")

// BackupStore copies the store at a location into a new file, which is a store
// itself and shows one moment. Engines go on meanwhile: the copy is read beside
// them, and only their log file grows. The copy has no gaps, so that it may be
// smaller; it is checked, and it is on the disk when BackupStore returns. A store
// of an older version is copied as it is.
// Errors: ErrNoBackup, ErrNotAStore, fs.ErrExist when there is a file already,
// fs.ErrNotExist when there is no store.
func BackupStore(ctx context.Context, location, to string) (err error) {
	if IsStoreURL(location) {
		return ErrNoBackup
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up store %s: %w", location, notAStore(err))
		}
	}()
	from, err := existingFile(location)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s: %w", to, fs.ErrExist)
	}
	// Whoever finds the copy under its name finds it whole.
	part := to + ".part"
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	defer os.Remove(part)
	if err := copyFile(ctx, from, part); err != nil {
		return err
	}
	if err := verifyCopy(ctx, part); err != nil {
		return fmt.Errorf("the copy is not good: %w", err)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// existingFile gives the true name of a file that there is.
func existingFile(path string) (string, error) {
	if _, err := os.Stat(path); err != nil {
		return "", err
	}
	return makeFile(path)
}

// copyFile writes what from has now into an empty file.
func copyFile(ctx context.Context, from, to string) error {
	db, err := openFile(from, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	schema, err := checkFile(ctx, db)
	if err != nil {
		return err
	}
	if schema == 0 {
		return fmt.Errorf("%w: it is empty", ErrNotAStore)
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

func verifyCopy(ctx context.Context, path string) error {
	db, err := openFile(path, 1, "query_only(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := checkFile(ctx, db); err != nil {
		return err
	}
	found, err := integrity(ctx, db)
	if err == nil && len(found) > 0 {
		err = errors.New(strings.Join(found, "; "))
	}
	return err
}

// integrity lists what SQLite finds wrong with its file.
func integrity(ctx context.Context, db querier) ([]string, error) {
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" {
			list = append(list, line)
		}
	}
	return list, rows.Err()
}

// syncFolder makes a new name in a folder durable. Windows does so by itself.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Check reads all of the store, as it is at one moment, and lists what is wrong
// with it: damaged pages of a file, and jobs whose numbers are not those of their
// items. An engine may work with it meanwhile.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	tx, err := s.reports.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("check store: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	var found []string
	if _, file := s.db.(*sqliteDB); file {
		if found, err = integrity(ctx, tx); err != nil {
			return found, fmt.Errorf("check store: %w", notAStore(err))
		}
	}
	jobs, err := queryJobs(ctx, tx, "SELECT "+jobColumns+" FROM jobs ORDER BY seq")
	if err != nil {
		return found, fmt.Errorf("check store: %w", notAStore(err))
	}
	for _, rec := range jobs {
		wrong, err := checkJob(ctx, tx, rec)
		if err != nil {
			return found, fmt.Errorf("check job %s: %w", rec.ID, notAStore(err))
		}
		found = append(found, wrong...)
	}
	return found, nil
}

// checkJob compares what a job counts with what there is.
func checkJob(ctx context.Context, q querier, rec record) (found []string, err error) {
	low, high := itemID(rec.seq, 0), itemID(rec.seq+1, 0)-1
	for _, check := range []struct {
		what  string
		want  int64
		query string
	}{
		{"rows", rec.Rows, "SELECT count(*) FROM items WHERE id BETWEEN ? AND ?"},
		{"confirmed", rec.Counts.Confirmed, "SELECT count(*) FROM outcomes WHERE item BETWEEN ? AND ? AND state = 'confirmed'"},
		{"reverted", rec.Counts.Reverted, "SELECT count(*) FROM outcomes WHERE item BETWEEN ? AND ? AND state = 'reverted'"},
		{"rejected", rec.Counts.Rejected, "SELECT count(*) FROM outcomes WHERE item BETWEEN ? AND ? AND state = 'rejected'"},
		{"expired", rec.Counts.Expired, "SELECT count(*) FROM outcomes WHERE item BETWEEN ? AND ? AND state = 'expired'"},
		{"results without a row", 0, "SELECT count(*) FROM outcomes o WHERE item BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM items WHERE id = o.item)"},
		{"earlier results without a row", 0, "SELECT count(*) FROM past_outcomes p WHERE item BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM items WHERE id = p.item)"},
		{"results without their attempt", 0, "SELECT count(*) FROM outcomes o WHERE item BETWEEN ? AND ? AND landed IS NOT NULL AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.item = o.item AND a.number = o.landed)"},
	} {
		if check.what == "rows" && (rec.State == JobLoading || rec.State == JobInvalid) {
			continue // they are not there yet, or were refused
		}
		var n int64
		if err := q.QueryRowContext(ctx, check.query, low, high).Scan(&n); err != nil {
			return nil, err
		}
		if n != check.want {
			found = append(found, fmt.Sprintf("job %s: %d %s, there should be %d", rec.ID, n, check.what, check.want))
		}
	}
	return found, nil
}
