package system

import (
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"
)

// Status of a proposal.
const (
	proposalOpen     = 1
	proposalPassed   = 2
	proposalDenied   = 3
	proposalRevoked  = 4
	proposalOutdated = 5
)

// Kinds of proposals.
const (
	kindGovernor   = 11
	kindRate       = 12
	kindDeployType = 21
	kindDeployAuth = 22
	kindAdmin      = 31
	kindSetting    = 41
	kindWeight     = 51
	kindRemoval    = 52
)

// proposal is what governors vote about.
type proposal struct {
	Resource common.Address // only one proposal of a kind about it is open
	Proposer common.Address
	Kind     uint8
	Deadline *uint256.Int // the last block in which it is open
	Status   uint8
	Agree    []common.Address
	Against  []common.Address
	Action   action
}

// action is what a proposal does when it passes: it calls a system contract, or
// changes the committee.
type action struct {
	Call    uint32 // address of the contract, 0 is the committee itself
	Input   []byte
	Account common.Address // of a governor
	Weight  uint32
	Rated   bool // it sets the shares
	Rates   [2]uint8
}

func proposalName(id uint64) string { return proposalKey + strconv.FormatUint(id, 10) }

// readProposal is false when there is none; then it has the members of nothing.
func readProposal(store Store, id *uint256.Int) (proposal, bool) {
	p := proposal{Deadline: new(uint256.Int)}
	if !id.IsUint64() {
		return p, false
	}
	data, ok := store.Get(committeeTable, proposalName(id.Uint64()))
	if !ok || rlp.DecodeBytes([]byte(data), &p) != nil {
		return p, false
	}
	return p, true
}

func (p *proposal) write(store Store, id uint64) {
	data, _ := rlp.EncodeToBytes(p) // all members can be encoded
	store.Set(committeeTable, proposalName(id), string(data))
}

func (p *proposal) members() []value {
	list := func(accounts []common.Address) value {
		all := make([]value, len(accounts))
		for i, a := range accounts {
			all[i] = address(a)
		}
		return array(all...)
	}
	return []value{
		address(p.Resource), address(p.Proposer), number(uint64(p.Kind)), unsigned(p.Deadline), number(uint64(p.Status)),
		list(p.Agree), list(p.Against),
	}
}

// refresh ends a proposal whose time is over.
func (p *proposal) refresh(x *context) {
	if p.Status == proposalOpen && uint256.NewInt(x.Block).Gt(p.Deadline) {
		p.Status = proposalOutdated
	}
}

func newestName(kind uint8, resource common.Address) string {
	return newestKey + strconv.Itoa(int(kind)) + "/" + hexText(resource)
}

func newestProposal(store Store, kind uint8, resource common.Address) uint64 {
	data, _ := store.Get(committeeTable, newestName(kind, resource))
	id, _ := strconv.ParseUint(data, 10, 64)
	return id
}

// byMembers lets governors in; the arguments are checked first.
func (c *Contracts) byMembers(f func(x *context, args *strict) func() ([]byte, error)) method {
	return strictly(func(x *context, args *strict) ([]byte, error) {
		do := f(x, args)
		if err := args.err(); err != nil {
			return nil, err
		}
		x.Calls++
		if !isGovernor(x.State, x.call.Sender) {
			return nil, &Reverted{Text: "you must be governor"}
		}
		return do()
	})
}

// proposes makes a function that creates a proposal, with the vote of its creator.
// The last argument is the number of blocks for which the proposal is open.
func (c *Contracts) proposes(f func(x *context, args *strict) (proposal, func() error)) method {
	return c.byMembers(func(x *context, args *strict) func() ([]byte, error) {
		p, check := f(x, args)
		interval := args.uint256()
		return func() ([]byte, error) {
			if check != nil {
				if err := check(); err != nil {
					return nil, err
				}
			}
			deadline, overflow := new(uint256.Int).AddOverflow(uint256.NewInt(x.Block), interval)
			if overflow {
				return nil, &Reverted{Panic: 0x11}
			}
			p.Deadline, p.Proposer, p.Status = deadline, x.call.Sender, proposalOpen
			return openProposal(x, p)
		}
	})
}

func openProposal(x *context, p proposal) ([]byte, error) {
	if before := newestProposal(x.State, p.Kind, p.Resource); before != 0 {
		old, _ := readProposal(x.State, uint256.NewInt(before))
		old.refresh(x)
		if old.Status == proposalOpen {
			return nil, &Reverted{Text: "Current proposal not end"}
		}
		old.write(x.State, before)
	}
	id := countProposals(x.State) + 1
	x.State.Set(committeeTable, countKey, strconv.FormatUint(id, 10))
	x.State.Set(committeeTable, newestName(p.Kind, p.Resource), strconv.FormatUint(id, 10))
	p.Agree = []common.Address{p.Proposer}
	if err := p.decide(x, id); err != nil {
		return nil, err
	}
	return encode(number(id)), nil
}

// decide counts the votes, and does what the proposal is for when it passes.
func (p *proposal) decide(x *context, id uint64) error {
	p.Status = readCommittee(x.State).outcome(p.Agree, p.Against)
	p.write(x.State, id)
	if p.Status != proposalPassed {
		return nil
	}
	result, err := p.Action.do(x)
	if err != nil {
		return err
	}
	x.State.Emit(Address(committeeAt), []common.Hash{x.contracts.hash([]byte("execResult(int256)"))}, result)
	return nil
}

func vote(x *context, args *strict) func() ([]byte, error) {
	id, agrees := args.uint256(), args.uint(1) == 1
	return func() ([]byte, error) {
		p, ok := readProposal(x.State, id)
		voter := x.call.Sender
		switch {
		case !ok:
			return nil, &Reverted{Text: "Proposal not exist"}
		case p.Status != proposalOpen: // also behind its last block
			return nil, &Reverted{Text: "Proposal is not votable"}
		}
		for _, before := range append(append([]common.Address{}, p.Agree...), p.Against...) {
			if before == voter {
				return nil, &Reverted{Text: "Already voted"}
			}
		}
		if agrees {
			p.Agree = append(p.Agree, voter)
		} else {
			p.Against = append(p.Against, voter)
		}
		return nil, p.decide(x, id.Uint64())
	}
}

func revoke(x *context, args *strict) func() ([]byte, error) {
	id := args.uint256()
	return func() ([]byte, error) {
		p, ok := readProposal(x.State, id)
		if !ok {
			return nil, &Reverted{Text: "Proposal not exist"}
		}
		p.refresh(x)
		switch {
		case p.Status != proposalOpen:
			return nil, &Reverted{Text: "Only newly created proposal can be revoked"}
		case p.Proposer != x.call.Sender:
			return nil, &Reverted{Text: "Only proposer can revoke"}
		}
		p.Status = proposalRevoked
		p.write(x.State, id.Uint64())
		return nil, nil
	}
}
