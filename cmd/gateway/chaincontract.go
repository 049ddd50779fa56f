package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

const (
	exampleContract = "0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1"
	exampleAccount  = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"
)

func (p *program) methodCommand(given *chainFlags) *cobra.Command {
	parent := &cobra.Command{
		Use:   "method",
		Short: "Say who may call a method, as the contract's administrator",
		Long: `Say who may call a method of a contract, as its administrator. FN is a signature
such as 'save(bytes32,string)', a name of the contract's ABI, or a 0x selector.

` + chainExits,
		Example: "  gateway chain auth method type " + exampleContract + " 'save(bytes32,string)' white\n" +
			"  gateway chain auth method allow " + exampleContract + " 'save(bytes32,string)' " + exampleAccount,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(p.methodChange(given, "type CONTRACT FN white|black", "Choose whether the list of a method is white or black", "white",
		func(s *chainSession, c callee, m permissions.Method, word string) (permissions.Change, error) {
			t, err := listType(word, false)
			if err != nil {
				return permissions.Change{}, err
			}
			return s.MethodType(c.address, m, t)
		}))
	for verb, allow := range map[string]bool{"allow": true, "deny": false} {
		short := "Let an account call a method"
		if !allow {
			short = "Forbid an account to call a method"
		}
		parent.AddCommand(p.methodChange(given, verb+" CONTRACT FN ACCOUNT", short, exampleAccount,
			func(s *chainSession, c callee, m permissions.Method, word string) (permissions.Change, error) {
				account, err := parseAddress(word)
				if err != nil {
					return permissions.Change{}, err
				}
				return s.MethodAuth(c.address, m, account, allow)
			}))
	}
	return parent
}

// methodChange is a command whose third argument says what about the method.
func (p *program) methodChange(given *chainFlags, use, short, third string, build func(*chainSession, callee, permissions.Method, string) (permissions.Change, error)) *cobra.Command {
	var abi string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + `, as the contract's administrator. FN is a signature such as
'save(bytes32,string)', a name of the contract's ABI, or a 0x selector.`,
		Args: cobra.ExactArgs(3),
	}
	cmd.Example = fmt.Sprintf("  gateway chain auth method %s %s 'save(bytes32,string)' %s", cmd.Name(), exampleContract, third)
	cmd = p.changeCommand(given, cmd, func(ctx context.Context, s *chainSession, _ *changeFlags, args []string) (permissions.Change, error) {
		c, err := s.callee(ctx, args[0], abi)
		if err != nil {
			return permissions.Change{}, err
		}
		m, err := c.method(ctx, args[1])
		if err != nil {
			return permissions.Change{}, err
		}
		return build(s, c, m, args[2])
	})
	cmd.Flags().StringVar(&abi, "abi", "", "JSON `file` with the ABI, where FN is a name")
	return cmd
}

// contractCommands change the status of a contract.
func (p *program) contractCommands(given *chainFlags) []*cobra.Command {
	return []*cobra.Command{
		p.contractStatusCommand(given, "freeze", "Freeze a contract: nobody can call it until it is unfrozen", system.StatusFrozen),
		p.contractStatusCommand(given, "unfreeze", "End the freeze of a contract", system.StatusNormal),
		p.contractStatusCommand(given, "abolish", "Abolish a contract for ever: nobody can call it again", system.StatusAbolished, final),
	}
}

func (p *program) contractStatusCommand(given *chainFlags, verb, short string, status system.Status, options ...changeOption) *cobra.Command {
	return p.changeCommand(given, &cobra.Command{
		Use:     verb + " CONTRACT",
		Short:   short,
		Long:    short + ". The contract's administrator does it.",
		Example: fmt.Sprintf("  gateway chain auth %s %s", verb, exampleContract),
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, s *chainSession, _ *changeFlags, args []string) (permissions.Change, error) {
		c, err := s.callee(ctx, args[0], "")
		if err != nil {
			return permissions.Change{}, err
		}
		return s.ContractStatus(c.address, status)
	}, options...)
}

func (p *program) adminCommand(given *chainFlags) *cobra.Command {
	return p.changeCommand(given, &cobra.Command{
		Use:     "admin CONTRACT NEWADMIN",
		Short:   "Propose another administrator of a contract, as a governor",
		Long:    "Propose another administrator of a contract, as a governor.",
		Example: "  gateway chain auth admin " + exampleContract + " " + exampleAccount,
		Args:    cobra.ExactArgs(2),
	}, func(ctx context.Context, s *chainSession, flags *changeFlags, args []string) (permissions.Change, error) {
		c, err := s.callee(ctx, args[0], "")
		if err != nil {
			return permissions.Change{}, err
		}
		admin, err := parseAddress(args[1])
		if err != nil {
			return permissions.Change{}, err
		}
		return s.Admin(c.address, admin, flags.blocks)
	}, proposes)
}
