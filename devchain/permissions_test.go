package devchain

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

const (
	authText      = "0000000000000000000000000000000000001005"
	committeeText = "0000000000000000000000000000000000010001"
	accountsText  = "0000000000000000000000000000000000010003"
)

// newAuthChain checks permissions; the account of key 1 is the only governor, and
// sends what the chain is given.
func newAuthChain(t testing.TB) *testChain {
	return newTestChain(t, func(cfg *Config) {
		cfg.Genesis.AuthCheck, cfg.Genesis.AuthAdminAccount = true, addressOf(testKey(1)).Hex()
	})
}

// as sends from the account of another key.
func (c *testChain) as(key byte, tx *Transaction) *Receipt {
	c.t.Helper()
	return c.must(signed(testKey(key), *tx))
}

// govern makes a proposal that passes at once.
func (c *testChain) govern(signature string, args ...any) {
	c.t.Helper()
	r := c.must(c.tx(committeeText, packed(c.t, signature, args...)))
	require.Equal(c.t, StatusNone, r.Status, string(r.Output))
	require.Len(c.t, r.Logs, 1, "it was executed")
	require.Equal(c.t, word(0), r.Logs[0].Data)
	require.Equal(c.t, system.Address(0x10001), r.Logs[0].Address)
}

var five = big.NewInt(5) // blocks for which proposals of these tests are open

func TestDeployPermission(t *testing.T) {
	t.Parallel()
	c := newAuthChain(t)
	stop := unhex("00")
	require.Equal(t, StatusNone, c.as(2, c.tx("", stop)).Status)
	c.govern("createSetDeployAuthTypeProposal(uint8,uint256)", uint8(1), five)
	r := c.as(2, c.tx("", stop))
	require.Equal(t, StatusPermissionDenied, r.Status)
	require.Equal(t, errorString(suite.Standard, "Create permission denied."), r.Output)
	require.Zero(t, r.GasUsed)
	require.Equal(t, &common.Address{}, r.ContractAddress, "as on a node")
	c.govern("createModifyDeployAuthProposal(address,bool,uint256)", addressOf(testKey(2)), true, five)
	require.Equal(t, StatusNone, c.as(2, c.tx("", stop)).Status)
	require.Equal(t, StatusPermissionDenied, c.as(3, c.tx("", stop)).Status)

	// Settings go through the committee only.
	r = c.must(c.tx(sysConfigText, packed(t, "setValueByKey(string,string)", "tx_count_limit", "7")))
	require.Equal(t, StatusNone, r.Status)
	require.NotEqual(t, word(0), r.Output)
	c.govern("createSetSysConfigProposal(string,string,uint256)", "tx_count_limit", "7", five)
	require.Equal(t, 7, c.blockSize())
}

func TestContractPermissions(t *testing.T) {
	t.Parallel()
	c := newAuthChain(t)
	contract := c.deploy(unhex("60016000526020" + "6000f3")) // returns 1; the account of key 1 is its administrator
	at, inner := hexOf(contract), c.caller("f1", false)
	function, input := [4]byte{1, 2, 3, 4}, []byte{1, 2, 3, 4}
	admin := func(signature string, args ...any) {
		t.Helper()
		r := c.must(c.tx(authText, packed(t, signature, args...)))
		require.Equal(t, word(0), r.Output)
	}
	requireInner := func(want []byte) {
		t.Helper()
		r := c.as(2, c.tx(inner, to(contract, input)))
		require.Equal(t, StatusNone, r.Status)
		require.Equal(t, append(word(1), want...), r.Output, "a call in vain looks like a success")
	}
	require.Equal(t, word(1), c.as(2, c.tx(at, input)).Output)
	requireInner(word(1))

	admin("setMethodAuthType(address,bytes4,uint8)", contract, function, uint8(1))
	r := c.as(2, c.tx(at, input))
	require.Equal(t, StatusPermissionDenied, r.Status)
	require.Equal(t, errorString(suite.Standard, "Call permission denied."), r.Output)
	requireInner(errorString(suite.Standard, "Call permission denied."))
	require.Equal(t, StatusNone, c.as(2, c.tx(at, []byte{9, 9, 9, 9})).Status, "other functions are open")
	admin("openMethodAuth(address,bytes4,address)", contract, function, addressOf(testKey(2)))
	require.Equal(t, StatusNone, c.as(2, c.tx(at, input)).Status)
	requireInner(errorString(suite.Standard, "Call permission denied.")) // it is the contract that calls

	r = c.as(2, c.tx(authText, packed(t, "setContractStatus(address,bool)", contract, true)))
	require.NotEqual(t, word(0), r.Output, "not the administrator")
	admin("setContractStatus(address,bool)", contract, true)
	r = c.as(2, c.tx(at, input))
	require.Equal(t, StatusContractFrozen, r.Status)
	require.Equal(t, input, r.Output, "a node gives back the input")
	got, err := c.Call(t.Context(), CallArgs{To: at, Input: input})
	require.NoError(t, err)
	require.Equal(t, StatusContractFrozen, got.Status)
	requireInner(input)
	admin("setContractStatus(address,bool)", contract, false)
	require.Equal(t, StatusNone, c.as(2, c.tx(at, input)).Status)
	admin("setContractStatus(address,uint8)", contract, uint8(2))
	r = c.as(2, c.tx(at, input))
	require.Equal(t, StatusContractAbolished, r.Status)
	require.Equal(t, errorString(suite.Standard, "Contract is abolished."), r.Output)

	// What a contract creates belongs to who signed the transaction.
	made := c.must(c.tx("", nestedInit()))
	require.Equal(t, StatusNone, made.Status)
	child := contractAddress(suite.Standard, made.BlockNumber, made.Index, 1)
	answer, err := c.Call(t.Context(), CallArgs{To: authText, Input: packed(t, "getAdmin(address)", child)})
	require.NoError(t, err)
	require.Equal(t, addressOf(c.key), common.BytesToAddress(answer.Output))
}

func TestAccountsThatAreShut(t *testing.T) {
	t.Parallel()
	c := newAuthChain(t)
	set := func(status uint8) {
		t.Helper()
		r := c.must(c.tx(accountsText, packed(t, "setAccountStatus(address,uint8)", addressOf(testKey(2)), status)))
		require.Equal(t, StatusNone, r.Status)
		require.Equal(t, word(0), r.Output)
	}
	set(1)
	r := c.as(2, c.tx(hello, nil))
	require.Equal(t, StatusAccountFrozen, r.Status)
	require.Equal(t, errorString(suite.Standard, "Account is frozen."), r.Output)
	set(0)
	require.Equal(t, StatusNone, c.as(2, c.tx(hello, nil)).Status)
	set(2)
	r = c.as(2, c.tx(hello, nil))
	require.Equal(t, StatusAccountAbolished, r.Status)
	require.Equal(t, errorString(suite.Standard, "Account is abolished."), r.Output)
}
