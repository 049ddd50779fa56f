package devchain

import "github.com/ethereum/go-ethereum/common"

// What an access to an account or to a slot costs does not depend, on a node, on
// what was accessed or stored before: every access is a cold one (2600 and 2100
// gas), every SSTORE one that changes a value (2100 and 2900), and nothing is
// refunded. So evmState tells go-ethereum, which works the cost out of what it is
// told here, the same about all of them.

// AddressInAccessList is false.
func (s evmState) AddressInAccessList(common.Address) bool { return false }

// SlotInAccessList is false.
func (s evmState) SlotInAccessList(common.Address, common.Hash) (address, slot bool) {
	return false, false
}

// AddAddressToAccessList keeps nothing.
func (s evmState) AddAddressToAccessList(common.Address) {}

// AddSlotToAccessList keeps nothing.
func (s evmState) AddSlotToAccessList(common.Address, common.Hash) {}

// GetStateAndCommittedState is asked for the cost of SSTORE only: some value that
// is not zero, was there before the transaction, and is not the new one.
func (s evmState) GetStateAndCommittedState(common.Address, common.Hash) (current, committed common.Hash) {
	return someWord(), someWord()
}

func someWord() common.Hash { return common.Hash{0: 0x5c, 13: 0x11, 31: 0xe7} }

// AddRefund keeps nothing.
func (s evmState) AddRefund(uint64) {}

// SubRefund keeps nothing.
func (s evmState) SubRefund(uint64) {}
