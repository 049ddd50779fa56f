package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

// explanation is what explain prints.
type explanation struct {
	TxHash   common.Hash    `json:"txHash"`
	State    string         `json:"state"` // done, refused or unknown
	Block    uint64         `json:"block,omitempty"`
	Account  common.Address `json:"account"`
	Proposal uint64         `json:"proposal,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Message  string         `json:"message,omitempty"`
}

func (p *program) explainCommand(given *chainFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "explain HASH",
		Short: "Say what became of a transaction, and what a missing permission means",
		Long: `Say what became of a transaction: of a change of permissions whose outcome was
not known, or of any other, for example a deployment that was denied. When a
permission was missing it says which, and who can give it.

` + chainExits,
		Example: "  gateway chain auth explain 0x4c0b6d13fbed4e4dfdba6935b2726b0eb47f59ede421ed8b172ced13691130e4",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.onChain(given, func(ctx context.Context, s *chainSession) error {
				ctx, cancel := context.WithTimeout(ctx, given.timeout)
				defer cancel()
				return s.explain(ctx, args[0])
			})(cmd)
		},
	}
}

func (s *chainSession) explain(ctx context.Context, text string) error {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != common.HashLength {
		return fmt.Errorf("%q is not the hash of a transaction, which is 0x and 64 hex digits", text)
	}
	out := explanation{TxHash: common.Hash(raw)}
	receipt, err := s.client.Receipt(ctx, out.TxHash)
	if chain.Is(err, chain.KindNotFound) {
		return s.explained(out, "unknown", &unknownError{chain.SignedTx{Hash: out.TxHash},
			errors.New("there is no receipt (yet). Ask again: once the chain is past the block that was named when it was sent, it was not executed and never will be")})
	}
	if err != nil {
		return err
	}
	out.Block, out.Account = receipt.BlockNumber, receipt.From
	decision, err := s.ExplainReceipt(receipt)
	if decision != nil {
		out.Proposal = decision.ID
	}
	if err != nil {
		return s.explained(out, "refused", fmt.Errorf("refused in block %d: %w", receipt.BlockNumber, err))
	}
	out.State = "done"
	lines := []string{fmt.Sprintf("Transaction %s of account %s is in block %d and was executed.", out.TxHash, out.Account, out.Block)}
	if out.Proposal != 0 {
		lines = append(lines, "It made a proposal; see: "+s.again("proposals", id(out.Proposal)))
	}
	return s.print(out, lines)
}

// explained prints an explanation that is an error, too.
func (s *chainSession) explained(out explanation, state string, err error) error {
	if s.given.output != "json" {
		return err
	}
	out.State, out.Message = state, err.Error()
	if refusal, ok := errors.AsType[*permissions.Refusal](err); ok {
		out.Reason = refusal.Reason
	}
	return errors.Join(err, s.print(out, nil))
}
