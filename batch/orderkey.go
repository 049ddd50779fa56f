package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/bcosgate/bcosgate/batch/rows"
	"github.com/bcosgate/bcosgate/contracts"
)

// This file finds the key that a row is ordered by. It is kept as a hash; two keys with
// the same hash only wait for each other without need.

// orderKey is 63 bits of a hash of a key, never 0.
func orderKey(key []byte) int64 {
	sum := sha256.Sum256(key)
	return max(int64(binary.BigEndian.Uint64(sum[:])>>1), 1)
}

// maxColumn is the longest name of a column to order by.
const maxColumn = 200

// checkOrderedBy says why the rows of a job cannot be ordered as its spec wants, or "".
func checkOrderedBy(spec Spec) string {
	switch name := spec.OrderedBy; {
	case name == "":
	case name == "_after", name == "_from", name == "_value":
		return fmt.Sprintf("rows cannot be ordered by %s: name an argument, another column, _id, _to or _fn", name)
	case len(name) > maxColumn:
		return fmt.Sprintf("is longer than %d bytes", maxColumn)
	case spec.Kind.Reads():
		return "orders what is sent, and a job of kind " + string(spec.Kind) + " sends nothing: leave it out"
	case spec.ShardBy != "":
		return "keeps all rows in one shard: leave out one of orderedBy and shardBy"
	}
	return ""
}

// lacksOrder reports whether the header has nothing that rows could be ordered by.
func (c *checker) lacksOrder(columns []string) bool {
	return c.orderedBy != "" && find(c.orderedBy, func(name string) int { return slices.Index(columns, name) }) < 0
}

// key is the order key of a row that calls b, whose arguments were arranged and encoded;
// nil when rows are not ordered.
func (c *checker) key(row rows.Row, b *binding, it newItem) (*int64, *RowFault) {
	if c.orderedBy == "" {
		return nil, nil
	}
	text, fault := c.keyBytes(row, b, it)
	key := orderKey(text)
	return &key, fault
}

func (c *checker) keyBytes(row rows.Row, b *binding, it newItem) ([]byte, *RowFault) {
	switch c.orderedBy {
	case "_id":
		return []byte(row.ID), nil
	case "_to":
		return it.recipient, nil
	case "_fn":
		return []byte(b.method.Signature()), nil
	}
	// As an argument its spelling does not matter: 16 and 0x10 are one key.
	for i, in := range b.inputs {
		if named(c.orderedBy, in.Name) || named(in.Name, c.orderedBy) {
			return argumentKey(in, c.values[i]), nil
		}
	}
	at := slices.IndexFunc(row.Cells, func(cell rows.Cell) bool { return cell.Column == c.orderedBy })
	if at < 0 {
		return nil, &RowFault{Column: c.orderedBy, Reason: "is missing; the rows are ordered by it"}
	}
	return []byte(keyText(row.Cells[at].Value)), nil
}

// argumentKey is the value of an argument as the contract sees it; of arrays and
// tuples, as it stands in the row.
func argumentKey(in contracts.Argument, value any) []byte {
	if !strings.ContainsAny(in.Type, "([") {
		if m, err := contracts.MethodFromSignature("key(" + in.Type + ")"); err == nil {
			if encoded, err := m.Encode([]any{value}); err == nil {
				return encoded
			}
		}
	}
	return []byte(keyText(value))
}
