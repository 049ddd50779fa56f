package gateway

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/rows"
)

// NewJob is what a client asks for with POST /v1/jobs.
type NewJob struct {
	Kind           batch.JobKind     `json:"kind,omitempty" enum:"batch,call,plan" default:"batch" doc:"batch: every row is sent as a transaction; call: every row is read; plan: every row is simulated as it would be sent, see GET /v1/jobs/{id}/plan"`
	Target         string            `json:"target,omitempty" doc:"Name of a configured target; may be left out when there is only one" maxLength:"100"`
	Account        string            `json:"account,omitempty" doc:"Name of a configured account; left out: the default account of the target, and nobody for kind call" maxLength:"100"`
	Contract       string            `json:"contract,omitempty" doc:"Name of a built-in contract, or of one that was deployed through this gateway" maxLength:"100" example:"Evidence"`
	To             string            `json:"to,omitempty" doc:"Address of the contract; left out: the newest deployment of contract" example:"0x31ed5233b81c79d5adddeef991f531a9bbc2ad01"`
	Function       string            `json:"function" minLength:"1" maxLength:"1000" doc:"Name or signature of the function" example:"save(bytes32,string)"`
	ABI            json.RawMessage   `json:"abi,omitempty" doc:"ABI of the contract when its name is not known: a JSON array, or a string that holds one"`
	Rate           float64           `json:"rate,omitempty" minimum:"0" doc:"Most transactions a second; 0 is the limit of the target"`
	Event          string            `json:"event,omitempty" maxLength:"1000" doc:"An event that the contract must emit in every confirmed row, for example Saved(bytes32,address,uint256,string): looked for when the job is reconciled or audited. The same request with another event changes it, also when the job has ended"`
	InFlight       int               `json:"inFlight,omitempty" minimum:"0" doc:"Most transactions in flight; 0 is the limit of the target"`
	Priority       string            `json:"priority,omitempty" enum:"low,normal,high" default:"normal" doc:"Which jobs of the target go first; about one in sixteen transactions is left to each lower priority"`
	Block          *uint64           `json:"block,omitempty" doc:"Of call and plan: every row is read at exactly this block, or is rejected. Nodes of FISCO BCOS read at their newest block only, so that it must be that one"`
	SameBlock      bool              `json:"sameBlock,omitempty" doc:"Of call and plan: every row is read at the block at which the job begins; rows that come after the next one are rejected"`
	ShardBy        string            `json:"shardBy,omitempty" doc:"How the rows are cut into shards, each of which one gateway carries at a time: range(ROWS), key(COLUMN) or time(COLUMN,WIDTH), as in time(at,1h), the oldest first; left out: range(250)"`
	Deadline       string            `json:"deadline,omitempty" maxLength:"30" doc:"Rows that were not sent so long after the start of the job expire; left out: none" example:"2h"`
	MaxWait        string            `json:"maxWait,omitempty" maxLength:"30" doc:"Rows that were not sent expire when nothing of the job can be sent for so long; left out: 30m" example:"30m"`
	MaxErrors      string            `json:"maxErrors,omitempty" maxLength:"20" doc:"Error budget: how many rows may fail, as a number or as a share of all rows; when more have failed nothing new is sent and the job is paused. Left out: no bound" example:"1%"`
	Canary         int               `json:"canary,omitempty" minimum:"0" doc:"This many rows, the first ones, are sent and settled before all others; when one of them fails the job is paused" example:"10"`
	OrderedBy      string            `json:"orderedBy,omitempty" maxLength:"200" doc:"Name of an argument, another column, _id, _to or _fn: rows with the same value there are sent one after the other, in row order; rows of different values go side by side" example:"account"`
	Name           string            `json:"name,omitempty" maxLength:"200" doc:"Free text for people"`
	IdempotencyKey string            `json:"idempotencyKey,omitempty" maxLength:"200" doc:"The same key gives the same job, so that a request may be repeated; the header Idempotency-Key says the same"`
	Signed         *batch.SignedSpec `json:"signed,omitempty" doc:"The rows are transactions that were signed elsewhere, in a file of batchcall sign, which is streamed with PUT /v1/jobs/{id}/rows as application/x-ndjson; account and rows are left out then"`
	Rows           []json.RawMessage `json:"rows,omitempty" doc:"The rows: objects with argument names, or arrays in argument order. Reserved names: _id, _to, _fn, _after (the _id of an earlier row that must be confirmed first). Left out: stream them with PUT /v1/jobs/{id}/rows"`
	Start          *bool             `json:"start,omitempty" default:"true" doc:"Begin to send when the rows are stored; false waits for POST /v1/jobs/{id}/start. Only with rows"`
}

// Job is a snapshot of a job with how it moves.
type Job struct {
	batch.Job
	Progress *Progress `json:"progress,omitempty" doc:"How the job moves, while it is not final; not in lists"`
}

type createJobInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"The same key gives the same job"`
	Body           NewJob
}

type createJobOutput struct {
	Status   int
	Location string `header:"Location" doc:"Path of the job"`
	Body     Job
}

func createJobRoute() route {
	return route{
		Operation: huma.Operation{
			OperationID: "createJob", Method: http.MethodPost, Path: "/v1/jobs", Tags: []string{"jobs"}, DefaultStatus: http.StatusCreated,
			Summary: "Create a job",
			Description: "Makes a job for one function of one contract: of transactions, or of calls that read or simulate. With rows they are checked and stored, and sending begins; " +
				"one fault refuses all of them and nothing is sent. Without rows the job waits for PUT /v1/jobs/{id}/rows. " +
				"A request with an idempotency key may be repeated: the answer is 200 with the job that is there already. " +
				"With another rate, inFlight, priority, deadline, maxWait or maxErrors the job takes the new ones.",
			Responses: map[string]*huma.Response{"200": {Description: "The job of this idempotency key was there already", Content: jsonOf("Job")}},
		},
		curl: `curl -X POST http://127.0.0.1:8080/v1/jobs -H 'Content-Type: application/json' \
  -d '{"contract":"Evidence","function":"save","rows":[{"digest":"0x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","text":"a.txt"}]}'`,
		problems: problemsOfBody(problemsOfChain()...),
		timeout:  2 * requestTimeout, // the rows of a full body are checked and stored in it
		register: handle((*Gateway).createJob),
	}
}

func (g *Gateway) createJob(ctx context.Context, in *createJobInput) (*createJobOutput, error) {
	b := in.Body
	start := b.Start == nil || *b.Start
	if b.Rows == nil && !start {
		return nil, badMember("start", "only goes with rows: give start=false to PUT /v1/jobs/{id}/rows instead")
	}
	if b.Rows != nil && b.Signed != nil {
		return nil, badMember("rows", "does not go with signed: stream the file with PUT /v1/jobs/{id}/rows")
	}
	key, err := idempotencyKey(b.IdempotencyKey, in.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	to, err := address("to", b.To)
	if err != nil {
		return nil, err
	}
	abi, err := abiText(b.ABI)
	if err != nil {
		return nil, err
	}
	kind := b.Kind
	if kind == "" {
		kind = batch.KindBatch
	}
	deadline, err := duration("deadline", b.Deadline)
	if err != nil {
		return nil, err
	}
	maxWait, err := duration("maxWait", b.MaxWait)
	if err != nil {
		return nil, err
	}
	job, created, err := g.cfg.Engine.Create(ctx, batch.Spec{
		Kind: kind, Block: b.Block, SameBlock: b.SameBlock,
		Name: b.Name, IdempotencyKey: key, Target: b.Target, Account: b.Account,
		Contract: b.Contract, To: to, Function: b.Function, ABI: abi, Event: b.Event, Rate: b.Rate, InFlight: b.InFlight, Signed: b.Signed,
		Priority: batch.Priority(b.Priority), ShardBy: b.ShardBy, Deadline: deadline, MaxWait: maxWait,
		MaxErrors: b.MaxErrors, Canary: b.Canary, OrderedBy: b.OrderedBy,
	})
	if err != nil {
		return nil, err
	}
	if b.Rows != nil {
		if job, err = g.loadAndRun(ctx, job.ID, rows.NewJSON(b.Rows), start); err != nil {
			return nil, g.about(err, job.ID)
		}
	}
	out := &createJobOutput{Status: http.StatusOK, Location: "/v1/jobs/" + job.ID, Body: g.withProgress(ctx, job)}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// loadAndRun stores the rows of a job and, if it may start, begins to send. The
// job has at least its ID when there is an error.
func (g *Gateway) loadAndRun(ctx context.Context, id string, r rows.Reader, start bool) (batch.Job, error) {
	job, err := g.cfg.Engine.Load(ctx, id, r)
	if err != nil || !start || job.State != batch.JobReady {
		job.ID = id
		return job, err
	}
	if err := g.cfg.Engine.Run(ctx, id); err != nil {
		return job, err
	}
	after, err := g.cfg.Engine.Job(ctx, id)
	if err != nil {
		return job, err
	}
	return after, nil
}

// about adds the job to a problem.
func (g *Gateway) about(err error, jobID string) error {
	p := g.problemOf(err)
	p.JobID = jobID
	return p
}

// idempotencyKey joins the two places where the key may stand.
func idempotencyKey(body, header string) (string, error) {
	if body != "" && header != "" && body != header {
		return "", badMember("idempotencyKey", "differs from the header Idempotency-Key: give it once")
	}
	if body == "" {
		body = header
	}
	return body, nil
}

// duration reads a duration of a body; "" is 0.
func duration(member, text string) (d batch.Duration, err error) {
	if text == "" {
		return 0, nil
	}
	if err := d.UnmarshalText([]byte(text)); err != nil || d <= 0 {
		return 0, badMember(member, "must be a number above 0 with a unit, such as 90s, 30m or 2h")
	}
	return d, nil
}

// address reads an address of a body; "" is nil. Mixed case must be right by EIP-55.
func address(member, text string) (*common.Address, error) {
	if text == "" {
		return nil, nil
	}
	if !common.IsHexAddress(text) {
		return nil, badMember(member, "is not an address: 40 hex digits, 0x before them optional")
	}
	a := common.HexToAddress(text)
	digits := text[len(text)-2*common.AddressLength:]
	if mixedCase(digits) && digits != a.Hex()[2:] {
		return nil, badMember(member, "has a wrong checksum (EIP-55): is a digit mistyped? Lower case has none")
	}
	return &a, nil
}

func mixedCase(digits string) bool {
	var lower, upper bool
	for _, r := range digits {
		lower = lower || r >= 'a' && r <= 'f'
		upper = upper || r >= 'A' && r <= 'F'
	}
	return lower && upper
}

// abiText takes the ABI as a JSON array or as a string that holds one.
func abiText(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	switch raw[0] {
	case '[':
		return raw, nil
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err == nil && json.Valid([]byte(text)) {
			return json.RawMessage(text), nil
		}
	}
	return nil, badMember("abi", "must be a JSON array, or a string that holds one")
}

// jsonOf refers to a schema that another part of the table registers.
func jsonOf(schema string) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/" + schema}}}
}
