package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/internal/permissions"
)

func TestShowSaysWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	save := suite.Standard.Selector("save(bytes32,string)")
	n.on(authManagerAt, "getMethodAuth(address,bytes4)", []any{assetAt, save}, "uint8,string[],string[]", uint8(1), []string{hex.EncodeToString(someone[:])}, []string{})
	n.on(authManagerAt, "checkMethodAuth(address,bytes4,address)", []any{assetAt, save, governorOne}, "bool", false)
	code, out, text := n.run(t.Context(), "show", "--contract", assetAt.Hex(), "--fn", "save(bytes32 digest, string memo)")
	require.Equal(t, exitOK, code, text)
	require.Empty(t, text)
	for _, want := range []string{
		"Permissions are on (auth_check_status is 1).", "Committee: 2 governors.", governorTwo.Hex() + ", weight 1", "Deploy type: white list.",
		"Account " + governorOne.Hex() + ": status normal, a governor, may deploy contracts.",
		"Contract " + assetAt.Hex() + ": status normal, administrator " + n.admin.Hex() + ".",
		"save(bytes32,string) (0x" + hex.EncodeToString(save[:]) + "): white list. Only these accounts may call it: " + someone.Hex(),
		"Account " + governorOne.Hex() + " may not call it.",
	} {
		require.Contains(t, out, want)
	}

	n.abi = `[{"type":"function","name":"save","inputs":[{"name":"a","type":"bytes32"},{"name":"b","type":"string"}],"outputs":[]}]`
	for _, fn := range []string{"save", "0x" + hex.EncodeToString(save[:])} {
		code, out, text = n.run(t.Context(), "show", "--contract", assetAt.Hex(), "--fn", fn, "-o", "json")
		require.Equal(t, exitOK, code, text)
		var state permissions.State
		require.NoError(t, json.Unmarshal([]byte(out), &state))
		require.Equal(t, "0x"+hex.EncodeToString(save[:]), state.Contract.Method.Selector, "the chain itself knows the name")
		require.Equal(t, []common.Address{someone}, state.Contract.Method.Allowed)
		require.True(t, state.Account.Governor)
	}
}

