package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
)

// Progress says how a job moves.
type Progress struct {
	Rate     float64            `json:"rate" doc:"Items that became final a second, over the last ten seconds"`
	InFlight int                `json:"inFlight" doc:"Transactions of this job that were sent and not answered"`
	Window   int                `json:"window" doc:"How many transactions the target may have in flight now, for all jobs"`
	SubBatch int                `json:"subBatch" doc:"How many items are written ahead together now, for all jobs"`
	EtaMS    int64              `json:"etaMs,omitempty" doc:"Milliseconds until all items are final at this rate; left out when unknown"`
	Waiting  string             `json:"waiting,omitempty" doc:"Why nothing moves for the moment"`
	Budget   *batch.BlockBudget `json:"budget,omitempty" doc:"How many blocks are left for transactions that were signed elsewhere; left out for others, and before a head is known"`
	Halted   bool               `json:"halted,omitempty" doc:"The job cannot go on until its reason is mended"`
}

type jobPath struct {
	ID string `path:"id" maxLength:"64" doc:"ID of the job"`
}

type getJobOutput struct{ Body Job }

func getJobRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "getJob", Method: http.MethodGet, Path: "/v1/jobs/{id}", Tags: []string{"jobs"},
			Summary: "Read a job", Description: "The job with the number of its items in each state and how it moves.",
		},
		curl:     `curl http://127.0.0.1:8080/v1/jobs/JOB`,
		problems: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).getJob),
	}
}

func (g *Gateway) getJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	job, err := g.cfg.Engine.Job(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &getJobOutput{Body: g.withProgress(ctx, job)}, nil
}

// withProgress adds how the job moves while it does. A job without progress is
// still worth an answer, so an error there is left to the next request.
func (g *Gateway) withProgress(ctx context.Context, job batch.Job) Job {
	if job.State != batch.JobRunning && job.State != batch.JobPaused && job.State != batch.JobCanceling {
		return Job{Job: job}
	}
	p, err := g.cfg.Engine.Progress(ctx, job.ID)
	if err != nil {
		return Job{Job: job}
	}
	if job.Reason == "" {
		job.Reason = p.Reason
	}
	if job.StoppedBy == "" {
		job.StoppedBy = p.StoppedBy
	}
	return Job{Job: job, Progress: &Progress{
		Rate: p.Rate, InFlight: p.InFlight, Window: p.Window, SubBatch: p.SubBatch, EtaMS: int64(p.ETA / time.Millisecond),
		Waiting: p.Waiting, Budget: p.Budget, Halted: p.Halted,
	}}
}

// JobList is one page of jobs.
type JobList struct {
	Jobs []Job  `json:"jobs" nullable:"false" doc:"The newest first"`
	Next string `json:"next,omitempty" doc:"Give it as before to read on; left out at the end"`
}

type listJobsInput struct {
	State  string `query:"state" enum:"loading,invalid,ready,running,paused,canceling,canceled,done" doc:"Only jobs in this state"`
	Kind   string `query:"kind" enum:"batch,transaction,call,plan" doc:"Only jobs of this kind"`
	Target string `query:"target" maxLength:"100" doc:"Only jobs of this target"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most jobs of the page"`
	Before string `query:"before" maxLength:"64" doc:"ID of a job: only jobs made before it"`
}

type listJobsOutput struct{ Body JobList }

func listJobsRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "listJobs", Method: http.MethodGet, Path: "/v1/jobs", Tags: []string{"jobs"},
			Summary: "List jobs", Description: "Single transactions are jobs of kind transaction, with one row.",
		},
		curl:     `curl 'http://127.0.0.1:8080/v1/jobs?state=running&limit=20'`,
		problems: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).listJobs),
	}
}

func (g *Gateway) listJobs(ctx context.Context, in *listJobsInput) (*listJobsOutput, error) {
	found, err := g.cfg.Engine.Jobs(ctx, batch.JobFilter{
		Kind: batch.JobKind(in.Kind), State: batch.JobState(in.State), Target: in.Target,
		Limit: in.Limit + 1, Before: in.Before, // one more tells whether there is a next page
	})
	if err != nil {
		return nil, err
	}
	page := JobList{Jobs: []Job{}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		page.Next = found[in.Limit-1].ID
	}
	for _, job := range found {
		page.Jobs = append(page.Jobs, Job{Job: job})
	}
	return &listJobsOutput{Body: page}, nil
}
