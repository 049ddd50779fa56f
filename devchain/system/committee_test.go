package system

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

// gives checks what a governor's call of the committee answers.
func (w *world) gives(from common.Address, data, want []byte) {
	w.Helper()
	out, err := w.send(from, Address(committeeAt), data)
	require.NoError(w, err)
	require.Equal(w, common.Bytes2Hex(want), common.Bytes2Hex(out))
}

// reverts checks the text of a committee's failure.
func (w *world) reverts(from common.Address, data []byte, want string) {
	w.Helper()
	_, err := w.send(from, Address(committeeAt), data)
	var reverted *Reverted
	require.ErrorAs(w, err, &reverted)
	require.Equal(w, want, reverted.Text)
}

// status is that of a proposal.
func (w *world) status(id uint64) uint64 {
	w.Helper()
	out, err := w.send(user, w.contracts.child("2"), input("getProposalStatus(uint256)", number(id)))
	require.NoError(w, err)
	return decode(out).uint64()
}

func updateGovernor(account common.Address, weight, open uint64) []byte {
	return input("createUpdateGovernorProposal(address,uint32,uint256)", address(account), number(weight), number(open))
}

func voteFor(id uint64, agrees bool) []byte {
	return input("voteProposal(uint256,bool)", number(id), boolean(agrees))
}

func TestCommittee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second := common.HexToAddress("0x2222222222222222222222222222222222222222")
	w.reverts(user, updateGovernor(user, 1, 10), "you must be governor")
	w.reverts(admin, voteFor(1, true), "Proposal not exist")
	w.reverts(admin, input("voteProposal(uint256,bool)", number(1), number(2)), "")

	// One governor decides alone, and in the same transaction.
	w.gives(admin, updateGovernor(second, 2, 10), encode(number(1)))
	require.EqualValues(t, proposalPassed, w.status(1))
	require.Len(t, w.state.logs, 1, "the event with the outcome")
	w.gives(admin, input("createSetRateProposal(uint8,uint8,uint256)", number(60), number(60), number(10)), encode(number(2)))
	w.reverts(admin, input("createSetRateProposal(uint8,uint8,uint256)", number(101), number(60), number(10)), "invalid range of participatesRate")
	w.answers(w.contracts.child("1"), input("getCommitteeInfo()"),
		encode(number(60), number(60), array(address(admin), address(second)), array(number(1), number(2))))

	// A third is not enough now.
	setting := input("createSetSysConfigProposal(string,string,uint256)", text("tx_count_limit"), text("9"), number(10))
	w.gives(admin, setting, encode(number(3)))
	require.EqualValues(t, proposalOpen, w.status(3))
	w.reverts(admin, setting, "Current proposal not end")
	w.reverts(admin, voteFor(3, true), "Already voted")
	w.gives(second, voteFor(3, true), nil)
	require.EqualValues(t, proposalPassed, w.status(3))
	s, _ := ReadSetting(w.state, "tx_count_limit")
	require.Equal(t, "9", s.Value)
	w.reverts(second, voteFor(3, true), "Proposal is not votable")

	w.gives(admin, setting, encode(number(4)))
	w.gives(second, voteFor(4, false), nil)
	require.EqualValues(t, proposalDenied, w.status(4))
	w.gives(admin, setting, encode(number(5)))
	w.reverts(second, input("revokeProposal(uint256)", number(5)), "Only proposer can revoke")
	w.gives(admin, input("revokeProposal(uint256)", number(5)), nil)
	require.EqualValues(t, proposalRevoked, w.status(5))

	// What is outdated makes room, and what fails takes its proposal along.
	w.gives(admin, setting, encode(number(6)))
	w.block += 20
	w.reverts(admin, input("revokeProposal(uint256)", number(6)), "Only newly created proposal can be revoked")
	w.gives(admin, setting, encode(number(7)))
	require.EqualValues(t, proposalOutdated, w.status(6))
	w.reverts(second, input("createSetSysConfigProposal(string,string,uint256)", text("nothing"), text("1"), number(1)), "Current proposal not end")
	w.gives(admin, input("revokeProposal(uint256)", number(7)), nil)
	w.reverts(second, input("createSetSysConfigProposal(string,string,uint256)", text("nothing"), text("1"), number(1)), "unsupported key nothing")
	w.reverts(second, updateGovernor(second, 0, 1), "You can not remove yourself!")
	w.gives(second, updateGovernor(admin, 0, 1), encode(number(8)))
	require.Equal(t, []common.Address{second}, governors(w.state))

	out, err := w.send(user, w.contracts.child("2"), input("getProposalInfoList(uint256,uint256)", number(1), number(100)))
	require.NoError(t, err)
	list := 0
	decode(out).list(func(*arguments) { list++ })
	require.Equal(t, 8, list)
	_, err = w.send(user, w.contracts.child("2"), input("getProposalInfoList(uint256,uint256)", number(9), number(9)))
	require.ErrorContains(t, err, "'from' is greater than 'proposalCount'")
}

// Where permissions are checked only the committee changes settings, nodes and who
// may deploy.
func TestOnlyTheCommittee(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config, auth := Address(sysConfigAt), Address(authManagerAt)
	w.codes(config, input("setValueByKey(string,string)", text(keyAuthCheck), text("1")), 0)
	w.codes(config, input("setValueByKey(string,string)", text("tx_count_limit"), text("9")), codeNoAuthorized)
	w.codes(Address(consensusAt), input("addObserver(string)", text(nodeID("bb"))), codeNoAuthorized)
	w.gives(admin, input("createSetConsensusWeightProposal(string,uint32,bool,uint256)", text(nodeID("bb")), number(0), boolean(true), number(5)), encode(number(1)))
	require.Len(t, Nodes(w.state), 2)

	require.True(t, MayDeploy(w.state, user))
	w.gives(admin, input("createSetDeployAuthTypeProposal(uint8,uint256)", number(listWhite), number(5)), encode(number(2)))
	require.Equal(t, DeployDenied, CheckDeploy(w.state, user))
	w.gives(admin, input("createModifyDeployAuthProposal(address,bool,uint256)", address(user), boolean(true), number(5)), encode(number(3)))
	require.Zero(t, CheckDeploy(w.state, user))
	w.answers(auth, input("hasDeployAuth(address)", address(user)), encode(boolean(true)))
	w.gives(admin, input("createModifyDeployAuthProposal(address,bool,uint256)", address(user), boolean(false), number(5)), encode(number(4)))
	require.Equal(t, DeployDenied, CheckDeploy(w.state, user))

	contract := common.HexToAddress("0x2222222222222222222222222222222222222222")
	Created(w.state, contract, user)
	w.gives(admin, input("createResetAdminProposal(address,address,uint256)", address(admin), address(contract), number(5)), encode(number(5)))
	w.answers(auth, input("getAdmin(address)", address(contract)), encode(address(admin)))
	w.codes(auth, input("setContractStatus(address,bool)", address(contract), boolean(true)), codeNoAuthorized)
}
