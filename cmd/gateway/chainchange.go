package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

// changeFlags are those of commands that send a transaction.
type changeFlags struct {
	as     string
	yes    bool
	blocks uint64
}

// votingBlocks is a week of blocks at one a second, as long as proposals of other
// tools stay open.
const votingBlocks = 7 * 24 * 60 * 60

// outcome is what a change prints.
type outcome struct {
	Action   string                `json:"action"`
	State    string                `json:"state"` // done, waiting (for votes), refused or unknown
	Account  common.Address        `json:"account"`
	TxHash   *common.Hash          `json:"txHash,omitempty"`
	Block    uint64                `json:"block,omitempty"`
	Proposal *permissions.Proposal `json:"proposal,omitempty"`
	Reason   string                `json:"reason,omitempty"`  // short and fixed, with refused
	Message  string                `json:"message,omitempty"` // with refused and unknown
}

// changeOption gives a command that sends a transaction one more flag.
type changeOption func(*pflag.FlagSet, *changeFlags)

// proposes is for changes that are decided by a vote.
func proposes(f *pflag.FlagSet, c *changeFlags) {
	f.Uint64Var(&c.blocks, "blocks", votingBlocks, "for how many blocks the proposal can be voted on")
}

// final is for changes that cannot be undone.
func final(f *pflag.FlagSet, c *changeFlags) {
	f.BoolVar(&c.yes, "yes", false, "do not ask: it is meant, though it cannot be undone")
}

// changeCommand completes a command so that it makes the change that build makes
// of its arguments.
func (p *program) changeCommand(given *chainFlags, cmd *cobra.Command, build func(ctx context.Context, s *chainSession, c *changeFlags, args []string) (permissions.Change, error), options ...changeOption) *cobra.Command {
	c := &changeFlags{}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&c.as, "as", "", "`name` of an account of the configuration, or a key file, that signs (default: the account of the target)")
	for _, option := range options {
		option(flags, c)
	}
	cmd.Long += "\n\n" + chainExits
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.onChain(given, func(ctx context.Context, s *chainSession) error {
			change, err := build(ctx, s, c, args)
			if err != nil {
				return err
			}
			return s.carryOut(ctx, c, change)
		})(cmd)
	}
	return cmd
}

// carryOut checks a change, says what will be done and as whom, makes it, and prints
// what became of it.
func (s *chainSession) carryOut(ctx context.Context, flags *changeFlags, change permissions.Change) error {
	signer, name, err := s.signer(flags.as)
	if err != nil {
		return err
	}
	out := outcome{Action: change.What, Account: signer.Address()}
	checking, cancel := context.WithTimeout(ctx, s.given.timeout)
	err = s.Check(checking, change, signer.Address())
	cancel()
	if err != nil {
		return s.failed(out, err)
	}
	s.note("%s", strings.TrimSpace(fmt.Sprintf("Target %s (%s of %s), as account %s (%s): %s. %s", s.target.Name, s.target.Group, s.target.Chain, signer.Address().Hex(), name, change.What, change.Effect)))
	if change.Final && !flags.yes {
		if err := confirm(ctx, os.Stdin, term.IsTerminal(int(os.Stdin.Fd())), s.p.err); err != nil {
			return err
		}
	}
	send := &sender{session: s.session, signer: signer, timeout: s.given.timeout, announce: func(signed chain.SignedTx) {
		out.TxHash = &signed.Hash
		s.note("Sending transaction %s; it can be executed up to block %d.", signed.Hash, signed.Terms.BlockLimit)
	}}
	decision, receipt, err := s.Make(ctx, send, change)
	out.Block = receipt.BlockNumber
	if err != nil {
		if decision != nil {
			err = fmt.Errorf("proposal %d passed, but it could not be done: %w", decision.ID, err)
		}
		return s.failed(out, err)
	}
	return s.succeeded(ctx, out, decision)
}

// failed prints what became of a change that was not made, and gives its error.
func (s *chainSession) failed(out outcome, err error) error {
	unknown, isUnknown := errors.AsType[*unknownError](err)
	switch {
	case isUnknown:
		out.State = "unknown"
		err = fmt.Errorf("%w\nlook for it before you repeat anything, with: %s", err, s.again("explain", unknown.tx.Hash.Hex()))
	case refused(err):
		out.State = "refused"
		if refusal, ok := errors.AsType[*permissions.Refusal](err); ok {
			out.Reason = refusal.Reason
		}
		err = fmt.Errorf("refused: %w%s", err, landed(out))
	default:
		return err
	}
	if s.given.output == "json" {
		out.Message = err.Error()
		return errors.Join(err, s.print(out, nil))
	}
	return err
}

// landed says where a transaction is.
func landed(out outcome) string {
	switch {
	case out.TxHash == nil:
		return " Nothing was sent."
	case out.Block == 0:
		return ""
	}
	return fmt.Sprintf(" (Transaction %s, block %d.)", out.TxHash.Hex(), out.Block)
}

// succeeded prints a change that was made, and what follows for a proposal.
func (s *chainSession) succeeded(ctx context.Context, out outcome, decision *system.Decision) error {
	out.State = "done"
	lines := []string{"Done: " + out.Action + "."}
	if decision != nil {
		proposal, err := s.Proposal(ctx, decision.ID, out.Block)
		if err != nil { // the vote is made all the same
			s.note("The proposal could not be read: %s", err)
			proposal = permissions.Proposal{ID: decision.ID}
		}
		out.Proposal = &proposal
		lines = append(lines, s.decided(&out, decision)...)
	}
	lines = append(lines, strings.TrimSpace(strings.Trim(landed(out), " ()")))
	return s.print(out, lines)
}

// decided says where a proposal stands after a vote.
func (s *chainSession) decided(out *outcome, decision *system.Decision) []string {
	if decision.Executed {
		return []string{fmt.Sprintf("Proposal %d has passed and was executed at once.", decision.ID)}
	}
	if out.Proposal.Status == "" {
		return []string{fmt.Sprintf("Proposal %d was not executed now; see: %s", decision.ID, s.again("proposals", id(decision.ID)))}
	}
	lines := out.Proposal.Sentences()
	if out.Proposal.Votable {
		out.State = "waiting"
		lines = append(lines, "  Each of them votes with: "+s.again("vote", id(decision.ID)))
	}
	return lines
}

func id(n uint64) string { return strconv.FormatUint(n, 10) }

// errNotConfirmed says that somebody changed his mind.
var errNotConfirmed = errors.New("not confirmed: nothing was sent")

// confirm asks whether a change that cannot be undone is meant.
func confirm(ctx context.Context, in io.Reader, terminal bool, out io.Writer) error {
	if !terminal {
		return errors.New("this cannot be undone, and there is no terminal to ask on: give --yes if it is meant; nothing was sent")
	}
	fmt.Fprint(out, "This cannot be undone. Type yes to do it: ")
	answer := make(chan string, 1)
	go func() { // a read of a terminal cannot be given up; it ends with the process
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case text := <-answer:
		if text == "yes" {
			return nil
		}
		return errNotConfirmed
	case <-ctx.Done():
		return errNotConfirmed
	}
}
