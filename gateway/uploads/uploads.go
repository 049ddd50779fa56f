// Package uploads keeps the bytes of rows that clients send up in parts, each
// upload in a file of its own, until all of them are here. What it has said to
// have stored outlives a crash. It knows nothing of HTTP, of formats and of jobs:
// an upload belongs to a name that its owner chooses, and to the SHA-256 of all
// its bytes, so that parts of two inputs never get into one.
package uploads

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Keep is how long an upload that nobody goes on with is kept: over a night and
// a morning.
const Keep = 24 * time.Hour

// sweepInterval is how often Expire looks for old uploads.
const sweepInterval = time.Hour

var (
	// ErrBusy says that another request writes or reads the same upload.
	ErrBusy = errors.New("another request is at work on this upload")
	// ErrDamaged says that the bytes of an upload do not have its hash.
	ErrDamaged = errors.New("the bytes that arrived do not have the hash of the upload")
)

// OffsetError says that a part does not begin where the stored bytes end.
type OffsetError struct{ Stored int64 }

func (e *OffsetError) Error() string {
	return fmt.Sprintf("%d bytes of this upload are stored", e.Stored)
}

// Key names an upload.
type Key struct {
	Owner  string   // letters, digits, - and _ only
	SHA256 [32]byte // of all bytes
}

// Store is a folder of uploads. It is safe for concurrent use in one process; two
// processes must not share a folder.
type Store struct {
	dir string

	mu   sync.Mutex
	busy map[string]bool // by file name
}

const (
	partSuffix  = ".part"
	spoolPrefix = "spool-"
)

// Open makes the folder if need be and removes what is too old, and what another
// process was spooling when it ended.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of uploads: %w", err)
	}
	s := &Store{dir: dir, busy: map[string]bool{}}
	spooled, err := filepath.Glob(filepath.Join(dir, spoolPrefix+"*"))
	for _, path := range spooled {
		err = errors.Join(err, os.Remove(path))
	}
	return s, errors.Join(err, s.sweep(time.Now()))
}

// Offset is how many bytes of an upload are stored; 0 when it is not known.
func (s *Store) Offset(key Key) (int64, error) {
	path, err := s.path(key)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("upload: %w", err)
	}
	return info.Size(), nil
}

// Append stores what r has behind the offset bytes that are stored already, and
// gives the new offset. When it returns, that much is on the disk, also when r
// broke off, whose error it gives. The first part of an upload takes the place of
// all other uploads of its owner. The error is an *OffsetError when offset is not
// where the stored bytes end, and ErrBusy.
func (s *Store) Append(key Key, offset int64, r io.Reader) (stored int64, err error) {
	path, err := s.path(key)
	if err != nil {
		return 0, err
	}
	unlock, err := s.lock(path)
	if err != nil {
		return 0, err
	}
	defer unlock()
	if stored, err = s.Offset(key); err != nil {
		return 0, err
	}
	if stored != offset {
		return stored, &OffsetError{Stored: stored}
	}
	if offset == 0 {
		if err := s.removeOthers(key.Owner, path); err != nil {
			return 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("upload: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, readErr := io.Copy(f, r)
	if err := f.Sync(); err != nil {
		// What may not be on the disk is not promised.
		return offset, errors.Join(fmt.Errorf("upload: %w", err), f.Truncate(offset))
	}
	if offset == 0 {
		if err := syncFolder(s.dir); err != nil {
			return 0, fmt.Errorf("upload: %w", err)
		}
	}
	if readErr != nil {
		return offset + n, fmt.Errorf("upload: %w", readErr)
	}
	return offset + n, nil
}

// Read gives the file of an upload to use, once its bytes have its hash; nobody
// else can write it meanwhile. When they do not, the upload is removed, and the
// error is ErrDamaged. The errors of use are passed on.
func (s *Store) Read(ctx context.Context, key Key, use func(*os.File) error) error {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	unlock, err := s.lock(path)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &cancelable{ctx, f}); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	if [32]byte(h.Sum(nil)) != key.SHA256 {
		return errors.Join(ErrDamaged, f.Close(), os.Remove(path))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return use(f)
}

// Remove forgets an upload; one that is not there is removed already.
func (s *Store) Remove(key Key) error {
	path, err := s.path(key)
	if err != nil {
		return err
	}
	unlock, err := s.lock(path)
	if err != nil {
		return err
	}
	defer unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("upload: %w", err)
	}
	return nil
}

// Spool copies r into a file for use, which is removed behind it. The errors of r
// and of use are passed on.
func (s *Store) Spool(r io.Reader, use func(*os.File) error) (err error) {
	f, err := os.CreateTemp(s.dir, spoolPrefix)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := io.Copy(f, r); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return use(f)
}

// Expire removes uploads that nobody went on with for Keep, now and then, until
// ctx ends. failed is told of errors.
func (s *Store) Expire(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if err := s.sweep(now); err != nil {
				failed(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *Store) sweep(now time.Time) error {
	return s.removeWhere("*"+partSuffix, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && now.Sub(info.ModTime()) > Keep
	})
}

func (s *Store) removeOthers(owner, but string) error {
	return s.removeWhere(owner+".*"+partSuffix, func(path string) bool { return path != but })
}

// removeWhere removes the uploads that nobody is at work on.
func (s *Store) removeWhere(pattern string, old func(path string) bool) error {
	paths, err := filepath.Glob(filepath.Join(s.dir, pattern))
	for _, path := range paths {
		if !old(path) {
			continue
		}
		unlock, busy := s.lock(path)
		if busy != nil {
			continue
		}
		if gone := os.Remove(path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("remove an old upload: %w", gone))
		}
		unlock()
	}
	return err
}

func (s *Store) path(key Key) (string, error) {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if key.Owner == "" || strings.ContainsFunc(key.Owner, func(r rune) bool { return !safe(r) }) {
		return "", fmt.Errorf("upload: %q cannot name an upload", key.Owner)
	}
	return filepath.Join(s.dir, key.Owner+"."+hex.EncodeToString(key.SHA256[:])+partSuffix), nil
}

// lock makes the caller the only one at work on a file.
func (s *Store) lock(path string) (unlock func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[path] {
		return nil, ErrBusy
	}
	s.busy[path] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, path)
	}, nil
}

// cancelable ends reading with its context.
type cancelable struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelable) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