// TestEveryChange holds for each command: it says what will be done and as whom and
// the hash before it sends, sends one transaction, the right one, and says that it
// is done.
func TestEveryChange(t *testing.T) {
	t.Parallel()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		method := s.Selector("save(bytes32,string)")
		week := big.NewInt(604800)
		account := someone.Hex()
		for _, tt := range []struct {
			args      []string
			to        common.Address
			signature string
			values    []any
			output    []byte
			as        string
		}{
			{[]string{"deploy", "type", "black"}, committeeAt, "createSetDeployAuthTypeProposal(uint8,uint256)", []any{uint8(2), week}, pack(t, "f(uint256)", big.NewInt(7)), "governor"},
			{[]string{"deploy", "allow", account, "--blocks", "9"}, committeeAt, "createModifyDeployAuthProposal(address,bool,uint256)", []any{someone, true, big.NewInt(9)}, pack(t, "f(uint256)", big.NewInt(7)), "governor"},
			{[]string{"deploy", "deny", account}, committeeAt, "createModifyDeployAuthProposal(address,bool,uint256)", []any{someone, false, week}, pack(t, "f(uint256)", big.NewInt(7)), "governor"},
			{[]string{"admin", assetAt.Hex(), account}, committeeAt, "createResetAdminProposal(address,address,uint256)", []any{someone, assetAt, week}, pack(t, "f(uint256)", big.NewInt(7)), "governor"},
			{[]string{"vote", "7"}, committeeAt, "voteProposal(uint256,bool)", []any{big.NewInt(7), true}, nil, "governor"},
			{[]string{"vote", "7", "--against"}, committeeAt, "voteProposal(uint256,bool)", []any{big.NewInt(7), false}, nil, "governor"},
			{[]string{"revoke", "7"}, committeeAt, "revokeProposal(uint256)", []any{big.NewInt(7)}, nil, "governor"},
			{[]string{"account", "freeze", account}, accountsAt, "setAccountStatus(address,uint8)", []any{someone, uint8(1)}, pack(t, "f(int256)", big.NewInt(0)), "governor"},
			{[]string{"account", "unfreeze", account}, accountsAt, "setAccountStatus(address,uint8)", []any{someone, uint8(0)}, pack(t, "f(int256)", big.NewInt(0)), "governor"},
			{[]string{"account", "abolish", account, "--yes"}, accountsAt, "setAccountStatus(address,uint8)", []any{someone, uint8(2)}, pack(t, "f(int256)", big.NewInt(0)), "governor"},
			{[]string{"method", "type", assetAt.Hex(), "save(bytes32,string)", "white"}, authManagerAt, "setMethodAuthType(address,bytes4,uint8)", []any{assetAt, method, uint8(1)}, pack(t, "f(int256)", big.NewInt(0)), "admin"},
			{[]string{"method", "allow", assetAt.Hex(), "save(bytes32,string)", account}, authManagerAt, "openMethodAuth(address,bytes4,address)", []any{assetAt, method, someone}, pack(t, "f(int256)", big.NewInt(0)), "admin"},
			{[]string{"method", "deny", assetAt.Hex(), "save(bytes32,string)", account}, authManagerAt, "closeMethodAuth(address,bytes4,address)", []any{assetAt, method, someone}, pack(t, "f(int256)", big.NewInt(0)), "admin"},
			{[]string{"freeze", assetAt.Hex()}, authManagerAt, "setContractStatus(address,bool)", []any{assetAt, true}, pack(t, "f(int256)", big.NewInt(0)), "admin"},
			{[]string{"unfreeze", assetAt.Hex()}, authManagerAt, "setContractStatus(address,bool)", []any{assetAt, false}, pack(t, "f(int256)", big.NewInt(0)), "admin"},
			{[]string{"abolish", assetAt.Hex(), "--yes"}, authManagerAt, "setContractStatus(address,uint8)", []any{assetAt, uint8(2)}, pack(t, "f(int256)", big.NewInt(0)), "admin"},
		} {
			t.Run(s.String()+" "+strings.Join(tt.args[:2], " "), func(t *testing.T) {
				t.Parallel()
				n := startAuthNode(t, s)
				key, err := suite.ParseKey([]byte(map[string]string{"governor": governorKey, "admin": adminKey}[tt.as]), s)
				require.NoError(t, err)
				n.on(committeeAt, "isGovernor(address)", []any{key.Address()}, "bool", tt.as == "governor")
				n.proposal(2, []common.Address{governorOne}, nil)
				logs := ""
				if tt.to == committeeAt {
					logs = n.executedLog(0)
				}
				n.answers(0, tt.output, logs)
				code, out, text := n.run(t.Context(), append(tt.args, "--as", tt.as)...)
				require.Equal(t, exitOK, code, text)

				sent := n.sent()
				require.Len(t, sent, 1)
				require.Equal(t, hex.EncodeToString(n.input(tt.signature, tt.values...)), hex.EncodeToString(sent[0].Data.Input))
				require.Equal(t, hex.EncodeToString(tt.to[:]), sent[0].Data.To)
				sender, err := sent[0].Sender()
				require.NoError(t, err)
				require.Equal(t, key.Address(), sender)

				lines := strings.Split(strings.TrimSpace(text), "\n")
				require.Len(t, lines, 2, text)
				require.Contains(t, lines[0], "as account "+key.Address().Hex()+" ("+tt.as+"): ")
				require.Contains(t, lines[1], "Sending transaction "+sent[0].Hash.Hex())
				require.Contains(t, out, "Done: ")
				require.Contains(t, out, "Transaction "+sent[0].Hash.Hex()+", block 101.")
				if len(tt.output) > 0 && tt.to == committeeAt {
					require.Contains(t, out, "Proposal 7 has passed and was executed at once.")
				}
			})
		}
	}
}

