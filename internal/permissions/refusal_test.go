package permissions

import (
	"errors"
	"io"
	"math/big"
	"regexp"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
)

var sentence = regexp.MustCompile(`^[A-Z0-9g].*[.]$`)

// TestEveryRefusalHasWords walks the table: each rule has two sentences that name a
// command, and an error that it is meant for finds this rule and no other.
func TestEveryRefusalHasWords(t *testing.T) {
	t.Parallel()
	for i, r := range rules {
		require.Regexp(t, sentence, r.what, "rule %d", i)
		require.Regexp(t, sentence, r.advice, "rule %d", i)
		require.Contains(t, r.advice, "gateway chain auth ", "rule %d", i)
		var err error = &system.StatusError{Status: r.status, StatusName: "Name", Reason: "x " + r.text + " y", Contract: r.contract}
		want := "Name"
		if r.code != 0 {
			err, want = &system.CodeError{Code: r.code, Contract: r.contract}, r.code.Name()
		}
		refusal, ok := errors.AsType[*Refusal](Explain(err))
		require.True(t, ok, "rule %d", i)
		require.Equal(t, Refusal{Reason: want, What: r.what, Advice: r.advice, Err: err}, *refusal, "rule %d", i)
		require.ErrorIs(t, refusal, err)
		require.Equal(t, r.what+" "+r.advice, refusal.Error())
	}
}

func TestRefusalsThatPeopleMeet(t *testing.T) {
	t.Parallel()
	code := func(c system.Code, contract string) error {
		return &chain.Error{Kind: c.Kind(), Sent: chain.SentYes, Err: &system.CodeError{Code: c, Contract: contract}}
	}
	status := func(n int, reason string) error {
		return &chain.Error{Sent: chain.SentYes, Err: &system.StatusError{Status: n, Reason: reason}}
	}
	for _, tt := range []struct {
		err    error
		what   string
		advice string
	}{
		{code(-50000, "AuthManager"), "not the administrator of the contract", "auth admin CONTRACT"},
		{code(-50000, "AccountManager"), "not a governor", "auth show"},
		{code(-50000, "SystemConfig"), "the committee decides", "makes a proposal"},
		{code(-50000, "Committee"), "passed, but", "0x10001"},
		{code(-50100, "AuthManager"), "before permissions were switched on", "auth admin CONTRACT"},
		{code(-51000, "AuthManager"), "no administrator", "auth admin CONTRACT"},
		{code(-51001, "AuthManager"), "no room for method permissions", "Deploy it again"},
		{code(-51002, "AuthManager"), "no list yet", "method type"},
		{code(-51003, "AuthManager"), "no list of this kind", "method type"},
		{code(-51004, "AuthManager"), "cannot read", "method type"},
		{code(-51900, "AccountManager"), "a contract, not", "freeze CONTRACT"},
		{code(-51901, "AuthManager"), "status of the contract", "unfreeze"},
		{code(-51902, "AuthManager"), "already", "show"},
		{code(-51903, "AuthManager"), "address of a contract", "show"},
		{code(-51904, "AuthManager"), "no such contract", "show"},
		{code(-51905, "AuthManager"), "no authority", "admin"},
		{code(-51906, "AuthManager"), "taken away", "show"},
		{code(-51907, "AuthManager"), "last", "allow"},
		{status(18, "Create permission denied."), "may not deploy contracts", "deploy allow ACCOUNT"},
		{status(18, "Call permission denied."), "may not call this method", "method allow CONTRACT FN ACCOUNT"},
		{status(18, ""), "lacks a permission", "deploy allow ACCOUNT"},
		{status(21, ""), "is frozen", "unfreeze CONTRACT"},
		{status(22, "Account is frozen."), "is frozen", "account unfreeze ACCOUNT"},
		{status(23, "Account is abolished."), "for ever", "Nobody can undo"},
		{status(24, "Contract is abolished."), "for ever", "Nobody can undo"},
		{status(15, "Should not set governor's status."), "is a governor", "leave the committee"},
		{status(16, "you must be governor"), "not a governor", "auth show"},
		{status(16, "Already voted"), "voted on this proposal already", "vote ID"},
	} {
		refusal, ok := errors.AsType[*Refusal](Explain(tt.err))
		require.True(t, ok, "%v", tt.err)
		require.Contains(t, refusal.What, tt.what)
		require.Contains(t, refusal.Advice, tt.advice)
	}
}

func TestOtherErrorsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	require.NoError(t, Explain(nil))
	for _, err := range []error{
		io.ErrUnexpectedEOF,
		&chain.Error{Kind: chain.KindUnavailable},
		&chain.Error{Kind: chain.KindInvalid, Err: &system.CodeError{Code: system.CodeTableExists}},
		&chain.Error{Kind: chain.KindInvalid, Err: &system.StatusError{Status: 16, Reason: "not enough points"}},
		&chain.Error{Kind: chain.KindNode, Err: &system.StatusError{Status: 12}},
	} {
		require.Same(t, err, Explain(err))
	}
}

func number(n int64) []byte { return common.BigToHash(big.NewInt(n)).Bytes() }

// minus is an int256 below zero as a contract returns it.
func minus(n int64) []byte {
	return common.BigToHash(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(n))).Bytes()
}

func executed(s suite.Suite, data []byte) chain.Log {
	return chain.Log{Address: committeeAt, Topics: []common.Hash{s.Hash([]byte("execResult(int256)"))}, Data: data}
}

func TestReceiptsAreExplained(t *testing.T) {
	t.Parallel()
	f := newFake(t, standard)
	logs := func(data []byte) []chain.Log { return []chain.Log{executed(standard, data)} }
	for name, tt := range map[string]struct {
		receipt  chain.Receipt
		decision *system.Decision
		reason   string // of the refusal; "" for none
	}{
		"a call of any contract":       {chain.Receipt{To: &asset, Output: minus(50000)}, nil, ""},
		"a deployment":                 {chain.Receipt{}, nil, ""},
		"a deployment denied":          {chain.Receipt{Status: 18, StatusName: "PermissionDenied", Output: revert(t, "Create permission denied.")}, nil, "PermissionDenied"},
		"a call denied, in message":    {chain.Receipt{To: &asset, Status: 18, StatusName: "PermissionDenied", Message: "Call permission denied."}, nil, "PermissionDenied"},
		"a frozen contract":            {chain.Receipt{To: &asset, Status: 21, StatusName: "ContractFrozen"}, nil, "ContractFrozen"},
		"a freeze":                     {chain.Receipt{To: &authMgr, Output: number(0)}, nil, ""},
		"a freeze by a stranger":       {chain.Receipt{To: &authMgr, Output: minus(50000)}, nil, "NoPermission"},
		"a frozen account":             {chain.Receipt{To: &accountMgr, Output: number(0)}, nil, ""},
		"an account, by a stranger":    {chain.Receipt{To: &accountMgr, Output: minus(50000)}, nil, "NoPermission"},
		"a setting, by a stranger":     {chain.Receipt{To: &sysConfig, Output: minus(50000)}, nil, "NoPermission"},
		"a proposal that waits":        {chain.Receipt{To: &committeeAt, Output: number(7)}, &system.Decision{ID: 7}, ""},
		"a proposal that passed":       {chain.Receipt{To: &committeeAt, Output: number(7), Logs: logs(number(0))}, &system.Decision{ID: 7, Executed: true}, ""},
		"a proposal, passed in vain":   {chain.Receipt{To: &committeeAt, Output: number(7), Logs: logs(minus(51003))}, &system.Decision{ID: 7}, "WrongAuthType"},
		"a proposal by a stranger":     {chain.Receipt{To: &committeeAt, Status: 16, StatusName: "RevertInstruction", Output: revert(t, "you must be governor")}, nil, "RevertInstruction"},
		"a vote":                       {chain.Receipt{To: &committeeAt}, nil, ""},
		"a vote that executed in vain": {chain.Receipt{To: &committeeAt, Logs: logs(minus(50000))}, nil, "NoPermission"},
	} {
		decision, err := f.permissions().ExplainReceipt(tt.receipt)
		require.Equal(t, tt.decision, decision, name)
		if tt.reason == "" {
			require.NoError(t, err, name)
			continue
		}
		refusal, ok := errors.AsType[*Refusal](err)
		require.True(t, ok, "%s: %v", name, err)
		require.Equal(t, tt.reason, refusal.Reason, name)
	}
	_, err := f.permissions().ExplainReceipt(chain.Receipt{To: &asset, Status: 16, StatusName: "RevertInstruction", Output: revert(t, "not enough points")})
	require.ErrorContains(t, err, "not enough points", "what is not about permissions is said as the contract says it")
}
