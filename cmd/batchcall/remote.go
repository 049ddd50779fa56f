package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/report"
	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/gateway/client"
)

// remote is a gateway that runs the jobs.
type remote struct {
	*client.Client
	target  string
	account string
}

func (a *app) openGateway() (*remote, error) {
	cfg := client.Config{URL: a.opt.gateway, Token: a.opt.token, Logger: a.logger()}
	if a.opt.ca != "" || a.opt.cert != "" {
		security, err := certs.LoadHTTPSClient(a.opt.ca, a.opt.cert, a.opt.key)
		if err != nil {
			return nil, err
		}
		cfg.TLS = security
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, err
	}
	return &remote{Client: c, target: a.opt.target, account: a.opt.account}, nil
}

func (r *remote) Close() error {
	r.Client.Close()
	return nil
}

func (r *remote) Signer() (string, error) { return r.account, nil }

func (r *remote) Account() string { return r.account }

// TargetName asks the gateway for its only target when none is named, so that
// naming it or not is the same.
func (r *remote) TargetName(ctx context.Context) (string, error) {
	if r.target != "" {
		return r.target, nil
	}
	c, err := r.chain(ctx)
	return c.Name, err
}

// chain is the target as the gateway sees it.
func (r *remote) chain(ctx context.Context) (client.Chain, error) {
	chains, err := r.Chains(ctx)
	if err != nil {
		return client.Chain{}, err
	}
	for _, c := range chains {
		if c.Name == r.target || r.target == "" && len(chains) == 1 {
			return c, nil
		}
	}
	var names []string
	for _, c := range chains {
		names = append(names, c.Name)
	}
	if r.target == "" {
		return client.Chain{}, usage("which target? The gateway has several: choose with --target one of %s", strings.Join(names, ", "))
	}
	return client.Chain{}, usage("--target %s: the gateway has %s", r.target, strings.Join(names, ", "))
}

func (r *remote) Head(ctx context.Context) (uint64, error) {
	c, err := r.chain(ctx)
	return c.Head, err
}

func (r *remote) Address(ctx context.Context, contract string) (common.Address, error) {
	list, err := r.Contracts(ctx, r.target)
	if err != nil {
		return common.Address{}, err
	}
	var newest *client.Contract
	for i, c := range list {
		if c.Name == contract && (newest == nil || c.Block > newest.Block) {
			newest = &list[i]
		}
	}
	if newest == nil {
		return common.Address{}, fmt.Errorf("%s: %w", contract, batch.ErrNotDeployed)
	}
	return newest.Address, nil
}

func (r *remote) Create(ctx context.Context, spec batch.Spec) (batch.Job, bool, error) {
	return r.CreateJob(ctx, client.JobRequest{
		Kind: spec.Kind, Block: spec.Block, SameBlock: spec.SameBlock,
		Name: spec.Name, IdempotencyKey: spec.IdempotencyKey, Target: spec.Target, Account: spec.Account,
		Contract: spec.Contract, To: spec.To, Function: spec.Function, ABI: spec.ABI, Event: spec.Event, Rate: spec.Rate, InFlight: spec.InFlight, Signed: spec.Signed,
		Priority: spec.Priority, ShardBy: spec.ShardBy, Deadline: spec.Deadline, MaxWait: spec.MaxWait,
		MaxErrors: spec.MaxErrors, Canary: spec.Canary, OrderedBy: spec.OrderedBy,
	})
}

// Load sends the rows in parts, so that a broken connection or a gateway that is
// restarted costs little; to a gateway that does not know parts, at once.
func (r *remote) Load(ctx context.Context, jobID string, in *input, loaded func(int64)) (batch.Job, error) {
	f, err := in.open()
	if err != nil {
		return batch.Job{}, err
	}
	defer f.Close()
	delimiter := ""
	if in.csv.Comma != 0 {
		delimiter = string(in.csv.Comma)
	}
	job, err := r.UploadRows(ctx, jobID, client.Upload{
		File: f, Size: in.size, SHA256: in.sha256, Format: string(in.format), Delimiter: delimiter, Encoding: in.csv.Encoding, Progress: loaded,
	})
	if p, ok := errors.AsType[*client.Problem](err); !ok || !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, p.Status) {
		return job, err
	}
	return r.PutRows(ctx, jobID, client.Rows{
		Open: func() (io.ReadCloser, error) {
			f, err := in.open()
			return &countedFile{File: f, read: loaded}, err
		},
		Size: in.size, ContentType: in.contentType(), Delimiter: delimiter, Encoding: in.csv.Encoding,
	})
}

