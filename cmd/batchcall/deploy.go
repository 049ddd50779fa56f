package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/contracts"
)

type deployOptions struct {
	abi  string
	bin  string
	name string
	key  string
}

func (a *app) deployCommand() *cobra.Command {
	var o deployOptions
	cmd := &cobra.Command{
		Use:   "deploy NAME [ARG...] | deploy --abi FILE --bin FILE [ARG...]",
		Short: "Put a contract on the chain, and give it a name",
		Long: `Deploy a contract and print its address, transaction hash and block. NAME is a
built-in contract (` + strings.Join(contracts.BuiltinNames(), ", ") + `); others come as the files that solc writes.
ARGs are those of the constructor, as texts; arrays and structs are JSON.

The contract can then be called by its name from the same store or gateway. A
second deployment is another contract, and the name stands for the newest.

` + exitHelp,
		Example: `  batchcall deploy Evidence --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall deploy Ledger 'Points' 1000000 --gateway http://127.0.0.1:8080
  batchcall deploy --abi build/Asset.abi --bin build/Asset.bin --name Asset`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.deploy(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.abi, "abi", "", "JSON `file` with the ABI")
	f.StringVar(&o.bin, "bin", "", "`file` with the creation code in hex")
	f.StringVar(&o.name, "name", "", "`name` to call it by (default: NAME, or that of the ABI's file)")
	f.StringVar(&o.key, "idempotency-key", "", "the same `key` finds the same deployment again (default: every deployment is new)")
	return cmd
}

// spec reads the flags and gives what is left of args for the constructor.
func (o deployOptions) spec(args []string) (batch.Spec, []string, error) {
	spec := batch.Spec{Kind: batch.KindTransaction, Deploy: true, Contract: o.name, IdempotencyKey: o.key}
	if o.abi != "" || o.bin != "" {
		if o.abi == "" || o.bin == "" {
			return spec, nil, usage("--abi and --bin go together: what solc --abi and solc --bin write")
		}
		var err error
		if spec.ABI, err = (calleeOptions{abi: o.abi}).readABI(); err != nil {
			return spec, nil, err
		}
		if spec.Bytecode, err = readBytecode(o.bin); err != nil {
			return spec, nil, err
		}
		if spec.Contract == "" {
			base := filepath.Base(o.abi)
			spec.Contract = strings.TrimSuffix(base, filepath.Ext(base))
		}
		return spec, args, nil
	}
	if len(args) == 0 {
		return spec, nil, usage("which contract? Name a built-in one (%s), or give --abi and --bin", strings.Join(contracts.BuiltinNames(), ", "))
	}
	artifact, ok := contracts.Builtin(args[0])
	if !ok {
		return spec, nil, usage("%s is not built in (%s are): give --abi and --bin", args[0], strings.Join(contracts.BuiltinNames(), ", "))
	}
	if spec.Contract == "" || spec.Contract == artifact.Name {
		spec.Contract = artifact.Name
		return spec, args[1:], nil
	}
	spec.ABI, spec.Bytecode = json.RawMessage(artifact.ABI.JSON()), hex.EncodeToString(artifact.Bytecode)
	return spec, args[1:], nil
}

func readBytecode(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", usage("--bin: %s", err)
	}
	code := strings.TrimPrefix(strings.TrimSpace(string(data)), "0x")
	if _, err := hex.DecodeString(code); err != nil || code == "" {
		return "", usage("--bin %s: it is not creation code in hex (libraries must be linked before): %v", file, err)
	}
	return code, nil
}

// checkConstructor finds wrong arguments before a node is needed.
func checkConstructor(spec batch.Spec, args []string) error {
	abi := (*contracts.ABI)(nil)
	if len(spec.ABI) > 0 {
		parsed, err := contracts.ParseABI(spec.ABI)
		if err != nil {
			return err
		}
		abi = parsed
	} else if artifact, ok := contracts.Builtin(spec.Contract); ok {
		abi = artifact.ABI
	}
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg
	}
	if _, err := abi.Constructor().Encode(values); err != nil {
		return usage("%s%s: %s", spec.Contract, strings.TrimPrefix(abi.Constructor().Signature(), "constructor"), err)
	}
	return nil
}

func (a *app) deploy(ctx context.Context, o deployOptions, args []string) (err error) {
	spec, args, err := o.spec(args)
	if err != nil {
		return err
	}
	if err := checkConstructor(spec, args); err != nil {
		return err
	}
	row, err := json.Marshal(emptyNotNil(args))
	if err != nil {
		return err
	}
	s, err := a.openService(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	spec.Account = s.Account()
	if spec.Target, err = s.TargetName(ctx); err != nil {
		return err
	}
	before, beforeErr := s.Address(ctx, spec.Contract)
	jobID, err := s.Deploy(ctx, spec, row)
	if err != nil {
		return a.deployFailed(ctx, s, err, jobID)
	}
	if _, err := a.finish(ctx, s, jobID); err != nil && !errors.Is(err, errStands) {
		return err
	}
	items, err := s.Items(ctx, jobID, batch.ItemFilter{Limit: 1})
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return fmt.Errorf("job %s has no row", jobID)
	}
	if beforeErr == nil && items[0].Contract != nil && before != *items[0].Contract {
		a.note("%s was %s before; the name stands for the new contract now", spec.Contract, before.Hex())
	}
	return a.showDeployment(spec.Contract, jobID, items[0])
}

func (a *app) deployFailed(ctx context.Context, s service, err error, jobID string) error {
	switch {
	case ctx.Err() != nil && jobID != "":
		return a.interrupted(s, jobID)
	case ctx.Err() != nil && a.opt.gateway != "":
		return exitWith(exitInterrupted, "interrupted before the gateway answered; it may deploy all the same. Look for it with: %s", a.again("get"))
	}
	if faults, count, ok := faultsOf(err); ok {
		return a.refused(faults, count)
	}
	if isConflict(err) {
		return exitWith(exitUsage, "this --idempotency-key belongs to another request: choose a new key, or ask for the same again")
	}
	return err
}

// deployment is what a deployment prints.
type deployment struct {
	Name    string          `json:"name"`
	Address *common.Address `json:"address,omitempty"`
	TxHash  *common.Hash    `json:"txHash,omitempty"`
	Block   uint64          `json:"block,omitempty"`
	State   batch.ItemState `json:"state"`
	Error   string          `json:"error,omitempty"`
	JobID   string          `json:"jobId"`
}

func (a *app) showDeployment(name, jobID string, item batch.Item) error {
	d := deployment{Name: name, Address: item.Contract, TxHash: item.TxHash, Block: item.Block, State: item.State, Error: item.Error, JobID: jobID}
	address, hash, block := "", "", ""
	if d.Address != nil {
		address = d.Address.Hex()
	}
	if d.TxHash != nil {
		hash = d.TxHash.Hex()
	}
	if d.Block > 0 {
		block = fmt.Sprint(d.Block)
	}
	err := a.print(view{value: d, pairs: true, header: []string{"name", "address", "tx_hash", "block", "state", "error", "job"},
		rows: [][]string{{d.Name, address, hash, block, string(d.State), d.Error, d.JobID}}})
	if err != nil {
		return err
	}
	switch {
	case item.State == batch.ItemConfirmed:
		return nil
	case item.State.Failed():
		return exitWith(exitFailed, "the deployment was %s: %s", item.State, item.Error)
	}
	return exitWith(exitUnknown, "it is not known whether the contract was deployed (%s); ask again with: %s", item.State, a.again("resume", jobID))
}
