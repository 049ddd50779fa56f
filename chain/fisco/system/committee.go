package system

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// Committee is contract 0x10001: the governors of a chain with permissions, and
// what they decide (protocol §8.3). A governor makes a proposal, which counts as
// his vote for it; when enough vote for it the chain does what it says in the same
// transaction. Only governors may call the writes.
//
// The reads of proposals and of the committee's members ask for the address of a
// child contract first, so that they take two calls.
type Committee struct{ contract }

// Committee is the contract of this group.
func (c *Contracts) Committee() Committee { return Committee{c.fixed("Committee", 0x10001)} }

// ProposalType is what a proposal is about.
type ProposalType uint8

// The types of protocol §8.3.
const (
	ProposalGovernor       ProposalType = 11
	ProposalRate           ProposalType = 12
	ProposalVoteComputer   ProposalType = 13
	ProposalDeployAuthType ProposalType = 21
	ProposalDeployAuth     ProposalType = 22
	ProposalAdmin          ProposalType = 31
	ProposalSysConfig      ProposalType = 41
	ProposalNodeWeight     ProposalType = 51
	ProposalNodeRemoval    ProposalType = 52
)

// String is what the proposal wants, for example "set governor".
func (p ProposalType) String() string {
	switch p {
	case ProposalGovernor:
		return "set governor"
	case ProposalRate:
		return "set rates"
	case ProposalVoteComputer:
		return "set vote computer"
	case ProposalDeployAuthType:
		return "set deploy auth type"
	case ProposalDeployAuth:
		return "modify deploy auth"
	case ProposalAdmin:
		return "reset admin"
	case ProposalSysConfig:
		return "set system config"
	case ProposalNodeWeight:
		return "set node weight"
	case ProposalNodeRemoval:
		return "remove node"
	}
	return name(p)
}

// ProposalStatus is what became of a proposal.
type ProposalStatus uint8

// The statuses of protocol §8.3.
const (
	ProposalUnknown  ProposalStatus = 0 // there is no such proposal
	ProposalOpen     ProposalStatus = 1
	ProposalPassed   ProposalStatus = 2 // and executed
	ProposalDenied   ProposalStatus = 3
	ProposalRevoked  ProposalStatus = 4
	ProposalOutdated ProposalStatus = 5
)

// String is one word, for example "open".
func (p ProposalStatus) String() string {
	return name(p, "unknown", "open", "passed", "denied", "revoked", "outdated")
}

// Decision is the outcome of a proposal or of a vote. With an error whose kind is
// that of a return code ID is there as well: the proposal passed, but the chain
// refused to do what it says.
type Decision struct {
	ID       uint64 // of the proposal
	Executed bool   // enough have voted for it, and the chain did what it says
}

// ProposeGovernor wants an account to be a governor with a weight; weight 0 takes
// it off the committee. The proposal is open for a number of blocks, as all are.
func (c Committee) ProposeGovernor(account common.Address, weight uint32, blocks uint64) (Write[Decision], error) {
	return c.propose("createUpdateGovernorProposal(address,uint32,uint256)", account, uint64(weight), blocks)
}

// ProposeRate wants other thresholds, both in percent: of all weights that must
// have voted, and of those that must have voted for a proposal.
func (c Committee) ProposeRate(participation, win uint8, blocks uint64) (Write[Decision], error) {
	if participation > 100 || win > 100 {
		return Write[Decision]{}, c.invalid("createSetRateProposal", "rates %d and %d are not percent", participation, win)
	}
	return c.propose("createSetRateProposal(uint8,uint8,uint256)", uint64(participation), uint64(win), blocks)
}

// ProposeVoteComputer wants another contract to count the votes.
func (c Committee) ProposeVoteComputer(computer common.Address, blocks uint64) (Write[Decision], error) {
	return c.propose("createUpgradeVoteComputerProposal(address,uint256)", computer, blocks)
}

// ProposeDeployAuthType wants the list of deployers to be a white or a black list.
func (c Committee) ProposeDeployAuthType(t AuthType, blocks uint64) (Write[Decision], error) {
	if t > AuthBlackList { // AuthNone gives the permission to everybody again
		return Write[Decision]{}, c.invalid("createSetDeployAuthTypeProposal", "deploy type %s is not known", t)
	}
	return c.propose("createSetDeployAuthTypeProposal(uint8,uint256)", uint64(t), blocks)
}

// ProposeDeployAuth wants an account to be let deploy (open), or not.
func (c Committee) ProposeDeployAuth(account common.Address, open bool, blocks uint64) (Write[Decision], error) {
	return c.propose("createModifyDeployAuthProposal(address,bool,uint256)", account, open, blocks)
}

// ProposeAdmin wants an account to be the administrator of a contract.
func (c Committee) ProposeAdmin(admin, of common.Address, blocks uint64) (Write[Decision], error) {
	return c.propose("createResetAdminProposal(address,address,uint256)", admin, of, blocks)
}

