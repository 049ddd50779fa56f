package system

import (
	"context"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
)

// KeyOrder is how a table sorts its keys.
type KeyOrder uint8

// The orders of protocol §8.1.
const (
	KeyOrderText   KeyOrder = 0
	KeyOrderNumber KeyOrder = 1
)

// String is "text" or "number".
func (k KeyOrder) String() string {
	return name(k, "text", "number")
}

// name gives the name of a small number, or the number where it has none.
func name[T ~uint8](n T, names ...string) string {
	if int(n) < len(names) {
		return names[n]
	}
	return strconv.Itoa(int(n))
}

// TableManager is contract 0x1002: it makes and opens tables. Their paths are
// /tables/NAME. The functions that take a key order exist from node 3.2 on.
type TableManager struct{ contract }

// TableManager is the contract of this group.
func (c *Contracts) TableManager() TableManager {
	return TableManager{c.fixed("TableManager", 0x1002)}
}

// TableInfo is the form of a table.
type TableInfo struct {
	Order   KeyOrder
	Key     string   // name of the key column
	Columns []string // names of the other columns
}

// CreateTable makes a table.
func (m TableManager) CreateTable(table string, info TableInfo) (Write[None], error) {
	if info.Order > KeyOrderNumber {
		return Write[None]{}, m.invalid("createTable", "key order %s is not known", info.Order)
	}
	return m.change("createTable(string,(uint8,string,string[]))", table, []any{uint64(info.Order), info.Key, info.Columns})
}

// CreateKVTable makes a table of one key and one value column.
func (m TableManager) CreateKVTable(table, key, value string) (Write[None], error) {
	return m.change("createKVTable(string,string,string)", table, key, value)
}

// AppendColumns adds columns to a table.
func (m TableManager) AppendColumns(table string, columns []string) (Write[None], error) {
	return m.change("appendColumns(string,string[])", table, columns)
}

// OpenTable gives the address of a table, for Table or KVTable. KindNotFound when
// there is none.
func (m TableManager) OpenTable(ctx context.Context, table string) (common.Address, error) {
	return read(ctx, m.contract, "openTable(string)(address)", func(out *outputs) common.Address {
		return out.found("there is no such table")
	}, table)
}

// found is an address that is not zero.
func (o *outputs) found(missing string) common.Address {
	a := o.address()
	if a == (common.Address{}) {
		o.missing = missing
	}
	return a
}

// Describe gives the form of a table. KindNotFound when there is none.
func (m TableManager) Describe(ctx context.Context, table string) (TableInfo, error) {
	return read(ctx, m.contract, "descWithKeyOrder(string)((uint8,string,string[]))", func(out *outputs) TableInfo {
		info := tuple(out, func(parts *outputs) TableInfo {
			return TableInfo{Order: KeyOrder(parts.uint8()), Key: parts.text(), Columns: parts.texts()}
		})
		if info.Key == "" {
			out.missing = "there is no such table"
		}
		return info
	}, table)
}

// Operator compares a column with a value.
type Operator uint8

// The operators of protocol §8.1.
const (
	Greater Operator = iota
	GreaterOrEqual
	Less
	LessOrEqual
	Equal
	NotEqual
	StartsWith
	EndsWith
	Contains
)

// String is as in SQL, for example ">=", or "starts with".
func (o Operator) String() string {
	return name(o, ">", ">=", "<", "<=", "=", "<>", "starts with", "ends with", "contains")
}

// Condition chooses rows. Several hold together.
type Condition struct {
	Operator Operator
	Column   string
	Value    string
}

// MaxRows is the most rows that one Limit may ask for (protocol §8.1).
const MaxRows = 500

// Limit is which of the chosen rows are meant: Count, at most MaxRows, from
// Offset on.
type Limit struct {
	Offset uint32
	Count  uint32
}

// Row is a row of a table.
type Row struct {
	Key    string
	Fields []string // in the order of the columns
}

// Change is a new value of a column.
type Change struct {
	Column string
	Value  string
}

// Table is a table at its own address. Values that are not UTF-8 are read with
// U+FFFD in place of what is wrong. The forms with conditions exist from node 3.2
// on.
type Table struct{ contract }

// Table is the table at the address that OpenTable gives.
func (c *Contracts) Table(at common.Address) Table { return Table{c.at("Table", at)} }

