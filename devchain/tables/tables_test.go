package tables

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// memory is a store in memory.
type memory map[string][]byte

func (m memory) Get(key []byte) ([]byte, error) { return slices.Clone(m[string(key)]), nil }

func (m memory) Scan(prefix []byte, each func(key, value []byte) bool) error {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if bytes.HasPrefix([]byte(key), prefix) && !each([]byte(key), m[key]) {
			break
		}
	}
	return nil
}

func (m memory) apply(changes []flatstate.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(m, string(c.Key))
		} else {
			m[string(c.Key)] = c.Value
		}
	}
}

func keysOf(t *Tables, table string) []string {
	keys := []string{}
	t.Keys(table, func(key string) bool {
		keys = append(keys, key)
		return true
	})
	return keys
}

func TestRowsComeBack(t *testing.T) {
	t.Parallel()
	store := memory{}
	first := New(store)
	first.Set("a", "1", "one")
	first.Set("a", "", "")
	first.Set("ab", "1", "other")
	first.Set("a", "2", "two")
	first.Delete("a", "2")
	store.apply(first.Changes())
	require.Len(t, store, 3)

	second := New(store)
	value, ok := second.Get("a", "1")
	require.True(t, ok)
	require.Equal(t, "one", value)
	value, ok = second.Get("a", "")
	require.True(t, ok, "an empty row is a row")
	require.Empty(t, value)
	for _, missing := range [][2]string{{"a", "2"}, {"ab", "2"}, {"", "1"}, {"a", "b1"}, {"c", "1"}} {
		_, ok = second.Get(missing[0], missing[1])
		require.False(t, ok, "%q", missing)
	}
	require.Equal(t, []string{"", "1"}, keysOf(second, "a"))
	require.Equal(t, []string{"1"}, keysOf(second, "ab"))
	require.Empty(t, second.Changes(), "reading changes nothing")

	second.Delete("a", "1")
	store.apply(second.Changes())
	require.Equal(t, []string{""}, keysOf(New(store), "a"))
}

func TestKeysMergeInOrder(t *testing.T) {
	t.Parallel()
	store := memory{}
	base := New(store)
	for _, key := range []string{"b", "d", "f"} {
		base.Set("x", key, key)
	}
	base.Set("w", "z", "")
	store.apply(base.Changes())
	tables := New(store)
	for _, key := range []string{"g", "a", "c", "d"} {
		tables.Set("x", key, "new")
	}
	tables.Delete("x", "f")
	require.Equal(t, []string{"a", "b", "c", "d", "g"}, keysOf(tables, "x"))
	for n := range 5 {
		var keys []string
		tables.Keys("x", func(key string) bool {
			keys = append(keys, key)
			return len(keys) <= n
		})
		require.Equal(t, []string{"a", "b", "c", "d", "g"}[:n+1], keys, "it stops when told to")
	}
}

// Whatever is done after a snapshot, Revert brings back what was seen then.
func TestRevert(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	store := memory{}
	base := New(store)
	for i := range 5 {
		base.Set("t", fmt.Sprint(i), "committed")
	}
	store.apply(base.Changes())
	tables := New(store)
	type picture struct {
		mark    int
		changes []flatstate.Change
		keys    []string
	}
	var pictures []picture
	for range 2000 {
		key := fmt.Sprint(rnd.IntN(8))
		switch rnd.IntN(6) {
		case 0:
			pictures = append(pictures, picture{tables.Snapshot(), tables.Changes(), keysOf(tables, "t")})
		case 1:
			if len(pictures) == 0 {
				continue
			}
			n := rnd.IntN(len(pictures))
			tables.Revert(pictures[n].mark)
			require.Equal(t, pictures[n].changes, tables.Changes())
			require.Equal(t, pictures[n].keys, keysOf(tables, "t"))
			pictures = pictures[:n]
		case 2:
			tables.Delete("t", key)
		default:
			tables.Set("t", key, fmt.Sprint(rnd.IntN(100)))
		}
	}
	before := tables.Changes()
	tables.Settle()
	tables.Revert(tables.Snapshot())
	require.Equal(t, before, tables.Changes(), "what is settled stays")
}

type broken struct{}

var errBroken = errors.New("disk on fire")

func (broken) Get([]byte) ([]byte, error)                      { return nil, errBroken }
func (broken) Scan([]byte, func(key, value []byte) bool) error { return errBroken }

func TestFailingStoreIsTold(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(*Tables){
		"a row":  func(tables *Tables) { tables.Get("a", "b") },
		"a scan": func(tables *Tables) { tables.Keys("a", func(string) bool { return true }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables := New(broken{})
			require.NoError(t, tables.Err())
			read(tables)
			require.ErrorIs(t, tables.Err(), errBroken)
		})
	}
}
