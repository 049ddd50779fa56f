package system

import (
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/holiman/uint256"
)

// The committee decides about governance (protocol section 8.3). On a node it is a
// contract with two children, made of code by the genesis; here all three are built
// in, with the same functions, texts and events.

// committeeTable has the committee, the proposals by number, and by kind and
// resource the number of the newest proposal.
const (
	committeeTable = "committee"
	membersKey     = "members"
	countKey       = "count"
	proposalKey    = "proposal/"
	newestKey      = "newest/"
)

// committeeRow is who decides, and by which shares in percent.
type committeeRow struct {
	Participates uint8 // of all weights must have voted
	Win          uint8 // of the weights that voted must agree
	Governors    []governor
}

type governor struct {
	Account common.Address
	Weight  uint32
}

func readCommittee(store Store) (c committeeRow) {
	data, _ := store.Get(committeeTable, membersKey)
	_ = rlp.DecodeBytes([]byte(data), &c) // the zero committee when there is none
	return c
}

func (c committeeRow) write(store Store) {
	data, _ := rlp.EncodeToBytes(&c) // numbers and addresses can be encoded
	store.Set(committeeTable, membersKey, string(data))
}

func (c committeeRow) find(account common.Address) int {
	return slices.IndexFunc(c.Governors, func(g governor) bool { return g.Account == account })
}

// weight is what accounts have together.
func (c committeeRow) weight(accounts []common.Address) (sum uint64) {
	for _, account := range accounts {
		if i := c.find(account); i >= 0 {
			sum += uint64(c.Governors[i].Weight)
		}
	}
	return sum
}

func (c committeeRow) accounts() []common.Address {
	all := make([]common.Address, len(c.Governors))
	for i, g := range c.Governors {
		all[i] = g.Account
	}
	return all
}

// outcome is the status that votes give a proposal.
func (c committeeRow) outcome(agree, against []common.Address) uint8 {
	yes, voted := c.weight(agree), c.weight(agree)+c.weight(against)
	switch {
	case voted*100 < c.weight(c.accounts())*uint64(c.Participates):
		return proposalOpen
	case yes*100 >= voted*uint64(c.Win):
		return proposalPassed
	}
	return proposalDenied
}

// governors are the members of the committee.
func governors(store Store) []common.Address { return readCommittee(store).accounts() }

func isGovernor(store Store, account common.Address) bool {
	return readCommittee(store).find(account) >= 0
}

// children are the addresses of the contracts that the committee made in block 0.
func (c *Contracts) child(n string) common.Address {
	hash := c.hash([]byte("0_0_" + n))
	return common.Address(hash[:common.AddressLength])
}

// CommitteeManager, 0x10001.
func (c *Contracts) committeeManager() contract {
	fixedAddress := func(a common.Address) method { return fixed(address(a)) }
	return contract{code: true, methods: c.functions(map[string]method{
		"_committee()":   fixedAddress(c.child("1")),
		"_proposalMgr()": fixedAddress(c.child("2")),
		"isGovernor(address)": strictly(func(x *context, args *strict) ([]byte, error) {
			return encode(boolean(isGovernor(x.State, args.address()))), args.err()
		}),
		"getProposalType(uint256)": strictly(func(x *context, args *strict) ([]byte, error) {
			p, _ := readProposal(x.State, args.uint256())
			return encode(number(uint64(p.Kind))), args.err()
		}),
		"createUpdateGovernorProposal(address,uint32,uint256)":         c.proposes(proposeGovernor),
		"createSetRateProposal(uint8,uint8,uint256)":                   c.proposes(proposeRate),
		"createSetDeployAuthTypeProposal(uint8,uint256)":               c.proposes(proposeDeployType),
		"createModifyDeployAuthProposal(address,bool,uint256)":         c.proposes(proposeDeployAuth),
		"createResetAdminProposal(address,address,uint256)":            c.proposes(proposeAdmin),
		"createSetSysConfigProposal(string,string,uint256)":            c.proposes(proposeSetting),
		"createSetConsensusWeightProposal(string,uint32,bool,uint256)": c.proposes(proposeWeight),
		"createRmNodeProposal(string,uint256)":                         c.proposes(proposeRemoval),
		"voteProposal(uint256,bool)":                                   c.byMembers(vote),
		"revokeProposal(uint256)":                                      c.byMembers(revoke),
	})}
}

