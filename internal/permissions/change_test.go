package permissions

import (
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
)

func blocks(n int64) *big.Int { return big.NewInt(n) }

// everyChange is each kind of change, with the transaction that another codec
// makes of it.
func everyChange(p *Permissions, m Method) map[string]struct {
	build     func() (Change, error)
	at        common.Address
	signature string
	args      []any
	what      string
	votes     bool // makes or decides a proposal
} {
	type row = struct {
		build     func() (Change, error)
		at        common.Address
		signature string
		args      []any
		what      string
		votes     bool
	}
	return map[string]row{
		"deploy type": {func() (Change, error) { return p.DeployType(system.AuthWhiteList, 9) }, committeeAt,
			"createSetDeployAuthTypeProposal(uint8,uint256)", []any{uint8(1), blocks(9)}, "propose the deploy type white list", true},
		"deploy allow": {func() (Change, error) { return p.DeployAuth(carol, true, 9) }, committeeAt,
			"createModifyDeployAuthProposal(address,bool,uint256)", []any{carol, true, blocks(9)}, "propose that account " + carol.Hex() + " may deploy", true},
		"deploy deny": {func() (Change, error) { return p.DeployAuth(carol, false, 9) }, committeeAt,
			"createModifyDeployAuthProposal(address,bool,uint256)", []any{carol, false, blocks(9)}, "propose that account " + carol.Hex() + " may not deploy", true},
		"admin": {func() (Change, error) { return p.Admin(asset, bob, 9) }, committeeAt,
			"createResetAdminProposal(address,address,uint256)", []any{bob, asset, blocks(9)}, "propose account " + bob.Hex() + " as the administrator of contract " + asset.Hex(), true},
		"vote": {func() (Change, error) { return p.Vote(7, true) }, committeeAt,
			"voteProposal(uint256,bool)", []any{blocks(7), true}, "vote for proposal 7", true},
		"vote against": {func() (Change, error) { return p.Vote(7, false) }, committeeAt,
			"voteProposal(uint256,bool)", []any{blocks(7), false}, "vote against proposal 7", true},
		"revoke": {func() (Change, error) { return p.Revoke(7) }, committeeAt,
			"revokeProposal(uint256)", []any{blocks(7)}, "revoke proposal 7", false},
		"method type": {func() (Change, error) { return p.MethodType(asset, m, system.AuthBlackList) }, authMgr,
			"setMethodAuthType(address,bytes4,uint8)", []any{asset, m.Selector, uint8(2)}, "give method " + m.String() + " of contract " + asset.Hex() + " a black list", false},
		"method allow": {func() (Change, error) { return p.MethodAuth(asset, m, bob, true) }, authMgr,
			"openMethodAuth(address,bytes4,address)", []any{asset, m.Selector, bob}, "set that account " + bob.Hex() + " may call method " + m.String() + " of contract " + asset.Hex(), false},
		"method deny": {func() (Change, error) { return p.MethodAuth(asset, m, bob, false) }, authMgr,
			"closeMethodAuth(address,bytes4,address)", []any{asset, m.Selector, bob}, "set that account " + bob.Hex() + " may not call method " + m.String() + " of contract " + asset.Hex(), false},
		"freeze": {func() (Change, error) { return p.ContractStatus(asset, system.StatusFrozen) }, authMgr,
			"setContractStatus(address,bool)", []any{asset, true}, "freeze contract " + asset.Hex(), false},
		"unfreeze": {func() (Change, error) { return p.ContractStatus(asset, system.StatusNormal) }, authMgr,
			"setContractStatus(address,bool)", []any{asset, false}, "unfreeze contract " + asset.Hex(), false},
		"abolish": {func() (Change, error) { return p.ContractStatus(asset, system.StatusAbolished) }, authMgr,
			"setContractStatus(address,uint8)", []any{asset, uint8(2)}, "abolish contract " + asset.Hex(), false},
		"account freeze": {func() (Change, error) { return p.AccountStatus(carol, system.StatusFrozen) }, accountMgr,
			"setAccountStatus(address,uint8)", []any{carol, uint8(1)}, "freeze account " + carol.Hex(), false},
		"account unfreeze": {func() (Change, error) { return p.AccountStatus(carol, system.StatusNormal) }, accountMgr,
			"setAccountStatus(address,uint8)", []any{carol, uint8(0)}, "unfreeze account " + carol.Hex(), false},
		"account abolish": {func() (Change, error) { return p.AccountStatus(carol, system.StatusAbolished) }, accountMgr,
			"setAccountStatus(address,uint8)", []any{carol, uint8(2)}, "abolish account " + carol.Hex(), false},
	}
}

