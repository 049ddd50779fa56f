package devchain

import (
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

// cancunRules switches on every fork up to Cancun from block 0 on.
func cancunRules(web3ChainID uint64) *params.ChainConfig {
	zero := new(big.Int)
	now := new(uint64)
	return &params.ChainConfig{
		ChainID:                 new(big.Int).SetUint64(web3ChainID),
		HomesteadBlock:          zero,
		EIP150Block:             zero,
		EIP155Block:             zero,
		EIP158Block:             zero,
		ByzantiumBlock:          zero,
		ConstantinopleBlock:     zero,
		PetersburgBlock:         zero,
		IstanbulBlock:           zero,
		MuirGlacierBlock:        zero,
		BerlinBlock:             zero,
		LondonBlock:             zero,
		TerminalTotalDifficulty: zero,
		ShanghaiTime:            now,
		CancunTime:              now,
		BlobScheduleConfig:      params.DefaultBlobSchedule,
	}
}

// builtIns are the contracts that are not made of code: those of the EVM that
// nodes have, 0x1 to 0x9, and the system contracts. It is not changed once made.
type builtIns struct {
	contracts vm.PrecompiledContracts // of the EVM
	system    *system.Contracts
	isSystem  map[common.Address]bool
	noCode    []byte // stands for the code of accounts without code
}

func newBuiltIns(s suite.Suite) *builtIns {
	b := &builtIns{
		contracts: vm.PrecompiledContracts{}, system: system.New(s.Hash),
		isSystem: map[common.Address]bool{}, noCode: noCode(s),
	}
	for addr, contract := range vm.PrecompiledContractsCancun {
		if addr[19] <= 0x9 {
			b.contracts[addr] = contract
		}
	}
	for _, addr := range b.system.Addresses() {
		b.isSystem[addr] = true
	}
	return b
}

// errorString is the ABI form of Error(string), in which a node words the
// failures that it finds itself.
func errorString(s suite.Suite, text string) []byte {
	out := make([]byte, 4+32+32, 4+32+32+len(text)+31)
	selector := s.Selector("Error(string)")
	copy(out, selector[:])
	out[4+31] = 32
	binary.BigEndian.PutUint64(out[4+32+24:], uint64(len(text)))
	out = append(out, text...)
	for (len(out)-4)%32 != 0 {
		out = append(out, 0)
	}
	return out
}

// panicOutput is the ABI form of Panic(uint256).
func panicOutput(s suite.Suite, code byte) []byte {
	out := make([]byte, 4+32)
	selector := s.Selector("Panic(uint256)")
	copy(out, selector[:])
	out[4+31] = code
	return out
}

const callAddressText = "Call address error."

// noCode is what an account without code does when a contract calls it: it takes
// a call without data, and reverts one with data.
func noCode(s suite.Suite) []byte {
	output := errorString(s, callAddressText)
	size := byte(len(output))
	code := []byte{
		byte(vm.CALLDATASIZE), byte(vm.PUSH1), 5, byte(vm.JUMPI), byte(vm.STOP),
		byte(vm.JUMPDEST), byte(vm.PUSH1), size, byte(vm.PUSH1), 18, byte(vm.PUSH1), 0, byte(vm.CODECOPY),
		byte(vm.PUSH1), size, byte(vm.PUSH1), 0, byte(vm.REVERT),
	}
	return append(code, output...)
}

// evmState is the state as contracts of this chain see it.
type evmState struct {
	*world
	builtIns *builtIns
	calls    *systemCalls // of a message that is followed closely, else nil
}

// GetCodeSize is 1 for the system contracts, so that contracts may call them.
func (s evmState) GetCodeSize(addr common.Address) int {
	if s.builtIns.isSystem[addr] {
		return 1
	}
	return s.StateDB.GetCodeSize(addr)
}

// GetCode of an account without code is noCode, which answers a call from a
// contract as a node does. Where nothing may be changed, and for borrowed code, the
// answer is a success.
func (s evmState) GetCode(addr common.Address) []byte {
	if code := s.StateDB.GetCode(addr); len(code) > 0 {
		return code
	}
	if s.calls != nil && s.calls.lenient() {
		return []byte{byte(vm.STOP)}
	}
	return s.builtIns.noCode
}

// Exist is true, so that calls to accounts that do not exist reach their code, too.
func (s evmState) Exist(common.Address) bool { return true }

// CreateContract makes the account, which Exist promises to be there.
func (s evmState) CreateContract(addr common.Address) {
	if !s.StateDB.Exist(addr) {
		s.StateDB.CreateAccount(addr)
	}
	s.world.CreateContract(addr)
}

// IsNewContract is false, which keeps SELFDESTRUCT from removing anything, as on
// a node with executor version 1.
func (s evmState) IsNewContract(common.Address) bool { return false }

// blockEnv is the part of the surroundings that is the same for all executions
// on one block.
type blockEnv struct {
	suite    suite.Suite
	builtIns *builtIns
	settings *system.Config
	number   uint64
	time     int64                           // milliseconds
	getHash  func(number uint64) common.Hash // of the blocks before number
}

// visibleTime is what contracts see as the time.
func (env blockEnv) visibleTime() uint64 {
	if env.settings.On(system.FeatureEVMTimestamp) {
		return uint64(env.time / 1000)
	}
	return uint64(env.time)
}

// newEVM builds the EVM for one block or one read.
func newEVM(env blockEnv, st vm.StateDB, contracts vm.PrecompiledContracts, hooks *tracing.Hooks) *vm.EVM {
	context := vm.BlockContext{
		CanTransfer: func(db vm.StateDB, from common.Address, amount *uint256.Int) bool {
			return !env.settings.Transfer || db.GetBalance(from).Cmp(amount) >= 0
		},
		Transfer: func(db vm.StateDB, from, to common.Address, amount *uint256.Int, _ *params.Rules) {
			if !env.settings.Transfer {
				return
			}
			db.SubBalance(from, amount, tracing.BalanceChangeTransfer)
			db.AddBalance(to, amount, tracing.BalanceChangeTransfer)
		},
		GetHash:     env.getHash,
		GasLimit:    env.settings.GasLimit,
		BlockNumber: new(big.Int).SetUint64(env.number),
		Time:        env.visibleTime(),
		Difficulty:  new(big.Int),
		BaseFee:     new(big.Int),
		BlobBaseFee: new(big.Int),
		Random:      &common.Hash{},
	}
	evm := vm.NewEVM(context, st, cancunRules(env.settings.Web3ChainID), vm.Config{NoBaseFee: true, Tracer: hooks})
	evm.SetPrecompiles(contracts)
	return evm
}
