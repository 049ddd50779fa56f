package permissions

import (
	"context"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
)

// Proposal is what the committee decides or has decided.
type Proposal struct {
	ID       uint64           `json:"id"`
	Type     string           `json:"type"`
	Wants    string           `json:"wants"`  // what it is about, in words; the chain does not tell the new value
	Status   string           `json:"status"` // of the chain: open, passed, denied, revoked or outdated
	Votable  bool             `json:"votable"`
	Resource common.Address   `json:"resource"` // the account or contract that it is about
	Proposer common.Address   `json:"proposer"`
	Deadline uint64           `json:"deadlineBlock"` // the last block in which it can be voted on
	Agree    []common.Address `json:"agree"`
	Against  []common.Address `json:"against"`
	Missing  []common.Address `json:"missing,omitempty"` // governors who may still vote
}

// Proposal reads one proposal; head is the newest block that is known. A
// *Refusal when there is none.
func (p *Permissions) Proposal(ctx context.Context, id, head uint64) (Proposal, error) {
	if err := p.RequireOn(ctx); err != nil {
		return Proposal{}, err
	}
	found, err := p.contracts.Committee().Proposal(ctx, id)
	if chain.Is(err, chain.KindNotFound) {
		return Proposal{}, &Refusal{Reason: "NoProposal", What: fmt.Sprintf("There is no proposal %d.", id), Advice: auth + " proposals lists them.", Err: err}
	}
	if err != nil {
		return Proposal{}, withoutCommittee(err)
	}
	info, err := p.contracts.Committee().Info(ctx)
	if err != nil {
		return Proposal{}, err
	}
	return proposalOf(found, info.Governors, head), nil
}

// Proposals reads the newest proposals, at most last of them, the newest first.
func (p *Permissions) Proposals(ctx context.Context, last, head uint64) ([]Proposal, error) {
	list := []Proposal{}
	if err := p.RequireOn(ctx); err != nil {
		return nil, err
	}
	count, err := p.contracts.Committee().ProposalCount(ctx)
	if err != nil {
		return nil, withoutCommittee(err)
	}
	if count == 0 || last == 0 {
		return list, nil
	}
	info, err := p.contracts.Committee().Info(ctx)
	if err != nil {
		return nil, err
	}
	first := uint64(1)
	if count > last {
		first = count - last + 1
	}
	found, err := p.contracts.Committee().Proposals(ctx, first, count)
	if err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(found) {
		list = append(list, proposalOf(one, info.Governors, head))
	}
	return list, nil
}

// withoutCommittee is err, or that the chain has nobody who could decide.
func withoutCommittee(err error) error {
	if noCommittee(err) {
		return &Refusal{Reason: "NoCommittee", What: noCommitteeWhat, Advice: noCommitteeAdvice, Err: err}
	}
	return err
}

func proposalOf(p system.Proposal, governors []system.Governor, head uint64) Proposal {
	out := Proposal{ID: p.ID, Type: p.Type.String(), Wants: wants(p), Status: p.Status.String(), Resource: p.Resource, Proposer: p.Proposer,
		Deadline: p.Deadline, Agree: p.Agree, Against: p.Against, Votable: p.Status == system.ProposalOpen && head <= p.Deadline}
	if out.Votable {
		for _, g := range governors {
			if !slices.Contains(p.Agree, g.Account) && !slices.Contains(p.Against, g.Account) {
				out.Missing = append(out.Missing, g.Account)
			}
		}
	}
	return out
}

// wants says what a proposal is about.
func wants(p system.Proposal) string {
	about := p.Resource.Hex()
	switch p.Type {
	case system.ProposalGovernor:
		return "make " + about + " a governor, change its weight, or take it off the committee"
	case system.ProposalRate:
		return "change the thresholds of the committee"
	case system.ProposalVoteComputer:
		return "have the votes counted by another contract"
	case system.ProposalDeployAuthType:
		return "change the deploy type"
	case system.ProposalDeployAuth:
		return "change whether " + about + " may deploy"
	case system.ProposalAdmin:
		return "change the administrator of contract " + about
	case system.ProposalSysConfig:
		return "change a setting of the chain"
	case system.ProposalNodeWeight:
		return "add a node, or change its weight"
	case system.ProposalNodeRemoval:
		return "remove a node"
	}
	return p.Type.String() + " (" + about + ")"
}

// Sentences says the proposal in plain words, a line each.
func (p Proposal) Sentences() []string {
	lines := []string{fmt.Sprintf("Proposal %d: %s.", p.ID, p.Wants), "  " + p.fate(),
		fmt.Sprintf("  Made by %s. For it: %s. Against it: %s.", p.Proposer.Hex(), accountList(p.Agree), accountList(p.Against))}
	if p.Votable {
		lines = append(lines, fmt.Sprintf("  Not voted yet: %s.", accountList(p.Missing)))
	}
	return lines
}

func (p Proposal) fate() string {
	switch p.Status {
	case system.ProposalOpen.String():
		if !p.Votable {
			return fmt.Sprintf("Outdated: block %d, its last, has passed without a decision.", p.Deadline)
		}
		return fmt.Sprintf("Open until block %d: it waits for votes.", p.Deadline)
	case system.ProposalPassed.String():
		return "Passed and executed."
	case system.ProposalDenied.String():
		return "Denied: enough governors voted against it."
	case system.ProposalRevoked.String():
		return "Revoked by the governor who made it."
	case system.ProposalOutdated.String():
		return fmt.Sprintf("Outdated: block %d, its last, has passed without a decision.", p.Deadline)
	}
	return "Its status is " + p.Status + "."
}
