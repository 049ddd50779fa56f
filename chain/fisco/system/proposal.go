package system

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// IsGovernor says whether an account is on the committee.
func (c Committee) IsGovernor(ctx context.Context, account common.Address) (bool, error) {
	return read(ctx, c.contract, "isGovernor(address)(bool)", (*outputs).flag, account)
}

// Governor is a member of the committee.
type Governor struct {
	Account common.Address
	Weight  uint32
}

// CommitteeInfo is the committee and its thresholds, both in percent: of all
// weights that must have voted, and of those that must have voted for a proposal.
// Where participation is 0 a single governor decides alone.
type CommitteeInfo struct {
	Participation uint8
	Win           uint8
	Governors     []Governor
}

// Info reads the committee.
func (c Committee) Info(ctx context.Context) (CommitteeInfo, error) {
	members, err := c.child(ctx, "CommitteeMembers", "_committee()(address)")
	if err != nil {
		return CommitteeInfo{}, err
	}
	return read(ctx, members, "getCommitteeInfo()(uint8,uint8,address[],uint32[])", func(out *outputs) CommitteeInfo {
		info := CommitteeInfo{Participation: out.uint8(), Win: out.uint8()}
		accounts, weights := out.addresses(), each(out, (*outputs).uint64)
		if len(accounts) != len(weights) {
			out.fail("%d governors have %d weights", len(accounts), len(weights))
			return info
		}
		for i, a := range accounts {
			info.Governors = append(info.Governors, Governor{Account: a, Weight: uint32(weights[i])})
		}
		return info
	})
}

// Weight is that of a governor, 0 for any other account.
func (c Committee) Weight(ctx context.Context, account common.Address) (uint32, error) {
	members, err := c.child(ctx, "CommitteeMembers", "_committee()(address)")
	if err != nil {
		return 0, err
	}
	return read(ctx, members, "getWeight(address)(uint32)", func(out *outputs) uint32 { return uint32(out.uint64()) }, account)
}

// Proposal is what the chain knows about a proposal.
type Proposal struct {
	ID       uint64
	Type     ProposalType
	Status   ProposalStatus // may still be open though the deadline has passed: nobody has touched it since
	Resource common.Address // what it is about: an account, or a contract
	Proposer common.Address
	Deadline uint64 // the block after which it is outdated
	Agree    []common.Address
	Against  []common.Address
}

func proposal(out *outputs) Proposal {
	return Proposal{Resource: out.address(), Proposer: out.address(), Type: ProposalType(out.uint8()), Deadline: out.uint64(),
		Status: ProposalStatus(out.uint8()), Agree: out.addresses(), Against: out.addresses()}
}

// Proposal reads a proposal; KindNotFound when there is none.
func (c Committee) Proposal(ctx context.Context, id uint64) (Proposal, error) {
	proposals, err := c.proposals(ctx)
	if err != nil {
		return Proposal{}, err
	}
	return read(ctx, proposals, "getProposalInfo(uint256)(address,address,uint8,uint256,uint8,address[],address[])", func(out *outputs) Proposal {
		p := proposal(out)
		p.ID = id
		if p.Status == ProposalUnknown {
			out.missing = "there is no such proposal"
		}
		return p
	}, id)
}

// Proposals reads the proposals from one id to another, both included. Ids begin
// at 1; what is past the last one is left out, and from must not be.
func (c Committee) Proposals(ctx context.Context, from, to uint64) ([]Proposal, error) {
	if from < 1 || from > to {
		return nil, c.invalid("getProposalInfoList", "%d to %d is no range of ids", from, to)
	}
	proposals, err := c.proposals(ctx)
	if err != nil {
		return nil, err
	}
	list, err := read(ctx, proposals, "getProposalInfoList(uint256,uint256)((address,address,uint8,uint256,uint8,address[],address[])[])",
		func(out *outputs) []Proposal { return tuples(out, proposal) }, from, to)
	for i := range list {
		list[i].ID = from + uint64(i)
	}
	return list, err
}

// ProposalCount is the number of proposals, and the id of the newest.
func (c Committee) ProposalCount(ctx context.Context) (uint64, error) {
	proposals, err := c.proposals(ctx)
	if err != nil {
		return 0, err
	}
	return read(ctx, proposals, "_proposalCount()(uint256)", (*outputs).uint64)
}

// ProposalStatus is that of a proposal, ProposalUnknown when there is none.
func (c Committee) ProposalStatus(ctx context.Context, id uint64) (ProposalStatus, error) {
	proposals, err := c.proposals(ctx)
	if err != nil {
		return 0, err
	}
	return read(ctx, proposals, "getProposalStatus(uint256)(uint8)", func(out *outputs) ProposalStatus { return ProposalStatus(out.uint8()) }, id)
}

// ProposalType is that of a proposal, 0 when there is none.
func (c Committee) ProposalType(ctx context.Context, id uint64) (ProposalType, error) {
	return read(ctx, c.contract, "getProposalType(uint256)(uint8)", func(out *outputs) ProposalType { return ProposalType(out.uint8()) }, id)
}

func (c Committee) proposals(ctx context.Context) (contract, error) {
	return c.child(ctx, "ProposalManager", "_proposalMgr()(address)")
}

// child finds a contract that the committee has made.
func (c Committee) child(ctx context.Context, name, signature string) (contract, error) {
	at, err := read(ctx, c.contract, signature, (*outputs).address)
	if err != nil {
		return contract{}, err
	}
	if at == (common.Address{}) {
		return contract{}, &chain.Error{Kind: chain.KindUnsupported, Sent: chain.SentNo, Op: c.name, Msg: "the chain has no committee"}
	}
	return c.group.at(name, at), nil
}
