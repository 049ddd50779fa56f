package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
)

func (a *app) resumeCommand() *cobra.Command {
	var o jobFiles
	var maxErrors string
	cmd := &cobra.Command{
		Use:   "resume [JOB] [flags]",
		Short: "Go on with a job that was interrupted or paused, or with all that were interrupted",
		Long: `Go on with a job that was interrupted: by Ctrl-C, a crash or a power cut. What
may have been sent before is looked for on the chain first, so that no row is
executed twice. Without JOB all unfinished jobs go on, but for those that are
paused: they go on only when they are named.

Opening a store goes on with all of its jobs that were sending; JOB says which
one is waited for. Jobs of a gateway go on by themselves; here resume starts
those that stand still again.

A job that its error budget has paused (exit code 3) needs a larger one: give it with
--max-errors. One that its canary has paused goes on with the rest of its rows.

` + exitHelp,
		Example: `  batchcall resume --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall resume 0198c0de-6f2e-7000-8000-000000000001 --report report.csv --failed again.csv
  batchcall resume 0198c0de-6f2e-7000-8000-000000000001 --max-errors 5%
  batchcall resume 0198c0de-6f2e-7000-8000-000000000001 --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.resume(cmd.Context(), args, maxErrors, o) },
	}
	cmd.Flags().StringVar(&maxErrors, "max-errors", "", maxErrorsUsage+" (default: the one that the job has)")
	o.addTo(cmd.Flags(), "none; the command that writes it is named")
	return cmd
}

func (a *app) resume(ctx context.Context, args []string, maxErrors string, o jobFiles) (err error) {
	if len(args) == 0 && maxErrors != "" {
		return usage("--max-errors goes with one JOB: each job has its own budget")
	}
	if len(args) == 0 && (o.report != "" || o.failed != "") {
		return usage("--report and --failed go with one JOB: each job has its own")
	}
	if err := o.check(); err != nil {
		return err
	}
	if a.opt.gateway == "" { // before a node is needed
		if err := a.checkResume(ctx, args); err != nil {
			return err
		}
	}
	s, err := a.openService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	jobs, err := jobsToResume(ctx, s, args)
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		return a.nothingToResume(ctx, s)
	}
	if err := a.start(ctx, s, maxErrors, jobs...); err != nil {
		return err
	}
	var worst error
	for i, job := range jobs {
		if len(jobs) > 1 {
			a.note("job %s (%d of %d)", job.ID, i+1, len(jobs))
		}
		ended, err := a.finish(ctx, s, job.ID)
		if err != nil && !errors.Is(err, errStands) {
			return err
		}
		if err := a.hand(ctx, s, ended, err, o); err != nil {
			if worst != nil && len(jobs) > 1 {
				a.note("batchcall: %s", worst)
			}
			worst = worse(worst, err)
		}
	}
	return worst
}

// nothingToResume says so, and names the jobs that wait to be named.
func (a *app) nothingToResume(ctx context.Context, r jobReader) error {
	paused, err := r.Jobs(ctx, batch.JobFilter{State: batch.JobPaused, Limit: maxListed})
	if err != nil {
		return err
	}
	if len(paused) == 0 {
		a.note("nothing to resume: all jobs are done")
	}
	for _, job := range paused {
		a.note("job %s is paused; go on with: %s", job.ID, a.again("resume", job.ID))
	}
	return nil
}

// checkResume finds out without a node whether there is anything to do.
func (a *app) checkResume(ctx context.Context, args []string) error {
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	_, err = jobsToResume(ctx, store, args)
	return errors.Join(err, store.Close())
}

func jobsToResume(ctx context.Context, r jobReader, args []string) ([]batch.Job, error) {
	if len(args) == 0 {
		return unfinished(ctx, r)
	}
	job, err := r.Job(ctx, args[0])
	if err != nil {
		return nil, err
	}
	if job.State == batch.JobLoading {
		return nil, fmt.Errorf("job %s never got all of its rows, and nothing was sent: give batchcall run the same command again", job.ID)
	}
	return []batch.Job{job}, nil
}

// worse is the error whose exit code says more: unknown rows before failed
// ones, and what is to be mended before both.
func worse(a, b error) error {
	rank := map[exitCode]int{exitOK: 0, exitFailed: 1, exitUnknown: 2, exitUsage: 3}
	if rank[codeOf(b)] > rank[codeOf(a)] {
		return b
	}
	return a
}
