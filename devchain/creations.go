package devchain

import (
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/devchain/system"
)

// creations gives the contracts that contracts create the addresses that a node
// gives them, while go-ethereum's EVM insists on its own.
//
// While a transaction runs, a contract that it creates goes by the address that
// the EVM derives; this address is an alias. The state under the alias is that of
// the real address (aliasState). What a contract can see of an alias, the results
// of ADDRESS, CALLER, CREATE and CREATE2, is replaced on its stack before its next
// instruction (hooks). Following every instruction is slow, so a message of a
// standard chain runs this way only after it was seen to create a contract, or to
// call a system contract; on a GM chain every message does, for the sake of its
// hashes (hashResults).
type creations struct {
	suite suite.Suite
	block uint64
	index int // of the transaction in the block
	calls int // and creations inside the transaction so far

	real   map[common.Address]common.Address // by alias
	last   map[int]byte                      // the instruction before, by depth, when its result may be an alias
	salt   common.Hash                       // of the CREATE2 that is about to begin
	hashes hashResults                       // of a GM chain

	// nonces keep the aliases of one creator apart. They are not part of the state:
	// only Ethereum transactions count what a contract creates.
	nonces map[common.Address]uint64
	sizes  map[common.Address]int // of the code of contracts that were created, by real address
}

func newCreations(s suite.Suite, block uint64, index int) *creations {
	return &creations{
		suite: s, block: block, index: index,
		real: map[common.Address]common.Address{}, last: map[int]byte{}, nonces: map[common.Address]uint64{},
		sizes: map[common.Address]int{},
	}
}

// of is the real address behind an alias, or the address itself.
func (c *creations) of(addr common.Address) common.Address {
	if real, ok := c.real[addr]; ok {
		return real
	}
	return addr
}

// hooks follow a message whose calls of system contracts are calls.
func (c *creations) hooks(calls *systemCalls) *tracing.Hooks {
	return &tracing.Hooks{
		OnEnter: func(depth int, typ byte, from, to common.Address, input []byte, _ uint64, _ *big.Int) {
			c.onEnter(depth, typ, from, to, input)
			calls.onEnter(depth, vm.OpCode(typ), from, to, input)
		},
		OnOpcode: c.onOpcode,
	}
}

func (c *creations) onEnter(depth int, typ byte, from, to common.Address, input []byte) {
	delete(c.last, depth+1)
	if depth == 0 {
		return // the transaction itself
	}
	c.calls++
	switch vm.OpCode(typ) {
	case vm.CREATE:
		c.real[to] = contractAddress(c.suite, c.block, c.index, c.calls)
	case vm.CREATE2:
		c.real[to] = c.create2Address(c.of(from), input)
	}
}

// create2Address is that of protocol section 12.3.
func (c *creations) create2Address(from common.Address, code []byte) common.Address {
	codeHash := c.suite.Hash(code)
	hash := c.suite.Hash([]byte{0xff}, from[:], c.salt[:], codeHash[:])
	return common.Address(hash[12:])
}

func (c *creations) onOpcode(_ uint64, op byte, _, _ uint64, scope tracing.OpContext, _ []byte, depth int, _ error) {
	// The slice is the stack itself; changing it is the purpose of all this.
	stack := scope.StackData()
	if c.suite == suite.GM {
		c.hashes.onOpcode(vm.OpCode(op), scope, depth)
	}
	if last, ok := c.last[depth]; ok && len(stack) > 0 {
		top := &stack[len(stack)-1]
		if real, ok := c.real[common.Address(top.Bytes20())]; ok {
			top.SetBytes(real[:])
			if vm.OpCode(last) == vm.CREATE || vm.OpCode(last) == vm.CREATE2 {
				giveBack(scope, uint64(c.sizes[real])*(params.CreateDataGas-createDataGasByte))
			}
		}
		delete(c.last, depth)
	}
	switch vm.OpCode(op) {
	case vm.CREATE2:
		if len(stack) >= 4 {
			c.salt = stack[len(stack)-4].Bytes32()
		}
		c.last[depth] = op
	case vm.ADDRESS, vm.CALLER, vm.CREATE:
		c.last[depth] = op
	}
}

// giveBack returns gas that go-ethereum took and a node does not take, to the
// contract that runs.
func giveBack(scope tracing.OpContext, gas uint64) {
	if frame, ok := scope.(*vm.ScopeContext); ok {
		frame.Contract.Gas.ExecutionGas += gas
		frame.Contract.Gas.UsedExecutionGas -= gas
	}
}

// watch notices what a message cannot do unless it is followed closely: that a
// contract creates another one, or calls a system contract. It counts the nonce of
// a creator as a node does in Ethereum transactions: as part of the creation, so
// that a creation that fails leaves no trace.
type watch struct {
	evmState
	creates bool
	system  bool
	creator *common.Address // of the creation that is about to begin
	nonce   uint64          // of creator when it has begun
}

