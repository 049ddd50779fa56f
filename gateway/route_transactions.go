package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
)

const (
	defaultReceiptWait = 30 * time.Second
	maxReceiptWait     = 5 * time.Minute
	// hashPoll is how often the store is asked for the hash of a transaction
	// that was just handed over: it is there after one group commit, some ms.
	hashPoll = 10 * time.Millisecond
)

// NewTransaction is one call that writes, or a deployment.
type NewTransaction struct {
	Target         string          `json:"target,omitempty" maxLength:"100" doc:"Name of a configured target; may be left out when there is only one"`
	Account        string          `json:"account,omitempty" maxLength:"100" doc:"Name of a configured account; left out: the default account of the target"`
	Contract       string          `json:"contract,omitempty" maxLength:"100" doc:"Name of a built-in or deployed contract; with deploy: the built-in contract, or the name to remember" example:"Evidence"`
	To             string          `json:"to,omitempty" doc:"Address of the contract; left out: the newest deployment of contract"`
	Function       string          `json:"function,omitempty" maxLength:"1000" doc:"Name or signature of the function; not with deploy" example:"save(bytes32,string)"`
	Args           json.RawMessage `json:"args,omitempty" doc:"The arguments: an array in their order, or an object by their names; left out: none"`
	ABI            json.RawMessage `json:"abi,omitempty" doc:"ABI of the contract when its name is not known: a JSON array, or a string that holds one"`
	Deploy         bool            `json:"deploy,omitempty" doc:"Deploy contract (a built-in one, or bytecode); args are those of the constructor"`
	Bytecode       string          `json:"bytecode,omitempty" doc:"Creation code in hex, when the contract is not built in"`
	IdempotencyKey string          `json:"idempotencyKey,omitempty" maxLength:"200" doc:"The same key gives the same transaction, so that a request may be repeated; the header Idempotency-Key says the same"`
	Wait           string          `json:"wait,omitempty" enum:"none,sent,receipt" default:"receipt" doc:"When to answer: at once (none), when the hash is known (sent), or when it is in a block (receipt)"`
	TimeoutMS      int64           `json:"timeoutMs,omitempty" minimum:"1" maximum:"300000" default:"30000" doc:"How long to wait, in milliseconds; then the answer is 202 with what is known"`
}

// Transaction is what became of a transaction. Row is always 1.
type Transaction struct {
	JobID string `json:"jobId" doc:"The job with this one row: ask GET /v1/jobs/{id} when the transaction is not final"`
	batch.Item
	Reason string `json:"reason,omitempty" doc:"Why the transaction cannot go on until something is mended"`
}

type transactionInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"The same key gives the same transaction"`
	Body           NewTransaction
}

type transactionOutput struct {
	Status   int
	Location string `header:"Location" doc:"Path of the job"`
	Body     Transaction
}

func transactionRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "sendTransaction", Method: http.MethodPost, Path: "/v1/transactions", Tags: []string{"transactions"},
			Summary: "Send one transaction",
			Description: "Calls a function that writes, or deploys a contract. It is a job with one row and has the same promises: it is executed exactly once. " +
				"The answer is 200 when it is final (reverted is a result, too), 202 with what is known when it is not yet.",
			Responses: map[string]*huma.Response{"202": {Description: "Not final yet: ask for the job", Content: jsonOf("Transaction")}},
		},
		curl: `curl -X POST http://127.0.0.1:8080/v1/transactions -H 'Content-Type: application/json' \
  -d '{"contract":"Evidence","deploy":true,"wait":"receipt"}'`,
		problems: problemsOfBody(problemsOfChain()...),
		timeout:  maxReceiptWait + requestTimeout,
		register: handle((*Gateway).sendTransaction),
	}
}

func (g *Gateway) sendTransaction(ctx context.Context, in *transactionInput) (*transactionOutput, error) {
	b := in.Body
	spec, row, err := transactionSpec(b, in.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	wait := defaultReceiptWait
	if b.TimeoutMS > 0 {
		wait = time.Duration(b.TimeoutMS) * time.Millisecond
	}
	waitCtx, cancel := g.untilDrained(ctx, wait)
	defer cancel()
	job, _, err := g.cfg.Engine.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	if _, err = g.loadAndRun(ctx, job.ID, rows.NewJSON([]json.RawMessage{row}), true); err != nil {
		return nil, g.aboutArguments(err, job.ID)
	}
	out := &transactionOutput{Location: "/v1/jobs/" + job.ID}
	switch b.Wait {
	case "none":
	case "sent":
		err = g.waitForHash(waitCtx, job.ID)
	default:
		_, err = g.cfg.Engine.Wait(waitCtx, job.ID)
	}
	// The end of the wait is no failure: the transaction goes on without us.
	if err != nil && waitCtx.Err() == nil && !errors.Is(err, batch.ErrHalted) && !errors.Is(err, batch.ErrPaused) && !errors.Is(err, batch.ErrNotStarted) {
		return nil, g.aboutTransaction(ctx, err, job.ID)
	}
	out.Body, err = g.transaction(ctx, job.ID)
	if err != nil {
		return nil, g.aboutTransaction(ctx, err, job.ID)
	}
	out.Status = http.StatusAccepted
	if out.Body.State.Final() {
		out.Status = http.StatusOK
	}
	return out, nil
}

// transactionSpec turns the body into a job with one row.
func transactionSpec(b NewTransaction, headerKey string) (batch.Spec, json.RawMessage, error) {
	key, err := idempotencyKey(b.IdempotencyKey, headerKey)
	if err != nil {
		return batch.Spec{}, nil, err
	}
	to, err := address("to", b.To)
	if err != nil {
		return batch.Spec{}, nil, err
	}
	abi, err := abiText(b.ABI)
	if err != nil {
		return batch.Spec{}, nil, err
	}
	row := b.Args
	switch {
	case len(row) == 0 || string(row) == "null":
		row = json.RawMessage("[]")
	case row[0] != '[' && row[0] != '{':
		return batch.Spec{}, nil, badMember("args", "must be an array in the order of the arguments, or an object by their names")
	}
	switch {
	case b.Deploy && b.Function != "":
		return batch.Spec{}, nil, badMember("function", "does not go with deploy: args are those of the constructor")
	case !b.Deploy && b.Function == "":
		return batch.Spec{}, nil, badMember("function", "is missing: name the function to call, or set deploy")
	}
	return batch.Spec{
		Kind: batch.KindTransaction, IdempotencyKey: key, Target: b.Target, Account: b.Account, Contract: b.Contract,
		To: to, Function: b.Function, ABI: abi, Deploy: b.Deploy, Bytecode: b.Bytecode,
	}, row, nil
}

// untilDrained is ctx with a time limit that also ends when the gateway stops.
func (g *Gateway) untilDrained(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-g.drain:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-done }
}

// waitForHash waits until the transaction is signed and stored, which is just
// before it is sent.
func (g *Gateway) waitForHash(ctx context.Context, jobID string) error {
	tick := time.NewTicker(hashPoll)
	defer tick.Stop()
	for {
		tx, err := g.transaction(ctx, jobID)
		if err != nil || tx.TxHash != nil || tx.State.Final() || tx.Reason != "" {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// transaction reads what is known about the only row of a job.
func (g *Gateway) transaction(ctx context.Context, jobID string) (Transaction, error) {
	job, err := g.cfg.Engine.Job(ctx, jobID)
	if err != nil {
		return Transaction{}, err
	}
	items, err := g.cfg.Engine.Items(ctx, jobID, batch.ItemFilter{Limit: 1})
	if err != nil {
		return Transaction{}, err
	}
	tx := Transaction{JobID: jobID, Reason: job.Reason}
	if len(items) > 0 {
		tx.Item = items[0]
	}
	return tx, nil
}

// aboutTransaction adds the job and, when the store tells it, the hash of its
// transaction to a problem: it may have been sent.
func (g *Gateway) aboutTransaction(ctx context.Context, err error, jobID string) error {
	p := g.problemOf(err)
	p.JobID = jobID
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if tx, err := g.transaction(ctx, jobID); err == nil && tx.TxHash != nil {
		p.TxHash = tx.TxHash.Hex()
	}
	return p
}

// aboutArguments words faults of the only row as faults of the arguments.
func (g *Gateway) aboutArguments(err error, jobID string) error {
	invalid, ok := errors.AsType[*batch.InvalidRowsError](err)
	if !ok {
		return g.about(err, jobID)
	}
	p := newProblem(http.StatusUnprocessableEntity, "invalid_arguments", "the arguments do not fit the function, nothing was sent")
	p.JobID = jobID
	for _, f := range invalid.Faults {
		location := "body.args"
		if f.Column != "" {
			location += "." + f.Column
		}
		p = p.at(location, f.Reason)
	}
	if len(p.Errors) > 0 {
		p.Detail += ": " + p.Errors[0].Message
	}
	return p
}
