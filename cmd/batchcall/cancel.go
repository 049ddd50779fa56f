package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
)

func (a *app) cancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel JOB",
		Short: "Send nothing more of a job",
		Long: `Send nothing more of a job, for good. What is in flight is settled first, and what
was executed stays executed. Rows that were never sent end as canceled, and
batchcall report tells which they are.

It ends with 0 when the job is canceled, also when it was before. A node is needed
only to settle what is in flight. A store that another process works with is left
alone: interrupt that process first, or cancel at the gateway (--gateway).

` + exitHelp,
		Example: `  batchcall cancel 0198c0de-6f2e-7000-8000-000000000001 --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall cancel 0198c0de-6f2e-7000-8000-000000000001 --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.cancel(cmd.Context(), args[0]) },
	}
}

const nothingToCancel = "there is nothing left to cancel"

func (a *app) cancel(ctx context.Context, jobID string) error {
	if a.opt.gateway == "" { // before an engine starts, which would send more of it
		job, err := a.cancelInStore(ctx, jobID)
		if err != nil {
			return err
		}
		if job.State.Final() {
			return a.print(jobView(job, a.opt.output))
		}
		a.note("nothing more of it is sent; settling what is in flight: %s", stateLine(job.Counts))
	}
	return a.cancelByService(ctx, jobID)
}

func (a *app) cancelInStore(ctx context.Context, jobID string) (job batch.Job, err error) {
	store, err := a.openStore(ctx)
	if err != nil {
		return job, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	job, err = store.Cancel(ctx, jobID)
	if err != nil {
		err = a.controlFailed(ctx, store, jobID, err, nothingToCancel)
	}
	return job, err
}

// cancelByService cancels where the job runs, and waits until it has ended. A
// job that is canceling already is only waited for.
func (a *app) cancelByService(ctx context.Context, jobID string) (err error) {
	s, err := a.openService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Cancel(ctx, jobID); err != nil {
		return a.controlFailed(ctx, s, jobID, err, nothingToCancel)
	}
	job, err := a.finish(ctx, s, jobID)
	switch {
	case errors.Is(err, errStands):
		return a.conclude(ctx, s, job, err)
	case err != nil:
		return err
	}
	return a.print(jobView(job, a.opt.output))
}