// begin forgets what was seen.
func (s *watch) begin() { s.creates, s.system, s.creator = false, false, nil }

// GetCode of an account that stands for a system contract, or without code, is an
// instruction that fails: how it is called decides.
func (s *watch) GetCode(addr common.Address) []byte {
	code := s.StateDB.GetCode(addr)
	if s.calls == nil && (len(code) == 0 || system.Bound(code)) {
		s.system = true
		return []byte{byte(vm.INVALID)}
	}
	return s.evmState.GetCode(addr)
}

// SetNonce is what go-ethereum does first when a contract creates another one.
func (s *watch) SetNonce(addr common.Address, nonce uint64, why tracing.NonceChangeReason) {
	if why == tracing.NonceChangeContractCreator {
		s.creates, s.creator, s.nonce = true, &addr, nonce
		return
	}
	s.evmState.SetNonce(addr, nonce, why)
}

// Snapshot is the first step that a failed creation takes back.
func (s *watch) Snapshot() int {
	id := s.evmState.Snapshot()
	if s.creator != nil {
		s.evmState.SetNonce(*s.creator, s.nonce, tracing.NonceChangeContractCreator)
		s.creator = nil
	}
	return id
}

// aliasState is a state in which aliases stand for the real addresses.
type aliasState struct {
	evmState
	c *creations
}

func (s aliasState) CreateAccount(a common.Address)  { s.evmState.CreateAccount(s.c.of(a)) }
func (s aliasState) CreateContract(a common.Address) { s.evmState.CreateContract(s.c.of(a)) }

func (s aliasState) SubBalance(a common.Address, v *uint256.Int, why tracing.BalanceChangeReason) uint256.Int {
	return s.evmState.SubBalance(s.c.of(a), v, why)
}

func (s aliasState) AddBalance(a common.Address, v *uint256.Int, why tracing.BalanceChangeReason) uint256.Int {
	return s.evmState.AddBalance(s.c.of(a), v, why)
}

func (s aliasState) GetBalance(a common.Address) *uint256.Int {
	return s.evmState.GetBalance(s.c.of(a))
}

func (s aliasState) GetNonce(a common.Address) uint64 {
	if nonce, ok := s.c.nonces[s.c.of(a)]; ok {
		return nonce
	}
	return s.evmState.GetNonce(s.c.of(a))
}

func (s aliasState) SetNonce(a common.Address, n uint64, why tracing.NonceChangeReason) {
	if why == tracing.NonceChangeContractCreator {
		s.c.nonces[s.c.of(a)] = n
		return
	}
	s.evmState.SetNonce(s.c.of(a), n, why)
}

func (s aliasState) GetCodeHash(a common.Address) common.Hash {
	return s.evmState.GetCodeHash(s.c.of(a))
}

func (s aliasState) GetCode(a common.Address) []byte { return s.evmState.GetCode(s.c.of(a)) }

func (s aliasState) SetCode(a common.Address, code []byte, why tracing.CodeChangeReason) []byte {
	s.c.sizes[s.c.of(a)] = len(code)
	return s.evmState.SetCode(s.c.of(a), code, why)
}

func (s aliasState) GetCodeSize(a common.Address) int { return s.evmState.GetCodeSize(s.c.of(a)) }

func (s aliasState) GetState(a common.Address, k common.Hash) common.Hash {
	return s.evmState.GetState(s.c.of(a), k)
}

func (s aliasState) SetState(a common.Address, k, v common.Hash) common.Hash {
	return s.evmState.SetState(s.c.of(a), k, v)
}

func (s aliasState) GetTransientState(a common.Address, k common.Hash) common.Hash {
	return s.evmState.GetTransientState(s.c.of(a), k)
}

func (s aliasState) SetTransientState(a common.Address, k, v common.Hash) {
	s.evmState.SetTransientState(s.c.of(a), k, v)
}

func (s aliasState) SelfDestruct(a common.Address) { s.evmState.SelfDestruct(s.c.of(a)) }

func (s aliasState) HasSelfDestructed(a common.Address) bool {
	return s.evmState.HasSelfDestructed(s.c.of(a))
}

func (s aliasState) Exist(a common.Address) bool { return s.evmState.Exist(s.c.of(a)) }
func (s aliasState) Touch(a common.Address)      { s.evmState.Touch(s.c.of(a)) }
func (s aliasState) Empty(a common.Address) bool { return s.evmState.Empty(s.c.of(a)) }

func (s aliasState) AddLog(log *types.Log) {
	log.Address = s.c.of(log.Address)
	s.evmState.AddLog(log)
}

var (
	_ vm.StateDB = (*watch)(nil)
	_ vm.StateDB = aliasState{}
)
