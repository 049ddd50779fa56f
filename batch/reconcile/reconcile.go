package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/time/rate"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// Store is what is read of the store. *batch.Store has it.
type Store interface {
	Job(ctx context.Context, id string) (batch.Job, error)
	Jobs(ctx context.Context, f batch.JobFilter) ([]batch.Job, error)
	Items(ctx context.Context, jobID string, f batch.ItemFilter) ([]batch.Item, error)
	Signers(ctx context.Context, target string) ([]common.Address, error)
	RemoveKnown(ctx context.Context, jobID string, hashes map[common.Hash]uint64) error
}

// Chain is what is asked of a target.
type Chain interface {
	chain.HeadReader
	chain.WitnessAsker
}

// Target is a target whose jobs can be reconciled.
type Target struct {
	Name     string
	Chain    Chain
	Accounts []common.Address // beside those that have signed in the store
}

// The values of Options that are 0.
const (
	DefaultNodes  = 2
	DefaultListed = 1000
	// DefaultMaxBlocks bounds the search for unknown transactions: a day of a chain
	// that makes a block a second. A job that was resumed after months may span more.
	DefaultMaxBlocks = 86400
)

// Options say how a job is reconciled. The zero value is what most want.
type Options struct {
	Nodes     int     // how many nodes are asked for each transaction and block; 0 is DefaultNodes, or all there are
	From, To  uint64  // blocks that are searched for unknown transactions; 0 is the first and the last block of the job
	MaxBlocks uint64  // most blocks that are searched; 0 is DefaultMaxBlocks
	Event     string  // an event as "Saved(bytes32,address)" that the contract must have emitted in each confirmed row; "" is that of the job's Spec, if it has one
	Rate      float64 // rows and blocks a second; 0 is no limit
	Listed    int     // most mismatches that are kept in the Result, all are counted; 0 is DefaultListed
}

// State is where a reconciliation stands.
type State string

// The states of a Result.
const (
	Queued     State = "queued"
	Running    State = "running"
	Agrees     State = "agrees"     // nothing differs
	Differs    State = "differs"    // something does, or what was compared before it broke off
	Incomplete State = "incomplete" // it broke off, and what was compared until then agrees
)

// Result is what a reconciliation found, or has found so far.
type Result struct {
	JobID        string         `json:"jobId"`
	State        State          `json:"state"`
	Error        string         `json:"error,omitempty"` // why it broke off
	ErrorKind    chain.Kind     `json:"errorKind,omitempty"`
	Nodes        int            `json:"nodes"`              // how many were asked for each transaction and block
	Rows         int64          `json:"rows"`               // of the job
	Checked      int64          `json:"checked"`            // rows that were compared
	Open         int64          `json:"open,omitempty"`     // rows that may still change, which were not
	FromBlock    uint64         `json:"fromBlock"`          // blocks that are searched for unknown transactions; 0: none
	ToBlock      uint64         `json:"toBlock"`            // the last of them
	Scanned      uint64         `json:"scanned"`            // how many of them were searched
	Transactions int64          `json:"transactions"`       // in the blocks that were searched
	Nameless     int64          `json:"nameless,omitempty"` // unknown transactions whose sender no node tells
	Mismatches   int64          `json:"mismatches"`
	Kinds        map[Kind]int64 `json:"kinds"`  // how many of each kind; those without any are left out
	Listed       []Mismatch     `json:"listed"` // the first of them
	Started      time.Time      `json:"started,omitzero"`
	Finished     time.Time      `json:"finished,omitzero"`
}

// Truncated reports whether a reconciliation that came to its end left blocks out of
// the search.
func (r *Result) Truncated() bool {
	return r.Error == "" && !r.Finished.IsZero() && r.FromBlock > 0 && r.FromBlock+r.Scanned <= r.ToBlock
}

// Reconciler compares jobs of a store with their chains. It is safe for concurrent use.
type Reconciler struct {
	store   Store
	targets []Target
}

// New makes a Reconciler of a store and the targets of its jobs.
func New(store Store, targets []Target) *Reconciler {
	return &Reconciler{store: store, targets: targets}
}

// OptionError says what is wrong with Options.
type OptionError struct {
	Option string // JSON or flag name
	Reason string
}

// Error says option and reason.
func (e *OptionError) Error() string { return e.Option + ": " + e.Reason }

// Run compares a job with its chain. Rows that may still change are only counted. It
// tells progress after each page of rows and of blocks.
//
// The Result is what was found until then also when the error is not nil: the store
// cannot be read, ctx ended, or, with chain.KindUnavailable, fewer nodes than wanted
// answered for a quarter of a minute.
func (r *Reconciler) Run(ctx context.Context, jobID string, opt Options, progress func(Result)) (Result, error) {
	a, err := r.prepare(ctx, jobID, opt)
	if err != nil {
		return Result{JobID: jobID, State: Incomplete, Error: err.Error(), ErrorKind: chain.KindOf(err), Kinds: map[Kind]int64{}, Listed: []Mismatch{}}, err
	}
	a.progress = progress
	err = a.rows(ctx)
	if err == nil {
		err = a.search(ctx)
	}
	res := &a.result
	res.Finished = time.Now()
	res.State = Agrees
	if err != nil {
		res.State, res.Error, res.ErrorKind = Incomplete, err.Error(), chain.KindOf(err)
	}
	if res.Mismatches > 0 {
		res.State = Differs
	}
	return *res, err
}

