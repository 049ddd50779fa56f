package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lockDataDir takes a ledger's folder for this process and writes its number into
// the lock file. The returned function gives the folder back; the end of the
// process, however it comes, does too.
func lockDataDir(dir string) (func() error, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	// Two files: on some systems a locked file cannot be read by others.
	lock := flock.New(filepath.Join(dir, "devnode.lock"))
	pidFile := filepath.Join(dir, "devnode.pid")
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if !taken {
		pid, _ := os.ReadFile(pidFile) // for the message only
		return nil, fmt.Errorf("data folder %s is in use by another devnode (process %s): stop it first, or choose another data_path",
			dir, strings.TrimSpace(string(pid)))
	}
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return func() error {
		_ = os.Remove(pidFile)
		return lock.Unlock()
	}, nil
}
