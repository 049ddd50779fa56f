package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

func startJobRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "startJob", Method: http.MethodPost, Path: "/v1/jobs/{id}/start", Tags: []string{"jobs"},
			Summary: "Start a job", Description: "Begins to send the rows of a ready job. A job that runs or is done is left as it is; one that stands still is tried again.",
		},
		curl:     `curl -X POST http://127.0.0.1:8080/v1/jobs/JOB/start`,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		timeout:  requestTimeout,
		register: handle((*Gateway).startJob),
	}
}

func (g *Gateway) startJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	if err := g.cfg.Engine.Run(ctx, in.ID); err != nil {
		return nil, g.about(err, in.ID)
	}
	return g.getJob(ctx, in)
}

func cancelJobRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "cancelJob", Method: http.MethodPost, Path: "/v1/jobs/{id}/cancel", Tags: []string{"jobs"},
			Summary: "Cancel a job", Description: "Nothing new is sent; what is in flight is settled, then the job is canceled. What was executed stays executed.",
		},
		curl:     `curl -X POST http://127.0.0.1:8080/v1/jobs/JOB/cancel`,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
		timeout:  requestTimeout,
		register: handle((*Gateway).cancelJob),
	}
}

func (g *Gateway) cancelJob(ctx context.Context, in *jobPath) (*getJobOutput, error) {
	job, err := g.cfg.Engine.Cancel(ctx, in.ID)
	if err != nil {
		return nil, g.about(err, in.ID)
	}
	return &getJobOutput{Body: g.withProgress(ctx, job)}, nil
}