// Committee, the first child.
func (c *Contracts) committee() contract {
	return contract{code: true, methods: c.functions(map[string]method{
		"_owner()": fixed(address(Address(committeeAt))),
		"isGovernor(address)": strictly(func(x *context, args *strict) ([]byte, error) {
			return encode(boolean(isGovernor(x.State, args.address()))), args.err()
		}),
		"getWeight(address)": strictly(func(x *context, args *strict) ([]byte, error) {
			return encode(number(readCommittee(x.State).weight([]common.Address{args.address()}))), args.err()
		}),
		"getWeights()": func(x *context, _ *arguments) ([]byte, error) {
			return encode(number(readCommittee(x.State).weight(governors(x.State)))), nil
		},
		"_participatesRate()": func(x *context, _ *arguments) ([]byte, error) {
			return encode(number(uint64(readCommittee(x.State).Participates))), nil
		},
		"_winRate()": func(x *context, _ *arguments) ([]byte, error) {
			return encode(number(uint64(readCommittee(x.State).Win))), nil
		},
		"getCommitteeInfo()": func(x *context, _ *arguments) ([]byte, error) {
			row := readCommittee(x.State)
			accounts, weights := []value{}, []value{}
			for _, g := range row.Governors {
				accounts, weights = append(accounts, address(g.Account)), append(weights, number(uint64(g.Weight)))
			}
			return encode(number(uint64(row.Participates)), number(uint64(row.Win)), array(accounts...), array(weights...)), nil
		},
	})}
}

// ProposalManager, the second child.
func (c *Contracts) proposals() contract {
	return contract{code: true, methods: c.functions(map[string]method{
		"_owner()": fixed(address(Address(committeeAt))),
		"_proposalCount()": func(x *context, _ *arguments) ([]byte, error) {
			return encode(number(countProposals(x.State))), nil
		},
		"getProposalInfo(uint256)": strictly(func(x *context, args *strict) ([]byte, error) {
			p, _ := readProposal(x.State, args.uint256())
			return encode(p.members()...), args.err()
		}),
		"getProposalStatus(uint256)": strictly(func(x *context, args *strict) ([]byte, error) {
			p, _ := readProposal(x.State, args.uint256())
			return encode(number(uint64(p.Status))), args.err()
		}),
		"getProposalInfoList(uint256,uint256)": strictly(listProposals),
		"getIdByTypeAndResourceId(uint8,address)": strictly(func(x *context, args *strict) ([]byte, error) {
			kind, resource := args.uint(8), args.address()
			return encode(number(newestProposal(x.State, uint8(kind), resource))), args.err()
		}),
		"refreshProposalStatus(uint256)": strictly(func(x *context, args *strict) ([]byte, error) {
			id := args.uint256()
			p, ok := readProposal(x.State, id)
			if err := args.err(); err != nil {
				return nil, err
			}
			if !ok {
				return nil, &Reverted{Text: "Proposal not exist"}
			}
			p.refresh(x)
			p.write(x.State, id.Uint64())
			return encode(number(uint64(p.Status))), nil
		}),
	})}
}

func listProposals(x *context, args *strict) ([]byte, error) {
	from, to, count := args.uint256(), args.uint256(), uint256.NewInt(countProposals(x.State))
	if err := args.err(); err != nil {
		return nil, err
	}
	switch {
	case from.Gt(count):
		return nil, &Reverted{Text: "'from' is greater than 'proposalCount'"}
	case from.Gt(to):
		return nil, &Reverted{Text: "'from' is greater than 'to'"}
	}
	first, last := max(from.Uint64(), 1), count.Uint64()
	if to.Lt(count) {
		last = to.Uint64()
	}
	list := []value{}
	for n := first; n <= last; n++ {
		p, _ := readProposal(x.State, uint256.NewInt(n))
		list = append(list, tuple(p.members()...))
	}
	return encode(array(list...)), nil
}

func countProposals(store Store) uint64 {
	data, _ := store.Get(committeeTable, countKey)
	n, _ := strconv.ParseUint(data, 10, 64)
	return n
}
