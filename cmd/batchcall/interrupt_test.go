//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// A gateway begins with a job before its answer is here. An interrupt in between
// must not say that nothing was sent.
func TestAnInterruptBeforeTheGatewayAnswers(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-the-tests"
	w := newWorld(t, 40*time.Millisecond)
	plain, _ := w.gateway(t, token)
	var held atomic.Pointer[string] // the request whose answer is kept back
	begun := make(chan struct{}, 1)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if suffix := held.Load(); suffix == nil || r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, *suffix) {
			plain.Config.Handler.ServeHTTP(rw, r)
			return
		}
		plain.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
		begun <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(front.Close)
	interrupted := func(suffix string, args ...string) string {
		held.Store(&suffix)
		cmd := exec.CommandContext(t.Context(), "batchcall", append(args, "--gateway", front.URL, "--token", token)...)
		var said strings.Builder
		cmd.Stderr = &said
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-begun:
		case <-ended:
			require.Fail(t, "it ended before it asked for "+suffix, said.String())
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		exit, ok := errors.AsType[*exec.ExitError](<-ended)
		require.True(t, ok)
		require.Equal(t, int(exitInterrupted), exit.ExitCode(), said.String())
		return said.String()
	}

	require.NoError(t, exec.CommandContext(t.Context(), "batchcall", "deploy", "Evidence", "--gateway", plain.URL, "--token", token).Run())
	require.Contains(t, interrupted("/transactions", "deploy", "Evidence"), "it may deploy all the same. Look for it with: batchcall get")

	rows := filepath.Join(t.TempDir(), "rows.csv")
	require.NoError(t, os.WriteFile(rows, []byte("digest,text\n0x2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824,hello\n"), 0o600))
	said := interrupted("/start", "run", "-f", rows, "--contract", "Evidence", "--fn", "save")
	require.Contains(t, said, "it may be sending")
	require.Contains(t, said, "cancel it: batchcall cancel ")
	require.NotContains(t, said, "nothing was sent")
}

func waitLine(lines *bufio.Scanner, text string) bool {
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return true
		}
	}
	return false
}