func (o *outputs) row() Row { return Row{Key: o.text(), Fields: o.texts()} }

// Get reads the row of a key; KindNotFound when there is none. It cannot tell a
// row whose key is the empty text from none.
func (t Table) Get(ctx context.Context, key string) (Row, error) {
	return read(ctx, t.contract, "select(string)((string,string[]))", func(out *outputs) Row {
		row := tuple(out, (*outputs).row)
		if row.Key == "" {
			out.missing = "there is no row with this key"
		}
		return row
	}, key)
}

// Select reads the rows that all conditions choose.
func (t Table) Select(ctx context.Context, where []Condition, limit Limit) ([]Row, error) {
	if err := t.check("select", where, limit); err != nil {
		return nil, err
	}
	return read(ctx, t.contract, "select((uint8,string,string)[],(uint32,uint32))((string,string[])[])", func(out *outputs) []Row {
		return tuples(out, (*outputs).row)
	}, conditions(where), limit.pair())
}

// Count counts the rows that all conditions choose.
func (t Table) Count(ctx context.Context, where []Condition) (int64, error) {
	if err := t.check("count", where, Limit{}); err != nil {
		return 0, err
	}
	return read(ctx, t.contract, "count((uint8,string,string)[])(int256)", (*outputs).count, conditions(where))
}

// Insert adds a row; the result is 1. CodeInsertKeyExists when the key is there.
func (t Table) Insert(row Row) (Write[int64], error) {
	return t.rows("insert((string,string[]))", []any{row.Key, row.Fields})
}

// Update changes the row of a key; the result is 1. CodeUpdateNoKey when there is
// none.
func (t Table) Update(key string, changes []Change) (Write[int64], error) {
	return t.rows("update(string,(string,string)[])", key, changeList(changes))
}

// UpdateWhere changes the rows that all conditions choose; the result is how many.
func (t Table) UpdateWhere(where []Condition, limit Limit, changes []Change) (Write[int64], error) {
	if err := t.check("update", where, limit); err != nil {
		return Write[int64]{}, err
	}
	return t.rows("update((uint8,string,string)[],(uint32,uint32),(string,string)[])", conditions(where), limit.pair(), changeList(changes))
}

// Remove takes away the row of a key; the result is 1. CodeRemoveNoKey when there
// is none.
func (t Table) Remove(key string) (Write[int64], error) { return t.rows("remove(string)", key) }

// RemoveWhere takes away the rows that all conditions choose; the result is how
// many.
func (t Table) RemoveWhere(where []Condition, limit Limit) (Write[int64], error) {
	if err := t.check("remove", where, limit); err != nil {
		return Write[int64]{}, err
	}
	return t.rows("remove((uint8,string,string)[],(uint32,uint32))", conditions(where), limit.pair())
}

// check refuses what every node refuses.
func (t Table) check(function string, where []Condition, limit Limit) error {
	if limit.Count > MaxRows {
		return t.invalid(function, "%d rows are more than %d", limit.Count, MaxRows)
	}
	for _, c := range where {
		if c.Operator > Contains {
			return t.invalid(function, "operator %s is not known", c.Operator)
		}
	}
	return nil
}

func conditions(where []Condition) []any {
	list := make([]any, len(where))
	for i, c := range where {
		list[i] = []any{uint64(c.Operator), c.Column, c.Value}
	}
	return list
}

func (l Limit) pair() []any { return []any{uint64(l.Offset), uint64(l.Count)} }

func changeList(changes []Change) []any {
	list := make([]any, len(changes))
	for i, c := range changes {
		list[i] = []any{c.Column, c.Value}
	}
	return list
}

// KVTable is a table of keys and values at its own address.
type KVTable struct{ contract }

// KVTable is the table at the address that OpenTable gives.
func (c *Contracts) KVTable(at common.Address) KVTable { return KVTable{c.at("KVTable", at)} }

// Set writes the value of a key; the result is the number of rows, 1.
func (t KVTable) Set(key, value string) (Write[int64], error) {
	return t.rows("set(string,string)", key, value)
}

// Get reads the value of a key; KindNotFound when there is none.
func (t KVTable) Get(ctx context.Context, key string) (string, error) {
	return read(ctx, t.contract, "get(string)(bool,string)", func(out *outputs) string {
		if !out.flag() {
			out.missing = "there is no such key"
		}
		return out.text()
	}, key)
}
