package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
)

const (
	// maxListed bounds lists of jobs; older ones are found by id.
	maxListed = 1000
	// pageSize is how many rows or jobs are asked for at a time.
	pageSize = 1000
)

type getOptions struct {
	rows    bool
	states  []string
	history bool
	limit   int
	watch   bool
}

func (a *app) getCommand() *cobra.Command {
	var o getOptions
	cmd := &cobra.Command{
		Use:   "get [JOB]",
		Short: "Show jobs, one job, or the rows of a job",
		Long: `Show jobs, one job, or with --rows the rows of a job. It needs no node, and reads
a store that another process is working with.

With --watch it waits until the job is done and then ends with the exit code of
its result; else the exit code says only whether the job could be read.

` + exitHelp,
		Example: `  batchcall get
  batchcall get --state running
  batchcall get 0198c0de-6f2e-7000-8000-000000000001 --rows --state reverted,rejected
  batchcall get 0198c0de-6f2e-7000-8000-000000000001 --watch --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return a.get(cmd.Context(), args, o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.rows, "rows", false, "show the rows of the job")
	f.StringSliceVar(&o.states, "state", nil, "only jobs (or, with --rows, rows) in these `states`, with commas between")
	f.BoolVar(&o.history, "history", false, "with --rows: every attempt (with -o json or yaml)")
	f.IntVar(&o.limit, "limit", 0, "at most so many jobs or rows (default: 100 jobs, all rows)")
	f.BoolVar(&o.watch, "watch", false, "follow the job until it is done")
	return cmd
}

func (o getOptions) check(args []string) error {
	known := jobStates()
	if o.rows {
		known = nil
		for _, s := range batch.ItemStates {
			known = append(known, string(s))
		}
	}
	for _, s := range o.states {
		if !slices.Contains(known, s) {
			return usage("--state %s: choose from %s", s, strings.Join(known, ", "))
		}
	}
	switch {
	case len(args) == 0 && (o.rows || o.watch):
		return usage("--rows and --watch need a JOB; batchcall get lists them")
	case len(args) == 1 && !o.rows && len(o.states) > 0:
		return usage("--state with a JOB goes with --rows")
	case o.rows && o.watch:
		return usage("--rows does not go with --watch")
	case o.history && !o.rows:
		return usage("--history goes with --rows")
	case o.limit < 0:
		return usage("--limit %d: it cannot be negative", o.limit)
	}
	return nil
}

func jobStates() []string {
	var list []string
	for _, s := range batch.JobStates {
		list = append(list, string(s))
	}
	return list
}

func (a *app) get(ctx context.Context, args []string, o getOptions) (err error) {
	if err := o.check(args); err != nil {
		return err
	}
	r, err := a.openReader(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	switch {
	case len(args) == 0:
		return a.getJobs(ctx, r, o)
	case o.rows:
		return a.getRows(ctx, r, args[0], o)
	}
	var stands error
	if o.watch {
		stands = a.follow(ctx, r, args[0])
		if stands != nil && !errors.Is(stands, errStands) {
			return stands
		}
	}
	job, err := r.Job(ctx, args[0])
	if err != nil {
		return err
	}
	if o.watch {
		return a.conclude(ctx, r, job, stands)
	}
	return a.print(jobView(job, a.opt.output))
}

func (a *app) getJobs(ctx context.Context, r jobReader, o getOptions) error {
	limit := o.limit
	if limit == 0 {
		limit = 100
	}
	states := o.states
	if len(states) == 0 {
		states = []string{""}
	}
	var jobs []batch.Job
	for _, state := range states {
		found, err := r.Jobs(ctx, batch.JobFilter{State: batch.JobState(state), Target: a.opt.target, Limit: limit})
		if err != nil {
			return err
		}
		jobs = append(jobs, found...)
	}
	slices.SortStableFunc(jobs, func(x, y batch.Job) int { return y.Created.Compare(x.Created) })
	return a.print(jobListView(jobs[:min(len(jobs), limit)], a.opt.output))
}

// getRows prints page after page as CSV, so that a job of any size can be
// read; the other formats need all rows at once.
func (a *app) getRows(ctx context.Context, r jobReader, jobID string, o getOptions) error {
	if _, err := r.Job(ctx, jobID); err != nil {
		return err
	}
	f := batch.ItemFilter{History: o.history}
	for _, s := range o.states {
		f.States = append(f.States, batch.ItemState(s))
	}
	var all []batch.Item
	shown := 0
	for {
		f.Limit = pageSize
		if o.limit > 0 {
			f.Limit = min(pageSize, o.limit-shown)
		}
		items, err := r.Items(ctx, jobID, f)
		if err != nil {
			return fmt.Errorf("read the rows of job %s: %w", jobID, err)
		}
		if a.opt.output != outCSV {
			all = append(all, items...)
		} else if err := itemsView(items).printCSV(a.out, shown == 0); err != nil {
			return err
		}
		shown += len(items)
		if len(items) < f.Limit || shown == o.limit {
			break
		}
		f.After = items[len(items)-1].Row
	}
	if a.opt.output == outCSV {
		return nil
	}
	return a.print(itemsView(all))
}
