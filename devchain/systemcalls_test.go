package devchain

import (
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

// packed is the input of a call, packed by go-ethereum.
func packed(t testing.TB, signature string, args ...any) []byte {
	t.Helper()
	_, list, _ := strings.Cut(strings.TrimSuffix(signature, ")"), "(")
	var arguments abi.Arguments
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		kind, err := abi.NewType(name, "", nil)
		require.NoError(t, err)
		arguments = append(arguments, abi.Argument{Type: kind})
	}
	data, err := arguments.Pack(args...)
	require.NoError(t, err)
	return append(crypto.Keccak256([]byte(signature))[:4:4], data...)
}

const (
	sysConfigText = "0000000000000000000000000000000000001000"
	managerText   = "0000000000000000000000000000000000001002"
)

// set changes the system configuration.
func (c *testChain) set(key, value string) {
	c.t.Helper()
	r := c.must(c.tx(sysConfigText, packed(c.t, "setValueByKey(string,string)", key, value)))
	require.Equal(c.t, StatusNone, r.Status, string(r.Output))
}

// kvTable makes a table of one value a key.
func (c *testChain) kvTable(name string) common.Address {
	c.t.Helper()
	r := c.must(c.tx(managerText, packed(c.t, "createKVTable(string,string,string)", name, "k", "v")))
	require.Equal(c.t, word(0), r.Output)
	return c.opened(name)
}

// opened is the address of a table, zero when there is none.
func (c *testChain) opened(name string) common.Address {
	c.t.Helper()
	got, err := c.Call(c.t.Context(), CallArgs{To: managerText, Input: packed(c.t, "openTable(string)", name)})
	require.NoError(c.t, err)
	return common.BytesToAddress(got.Output)
}

// value reads a key of such a table; empty when there is none.
func (c *testChain) value(table common.Address, key string) string {
	c.t.Helper()
	got, err := c.Call(c.t.Context(), CallArgs{To: hexOf(table), Input: packed(c.t, "get(string)", key)})
	require.NoError(c.t, err)
	require.Equal(c.t, StatusNone, got.Status)
	size := new(big.Int).SetBytes(got.Output[64:96]).Int64()
	return string(got.Output[96 : 96+size])
}

// caller is a contract that calls the address in the first word of its input with
// the rest, by CALL, DELEGATECALL or STATICCALL, and returns the outcome and the
// return data, or reverts afterwards with it.
func (c *testChain) caller(kind string, reverts bool) string {
	c.t.Helper()
	values, end := "6000", "f3"
	if kind != "f1" {
		values = "" // only CALL has a value
	}
	if reverts {
		end = "fd"
	}
	code := "6020360360206000" + "37" +
		"60006000" + "60203603" + "6000" + values + "600035" + "5a" + kind +
		"600052" + "3d600060203e" + "3d602001" + "6000" + end
	return hexOf(c.deploy(unhex(code)))
}

func to(at common.Address, input []byte) []byte {
	return append(common.LeftPadBytes(at[:], 32), input...)
}

func TestContractsCallSystemContracts(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	table := c.kvTable("t")
	set := func(v string) []byte { return packed(t, "set(string,string)", "key", v) }

	plain, reverting := c.caller("f1", false), c.caller("f1", true)
	r := c.must(c.tx(plain, to(table, set("first"))))
	require.Equal(t, append(word(1), word(1)...), r.Output)
	require.Equal(t, "first", c.value(table, "key"))

	r = c.must(c.tx(reverting, to(table, set("second"))))
	require.Equal(t, StatusRevert, r.Status)
	require.Equal(t, append(word(1), word(1)...), r.Output, "the table was changed")
	require.Equal(t, "first", c.value(table, "key"), "and changed back")

	// A contract that lives on after the failure of another one.
	r = c.must(c.tx(plain, to(common.HexToAddress(reverting), to(table, set("third")))))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, word(0), r.Output[:32])
	require.Equal(t, "first", c.value(table, "key"))

	// A table that a contract makes has the next number of the transaction, and is
	// gone when the contract fails.
	manager := system.Address(0x1002)
	create := func(name string) []byte { return packed(t, "createKVTable(string,string,string)", name, "k", "v") }
	r = c.must(c.tx(reverting, to(manager, create("made"))))
	require.Equal(t, StatusRevert, r.Status)
	require.Zero(t, c.opened("made"))
	r = c.must(c.tx(plain, to(manager, create("made"))))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, contractAddress(suite.Standard, r.BlockNumber, r.Index, 2), c.opened("made"))

	// A failure inside is return data.
	r = c.must(c.tx(plain, to(table, []byte{1, 2, 3, 4})))
	require.Equal(t, append(word(0), errorString(suite.Standard, "KVTablePrecompiled call undefined function!")...), r.Output)

	// Borrowed code: that of a table works, a built-in contract has none.
	borrower := c.caller("f4", false)
	r = c.must(c.tx(borrower, to(table, packed(t, "get(string)", "key"))))
	require.Equal(t, word(1), r.Output[:32])
	require.Contains(t, string(r.Output), "first")
	r = c.must(c.tx(borrower, to(system.Address(0x1000), packed(t, "getValueByKey(string)", "tx_gas_limit"))))
	require.Equal(t, word(1), r.Output, "a success without data")

	// A read changes nothing.
	got, err := c.Call(t.Context(), CallArgs{To: plain, Input: to(table, set("read"))})
	require.NoError(t, err)
	require.Equal(t, append(word(1), word(1)...), got.Output)
	require.Equal(t, "first", c.value(table, "key"))
}

