package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// retryOptions are the flags of batchcall retry.
type retryOptions struct {
	jobFiles
	states []string
}

func (a *app) retryCommand() *cobra.Command {
	var o retryOptions
	cmd := &cobra.Command{
		Use:   "retry JOB [flags]",
		Short: "Send the rows of a job again that failed",
		Long: `Send the rows of a job again that ended without effect, for example when what the
contract refused them for is mended, and wait for the end. Other rows stay as they
are, and nothing is executed twice: a row is sent again only when it is proven that
nothing of it took effect and nothing of it can any more. How it had ended stays in its
history (batchcall get JOB --rows --history -o json, batchcall report JOB --attempts).
Do not also run the file with the failed rows: that is another job.

--state chooses the rows: reverted, rejected, expired, or canceled, which is not
among them when none is named. Rows stay rejected whose nonce another transaction
has used, because that may be the same row, sent from elsewhere.

The job must be done or canceled, or paused with nothing in flight: a paused job goes
on with all of its rows. A deadline counts from the retry. Transactions that were signed
elsewhere are not sent again here: plan, sign and send the failed rows. What is
interrupted while rows are put back is gone on with by the same command.

` + exitHelp,
		Example: `  batchcall retry 0198c0de-6f2e-7000-8000-000000000001 --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall retry 0198c0de-6f2e-7000-8000-000000000001 --state reverted --report report.csv
  batchcall retry 0198c0de-6f2e-7000-8000-000000000001 --state expired,canceled --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.retry(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringSliceVar(&o.states, "state", stateNames(batch.DefaultRetryStates), "rows in these `states`, with commas between")
	o.addTo(f, "none; the command that writes it is named")
	return cmd
}

func stateNames(states []batch.ItemState) []string {
	list := make([]string, len(states))
	for i, s := range states {
		list[i] = string(s)
	}
	return list
}

func (o retryOptions) chosen() ([]batch.ItemState, error) {
	known := stateNames(batch.RetryStates)
	var list []batch.ItemState
	for _, s := range o.states {
		if !slices.Contains(known, s) {
			return nil, usage("--state %s: choose from %s", s, strings.Join(known, ", "))
		}
		list = append(list, batch.ItemState(s))
	}
	if len(list) == 0 {
		return nil, usage("--state is empty: choose from %s", strings.Join(known, ", "))
	}
	return list, nil
}

func (a *app) retry(ctx context.Context, jobID string, o retryOptions) (err error) {
	states, err := o.chosen()
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return err
	}
	if a.opt.gateway == "" { // before a node is needed
		if err := a.checkRetry(ctx, jobID); err != nil {
			return err
		}
	}
	s, err := a.openService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	res, err := s.Retry(ctx, jobID, states)
	switch {
	case ctx.Err() != nil && a.opt.gateway != "":
		return a.leave("interrupted while the gateway was asked to begin; it may be sending", jobID)
	case ctx.Err() != nil:
		a.note("rows that are not put back yet are by: %s", a.again("retry", jobID, "--state", strings.Join(o.states, ",")))
		return a.interrupted(s, jobID)
	case err != nil:
		return a.retryFailed(ctx, s, jobID, err)
	}
	if res.Left > 0 {
		a.note("%s rejected: their nonces were used by other transactions, which may be the same rows, sent from elsewhere", rowsAre(res.Left))
	}
	if res.Rows == 0 {
		a.note("nothing to retry: no row of the job is %s", strings.Join(o.states, " or "))
		return a.hand(ctx, s, res.Job, nil, o.jobFiles)
	}
	a.note("%s queued again", rowsAre(res.Rows))
	return a.finishAndHand(ctx, s, jobID, o.jobFiles)
}

// rowsAre counts rows that are something.
func rowsAre(n int64) string {
	if n == 1 {
		return "1 row is"
	}
	return fmt.Sprintf("%d rows are", n)
}

const whenRetried = "only a job that is done or canceled, or paused with nothing in flight, can be retried"

// checkRetry finds out in the store whether the job can be retried.
func (a *app) checkRetry(ctx context.Context, jobID string) (err error) {
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	job, err := store.Job(ctx, jobID)
	if err != nil {
		return err
	}
	if !job.State.Final() && job.State != batch.JobPaused || job.State == batch.JobInvalid {
		return exitWith(exitUsage, "job %s is %s: %s", jobID, job.State, whenRetried)
	}
	return nil
}

// retryFailed says why a job is not retried.
func (a *app) retryFailed(ctx context.Context, s service, jobID string, err error) error {
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusConflict && p.Code == "no_retry" {
		return err
	}
	return a.controlFailed(ctx, s, jobID, err, whenRetried)
}
