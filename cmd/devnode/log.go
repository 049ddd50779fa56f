package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/bcosgate/bcosgate/devchain/nodeconf"
)

// openLog makes the log that [log] asks for: on the console, in devnode.log in
// the log folder (appended to), or none. The returned function closes it.
func openLog(cfg nodeconf.Log, console io.Writer) (*slog.Logger, func() error, error) {
	nothing := func() error { return nil }
	if !cfg.Enable {
		return slog.New(slog.DiscardHandler), nothing, nil
	}
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Console {
		return slog.New(slog.NewTextHandler(console, options)), nothing, nil
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("log folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(cfg.Dir, "devnode.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("log file: %w", err)
	}
	return slog.New(slog.NewTextHandler(file, options)), file.Close, nil
}
