package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch/plan"
)

// Planner tells what a batch would do. *plan.Maker is one.
type Planner interface {
	Plan(ctx context.Context, jobID string, rate float64) (plan.Plan, error)
}

type planInput struct {
	ID   string  `path:"id" maxLength:"64" doc:"ID of the job"`
	Rate float64 `query:"rate" minimum:"0" doc:"Most transactions a second that the batch will have, for the estimate of its time; 0 is the limit of the target"`
}

// Plan is what a batch would do.
type Plan struct {
	Job Job `json:"job" doc:"The simulation; its counts say how many rows would succeed (confirmed), be reverted or were not simulated (rejected)"`
	plan.Forecast
}

type planOutput struct{ Body Plan }

func planRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "getPlan", Method: http.MethodGet, Path: "/v1/jobs/{id}/plan", Tags: []string{"jobs"},
			Summary: "Read what a batch would do",
			Description: "For a job of kind plan that is done: how many rows would succeed, why others would not, which rows make the same call, " +
				"which jobs have sent the same input, and what gas and time to expect, with what each estimate is based on. " +
				"Every row was simulated alone: a row that needs what an earlier one does cannot be judged.",
		},
		curl:     `curl 'http://127.0.0.1:8080/v1/jobs/JOB/plan?rate=200'`,
		problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
		register: handle((*Gateway).plan),
	}
}

func (g *Gateway) plan(ctx context.Context, in *planInput) (*planOutput, error) {
	p, err := g.cfg.Planner.Plan(ctx, in.ID, in.Rate)
	if err != nil {
		return nil, err
	}
	return &planOutput{Body: Plan{Job: Job{Job: p.Job}, Forecast: p.Forecast}}, nil
}
