package system

import (
	"slices"
	"strings"
)

// Operators of conditions.
const (
	opGT = iota
	opGE
	opLT
	opLE
	opEQ
	opNE
	opStartsWith
	opEndsWith
	opContains
)

// condition is a demand on the key or on a column.
type condition struct {
	op    uint8
	field string
	value string
}

func readConditions(args *arguments, fields bool) (all []condition) {
	args.list(func(element *arguments) {
		c := condition{op: element.uint8()}
		if fields {
			c.field = element.string()
		}
		c.value = element.string()
		all = append(all, c)
	})
	return all
}

func (c condition) holds(s string) bool {
	switch c.op {
	case opGT:
		return s > c.value
	case opGE:
		return s >= c.value
	case opLT:
		return s < c.value
	case opLE:
		return s <= c.value
	case opEQ:
		return s == c.value
	case opNE:
		return s != c.value
	case opStartsWith:
		return strings.HasPrefix(s, c.value)
	case opEndsWith:
		return strings.HasSuffix(s, c.value)
	default:
		return strings.Contains(s, c.value)
	}
}

func allHold(conditions []condition, s string) bool {
	for _, c := range conditions {
		if !c.holds(s) {
			return false
		}
	}
	return true
}

// query is a search for rows: conditions by place, 0 the key, n the nth column.
type query struct {
	by       map[int][]condition
	limit    limit
	keyCount uint64 // how many keys are looked at, when columns have conditions
}

func (q query) keysOnly() bool { return len(q.by) == 1 && len(q.by[0]) > 0 }

// query checks conditions and finds their columns.
func (t openRows) query(conditions []condition, l limit) (query, error) {
	q := query{by: map[int][]condition{}, limit: l, keyCount: maxRows}
	if err := l.check(); err != nil {
		return q, err
	}
	if len(conditions) == 0 {
		return q, refuse("Condition is empty")
	}
	ranges := true // of the key's conditions
	for _, c := range conditions {
		place := 0
		if c.field != t.info.key {
			if place = 1 + slices.Index(t.info.columns, c.field); place == 0 {
				return q, refuse("Table condition fields not found")
			}
		} else {
			if c.op < opStartsWith || c.op > opContains {
				var err error
				if c.value, err = t.stored(c.value); err != nil {
					return q, err
				}
			}
			ranges = ranges && c.op <= opLE
		}
		if c.op > opContains {
			return q, refuse("%d ConditionOP not exist!", c.op)
		}
		q.by[place] = append(q.by[place], c)
	}
	if ranges && len(q.by[0]) > 0 {
		q.keyCount = uint64(max(l.count, minRows))
	}
	return q, nil
}

// matching calls each with the rows of a query. As on a node with executor version
// 1, only the first keyCount rows by key are looked at when columns have
// conditions, and an offset finds nothing when they have none.
func (t openRows) matching(q query, each func(key string, values []string) error) error {
	if q.limit.count == 0 {
		return nil
	}
	valid := func(key string) bool { return allHold(q.by[0], key) }
	offset, count := uint64(q.limit.offset), uint64(q.limit.count)
	if q.keysOnly() {
		for _, key := range keysOf(t.state, t.name, valid, offset, count) {
			values, _ := t.get(key)
			if err := each(key, values); err != nil {
				return err
			}
		}
		return nil
	}
	places := make([]int, 0, len(q.by))
	for place := range q.by {
		places = append(places, place)
	}
	slices.Sort(places)
	n := uint64(0) // matching so far
	for _, key := range keysOf(t.state, t.name, valid, 0, q.keyCount) {
		values, _ := t.get(key)
		ok, err := q.holds(places, values)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if n >= offset {
			if err := each(key, values); err != nil {
				return err
			}
		}
		if n++; n >= offset+count {
			break
		}
	}
	return nil
}

// holds checks the conditions on columns.
func (q query) holds(places []int, values []string) (bool, error) {
	for _, place := range places {
		if place > len(values) {
			return false, refuse("The field index is greater than the size of fields")
		}
		if place > 0 && !allHold(q.by[place], values[place-1]) {
			return false, nil
		}
	}
	return true, nil
}
