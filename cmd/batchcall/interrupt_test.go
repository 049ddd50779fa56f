//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
)

// A chain that makes no blocks keeps the first interrupt waiting for what is in
// flight; the second does not wait, and what was sent is still known.
func TestTheSecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Hour)
	store := filepath.Join(t.TempDir(), "jobs.db")
	cmd := exec.CommandContext(t.Context(), "batchcall", "deploy", "Evidence", "--node", w.node, "--certs", w.certs, "--store", store)
	pipe, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, waiting(ctx, func() (bool, error) { return w.chain.PendingCount() == 1, nil }))

	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	lines := bufio.NewScanner(pipe)
	require.True(t, waitLine(lines, "interrupted: settling what is in flight"))
	began := time.Now()
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.True(t, waitLine(lines, "stopped at once; nothing is lost"))
	exit, ok := errors.AsType[*exec.ExitError](cmd.Wait())
	require.True(t, ok)
	require.Equal(t, int(exitInterrupted), exit.ExitCode())
	require.Less(t, time.Since(began), drainTimeout/2)

	s, err := batch.OpenStore(t.Context(), store)
	require.NoError(t, err)
	defer s.Close()
	jobs, err := s.Jobs(t.Context(), batch.JobFilter{})
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	items, err := s.Items(t.Context(), jobs[0].ID, batch.ItemFilter{})
	require.NoError(t, err)
	require.NotNil(t, items[0].TxHash, "the hash was stored before anything was sent")
}

func waitLine(lines *bufio.Scanner, text string) bool {
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return true
		}
	}
	return false
}
