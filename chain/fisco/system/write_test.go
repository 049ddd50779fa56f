package system

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

func TestDoGivesTheReceiptWithEveryOutcome(t *testing.T) {
	t.Parallel()
	f, c := newFake(suite.Standard)
	w, err := c.KVTable(tableAt).Set("k", "v")
	require.NoError(t, err)
	require.Equal(t, []string{"KVTable", "set"}, []string{w.Contract, w.Function})

	f.receipt = chain.Receipt{BlockNumber: 7, Output: signed(1)}
	rows, receipt, err := Do(t.Context(), f, w)
	require.NoError(t, err)
	require.EqualValues(t, 1, rows)
	require.EqualValues(t, 7, receipt.BlockNumber)

	f.receipt.Output = signed(-50000)
	_, receipt, err = Do(t.Context(), f, w)
	require.ErrorIs(t, err, CodeNoPermission)
	require.EqualValues(t, 7, receipt.BlockNumber, "the transaction is in a block all the same")

	lost := &chain.Error{Kind: chain.KindTimeout, Sent: chain.SentMaybe}
	f.receipt, f.err = chain.Receipt{}, lost
	_, _, err = Do(t.Context(), f, w)
	require.Equal(t, error(lost), err, "what was sent is not for this package to say")
}

func TestReadsPassOnTheErrorOfTheCaller(t *testing.T) {
	t.Parallel()
	f, c := newFake(suite.GM)
	f.err = &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Node: "a:1"}
	_, err := c.SystemConfig().Value(t.Context(), "tx_count_limit")
	require.Equal(t, chain.KindUnavailable, chain.KindOf(err))
	require.ErrorContains(t, err, "SystemConfig.getValueByKey: ")
}

