package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// exitCode is what the process ends with.
type exitCode int

// The exit codes, the same for every command. exitHelp says them to people.
const (
	exitOK          exitCode = 0
	exitUsage       exitCode = 1
	exitFailed      exitCode = 2
	exitBudget      exitCode = 3
	exitUnknown     exitCode = 4
	exitNoNode      exitCode = 5
	exitMismatch    exitCode = 6
	exitInterrupted exitCode = 130
)

const exitHelp = `Exit codes:
  0    everything succeeded
  1    usage: bad flags, bad input, or something else that has to be mended first
  2    some rows (or the call, or the deployment) were reverted, rejected, canceled, or expired
  3    stopped by the error budget or the canary
  4    rows are left whose outcome is not known
  5    no node, or no gateway, can be reached; with reconcile: fewer nodes than wanted
  6    reconcile found a difference, or a report is not the one that was written (verify-report)
  130  interrupted or paused; batchcall resume goes on`

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted")

// exitError ends the program with a code of its own. An empty message prints
// nothing, because the command has said everything.
type exitError struct {
	code exitCode
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitWith gives err a code.
func exitWith(code exitCode, format string, args ...any) error {
	return &exitError{code: code, err: fmt.Errorf(format, args...)}
}

// codeOf is the exit code of the error that a command returned.
func codeOf(err error) exitCode {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		return exitNoNode
	}
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return kindCode(chain.Kind(p.Kind))
	}
	if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return kindCode(chain.KindOf(err))
}

// kindCode is the exit code of a read or a preparation that failed; nothing
// was sent.
func kindCode(kind chain.Kind) exitCode {
	switch kind {
	case chain.KindUnavailable, chain.KindTimeout:
		return exitNoNode
	}
	return exitUsage
}

// jobCode is the exit code that says how a job ended or stands.
func jobCode(job batch.Job) exitCode {
	c := job.Counts
	switch {
	case job.State == batch.JobInvalid:
		return exitUsage
	case job.StoppedBy == batch.StopMaxErrors, job.StoppedBy == batch.StopCanary:
		return exitBudget
	case c.Unknown+c.Submitted > 0:
		return exitUnknown
	case job.State == batch.JobPaused:
		return exitInterrupted
	case !job.State.Final():
		return exitUsage // it stands still, and its reason says what to mend
	case c.Failed() > 0:
		return exitFailed
	}
	return exitOK
}
