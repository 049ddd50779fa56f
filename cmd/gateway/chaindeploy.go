package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

func (p *program) deployCommand(given *chainFlags) *cobra.Command {
	parent := &cobra.Command{
		Use:     "deploy",
		Short:   "Propose who may deploy contracts",
		Long:    "Propose who may deploy contracts. A governor makes the proposal.\n\n" + chainExits,
		Example: "  gateway chain auth deploy type white\n  gateway chain auth deploy allow 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(p.changeCommand(given, &cobra.Command{
		Use:   "type none|white|black",
		Short: "Propose how the list of deployers is meant",
		Long: `Propose how the list of deployers is meant: with none everybody may deploy, with
white only the accounts on the list, with black everybody but them. The white
and the black list are two lists; each is empty at first.`,
		Example: "  gateway chain auth deploy type white\n  gateway chain auth deploy type black --as governor.pem --blocks 1000",
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, s *chainSession, c *changeFlags, args []string) (permissions.Change, error) {
		t, err := listType(args[0], true)
		if err != nil {
			return permissions.Change{}, err
		}
		return s.DeployType(t, c.blocks)
	}, proposes))
	parent.AddCommand(p.deployAuthCommand(given, "allow", true), p.deployAuthCommand(given, "deny", false))
	return parent
}

func (p *program) deployAuthCommand(given *chainFlags, verb string, allow bool) *cobra.Command {
	short := "Propose that an account may deploy contracts"
	if !allow {
		short = "Propose that an account may not deploy contracts"
	}
	return p.changeCommand(given, &cobra.Command{
		Use:     verb + " ACCOUNT",
		Short:   short,
		Long:    short + ". The deploy type must be white or black.",
		Example: fmt.Sprintf("  gateway chain auth deploy %s 0x2c7536e3605d9c16a7a3d7b1898e529396a65c23", verb),
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, s *chainSession, c *changeFlags, args []string) (permissions.Change, error) {
		account, err := parseAddress(args[0])
		if err != nil {
			return permissions.Change{}, err
		}
		return s.DeployAuth(account, allow, c.blocks)
	}, proposes)
}

// listType reads the kind of a list.
func listType(word string, withNone bool) (system.AuthType, error) {
	switch {
	case word == "white":
		return system.AuthWhiteList, nil
	case word == "black":
		return system.AuthBlackList, nil
	case word == "none" && withNone:
		return system.AuthNone, nil
	case withNone:
		return 0, fmt.Errorf("%q is neither none, white nor black", word)
	}
	return 0, fmt.Errorf("%q is neither white nor black", word)
}
