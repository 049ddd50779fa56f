package devchain

import (
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

var (
	// child keeps its own address and its creator's in slots 0 and 1 and logs its
	// own; its code returns both slots.
	childRuntime = unhex("60005460005260015460205260406000f3")
	childInit    = append(append(unhex("306000553360015530600052"+"60206000a0"+"70"), childRuntime...), unhex("6000526011600ff3")...)

	// factory makes three contracts of its input, with CREATE, CREATE and CREATE2
	// with salt 7, and returns their addresses.
	factoryCode = unhex("3660006000373660006000f03660006000f060073660006000f5" + "604052602052600052" + "60606000f3")
)

// nestedInit makes two children while it is made itself, with CREATE and with
// CREATE2 and salt 9; its code returns their addresses and its own.
func nestedInit() []byte {
	runtime := unhex("600054600052600154602052600254604052" + "60606000f3")
	n, rl := byte(len(childInit)), byte(len(runtime))
	head := func(off, roff byte) []byte {
		return append(append(append([]byte{
			0x60, n, 0x60, off, 0x60, 0, 0x39,
			0x60, n, 0x60, 0, 0x60, 0, 0xf0, 0x60, 0, 0x55,
			0x60, 9, 0x60, n, 0x60, 0, 0x60, 0, 0xf5, 0x60, 1, 0x55,
		}, 0x30, 0x60, 2, 0x55), 0x60, rl, 0x60, roff, 0x60, 0, 0x39), 0x60, rl, 0x60, 0, 0xf3)
	}
	size := byte(len(head(0, 0)))
	return append(append(head(size, size+n), childInit...), runtime...)
}

func addresses(t *testing.T, output []byte) (list []common.Address) {
	require.Zero(t, len(output)%32)
	for ; len(output) > 0; output = output[32:] {
		list = append(list, common.BytesToAddress(output[:32]))
	}
	return list
}

func (c *testChain) read(t *testing.T, at common.Address) []common.Address {
	got, err := c.Call(t.Context(), CallArgs{To: hexOf(at)})
	require.NoError(t, err)
	require.Equal(t, StatusNone, got.Status)
	return addresses(t, got.Output)
}

// saltOf is a salt with one byte at its end.
func saltOf(n byte) (salt [32]byte) { salt[31] = n; return salt }

func TestContractsMadeByContracts(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	factory := c.deploy(factoryCode)

	r := c.must(c.tx(hexOf(factory), childInit))
	require.Equal(t, StatusNone, r.Status)
	want := []common.Address{
		contractAddress(suite.Standard, r.BlockNumber, 0, 1), contractAddress(suite.Standard, r.BlockNumber, 0, 2),
		crypto.CreateAddress2(factory, saltOf(7), crypto.Keccak256(childInit)),
	}
	require.Equal(t, want, addresses(t, r.Output))
	require.Len(t, r.Logs, 3)
	for i, child := range want {
		require.Equal(t, child, r.Logs[i].Address)
		require.Equal(t, child, common.BytesToAddress(r.Logs[i].Data))
		require.Equal(t, []common.Address{child, factory}, c.read(t, child), "what it saw while it was made")
		code, err := c.Code(child)
		require.NoError(t, err)
		require.Equal(t, childRuntime, code)
	}

	// The same again: CREATE2 finds its address taken and gives zero.
	r = c.must(c.tx(hexOf(factory), childInit))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, []common.Address{contractAddress(suite.Standard, r.BlockNumber, 0, 1), contractAddress(suite.Standard, r.BlockNumber, 0, 2), {}}, addresses(t, r.Output))

	// Contracts that make contracts while they are made.
	nested := nestedInit()
	r = c.must(c.tx(hexOf(factory), nested))
	require.Equal(t, StatusNone, r.Status)
	made := addresses(t, r.Output)
	require.Equal(t, contractAddress(suite.Standard, r.BlockNumber, 0, 1), made[0])
	require.Equal(t, contractAddress(suite.Standard, r.BlockNumber, 0, 4), made[1])
	require.Equal(t, crypto.CreateAddress2(factory, saltOf(7), crypto.Keccak256(nested)), made[2])
	for i, outer := range made {
		seen := c.read(t, outer)
		require.Equal(t, []common.Address{
			contractAddress(suite.Standard, r.BlockNumber, 0, 3*i+2),
			crypto.CreateAddress2(outer, saltOf(9), crypto.Keccak256(childInit)),
			outer,
		}, seen)
		for _, inner := range seen[:2] {
			require.Equal(t, []common.Address{inner, outer}, c.read(t, inner))
		}
	}

	// And a deployment that does.
	r = c.must(c.tx("", nested))
	require.Equal(t, StatusNone, r.Status)
	self := *r.ContractAddress
	require.Equal(t, contractAddress(suite.Standard, r.BlockNumber, 0, 0), self)
	seen := c.read(t, self)
	require.Equal(t, []common.Address{contractAddress(suite.Standard, r.BlockNumber, 0, 1), crypto.CreateAddress2(self, saltOf(9), crypto.Keccak256(childInit)), self}, seen)
	require.Equal(t, []common.Address{seen[0], self}, c.read(t, seen[0]))
}

// A call to an account without code fails when it carries data, also from within
// a contract; the caller goes on.
func TestCallsToNothingFromAContract(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	// CALL(gas, 0xdead, 0, in 0, CALLDATASIZE, out 0, 0); returns success and the return data
	forward := unhex("600060003660006000" + "61dead" + "5a" + "f1" + "600052" + "3d600060203e" + "3d602001" + "6000" + "f3")
	at := hexOf(c.deploy(forward))
	r := c.must(c.tx(at, nil))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, word(1), r.Output)
	r = c.must(c.tx(at, []byte{1}))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, append(word(0), errorString(suite.Standard, "Call address error.")...), r.Output)
	// A system contract that refuses says so.
	system := append([]byte(nil), forward...)
	system[10], system[11] = 0x10, 0x00
	r = c.must(c.tx(hexOf(c.deploy(system)), []byte{1}))
	require.Equal(t, append(word(0), errorString(suite.Standard, "Empty param data in precompiled call")...), r.Output)
}

// A byte of code costs the same wherever it is created.
func TestGasOfCreatedCode(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	gas := func(size byte) uint64 {
		// PUSH4 (PUSH1 size PUSH0 RETURN) PUSH0 MSTORE, CREATE(0, 28, 4) STOP
		code := append(append([]byte{0x63, 0x60}, size), unhex("5ff3"+"5f52"+"6004601c5ff0"+"00")...)
		r := c.must(c.tx(hexOf(c.deploy(code)), nil))
		require.Equal(t, StatusNone, r.Status)
		return r.GasUsed
	}
	require.EqualValues(t, 31*createDataGasByte, gas(64)-gas(33)) // both take two words of memory
}