// TestRefusedBeforeSending holds that what is never right makes no intent.
func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	short, long := strings.Repeat("ab", 63), strings.Repeat("ab", 65)
	refused := map[string]func(*Contracts) op{
		"a node id of 126 digits":          func(c *Contracts) op { return act(c.Consensus().AddObserver(short)) },
		"a node id of 130 digits":          func(c *Contracts) op { return act(c.Consensus().Remove(long)) },
		"a node id with 0x":                func(c *Contracts) op { return act(c.Consensus().Remove("0x" + short)) },
		"a node id that is no hex":         func(c *Contracts) op { return act(c.Consensus().SetTermWeight(short+"zz", 1)) },
		"a sealer of weight 0":             func(c *Contracts) op { return act(c.Consensus().AddSealer(nodeID, 0)) },
		"a sealer of weight 0 with a term": func(c *Contracts) op { return act(c.Consensus().AddSealerWithTerm(nodeID, 0, 1)) },
		"weight 0":                         func(c *Contracts) op { return act(c.Consensus().SetWeight(nodeID, 0)) },
		"proposed sealer of weight 0":      func(c *Contracts) op { return act(c.Committee().ProposeSealer(nodeID, 0, 1)) },
		"proposed weight 0":                func(c *Contracts) op { return act(c.Committee().ProposeWeight(nodeID, 0, 1)) },
		"proposed observer":                func(c *Contracts) op { return act(c.Committee().ProposeObserver(short, 1)) },
		"proposed removal":                 func(c *Contracts) op { return act(c.Committee().ProposeRemoval(short, 1)) },
		"participation above 100":          func(c *Contracts) op { return act(c.Committee().ProposeRate(101, 1, 1)) },
		"win rate above 100":               func(c *Contracts) op { return act(c.Committee().ProposeRate(1, 101, 1)) },
		"proposed deploy type 3":           func(c *Contracts) op { return act(c.Committee().ProposeDeployAuthType(3, 1)) },
		"deploy type none":                 func(c *Contracts) op { return act(c.AuthManager().SetDeployAuthType(AuthNone)) },
		"method type 3":                    func(c *Contracts) op { return act(c.AuthManager().SetMethodAuthType(other, selector, 3)) },
		"contract status 3":                func(c *Contracts) op { return act(c.AuthManager().SetContractStatus(other, 3)) },
		"account status 3":                 func(c *Contracts) op { return act(c.AccountManager().SetStatus(account, 3)) },
		"key order 2":                      func(c *Contracts) op { return act(c.TableManager().CreateTable("t", TableInfo{Order: 2})) },
		"a relative path":                  func(c *Contracts) op { return act(c.BFS().MakeDirectory("apps")) },
		"a relative link":                  func(c *Contracts) op { return act(c.BFS().LinkPath("", other, "")) },
		"a relative touch":                 func(c *Contracts) op { return act(c.BFS().Touch("x", TypeLink)) },
		"a version with a slash":           func(c *Contracts) op { return act(c.BFS().LinkVersion(Link{"a", "1/2", other, ""})) },
		"a link without a name":            func(c *Contracts) op { return act(c.BFS().LinkVersion(Link{"", "1", other, ""})) },
		"501 rows": func(c *Contracts) op {
			return act(c.Table(tableAt).RemoveWhere(someWhere, Limit{Count: 501}))
		},
		"501 rows to change": func(c *Contracts) op {
			return act(c.Table(tableAt).UpdateWhere(someWhere, Limit{Count: 501}, someChanges))
		},
		"501 rows to read": func(c *Contracts) op {
			return ask(func(ctx context.Context) ([]Row, error) { return c.Table(tableAt).Select(ctx, nil, Limit{Count: 501}) })
		},
		"operator 9": func(c *Contracts) op {
			return ask(func(ctx context.Context) (int64, error) {
				return c.Table(tableAt).Count(ctx, []Condition{{Operator: 9}})
			})
		},
		"proposals from 0": func(c *Contracts) op {
			return ask(func(ctx context.Context) ([]Proposal, error) { return c.Committee().Proposals(ctx, 0, 3) })
		},
		"no amount":         func(c *Contracts) op { return act(c.Balance().Add(account, nil)) },
		"a negative amount": func(c *Contracts) op { return act(c.Balance().Add(account, big.NewInt(-1))) },
		"a text that is not UTF-8": func(c *Contracts) op {
			return act(c.KVTable(tableAt).Set("k", "\xff"))
		},
	}
	for _, s := range neverRight {
		refused["setting "+s[0]+"="+s[1]] = func(c *Contracts) op { return act(c.SystemConfig().SetValue(s[0], s[1])) }
		refused["proposed setting "+s[0]+"="+s[1]] = func(c *Contracts) op { return act(c.Committee().ProposeSysConfig(s[0], s[1], 1)) }
	}
	for name, op := range refused {
		f, c := newFake(suite.Standard)
		_, err := op(c)(t.Context(), f)
		border, ok := errors.AsType[*chain.Error](err)
		require.True(t, ok, name)
		require.Equal(t, []any{chain.KindInvalid, chain.SentNo}, []any{border.Kind, border.Sent}, name)
		require.NotEmpty(t, border.Op, name)
		require.Empty(t, f.sent, name)
		require.Empty(t, f.asked, name)
	}
}

var neverRight = [][2]string{
	{"executor_version", "2"}, {"executor_version", "9"}, {"executor_version", "-1"}, {"executor_version", ""}, {"executor_version", "01"},
	{"executor_version", " 1"}, {"EXECUTOR_VERSION", "9"}, {"Executor_Version", "1 "},
	{"compatibility_version", "9.9.9"}, {"compatibility_version", "2.9.1"}, {"compatibility_version", "3.16"}, {"compatibility_version", "three"},
	{"compatibility_version", "v3.16.0"}, {"compatibility_version", "3.16.0\n"}, {"COMPATIBILITY_VERSION", "4.0.0"},
	{"tx_gas_limit", "99999"}, {"tx_gas_price", "5"}, {"tx_gas_price", "0x"}, {"tx_count_limit", "0"}, {"tx_count_limit", "abc"},
	{"consensus_leader_period", "0"}, {"auth_check_status", "256"}, {"auth_check_status", "-1"}, {"web3_chain_id", "4294967296"},
	{"balance_transfer", "-1"}, {"feature_rpbft_epoch_block_num", "0"}, {"feature_evm_cancun", "0"}, {"bugfix_any", "true"}, {"FEATURE_SHARDING", "2"},
}

