package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/internal/permissions"
)

func (p *program) voteCommand(given *chainFlags) *cobra.Command {
	var against bool
	cmd := p.changeCommand(given, &cobra.Command{
		Use:   "vote ID",
		Short: "Vote on a proposal, as a governor",
		Long: `Vote on a proposal, as a governor: for it, or against it. When enough governors
have voted for it the chain does what it says in the same transaction.`,
		Example: "  gateway chain auth vote 7\n  gateway chain auth vote 7 --against --as governor2.pem",
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, s *chainSession, _ *changeFlags, args []string) (permissions.Change, error) {
		id, err := proposalID(args[0])
		if err != nil {
			return permissions.Change{}, err
		}
		return s.Vote(id, !against)
	})
	cmd.Flags().BoolVar(&against, "against", false, "vote against it")
	return cmd
}

func (p *program) revokeCommand(given *chainFlags) *cobra.Command {
	return p.changeCommand(given, &cobra.Command{
		Use:     "revoke ID",
		Short:   "Take back a proposal of one's own that is still open",
		Long:    "Take back a proposal that is still open, as the governor who made it.",
		Example: "  gateway chain auth revoke 7",
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, s *chainSession, _ *changeFlags, args []string) (permissions.Change, error) {
		id, err := proposalID(args[0])
		if err != nil {
			return permissions.Change{}, err
		}
		return s.Revoke(id)
	})
}

// maxProposals is how many proposals one call of the chain is asked for.
const maxProposals = 500

func (p *program) proposalsCommand(given *chainFlags) *cobra.Command {
	last := uint64(20)
	cmd := &cobra.Command{
		Use:     "proposals [ID]",
		Short:   "List proposals, or show one",
		Long:    "List the newest proposals, or show one: what it is about, where it stands, and who voted.\n\n" + chainExits,
		Example: "  gateway chain auth proposals\n  gateway chain auth proposals 7 -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.onChain(given, func(ctx context.Context, s *chainSession) error {
				ctx, cancel := context.WithTimeout(ctx, given.timeout)
				defer cancel()
				if len(args) == 1 {
					return s.showProposal(ctx, args[0])
				}
				if last == 0 || last > maxProposals {
					return fmt.Errorf("--last %d is not 1 to %d", last, maxProposals)
				}
				return s.listProposals(ctx, last)
			})(cmd)
		},
	}
	cmd.Flags().Uint64Var(&last, "last", last, "how many of the newest are listed")
	return cmd
}

func (s *chainSession) showProposal(ctx context.Context, text string) error {
	number, err := proposalID(text)
	if err != nil {
		return err
	}
	proposal, err := s.Proposal(ctx, number, s.head(ctx))
	if err != nil {
		return err
	}
	lines := proposal.Sentences()
	if proposal.Votable {
		lines = append(lines, "  Vote with: "+s.again("vote", id(number)))
	}
	return s.print(proposal, lines)
}

func (s *chainSession) listProposals(ctx context.Context, last uint64) error {
	list, err := s.Proposals(ctx, last, s.head(ctx))
	if err != nil {
		return err
	}
	var lines []string
	for _, proposal := range list {
		lines = append(lines, proposal.Sentences()...)
	}
	if len(list) == 0 {
		lines = []string{"There are no proposals."}
	}
	return s.print(list, lines)
}

// proposalID reads the number of a proposal.
func proposalID(text string) (uint64, error) {
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		return 0, errors.New(strconv.Quote(text) + " is not the number of a proposal, which is 1 or more")
	}
	return id, nil
}
