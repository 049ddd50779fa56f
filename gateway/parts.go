package gateway

import (
	"context"
	"io"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/chain"
)

// What the gateway needs of the job engine. *batch.Engine has it all.
type (
	// JobRunner makes jobs and moves them on.
	JobRunner interface {
		Create(ctx context.Context, spec batch.Spec) (job batch.Job, created bool, err error)
		Load(ctx context.Context, jobID string, r rows.Reader) (batch.Job, error)
		Run(ctx context.Context, jobID string) error
		Cancel(ctx context.Context, jobID string) (batch.Job, error)
		Wait(ctx context.Context, jobID string) (batch.Job, error)
	}
	// JobReader tells about jobs.
	JobReader interface {
		Job(ctx context.Context, id string) (batch.Job, error)
		Jobs(ctx context.Context, f batch.JobFilter) ([]batch.Job, error)
		Items(ctx context.Context, jobID string, f batch.ItemFilter) ([]batch.Item, error)
		Progress(ctx context.Context, jobID string) (batch.Progress, error)
		WriteReport(ctx context.Context, jobID, format string, w io.Writer) error
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
	Nodes func() []Node // a snapshot that does not block; the order is that of the configuration
}

// Node is the state of one node of a target.
type Node struct {
	Node     string `json:"node" doc:"host:port" example:"127.0.0.1:20200"`
	Online   bool   `json:"online" doc:"A connection is up and answers"`
	Head     uint64 `json:"head" doc:"Newest block that the node told of"`
	InFlight int    `json:"inFlight" doc:"Requests that wait for the node's answer"`
	Error    string `json:"error,omitempty" doc:"Why the node is not online"`
}
