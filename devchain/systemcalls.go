package devchain

import (
	"errors"
	"maps"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/vm"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

// systemEnv is what system contracts have around them in a message.
func (x *execution) systemEnv(m message) *system.Env {
	return &system.Env{
		State: systemState{x.state}, Config: x.env.settings, Block: x.env.number, Origin: m.from,
		NewAddress: func(seq int) common.Address { return contractAddress(x.env.suite, x.env.number, m.index, seq) },
	}
}

// callSystem executes a message that goes straight to a system contract, or to an
// account that stands for one, such as a table; pay moves its value. It is false
// when the message does not.
func (x *execution) callSystem(m message, pay func()) (outcome, bool) {
	call := system.Call{Sender: m.from, Input: m.input}
	var (
		output []byte
		err    error
	)
	if x.env.builtIns.system.Has(x.env.settings, *m.to) {
		pay()
		output, err = x.env.builtIns.system.Run(x.systemEnv(m), *m.to, call)
	} else if code := x.state.GetCode(*m.to); system.Bound(code) {
		pay()
		output, err = x.env.builtIns.system.RunBound(x.systemEnv(m), *m.to, code, call)
	} else {
		return outcome{}, false
	}
	if err != nil {
		status, output := failure(x.env.suite, err)
		return outcome{status: status, gasUsed: callBaseGas, output: output}, true
	}
	return outcome{gasUsed: callBaseGas, output: output}, true
}

// failure is the status and the return data of a system contract that failed.
func failure(s suite.Suite, err error) (Status, []byte) {
	var refused *system.Refused
	var reverted *system.Reverted
	switch {
	case errors.As(err, &refused):
		return StatusPrecompiledError, errorString(s, refused.Text)
	case errors.As(err, &reverted) && reverted.Text != "":
		return StatusRevert, errorString(s, reverted.Text)
	case reverted != nil && reverted.Panic != 0:
		return StatusRevert, panicOutput(s, reverted.Panic)
	}
	return StatusRevert, nil
}

// escape stands for a system contract while a message runs that is not followed
// closely: it ends the call, so that the message is run again.
type escape struct{ seen *bool }

// RequiredGas is more than there is.
func (e escape) RequiredGas([]byte) uint64 {
	*e.seen = true
	return 1<<64 - 1
}

// Run is not reached.
func (e escape) Run([]byte) ([]byte, error) { return nil, vm.ErrOutOfGas }

// Name is that of all system contracts.
func (escape) Name() string { return "SYSTEM" }

// systemCalls lets contracts call system contracts. The EVM tells its built-in
// contracts nothing but the input; who calls is seen when the call is entered.
type systemCalls struct {
	x         *execution
	env       *system.Env
	creations *creations
	contracts vm.PrecompiledContracts

	kind    vm.OpCode // of the call that was entered last
	from    common.Address
	blocked *common.Address // whose place a deniedCall has
	static  []bool          // by depth: nothing may be changed in the call
}

func newSystemCalls(x *execution, m message, c *creations) *systemCalls {
	s := &systemCalls{x: x, env: x.systemEnv(m), creations: c, contracts: maps.Clone(x.env.builtIns.contracts)}
	for _, addr := range x.env.builtIns.system.Addresses() {
		if x.env.builtIns.system.Has(x.env.settings, addr) {
			s.contracts[addr] = entered{s, addr}
		}
	}
	return s
}

// hooks follow the calls of a message, and nothing else.
func (s *systemCalls) hooks() *tracing.Hooks {
	return &tracing.Hooks{OnEnter: func(depth int, typ byte, from, to common.Address, input []byte, _ uint64, _ *big.Int) {
		if depth > 0 {
			s.creations.calls++
		}
		s.onEnter(depth, vm.OpCode(typ), from, to, input)
	}}
}

// onEnter notes a call, and makes the account a built-in contract when it stands
// for one.
func (s *systemCalls) onEnter(depth int, kind vm.OpCode, from, to common.Address, input []byte) {
	s.kind, s.from = kind, s.creations.of(from)
	for len(s.static) < depth { // a deployment itself is not entered
		s.static = append(s.static, false)
	}
	static := kind == vm.STATICCALL || depth > 0 && s.static[depth-1]
	s.static = append(s.static[:depth], static)
	s.permit(depth, kind, to, input)
	if _, known := s.contracts[to]; known || kind == vm.CREATE || kind == vm.CREATE2 {
		return
	}
	if system.Bound(s.x.state.GetCode(to)) {
		s.contracts[to] = entered{s, to}
	}
}

// lenient reports whether the call that was entered last may go to an account
// without code.
func (s *systemCalls) lenient() bool {
	return s.kind == vm.DELEGATECALL || len(s.static) > 0 && s.static[len(s.static)-1]
}

// entered is a system contract, or an account that stands for one, that a contract calls.
type entered struct {
	calls *systemCalls
	at    common.Address
}

// RequiredGas is 0.
func (entered) RequiredGas([]byte) uint64 { return 0 }

// Name is that of all system contracts.
func (entered) Name() string { return "SYSTEM" }

// Run calls the contract.
func (e entered) Run(input []byte) ([]byte, error) {
	s, contracts := e.calls, e.calls.x.env.builtIns.system
	call := system.Call{Sender: s.from, Static: s.kind == vm.STATICCALL, Input: input}
	s.env.Calls = s.creations.calls
	defer func() { s.creations.calls = s.env.Calls }()
	var (
		output []byte
		err    error
	)
	if contracts.Has(s.env.Config, e.at) {
		if s.kind == vm.DELEGATECALL {
			return nil, nil // there is no code to borrow
		}
		output, err = contracts.Run(s.env, e.at, call)
	} else {
		output, err = contracts.RunBound(s.env, e.at, s.x.state.GetCode(e.at), call)
	}
	if err != nil {
		_, output = failure(s.x.env.suite, err)
		return output, vm.ErrExecutionReverted
	}
	return output, nil
}
