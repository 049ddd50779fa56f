package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// jobReader tells about jobs: a store, whoever owns it, or a gateway.
type jobReader interface {
	Job(ctx context.Context, id string) (batch.Job, error)
	Jobs(ctx context.Context, f batch.JobFilter) ([]batch.Job, error)
	Items(ctx context.Context, jobID string, f batch.ItemFilter) ([]batch.Item, error)
	Progress(ctx context.Context, jobID string) (batch.Progress, error)
	WriteReport(ctx context.Context, jobID string, opt report.Options, w io.Writer) error
	// Close frees connections and files.
	Close() error
}

// service runs jobs: the engine inside of this process, or a gateway.
type service interface {
	jobReader
	// Signer says as whom the rows are signed, for the key of a run.
	Signer() (string, error)
	// Account is the name of the account that signs, "" for a gateway's default one.
	Account() string
	// TargetName is the name of the target that is used.
	TargetName(ctx context.Context) (string, error)
	// Head is the newest block of the target that is known.
	Head(ctx context.Context) (uint64, error)
	// Address finds where the newest deployment of a contract is.
	Address(ctx context.Context, contract string) (common.Address, error)
	// Create makes a job, or finds that of the same idempotency key.
	Create(ctx context.Context, spec batch.Spec) (job batch.Job, created bool, err error)
	// Load checks and stores the rows; loaded is told how many bytes are done.
	Load(ctx context.Context, jobID string, in *input, loaded func(n int64)) (batch.Job, error)
	// Run begins to send, and returns at once.
	Run(ctx context.Context, jobID string) error
	Resume(ctx context.Context, jobID, maxErrors string) (batch.Job, error)
	Cancel(ctx context.Context, jobID string) (batch.Job, error)
	Retry(ctx context.Context, jobID string, states []batch.ItemState) (batch.RetryResult, error)
	// Deploy begins a deployment and gives its job.
	Deploy(ctx context.Context, spec batch.Spec, args json.RawMessage) (jobID string, err error)
	// Interrupt ends the part that this process has in its jobs: the engine
	// settles what is in flight until ctx ends, a gateway is left alone.
	Interrupt(ctx context.Context) error
}

// caller reads from contracts.
type caller interface {
	Call(ctx context.Context, c call) (client.CallResult, error)
	Close() error
}

// call is one read.
type call struct {
	contract string
	to       *common.Address
	function string
	args     []string // as text; JSON for arrays and tuples
	abi      json.RawMessage
	from     *common.Address
}

// openService opens what runs jobs.
func (a *app) openService(ctx context.Context) (service, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	cfg, err := a.localConfig()
	if err != nil {
		return nil, err
	}
	return a.openEngine(ctx, cfg)
}

// openReader opens what tells about jobs. No node is needed.
func (a *app) openReader(ctx context.Context) (jobReader, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	return a.openStore(ctx)
}

// openCaller opens what reads from contracts.
func (a *app) openCaller(ctx context.Context) (caller, error) {
	if a.opt.gateway != "" {
		return a.openGateway()
	}
	return a.openChain(ctx)
}

// storeReader reads a store that another process may own.
type storeReader struct {
	*batch.Store
	*report.Writer
}

func (a *app) openStore(ctx context.Context) (*storeReader, error) {
	if !a.opt.storeExists() {
		return nil, fmt.Errorf("there is no store %s: name it with --store, or the gateway with --gateway; batchcall run makes one", a.opt.store)
	}
	store, err := batch.OpenStore(ctx, a.opt.store)
	if err != nil {
		return nil, err
	}
	return &storeReader{store, report.NewWriter(store)}, nil
}

// storeExists is false when there is no file yet; a database is there, or says so.
func (o *options) storeExists() bool {
	if batch.IsStoreURL(o.store) {
		return true
	}
	_, err := os.Stat(o.store)
	return !errors.Is(err, fs.ErrNotExist)
}

// Progress has what the store knows; rates are known only where the job runs.
func (s *storeReader) Progress(ctx context.Context, jobID string) (batch.Progress, error) {
	job, err := s.Job(ctx, jobID)
	if err != nil {
		return batch.Progress{}, err
	}
	return progressOf(job), nil
}

func progressOf(job batch.Job) batch.Progress {
	return batch.Progress{JobID: job.ID, State: job.State, Rows: job.Rows, Counts: job.Counts, Reason: job.Reason, StoppedBy: job.StoppedBy,
		InFlight: int(job.Counts.Submitted)}
}
