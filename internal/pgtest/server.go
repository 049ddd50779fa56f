// Package pgtest runs PostgreSQL servers of its own for tests and programs of
// developers, from the binaries that the system has. It never touches a server that somebody else runs.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// startTimeout bounds a start, also one that repairs what a kill left behind.
const startTimeout = 60 * time.Second

// Server is one server with a folder of its own. It is reached by a socket in the
// file system only, and asks for no password.
type Server struct {
	bin, dir string
	process  *os.Process   // nil when it does not run
	ended    chan struct{} // closed when process has ended
	made     atomic.Int64  // databases
}

// Available says why there can be no server here; nil when there can.
// BCOSGATE_POSTGRES=required makes tests fail that would be skipped for it.
func Available() error {
	_, err := binaries()
	return err
}

// Need skips a test, or fails it, where no server can be run.
func Need(t testing.TB) {
	t.Helper()
	err := Available()
	if err != nil && os.Getenv("BCOSGATE_POSTGRES") == "required" {
		require.NoError(t, err)
	}
	if err != nil {
		t.Skip(err)
	}
}

func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("there is no PostgreSQL server here (initdb is neither in /usr/lib/postgresql/*/bin nor in the path): install the package postgresql")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// Start makes a server and waits until it answers. Stop it in the end.
func Start(settings ...string) (_ *Server, err error) {
	s := &Server{}
	if s.bin, err = binaries(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "bcosgate-pg"); err != nil {
		return nil, err
	}
	if err := s.init(settings); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.Up(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) init(settings []string) (err error) {
	if err := giveAway(s.dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	cmd.Dir = s.dir
	asServer(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	// Without fsync: the machine stays on, whatever becomes of the server.
	text := "listen_addresses = ''\nunix_socket_directories = '" + s.dir + "'\nfsync = off\nshared_buffers = 32MB\n"
	for _, line := range settings {
		text += line + "\n"
	}
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Up starts the server after Kill and waits until it answers.
func (s *Server) Up() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		if s.process == nil {
			if err := s.launch(); err != nil {
				return err
			}
		}
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server does not start: %w", err)
		case <-s.ended: // what the last one left was in its way
			s.process = nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// guarded runs a server, says which process it is, and ends it when its own input
// ends: with the test, however that ends.
const guarded = `exec 3<&0; "$0" -D "$1" >>"$2" 2>&1 & pid=$!; echo $pid; { cat <&3; kill -INT $pid; } >/dev/null 2>&1 & wait $pid`

func (s *Server) launch() error {
	// Kill and Stop end it, or the end of the test.
	cmd := exec.CommandContext(context.Background(), "sh", "-c", guarded, filepath.Join(s.bin, "postgres"), s.data(), filepath.Join(s.dir, "log"))
	cmd.Dir = s.dir
	asServer(cmd)
	life, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var pid int
	if _, err := fmt.Fscanln(out, &pid); err != nil {
		return errors.Join(err, life.Close(), cmd.Wait())
	}
	if s.process, err = os.FindProcess(pid); err != nil {
		return errors.Join(err, life.Close(), cmd.Wait())
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, out) // until the server has ended
		_ = life.Close()
		_ = cmd.Wait()
	}()
	return nil
}

// Kill ends the server as a crash does: SIGKILL, nothing is saved, no client is told.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	err := s.process.Kill()
	<-s.ended
	s.process = nil
	return err
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() error {
	if s.process != nil {
		_ = s.process.Signal(os.Interrupt) // sessions end at once
		select {
		case <-s.ended:
		case <-time.After(10 * time.Second):
			_ = s.Kill()
		}
	}
	return os.RemoveAll(s.dir)
}

// URL is where a database of the server is.
func (s *Server) URL(database string) string {
	return "postgres://postgres@/" + database + "?host=" + url.QueryEscape(s.dir)
}

// Database makes an empty database and gives its URL.
func (s *Server) Database() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("t%d", s.made.Add(1))
	_, err = conn.Exec(ctx, "CREATE DATABASE "+name)
	return s.URL(name), errors.Join(err, conn.Close(ctx))
}
