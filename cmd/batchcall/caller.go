package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
	"github.com/bcosgate/bcosgate/gateway/client"
	"github.com/bcosgate/bcosgate/internal/assemble"
)

// localCaller reads from contracts over connections of its own. The store is
// only asked where contracts are, and may be another process's.
type localCaller struct {
	targets []assemble.Target // one
	store   *batch.Store      // nil when there is none
}

func (a *app) openChain(ctx context.Context) (*localCaller, error) {
	cfg, err := a.localConfig()
	if err != nil {
		return nil, err
	}
	targets, err := a.connect(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	return a.callerOver(ctx, targets)
}

// callerOver reads over the connections of targets, which are closed with it.
func (a *app) callerOver(ctx context.Context, targets []assemble.Target) (*localCaller, error) {
	l := &localCaller{targets: targets}
	if a.opt.storeExists() {
		store, err := batch.OpenStore(ctx, a.opt.store)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.store = store
	}
	return l, nil
}

func (l *localCaller) Close() error {
	var err error
	if l.store != nil {
		err = l.store.Close()
	}
	return errors.Join(err, closeTargets(l.targets))
}

// Call encodes, asks the chain and decodes.
func (l *localCaller) Call(ctx context.Context, c call) (client.CallResult, error) {
	to, abi, err := l.callee(ctx, c)
	if err != nil {
		return client.CallResult{}, err
	}
	method, err := methodOf(abi, c.function)
	if err != nil {
		return client.CallResult{}, fmt.Errorf("--fn %s: %w", c.function, err)
	}
	values := make([]any, len(c.args))
	for i, arg := range c.args {
		values[i] = arg
	}
	input, err := method.Encode(values)
	if err != nil {
		return client.CallResult{}, fmt.Errorf("%s: %w", method.Signature(), err)
	}
	answer, err := l.targets[0].Guard.Call(ctx, chain.CallMsg{From: c.from, To: to, Input: input})
	if err != nil {
		return client.CallResult{}, err
	}
	result := client.CallResult{BlockNumber: answer.BlockNumber, Status: answer.Status, StatusName: answer.StatusName, Output: hexutil.Encode(answer.Output)}
	if answer.Status != 0 {
		result.RevertReason = abi.RevertReason(answer.Output)
		return result, nil
	}
	outputs, err := method.DecodeOutput(answer.Output)
	if err != nil {
		result.DecodeError = err.Error()
	}
	for _, v := range outputs {
		result.Outputs = append(result.Outputs, client.Value{Name: v.Name, Type: v.Type, Value: v.Value})
	}
	return result, nil
}

// callee finds the address, and the ABI where one is known.
func (l *localCaller) callee(ctx context.Context, c call) (to common.Address, abi *contracts.ABI, err error) {
	if len(c.abi) > 0 {
		if abi, err = contracts.ParseABI(c.abi); err != nil {
			return to, nil, fmt.Errorf("--abi: %w", err)
		}
	}
	if c.contract != "" {
		deployed, err := l.deployed(ctx, c.contract)
		if err != nil && c.to == nil {
			return to, nil, err
		}
		if artifact, ok := contracts.Builtin(c.contract); ok && deployed.ABI == nil {
			deployed.ABI = artifact.ABI
		}
		to = deployed.Address
		if abi == nil {
			abi = deployed.ABI
		}
	}
	if c.to != nil {
		to = *c.to
	}
	return to, abi, nil
}

func (l *localCaller) deployed(ctx context.Context, name string) (batch.Contract, error) {
	if l.store == nil {
		return batch.Contract{}, fmt.Errorf("%s: %w", name, batch.ErrNotDeployed)
	}
	return l.store.Contract(ctx, l.targets[0].Info.Name, name)
}

func methodOf(abi *contracts.ABI, function string) (*contracts.Method, error) {
	if abi == nil {
		return contracts.MethodFromSignature(function)
	}
	return abi.Method(function)
}
