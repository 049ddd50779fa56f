package batch

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// Chain is what the engine needs of a target's connections.
type Chain interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.CodeReader
	chain.Identifier
	chain.AbsenceProver
}

// Limits bound what is sent to a target, by all jobs together.
type Limits struct {
	Rate     float64 // transactions a second; 0 is no limit
	Burst    int     // how many may go at once under Rate; 0 is a twentieth of a second's worth
	InFlight int     // most transactions in flight; 0 is DefaultInFlight
}

// DefaultInFlight is the most transactions in flight where Limits say nothing:
// two full blocks of a FISCO BCOS chain with its usual 1000 transactions each,
// so that one block fills while another is executed.
const DefaultInFlight = 2000

// Target is one target as the engine uses it.
type Target struct {
	Info           chain.Target
	Chain          Chain
	Accounts       map[string]chain.Signer // by configured name
	DefaultAccount string                  // key of Accounts; "" is the only one, if there is one
	Limits         Limits
}

// Config is what an Engine is built from.
type Config struct {
	Store    *Store
	Targets  []Target
	Logger   *slog.Logger // nil discards
	Workers  int          // how many transactions are signed at a time; 0 is the number of cores
	Observer Observer     // nil observes nothing

	// BlockLimitAhead is how many blocks after the head an attempt may land;
	// 0 is DefaultBlockLimitAhead.
	BlockLimitAhead uint64
}

// DefaultBlockLimitAhead is half of the 1000 blocks for which a FISCO BCOS
// chain remembers nonces, so that an attempt is still remembered when the next
// attempt of the same item goes out.
const DefaultBlockLimitAhead = 500

// Engine runs jobs. All methods are safe for concurrent use.
type Engine struct {
	*Store // the reading methods
	cfg    Config
}

var errUnbuilt = errors.New("batch: not built yet")

// NewEngine checks cfg and builds an Engine; it starts nothing.
func NewEngine(cfg Config) (*Engine, error) { return &Engine{Store: cfg.Store, cfg: cfg}, nil }

// Start takes the store for this process (ErrStoreInUse when another has it),
// removes the rows of broken-off loads and resumes every running job. It
// returns when that is done; it needs no chain to be reachable. ctx bounds only Start itself.
func (e *Engine) Start(ctx context.Context) error { return errUnbuilt }

// Stop sends nothing new, waits until what is in flight is settled or ctx ends,
// saves, and returns when all goroutines have ended. What is then still in
// flight is resolved at the next Start. The store stays open.
func (e *Engine) Stop(ctx context.Context) error { return errUnbuilt }

// Create checks spec against the target and the chain and stores a job for it,
// in state loading. With an idempotency key that the store knows it returns the
// job of that key with created false; ErrConflict when that job's spec differs.
// A spec that cannot work gives a *SpecError, a chain that cannot be asked a
// *chain.Error.
func (e *Engine) Create(ctx context.Context, spec Spec) (job Job, created bool, err error) {
	return Job{}, false, errUnbuilt
}

// Load reads all rows of r, checks them against the job's contract and stores
// them. The job becomes ready, or invalid with an *InvalidRowsError. Loading
// the bytes that the job already has does nothing; other bytes give ErrConflict.
// A load that breaks off (ctx, an error of the reader) leaves the job loading and empty.
func (e *Engine) Load(ctx context.Context, jobID string, r rows.Reader) (Job, error) {
	return Job{}, errUnbuilt
}

// Run starts sending a ready job and returns at once. A running job that stands
// still with a Reason is tried again; a job that is running or done is left as it is.
func (e *Engine) Run(ctx context.Context, jobID string) error { return errUnbuilt }

// Cancel makes the job send nothing new; what is in flight is settled, then the
// job is canceled. It returns at once with the job as it is then.
func (e *Engine) Cancel(ctx context.Context, jobID string) (Job, error) { return Job{}, errUnbuilt }

// Wait blocks until the job is final (nil), it cannot go on (ErrHalted, the
// reason in Job.Reason), the engine stops (ErrNotStarted) or ctx ends.
func (e *Engine) Wait(ctx context.Context, jobID string) (Job, error) { return Job{}, errUnbuilt }

// Progress is a snapshot of the job from memory when it is running here, else
// from the store. It is cheap enough to be asked ten times a second.
func (e *Engine) Progress(ctx context.Context, jobID string) (Progress, error) {
	return Progress{}, errUnbuilt
}

// Stats is a snapshot of every target, in the order of Config.Targets.
func (e *Engine) Stats() []TargetStats { return nil }
