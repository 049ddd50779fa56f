package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/gateway/client"
)

type callOptions struct {
	callee calleeOptions
	from   string
}

func (a *app) callCommand() *cobra.Command {
	var o callOptions
	cmd := &cobra.Command{
		Use:   "call --contract NAME --fn FUNCTION [ARG...]",
		Short: "Read from a contract",
		Long: `Call a function that only reads, and print what it returns. Nothing is signed and
nothing changes on the chain. Arguments are texts; arrays and structs are JSON.
Put -- before arguments that begin with a minus.

A contract without a known ABI needs the whole signature; with "returns" its
outputs get names.

` + exitHelp,
		Example: `  batchcall call --contract Evidence --fn count --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall call --contract Evidence --fn 'get(bytes32)' 0x2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 -o json
  batchcall call --to 0x31ed5233b81c79d5adddeef991f531a9bbc2ad01 \
      --fn 'sum(int256[]) returns (int256 total)' --gateway http://127.0.0.1:8080 -- '[-1,2]'`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.call(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.callee.addTo(f)
	f.StringVar(&o.from, "from", "", "`address` that the contract sees as the caller (default: the zero address)")
	return cmd
}

func (a *app) call(ctx context.Context, o callOptions, args []string) (err error) {
	if err := o.callee.check(""); err != nil {
		return err
	}
	c := call{contract: o.callee.contract, function: o.callee.function, args: args}
	if c.to, err = o.callee.address(); err != nil {
		return err
	}
	if c.abi, err = o.callee.readABI(); err != nil {
		return err
	}
	if o.from != "" {
		from, err := parseAddress(o.from)
		if err != nil {
			return usage("--from %s: %s", o.from, err)
		}
		c.from = &from
	}
	if _, err := o.callee.signature(c.abi); err != nil {
		return err
	}
	s, err := a.openCaller(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	result, err := s.Call(ctx, c)
	if err != nil {
		return a.calleeError(err, c.contract)
	}
	return a.showCall(result)
}

func (a *app) showCall(result client.CallResult) error {
	// A refusal has no outputs to show, except to programs.
	if result.Status == 0 || a.opt.output == outJSON || a.opt.output == outYAML {
		if err := a.print(callView(result)); err != nil {
			return err
		}
	}
	switch {
	case result.Status != 0 && result.RevertReason != "":
		return exitWith(exitFailed, "reverted: %s", oneLine(result.RevertReason))
	case result.Status != 0:
		return exitWith(exitFailed, "the call failed: %s (status %d), output %s", result.StatusName, result.Status, result.Output)
	case result.DecodeError != "":
		return exitWith(exitUsage, "what the contract returned does not fit the function: %s. Is it another contract, or are its return types others?", result.DecodeError)
	}
	return nil
}

// callView shows named outputs, or the bytes where their types are not known.
func callView(result client.CallResult) view {
	v := view{value: result, header: []string{"name", "type", "value"}}
	for _, o := range result.Outputs {
		v.rows = append(v.rows, []string{o.Name, o.Type, text(o.Value)})
	}
	if len(result.Outputs) == 0 && len(result.Output) > len("0x") {
		v.rows = append(v.rows, []string{"", "bytes", result.Output})
	}
	return v
}
