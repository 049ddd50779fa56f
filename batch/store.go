package batch

import (
	"context"
	"io"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/contracts"
)

// Store keeps jobs, items, attempts and outcomes in one SQLite file. Its
// methods only read, and may be used while an engine of another process owns
// the file. They are safe for concurrent use.
type Store struct{}

// OpenStore opens the file at path, making it if it is missing (the folder must
// exist), and brings its schema up to date. Errors: ErrStoreNewer,
// ErrNotAStore, ErrStoreInUse when the schema would have to change under
// another process.
func OpenStore(ctx context.Context, path string) (*Store, error) { return &Store{}, nil }

// Close frees the file. Stop the engine first.
func (s *Store) Close() error { return nil }

// JobFilter chooses jobs. Zero fields choose all.
type JobFilter struct {
	Kind   JobKind
	State  JobState
	Target string
	Limit  int    // most jobs; 0 is 100
	Before string // job ID: only jobs created before that one
}

// ItemFilter chooses items of a job.
type ItemFilter struct {
	States  []ItemState // empty chooses all
	After   int64       // only rows after this one
	Limit   int         // most items; 0 is 100
	History bool        // with all attempts
}

// Contract is a contract that can be called by name on a target.
type Contract struct {
	Name    string
	Address common.Address
	ABI     *contracts.ABI
	TxHash  common.Hash // of the deployment
	Block   uint64      // of the deployment
	JobID   string      // the job that deployed it
}

// The formats of WriteReport.
const (
	ReportCSV    = "csv"
	ReportNDJSON = "ndjson"
	ReportJSON   = "json"
)

// Job reads one job; ErrNotFound when there is none.
func (s *Store) Job(ctx context.Context, id string) (Job, error) { return Job{}, errUnbuilt }

// Jobs lists jobs, the newest first.
func (s *Store) Jobs(ctx context.Context, f JobFilter) ([]Job, error) { return nil, errUnbuilt }

// Items lists items of a job in row order.
func (s *Store) Items(ctx context.Context, jobID string, f ItemFilter) ([]Item, error) {
	return nil, errUnbuilt
}

// WriteReport streams the report of a job in one of the formats ReportCSV
// (the input columns untouched, then the result columns), ReportNDJSON (a line an
// item) or ReportJSON (a Summary). It shows one moment of the job, may be
// asked for at any time, and needs memory for one row only.
func (s *Store) WriteReport(ctx context.Context, jobID, format string, w io.Writer) error {
	return errUnbuilt
}

// Contract finds the newest contract that was deployed under name on target
// through this store; ErrNotDeployed when there is none.
func (s *Store) Contract(ctx context.Context, target, name string) (Contract, error) {
	return Contract{}, errUnbuilt
}

// Contracts lists all contracts that were deployed on target through this
// store, by name; of each name the newest.
func (s *Store) Contracts(ctx context.Context, target string) ([]Contract, error) {
	return nil, errUnbuilt
}
