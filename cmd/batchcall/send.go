package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/offline"
	"github.com/bcosgate/bcosgate/batch/rows"
)

// sendOptions are the flags of batchcall send.
type sendOptions struct {
	file    string
	terms   termsOptions
	ordered string
	name    string
	files   jobFiles
}

func (a *app) sendCommand() *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send FILE",
		Short: "Send transactions that batchcall sign signed on another machine",
		Long: `Send the file that batchcall sign wrote, each transaction exactly once, and print a
summary. No key is needed here.

Every row is checked first: who signed it, for which chain, and that just the call
was signed that its values make. One fault refuses the file.

It is a job like that of batchcall run: it has a report, and goes on with
batchcall resume after an interrupt or a power cut. The same file sent again is the
same job, and even in another store nothing is executed twice.

All transactions of the file have one block limit: the last block that may have
them. How many blocks are left is shown. Rows that were not included by then have
a proof of it, and never will be: plan the file of failed rows again. Rows that are
sent in turn (--ordered-by, _after; see batchcall run) take longer to be included.

` + exitHelp,
		Example: `  batchcall send signed.ndjson --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk --report report.csv
  batchcall send signed.ndjson --gateway http://127.0.0.1:8080`,
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return a.send(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.terms.addTo(f)
	f.StringVar(&o.ordered, "ordered-by", "", orderedByUsage)
	f.StringVar(&o.name, "name", "", "free `text` to find the job by")
	o.files.addTo(f, "FILE.failed.csv beside the input, unless it is there already")
	return cmd
}

func (o sendOptions) check() error {
	if err := o.terms.check(); err != nil {
		return err
	}
	return o.files.check()
}

// send is batchcall send after the flags.
func (a *app) send(ctx context.Context, o sendOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if a.opt.account != "" {
		return usage("--account does not go with send: the rows are signed already")
	}
	in, err := openInput(inputOptions{file: o.file, format: string(rows.FormatNDJSON)}, a.in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	h, err := signedHeader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", in.name, err)
	}
	s, err := a.openSender(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	target, err := s.TargetName(ctx)
	if err != nil {
		return err
	}
	left, err := a.showBudget(ctx, s, h)
	if err != nil {
		return err
	}
	signed := h.Spec()
	spec := batch.Spec{
		Kind: batch.KindBatch, Name: o.name, IdempotencyKey: "signed-" + hex.EncodeToString(in.sha256[:20]), Target: target,
		Contract: h.Contract, To: h.To, Function: h.Function, ABI: h.ABI, Signed: &signed,
		OrderedBy: o.ordered,
	}
	o.terms.put(&spec)
	job, err := a.begin(ctx, s, spec, in)
	if err != nil {
		return a.sendFailed(ctx, err)
	}
	if need := uint64(job.Rows) / blockTransactions; !job.State.Final() && need > left {
		a.note("%d rows fill %d blocks of %d transactions, but only %d blocks may have them: the rest will expire, and can be planned again", job.Rows, need, blockTransactions, left)
	}
	if !in.temporary {
		o.files.beside = in.path
	}
	return a.carry(ctx, s, job, o.files)
}

// blockTransactions is how many transactions a block has at most, on a chain whose
// tx_count_limit was not changed.
const blockTransactions = 1000

func signedHeader(in *input) (offline.Header, error) {
	f, err := in.open()
	if err != nil {
		return offline.Header{}, err
	}
	defer f.Close()
	r, err := offline.NewReader(f)
	if err != nil {
		return offline.Header{}, err
	}
	return r.Header(), nil
}

// openSender opens what runs jobs, without an account where none is there yet.
func (a *app) openSender(ctx context.Context) (service, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	cfg, err := a.localConfig()
	if err != nil {
		return nil, err
	}
	return a.openEngine(ctx, withoutAccounts(cfg, isMissing))
}

// showBudget says how many blocks are left, and gives their number.
func (a *app) showBudget(ctx context.Context, s service, h offline.Header) (uint64, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return 0, err
	}
	if head >= h.BlockLimit {
		a.note("block limit %d has passed: the chain is at block %d", h.BlockLimit, head)
		return 0, nil
	}
	left := h.BlockLimit - head
	a.note("block limit %d: the chain is at block %d, %s left (%s)", h.BlockLimit, head, counted64(int64(left), "block"), timeLeft(left, h.BlockMS, 0))
	return left, nil
}

// sendFailed words what went wrong before anything was sent.
func (a *app) sendFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return exitWith(exitInterrupted, "interrupted while the rows were checked; nothing was sent. Run the same command again")
	}
	if faults, count, ok := faultsOf(err); ok {
		return a.refused(faults, count)
	}
	if isConflict(err) {
		return exitWith(exitUsage, "this file was sent before with another --name, --canary or --ordered-by, or on a chain that has been rebuilt since: use the same ones. Look for the job with: %s", a.again("get"))
	}
	return err
}

// warnBudget says it when the blocks that are left will not be enough.
func (a *app) warnBudget(p batch.Progress) bool {
	b := p.Budget
	short := b != nil && b.Needed > b.Left
	if short {
		a.note("at this pace the rest needs %d blocks, but only %d may have it: rows will expire, and can be planned again", b.Needed, b.Left)
	}
	return short
}
