package system

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Table, 0x1001: the contract behind tables with columns. A row of the store has
// the values of all columns but the key.
func (c *Contracts) tableContract() contract {
	return contract{
		name:  "TablePrecompiled",
		bound: true,
		before: func(x *context, _ [4]byte, _ *arguments) ([]byte, error) {
			return nil, tableThere(x)
		},
		methods: c.functions(map[string]method{
			"select(string)":                                                    selectKey,
			"insert((string,string[]))":                                         insertRow,
			"update(string,(string,string)[])":                                  updateKey,
			"remove(string)":                                                    removeKey,
			"select((uint8,string,string)[],(uint32,uint32))":                   selectRows,
			"count((uint8,string,string)[])":                                    countRows,
			"remove((uint8,string,string)[],(uint32,uint32))":                   removeRows,
			"select((uint8,string)[],(uint32,uint32))":                          selectByKeys,
			"count((uint8,string)[])":                                           countByKeys,
			"remove((uint8,string)[],(uint32,uint32))":                          removeByKeys,
			"update((uint8,string)[],(uint32,uint32),(string,string)[])":        updateByKeys,
			"update((uint8,string,string)[],(uint32,uint32),(string,string)[])": updateRows,
		}),
	}
}

// openRows is a table that a call works on.
type openRows struct {
	state State
	name  string // where its rows are
	info  tableInfo
}

// open reads the columns of the table that is called for, as a call to the table
// manager.
func open(x *context) openRows {
	x.Calls++
	return openRows{x.State, rowsOf(x.table), describe(x.State, x.table)}
}

func (t openRows) get(key string) ([]string, bool) {
	row, ok := t.state.Get(t.name, key)
	return fieldsOf(row), ok
}

func (t openRows) set(key string, values []string) { t.state.Set(t.name, key, rowOf(values)) }

func notANumber() error { return refuse("The key cannot be converted to a number(int64)") }

