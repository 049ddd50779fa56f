package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
)

// runOptions are the flags of batchcall run.
type runOptions struct {
	input   inputOptions
	callee  calleeOptions
	terms   termsOptions
	event   string
	ordered string
	shards  string
	name    string
	key     string
	anew    bool
	files   jobFiles
}

const orderedByUsage = "send rows with the same value in this `column` one after the other"

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run -f FILE --contract NAME --fn FUNCTION",
		Short: "Call a function once for every row of a file",
		Long: `Call a function of a contract once for every row of a file, and print a summary.

All rows are checked first; one fault refuses the file, and nothing is sent.

A CSV has a header with the names of the function's arguments. Arrays and
structs are JSON in a cell; integers are decimal or 0x hex; bytes are 0x hex.
NDJSON has an object (argument names) or an array a line. Parquet has columns with
the names of the arguments. CSV and NDJSON may be packed with gzip or zstd. Numbers
that a spreadsheet has rounded (1.23E+18) are refused. Reserved names: _id (a
name for the row), _to (the contract of this row), _fn (the function of this row),
_after (the _id of an earlier row that must be confirmed first).

The same command run again finds the same job: one that was interrupted goes on,
one that is done is only shown. Target, contract address, function, signer and
the bytes of the file decide what is the same; --new asks for another job. With
another --rate, --in-flight, --priority, --deadline, --max-wait or --max-errors it goes
on with these.

--canary N sends the first N rows alone; when one of them is not confirmed the job is
paused. --max-errors pauses it when more rows were reverted or rejected. Both end with
exit code 3, and batchcall resume goes on, with a larger --max-errors.

Rows are sent side by side. With --ordered-by COLUMN (an argument, another column,
_to or _fn) those with the same value there are sent one after the other, in the
order of the file, each when the one before is settled; when one fails the next goes
on. A row with an _after is sent once the earlier row with that _id is confirmed, and
is rejected when that one does not succeed. One gateway at a time carries such a job.

Where several jobs have work for one target (in a gateway, or after resume), those
of higher priority go first; about one in sixteen transactions is left to each lower
priority, so that none waits for ever.

Rows that failed are written beside the input (rows.csv: rows.failed.csv) with
the same columns: mend them and run that file.

An interrupt (Ctrl-C) settles what is in flight and prints how to go on. With
--gateway the job goes on in the gateway.

` + exitHelp,
		Example: `  batchcall run -f rows.csv --contract Evidence --fn 'save(bytes32,string)' \
      --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk --report report.csv
  batchcall run -f - --format ndjson --contract Ledger --fn transfer --rate 200 --canary 10 --max-errors 1% < transfers.ndjson
  batchcall run -f payments.csv --contract Ledger --fn 'transfer(address,uint256)' --ordered-by to
  batchcall run -f rows.csv --to 0x31ed5233b81c79d5adddeef991f531a9bbc2ad01 \
      --fn 'save(bytes32 digest,string text)' --gateway https://gate.example:8443 --report - -q > report.csv`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.input.file, "file", "f", "", "`file` with the rows, - for standard input")
	o.callee.addTo(f)
	o.terms.addTo(f)
	f.StringVar(&o.ordered, "ordered-by", "", orderedByUsage)
	f.StringVar(&o.event, "event", "", "`event` that the contract must emit in every confirmed row, as 'Saved(bytes32,address,uint256,string)': batchcall reconcile and a gateway's audit look for it")
	f.StringVar(&o.shards, "shard-by", "", "how rows are cut into `shards`, which several gateways share: range(ROWS), key(COLUMN) or time(COLUMN,1h), the oldest first (default range(250))")
	f.StringVar(&o.name, "name", "", "free `text` to find the job by")
	o.files.addTo(f, "FILE.failed.csv beside the input, unless it is there already")
	f.StringVar(&o.key, "idempotency-key", "", "`key` that finds the job again, instead of one made of what is called and the file")
	f.BoolVar(&o.anew, "new", false, "make another job, even if the same file was run before")
	o.input.addTo(f)
	return cmd
}

func (o runOptions) check() error {
	switch {
	case o.input.file == "":
		return usage("-f is missing: name the file with the rows, or - for standard input")
	case o.anew && o.key != "":
		return usage("--new does not go with --idempotency-key: the key says which job it is")
	}
	if err := o.callee.check("_to"); err != nil {
		return err
	}
	if err := o.terms.check(); err != nil {
		return err
	}
	return o.files.check()
}