// audit is one run.
type audit struct {
	store    Store
	chain    Chain
	job      batch.Job
	opt      Options
	ours     map[common.Address]bool
	event    *common.Hash
	head     atomic.Uint64 // the newest block that is known
	rate     *rate.Limiter
	progress func(Result)
	result   Result
	blocks   map[uint64]*listing // those that the last page of rows needed
}

func (r *Reconciler) prepare(ctx context.Context, jobID string, opt Options) (*audit, error) {
	job, err := r.store.Job(ctx, jobID)
	if err != nil {
		return nil, err
	}
	if job.Spec.Kind.Reads() {
		return nil, &OptionError{"job", fmt.Sprintf("job %s only reads: the chain has nothing of it to compare with", jobID)}
	}
	a := &audit{store: r.store, job: job, opt: opt, ours: map[common.Address]bool{job.Signer: true}, rate: rate.NewLimiter(rate.Inf, 1)}
	var target *Target
	for i := range r.targets {
		if r.targets[i].Name == job.Spec.Target {
			target = &r.targets[i]
		}
	}
	if target == nil {
		return nil, &OptionError{"target", fmt.Sprintf("job %s is of target %q, which is not configured here", jobID, job.Spec.Target)}
	}
	a.chain = target.Chain
	if err := a.setOptions(); err != nil {
		return nil, err
	}
	signers, err := r.store.Signers(ctx, target.Name)
	if err != nil {
		return nil, err
	}
	for _, account := range append(signers, target.Accounts...) {
		a.ours[account] = true
	}
	head, err := a.chain.Head(ctx)
	if err != nil {
		return nil, err
	}
	a.head.Store(head.Number)
	a.result = Result{JobID: job.ID, State: Running, Nodes: a.opt.Nodes, Rows: job.Rows, Kinds: map[Kind]int64{}, Listed: []Mismatch{}, Started: time.Now()}
	return a, nil
}

// setOptions checks what is asked for and fills in the rest.
func (a *audit) setOptions() error {
	o := &a.opt
	switch {
	case o.Nodes < 0:
		return &OptionError{"nodes", "it is negative"}
	case o.To != 0 && o.To < o.From:
		return &OptionError{"to", fmt.Sprintf("block %d is before block %d", o.To, o.From)}
	case o.Rate < 0:
		return &OptionError{"rate", "it is negative"}
	case o.Listed < 0:
		return &OptionError{"listed", "it is negative"}
	}
	there := a.chain.WitnessCount()
	if o.Nodes == 0 {
		o.Nodes = max(1, min(DefaultNodes, there))
	}
	if o.Nodes > there {
		return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: "reconcile", Msg: fmt.Sprintf("%d nodes are to be asked, and the target has %d", o.Nodes, there)}
	}
	if o.Event = cmp.Or(o.Event, a.job.Spec.Event); o.Event != "" {
		topic, err := contracts.EventTopic(o.Event)
		if err != nil {
			return &OptionError{"event", err.Error()}
		}
		a.event = &topic
	}
	if o.MaxBlocks == 0 {
		o.MaxBlocks = DefaultMaxBlocks
	}
	if o.Listed == 0 {
		o.Listed = DefaultListed
	}
	if o.Rate > 0 {
		a.rate = rate.NewLimiter(rate.Limit(o.Rate), 1)
	}
	return nil
}

// found counts mismatches and keeps the first.
func (a *audit) found(list ...Mismatch) {
	for _, m := range list {
		a.result.Mismatches++
		a.result.Kinds[m.Kind]++
		if len(a.result.Listed) < a.opt.Listed {
			a.result.Listed = append(a.result.Listed, m)
		}
	}
}

// tell tells how far it is. The Result is the receiver's own.
func (a *audit) tell() {
	now := a.result
	now.Kinds = maps.Clone(now.Kinds)
	if a.progress != nil {
		a.progress(now)
	}
}

// The pauses between questions that fewer nodes than wanted have answered: a node
// that restarts is back within them.
const (
	firstPause = time.Second
	lastPause  = 8 * time.Second
)

// patiently repeats a question until enough nodes have answered it.
func patiently[T any](ctx context.Context, ask func() ([]chain.Testimony[T], error)) ([]chain.Testimony[T], error) {
	for pause := firstPause; ; pause *= 2 {
		answers, err := ask()
		if err == nil || ctx.Err() != nil || pause > lastPause {
			return answers, err
		}
		if err := sleep(ctx, pause); err != nil {
			return answers, err
		}
	}
}

// reach is the newest block up to one that nodes can be expected to know of. The
// store may have a row that ended a moment ago, in a block that we have yet to hear
// of; blocks far ahead do not exist.
func (a *audit) reach(ctx context.Context, block uint64) (uint64, error) {
	const ahead, tries, pause = 2, 4, 500 * time.Millisecond
	for n := 0; block > a.head.Load(); n++ {
		head, err := a.chain.Head(ctx)
		if err != nil {
			return 0, err
		}
		a.head.Store(head.Number) // of several that store theirs, any does
		if head.Number >= block {
			break
		}
		if block-head.Number > ahead || n == tries {
			return head.Number, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return 0, err
		}
	}
	return block, nil
}

// sleep fails when ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *audit) askReceipt(ctx context.Context, tx common.Hash, atLeast uint64) (receipts, error) {
	return patiently(ctx, func() (receipts, error) { return a.chain.AskReceipt(ctx, tx, atLeast, a.opt.Nodes) })
}