func TestProposalThatWaitsForVotes(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	n.proposal(1, []common.Address{governorOne}, nil)
	n.answers(0, pack(t, "f(uint256)", big.NewInt(7)), "")
	code, out, text := n.run(t.Context(), "deploy", "allow", someone.Hex(), "--target", "main")
	require.Equal(t, exitOK, code, text)
	require.Contains(t, out, "Open until block 700: it waits for votes.")
	require.Contains(t, out, "Not voted yet: "+governorTwo.Hex())
	require.Contains(t, out, "gateway chain auth vote 7 --config "+filepath.Join(n.dir, "gateway.yaml")+" --target main\n")

	code, out, text = n.run(t.Context(), "deploy", "allow", someone.Hex(), "-o", "json")
	require.Equal(t, exitOK, code, text)
	var got outcome
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, "waiting", got.State)
	require.Equal(t, uint64(7), got.Proposal.ID)
	require.Equal(t, uint64(101), got.Block)
	require.Equal(t, n.sent()[1].Hash, *got.TxHash)
	require.NotEqual(t, n.sent()[0].Hash, *got.TxHash, "the same command twice is two transactions")

	code, out, text = n.run(t.Context(), "proposals", "7")
	require.Equal(t, exitOK, code, text)
	require.Contains(t, out, "Vote with: gateway chain auth vote 7")

	n.proposal(3, nil, []common.Address{governorOne, governorTwo})
	n.answers(0, nil, "")
	code, out, text = n.run(t.Context(), "vote", "7", "--against")
	require.Equal(t, exitOK, code, text)
	require.Contains(t, out, "Denied: enough governors voted against it.")
}

func TestProposalsAreListed(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	n.on(proposalsAt, "_proposalCount()", nil, "uint256", big.NewInt(0))
	code, out, text := n.run(t.Context(), "proposals")
	require.Equal(t, exitOK, code, text)
	require.Equal(t, "There are no proposals.\n", out)
	code, out, _ = n.run(t.Context(), "proposals", "-o", "json")
	require.Equal(t, exitOK, code)
	require.Equal(t, "[]\n", out)
	n.on(proposalsAt, "getProposalInfo(uint256)", []any{big.NewInt(8)}, "address,address,uint8,uint256,uint8,address[],address[]",
		common.Address{}, common.Address{}, uint8(0), big.NewInt(0), uint8(0), []common.Address{}, []common.Address{})
	code, _, text = n.run(t.Context(), "proposals", "8")
	require.Equal(t, exitRefused, code)
	require.Contains(t, text, "There is no proposal 8.")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	revert := func(text string) []byte { return append([]byte{0x08, 0xc3, 0x79, 0xa0}, pack(t, "f(string)", text)...) }
	code := func(c int64) []byte { return pack(t, "f(int256)", big.NewInt(c)) }
	for name, tt := range map[string]struct {
		args   []string
		script func(n *authNode)
		want   []string
		sends  int
	}{
		"no governor": {[]string{"deploy", "allow", someone.Hex(), "--as", "admin"}, nil,
			[]string{"is not a governor", governorOne.Hex() + ", " + governorTwo.Hex(), "Nothing was sent."}, 0},
		"no administrator": {[]string{"freeze", assetAt.Hex()}, nil, []string{"is not the administrator of contract", "gateway chain auth admin CONTRACT ACCOUNT", "Nothing was sent."}, 0},
		"no deploy list": {[]string{"deploy", "deny", someone.Hex()}, func(n *authNode) { n.on(authManagerAt, "deployType()", nil, "uint256", big.NewInt(0)) },
			[]string{"The deploy type is none", "gateway chain auth deploy type white|black"}, 0},
		"not any more": {[]string{"freeze", assetAt.Hex(), "--as", "admin"}, func(n *authNode) { n.answers(0, code(-50000), "") },
			[]string{"not the administrator of the contract", "Transaction 0x", "block 101"}, 1},
		"no list": {[]string{"method", "allow", assetAt.Hex(), "0x01020304", someone.Hex(), "--as", "admin"}, func(n *authNode) { n.answers(0, code(-51003), "") },
			[]string{"no list of this kind", "gateway chain auth method type CONTRACT FN white|black"}, 1},
		"revert": {[]string{"vote", "7"}, func(n *authNode) { n.answers(16, revert("Already voted"), "") }, []string{"voted on this proposal already"}, 1},
		"a frozen account": {[]string{"vote", "7"}, func(n *authNode) { n.answers(22, revert("Account is frozen."), "") },
			[]string{"The account is frozen", "gateway chain auth account unfreeze ACCOUNT"}, 1},
		"in vain": {[]string{"deploy", "allow", someone.Hex()}, func(n *authNode) { n.answers(0, pack(t, "f(uint256)", big.NewInt(7)), n.executedLog(-50000)) },
			[]string{"proposal 7 passed, but it could not be done", "does not obey this committee"}, 1},
		"another revert": {[]string{"vote", "7"}, func(n *authNode) { n.answers(16, revert("out of patience"), "") }, []string{"out of patience"}, 1},
		"refused by the pool": {[]string{"vote", "7"}, func(n *authNode) {
			n.send = func(*authSession, tx.Transaction) string { return rpcError(10008, "InvalidSignature") }
		}, []string{"was not executed and never will be", "InvalidSignature"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startAuthNode(t, suite.Standard)
			if tt.script != nil {
				tt.script(n)
			}
			code, out, text := n.run(t.Context(), tt.args...)
			require.Equal(t, exitRefused, code, text)
			require.Empty(t, out)
			for _, want := range tt.want {
				require.Contains(t, text, want)
			}
			require.Len(t, n.sent(), tt.sends)

			code, out, _ = n.run(t.Context(), append(tt.args, "-o", "json")...)
			require.Equal(t, exitRefused, code)
			var got outcome
			require.NoError(t, json.Unmarshal([]byte(out), &got))
			require.Equal(t, "refused", got.State)
			require.Contains(t, got.Message, tt.want[0])
		})
	}
}