// stored is the form of a key in the store: of tables that order by number, 32
// digits that keep the order.
func (t openRows) stored(key string) (string, error) {
	if t.info.order == 0 {
		return key, nil
	}
	n, err := strconv.ParseInt(key, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != key {
		return "", notANumber()
	}
	return fmt.Sprintf("%032d", uint64(n)+1<<63), nil
}

// shown is a key as users know it.
func (t openRows) shown(stored string) string {
	if t.info.order == 0 {
		return stored
	}
	n, _ := strconv.ParseUint(stored, 10, 64) // stored made it
	return strconv.FormatInt(int64(n-1<<63), 10)
}

func entryValue(key string, values []string) value { return tuple(text(key), texts(values)) }

func selectKey(x *context, args *arguments) ([]byte, error) {
	t, shown := open(x), args.string()
	key, err := t.stored(shown)
	if err != nil {
		return nil, err
	}
	values, ok := t.get(key)
	if !ok {
		shown = ""
	}
	return encode(entryValue(shown, values)), nil
}

func insertRow(x *context, args *arguments) ([]byte, error) {
	t, row := open(x), args.part()
	key, values := row.string(), row.strings()
	key, err := t.stored(key)
	switch {
	case err != nil:
		return nil, err
	case len(values) != len(t.info.columns):
		return nil, refuse("Table insert entry fields number mismatch")
	case key == "":
		return nil, refuse("Table insert entry key is empty")
	}
	if err := checkLength(key, maxKey, codeKeyTooLong); err != nil {
		return nil, err
	}
	for _, v := range values {
		if err := checkLength(v, maxValue, codeValueTooLong); err != nil {
			return nil, err
		}
	}
	if _, exists := t.get(key); exists {
		return code(codeInsertExists)
	}
	t.set(key, values)
	return code(1)
}

func removeKey(x *context, args *arguments) ([]byte, error) {
	t := open(x)
	key, err := t.stored(args.string())
	if err != nil {
		return nil, err
	}
	if _, ok := t.get(key); !ok {
		return code(codeRemoveMissing)
	}
	t.state.Delete(t.name, key)
	return code(1)
}

// assignment sets a column.
type assignment struct {
	field, value string
	index        int // of the column
}

func readAssignments(args *arguments) (all []assignment) {
	args.list(func(pair *arguments) {
		all = append(all, assignment{field: pair.string(), value: pair.string()})
	})
	return all
}

// resolve finds the columns of assignments.
func (t openRows) resolve(all []assignment) error {
	for i := range all {
		if err := checkLength(all[i].value, maxValue, codeValueTooLong); err != nil {
			return err
		}
		if all[i].field == t.info.key {
			return refuse("Table update fields cannot contains key field")
		}
		if all[i].index = slices.Index(t.info.columns, all[i].field); all[i].index < 0 {
			return refuse("Table update fields not found")
		}
	}
	return nil
}

// update changes a row. A row that is older than a column has no place for it: a
// node writes into foreign memory then.
func (t openRows) update(key string, values []string, all []assignment) error {
	for _, a := range all {
		if a.index >= len(values) {
			return refuse("the row has no column %s, because it is older than the column", a.field)
		}
		values[a.index] = a.value
	}
	t.set(key, values)
	return nil
}

func updateKey(x *context, args *arguments) ([]byte, error) {
	t, shown := open(x), args.string()
	assignments := readAssignments(args)
	key, err := t.stored(shown)
	if err != nil {
		return nil, err
	}
	values, ok := t.get(key)
	if !ok {
		return code(codeUpdateMissing)
	}
	if err := t.resolve(assignments); err != nil {
		return nil, err
	}
	if err := t.update(key, values, assignments); err != nil {
		return nil, err
	}
	return code(1)
}

func selectRows(x *context, args *arguments) ([]byte, error) {
	conditions, limit, t := readConditions(args, true), readLimit(args), open(x)
	q, err := t.query(conditions, limit)
	if err != nil {
		return nil, err
	}
	var found []value
	err = t.matching(q, func(key string, values []string) error {
		found = append(found, entryValue(t.shown(key), values))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return encode(array(found...)), nil
}

func countRows(x *context, args *arguments) ([]byte, error) {
	conditions, t := readConditions(args, true), open(x)
	q, err := t.query(conditions, limit{0, maxRows})
	if err != nil {
		return nil, err
	}
	n := int64(0)
	err = t.matching(q, func(string, []string) error {
		n++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return code(n)
}

func updateRows(x *context, args *arguments) ([]byte, error) {
	conditions, limit := readConditions(args, true), readLimit(args)
	assignments, t := readAssignments(args), open(x)
	q, err := t.query(conditions, limit)
	if err != nil {
		return nil, err
	}
	if err := t.resolve(assignments); err != nil {
		return nil, err
	}
	n := int64(0)
	err = t.matching(q, func(key string, values []string) error {
		n++
		return t.update(key, values, assignments)
	})
	if err != nil {
		return nil, err
	}
	return code(n)
}

func removeRows(x *context, args *arguments) ([]byte, error) {
	conditions, limit, t := readConditions(args, true), readLimit(args), open(x)
	q, err := t.query(conditions, limit)
	if err != nil {
		return nil, err
	}
	n := int64(0)
	err = t.matching(q, func(key string, _ []string) error {
		n++
		t.state.Delete(t.name, key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return code(n)
}

// The functions of versions before 3.2, whose conditions are about the key alone.

func selectByKeys(x *context, args *arguments) ([]byte, error) {
	keys, err := keysByOldConditions(x, readConditions(args, false), readLimit(args))
	if err != nil {
		return nil, err
	}
	found := make([]value, len(keys))
	for i, key := range keys {
		row, _ := x.State.Get(rowsOf(x.table), key)
		found[i] = entryValue(key, fieldsOf(row))
	}
	return encode(array(found...)), nil
}

func countByKeys(x *context, args *arguments) ([]byte, error) {
	keys, err := keysByOldConditions(x, readConditions(args, false), limit{0, maxRows})
	if err != nil {
		return nil, err
	}
	return code(int64(len(keys)))
}

func updateByKeys(x *context, args *arguments) ([]byte, error) {
	conditions, limit := readConditions(args, false), readLimit(args)
	assignments := readAssignments(args)
	keys, err := keysByOldConditions(x, conditions, limit)
	if err != nil {
		return nil, err
	}
	t := open(x)
	if err := t.resolve(assignments); err != nil {
		return nil, err
	}
	for _, key := range keys {
		values, _ := t.get(key)
		if err := t.update(key, values, assignments); err != nil {
			return nil, err
		}
	}
	return code(int64(len(keys)))
}

func removeByKeys(x *context, args *arguments) ([]byte, error) {
	keys, err := keysByOldConditions(x, readConditions(args, false), readLimit(args))
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		x.State.Delete(rowsOf(x.table), key)
	}
	return code(int64(len(keys)))
}

func keysByOldConditions(x *context, conditions []condition, l limit) ([]string, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if len(conditions) == 0 {
		return nil, refuse("Condition is empty")
	}
	for _, c := range conditions {
		if c.op > opLE {
			return nil, refuse("%d ConditionOP not exist!", c.op)
		}
	}
	valid := func(key string) bool { return allHold(conditions, key) }
	return keysOf(x.State, rowsOf(x.table), valid, uint64(l.offset), uint64(l.count)), nil
}

// limit is a window of matching rows.
type limit struct{ offset, count uint32 }

func readLimit(args *arguments) limit { return limit{args.uint32(), args.uint32()} }

func (l limit) check() error {
	if l.count > maxRows || l.offset > math.MaxUint32-l.count {
		return refuse("Limit overflow.")
	}
	return nil
}
