package permissions

import (
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
)

func group(t *testing.T, ini string) result.GroupInfo {
	t.Helper()
	text, err := json.Marshal(map[string]any{"nodeList": []any{map[string]any{"name": "n", "iniConfig": ini}}})
	require.NoError(t, err)
	var g result.GroupInfo
	require.NoError(t, json.Unmarshal(text, &g))
	return g
}

func TestMode(t *testing.T) {
	t.Parallel()
	const on, off, broken = `{"isAuthCheck":true}`, `{"isAuthCheck":false}`, `{`
	for name, tt := range map[string]struct {
		ini, setting string
		want         Mode
	}{
		"the setting says on":          {off, "1", Mode{On: true, Setting: "1"}},
		"any number but 0 is on":       {off, "2", Mode{On: true, Setting: "2"}},
		"the setting wins":             {on, "0", Mode{Setting: "0", Genesis: true}},
		"no setting, genesis on":       {on, "", Mode{On: true, Genesis: true}},
		"no setting, genesis off":      {off, "", Mode{}},
		"no setting, nothing is known": {broken, "", Mode{}},
	} {
		f := newFake(t, standard)
		f.setting, f.group = tt.setting, group(t, tt.ini)
		got, err := f.permissions().Mode(t.Context())
		require.NoError(t, err, name)
		require.Equal(t, tt.want, got, name)
		require.Equal(t, tt.want.On, f.permissions().RequireOn(t.Context()) == nil, name)
	}
	require.Contains(t, Mode{On: true, Genesis: true}.sentence(), "is_auth_check of the genesis file")
	f := newFake(t, standard)
	f.err = io.ErrUnexpectedEOF
	_, err := f.permissions().Mode(t.Context())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "not known is not off")
	require.ErrorIs(t, f.permissions().RequireOn(t.Context()), io.ErrUnexpectedEOF)
}

func TestStateWithoutPermissions(t *testing.T) {
	t.Parallel()
	f := newFake(t, standard)
	f.setting = "0"
	state, err := f.permissions().Look(t.Context(), Question{Account: &alice, Contract: &asset})
	require.NoError(t, err)
	lines := state.Sentences()
	require.Len(t, lines, 1)
	for _, word := range []string{"not an auth chain", "is_auth_check=true", "auth_check_status"} {
		require.Contains(t, lines[0], word)
	}
	require.Contains(t, f.permissions().RequireOn(t.Context()).Error(), lines[0])
}

// asked is a chain that knows carol as an account and asset as a contract.
func asked(t *testing.T) (*fakeChain, Question) {
	f := withAuth(t, standard)
	f.on(authMgr, "hasDeployAuth(address)", []any{carol}, "bool", false)
	f.on(accountMgr, "getAccountStatus(address)", []any{carol}, "uint8", uint8(1))
	f.on(authMgr, "getAdmin(address)", []any{asset}, "address", carol)
	f.on(authMgr, "contractAvailable(address)", []any{asset}, "bool", true)
	f.on(authMgr, "getMethodAuth(address,bytes4)", []any{asset, save.Selector}, "uint8,string[],string[]", uint8(1),
		[]string{strings.ToLower(bob.Hex()[2:])}, []string{})
	f.on(authMgr, "checkMethodAuth(address,bytes4,address)", []any{asset, save.Selector, carol}, "bool", false)
	return f, Question{Account: &carol, Contract: &asset, Method: &save}
}

func TestStateInPlainWords(t *testing.T) {
	t.Parallel()
	f, q := asked(t)
	state, err := f.permissions().Look(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, []string{
		"Permissions are on (auth_check_status is 1).",
		"Committee: 2 governors. A proposal passes when governors with 50 % of all weight have voted, and 60 % of that is for it.",
		"  " + alice.Hex() + ", weight 1",
		"  " + bob.Hex() + ", weight 2",
		"Deploy type: white list. Only accounts on the list may deploy contracts.",
		"Account " + carol.Hex() + ": status frozen, not a governor, may not deploy contracts. A governor can let it: gateway chain auth deploy allow " + carol.Hex() + ".",
		"Contract " + asset.Hex() + ": status normal, administrator " + carol.Hex() + ".",
		"Method " + save.String() + ": white list. Only these accounts may call it: " + bob.Hex() + ".",
		"  Account " + carol.Hex() + " may not call it.",
	}, state.Sentences())

	text, err := json.Marshal(state)
	require.NoError(t, err)
	no := false
	require.Equal(t, State{
		Mode:       Mode{On: true, Setting: "1"},
		Committee:  &Committee{50, 60, []Governor{{alice, 1}, {bob, 2}}},
		DeployType: "white list",
		Account:    &Account{Address: carol, Status: "frozen"},
		Contract: &Contract{Address: asset, Admin: &carol, Status: "normal", Method: &MethodState{Signature: save.Signature,
			Selector: save.String()[len(save.Signature)+2 : len(save.String())-1], Type: "white list", Allowed: addresses(bob), Blocked: addresses(), MayCall: &no}},
	}, state)
	require.Contains(t, string(text), `"on":true,"authCheckStatus":"1","isAuthCheck":false,"committee":{"participationPercent":50`)
}