// ProposeSysConfig wants a setting to have a value. It refuses what
// SystemConfig.SetValue refuses.
func (c Committee) ProposeSysConfig(key, value string, blocks uint64) (Write[Decision], error) {
	if err := c.checkSetting("createSetSysConfigProposal", key, value); err != nil {
		return Write[Decision]{}, err
	}
	return c.propose("createSetSysConfigProposal(string,string,uint256)", key, value, blocks)
}

// ProposeSealer wants a node to be added as a sealer with a weight of at least 1.
func (c Committee) ProposeSealer(nodeID string, weight uint32, blocks uint64) (Write[Decision], error) {
	if err := c.check(setConsensusWeight, nodeID, uint64(weight)); err != nil {
		return Write[Decision]{}, err
	}
	return c.proposeWeight(nodeID, weight, true, blocks)
}

// ProposeObserver wants a node to be added as an observer, or a sealer to become one.
func (c Committee) ProposeObserver(nodeID string, blocks uint64) (Write[Decision], error) {
	if err := c.check(setConsensusWeight, nodeID, 1); err != nil {
		return Write[Decision]{}, err
	}
	return c.proposeWeight(nodeID, 0, true, blocks)
}

// ProposeWeight wants a sealer to have another weight, at least 1.
func (c Committee) ProposeWeight(nodeID string, weight uint32, blocks uint64) (Write[Decision], error) {
	if err := c.check(setConsensusWeight, nodeID, uint64(weight)); err != nil {
		return Write[Decision]{}, err
	}
	return c.proposeWeight(nodeID, weight, false, blocks)
}

const setConsensusWeight = "createSetConsensusWeightProposal"

func (c Committee) proposeWeight(nodeID string, weight uint32, add bool, blocks uint64) (Write[Decision], error) {
	return c.propose(setConsensusWeight+"(string,uint32,bool,uint256)", nodeID, uint64(weight), add, blocks)
}

// ProposeRemoval wants a node to be taken out of the group.
func (c Committee) ProposeRemoval(nodeID string, blocks uint64) (Write[Decision], error) {
	if err := c.check("createRmNodeProposal", nodeID, 1); err != nil {
		return Write[Decision]{}, err
	}
	return c.propose("createRmNodeProposal(string,uint256)", nodeID, blocks)
}

// Vote votes for or against a proposal.
func (c Committee) Vote(id uint64, agree bool) (Write[Decision], error) {
	return c.decide("voteProposal(uint256,bool)", func(*outputs) uint64 { return id }, id, agree)
}

// Revoke takes back a proposal of the sender that is still open.
func (c Committee) Revoke(id uint64) (Write[None], error) {
	return write(c.contract, "revokeProposal(uint256)", func(*outputs) None { return None{} }, id)
}

// propose is a function that makes a proposal and returns its id, which is 1 or
// more.
func (c Committee) propose(signature string, args ...any) (Write[Decision], error) {
	return c.decide(signature+"(uint256)", func(out *outputs) uint64 {
		id := out.uint64()
		if id == 0 {
			out.fail("the proposal has id 0")
		}
		return id
	}, args...)
}

// decide is a function that may execute a proposal, which the receipt's logs tell.
func (c Committee) decide(signature string, id func(*outputs) uint64, args ...any) (Write[Decision], error) {
	w, err := write(c.contract, signature, func(out *outputs) Decision { return Decision{ID: id(out)} }, args...)
	if err != nil {
		return w, err
	}
	returned, f := w.decode, c.function(signature)
	w.decode = func(r chain.Receipt) (Decision, error) {
		d, err := returned(r)
		if err != nil {
			return d, err
		}
		var code Code
		if d.Executed, code, err = c.execution(r.Logs); err != nil {
			return d, f.broken(chain.SentYes, err)
		}
		if code < CodeSuccess {
			d.Executed = false
			return d, f.codeError(code, chain.SentYes)
		}
		return d, nil
	}
	return w, nil
}

// execution finds the event execResult(int256) of the committee: it is there when
// the proposal has passed, with the return code of what was done.
func (c Committee) execution(logs []chain.Log) (bool, Code, error) {
	topic := c.group.suite.Hash([]byte("execResult(int256)"))
	for _, log := range logs {
		if log.Address != c.address || len(log.Topics) != 1 || log.Topics[0] != topic {
			continue
		}
		if len(log.Data) != 32 {
			return false, 0, fmt.Errorf("event execResult has %d bytes, not 32", len(log.Data))
		}
		n := new(big.Int).SetBytes(log.Data)
		if n.Bit(255) == 1 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 256))
		}
		if !n.IsInt64() {
			return false, 0, fmt.Errorf("event execResult has the code %s", n)
		}
		return true, Code(n.Int64()), nil
	}
	return false, CodeSuccess, nil
}
