package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/gateway/client"
)

func TestExitCodeOfAnError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want exitCode
	}{
		"none":                  {nil, exitOK},
		"usage":                 {usage("x"), exitUsage},
		"anything":              {errors.New("x"), exitUsage},
		"bad spec":              {&batch.SpecError{Field: "function"}, exitUsage},
		"store in use":          {fmt.Errorf("start: %w", batch.ErrStoreInUse), exitUsage},
		"own code, wrapped":     {fmt.Errorf("x: %w", exitWith(exitFailed, "y")), exitFailed},
		"no node":               {fmt.Errorf("x: %w", &chain.Error{Kind: chain.KindUnavailable}), exitNoNode},
		"node does not answer":  {&chain.Error{Kind: chain.KindTimeout}, exitNoNode},
		"chain refuses":         {&chain.Error{Kind: chain.KindDenied}, exitUsage},
		"no gateway":            {&client.UnreachableError{Err: errors.New("refused")}, exitNoNode},
		"gateway has no node":   {&client.Problem{Status: 503, Kind: "unavailable"}, exitNoNode},
		"gateway refuses":       {&client.Problem{Status: 422, Kind: "request"}, exitUsage},
		"interrupted":           {errInterrupted, exitInterrupted},
		"canceled":              {fmt.Errorf("x: %w", context.Canceled), exitInterrupted},
		"closing fails as well": {errors.Join(exitWith(exitUnknown, "y"), errors.New("z")), exitUnknown},
	} {
		require.Equal(t, tc.want, codeOf(tc.err), name)
	}
}

func TestExitCodeOfAJob(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		state  batch.JobState
		counts batch.Counts
		want   exitCode
	}{
		"all confirmed":            {batch.JobDone, batch.Counts{Confirmed: 3}, exitOK},
		"reverted":                 {batch.JobDone, batch.Counts{Confirmed: 3, Reverted: 1}, exitFailed},
		"rejected":                 {batch.JobDone, batch.Counts{Rejected: 1}, exitFailed},
		"canceled":                 {batch.JobCanceled, batch.Counts{Confirmed: 2, Canceled: 1}, exitFailed},
		"canceled after the end":   {batch.JobCanceled, batch.Counts{Confirmed: 3}, exitOK},
		"unknown before failed":    {batch.JobRunning, batch.Counts{Reverted: 1, Unknown: 1}, exitUnknown},
		"in flight is not known":   {batch.JobRunning, batch.Counts{Submitted: 1}, exitUnknown},
		"stands still, none sent":  {batch.JobRunning, batch.Counts{Queued: 3}, exitUsage},
		"refused":                  {batch.JobInvalid, batch.Counts{}, exitUsage},
		"stands still, some done":  {batch.JobRunning, batch.Counts{Queued: 3, Confirmed: 1}, exitUsage},
		"paused":                   {batch.JobPaused, batch.Counts{Queued: 3, Reverted: 1}, exitInterrupted},
		"stopped before the start": {batch.JobReady, batch.Counts{Queued: 3}, exitUsage},
	} {
		require.Equal(t, tc.want, jobCode(batch.Job{State: tc.state, Counts: tc.counts}), name)
	}
}

func TestExitCodeOfAJobThatARuleStopped(t *testing.T) {
	t.Parallel()
	job := batch.Job{State: batch.JobPaused, StoppedBy: batch.StopMaxErrors, Counts: batch.Counts{Reverted: 3, Unknown: 1, Queued: 9}}
	require.Equal(t, exitBudget, jobCode(job))
}

// The numbers are an interface that scripts rely on.
func TestExitCodesAreThoseOfTheHelp(t *testing.T) {
	t.Parallel()
	require.Equal(t, []exitCode{0, 1, 2, 3, 4, 5, 6, 130},
		[]exitCode{exitOK, exitUsage, exitFailed, exitBudget, exitUnknown, exitNoNode, exitMismatch, exitInterrupted})
	for _, code := range []exitCode{exitOK, exitUsage, exitFailed, exitBudget, exitUnknown, exitNoNode, exitMismatch, exitInterrupted} {
		require.Contains(t, exitHelp, fmt.Sprintf("\n  %-3d  ", code))
	}
	root := (&app{}).rootCommand()
	require.Contains(t, root.Long, exitHelp)
	for _, cmd := range root.Commands() {
		if cmd.Name() != "version" {
			require.Contains(t, cmd.Long, exitHelp, cmd.Name())
		}
	}
}

func TestTheWorstOfSeveralJobs(t *testing.T) {
	t.Parallel()
	failed, unknown := exitWith(exitFailed, "a"), exitWith(exitUnknown, "b")
	require.Equal(t, failed, worse(nil, failed))
	require.Equal(t, unknown, worse(failed, unknown))
	require.Equal(t, unknown, worse(unknown, failed))
}
