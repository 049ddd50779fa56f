package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long a change may go on before the list is read: a deployment
	// makes several in a row.
	settle = 100 * time.Millisecond

	// maxFile bounds the file: 1000 nodes with comments need a tenth of it.
	maxFile = 1 << 20
)

// FileConfig names a file of nodes.
type FileConfig struct {
	Path string // one host:port a line; # begins a comment; empty lines mean nothing

	// Poll is how often the file is read without any notice of a change, for file
	// systems that give none and links whose target lies elsewhere; 0 is 30 s.
	Poll time.Duration
}

// Validate says everything that is wrong; it does not look for the file.
func (c FileConfig) Validate() error {
	var wrong []error
	if c.Path == "" {
		wrong = append(wrong, errors.New("file: no path"))
	}
	if c.Poll < 0 {
		wrong = append(wrong, fmt.Errorf("file: poll %s is negative", c.Poll))
	}
	return errors.Join(wrong...)
}

// File lists the lines of a file. Its folder is watched, not the file, so that a
// file that is replaced and a link that is turned (as Kubernetes does with mounted
// ConfigMaps) are seen; the list is current 100 ms after a change, and after a
// failure once the watcher tries again. Write another file and rename it over this
// one: what is written in place may be read by halves.
//
// A file without nodes is an empty list; one that is missing, unreadable, not
// regular or larger than 1 MiB is a failure.
func File(cfg FileConfig) (Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Poll == 0 {
		cfg.Poll = 30 * time.Second
	}
	return &file{FileConfig: cfg, notices: folderNotices}, nil
}

type file struct {
	FileConfig
	notices func(folder string) (notices, error)
}

func (f *file) String() string { return "file " + f.Path }

func (f *file) Watch(ctx context.Context, emit func([]Entry)) error {
	for {
		if err := f.watchFolder(ctx, emit); err != nil {
			return err
		}
	}
}

// watchFolder reads the file at once and after each notice, until it is time to
// watch the folder anew, which another may have replaced. Where there are no
// notices (the system has no watches left), that is the poll.
func (f *file) watchFolder(ctx context.Context, emit func([]Entry)) error {
	var silent []Entry
	notices, err := f.notices(filepath.Dir(f.Path)) // before the file is read, so that no change is missed
	if err != nil {
		silent = []Entry{{Where: "changes are seen by polling only", Err: err}}
	}
	defer notices.close()
	renew := time.NewTimer(f.Poll)
	defer renew.Stop()
	for {
		entries, err := f.read()
		if err != nil {
			return err
		}
		emit(append(entries, silent...))
		select {
		case <-notices.changes:
			if err := settled(ctx, notices.changes); err != nil {
				return err
			}
		case err := <-notices.errors:
			return err
		case <-renew.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *file) read() ([]Entry, error) {
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe might wait for ever
		return nil, fmt.Errorf("%s is no regular file", f.Path)
	}
	opened, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	content, err := io.ReadAll(io.LimitReader(opened, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", f.Path, maxFile)
	}
	return parseLines(string(content)), nil
}

func parseLines(content string) []Entry {
	var entries []Entry
	number := 0
	for line := range strings.Lines(content) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, Entry{Where: fmt.Sprintf("line %d", number), Address: line})
		}
	}
	return entries
}

// notices tells that something in a folder has changed.
type notices struct {
	changes <-chan fsnotify.Event
	errors  <-chan error
	close   func()
}

// folderNotices gives notices that never come, along with the error, where a
// folder cannot be watched.
func folderNotices(folder string) (notices, error) {
	none := notices{close: func() {}}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return none, fmt.Errorf("watch %s: %w", folder, err)
	}
	if err := watcher.Add(folder); err != nil {
		return none, errors.Join(fmt.Errorf("watch %s: %w", folder, err), watcher.Close())
	}
	return notices{changes: watcher.Events, errors: watcher.Errors, close: func() { _ = watcher.Close() }}, nil
}

// settled swallows what comes within settle: one change is often told in several
// notices. It waits no longer, so that a source that never rests is still read.
func settled[T any](ctx context.Context, changes <-chan T) error {
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for {
		select {
		case _, open := <-changes:
			if !open {
				return nil // what it ended with is met by the next look at it
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
