// Package flatstate is a state database for go-ethereum's StateDB that keeps
// accounts, storage slots and code as plain entries of a key-value store,
// without a Merkle trie.
//
// A FISCO BCOS chain has no Merkle trie either: the state root of a block is the
// XOR of the hashes of the entries that the block changed, and proves nothing.
// This package does the same, so that a block costs one write per changed entry.
// It never writes: it collects the changes, and its owner stores them together
// with the block that made them.
package flatstate

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/lru"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/triedb"
)

// Getter reads the committed entries. The value is nil when there is none, and
// belongs to the caller. It must be safe for concurrent use.
type Getter interface {
	Get(key []byte) (value []byte, err error)
}

// CodeCache keeps contract code by its hash, up to a number of bytes. It is safe
// for concurrent use and may be shared by all states of a chain, because code of
// a hash never changes.
type CodeCache struct {
	codes *lru.SizeConstrainedCache[common.Hash, []byte]
}

// NewCodeCache makes a cache of at most size bytes of code.
func NewCodeCache(size uint64) *CodeCache {
	return &CodeCache{codes: lru.NewSizeConstrainedCache[common.Hash, []byte](size)}
}

// Change is one changed entry; a nil value deletes it.
type Change struct {
	Key, Value []byte
}

// Database is a state.Database over one committed state. It is made for one
// StateDB: for one block, or for one read.
type Database struct {
	get   Getter
	codes *CodeCache

	mu      sync.Mutex // storage of several accounts is collected concurrently
	changes []Change
	root    common.Hash
}

// New makes a database over the entries of get. Codes may be nil.
func New(get Getter, codes *CodeCache) *Database {
	return &Database{get: get, codes: codes}
}

// NewStateDB makes the journaled state over db.
func NewStateDB(db *Database) (*state.StateDB, error) { return state.New(types.EmptyRootHash, db) }

// Changes are the entries that the committed StateDB changed, in no particular
// order. They must be stored all or not at all.
func (db *Database) Changes() []Change { return db.changes }

// Root is the XOR of the hashes of the changed entries.
func (db *Database) Root() common.Hash { return db.root }

func accountKey(addr common.Address) []byte { return append([]byte{'a'}, addr[:]...) }

func slotKey(addr common.Address, slot []byte) []byte {
	key := make([]byte, 0, 1+len(addr)+len(slot))
	key = append(key, 's')
	key = append(key, addr[:]...)
	return append(key, slot...)
}

func codeKey(hash common.Hash) []byte { return append([]byte{'c'}, hash[:]...) }

// Account reads the committed account; nil when there is none.
func (db *Database) Account(addr common.Address) (*types.StateAccount, error) {
	data, err := db.get.Get(accountKey(addr))
	if err != nil || data == nil {
		return nil, err
	}
	account, err := types.FullAccount(data)
	if err != nil {
		return nil, fmt.Errorf("account %s in the ledger is damaged: %w", addr, err)
	}
	return account, nil
}

// Storage reads the committed value of a slot.
func (db *Database) Storage(addr common.Address, slot common.Hash) (common.Hash, error) {
	data, err := db.get.Get(slotKey(addr, slot[:]))
	return common.BytesToHash(data), err
}

// Has reports whether there is code of that hash.
func (db *Database) Has(addr common.Address, hash common.Hash) bool {
	return db.CodeSize(addr, hash) > 0
}

// Code reads code by its hash; nil when there is none.
func (db *Database) Code(_ common.Address, hash common.Hash) []byte {
	if db.codes != nil {
		if code, ok := db.codes.codes.Get(hash); ok {
			return code
		}
	}
	code, err := db.get.Get(codeKey(hash))
	if err != nil || code == nil {
		return nil
	}
	if db.codes != nil {
		db.codes.codes.Add(hash, code)
	}
	return code
}

// CodeSize is the length of Code.
func (db *Database) CodeSize(addr common.Address, hash common.Hash) int {
	return len(db.Code(addr, hash))
}

// Type says that account and storage changes are collected one by one.
func (db *Database) Type() state.DatabaseType { return state.TypeMPT }

// Reader gives the one state that db is over, whatever the root.
func (db *Database) Reader(common.Hash) (state.Reader, error) { return db, nil }

var errNoIteration = errors.New("flatstate: accounts cannot be iterated")

// Iteratee is not supported: only a rule set older than Cancun would need it.
func (db *Database) Iteratee(common.Hash) (state.Iteratee, error) { return nil, errNoIteration }

// OpenTrie gives the collector of changed accounts.
func (db *Database) OpenTrie(common.Hash) (state.Trie, error) {
	return &collector{db: db}, nil
}

// OpenStorageTrie gives the collector of the changed slots of one account.
func (db *Database) OpenStorageTrie(_ common.Hash, _ common.Address, root common.Hash, _ state.Trie) (state.Trie, error) {
	return &collector{db: db, sum: root}, nil
}

// TrieDB is nil: there is no trie.
func (db *Database) TrieDB() *triedb.Database { return nil }

// Commit keeps the root; the changes are collected already.
func (db *Database) Commit(update *state.StateUpdate) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.root = update.Root
	return nil
}

func (db *Database) add(c Change) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.changes = append(db.changes, c)
}
