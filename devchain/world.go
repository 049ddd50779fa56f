package devchain

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/params"
	"github.com/holiman/uint256"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
	"github.com/bcosgate/bcosgate/devchain/system"
	"github.com/bcosgate/bcosgate/devchain/tables"
)

// world is the state that one block or read works on: the accounts of the EVM and
// the tables of the system contracts. Snapshots are of both.
type world struct {
	*state.StateDB
	db     *flatstate.Database
	tables *tables.Tables
	marks  []mark // in the order of the snapshots
	origin common.Address
}

// mark pairs a snapshot of the accounts with one of the tables.
type mark struct{ accounts, tables int }

// worldSource has what was committed.
type worldSource interface {
	flatstate.Getter
	tables.Source
}

func newWorld(from worldSource, codes *flatstate.CodeCache) (*world, error) {
	db := flatstate.New(from, codes)
	st, err := flatstate.NewStateDB(db)
	if err != nil {
		return nil, err
	}
	return &world{StateDB: st, db: db, tables: tables.New(from)}, nil
}

// Snapshot marks the state for RevertToSnapshot.
func (w *world) Snapshot() int {
	id := w.StateDB.Snapshot()
	w.marks = append(w.marks, mark{id, w.tables.Snapshot()})
	return id
}

// RevertToSnapshot takes back everything since the snapshot.
func (w *world) RevertToSnapshot(id int) {
	w.StateDB.RevertToSnapshot(id)
	i, _ := slices.BinarySearchFunc(w.marks, id, func(m mark, id int) int { return m.accounts - id })
	w.tables.Revert(w.marks[i].tables)
	w.marks = w.marks[:i]
}

// begin prepares for a transaction that origin signed.
func (w *world) begin(origin common.Address) { w.origin = origin }

// settle ends a transaction: its changes stand.
func (w *world) settle(rules params.Rules) {
	w.Finalise(rules)
	w.tables.Settle()
	w.marks = w.marks[:0]
}

// CreateContract makes the account a contract, whose administrator is who signed
// the transaction.
func (w *world) CreateContract(addr common.Address) {
	w.StateDB.CreateContract(addr)
	system.Created(w.tables, addr, w.origin)
}

// err is the first failure to read what was committed.
func (w *world) err() error {
	if err := w.Error(); err != nil {
		return err
	}
	return w.tables.Err()
}

// commit gives the changed entries and the XOR of their hashes.
func (w *world) commit(rules params.Rules, number uint64) ([]flatstate.Change, common.Hash, error) {
	root, err := w.Commit(rules, number)
	if err == nil {
		err = w.tables.Err()
	}
	if err != nil {
		return nil, root, err
	}
	rows := w.tables.Changes()
	return append(w.db.Changes(), rows...), flatstate.AddToRoot(root, rows), nil
}

// systemState is the world as system contracts see it.
type systemState struct{ w *world }

var _ system.State = systemState{}

func (s systemState) Get(table, key string) (string, bool)          { return s.w.tables.Get(table, key) }
func (s systemState) Set(table, key, value string)                  { s.w.tables.Set(table, key, value) }
func (s systemState) Delete(table, key string)                      { s.w.tables.Delete(table, key) }
func (s systemState) Keys(table string, each func(key string) bool) { s.w.tables.Keys(table, each) }
func (s systemState) Snapshot() int                                 { return s.w.Snapshot() }
func (s systemState) Revert(snapshot int)                           { s.w.RevertToSnapshot(snapshot) }
func (s systemState) Exists(a common.Address) bool                  { return s.w.Exist(a) }
func (s systemState) Code(a common.Address) []byte                  { return s.w.GetCode(a) }
func (s systemState) Balance(a common.Address) *uint256.Int         { return s.w.GetBalance(a) }

func (s systemState) SetCode(a common.Address, code []byte) {
	s.w.SetCode(a, code, tracing.CodeChangeUnspecified)
}

func (s systemState) Emit(at common.Address, topics []common.Hash, data []byte) {
	s.w.AddLog(&types.Log{Address: at, Topics: topics, Data: data})
}

func (s systemState) SetBalance(a common.Address, n *uint256.Int) {
	s.w.SetBalance(a, n, tracing.BalanceChangeUnspecified)
}
