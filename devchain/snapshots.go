package devchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// Snapshot names a block that the ledger can be reverted to. It is kept on disk:
// from the oldest snapshot on each block is written with what it overwrites.
type Snapshot struct {
	Name   string
	Number uint64 // the newest block when it was taken
	Hash   common.Hash
	Taken  time.Time // by the machine's clock
}

// maxSnapshots bounds the snapshots of a ledger.
const maxSnapshots = 1000

// The ways in which a snapshot is refused. A snapshot that there is not is ErrNotFound.
var (
	ErrSnapshotName   = errors.New("devchain: the name of a snapshot has 1 to 64 letters, digits, dots, dashes and underscores")
	ErrSnapshotExists = errors.New("devchain: there is a snapshot of that name")
	ErrSnapshots      = errors.New("devchain: there are as many snapshots as a ledger may have, delete some")
)

// TakeSnapshot names the newest block. An empty name chooses a number that is
// free. The errors are those of Mine and those above.
func (c *Chain) TakeSnapshot(ctx context.Context, name string) (Snapshot, error) {
	var taken Snapshot
	err := c.orderly(ctx, func() (refused, fatal error) {
		taken, refused = c.takeSnapshot(name)
		return refused, nil
	})
	return taken, err
}

// Revert undoes all blocks after a snapshot: every read answers as it did then,
// the nonces used since are free, and transactions that wait in the pool are
// dropped (Result). The snapshot stays, younger ones are gone. Subscriptions tell
// of it. It gives the newest block. The errors are those of Mine and ErrNotFound.
func (c *Chain) Revert(ctx context.Context, name string) (Head, error) {
	var head Head
	err := c.orderly(ctx, func() (refused, fatal error) {
		snapshot, refused := c.findSnapshot(name)
		if refused != nil {
			return refused, nil
		}
		if head, fatal = c.revert(snapshot.Number); fatal != nil {
			c.fail(nil, fatal)
		}
		return nil, fatal
	})
	return head, err
}

// DeleteSnapshot forgets a snapshot, but no block. The errors are those of Mine
// and ErrNotFound.
func (c *Chain) DeleteSnapshot(ctx context.Context, name string) error {
	return c.orderly(ctx, func() (refused, fatal error) { return c.deleteSnapshot(name), nil })
}

// Snapshots are all that there are, in the order of their blocks.
func (c *Chain) Snapshots() []Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.saved)
}

// orderly is between for work that may be refused without harm to the chain.
func (c *Chain) orderly(ctx context.Context, work func() (refused, fatal error)) error {
	var refused error
	err := c.between(ctx, func() (fatal error) {
		refused, fatal = work()
		return fatal
	})
	return cmp.Or(err, refused)
}

func (c *Chain) findSnapshot(name string) (Snapshot, error) {
	saved := c.Snapshots()
	i := slices.IndexFunc(saved, func(s Snapshot) bool { return s.Name == name })
	if i < 0 {
		return Snapshot{}, fmt.Errorf("snapshot %q: %w", name, ErrNotFound)
	}
	return saved[i], nil
}

// setSaved replaces the list; only the sealer does, and Open.
func (c *Chain) setSaved(list []Snapshot) {
	slices.SortStableFunc(list, func(a, b Snapshot) int { return cmp.Compare(a.Number, b.Number) })
	c.undoing = len(list) > 0
	c.mu.Lock()
	c.saved = list
	c.mu.Unlock()
}

