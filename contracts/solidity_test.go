package contracts

import (
	"math/big"
	"testing"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"
)

// deployed is a contract in an EVM of the revision that chains have at least.
type deployed struct {
	t     *testing.T
	abi   *ABI
	at    common.Address
	state *state.StateDB
	block int64
}

func deploy(t *testing.T, name string, args ...any) *deployed {
	t.Helper()
	a, ok := Builtin(name)
	require.True(t, ok)
	db, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	require.NoError(t, err)
	d := &deployed{t: t, abi: a.ABI, state: db, block: 1}
	encoded, err := a.ABI.Constructor().Encode(args)
	require.NoError(t, err)
	code, at, _, err := d.evm(alice).Create(alice, append(a.Bytecode, encoded...), vm.NewGasBudget(gasLimit, 0), new(uint256.Int))
	require.NoError(t, err, a.ABI.RevertReason(code))
	d.at = at
	return d
}

var alice, bob = common.HexToAddress("0xa11ce"), common.HexToAddress("0xb0b")

const gasLimit = 50_000_000

// evm is of Paris, which knows no PUSH0.
func (d *deployed) evm(from common.Address) *vm.EVM {
	paris := *params.MergedTestChainConfig
	paris.ShanghaiTime, paris.CancunTime, paris.PragueTime, paris.OsakaTime = nil, nil, nil, nil
	evm := vm.NewEVM(vm.BlockContext{
		CanTransfer: func(vm.StateDB, common.Address, *uint256.Int) bool { return true },
		Transfer:    func(vm.StateDB, common.Address, common.Address, *uint256.Int, *params.Rules) {},
		GetHash:     func(uint64) common.Hash { return common.Hash{} },
		BlockNumber: big.NewInt(d.block), GasLimit: gasLimit, Difficulty: new(big.Int), BaseFee: new(big.Int), Random: &common.Hash{},
	}, d.state, &paris, vm.Config{})
	evm.SetTxContext(vm.TxContext{Origin: from, GasPrice: new(uint256.Int)})
	return evm
}

// send runs a function as the next block and gives outputs, events, the reason
// of a revert and the gas.
func (d *deployed) send(from common.Address, fn string, args ...any) (values []any, events []Event, reason string, gas uint64) {
	d.t.Helper()
	d.block++
	m, err := d.abi.Method(fn)
	require.NoError(d.t, err)
	input, err := m.Encode(args)
	require.NoError(d.t, err)
	d.state.SetTxContext(common.BigToHash(big.NewInt(d.block)), 0, 0)
	output, left, err := d.evm(from).Call(from, d.at, input, vm.NewGasBudget(gasLimit, 0), new(uint256.Int))
	gas = gasLimit - left.ExecutionGas
	if err != nil {
		reason = d.abi.RevertReason(output)
		require.NotEmpty(d.t, reason, "%v", err)
		return nil, nil, reason, gas
	}
	decoded, err := m.DecodeOutput(output)
	require.NoError(d.t, err)
	for _, v := range decoded {
		values = append(values, v.Value)
	}
	for _, l := range d.state.GetLogs(common.BigToHash(big.NewInt(d.block)), uint64(d.block), common.Hash{}, 0) {
		event, err := d.abi.DecodeLog(chain.Log{Address: l.Address, Topics: l.Topics, Data: l.Data})
		require.NoError(d.t, err)
		events = append(events, event)
	}
	return values, events, "", gas
}

func TestEvidenceIsSavedOnce(t *testing.T) {
	t.Parallel()
	d := deploy(t, "Evidence")
	digest, text := "0x"+ab32, "src/net/http/server.go 存证"

	_, _, reason, _ := d.send(bob, "get", digest)
	require.Equal(t, "NotSaved(digest="+digest+")", reason)

	_, events, reason, gas := d.send(alice, "save", digest, text)
	require.Empty(t, reason)
	require.Equal(t, []Event{{Name: "Saved", Signature: "Saved(bytes32,address,uint256,string)", Args: []Value{
		{Name: "digest", Type: "bytes32", Value: digest},
		{Name: "owner", Type: "address", Value: alice.Hex()},
		{Name: "blockNumber", Type: "uint256", Value: "3"},
		{Name: "text", Type: "string", Value: text},
	}}}, events)
	require.Less(t, gas, uint64(110_000), "one slot for owner and block, one for the text, one for the count")

	_, events, reason, _ = d.send(bob, "save", digest, "mine")
	require.Equal(t, "AlreadySaved(digest="+digest+", owner="+alice.Hex()+", blockNumber=3)", reason)
	require.Empty(t, events)

	values, _, _, _ := d.send(bob, "get", digest)
	require.Equal(t, []any{alice.Hex(), "3", text}, values)
	_, _, reason, _ = d.send(bob, "save", "0x"+ff, "")
	require.Empty(t, reason, "an empty text is a text")
	values, _, _, _ = d.send(bob, "count")
	require.Equal(t, []any{"2"}, values)
}

func TestLedgerMovesUnits(t *testing.T) {
	t.Parallel()
	d := deploy(t, "Ledger", "gold", "1000")
	balance := func(of common.Address) string {
		values, _, _, _ := d.send(bob, "balanceOf", of.Hex())
		return values[0].(string)
	}
	values, events, reason, _ := d.send(alice, "transfer", bob.Hex(), "300")
	require.Empty(t, reason)
	require.Equal(t, []any{true}, values)
	require.Equal(t, "300", events[0].Args[2].Value)
	require.Equal(t, "700", balance(alice))
	require.Equal(t, "300", balance(bob))

	_, _, reason, _ = d.send(bob, "transfer", alice.Hex(), "301")
	require.Equal(t, "InsufficientBalance(account="+bob.Hex()+", balance=300, needed=301)", reason)
	_, _, reason, _ = d.send(bob, "transfer", common.Address{}.Hex(), "1")
	require.Equal(t, "Ledger: transfer to the zero address", reason)
	_, _, reason, _ = d.send(bob, "transfer", bob.Hex(), "300")
	require.Empty(t, reason)
	require.Equal(t, "300", balance(bob), "a transfer to oneself makes nothing")
}

func TestLedgerBatchIsAllOrNothing(t *testing.T) {
	t.Parallel()
	d := deploy(t, "Ledger", "gold", "1000")
	two := []any{bob.Hex(), "0x0000000000000000000000000000000000000c0c"}
	values, events, reason, _ := d.send(alice, "batchTransfer", two, []any{"1", "2"})
	require.Empty(t, reason)
	require.Equal(t, []any{"3"}, values)
	require.Len(t, events, 3)
	require.Equal(t, "BatchTransfer", events[2].Name)

	_, _, reason, _ = d.send(alice, "batchTransfer", two, []any{"1"})
	require.Equal(t, "LengthMismatch(receivers=2, values=1)", reason)
	_, _, reason, _ = d.send(alice, "batchTransfer", two, []any{"900", "900"})
	require.Equal(t, "InsufficientBalance(account="+alice.Hex()+", balance=97, needed=900)", reason)
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).String()
	_, _, reason, _ = d.send(alice, "batchTransfer", two, []any{"1", most})
	require.Equal(t, "panic 0x11: arithmetic overflow or underflow", reason)
	values, _, _, _ = d.send(alice, "balanceOf", alice.Hex())
	require.Equal(t, []any{"997"}, values)
	values, _, _, _ = d.send(alice, "totalSupply")
	require.Equal(t, []any{"1000"}, values)
	values, _, _, _ = d.send(alice, "name")
	require.Equal(t, []any{"gold"}, values)
}