// TestUnknownOutcome holds that a transaction that nobody answered is not repeated
// as another one, and that its hash is told.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard) // never answers
	code, out, text := n.run(t.Context(), "vote", "7", "--timeout", "300ms", "-o", "json")
	require.Equal(t, exitUnknown, code, text)
	sent := n.sent()
	require.Len(t, sent, 1)
	require.Contains(t, text, "the outcome of transaction "+sent[0].Hash.Hex()+" is not known")
	require.Contains(t, text, "gateway chain auth explain "+sent[0].Hash.Hex())
	var got outcome
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, "unknown", got.State)
	require.Equal(t, sent[0].Hash, *got.TxHash)
}

func TestConnectionThatBreaksAfterTheSend(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	n.send = func(s *authSession, _ tx.Transaction) string {
		_ = s.ws.CloseNow()
		return ""
	}
	n.receipt = func(hash string) string {
		return receiptOf(hash, hex.EncodeToString(authManagerAt[:]), 0, pack(t, "f(int256)", big.NewInt(0)), "")
	}
	code, out, text := n.run(t.Context(), "freeze", assetAt.Hex(), "--as", "admin")
	require.Equal(t, exitOK, code, text)
	sent := n.sent()
	require.Len(t, sent, 1, "its receipt was found over the next connection: nothing is sent or signed anew")
	require.Contains(t, out, "Transaction "+sent[0].Hash.Hex())
	require.Equal(t, 1, strings.Count(text, "Sending transaction"))
}

func TestInterruptWhileTheOutcomeIsOpen(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	ctx, interrupt := context.WithCancel(t.Context())
	n.send = func(*authSession, tx.Transaction) string { interrupt(); return "" }
	code, _, text := n.run(ctx, "vote", "7")
	require.Equal(t, exitInterrupted, code, text)
	require.Contains(t, text, "gateway chain auth explain "+n.sent()[0].Hash.Hex())
}

func TestExplain(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	hash := "0x" + strings.Repeat("ab", 32)
	explain := func(receipt string) (int, string, string) {
		n.receipt = nil
		if receipt != "" {
			n.receipt = func(string) string { return receipt }
		}
		return n.run(t.Context(), "explain", hash, "-o", "json")
	}
	code, out, text := explain(receiptOf(hash, hex.EncodeToString(committeeAt[:]), 0, pack(t, "f(uint256)", big.NewInt(7)), ""))
	require.Equal(t, exitOK, code, text)
	var got explanation
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, explanation{TxHash: common.HexToHash(hash), State: "done", Block: 101, Account: governorOne, Proposal: 7}, got)

	denied := append([]byte{0x08, 0xc3, 0x79, 0xa0}, pack(t, "f(string)", "Create permission denied.")...)
	code, out, text = explain(receiptOf(hash, "", 18, denied, ""))
	require.Equal(t, exitRefused, code)
	require.Contains(t, text, "The account may not deploy contracts on this chain. A governor can let it: gateway chain auth deploy allow ACCOUNT")
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, "refused", got.State)
	require.Equal(t, "PermissionDenied", got.Reason)

	code, out, text = explain("")
	require.Equal(t, exitUnknown, code)
	require.Contains(t, text, "there is no receipt (yet)")
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, "unknown", got.State)
	require.Empty(t, n.sent())
}

