package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/internal/permissions"
)

// authCommand has one command for each verb. The files chaindeploy.go,
// chainvote.go, chaincontract.go and chainaccount.go have the others.
func (p *program) authCommand(given *chainFlags) *cobra.Command {
	parent := &cobra.Command{
		Use:   "auth",
		Short: "Show and change who may do what on a chain with permissions",
		Long: `Show and change who may do what on a chain with permissions (an auth chain).

Governors decide together who may deploy contracts, who the administrator of a
contract is, and the status of accounts. They do the first two by proposals: one
governor makes a proposal, the others vote, and the chain does what it says as
soon as enough have. The administrator of a contract, at first who deployed it,
says who may call its methods, and freezes it.

` + chainExits,
		Example: `  gateway chain auth show
  gateway chain auth show --contract 0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1 --fn 'save(bytes32,string)'
  gateway chain auth deploy type white
  gateway chain auth deploy allow 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23
  gateway chain auth vote 7 --as governor2.pem
  gateway chain auth freeze 0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(p.showCommand(given), p.explainCommand(given), p.deployCommand(given))
	parent.AddCommand(p.voteCommand(given), p.revokeCommand(given), p.proposalsCommand(given))
	parent.AddCommand(p.methodCommand(given), p.adminCommand(given))
	parent.AddCommand(p.contractCommands(given)...)
	parent.AddCommand(p.accountCommand(given))
	return parent
}

func (p *program) showCommand(given *chainFlags) *cobra.Command {
	var contract, fn, abi, account string
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Say who may do what",
		Long: `Say who may do what: whether the chain checks permissions at all, who its
governors are, who may deploy contracts, and what an account may do (by default
the account of the target). With --contract also its administrator and status,
with --fn who may call that method.

` + chainExits,
		Example: `  gateway chain auth show
  gateway chain auth show --account 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23
  gateway chain auth show --contract Evidence --fn save -o json
  gateway chain auth show --contract 0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1 --fn 0x4ed3885e`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.onChain(given, func(ctx context.Context, s *chainSession) error {
				ctx, cancel := context.WithTimeout(ctx, given.timeout)
				defer cancel()
				question, err := s.question(ctx, contract, fn, abi, account)
				if err != nil {
					return err
				}
				state, err := s.Look(ctx, question)
				if err != nil {
					return permissions.Explain(err)
				}
				return s.print(state, state.Sentences())
			})(cmd)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&contract, "contract", "", "`address` of a contract, or the name under which the gateway deployed it")
	flags.StringVar(&fn, "fn", "", "`method` of it: signature, name or 0x selector")
	flags.StringVar(&abi, "abi", "", "JSON `file` with the ABI, where --fn is a name")
	flags.StringVar(&account, "account", "", "`address` of an account (default: the account of the target)")
	return cmd
}

// question makes of the flags what is asked.
func (s *chainSession) question(ctx context.Context, contract, fn, abi, account string) (permissions.Question, error) {
	var q permissions.Question
	if account != "" {
		address, err := parseAddress(account)
		if err != nil {
			return q, fmt.Errorf("--account: %w", err)
		}
		q.Account = &address
	} else if signer, name, err := s.signer(""); err == nil {
		address := signer.Address()
		q.Account = &address
	} else {
		s.note("The account %s is left out: %s", name, err)
	}
	if contract == "" {
		if fn != "" {
			return q, fmt.Errorf("--fn goes with --contract: whose method is it?")
		}
		return q, nil
	}
	c, err := s.callee(ctx, contract, abi)
	if err != nil {
		return q, err
	}
	q.Contract = &c.address
	if fn != "" {
		method, err := c.method(ctx, fn)
		if err != nil {
			return q, err
		}
		q.Method = &method
	}
	return q, nil
}
