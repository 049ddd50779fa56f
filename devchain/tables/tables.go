// Package tables keeps the tables in which a node holds what its system
// contracts know: rows by the name of the table and a key.
//
// Tables is a layer over the committed rows with a journal, so that what a
// contract changed can be taken back. It never writes: its owner stores the
// changed rows together with the block that changed them. What the rows mean is
// not its business.
package tables

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// Source reads the committed rows. Values belong to the caller.
type Source interface {
	// Get is nil when there is no such key.
	Get(key []byte) (value []byte, err error)
	// Scan calls each with all keys that begin with prefix, in ascending order,
	// until each returns false. The slices are only valid during the call.
	Scan(prefix []byte, each func(key, value []byte) bool) error
}

// prefix is the first byte of the keys of all rows.
const prefix = 't'

// Tables are the tables as one execution sees them. They are used by one
// goroutine. A Source that fails makes rows appear missing; Err tells.
type Tables struct {
	from    Source
	changed map[string]map[string]row // by table and key
	journal []entry
	err     error
}

type row struct {
	value string
	gone  bool
}

// entry takes back one change.
type entry struct {
	table, key string
	before     row
	fresh      bool // there was no change of this row before
}

// New gives the tables that from holds.
func New(from Source) *Tables {
	return &Tables{from: from, changed: map[string]map[string]row{}}
}

// Get reads a row; false when there is none.
func (t *Tables) Get(table, key string) (string, bool) {
	if r, ok := t.changed[table][key]; ok {
		return r.value, !r.gone
	}
	value, err := t.from.Get(rowKey(table, key))
	if err != nil {
		t.fail(err)
		return "", false
	}
	return string(value), value != nil
}

// Set writes a row.
func (t *Tables) Set(table, key, value string) { t.put(table, key, row{value: value}) }

// Delete removes a row, if it is there.
func (t *Tables) Delete(table, key string) { t.put(table, key, row{gone: true}) }

func (t *Tables) put(table, key string, r row) {
	rows := t.changed[table]
	if rows == nil {
		rows = map[string]row{}
		t.changed[table] = rows
	}
	before, changed := rows[key]
	t.journal = append(t.journal, entry{table, key, before, !changed})
	rows[key] = r
}

// Keys calls each with the keys of a table in ascending order, until each
// returns false. The table must not be changed meanwhile.
func (t *Tables) Keys(table string, each func(key string) bool) {
	own := make([]string, 0, len(t.changed[table]))
	for key := range t.changed[table] {
		own = append(own, key)
	}
	slices.Sort(own)
	next := func(before string, all bool) bool { // own keys that come before a committed one
		for len(own) > 0 && (all || own[0] < before) {
			key := own[0]
			own = own[1:]
			if !t.changed[table][key].gone && !each(key) {
				return false
			}
		}
		return true
	}
	more := true
	start := rowKey(table, "")
	err := t.from.Scan(start, func(at, _ []byte) bool {
		key := string(at[len(start):])
		if more = next(key, false); !more {
			return false
		}
		if _, changed := t.changed[table][key]; changed {
			return true // it is the next of its own
		}
		more = each(key)
		return more
	})
	if err != nil {
		t.fail(err)
	}
	if more {
		next("", true)
	}
}

// Snapshot marks the state of the tables for Revert.
func (t *Tables) Snapshot() int { return len(t.journal) }

// Revert takes back everything since the snapshot. Snapshots that were taken
// later end.
func (t *Tables) Revert(snapshot int) {
	for i := len(t.journal) - 1; i >= snapshot; i-- {
		e := t.journal[i]
		if e.fresh {
			delete(t.changed[e.table], e.key)
		} else {
			t.changed[e.table][e.key] = e.before
		}
	}
	t.journal = t.journal[:snapshot]
}

// Settle makes all changes stand: earlier snapshots end.
func (t *Tables) Settle() { t.journal = t.journal[:0] }

// Changes are the rows that were changed, as entries of the store, ordered by key.
func (t *Tables) Changes() []flatstate.Change {
	var all []flatstate.Change
	for table, rows := range t.changed {
		for key, r := range rows {
			c := flatstate.Change{Key: rowKey(table, key)}
			if !r.gone {
				c.Value = append([]byte{}, r.value...)
			}
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b flatstate.Change) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return all
}

// Err is the first failure of the source.
func (t *Tables) Err() error { return t.err }

func (t *Tables) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// rowKey is the key of a row in the store. The length of the table's name keeps
// tables apart whose names begin alike.
func rowKey(table, key string) []byte {
	out := make([]byte, 0, 1+binary.MaxVarintLen32+len(table)+len(key))
	out = append(out, prefix)
	out = binary.AppendUvarint(out, uint64(len(table)))
	out = append(out, table...)
	return append(out, key...)
}