func TestStateVariants(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script func(f *fakeChain)
		want   []string // must be said
	}{
		"a governor who may deploy": {func(f *fakeChain) {
			f.on(membersAt, "getCommitteeInfo()", nil, "uint8,uint8,address[],uint32[]", uint8(0), uint8(51), addresses(carol), []uint32{1})
			f.on(authMgr, "hasDeployAuth(address)", []any{carol}, "bool", true)
			f.on(authMgr, "deployType()", nil, "uint256", big.NewInt(0))
		}, []string{"1 governor. Any of them decides alone", "a governor, may deploy contracts.", "Deploy type: none. Everybody"}},
		"a black list": {func(f *fakeChain) {
			f.on(authMgr, "deployType()", nil, "uint256", big.NewInt(2))
			f.on(authMgr, "getMethodAuth(address,bytes4)", []any{asset, save.Selector}, "uint8,string[],string[]", uint8(2), []string{}, []string{strings.ToLower(bob.Hex()[2:])})
		}, []string{"Deploy type: black list.", "black list. Everybody may call it but these accounts: " + bob.Hex()}},
		"no method list": {func(f *fakeChain) {
			f.on(authMgr, "getMethodAuth(address,bytes4)", []any{asset, save.Selector}, "uint8,string[],string[]", uint8(0), []string{}, []string{})
			f.on(authMgr, "checkMethodAuth(address,bytes4,address)", []any{asset, save.Selector, carol}, "bool", true)
		}, []string{"no list. Everybody may call it.", "  Account " + carol.Hex() + " may call it."}},
		"a frozen contract": {func(f *fakeChain) {
			f.on(authMgr, "contractAvailable(address)", []any{asset}, "bool", false)
			f.answers[key(asset, make([]byte, 4))] = chain.CallResult{Status: 21}
		}, []string{"status frozen, administrator"}},
		"an abolished contract": {func(f *fakeChain) {
			f.on(authMgr, "contractAvailable(address)", []any{asset}, "bool", false)
			f.answers[key(asset, make([]byte, 4))] = chain.CallResult{Status: 24}
		}, []string{"status abolished, administrator"}},
		"a contract that may be either": {func(f *fakeChain) {
			f.on(authMgr, "contractAvailable(address)", []any{asset}, "bool", false)
			f.answers[key(asset, make([]byte, 4))] = chain.CallResult{}
		}, []string{"status frozen or abolished, administrator"}},
		"a contract that the chain does not know": {func(f *fakeChain) {
			f.on(authMgr, "getAdmin(address)", []any{asset}, "address", nobody)
			f.fails(authMgr, "contractAvailable(address)", []any{asset}, 15, "Cannot get contract status")
		}, []string{"no administrator. The chain keeps no permissions for this address"}},
		"the same, before 3.3": {func(f *fakeChain) {
			f.fails(authMgr, "getAdmin(address)", []any{asset}, 15, "Please check the existence of contract.")
			f.fails(authMgr, "contractAvailable(address)", []any{asset}, 15, "Cannot get contract status")
		}, []string{"The chain keeps no permissions for this address"}},
		"no committee": {func(f *fakeChain) {
			f.fails(committeeAt, "_committee()", nil, 19, "Call address error.")
		}, []string{"The chain has no committee", "not a governor"}},
	} {
		f, q := asked(t)
		tt.script(f)
		state, err := f.permissions().Look(t.Context(), q)
		require.NoError(t, err, name)
		for _, want := range tt.want {
			require.Contains(t, strings.Join(state.Sentences(), "\n"), want, name)
		}
	}
}

