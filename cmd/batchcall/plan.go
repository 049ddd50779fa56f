package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/plan"
)

// planOptions are the flags of batchcall plan.
type planOptions struct {
	input    inputOptions
	callee   calleeOptions
	rate     float64
	report   string
	unsigned unsignedOptions
}

func (a *app) planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan -f FILE --contract NAME --fn FUNCTION",
		Short: "Find out what a run would do, without sending anything",
		Long: `Check the rows of a file as batchcall run does, simulate every row with a call from
the account that would sign it, and tell what a run would do: which rows would be
reverted and why, which rows call the same, whether the file was sent before, and
what gas and time to expect. Nothing is sent, and no job is kept for sending. With
--gateway the gateway simulates, and keeps the rows as a job of kind plan.

Every row is simulated alone, at the newest block of the node. A row that needs what
an earlier row does (it spends what that one pays in) cannot be judged: it may be
shown as reverted and work in the run, or the other way round. Estimates say what
they are based on; what is not known is not guessed.

--report writes a line a row, in which confirmed means that the simulation succeeded.

--unsigned writes the transactions of the rows into a file instead, for batchcall sign
on a machine without network and batchcall send on this one. The rows are checked and
not simulated, because the key of the account is needed for that. The transactions
have to be in a block at most --block-limit-ahead blocks after the newest one, so that
there is not much time; what is printed is the SHA-256 of the file, to be compared
with what batchcall sign shows.

` + exitHelp,
		Example: `  batchcall plan -f rows.csv --contract Evidence --fn 'save(bytes32,string)' --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall plan -f rows.csv --contract Evidence --fn save --report plan.csv -o json --gateway http://127.0.0.1:8080
  batchcall plan -f rows.csv --contract Evidence --fn save --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk \
      --unsigned unsigned.ndjson --signer 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.plan(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.input.file, "file", "f", "", "`file` with the rows, - for standard input")
	o.callee.addTo(f)
	f.Float64Var(&o.rate, "rate", 0, "most transactions a second that the run will have, for the estimate of its time (default: the target's limit)")
	f.StringVar(&o.report, "report", "", "write what became of every row to this `file` (.csv, .ndjson, .json or .html; - for standard output as CSV)")
	o.unsigned.addTo(f)
	o.input.addTo(f)
	return cmd
}

func (o planOptions) check() error {
	switch {
	case o.input.file == "":
		return usage("-f is missing: name the file with the rows, or - for standard input")
	case o.rate < 0:
		return usage("--rate %g: it cannot be negative", o.rate)
	}
	if err := o.callee.check("_to"); err != nil {
		return err
	}
	if err := checkPlace("--report", o.report); err != nil {
		return err
	}
	_, err := reportFormat("", o.report)
	return err
}

// plan is batchcall plan after the flags.
func (a *app) plan(ctx context.Context, o planOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if err := o.unsigned.check(a.flags); err != nil {
		return err
	}
	spec := batch.Spec{Kind: batch.KindPlan, IdempotencyKey: "plan-" + uuid.NewString()}
	if err := o.callee.put(&spec); err != nil {
		return err
	}
	if o.unsigned.file != "" {
		o.callee.function = spec.Function
		return a.planUnsigned(ctx, o, spec.To, spec.ABI)
	}
	in, err := openInput(o.input, a.in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	s, err := a.openPlanner(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if spec.Target, err = s.TargetName(ctx); err != nil {
		return err
	}
	spec.Account = s.Account()
	job, err := a.simulate(ctx, s, spec, in)
	if err != nil {
		return err
	}
	p, err := s.Plan(ctx, job.ID, o.rate)
	if err != nil {
		return err
	}
	return a.showPlan(ctx, s, p, o.report)
}

// simulate runs a job of kind plan to its end.
func (a *app) simulate(ctx context.Context, s service, spec batch.Spec, in *input) (batch.Job, error) {
	job, _, err := s.Create(ctx, spec)
	if err != nil {
		return job, a.calleeError(err, spec.Contract)
	}
	id := job.ID
	if _, err = a.load(ctx, s, id, in); err == nil {
		err = s.Run(ctx, id)
	}
	if err == nil {
		err = a.follow(ctx, s, id)
	}
	faults, count, refused := faultsOf(err)
	switch {
	case ctx.Err() != nil:
		a.abandon(s, id)
		return job, exitWith(exitInterrupted, "interrupted; nothing was sent. Run the same command again")
	case refused:
		return job, a.refused(faults, count)
	case err != nil:
		a.abandon(s, id)
		return job, err
	}
	return s.Job(ctx, id)
}

// abandon cancels a simulation that nobody waits for any more.
func (a *app) abandon(s service, jobID string) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if _, err := s.Cancel(ctx, jobID); err != nil {
		a.note("the simulation %s goes on in the gateway: %v", jobID, err)
	}
}

// showPlan writes the report of the rows and the summary, and gives the exit code.
func (a *app) showPlan(ctx context.Context, s jobReader, p plan.Plan, file string) error {
	if file != "" {
		format, err := reportFormat("", file)
		if err != nil {
			return err
		}
		if err := a.saveReport(ctx, s, p.Job.ID, format, file); err != nil {
			return err
		}
	}
	if err := a.beside(file).print(planView(p)); err != nil {
		return err
	}
	for _, c := range p.Errors[:min(len(p.Errors), shownFailures)] {
		a.note("%s", oneLine(fmt.Sprintf("%s would fail (%s), the first is row %d: %s", counted64(c.Count, "row"), c.Kind, c.Row, c.Text)))
	}
	for _, d := range p.Duplicates.Listed[:min(len(p.Duplicates.Listed), shownFailures)] {
		a.note("rows %d to %d: %d of them make the same call", d.First, d.Last, d.Rows)
	}
	for _, e := range p.Earlier {
		a.note("the same file was run before: job %s is %s, %s confirmed", e.JobID, e.State, counted64(e.Confirmed, "row"))
	}
	if failed := p.Job.Rows - p.Job.Counts.Confirmed; failed > 0 {
		return exitWith(exitFailed, "%d of %d rows would fail, as the chain is now; nothing was sent", failed, p.Job.Rows)
	}
	return nil
}

// planView is a plan in the forms of -o.
func planView(p plan.Plan) view {
	at := ""
	if p.Job.FirstBlock > 0 {
		at = strconv.FormatUint(p.Job.FirstBlock, 10)
		if !p.OneBlock {
			at += " to " + strconv.FormatUint(p.Job.LastBlock, 10)
		}
	}
	address := ""
	if p.Job.Address != nil {
		address = p.Job.Address.Hex()
	}
	gas, took := "unknown", "unknown"
	if p.Gas.PerRow > 0 {
		gas = strconv.FormatUint(p.Gas.Total, 10)
	}
	if p.Time.Seconds > 0 {
		took = time.Duration(p.Time.Seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
	}
	c := p.Job.Counts
	return view{value: p, pairs: true,
		header: []string{"target", "address", "function", "signer", "rows", "would_succeed", "would_revert", "not_simulated", "simulated_at_block",
			"duplicates", "sent_before", "gas", "gas_basis", "time", "time_basis", "input_sha256"},
		rows: [][]string{{p.Job.Spec.Target, address, functionText(p.Job), p.Job.Signer.Hex(), number(p.Job.Rows), number(c.Confirmed), number(c.Reverted),
			number(p.Job.Rows - c.Confirmed - c.Reverted), at, number(p.Duplicates.Rows), number(int64(len(p.Earlier))), gas, p.Gas.Basis, took, p.Time.Basis,
			p.Job.InputSHA256}},
	}
}

// planner simulates what a run would send.
type planner interface {
	service
	// Plan tells what came of a job of kind plan that is final.
	Plan(ctx context.Context, jobID string, rate float64) (plan.Plan, error)
}

// openPlanner opens what simulates.
func (a *app) openPlanner(ctx context.Context) (planner, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	dir, err := os.MkdirTemp("", "batchcall-plan-")
	if err != nil {
		return nil, err
	}
	p := &localPlanner{dir: dir}
	if a.opt.storeExists() {
		if p.past, err = batch.OpenStore(ctx, a.opt.store); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	cfg, err := a.localConfig()
	if err == nil {
		p.embedded, err = a.openEngineOn(ctx, cfg, filepath.Join(dir, "plan.db"))
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// localPlanner is an engine on a store of its own, which goes with it: what is
// simulated is kept nowhere. The store of the real jobs is only read.
type localPlanner struct {
	*embedded
	dir  string
	past *batch.Store // nil when there is none
}

func (p *localPlanner) Close() error {
	var err error
	if p.embedded != nil {
		err = p.embedded.Close()
	}
	if p.past != nil {
		err = errors.Join(err, p.past.Close())
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// Create finds where the contract is in the store of the real jobs.
func (p *localPlanner) Create(ctx context.Context, spec batch.Spec) (batch.Job, bool, error) {
	if p.past != nil && spec.Contract != "" {
		c, err := p.past.Contract(ctx, spec.Target, spec.Contract)
		switch {
		case errors.Is(err, batch.ErrNotDeployed):
		case err != nil:
			return batch.Job{}, false, err
		case spec.To == nil || *spec.To == c.Address:
			spec.To = &c.Address
			if spec.ABI == nil && c.ABI != nil {
				spec.ABI = []byte(c.ABI.JSON())
			}
		}
	}
	if spec.To == nil && spec.Contract != "" {
		return batch.Job{}, false, fmt.Errorf("%s: %w", spec.Contract, batch.ErrNotDeployed)
	}
	return p.embedded.Create(ctx, spec)
}

func (p *localPlanner) Plan(ctx context.Context, jobID string, rate float64) (plan.Plan, error) {
	t := p.target()
	m := plan.Maker{Store: p.store, Rates: map[string]float64{t.Info.Name: t.Limits.Rate}}
	if p.past != nil {
		m.Past = p.past
	}
	return m.Plan(ctx, jobID, rate)
}
