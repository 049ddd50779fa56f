package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/google/uuid"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/gateway/client"
	"github.com/bcosgate/bcosgate/internal/assemble"
	"github.com/bcosgate/bcosgate/internal/loadgen"
)

// benchSubject is what the load is put on.
type benchSubject interface {
	// about says to people where the load goes.
	about(plan benchRun) []string
	// workload makes the requests; it deploys the contract where that is asked for.
	workload(ctx context.Context, plan benchRun) (loadgen.Workload, error)
	// subject says the same as about, for the report.
	subject(plan benchRun) loadgen.Subject
	Close() error
}

func (a *app) openBenchSubject(ctx context.Context, plan benchRun) (benchSubject, error) {
	if a.opt.gateway != "" {
		return a.openBenchGateway(ctx, plan)
	}
	return a.openBenchDirect(ctx, plan)
}

// benchDirect is a chain over connections of this process.
type benchDirect struct {
	*localCaller
	a        *app
	account  string         // address that signs, empty for reads
	contract common.Address // known early, unless it is deployed for the run
}

func (a *app) openBenchDirect(ctx context.Context, plan benchRun) (*benchDirect, error) {
	cfg, err := a.localConfig()
	if err != nil {
		return nil, err
	}
	var accounts []assemble.Account
	if plan.o.writes() {
		if accounts, err = a.openAccounts(cfg); err != nil {
			return nil, err
		}
	}
	targets, err := a.connect(ctx, cfg, accounts)
	if err != nil {
		return nil, err
	}
	d := &benchDirect{a: a}
	if d.localCaller, err = a.callerOver(ctx, targets); err != nil {
		return nil, err
	}
	if accounts != nil {
		d.account = d.signer().Address().Hex()
	}
	if !plan.o.own() {
		if err := d.find(ctx, plan); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

func (d *benchDirect) find(ctx context.Context, plan benchRun) error {
	to, err := plan.o.address()
	if err != nil {
		return err
	}
	if d.contract, _, err = d.callee(ctx, call{contract: plan.o.contract, to: to}); err != nil {
		return d.a.calleeError(err, plan.o.contract)
	}
	code, err := d.targets[0].Guard.Code(ctx, d.contract)
	if err != nil {
		return err
	}
	if len(code) == 0 {
		return exitWith(exitUsage, "there is no contract at %s on this chain", d.contract.Hex())
	}
	return nil
}

func (d *benchDirect) signer() chain.Signer {
	t := d.targets[0]
	return t.Accounts[t.DefaultAccount]
}

func (d *benchDirect) about(plan benchRun) []string {
	info := d.targets[0].Info
	lines := []string{fmt.Sprintf("target %s: chain %s, group %s", info.Name, info.ChainID, info.Group)}
	if d.account != "" {
		lines = append(lines, "signed by "+d.account)
	}
	if plan.o.own() {
		return append(lines, "a new "+benchContract+" contract is deployed for the run")
	}
	return append(lines, "contract "+d.contract.Hex())
}

func (d *benchDirect) subject(plan benchRun) loadgen.Subject {
	info := d.targets[0].Info
	return loadgen.Subject{Via: "direct", Target: info.Name, ChainID: info.ChainID, Group: info.Group, Account: d.account,
		Contract: d.contract.Hex(), Reads: plan.o.reads, Args: plan.args()}
}

// args are the texts of the arguments, by function.
func (plan benchRun) args() map[string][]string {
	args := map[string][]string{}
	for _, c := range plan.calls {
		args[c.name] = c.arguments.Texts()
	}
	return args
}

func (d *benchDirect) workload(ctx context.Context, plan benchRun) (loadgen.Workload, error) {
	t, run := d.targets[0], uuid.NewString()
	if plan.o.own() {
		artifact, _ := contracts.Builtin(benchContract)
		var err error
		d.contract, err = loadgen.Deploy(ctx, t.Guard, d.signer(), artifact.Bytecode, artifact.ABI.JSON(), run, batch.DefaultBlockLimitAhead)
		if err != nil {
			return nil, err
		}
		d.a.note("deployed %s at %s", benchContract, d.contract.Hex())
	}
	var targets []loadgen.Target
	for _, c := range plan.calls {
		targets = append(targets, loadgen.Target{To: d.contract, Arguments: c.arguments})
	}
	if plan.o.reads {
		return loadgen.NewCalls(t.Guard, targets, plan.cfg.Seed), nil
	}
	return loadgen.NewTransactions(t.Guard, d.signer(), targets, plan.cfg.Seed, run, batch.DefaultBlockLimitAhead), nil
}

// benchGateway is a gateway that signs and sends, or reads.
type benchGateway struct {
	*remote
	a        *app
	name     string // of the target
	contract common.Address
	abi      json.RawMessage
}

func (a *app) openBenchGateway(ctx context.Context, plan benchRun) (*benchGateway, error) {
	r, err := a.openGateway()
	if err != nil {
		return nil, err
	}
	g := &benchGateway{remote: r, a: a}
	if err := g.find(ctx, plan); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *benchGateway) find(ctx context.Context, plan benchRun) error {
	var err error
	if g.name, err = g.TargetName(ctx); err != nil {
		return err
	}
	if g.abi, err = plan.o.callee("").readABI(); err != nil {
		return err
	}
	to, err := plan.o.address()
	switch {
	case err != nil || plan.o.own():
		return err
	case to != nil:
		g.contract = *to
		return nil
	}
	g.contract, err = g.Address(ctx, plan.o.contract)
	return g.a.calleeError(err, plan.o.contract)
}

func (g *benchGateway) about(plan benchRun) []string {
	lines := []string{fmt.Sprintf("target %s of the gateway at %s", g.name, g.a.opt.gateway)}
	if plan.o.own() {
		return append(lines, "a new "+benchContract+" contract is deployed for the run")
	}
	return append(lines, "contract "+g.contract.Hex())
}

func (g *benchGateway) subject(plan benchRun) loadgen.Subject {
	return loadgen.Subject{Via: "gateway", Target: g.name, Account: g.account, Contract: g.contract.Hex(), Reads: plan.o.reads, Args: plan.args()}
}

// deploy puts a contract on the chain under a name that nobody else uses.
func (g *benchGateway) deploy(ctx context.Context) error {
	artifact, _ := contracts.Builtin(benchContract)
	name := "bench-" + uuid.NewString()
	result, err := g.Transact(ctx, client.TransactionRequest{Target: g.name, Account: g.account, Contract: name, ABI: json.RawMessage(artifact.ABI.JSON()),
		Bytecode: hex.EncodeToString(artifact.Bytecode), Deploy: true, Args: json.RawMessage("[]"), IdempotencyKey: name})
	if err != nil {
		return err
	}
	if result.Contract == nil {
		return exitWith(exitFailed, "the contract of the run could not be deployed: it is %s: %s%s", result.State, result.Error, result.Reason)
	}
	g.contract = *result.Contract
	g.a.note("deployed %s at %s", benchContract, g.contract.Hex())
	return nil
}

func (g *benchGateway) workload(ctx context.Context, plan benchRun) (loadgen.Workload, error) {
	if plan.o.own() {
		if err := g.deploy(ctx); err != nil {
			return nil, err
		}
	}
	return gatewayWorkload{benchGateway: g, plan: plan}, nil
}

// gatewayWorkload makes the requests of a run to a gateway.
type gatewayWorkload struct {
	*benchGateway
	plan benchRun
}

// Prepare makes the arguments; signing is the gateway's.
func (w gatewayWorkload) Prepare(_ context.Context, fn int, n uint64) (loadgen.Shot, error) {
	c := w.plan.calls[fn]
	args, err := json.Marshal(c.arguments.Values(w.plan.cfg.Seed, n))
	if err != nil {
		return nil, err
	}
	if w.plan.o.reads {
		return func(ctx context.Context) error {
			result, err := w.Client.Call(ctx, client.CallRequest{Target: w.name, To: &w.contract, Function: c.name, Args: args, ABI: w.abi})
			if err == nil && result.Status != 0 {
				return fmt.Errorf("%w: %s", loadgen.ErrReverted, result.StatusName)
			}
			return asChainError(err)
		}, nil
	}
	return func(ctx context.Context) error {
		result, err := w.Transact(ctx, client.TransactionRequest{Target: w.name, Account: w.account, To: &w.contract, Function: c.name, Args: args, ABI: w.abi,
			Wait: client.WaitReceipt, TimeoutMS: w.plan.cfg.Timeout.Milliseconds()})
		if err != nil {
			return asChainError(err)
		}
		return outcomeOf(result)
	}, nil
}

// outcomeOf says what became of a transaction that the gateway made.
func outcomeOf(result client.TransactionResult) error {
	switch {
	case !result.Final:
		return &chain.Error{Kind: chain.KindTimeout, Op: "transaction", Msg: result.Reason}
	case result.State == batch.ItemConfirmed:
		return nil
	case result.State == batch.ItemReverted:
		return fmt.Errorf("%w: %s", loadgen.ErrReverted, result.Error)
	}
	return &chain.Error{Kind: chain.Kind(result.ErrorKind), Op: "transaction", Msg: result.Error}
}

// asChainError gives the error of a gateway the kind that it has.
func asChainError(err error) error {
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Kind != "" {
		return &chain.Error{Kind: chain.Kind(p.Kind), Op: "gateway", Msg: p.Detail, Err: err}
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		return &chain.Error{Kind: chain.KindUnavailable, Op: "gateway", Err: err}
	}
	return err
}