func TestWhatCannotBeUndoneIsAsked(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	for _, args := range [][]string{{"abolish", assetAt.Hex(), "--as", "admin"}, {"account", "abolish", someone.Hex()}} {
		code, _, text := n.run(t.Context(), args...) // tests have no terminal
		require.Equal(t, exitFailed, code)
		require.Contains(t, text, "for ever")
		require.Contains(t, text, "give --yes")
		require.Empty(t, n.sent())
	}

	require.NoError(t, confirm(t.Context(), strings.NewReader("yes\n"), true, io.Discard))
	for _, answer := range []string{"", "no\n", "y\n", "YES\n"} {
		require.ErrorIs(t, confirm(t.Context(), strings.NewReader(answer), true, io.Discard), errNotConfirmed, "%q", answer)
	}
	silent, hang := io.Pipe()
	defer hang.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	require.ErrorIs(t, confirm(ctx, silent, true, io.Discard), errNotConfirmed)
}

func TestUsageOfChainCommands(t *testing.T) {
	t.Parallel()
	n := startAuthNode(t, suite.Standard)
	n.write("sm2.pem", gmKey(t))
	asset, account := assetAt.Hex(), someone.Hex()
	for want, args := range map[string][]string{
		`"0x12" is not an address`:                   {"freeze", "0x12"},
		"checksum":                                   {"account", "freeze", "0x2c7536E3605D9C16a7a3D7b1898e529396a65c24"},
		"no store":                                   {"freeze", "Evidence"},
		"neither none, white nor black":              {"deploy", "type", "grey"},
		"neither white nor black":                    {"method", "type", asset, "0x01020304", "none"},
		"is not a selector":                          {"method", "allow", asset, "0x0102", account},
		"the chain has no ABI of this contract":      {"method", "allow", asset, "save", account},
		"method save(bytes33)":                       {"method", "allow", asset, "save(bytes33)", account},
		"--abi":                                      {"method", "allow", asset, "save", account, "--abi", "nowhere.abi"},
		`"x" is not the number of a proposal`:        {"vote", "x"},
		`"0" is not the number of a proposal`:        {"proposals", "0"},
		"no account of the configuration and no key": {"vote", "7", "--as", "nobody"},
		"a key for a gm ledger":                      {"vote", "7", "--as", filepath.Join(n.dir, "sm2.pem")},
		"no target is named":                         {"show", "--target", "other"},
		"neither text nor json":                      {"show", "-o", "xml"},
		"not more than 0":                            {"show", "--timeout", "0s"},
		"--fn goes with --contract":                  {"show", "--fn", "save"},
		"--last 0":                                   {"proposals", "--last", "0"},
		"is not the hash of a transaction":           {"explain", "0x12"},
		"unknown command":                            {"melt"},
		"accepts 1 arg":                              {"freeze"},
	} {
		code, out, text := n.run(t.Context(), args...)
		require.Equal(t, exitFailed, code, "%v %s", args, text)
		require.Empty(t, out)
		require.Contains(t, text, want)
	}
	require.Empty(t, n.sent())
}

func gmKey(t *testing.T) string {
	key, err := suite.GenerateKey(suite.GM)
	require.NoError(t, err)
	text, err := key.MarshalPEM()
	require.NoError(t, err)
	return string(text)
}

func TestNoNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, time.Second)
	w.write("gateway.yaml", strings.Replace(w.config(""), strings.Join(w.net.Nodes, ", "), closedPort(t), 1))
	code, _, text := command(t, "chain", "auth", "show", "--config", w.path("gateway.yaml"))
	require.Equal(t, exitNoNode, code, text)
	require.Contains(t, text, "gateway doctor")
}

// closedPort is an address that nobody listens on, and that nobody can get: it is
// the near end of a connection.
func closedPort(t *testing.T) string {
	peer, err := net.Dial("tcp", startAuthNode(t, suite.Standard).addr)
	require.NoError(t, err)
	t.Cleanup(func() { peer.Close() })
	return peer.LocalAddr().String()
}

