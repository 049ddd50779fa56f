package gateway

import (
	"context"
	"io"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// What the gateway needs of the job engine. *batch.Engine has it all but the reports.
type (
	// JobRunner makes jobs and moves them on.
	JobRunner interface {
		Create(ctx context.Context, spec batch.Spec) (job batch.Job, created bool, err error)
		Load(ctx context.Context, jobID string, r rows.Reader) (batch.Job, error)
		Run(ctx context.Context, jobID string) error
		Pause(ctx context.Context, jobID string) (batch.Job, error)
		Resume(ctx context.Context, jobID, maxErrors string) (batch.Job, error)
		Cancel(ctx context.Context, jobID string) (batch.Job, error)
		Retry(ctx context.Context, jobID string, states []batch.ItemState) (batch.RetryResult, error)
		Wait(ctx context.Context, jobID string) (batch.Job, error)
	}
	// JobReader tells about jobs.
	JobReader interface {
		Job(ctx context.Context, id string) (batch.Job, error)
		Jobs(ctx context.Context, f batch.JobFilter) ([]batch.Job, error)
		Items(ctx context.Context, jobID string, f batch.ItemFilter) ([]batch.Item, error)
		Progress(ctx context.Context, jobID string) (batch.Progress, error)
	}
	// Reports writes the reports of jobs. *report.Writer is one.
	Reports interface {
		WriteReport(ctx context.Context, jobID string, opt report.Options, w io.Writer) error
	}
	// ContractBook knows the contracts that were deployed.
	ContractBook interface {
		Contract(ctx context.Context, target, name string) (batch.Contract, error)
		Contracts(ctx context.Context, target string) ([]batch.Contract, error)
	}
	// Engine is the job engine with its numbers.
	Engine interface {
		JobRunner
		JobReader
		ContractBook
		Stats() []batch.TargetStats
	}
)

// Auditor compares jobs with their chains. *reconcile.Auditor does.
type Auditor interface {
	Request(ctx context.Context, jobID string, opt reconcile.Options) (reconcile.Result, error)
	Result(ctx context.Context, jobID string) (reconcile.Result, error)
}

// Reader is what the gateway needs of a target's connections.
type Reader interface {
	chain.Caller
	chain.HeadReader
	chain.Identifier
}

// Target is one target as the gateway shows and reads it.
type Target struct {
	Info  chain.Target
	Chain Reader
	Nodes Nodes
}
