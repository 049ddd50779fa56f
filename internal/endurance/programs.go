//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// buildPrograms builds the programs of the repository in root into a folder below
// dir and gives it.
func buildPrograms(ctx context.Context, root, dir string, flags ...string) (string, error) {
	bin, err := filepath.Abs(filepath.Join(dir, "bin"))
	if err != nil {
		return "", err
	}
	args := append(append([]string{"build"}, flags...), "-o", bin+string(filepath.Separator), "./cmd/...")
	build := exec.CommandContext(ctx, "go", args...)
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, text)
	}
	return bin, nil
}

// process is a running program.
type process struct {
	cmd   *exec.Cmd
	out   bytes.Buffer // to be read after ended
	errs  bytes.Buffer
	ended chan struct{} // closed when it has ended
	// To be read after ended.
	result   error
	finished time.Time
}

// start starts a program in the folder dir. The end of ctx kills it.
func start(ctx context.Context, dir, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		p.result = p.cmd.Wait()
		p.finished = time.Now()
	}()
	return p, nil
}

// kill ends the process with SIGKILL and says whether that is how it ended; else
// it had ended by itself before.
func (p *process) kill() bool {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
	return p.cmd.ProcessState.ExitCode() < 0
}

// code is the exit code of a process that has ended, -1 after a signal.
func (p *process) code() int { return p.cmd.ProcessState.ExitCode() }

// failure words how a process that has ended has failed; nil when it has not.
func (p *process) failure() error {
	if p.result == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(p.cmd.Path), strings.Join(p.cmd.Args[1:], " "), p.result, &p.out, &p.errs)
}

// output runs a program to its end and gives what it printed to its standard
// output.
func output(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	p, err := start(ctx, dir, program, args...)
	if err != nil {
		return nil, err
	}
	<-p.ended
	return p.out.Bytes(), p.failure()
}

func unhex(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return nil, errors.New("it does not begin with 0x")
	}
	return hex.DecodeString(digits)
}

// workFolder makes the folder where everything happens: the one that is named, or
// a new one. remove takes away what is new.
func workFolder(named string) (dir string, remove func() error, err error) {
	if named != "" {
		dir, err = filepath.Abs(named)
		return dir, func() error { return nil }, errors.Join(err, os.MkdirAll(named, 0o700))
	}
	dir, err = os.MkdirTemp("", "endurance-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}
