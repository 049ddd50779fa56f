package flatstate

import (
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/trie/trienode"
)

// collector stands where StateDB expects a trie: it takes the changes of the
// accounts, or of the slots of one account, and sums up their hashes.
type collector struct {
	db  *Database
	sum common.Hash
}

func (c *collector) put(key, value []byte) {
	c.db.add(Change{Key: key, Value: value})
	c.sum = AddToRoot(c.sum, []Change{{Key: key, Value: value}})
}

// AddToRoot adds further changed entries to a root.
func AddToRoot(root common.Hash, changes []Change) common.Hash {
	for _, change := range changes {
		entry := crypto.Keccak256(change.Key, change.Value)
		for i := range root {
			root[i] ^= entry[i]
		}
	}
	return root
}

// UpdateAccount collects an account. Its root covers the changes of its slots.
func (c *collector) UpdateAccount(addr common.Address, account *types.StateAccount, _ int) error {
	c.put(accountKey(addr), types.SlimAccountRLP(*account))
	return nil
}

// UpdateAccountBatch collects several accounts.
func (c *collector) UpdateAccountBatch(addrs []common.Address, accounts []*types.StateAccount, lengths []int) error {
	for i, addr := range addrs {
		if err := c.UpdateAccount(addr, accounts[i], lengths[i]); err != nil {
			return err
		}
	}
	return nil
}

// UpdateStorage collects a slot; value has no leading zeros.
func (c *collector) UpdateStorage(addr common.Address, slot, value []byte) error {
	c.put(slotKey(addr, slot), append([]byte{}, value...))
	return nil
}

// UpdateStorageBatch collects several slots.
func (c *collector) UpdateStorageBatch(addr common.Address, slots, values [][]byte) error {
	for i, slot := range slots {
		if err := c.UpdateStorage(addr, slot, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// DeleteAccount collects the end of an account.
func (c *collector) DeleteAccount(addr common.Address) error {
	c.put(accountKey(addr), nil)
	return nil
}

// DeleteStorage collects a slot that became zero.
func (c *collector) DeleteStorage(addr common.Address, slot []byte) error {
	c.put(slotKey(addr, slot), nil)
	return nil
}

// UpdateContractCode collects code. It is covered by the account's code hash.
func (c *collector) UpdateContractCode(_ common.Address, hash common.Hash, code []byte) error {
	c.db.add(Change{Key: codeKey(hash), Value: code})
	return nil
}

// Hash is the XOR of the hashes of the collected entries, for the slots of an
// account on top of what the account had before.
func (c *collector) Hash() common.Hash { return c.sum }

// Commit gives Hash; there are no nodes.
func (c *collector) Commit(bool) (common.Hash, *trienode.NodeSet) { return c.sum, nil }

// GetAccount reads the committed account.
func (c *collector) GetAccount(addr common.Address) (*types.StateAccount, error) {
	return c.db.Account(addr)
}

// GetStorage reads the committed slot.
func (c *collector) GetStorage(addr common.Address, slot []byte) ([]byte, error) {
	return c.db.get.Get(slotKey(addr, slot))
}

// What only a Merkle trie has.

// GetKey is nil: keys are not hashed.
func (c *collector) GetKey([]byte) []byte { return nil }

// PrefetchAccount has nothing to do.
func (c *collector) PrefetchAccount([]common.Address) error { return nil }

// PrefetchStorage has nothing to do.
func (c *collector) PrefetchStorage(common.Address, [][]byte) error { return nil }

// Witness is nil.
func (c *collector) Witness() map[string][]byte { return nil }

// NodeIterator is not supported.
func (c *collector) NodeIterator([]byte) (trie.NodeIterator, error) { return nil, errNoIteration }

// Prove is not supported.
func (c *collector) Prove([]byte, ethdb.KeyValueWriter) error { return errNoIteration }

// IsUBT is false.
func (c *collector) IsUBT() bool { return false }