// TestStateIsNotGuessed holds that a read that failed is never taken for an answer.
func TestStateIsNotGuessed(t *testing.T) {
	t.Parallel()
	all, _ := asked(t)
	reads := 0
	for failing := range all.answers {
		_, input, _ := strings.Cut(failing, " ")
		if selector := common.FromHex(input)[:4]; standard.Selector("isGovernor(address)") == [4]byte(selector) || standard.Selector("_proposalMgr()") == [4]byte(selector) {
			continue // the state does not ask for these
		}
		reads++
		f, q := asked(t)
		f.answers[failing] = chain.CallResult{Status: 12, StatusName: "OutOfGas"}
		_, err := f.permissions().Look(t.Context(), q)
		require.ErrorContains(t, err, "OutOfGas", failing)
	}
	require.Equal(t, 9, reads)
}

func TestProposals(t *testing.T) {
	t.Parallel()
	f := withAuth(t, standard)
	const one, list = "address,address,uint8,uint256,uint8,address[],address[]", "getProposalInfoList(uint256,uint256)"
	type tuple struct {
		Name0, Name1 common.Address
		Name2        uint8
		Name3        *big.Int
		Name4        uint8
		Name5, Name6 []common.Address
	}
	open := tuple{carol, alice, 22, big.NewInt(700), 1, addresses(alice), addresses()}
	f.on(proposalsAt, "getProposalInfo(uint256)", []any{big.NewInt(3)}, one, open.Name0, open.Name1, open.Name2, open.Name3, open.Name4, open.Name5, open.Name6)
	f.on(proposalsAt, "getProposalInfo(uint256)", []any{big.NewInt(4)}, one, nobody, nobody, uint8(0), big.NewInt(0), uint8(0), addresses(), addresses())
	p := f.permissions()

	got, err := p.Proposal(t.Context(), 3, 700)
	require.NoError(t, err)
	require.Equal(t, []string{
		"Proposal 3: change whether " + carol.Hex() + " may deploy.",
		"  Open until block 700: it waits for votes.",
		"  Made by " + alice.Hex() + ". For it: " + alice.Hex() + ". Against it: none.",
		"  Not voted yet: " + bob.Hex() + ".",
	}, got.Sentences())
	got, err = p.Proposal(t.Context(), 3, 701)
	require.NoError(t, err)
	require.False(t, got.Votable)
	require.Equal(t, "  Outdated: block 700, its last, has passed without a decision.", got.Sentences()[1])
	require.Len(t, got.Sentences(), 3)
	_, err = p.Proposal(t.Context(), 4, 1)
	refusal, ok := errors.AsType[*Refusal](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "NoProposal", refusal.Reason)

	f.on(proposalsAt, "_proposalCount()", nil, "uint256", big.NewInt(0))
	empty, err := p.Proposals(t.Context(), 5, 1)
	require.NoError(t, err)
	require.Equal(t, []Proposal{}, empty)

	f.on(proposalsAt, "_proposalCount()", nil, "uint256", big.NewInt(12))
	var all []tuple
	for i, typ := range []uint8{11, 12, 13, 21, 22, 31, 41, 51, 52, 99} {
		one := open
		one.Name2, one.Name4 = typ, uint8(1+i%6)
		all = append(all, one)
	}
	f.on(proposalsAt, list, []any{big.NewInt(3), big.NewInt(12)}, "("+one+")[]", all)
	found, err := p.Proposals(t.Context(), 10, 1)
	require.NoError(t, err)
	require.Len(t, found, 10)
	require.Equal(t, uint64(12), found[0].ID, "the newest first")
	said := map[string]bool{}
	for _, one := range found {
		said[one.Sentences()[0][len("Proposal 12"):]] = true
	}
	require.Len(t, said, 10, "each type has words of its own: %v", said)
	fates := map[string]bool{}
	for _, one := range found {
		fates[strings.Fields(one.fate())[0]] = true
	}
	require.Equal(t, map[string]bool{"Open": true, "Passed": true, "Denied:": true, "Revoked": true, "Outdated:": true, "Its": true}, fates)

	f.fails(committeeAt, "_proposalMgr()", nil, 19, "Call address error.")
	_, err = p.Proposals(t.Context(), 10, 1)
	refusal, ok = errors.AsType[*Refusal](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "NoCommittee", refusal.Reason)
}
