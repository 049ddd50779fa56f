package permissions

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// The system contracts, and what plays a part on the chain of these tests.
var (
	sysConfig   = common.HexToAddress("0x1000")
	authMgr     = common.HexToAddress("0x1005")
	accountMgr  = common.HexToAddress("0x10003")
	committeeAt = common.HexToAddress("0x10001")
	membersAt   = common.HexToAddress("0xc0c0000000000000000000000000000000000001")
	proposalsAt = common.HexToAddress("0xc0c0000000000000000000000000000000000002")

	alice    = common.HexToAddress("0xa11ce00000000000000000000000000000000001") // governor
	bob      = common.HexToAddress("0xb0b0000000000000000000000000000000000002") // governor
	carol    = common.HexToAddress("0xca401000000000000000000000000000000000c3") // administrator of asset
	asset    = common.HexToAddress("0xa55e700000000000000000000000000000000004")
	nobody   common.Address
	save     = Method{Signature: "save(bytes32,string)", Selector: suite.Standard.Selector("save(bytes32,string)")}
	standard = suite.Standard
)

// oracle packs values for the parameter list of a signature with another codec.
func oracle(t testing.TB, signature string, values ...any) []byte {
	t.Helper()
	var inputs abi.Arguments
	if !strings.HasSuffix(signature, "()") {
		parsed, err := abi.ParseSelector(signature)
		require.NoError(t, err)
		text, err := json.Marshal(parsed.Inputs)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &inputs))
	}
	packed, err := inputs.Pack(values...)
	require.NoError(t, err, signature)
	return packed
}

// revert is the data of Error(string).
func revert(t testing.TB, text string) []byte {
	t.Helper()
	return append([]byte{0x08, 0xc3, 0x79, 0xa0}, oracle(t, "f(string)", text)...)
}

// fakeChain answers calls as a test wants it to. Whatever else is asked is a
// fault of the test.
type fakeChain struct {
	t       testing.TB
	suite   suite.Suite
	answers map[string]chain.CallResult
	setting string // auth_check_status; "" is not set
	group   result.GroupInfo

	sent    []chain.Intent
	receipt chain.Receipt
	err     error
}

func newFake(t testing.TB, s suite.Suite) *fakeChain {
	return &fakeChain{t: t, suite: s, answers: map[string]chain.CallResult{}}
}

func key(to common.Address, input []byte) string { return to.Hex() + " " + hex.EncodeToString(input) }

func (f *fakeChain) input(signature string, args ...any) []byte {
	selector := f.suite.Selector(signature)
	return append(selector[:], oracle(f.t, signature, args...)...)
}

// on sets the answer of one call: out are values of the types in returns.
func (f *fakeChain) on(to common.Address, signature string, args []any, returns string, out ...any) {
	f.t.Helper()
	f.answers[key(to, f.input(signature, args...))] = chain.CallResult{Output: oracle(f.t, "f("+returns+")", out...)}
}

// fails sets the failure of one call.
func (f *fakeChain) fails(to common.Address, signature string, args []any, status int, reason string) {
	f.t.Helper()
	f.answers[key(to, f.input(signature, args...))] = chain.CallResult{Status: status, StatusName: fmt.Sprintf("Status%d", status), Output: revert(f.t, reason)}
}

func (f *fakeChain) Call(_ context.Context, msg chain.CallMsg) (chain.CallResult, error) {
	answer, ok := f.answers[key(msg.To, msg.Input)]
	if !ok {
		f.t.Errorf("an unexpected call of %s with %x", msg.To, msg.Input)
	}
	return answer, f.err
}

func (f *fakeChain) GetSystemConfigByKey(_ context.Context, name string) (result.SystemConfig, error) {
	require.Equal(f.t, "auth_check_status", name)
	switch {
	case f.err != nil:
		return result.SystemConfig{}, f.err
	case f.setting == "":
		return result.SystemConfig{}, &chain.Error{Kind: chain.KindNotFound}
	}
	return result.SystemConfig{Value: f.setting}, nil
}

func (f *fakeChain) Group() result.GroupInfo { return f.group }

func (f *fakeChain) Transact(_ context.Context, intent chain.Intent) (chain.Receipt, error) {
	f.sent = append(f.sent, intent)
	return f.receipt, f.err
}

func (f *fakeChain) permissions() *Permissions { return New(f, f.suite) }

func addresses(list ...common.Address) []common.Address { return append([]common.Address{}, list...) }

// withAuth is a chain with permissions and the governors alice and bob.
func withAuth(t testing.TB, s suite.Suite) *fakeChain {
	f := newFake(t, s)
	f.setting = "1"
	f.on(committeeAt, "_committee()", nil, "address", membersAt)
	f.on(committeeAt, "_proposalMgr()", nil, "address", proposalsAt)
	f.on(membersAt, "getCommitteeInfo()", nil, "uint8,uint8,address[],uint32[]", uint8(50), uint8(60), addresses(alice, bob), []uint32{1, 2})
	for _, a := range []common.Address{alice, bob, carol} {
		f.on(committeeAt, "isGovernor(address)", []any{a}, "bool", a != carol)
	}
	f.on(authMgr, "deployType()", nil, "uint256", big.NewInt(1))
	return f
}
