package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
)

// retryTimeout bounds a retry: putting back a million rows takes a minute, more on a
// busy machine. The same request goes on with what breaks off.
const retryTimeout = 10 * time.Minute

// Retry chooses rows that are sent again.
type Retry struct {
	States []string `json:"states,omitempty" enum:"reverted,rejected,expired,canceled" doc:"Rows in these states; left out: reverted, rejected and expired"`
}

// Retried says what a retry did.
type Retried struct {
	Rows int64 `json:"rows" doc:"How many rows are queued again"`
	Left int64 `json:"left" doc:"How many stay rejected all the same: their nonce was used by another transaction, which may be the same row"`
	Job  Job   `json:"job" doc:"The job after it"`
}

type retryJobInput struct {
	ID   string `path:"id" maxLength:"64" doc:"ID of the job"`
	Body *Retry
}

type retryJobOutput struct{ Body Retried }

func retryJobRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "retryJob", Method: http.MethodPost, Path: "/v1/jobs/{id}/retry", Tags: []string{"jobs"},
			Summary: "Send failed rows of a job again",
			Description: "Rows that took no effect and cannot any more are sent again; how they had ended stays in their history. " +
				"The job, which is done or canceled, or paused with nothing in flight, runs again. When no row is in the states it is left as it is. " +
				"Jobs of transactions that were signed elsewhere are a conflict, and reads that belong to one block.",
		},
		curl: `curl -X POST http://127.0.0.1:8080/v1/jobs/JOB/retry \
  -H 'Content-Type: application/json' -d '{"states":["reverted","expired"]}'`,
		problems: problemsOfBody(http.StatusNotFound, http.StatusConflict, http.StatusGatewayTimeout),
		register: handle((*Gateway).retryJob),
	}
}

func (g *Gateway) retryJob(ctx context.Context, in *retryJobInput) (*retryJobOutput, error) {
	var states []batch.ItemState
	if in.Body != nil {
		for _, s := range in.Body.States {
			states = append(states, batch.ItemState(s))
		}
	}
	// A client that goes away does not leave the job half put back.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryTimeout)
	defer cancel()
	res, err := g.cfg.Engine.Retry(ctx, in.ID, states)
	if err != nil {
		return nil, g.about(err, in.ID)
	}
	return &retryJobOutput{Body: Retried{Rows: res.Rows, Left: res.Left, Job: g.withProgress(ctx, res.Job)}}, nil
}
