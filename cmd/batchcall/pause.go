package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
)

func (a *app) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "pause JOB",
		Short: "Send nothing new of a job until it is resumed",
		Long: `Sign nothing new of a job until batchcall resume JOB, also after a restart. What was
signed before is settled: by the gateway at once, of a store by the next command that
works with it.

It ends with 0 when the job is paused, also when it was before. No node is needed. A
store that another process works with is left alone: interrupt that process, or pause
at the gateway (--gateway).

` + exitHelp,
		Example: `  batchcall pause 0198c0de-6f2e-7000-8000-000000000001 --gateway http://127.0.0.1:8080
  batchcall pause 0198c0de-6f2e-7000-8000-000000000001 --store data/batchcall.db`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.pause(cmd.Context(), args[0]) },
	}
}

// pauser pauses jobs: a store that nobody works with, or a gateway.
type pauser interface {
	jobReader
	Pause(ctx context.Context, jobID string) (batch.Job, error)
}

func (a *app) pause(ctx context.Context, jobID string) (err error) {
	var p pauser
	if a.opt.gateway != "" {
		p, err = a.openGateway()
	} else {
		p, err = a.openStore(ctx)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	job, err := p.Pause(ctx, jobID)
	if err != nil {
		return a.controlFailed(ctx, p, jobID, err, "only a running job can be paused")
	}
	if err := a.print(jobView(job, a.opt.output)); err != nil {
		return err
	}
	if open := job.Counts.Submitted + job.Counts.Unknown; open > 0 {
		a.note("%s in flight will be settled", counted64(open, "row"))
	}
	a.note("go on with: %s", a.again("resume", job.ID))
	return nil
}

// controlFailed says why a job cannot be changed.
func (a *app) controlFailed(ctx context.Context, r jobReader, jobID string, err error, why string) error {
	if errors.Is(err, batch.ErrStoreInUse) {
		return exitWith(exitUsage, "%v\ninterrupt it first (Ctrl-C), or, if it is a gateway, let it do it (--gateway URL)", err)
	}
	if !errors.Is(err, batch.ErrState) && !isConflict(err) {
		return err
	}
	job, readErr := r.Job(ctx, jobID)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	return exitWith(exitUsage, "job %s is %s: %s", jobID, job.State, why)
}
