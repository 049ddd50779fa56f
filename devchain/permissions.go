package devchain

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

// denied is what becomes of a call or creation that is not permitted. A node ends
// it before it has cost any gas, and what a contract calls in vain answers it like
// a success. A frozen contract gives back the input.
func denied(s suite.Suite, why system.Denial, input []byte) outcome {
	out := outcome{denied: true}
	switch why {
	case system.AccountFrozen:
		out.status, out.output = StatusAccountFrozen, errorString(s, "Account is frozen.")
	case system.AccountAbolished:
		out.status, out.output = StatusAccountAbolished, errorString(s, "Account is abolished.")
	case system.ContractFrozen:
		out.status, out.output = StatusContractFrozen, input
	case system.ContractAbolished:
		out.status, out.output = StatusContractAbolished, errorString(s, "Contract is abolished.")
	case system.CallDenied:
		out.status, out.output = StatusPermissionDenied, errorString(s, "Call permission denied.")
	default:
		out.status, out.output = StatusPermissionDenied, errorString(s, "Create permission denied.")
	}
	return out
}

// denial is why a message is not permitted, where permissions are checked; 0 when it is.
func (x *execution) denial(m message) system.Denial {
	if !x.env.settings.AuthCheck {
		return 0
	}
	store := systemState{x.state}
	if why := system.CheckSender(store, m.from, x.env.number); why != 0 {
		return why
	}
	if m.to == nil {
		return system.CheckDeploy(store, m.from)
	}
	if _, builtIn := x.env.builtIns.contracts[*m.to]; builtIn {
		return 0
	}
	return x.env.builtIns.system.CheckCall(store, m.from, *m.to, false, m.input)
}

// deniedCall stands for a contract in one call of it that is not permitted.
type deniedCall struct{ output []byte }

// RequiredGas is 0.
func (deniedCall) RequiredGas([]byte) uint64 { return 0 }

// Name is that of all system contracts.
func (deniedCall) Name() string { return "SYSTEM" }

// Run answers like a success.
func (d deniedCall) Run([]byte) ([]byte, error) { return d.output, nil }

// permit puts a deniedCall in the place of a contract that must not be called now,
// until the next call.
func (s *systemCalls) permit(depth int, kind vm.OpCode, to common.Address, input []byte) {
	if s.blocked != nil {
		delete(s.contracts, *s.blocked)
		s.blocked = nil
	}
	_, builtIn := s.contracts[to]
	creates := kind == vm.CREATE || kind == vm.CREATE2
	if !s.env.Config.AuthCheck || depth == 0 || builtIn || creates {
		return
	}
	static := kind == vm.STATICCALL
	if why := s.x.env.builtIns.system.CheckCall(s.env.State, s.from, s.creations.of(to), static, input); why != 0 {
		s.contracts[to] = deniedCall{denied(s.x.env.suite, why, append([]byte{}, input...)).output}
		s.blocked = &to
	}
}