func (r *remote) Run(ctx context.Context, jobID string) error {
	_, err := r.StartJob(ctx, jobID)
	return err
}

func (r *remote) Pause(ctx context.Context, jobID string) (batch.Job, error) {
	return r.PauseJob(ctx, jobID)
}

func (r *remote) Resume(ctx context.Context, jobID, maxErrors string) (batch.Job, error) {
	return r.ResumeJob(ctx, jobID, maxErrors)
}

func (r *remote) Cancel(ctx context.Context, jobID string) (batch.Job, error) {
	return r.CancelJob(ctx, jobID)
}

func (r *remote) Retry(ctx context.Context, jobID string, states []batch.ItemState) (batch.RetryResult, error) {
	return r.RetryJob(ctx, jobID, states)
}

func (r *remote) Deploy(ctx context.Context, spec batch.Spec, args json.RawMessage) (string, error) {
	if spec.IdempotencyKey == "" {
		spec.IdempotencyKey = "deploy-" + uuid.NewString() // so that the request can be repeated
	}
	res, err := r.Transact(ctx, client.TransactionRequest{
		Target: spec.Target, Account: spec.Account, Contract: spec.Contract, ABI: spec.ABI, Bytecode: spec.Bytecode,
		Deploy: true, Args: args, IdempotencyKey: spec.IdempotencyKey, Wait: client.WaitNone,
	})
	return res.JobID, err
}

// Interrupt does nothing: the job is the gateway's.
func (r *remote) Interrupt(context.Context) error { return nil }

func (r *remote) Job(ctx context.Context, id string) (batch.Job, error) {
	status, err := r.Client.Job(ctx, id)
	return status.Job, err
}

func (r *remote) Jobs(ctx context.Context, f batch.JobFilter) ([]batch.Job, error) {
	var jobs []batch.Job
	filter := client.JobFilter{Kind: f.Kind, State: f.State, Target: f.Target, Before: f.Before}
	for {
		filter.Limit = min(f.Limit-len(jobs), pageSize)
		page, err := r.Client.Jobs(ctx, filter)
		jobs = append(jobs, page.Jobs...)
		if err != nil || page.Next == "" || len(jobs) >= f.Limit {
			return jobs, err
		}
		filter.Before = page.Next
	}
}

func (r *remote) Items(ctx context.Context, jobID string, f batch.ItemFilter) ([]batch.Item, error) {
	page, err := r.Rows(ctx, jobID, client.RowFilter{States: f.States, After: f.After, Limit: f.Limit, History: f.History})
	return page.Rows, err
}

func (r *remote) Progress(ctx context.Context, jobID string) (batch.Progress, error) {
	status, err := r.Client.Job(ctx, jobID)
	if err != nil {
		return batch.Progress{}, err
	}
	p := progressOf(status.Job)
	if now := status.Progress; now != nil {
		p.Rate, p.InFlight, p.Window, p.SubBatch = now.Rate, now.InFlight, now.Window, now.SubBatch
		p.ETA = time.Duration(now.EtaMS) * time.Millisecond
		p.Waiting, p.Halted, p.Budget = now.Waiting, now.Halted, now.Budget
	}
	return p, nil
}

func (r *remote) WriteReport(ctx context.Context, jobID string, opt report.Options, w io.Writer) error {
	return r.Report(ctx, jobID, opt, w)
}

// Call passes the arguments on as texts, which the gateway reads as this program would.
func (r *remote) Call(ctx context.Context, c call) (client.CallResult, error) {
	args, err := json.Marshal(emptyNotNil(c.args))
	if err != nil {
		return client.CallResult{}, err
	}
	return r.Client.Call(ctx, client.CallRequest{
		Target: r.target, Contract: c.contract, To: c.to, Function: c.function, Args: args, ABI: c.abi, From: c.from,
	})
}