// An Ethereum transaction reaches system contracts like a native one, and what it
// creates stays where Ethereum puts it.
func TestEthereumTransactionCallsATable(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	table := c.kvTable("t")
	plain := common.HexToAddress(c.caller("f1", false))
	input := to(table, packed(t, "set(string,string)", "key", "ethereum"))
	_, r := c.land(c.raw(&types.LegacyTx{To: &plain, Gas: 1_000_000, Data: input}))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, "ethereum", c.value(table, "key"))
}

func TestTablesSurviveARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	chain, err := Open(cfg)
	require.NoError(t, err)
	require.NoError(t, chain.Start(t.Context()))
	c := &testChain{Chain: chain, t: t, cfg: cfg, key: testKey(1)}
	table := c.kvTable("t")
	r := c.must(c.tx(hexOf(table), packed(t, "set(string,string)", "key", "kept")))
	require.Equal(t, word(1), r.Output)
	c.set("tx_count_limit", "77")
	before, err := c.BlockByNumber(c.Head().Number)
	require.NoError(t, err)
	require.NotZero(t, before.StateRoot, "rows are part of the state")
	require.NoError(t, chain.Close())

	c = startTestChain(t, cfg)
	require.Equal(t, table, c.opened("t"))
	require.Equal(t, "kept", c.value(table, "key"))
	s, err := c.SystemConfig("tx_count_limit")
	require.NoError(t, err)
	require.Equal(t, Setting{Value: "77", BlockNumber: before.Number + 1}, s)
	require.Equal(t, 77, c.blockSize())
	code, err := c.Code(table)
	require.NoError(t, err)
	require.Equal(t, "[PRECOMPILED],0000000000000000000000000000000000001009,/tables/t", string(code))
}

func TestSettingsInForce(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	// TIMESTAMP, CHAINID, GASLIMIT, GASPRICE
	env := hexOf(c.deploy(unhex("42600052" + "46602052" + "45604052" + "3a606052" + "60806000f3")))
	see := func() (words [4]uint64) {
		r := c.must(c.tx(env, nil))
		require.Equal(t, StatusNone, r.Status)
		for i := range words {
			words[i] = new(big.Int).SetBytes(r.Output[32*i : 32*i+32]).Uint64()
		}
		return words
	}
	first := see()
	require.Greater(t, first[0], uint64(1e12), "milliseconds")
	require.Equal(t, [3]uint64{20200, 3_000_000_000, 0}, [3]uint64(first[1:]))
	c.set("feature_evm_timestamp", "1")
	c.set("web3_chain_id", "5")
	c.set("tx_gas_limit", "200000")
	second := see()
	require.InDelta(t, first[0]/1000, second[0], 60, "seconds")
	require.Equal(t, [2]uint64{5, 200_000}, [2]uint64(second[1:3]))

	block, err := c.BlockByNumber(c.Head().Number)
	require.NoError(t, err)
	require.EqualValues(t, 0x03100000, block.Version)
	c.set("compatibility_version", "3.16.4")
	see()
	block, err = c.BlockByNumber(c.Head().Number)
	require.NoError(t, err)
	require.EqualValues(t, 0x03100400, block.Version, "headers carry the version")

	nodes, err := c.Nodes()
	require.NoError(t, err)
	require.Len(t, nodes, len(c.Sealers()))
}

// With a price of gas every transaction is paid for, and who cannot pay gets
// nothing done.
func TestGasPrice(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t) // the account of the key has a million
	table := c.kvTable("t")
	c.set("tx_gas_price", "0x2")
	pay := func(v string) *Receipt {
		tx := c.tx(hexOf(table), packed(t, "set(string,string)", "key", v))
		tx.Version = 1
		return c.must(signed(c.key, *tx))
	}
	r := pay("paid")
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, "0x2", r.EffectiveGasPrice)
	stored, err := c.Receipt(r.TxHash)
	require.NoError(t, err)
	require.Equal(t, r, stored)
	account, err := c.Account(addressOf(c.key))
	require.NoError(t, err)
	require.EqualValues(t, 1_000_000-2*r.GasUsed, account.Balance.Uint64())

	c.key = testKey(9)
	r = pay("unpaid")
	require.Equal(t, StatusNotEnoughCash, r.Status)
	require.Equal(t, "0x", hexutil.Encode(r.Output))
	require.Equal(t, "paid", c.value(table, "key"))
}

func TestContractsCallAccountsWithoutCode(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	nobody := common.HexToAddress("0x00000000000000000000000000000000000b0b01")
	for kind, succeeds := range map[string]bool{"f1": false, "f4": true, "fa": true} {
		r := c.must(c.tx(c.caller(kind, false), to(nobody, []byte{1, 2, 3, 4})))
		require.Equal(t, StatusNone, r.Status)
		if succeeds {
			require.Equal(t, word(1), r.Output, kind)
		} else {
			require.Equal(t, word(0), r.Output[:32], kind)
			require.Contains(t, string(r.Output), "Call address error.", kind)
		}
	}
	inner := c.caller("f1", false) // a CALL below a STATICCALL inherits it
	r := c.must(c.tx(c.caller("fa", false), to(common.HexToAddress(inner), to(nobody, []byte{1, 2, 3, 4}))))
	require.Equal(t, append(word(1), word(1)...), r.Output)
}
