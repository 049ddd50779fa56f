package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

func (p *program) accountCommand(given *chainFlags) *cobra.Command {
	parent := &cobra.Command{
		Use:     "account",
		Short:   "Freeze accounts, as a governor",
		Long:    "Freeze, unfreeze or abolish accounts, as a governor.\n\n" + chainExits,
		Example: "  gateway chain auth account freeze " + exampleAccount,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(
		p.accountStatusCommand(given, "freeze", "Freeze an account: the chain takes no transaction of it until it is unfrozen", system.StatusFrozen),
		p.accountStatusCommand(given, "unfreeze", "End the freeze of an account", system.StatusNormal),
		p.accountStatusCommand(given, "abolish", "Abolish an account for ever: the chain takes no transaction of it again", system.StatusAbolished, final),
	)
	return parent
}

func (p *program) accountStatusCommand(given *chainFlags, verb, short string, status system.Status, options ...changeOption) *cobra.Command {
	return p.changeCommand(given, &cobra.Command{
		Use:     verb + " ACCOUNT",
		Short:   short,
		Long:    short + ". A governor does it, without a vote.",
		Example: fmt.Sprintf("  gateway chain auth account %s %s", verb, exampleAccount),
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, s *chainSession, _ *changeFlags, args []string) (permissions.Change, error) {
		account, err := parseAddress(args[0])
		if err != nil {
			return permissions.Change{}, err
		}
		return s.AccountStatus(account, status)
	}, options...)
}