func TestSettingsThatMayBeRight(t *testing.T) {
	t.Parallel()
	for _, s := range [][2]string{
		{"executor_version", "0"}, {"executor_version", "1"}, {"compatibility_version", "3.16.4"}, {"tx_gas_limit", "100000"}, {"tx_gas_price", "0x1F"},
		{"tx_count_limit", "1"}, {"auth_check_status", "255"}, {"web3_chain_id", "4294967295"}, {"balance_transfer", "0"},
		{"feature_rpbft_epoch_block_num", "1000"}, {"feature_evm_cancun", "1"}, {"Feature_Sharding", "1"}, {"of_a_later_version", "any"},
	} {
		_, err := New(nil, suite.Standard).SystemConfig().SetValue(s[0], s[1])
		require.NoError(t, err, "%s=%s", s[0], s[1])
	}
}

func TestNotThere(t *testing.T) {
	t.Parallel()
	zero := make([]byte, 32)
	for name, tt := range map[string]struct {
		output []byte
		op     func(*Contracts) op
	}{
		"setting": {oracle(t, "f(string,int256)", "", n(-1)), func(c *Contracts) op {
			return ask(func(ctx context.Context) (Setting, error) { return c.SystemConfig().Value(ctx, "x") })
		}},
		"table": {zero, func(c *Contracts) op {
			return ask(func(ctx context.Context) (common.Address, error) { return c.TableManager().OpenTable(ctx, "x") })
		}},
		"form of a table": {oracle(t, "f((uint8,string,string[]))", infoTuple{0, "", []string{}}), func(c *Contracts) op {
			return ask(func(ctx context.Context) (TableInfo, error) { return c.TableManager().Describe(ctx, "x") })
		}},
		"proposal": {oracle(t, "f(address,address,uint8,uint256,uint8,address[],address[])", account, other, uint8(0), n(0), uint8(0), []common.Address{}, []common.Address{}), func(c *Contracts) op {
			return ask(func(ctx context.Context) (Proposal, error) { return c.Committee().Proposal(ctx, 4) })
		}},
	} {
		f, c := newFake(suite.Standard)
		f.result.Output = tt.output
		_, err := tt.op(c)(t.Context(), f)
		require.Equal(t, chain.KindNotFound, chain.KindOf(err), "%s: %v", name, err)
	}
	f, c := newFake(suite.Standard)
	f.children = nil
	f.result.Output = zero
	_, err := c.Committee().Info(t.Context())
	require.Equal(t, chain.KindUnsupported, chain.KindOf(err), "%v", err)
}

func TestNames(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]interface{ String() string }{
		"text": KeyOrderText, "number": KeyOrderNumber, ">": Greater, "<>": NotEqual, "contains": Contains, "9": Operator(9),
		"none": AuthNone, "white list": AuthWhiteList, "black list": AuthBlackList, "3": AuthType(3),
		"normal": StatusNormal, "frozen": StatusFrozen, "abolished": StatusAbolished, "255": Status(255),
		"unknown": ProposalUnknown, "open": ProposalOpen, "passed": ProposalPassed, "denied": ProposalDenied, "revoked": ProposalRevoked,
		"outdated": ProposalOutdated, "6": ProposalStatus(6),
		"set governor": ProposalGovernor, "set rates": ProposalRate, "set vote computer": ProposalVoteComputer, "set deploy auth type": ProposalDeployAuthType,
		"modify deploy auth": ProposalDeployAuth, "reset admin": ProposalAdmin, "set system config": ProposalSysConfig,
		"set node weight": ProposalNodeWeight, "remove node": ProposalNodeRemoval, "99": ProposalType(99),
	} {
		require.Equal(t, want, got.String())
	}
}
