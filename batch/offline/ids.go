package offline

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// idSet finds rows that have the same _id, with 16 bytes a row, which is what a
// list of a million rows may cost. It compares hashes of 64 bits with a secret: that
// two of a million other names have the same one happens once in thirty million files.
type idSet struct {
	seed    maphash.Seed
	begun   bool
	buckets [256][]idOf // by the first byte of the hash: growing one copies little
}

type idOf struct {
	hash uint64
	row  int64
}

// add takes the next row. Rows without an _id do not count.
func (s *idSet) add(id string, row int64) {
	if id == "" {
		return
	}
	if !s.begun {
		s.seed, s.begun = maphash.MakeSeed(), true
	}
	hash := maphash.String(s.seed, id)
	b := &s.buckets[hash>>56]
	*b = append(*b, idOf{hash, row})
}

// twins gives the first rows that have the same _id. It ends the set.
func (s *idSet) twins() (first, second int64, found bool) {
	for _, list := range s.buckets {
		slices.SortFunc(list, func(a, b idOf) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row)) })
		for i := 1; i < len(list); i++ {
			a, b := list[i-1], list[i]
			if a.hash == b.hash && (!found || b.row < second) {
				first, second, found = a.row, b.row, true
			}
		}
	}
	return first, second, found
}
