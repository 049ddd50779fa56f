package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch/reconcile"
)

// Reconciliation is how a comparison of a job with its chain stands or ended.
type Reconciliation struct{ reconcile.Result }

type reconcileInput struct {
	ID    string `path:"id" maxLength:"64" doc:"ID of the job"`
	Nodes int    `query:"nodes" minimum:"0" maximum:"1000" doc:"How many nodes are asked for each transaction and block; 0 is 2, or all there are"`
	From  uint64 `query:"from" doc:"First block that is searched for unknown transactions; 0 is the first block of the job"`
	To    uint64 `query:"to" doc:"Last block that is searched; 0 is the last block of the job"`
	Event string `query:"event" maxLength:"1000" doc:"An event that the contract must have emitted in every confirmed row, for example Saved(bytes32,address,uint256,string); that of the job when it is left out"`
}

type reconcileOutput struct{ Body Reconciliation }

func reconcileJobRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "reconcileJob", Method: http.MethodPost, Path: "/v1/jobs/{id}/reconcile", Tags: []string{"jobs"}, DefaultStatus: http.StatusAccepted,
			Summary: "Compare a job with its chain",
			Description: "Reads every transaction of the job again from several nodes, compares their receipts and blocks with the store and with each other, " +
				"and looks in the blocks of the job for transactions of its accounts that the store does not know. It begins in the background: " +
				"read the result with GET. A job that waits or is being reconciled is not begun again.",
		},
		curl:     `curl -X POST 'http://127.0.0.1:8080/v1/jobs/JOB/reconcile?nodes=2'`,
		problems: append(problemsOfChain(), http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable),
		timeout:  requestTimeout,
		register: handle((*Gateway).reconcileJob),
	}
}

func (g *Gateway) reconcileJob(ctx context.Context, in *reconcileInput) (*reconcileOutput, error) {
	r, err := g.cfg.Auditor.Request(ctx, in.ID, reconcile.Options{Nodes: in.Nodes, From: in.From, To: in.To, Event: in.Event})
	if err != nil {
		return nil, g.about(err, in.ID)
	}
	return &reconcileOutput{Body: Reconciliation{r}}, nil
}

func getReconciliationRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "getReconciliation", Method: http.MethodGet, Path: "/v1/jobs/{id}/reconcile", Tags: []string{"jobs"},
			Summary: "Read how a job compares with its chain",
			Description: "The last reconciliation of the job, asked for or made by the audit, while it goes on and after it. " +
				"The store keeps the last one of each job, for as long as it keeps the job.",
		},
		curl:     `curl http://127.0.0.1:8080/v1/jobs/JOB/reconcile`,
		problems: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
		timeout:  requestTimeout,
		register: handle((*Gateway).getReconciliation),
	}
}

func (g *Gateway) getReconciliation(ctx context.Context, in *jobPath) (*reconcileOutput, error) {
	if _, err := g.cfg.Engine.Job(ctx, in.ID); err != nil {
		return nil, err
	}
	r, err := g.cfg.Auditor.Result(ctx, in.ID)
	if err != nil {
		return nil, g.about(err, in.ID)
	}
	return &reconcileOutput{Body: Reconciliation{r}}, nil
}
