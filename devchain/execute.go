package devchain

import (
	"errors"
	"maps"
	"math/big"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// Gas that a node charges where Ethereum charges otherwise (protocol section 12.1).
const (
	callBaseGas       = 21000 // a call, whatever its input; a deployment has none
	createDataGasByte = 20    // a byte of deployed code
)

// message is one execution: a transaction or a read.
type message struct {
	from   common.Address
	to     *common.Address // nil deploys to create
	create common.Address
	index  int  // of the transaction in its block; 0 in a read
	web3   bool // contracts that it creates from within get Ethereum's addresses
	input  []byte
	value  *big.Int // nil is 0
}

// outcome is what a message came to. The state has been changed only when Status
// is StatusNone.
type outcome struct {
	status  Status
	gasUsed uint64
	output  []byte
	denied  bool // nothing was run: it is not permitted
}

// execution runs messages on one state, one after another.
type execution struct {
	env      blockEnv
	rules    params.Rules
	state    *world
	evm      *vm.EVM
	watch    *watch                 // of the message that runs
	followed atomic.Pointer[vm.EVM] // that of the message that runs, when it is followed
	before   int                    // snapshot before the transaction
}

func newExecution(env blockEnv, w *world) *execution {
	x := &execution{env: env, state: w, watch: &watch{evmState: evmState{world: w, builtIns: env.builtIns}}}
	contracts := maps.Clone(env.builtIns.contracts)
	for _, addr := range env.builtIns.system.Addresses() {
		if env.builtIns.system.Has(env.settings, addr) {
			contracts[addr] = escape{&x.watch.system}
		}
	}
	x.evm = newEVM(env, x.watch, contracts, nil)
	x.rules = cancunRules(env.settings.Web3ChainID).Rules(new(big.Int).SetUint64(env.number), true, env.visibleTime())
	return x
}

// close gives back the memory of the EVM.
func (x *execution) close() { x.evm.Release() }

// run executes one message. The state keeps the changes of a success and no
// change of a failure, in its journal; logs likewise.
func (x *execution) run(m message) outcome {
	if why := x.denial(m); why != 0 {
		return denied(x.env.suite, why, m.input)
	}
	value, ok := x.affordable(m)
	if !ok {
		return outcome{status: StatusNotEnoughCash, output: errorString(x.env.suite, "Account balance is not enough!")}
	}
	x.state.begin(m.from)
	snapshot := x.state.Snapshot()
	x.watch.begin()
	// Hashes of GM chains have to be followed, and calls where permissions are checked.
	x.watch.system = x.env.suite == suite.GM || x.env.settings.AuthCheck
	var out outcome
	if !x.watch.system {
		out = x.runOn(x.evm, m, value)
	}
	if x.watch.system || x.watch.creates && !m.web3 {
		x.state.RevertToSnapshot(snapshot)
		snapshot = x.state.Snapshot()
		out = x.runFollowed(m, value)
	}
	if out.status != StatusNone {
		x.state.RevertToSnapshot(snapshot)
	}
	return out
}

// cancel ends the message that runs and all that follow; it may be called at any
// time.
func (x *execution) cancel() {
	x.evm.Cancel()
	if evm := x.followed.Load(); evm != nil {
		evm.Cancel()
	}
}

// runFollowed runs a message with an eye on every instruction: one of a GM chain,
// or again one that creates contracts from within or calls system contracts from
// within.
func (x *execution) runFollowed(m message, value *uint256.Int) outcome {
	c := newCreations(x.env.suite, x.env.number, m.index)
	calls := newSystemCalls(x, m, c)
	own := evmState{x.state, x.env.builtIns, calls}
	var evm *vm.EVM
	switch {
	case m.web3: // contracts go where the EVM puts them
		evm = newEVM(x.env, &watch{evmState: own}, calls.contracts, calls.hooks())
	case x.env.suite == suite.GM:
		evm = newEVM(x.env, newGMState(own, c), calls.contracts, c.hooks(calls))
	default:
		evm = newEVM(x.env, aliasState{own, c}, calls.contracts, c.hooks(calls))
	}
	defer evm.Release()
	x.followed.Store(evm)
	defer x.followed.Store(nil)
	if x.evm.Cancelled() {
		evm.Cancel()
	}
	return x.runOn(evm, m, value)
}

func (x *execution) runOn(evm *vm.EVM, m message, value *uint256.Int) outcome {
	x.state.Prepare(x.rules, m.from, common.Address{}, m.to, nil, nil) // no list: all accesses cost the same
	evm.SetTxContext(vm.TxContext{Origin: m.from, GasPrice: x.env.settings.GasPrice})
	if m.to == nil {
		return x.deploy(evm, m, value)
	}
	return x.call(evm, m, value)
}

// affordable gives the value to transfer; false when the sender does not have it.
func (x *execution) affordable(m message) (*uint256.Int, bool) {
	if m.value == nil || m.value.Sign() == 0 || !x.env.settings.Transfer {
		return new(uint256.Int), true
	}
	value, overflow := uint256.FromBig(m.value)
	if overflow || x.state.GetBalance(m.from).Cmp(value) < 0 {
		return nil, false
	}
	return value, true
}

func (x *execution) call(evm *vm.EVM, m message, value *uint256.Int) outcome {
	pay := func() { evm.Context.Transfer(evm.StateDB, m.from, *m.to, value, &x.rules) }
	if out, ok := x.callSystem(m, pay); ok {
		return out
	}
	if _, builtIn := x.env.builtIns.contracts[*m.to]; !builtIn && x.state.GetCodeSize(*m.to) == 0 {
		if len(m.input) > 0 {
			return outcome{status: StatusRevert, gasUsed: callBaseGas, output: errorString(x.env.suite, callAddressText)}
		}
		pay()
		return outcome{gasUsed: callBaseGas}
	}
	budget := vm.NewGasBudget(x.env.settings.GasLimit-callBaseGas, 0)
	ret, left, err := evm.Call(m.from, *m.to, m.input, budget, value)
	return result(x.env.suite, ret, callBaseGas+left.Used(budget), callBaseGas, err)
}

// deploy runs creation code at an address that go-ethereum's own creation would
// not choose. The account exists while it runs and has no code, as everywhere.
func (x *execution) deploy(evm *vm.EVM, m message, value *uint256.Int) outcome {
	budget := vm.NewGasBudget(x.env.settings.GasLimit, 0)
	x.state.CreateAccount(m.create)
	x.state.CreateContract(m.create)
	x.state.SetNonce(m.create, 1, tracing.NonceChangeNewContract)
	evm.Context.Transfer(evm.StateDB, m.from, m.create, value, &x.rules)

	contract := vm.NewContract(m.from, m.create, value, budget, nil)
	contract.SetCallCode(common.Hash{}, m.input)
	contract.IsDeployment = true
	code, err := evm.Run(contract, m.input, false) // creation code sees itself as its call data, as on a node
	if err == nil && !contract.Gas.ChargeExecutionOnly(createDataGasByte*uint64(len(code))) {
		err = vm.ErrCodeStoreOutOfGas
	}
	left := contract.Gas.Exit(err)
	if err != nil {
		return result(x.env.suite, code, left.Used(budget), 0, err)
	}
	if len(code) > 0 {
		x.state.SetCode(m.create, code, tracing.CodeChangeContractCreation)
	}
	return outcome{gasUsed: left.Used(budget)}
}

// result turns the end of an EVM run into what a node with executor version 1
// says about it (protocol section 5.4).
func result(s suite.Suite, ret []byte, gasUsed, base uint64, err error) outcome {
	var (
		underflow *vm.ErrStackUnderflow
		overflow  *vm.ErrStackOverflow
		opcode    *vm.ErrInvalidOpCode
	)
	switch {
	case err == nil:
		return outcome{gasUsed: gasUsed, output: ret}
	case errors.Is(err, vm.ErrExecutionReverted):
		return outcome{status: StatusRevert, gasUsed: gasUsed, output: ret}
	case errors.Is(err, vm.ErrInvalidJump):
		return outcome{status: StatusOutOfGas, gasUsed: base}
	case errors.As(err, &opcode):
		return outcome{status: StatusBadInstruction, gasUsed: gasUsed, output: errorString(s, "Execution invalid/undefined opcode.")}
	case errors.As(err, &overflow):
		return outcome{status: StatusOutOfStack, gasUsed: gasUsed, output: errorString(s, "Execution stack overflow.")}
	case errors.As(err, &underflow):
		return outcome{status: StatusStackUnderflow, gasUsed: gasUsed, output: errorString(s, "Execution needs more items on EVM stack.")}
	case errors.Is(err, vm.ErrOutOfGas), errors.Is(err, vm.ErrCodeStoreOutOfGas), errors.Is(err, vm.ErrGasUintOverflow):
		return outcome{status: StatusOutOfGas, gasUsed: gasUsed, output: errorString(s, "Execution out of gas.")}
	}
	return outcome{status: StatusUnknown, gasUsed: gasUsed, output: errorString(s, err.Error())}
}

// countNonce moves the nonce of an Ethereum transaction's sender on, whatever
// becomes of the transaction. A nonce out of order counts as a node counts it.
func (x *execution) countNonce(tx *Transaction) {
	nonce := max(tx.Ethereum.Nonce, x.state.GetNonce(tx.Sender)) + 1
	x.state.SetNonce(tx.Sender, nonce, tracing.NonceChangeEoACall)
}

// charge takes the fee of a transaction, where there is a price of gas. A sender
// who cannot pay it gets nothing done.
func (x *execution) charge(m message, out outcome) outcome {
	price := x.env.settings.GasPrice
	if price.IsZero() {
		return out
	}
	fee, overflow := new(uint256.Int).MulOverflow(price, uint256.NewInt(out.gasUsed))
	if overflow || x.state.GetBalance(m.from).Lt(fee) {
		x.state.RevertToSnapshot(x.before)
		return outcome{status: StatusNotEnoughCash, gasUsed: out.gasUsed}
	}
	x.state.SubBalance(m.from, fee, tracing.BalanceChangeUnspecified)
	return out
}

// apply executes a transaction as number index of the block and gives its receipt.
func (x *execution) apply(tx *Transaction, index int) *Receipt {
	m := message{from: tx.Sender, index: index, input: tx.Input}
	switch {
	case tx.Ethereum != nil:
		m.web3, m.value = true, tx.Ethereum.Value
		x.countNonce(tx)
	case tx.Version >= 1 && len(tx.Value) > 2:
		m.value, _ = new(big.Int).SetString(tx.Value[2:], 16)
	}
	switch {
	case tx.To == "" && m.web3:
		m.create = crypto.CreateAddress(tx.Sender, tx.Ethereum.Nonce)
	case tx.To == "":
		m.create = contractAddress(x.env.suite, x.env.number, index, 0)
	default:
		to, _ := parseAddress(tx.To) // checked when the transaction arrived
		m.to = &to
	}
	x.state.SetTxContext(tx.Hash, index, 0)
	x.before = x.state.Snapshot()
	out := x.charge(m, x.run(m))
	r := &Receipt{
		Version:     tx.Version,
		TxHash:      tx.Hash,
		BlockNumber: x.env.number,
		Index:       index,
		Status:      out.status,
		GasUsed:     out.gasUsed,
		Output:      out.output,
	}
	if price := x.env.settings.GasPrice; tx.Version >= 1 && !price.IsZero() {
		r.EffectiveGasPrice = price.Hex()
	}
	if out.denied && m.to == nil {
		r.ContractAddress = &common.Address{} // a node takes it for a deployment that went well
	}
	if out.status == StatusNone {
		if m.to == nil {
			r.ContractAddress = &m.create
		}
		for _, log := range x.state.GetLogs(tx.Hash, x.env.number, common.Hash{}, 0) {
			r.Logs = append(r.Logs, Log{Address: log.Address, Topics: log.Topics, Data: log.Data})
		}
	}
	x.state.settle(x.rules)
	r.Hash = r.computeHash(x.env.suite)
	return r
}
