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
	return route{
		Operation: huma.Operation{
			OperationID: "resumeJob", Method: http.MethodPost, Path: "/v1/jobs/{id}/resume", Tags: []string{"jobs"},
			Summary: "Resume a paused job", Description: "Goes on with a paused job, whoever or whatever paused it. A running job is left as it is. A job whose error budget is used up needs a larger one (409 without it).",
		},
		curl:     `curl -X POST http://127.0.0.1:8080/v1/jobs/JOB/resume`,
		problems: problemsOfBody(http.StatusNotFound, http.StatusConflict),
		timeout:  requestTimeout,
		register: handle((*Gateway).resumeJob),
	}
}

// ResumeJob says how a paused job goes on.
type ResumeJob struct {
	MaxErrors string `json:"maxErrors,omitempty" maxLength:"20" doc:"A new error budget for the job; left out: the one that it has" example:"5%"`
}

type resumeJobInput struct {
	ID   string `path:"id" maxLength:"64" doc:"ID of the job"`
	Body *ResumeJob
}

func (g *Gateway) resumeJob(ctx context.Context, in *resumeJobInput) (*getJobOutput, error) {
	maxErrors := ""
	if in.Body != nil {
		maxErrors = in.Body.MaxErrors
	}
	return g.changed(ctx, in.ID, func(ctx context.Context, id string) (batch.Job, error) {
		return g.cfg.Engine.Resume(ctx, id, maxErrors)
	})
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
