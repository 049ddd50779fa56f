package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
)

// jobChange is a route that changes the state of a job and takes nothing but its ID.
func jobChange(verb, summary, description string, h func(*Gateway, context.Context, *jobPath) (*getJobOutput, error)) route {
	return route{
		Operation: huma.Operation{
			OperationID: verb + "Job", Method: http.MethodPost, Path: "/v1/jobs/{id}/" + verb, Tags: []string{"jobs"},
			Summary: summary, Description: description,
		},
		curl:     "curl -X POST http://127.0.0.1:8080/v1/jobs/JOB/" + verb,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		timeout:  requestTimeout,
		register: handle(h),
	}
}

func startJobRoute() route {
	return jobChange("start", "Start a job",
		"Begins to send the rows of a ready job. A job that runs or is done is left as it is; one that stands still is tried again. A paused one is a conflict: resume it.",
		(*Gateway).startJob)
}

func (g *Gateway) startJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	if err := g.cfg.Engine.Run(ctx, in.ID); err != nil {
		return nil, g.about(err, in.ID)
	}
	return g.getJob(ctx, in)
}

func pauseJobRoute() route {
	return jobChange("pause", "Pause a job",
		"Nothing new is signed until the job is resumed, also after a restart; what was signed before is settled. Only a running job can be paused.",
		(*Gateway).pauseJob)
}

func (g *Gateway) pauseJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	return g.changed(ctx, in.ID, g.cfg.Engine.Pause)
}

func resumeJobRoute() route {
	return jobChange("resume", "Resume a paused job",
		"Goes on with a paused job, whoever or whatever paused it. A running job is left as it is.",
		(*Gateway).resumeJob)
}

func (g *Gateway) resumeJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	return g.changed(ctx, in.ID, g.cfg.Engine.Resume)
}

func cancelJobRoute() route {
	return jobChange("cancel", "Cancel a job",
		"Nothing new is sent; what is in flight is settled, then the job is canceled. What was executed stays executed.",
		(*Gateway).cancelJob)
}

func (g *Gateway) cancelJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	return g.changed(ctx, in.ID, g.cfg.Engine.Cancel)
}

// changed answers with the job as it is after a change.
func (g *Gateway) changed(ctx context.Context, id string, change func(context.Context, string) (batch.Job, error)) (*getJobOutput, error) {
	job, err := change(ctx, id)
	if err != nil {
		return nil, g.about(err, id)
	}
	return &getJobOutput{Body: g.withProgress(ctx, job)}, nil
}
