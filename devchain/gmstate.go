package devchain

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// hashResults makes the results of KECCAK256 those of SM3, while go-ethereum's EVM
// insists on keccak-256: before the instruction after it, the result is replaced on
// the stack. What that instruction costs was worked out by then; no cost depends on
// a slot (accesscost.go).
type hashResults struct {
	due          bool // the instruction before was KECCAK256
	depth        int
	offset, size uint64
}

func (h *hashResults) onOpcode(op vm.OpCode, scope tracing.OpContext, depth int) {
	stack := scope.StackData()
	// An instruction elsewhere means that the hash could not be paid for.
	if h.due && depth == h.depth && len(stack) > 0 {
		var data []byte
		if h.size > 0 {
			data = scope.MemoryData()[h.offset : h.offset+h.size]
		}
		hash := suite.GM.Hash(data)
		stack[len(stack)-1].SetBytes(hash[:])
	}
	h.due = false
	if op == vm.KECCAK256 && len(stack) >= 2 {
		h.due, h.depth = true, depth
		h.offset, h.size = stack[len(stack)-1].Uint64(), stack[len(stack)-2].Uint64()
	}
}

// gmState is a state as contracts of a GM chain see it.
type gmState struct {
	aliasState
	codeHashes map[common.Hash]common.Hash // SM3 by keccak-256
}

func newGMState(st evmState, c *creations) gmState {
	return gmState{aliasState: aliasState{st, c}, codeHashes: map[common.Hash]common.Hash{}}
}

// GetCodeHash is the SM3 hash of the code. An account that was never made a
// contract keeps what go-ethereum says of it.
func (s gmState) GetCodeHash(addr common.Address) common.Hash {
	keccak := s.aliasState.GetCodeHash(addr)
	if keccak == (common.Hash{}) || keccak == types.EmptyCodeHash && s.GetNonce(addr) == 0 {
		return keccak
	}
	hash, known := s.codeHashes[keccak]
	if !known {
		hash = suite.GM.Hash(s.StateDB.GetCode(s.c.of(addr)))
		s.codeHashes[keccak] = hash
	}
	return hash
}

var _ vm.StateDB = gmState{}
