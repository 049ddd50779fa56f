package report

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/bcosgate/bcosgate/batch"
)

// causes counts items that are not confirmed by the kind of their error. Kinds
// are a closed list, so it stays small.
type causes map[string]*Cause

func (c causes) add(it batch.Item) {
	kind := it.ErrorKind
	switch it.State {
	case batch.ItemConfirmed, batch.ItemQueued, batch.ItemSubmitted:
		return
	case batch.ItemCanceled:
		kind = string(batch.ItemCanceled)
	}
	found := c[kind]
	if found == nil {
		found = &Cause{Kind: kind, Row: it.Row, Text: cleanText(it.Error)}
		c[kind] = found
	}
	found.Count++
}

// list has the most frequent first.
func (c causes) list() []Cause {
	list := []Cause{}
	for _, kind := range slices.Sorted(maps.Keys(c)) {
		list = append(list, *c[kind])
	}
	slices.SortStableFunc(list, func(a, b Cause) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

// Causes tells why items of a job are not confirmed, the most frequent first. It
// reads all items.
func Causes(ctx context.Context, store Store, jobID string) (list []Cause, err error) {
	err = store.Snapshot(ctx, jobID, func(s *batch.Snapshot) error {
		found := causes{}
		if err := s.Items(ctx, func(it batch.TimedItem) error {
			found.add(it.Item)
			return nil
		}); err != nil {
			return err
		}
		list = found.list()
		return nil
	})
	return list, err
}
