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
	rows   callRowsOptions // with a file
}

func (a *app) callCommand() *cobra.Command {
	var o callOptions
	cmd := &cobra.Command{
		Use:   "call --contract NAME --fn FUNCTION [ARG...] | call -f FILE --contract NAME --fn FUNCTION",
		Short: "Read from a contract, once or for every row of a file",
		Long: `Call a function that only reads, and print what it returns. Nothing is signed and
nothing changes on the chain. Arguments are texts; arrays and structs are JSON.
Put -- before arguments that begin with a minus.

A contract without a known ABI needs the whole signature; with "returns" its
outputs get names.

With -f it reads once for every row, whose columns are the arguments, as batchcall
run has them. What came of the rows goes to standard output, or with --report to a
file: your own columns, then those of batchcall report and _result, which has what
was returned: a value alone as it is, several as JSON. The rows are a job: a read
that failed is repeated, an interrupt and a crash lose nothing, and the same command,
or batchcall resume, goes on. When it is done, the same command reads again.

A node of FISCO BCOS reads at its newest block only, and tells which one that was:
see _block. When blocks are made meanwhile, the rows are not of one moment; the
summary says first_block and last_block. --same-block rejects the rows that come
after the next block, --block N those that are not read at block N. --account reads
as an account (by a signature, node 3.4 or newer); without it nobody is the caller.

` + exitHelp,
		Example: `  batchcall call --contract Evidence --fn count --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk
  batchcall call --contract Evidence --fn 'get(bytes32)' 0x2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 -o json
  batchcall call -f digests.csv --contract Evidence --fn get --node 127.0.0.1:20200 --certs nodes/127.0.0.1/sdk > values.csv
  batchcall call -f accounts.csv --contract Ledger --fn balanceOf --same-block --report balances.csv --gateway http://127.0.0.1:8080
  batchcall call --to 0x31ed5233b81c79d5adddeef991f531a9bbc2ad01 \
      --fn 'sum(int256[]) returns (int256 total)' --gateway http://127.0.0.1:8080 -- '[-1,2]'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.rows.input.file != "" {
				return a.callRows(cmd.Context(), o, args)
			}
			if extra := o.rows.set(cmd.Flags()); extra != "" {
				return usage("--%s goes with -f: which rows are to be read?", extra)
			}
			return a.call(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.callee.addTo(f)
	f.StringVar(&o.from, "from", "", "`address` that the contract sees as the caller (default: the zero address); not with -f")
	o.rows.addTo(f)
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