func TestEveryChangeAgainstAnotherCodec(t *testing.T) {
	t.Parallel()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		f := withAuth(t, s)
		f.on(authMgr, "getAdmin(address)", []any{asset}, "address", carol)
		p := f.permissions()
		m := p.MethodOf("save(bytes32,string)")
		require.Equal(t, s.Selector("save(bytes32,string)"), m.Selector)
		for name, tt := range everyChange(p, m) {
			c, err := tt.build()
			require.NoError(t, err, name)
			require.Equal(t, tt.what, c.What, name)
			require.Equal(t, name == "abolish" || name == "account abolish", c.Final, name)

			output := number(0)
			if tt.votes {
				output = number(7)
			}
			f.sent, f.receipt = nil, chain.Receipt{TxHash: common.Hash{1}, Succeeded: true, Output: output, Logs: []chain.Log{executed(s, number(0))}}
			decision, receipt, err := p.Make(t.Context(), f, c)
			require.NoError(t, err, name)
			require.Equal(t, f.receipt, receipt, name)
			if tt.votes {
				require.Equal(t, &system.Decision{ID: 7, Executed: true}, decision, name)
			} else {
				require.Nil(t, decision, name)
			}
			require.Len(t, f.sent, 1, name)
			require.Equal(t, &tt.at, f.sent[0].To, name)
			require.Equal(t, hex.EncodeToString(f.input(tt.signature, tt.args...)), hex.EncodeToString(f.sent[0].Input), name)

			// Who may do it: governors, but for what is the administrator's.
			allowed, refused := alice, carol
			if tt.at == authMgr {
				allowed, refused = carol, alice
			}
			require.NoError(t, p.Check(t.Context(), c, allowed), name)
			refusal, ok := errors.AsType[*Refusal](p.Check(t.Context(), c, refused))
			require.True(t, ok, name)
			require.Contains(t, refusal.Advice, allowed.Hex(), "%s: it says who may", name)
		}
	}
}

func TestMakeTellsWhatTheChainSaid(t *testing.T) {
	t.Parallel()
	f := newFake(t, standard)
	p := f.permissions()
	freeze, err := p.ContractStatus(asset, system.StatusFrozen)
	require.NoError(t, err)
	f.receipt = chain.Receipt{TxHash: common.Hash{1}, Output: minus(50000)}
	_, receipt, err := p.Make(t.Context(), f, freeze)
	require.ErrorIs(t, err, system.CodeNoPermission)
	require.ErrorContains(t, err, "not the administrator")
	require.Equal(t, common.Hash{1}, receipt.TxHash)

	propose, err := p.DeployAuth(carol, true, 9)
	require.NoError(t, err)
	f.receipt = chain.Receipt{Output: number(3), Logs: []chain.Log{executed(standard, minus(51003))}}
	decision, _, err := p.Make(t.Context(), f, propose)
	require.ErrorIs(t, err, system.CodeWrongAuthType)
	require.Equal(t, &system.Decision{ID: 3}, decision, "it passed, and could not be done")

	f.err = io.ErrUnexpectedEOF
	decision, _, err = p.Make(t.Context(), f, propose)
	require.Same(t, io.ErrUnexpectedEOF, err)
	require.Nil(t, decision)
}

func TestChecksBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	change := func(f *fakeChain, name string) Change {
		c, err := everyChange(f.permissions(), save)[name].build()
		require.NoError(t, err)
		return c
	}
	for name, tt := range map[string]struct {
		script func(f *fakeChain)
		change string
		who    common.Address
		reason string
	}{
		"no auth": {func(f *fakeChain) { f.setting = "0" }, "freeze", carol, "NoAuth"},
		"no committee": {func(f *fakeChain) {
			f.fails(committeeAt, "isGovernor(address)", []any{alice}, 16, "Call address error.")
		}, "vote", alice, "NoCommittee"},
		"no deploy list": {func(f *fakeChain) { f.on(authMgr, "deployType()", nil, "uint256", big.NewInt(0)) }, "deploy allow", alice, "NoDeployList"},
		"no admin":       {func(f *fakeChain) { f.on(authMgr, "getAdmin(address)", []any{asset}, "address", nobody) }, "freeze", carol, "NoAdmin"},
		"no contract, before 3.3": {func(f *fakeChain) {
			f.fails(authMgr, "getAdmin(address)", []any{asset}, 15, "Contract address not found.")
		}, "freeze", carol, "Status15"},
	} {
		f := withAuth(t, standard)
		tt.script(f)
		err := f.permissions().Check(t.Context(), change(f, tt.change), tt.who)
		refusal, ok := errors.AsType[*Refusal](err)
		require.True(t, ok, "%s: %v", name, err)
		require.Equal(t, tt.reason, refusal.Reason, name)
		require.Empty(t, f.sent)
	}
	f := withAuth(t, standard)
	f.on(authMgr, "deployType()", nil, "uint256", big.NewInt(0))
	require.NoError(t, f.permissions().Check(t.Context(), change(f, "deploy type"), alice), "the type itself can be set")
	f.err = io.ErrUnexpectedEOF
	require.ErrorIs(t, f.permissions().Check(t.Context(), change(f, "vote"), alice), io.ErrUnexpectedEOF)
}