func (c *Chain) takeSnapshot(name string) (Snapshot, error) {
	saved := c.Snapshots()
	taken := func(name string) bool {
		return slices.ContainsFunc(saved, func(s Snapshot) bool { return s.Name == name })
	}
	for n := len(saved) + 1; name == ""; n++ {
		if free := strconv.Itoa(n); !taken(free) {
			name = free
		}
	}
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`).MatchString(name):
		return Snapshot{}, fmt.Errorf("snapshot %q: %w", name, ErrSnapshotName)
	case taken(name):
		return Snapshot{}, fmt.Errorf("snapshot %q: %w", name, ErrSnapshotExists)
	case len(saved) >= maxSnapshots:
		return Snapshot{}, ErrSnapshots
	}
	head, err := c.newest()
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{Name: name, Number: head.Number, Hash: head.Hash, Taken: time.UnixMilli(time.Now().UnixMilli())}
	record := storedSnapshot{Name: name, Number: s.Number, Hash: s.Hash, Taken: uint64(s.Taken.UnixMilli())}
	if err := c.ledger.write([]flatstate.Change{{Key: snapshotKey(name), Value: encodeRecord(&record)}}); err != nil {
		return Snapshot{}, err
	}
	c.setSaved(append(saved, s))
	return s, nil
}

func (c *Chain) deleteSnapshot(name string) error {
	if _, err := c.findSnapshot(name); err != nil {
		return err
	}
	left := slices.DeleteFunc(c.Snapshots(), func(s Snapshot) bool { return s.Name == name })
	if err := c.ledger.write([]flatstate.Change{{Key: snapshotKey(name)}}); err != nil {
		return err
	}
	c.setSaved(left)
	needless := c.Head().Number // the newest block whose undoing nobody needs
	if len(left) > 0 {
		needless = left[0].Number
	}
	return c.ledger.deleteUpTo(keyUndo, needless)
}

func (c *Chain) loadSnapshots(v *view) error {
	var saved []Snapshot
	err := v.scan([]byte{keySnapshot}, func(value []byte) error {
		var s storedSnapshot
		err := decodeRecord(value, &s)
		saved = append(saved, Snapshot{Name: s.Name, Number: s.Number, Hash: s.Hash, Taken: time.UnixMilli(int64(s.Taken))})
		return err
	})
	c.setSaved(saved)
	return err
}

// undo is what takes the changes of a block back: the entries as they are before it.
func (c *Chain) undo(number uint64, changes []flatstate.Change) (flatstate.Change, error) {
	before := make([]storedEntry, len(changes))
	for i, change := range changes {
		old, err := c.ledger.Get(change.Key)
		if err != nil {
			return flatstate.Change{}, err
		}
		before[i] = storedEntry{Key: change.Key, There: old != nil, Value: old}
	}
	return flatstate.Change{Key: numberKey(keyUndo, number), Value: encodeRecord(before)}, nil
}

// revert takes back all blocks after number, the newest first. Each is taken back
// wholly or not at all, also when the process ends in the middle.
func (c *Chain) revert(number uint64) (Head, error) {
	head, err := c.newest()
	if err != nil {
		return Head{}, err
	}
	for n := head.Number; n > number; n-- {
		changes, err := c.takeBack(n)
		if err != nil {
			return Head{}, fmt.Errorf("revert of block %d: %w", n, err)
		}
		write := c.ledger.writeLazily
		if n == number+1 {
			write = c.ledger.write // and with it the others
		}
		if err := write(changes); err != nil {
			return Head{}, fmt.Errorf("revert of block %d: %w", n, err)
		}
	}
	v, err := c.newView()
	if err != nil {
		return Head{}, err
	}
	used, err := c.readNonces(v)
	if err != nil {
		return Head{}, errors.Join(err, v.Close())
	}
	c.setSaved(slices.DeleteFunc(c.Snapshots(), func(s Snapshot) bool { return s.Number > number }))
	c.show(v)
	c.pool.revert(number, used)
	c.subs.reverted(v.head)
	return v.head, nil
}

// takeBack is what makes block n not have been, and the snapshots of it.
func (c *Chain) takeBack(n uint64) ([]flatstate.Change, error) {
	data, err := c.ledger.Get(numberKey(keyUndo, n))
	if err != nil {
		return nil, err
	}
	var before []storedEntry
	if err := decodeRecord(data, &before); err != nil {
		return nil, err
	}
	changes := []flatstate.Change{{Key: numberKey(keyUndo, n)}}
	for _, entry := range before {
		change := flatstate.Change{Key: entry.Key}
		if entry.There {
			change.Value = append([]byte{}, entry.Value...) // not nil: an empty entry is an entry
		}
		changes = append(changes, change)
	}
	for _, s := range c.Snapshots() {
		if s.Number == n {
			changes = append(changes, flatstate.Change{Key: snapshotKey(s.Name)})
		}
	}
	return changes, nil
}