// TestChainWithoutPermissions is against a development chain, which checks no
// permissions: every command says so, and what to do.
func TestChainWithoutPermissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	w.write("account.pem", governorKey)
	run := func(args ...string) (int, string, string) {
		return command(t, append([]string{"chain", "auth", "--config", w.path("gateway.yaml")}, args...)...)
	}
	code, out, text := run("show", "--contract", assetAt.Hex())
	require.Equal(t, exitOK, code, text)
	require.Contains(t, out, "This chain has no permission management")
	require.Contains(t, out, "is_auth_check=true")
	require.Contains(t, out, "auth_check_status")
	code, out, text = run("show", "-o", "json")
	require.Equal(t, exitOK, code, text)
	var state permissions.State
	require.NoError(t, json.Unmarshal([]byte(out), &state))
	require.Equal(t, permissions.State{Mode: permissions.Mode{Setting: "0"}}, state)

	asset, account := assetAt.Hex(), someone.Hex()
	for _, args := range [][]string{
		{"deploy", "type", "white"}, {"deploy", "allow", account}, {"deploy", "deny", account},
		{"vote", "7"}, {"revoke", "7"}, {"proposals"}, {"proposals", "7"}, {"admin", asset, account},
		{"method", "type", asset, "0x01020304", "white"}, {"method", "allow", asset, "0x01020304", account}, {"method", "deny", asset, "0x01020304", account},
		{"freeze", asset}, {"unfreeze", asset}, {"abolish", asset}, {"account", "freeze", account}, {"account", "unfreeze", account}, {"account", "abolish", account},
	} {
		code, out, text := run(args...)
		require.Equal(t, exitRefused, code, "%v: %s", args, text)
		require.Empty(t, out)
		require.Contains(t, text, "This chain has no permission management", args)
		require.Contains(t, text, "is_auth_check=true", args)
	}
	require.Zero(t, w.net.Chain.Head().Number, "nothing was sent")
}

// TestContractByName finds a contract that this gateway deployed.
func TestContractByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	s := w.run().ready()
	s.ok(200, "POST", "/v1/transactions", `{"contract":"Evidence","deploy":true}`)
	code, _, text := command(t, "chain", "auth", "method", "allow", "Evidence", "save", someone.Hex(), "--config", w.path("gateway.yaml"))
	require.Equal(t, exitRefused, code, text)
	require.Contains(t, text, "This chain has no permission management", "name and method were found, beside a gateway that runs")
	code, _, text = command(t, "chain", "auth", "method", "allow", "Evidence", "safe", someone.Hex(), "--config", w.path("gateway.yaml"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "method safe")
	code, _, text = command(t, "chain", "auth", "freeze", "Other", "--config", w.path("gateway.yaml"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "deployed nothing of that name on target main")
}

// TestEveryChainCommandHasHelp also holds that the commands that refusals send
// people to are there.
func TestEveryChainCommandHasHelp(t *testing.T) {
	t.Parallel()
	root := (&program{out: io.Discard, err: io.Discard}).rootCommand()
	parent, _, err := root.Find([]string{"chain"})
	require.NoError(t, err)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.Contains(t, c.Example, "gateway chain auth ", c.CommandPath())
		require.Contains(t, c.Long, "Exit codes:", c.CommandPath())
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(parent)

	names := regexp.MustCompile(`gateway chain auth((?: [a-z]+)+)`)
	check := func(err error) {
		for _, found := range names.FindAllStringSubmatch(permissions.Explain(err).Error(), -1) {
			words := strings.Fields(found[1])
			cmd, rest, err := root.Find(append([]string{"chain", "auth", words[0]}, words[1:min(2, len(words))]...))
			require.NoError(t, err, found[0])
			require.False(t, cmd.HasSubCommands(), "%s is no whole command (%v)", found[0], rest)
		}
	}
	for code := system.Code(-53100); code < 0; code++ {
		for _, contract := range []string{"AuthManager", "AccountManager", "Committee", "Other"} {
			check(&system.CodeError{Code: code, Contract: contract})
		}
	}
	for status := range 40 {
		check(&system.StatusError{Status: status, StatusName: fmt.Sprint(status)})
	}
}