// run is batchcall run after the flags.
func (a *app) run(ctx context.Context, o runOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	spec := batch.Spec{Kind: batch.KindBatch, Name: o.name, IdempotencyKey: o.key, Event: o.event, ShardBy: o.shards, OrderedBy: o.ordered}
	o.terms.put(&spec)
	if err := o.callee.put(&spec); err != nil {
		return err
	}
	in, err := openInput(o.input, a.in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	s, err := a.openService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	if spec.Target, err = s.TargetName(ctx); err != nil {
		return err
	}
	spec.Account = s.Account()
	if spec.IdempotencyKey == "" {
		if spec.IdempotencyKey, err = a.runKey(ctx, s, o, spec, in); err != nil {
			return err
		}
	}
	job, err := a.begin(ctx, s, spec, in)
	if err != nil {
		return a.beginFailed(ctx, err, o, job)
	}
	if !in.temporary {
		o.files.beside = in.path
	}
	o.files.delimiter = in.csv.Comma
	return a.carry(ctx, s, job, o.files)
}

// carry starts a job, follows it to its end and writes its files.
func (a *app) carry(ctx context.Context, s service, job batch.Job, files jobFiles) error {
	if err := a.start(ctx, s, "", job); err != nil {
		return err
	}
	return a.finishAndHand(ctx, s, job.ID, files)
}

// finishAndHand follows a job that is running to its end and writes its files.
func (a *app) finishAndHand(ctx context.Context, s service, jobID string, files jobFiles) error {
	job, err := a.finish(ctx, s, jobID)
	if err != nil && !errors.Is(err, errStands) {
		return err
	}
	return a.hand(ctx, s, job, err, files)
}

// runKey is the idempotency key of a run that was not given one.
func (a *app) runKey(ctx context.Context, s service, o runOptions, spec batch.Spec, in *input) (string, error) {
	if o.anew {
		return "new-" + uuid.NewString(), nil
	}
	parts := keyParts{Target: spec.Target, Function: spec.Function, Input: in.sha256}
	switch {
	case spec.To != nil:
		parts.Contract = spec.To.Hex()
	case spec.Contract != "":
		address, err := s.Address(ctx, spec.Contract)
		if err != nil {
			return "", a.calleeError(err, spec.Contract)
		}
		parts.Contract = address.Hex()
	}
	var err error
	parts.Signer, err = s.Signer()
	return idempotencyKey(parts), err
}

// begin creates the job, or finds it, and brings it to where it has all of its
// rows. A job that is final is given back as it is.
func (a *app) begin(ctx context.Context, s service, spec batch.Spec, in *input) (batch.Job, error) {
	job, created, err := s.Create(ctx, spec)
	if err != nil {
		return batch.Job{}, err
	}
	if !created {
		switch {
		case job.State == batch.JobInvalid:
		case job.State == batch.JobPaused: // said below, when the rows are known to be the same
		case job.State.Final():
			a.note("this was run before as job %s, which is %s; --new makes another job", job.ID, job.State)
		default:
			a.note("this was begun before as job %s; it goes on", job.ID)
		}
	}
	sum := hex.EncodeToString(in.sha256[:])
	if job.State == batch.JobInvalid && job.InputSHA256 == sum {
		return job, &batch.InvalidRowsError{JobID: job.ID, Faults: job.Faults, Count: job.FaultCount}
	}
	if job.InputSHA256 != sum { // also where other rows are there already, which refuses
		if job, err = a.load(ctx, s, job.ID, in); err != nil {
			return job, err
		}
	}
	if job.InputSHA256 != sum {
		_, err := s.Cancel(ctx, job.ID)
		return job, errors.Join(fmt.Errorf("%s changed while it was read, nothing was sent: run it again", in.name), err)
	}
	if job.State == batch.JobPaused {
		return job, exitWith(jobCode(job), "this was begun before as job %s; %w\ngo on with: %s\ngive it up: %s", job.ID, pausedBecause(job.Reason),
			a.again("resume", job.ID), a.again("cancel", job.ID))
	}
	if created && !job.State.Final() {
		a.note("job %s: %s", job.ID, counted64(job.Rows, "row"))
	}
	return job, nil
}

func (a *app) load(ctx context.Context, s service, jobID string, in *input) (batch.Job, error) {
	show := a.newProgress()
	defer show.end()
	job, err := s.Load(ctx, jobID, in, func(n int64) { show.bytes(n, in.size) })
	job.ID = jobID
	return job, err
}

// beginFailed words what went wrong before anything was sent.
func (a *app) beginFailed(ctx context.Context, err error, o runOptions, job batch.Job) error {
	if ctx.Err() != nil {
		return exitWith(exitInterrupted, "interrupted while the rows were checked; nothing was sent. Run the same command again")
	}
	if faults, count, ok := faultsOf(err); ok {
		return a.refused(faults, count)
	}
	if isConflict(err) {
		if o.key == "" {
			return exitWith(exitUsage, "the same rows were run before with another --name, --abi, --canary or --ordered-by, or on a chain that has been rebuilt since: use the same ones, or --new. Look for the job with: %s", a.again("get"))
		}
		return exitWith(exitUsage, "--idempotency-key %s belongs to another request or to other rows: choose a new key, or send the same again", o.key)
	}
	return err
}

// calleeError says more of a contract that has no address.
func (a *app) calleeError(err error, contract string) error {
	if errors.Is(err, batch.ErrNotDeployed) {
		return a.notDeployed(contract)
	}
	return err
}

// notDeployed says how a contract gets a name.
func (a *app) notDeployed(contract string) error {
	deploy := []string{"deploy", contract}
	if !isBuiltin(contract) {
		deploy = []string{"deploy", "--name", contract, "--abi", contract + ".abi", "--bin", contract + ".bin"}
	}
	return exitWith(exitUsage, "no contract %s was deployed on this target from here. Deploy it with: %s\nor name its address with --to", contract, a.again(deploy...))
}

// usageArgs makes a wrong number of arguments an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{fmt.Errorf("%s", strings.ReplaceAll(err.Error(), `"`, ""))}
		}
		return nil
	}
}
