package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/configs"
)

// callRowsOptions are the flags of batchcall call that go with a file.
type callRowsOptions struct {
	input     inputOptions
	rate      float64
	inFlight  int
	block     string
	sameBlock bool
	name      string
	files     jobFiles
}

func (o *callRowsOptions) addTo(f *pflag.FlagSet) {
	f.StringVarP(&o.input.file, "file", "f", "", "read for every row of this `file`, - for standard input")
	f.StringVar(&o.block, "block", "latest", "with -f: the `block` that every row is read at: its number, or latest")
	f.BoolVar(&o.sameBlock, "same-block", false, "with -f: read all rows at the block at which the job begins, and reject those that come too late")
	f.Float64Var(&o.rate, "rate", 0, "with -f: most calls a second (default: no limit)")
	f.IntVar(&o.inFlight, "in-flight", 0, "with -f: most calls in flight (default: as many as the target takes)")
	f.StringVar(&o.name, "name", "", "with -f: free `text` to find the job by")
	o.files.addTo(f, "none; the command that writes it is named")
	f.Lookup("report").Usage = "with -f: write what came of the rows to this `file` (.csv, .ndjson, .json or .html; default: standard output as CSV)"
	o.input.addTo(f)
}

// set is a flag of these that was given, "" when none was.
func (o *callRowsOptions) set(f *pflag.FlagSet) string {
	var own pflag.FlagSet
	(&callRowsOptions{}).addTo(&own)
	given := ""
	f.Visit(func(flag *pflag.Flag) {
		if given == "" && own.Lookup(flag.Name) != nil {
			given = flag.Name
		}
	})
	return given
}

func (o callOptions) checkRows(args []string) error {
	r := o.rows
	switch {
	case len(args) > 0:
		return usage("-f does not go with arguments: they are in the rows")
	case o.from != "":
		return usage("--from does not go with -f: name the account whose key signs the calls with --account")
	case r.rate < 0:
		return usage("--rate %g: it cannot be negative", r.rate)
	case r.inFlight < 0:
		return usage("--in-flight %d: it cannot be negative", r.inFlight)
	case r.sameBlock && r.block != latestBlock:
		return usage("--same-block does not go with --block, which says already that all rows are read at one")
	}
	if _, err := r.pin(); err != nil {
		return err
	}
	if err := o.callee.check("_to"); err != nil {
		return err
	}
	return r.files.check()
}

// latestBlock is what --block says for the newest block.
const latestBlock = "latest"

// pin is the block that every row must be read at; nil is the newest.
func (o callRowsOptions) pin() (*uint64, error) {
	if o.block == latestBlock {
		return nil, nil
	}
	n, err := strconv.ParseUint(o.block, 10, 64)
	if err != nil {
		return nil, usage("--block %s: it is the number of a block, or %s", o.block, latestBlock)
	}
	return &n, nil
}

// callRows is batchcall call with a file, after the flags.
func (a *app) callRows(ctx context.Context, o callOptions, args []string) (err error) {
	if err := o.checkRows(args); err != nil {
		return err
	}
	spec := batch.Spec{Kind: batch.KindCall, Name: o.rows.name, Rate: o.rows.rate, InFlight: o.rows.inFlight, SameBlock: o.rows.sameBlock}
	if spec.Block, err = o.rows.pin(); err != nil {
		return err
	}
	if err := o.callee.put(&spec); err != nil {
		return err
	}
	in, err := openInput(o.rows.input, a.in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	s, err := a.openReads(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if spec.Target, err = s.TargetName(ctx); err != nil {
		return err
	}
	if a.opt.account != "" {
		spec.Account = s.Account()
	}
	job, err := a.beginCalls(ctx, s, spec, in)
	if err != nil {
		return a.beginFailed(ctx, a.calleeError(err, spec.Contract), runOptions{key: spec.IdempotencyKey}, job)
	}
	files := o.rows.files
	if files.report == "" {
		files.report = "-"
	}
	files.delimiter = in.csv.Comma
	return a.carry(ctx, s, job, files)
}

// beginCalls goes on with a job of the same calls and rows that is not done, or makes
// a new one: what was read before may have changed since.
func (a *app) beginCalls(ctx context.Context, s service, spec batch.Spec, in *input) (batch.Job, error) {
	open, err := unfinished(ctx, s)
	if err != nil {
		return batch.Job{}, err
	}
	for _, job := range open {
		if job.InputSHA256 == hex.EncodeToString(in.sha256[:]) && sameCalls(job.Spec, spec) {
			a.note("this was begun before as job %s; it goes on", job.ID)
			return job, nil
		}
	}
	spec.IdempotencyKey = "call-" + uuid.NewString() // so that the request can be repeated
	return a.begin(ctx, s, spec, in)
}

// sameCalls compares what two jobs read, not how fast, nor their names. A gateway
// fills in what a spec leaves out.
func sameCalls(old, spec batch.Spec) bool {
	old.Name, old.IdempotencyKey, old.Rate, old.InFlight, old.Priority = spec.Name, spec.IdempotencyKey, spec.Rate, spec.InFlight, spec.Priority
	a, errA := json.Marshal(old)
	b, errB := json.Marshal(spec)
	return errA == nil && errB == nil && slices.Equal(a, b)
}

// openReads opens what runs jobs of calls. It makes no account, which reads do not
// need.
func (a *app) openReads(ctx context.Context) (service, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	cfg, err := a.localConfig()
	if err != nil {
		return nil, err
	}
	return a.openEngine(ctx, withoutAccounts(cfg, func(account configs.Account) bool { return account.Create && isMissing(account) }))
}
