//go:build unix

package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is this test binary as the program, in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	lines *bufio.Scanner
	err   *buffer
}

func (w *world) process(args ...string) *process {
	w.t.Helper()
	exe, err := os.Executable()
	require.NoError(w.t, err)
	p := &process{t: w.t, cmd: exec.Command(exe, append([]string{"serve", "--config", w.path("gateway.yaml")}, args...)...), err: newBuffer()}
	p.cmd.Env = append(os.Environ(), "RUN_AS_GATEWAY=1")
	p.cmd.Stderr = p.err
	out, err := p.cmd.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, p.cmd.Start())
	w.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.lines = bufio.NewScanner(out)
	for p.url == "" {
		require.True(w.t, p.lines.Scan(), "%s", p.err)
		_, p.url, _ = strings.Cut(p.lines.Text(), "listens on ")
	}
	return p
}

// code waits for the end of the process.
func (p *process) code() int {
	p.t.Helper()
	var rest strings.Builder
	for p.lines.Scan() {
		rest.WriteString(p.lines.Text() + "\n")
	}
	err := p.cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ExitCode()
	}
	require.NoError(p.t, err)
	require.Contains(p.t, rest.String(), "gateway stopped")
	return 0
}

func TestSignalsStopTheProcessInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := w.process()
		require.NoError(t, p.cmd.Process.Signal(signal))
		require.Equal(t, exitOK, p.code(), "%s", p.err)
	}
}

func TestSecondSignalEndsTheProcessAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	p := w.process()
	body, feed := io.Pipe() // an upload that never ends keeps the stop waiting
	defer feed.Close()
	s := (&service{t: t, url: p.url, client: http.DefaultClient, err: p.err}).ready()
	s.ok(http.StatusOK, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	id := s.ok(http.StatusCreated, "POST", "/v1/jobs", `{"contract":"Evidence","function":"save"}`)["id"].(string)
	uploading := make(chan struct{})
	go func() {
		defer close(uploading)
		req, err := http.NewRequest(http.MethodPut, p.url+"/v1/jobs/"+id+"/rows", body)
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "text/csv")
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	_, err := io.WriteString(feed, "digest,text\n")
	require.NoError(t, err)
	s.eventually(func() bool {
		_, metrics := s.do("GET", "/metrics", "", "")
		return strings.Contains(string(metrics), "bcosgate_http_requests_in_flight 2\n") // this one and the upload
	})
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	require.Eventually(t, func() bool { return strings.Contains(p.err.String(), "stopping") }, 20*time.Second, 5*time.Millisecond)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGINT))
	require.Equal(t, exitInterrupted, p.code(), "%s", p.err)
	require.Contains(t, p.err.String(), "stopped at once")
	_ = feed.CloseWithError(io.ErrUnexpectedEOF)
	<-uploading
}
