package logfilter

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Bounds of a set of filters.
const (
	// DefaultTimeout is how long a filter lives that nobody polls.
	DefaultTimeout = 5 * time.Minute
	// MaxFilters that live at once. With more of them the one that was polled
	// longest ago goes, as if its time were over: its client makes it anew. A real
	// node keeps any number.
	MaxFilters = 10_000
)

// Config of a set of filters. The zero values are a node's.
type Config struct {
	Timeout time.Duration    // 0 is DefaultTimeout
	Blocks  int64            // looked at in one answer; 0 is DefaultBlocks
	Max     int              // 0 is MaxFilters
	Clock   func() time.Time // tells how old a filter is; nil is time.Now
}

func (cfg Config) withDefaults() Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Blocks <= 0 {
		cfg.Blocks = DefaultBlocks
	}
	if cfg.Max <= 0 {
		cfg.Max = MaxFilters
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return cfg
}

// Filters are the filters of the clients of one port. All methods are safe for
// concurrent use, and none waits for a block.
type Filters struct {
	ledger Ledger
	cfg    Config

	mu  sync.Mutex
	all map[uint64]*filter // guarded by mu, and so is what is in the filters
}

type kind int

const (
	logsKind kind = iota
	blocksKind
	transactionsKind
)

type filter struct {
	kind  kind
	query Query // of logsKind; not changed
	next  int64 // the first block that no poll has looked at
	used  time.Time
}

// New makes an empty set. It starts nothing: a filter whose time is over is
// forgotten when somebody asks for it or makes another.
func New(ledger Ledger, cfg Config) *Filters {
	return &Filters{ledger: ledger, cfg: cfg.withDefaults(), all: map[uint64]*filter{}}
}

// NewBlocks makes a filter for the hashes of the blocks after the newest.
func (f *Filters) NewBlocks() uint64 { return f.add(&filter{kind: blocksKind, next: f.upcoming()}) }

// NewTransactions makes a filter for the hashes of the transactions in the blocks
// after the newest. On a node, too, they show up with their block and no sooner.
func (f *Filters) NewTransactions() uint64 {
	return f.add(&filter{kind: transactionsKind, next: f.upcoming()})
}

// NewLogs makes a filter for logs: from the first block of the query's range, or
// after the newest block when that is Latest. ErrRange when the range is wrong.
func (f *Filters) NewLogs(q Query) (uint64, error) {
	if err := q.Validate(); err != nil {
		return 0, err
	}
	next := f.upcoming()
	if !q.From.Latest {
		next = q.From.Number
	}
	return f.add(&filter{kind: logsKind, query: q, next: next}), nil
}

func (f *Filters) upcoming() int64 { return int64(f.ledger.Head().Number) + 1 }

func (f *Filters) add(one *filter) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) >= f.cfg.Max {
		f.makeRoom()
	}
	one.used = f.cfg.Clock()
	for {
		id := rand.Uint64()
		if _, taken := f.all[id]; !taken && id != 0 { // ports read 0 out of what is no number
			f.all[id] = one
			return id
		}
	}
}

// makeRoom forgets what has had its time, or else what was polled longest ago.
func (f *Filters) makeRoom() {
	var oldest uint64
	for id, one := range f.all {
		if f.overdue(one) {
			delete(f.all, id)
		} else if old := f.all[oldest]; old == nil || one.used.Before(old.used) {
			oldest = id
		}
	}
	if len(f.all) >= f.cfg.Max {
		delete(f.all, oldest)
	}
}

func (f *Filters) overdue(one *filter) bool { return f.cfg.Clock().Sub(one.used) > f.cfg.Timeout }

// Revert tells that the blocks after kept are gone: filters look at those that
// take their place.
func (f *Filters) Revert(kept uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.all {
		again := int64(kept) + 1
		if one.kind == logsKind && !one.query.From.Latest {
			again = max(again, one.query.From.Number)
		}
		one.next = min(one.next, again)
	}
}

// Remove forgets a filter; false when there is none of that name.
func (f *Filters) Remove(id uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.find(id)
	delete(f.all, id)
	return one != nil
}

// find is called under mu.
func (f *Filters) find(id uint64) *filter {
	one := f.all[id]
	if one != nil && f.overdue(one) {
		delete(f.all, id)
		return nil
	}
	return one
}

// Changes is what came since the last poll, out of a bounded number of blocks;
// the next poll goes on after them. It is a []Log or, for the other kinds of
// filter, a []string of hashes, and never nil. ErrNoFilter when there is no such
// filter (any more).
func (f *Filters) Changes(id uint64) (any, error) {
	one, first, last := f.poll(id)
	switch {
	case one == nil:
		return nil, ErrNoFilter
	case one.kind == logsKind:
		return logs(f.ledger, one.query, first, last)
	}
	return f.hashes(one.kind, first, last)
}

// poll moves a filter on and gives the blocks that it is to look at.
func (f *Filters) poll(id uint64) (one *filter, first, last int64) {
	head := int64(f.ledger.Head().Number)
	f.mu.Lock()
	defer f.mu.Unlock()
	if one = f.find(id); one == nil {
		return nil, 0, 0
	}
	one.used = f.cfg.Clock()
	first, last = one.next, head
	if one.kind == logsKind && !one.query.To.Latest {
		last = min(last, one.query.To.Number)
	}
	last = min(last, first+f.cfg.Blocks-1)
	one.next = max(first, last+1)
	return one, first, last
}

func (f *Filters) hashes(kind kind, first, last int64) ([]string, error) {
	found := []string{}
	for number := first; number <= last; number++ {
		block, err := f.ledger.BlockByNumber(uint64(number))
		if err != nil {
			return nil, err
		}
		if kind == blocksKind {
			found = append(found, block.Hash.Hex())
			continue
		}
		for _, hash := range block.TxHashes {
			found = append(found, hash.Hex())
		}
	}
	return found, nil
}

// Logs reads a filter's whole range anew, without counting as a poll: always from
// its first block, and no further than one answer goes. ErrNoFilter when there is
// no such filter, or when it is not one for logs.
func (f *Filters) Logs(id uint64) ([]Log, error) {
	f.mu.Lock()
	one := f.find(id)
	f.mu.Unlock()
	if one == nil || one.kind != logsKind {
		return nil, ErrNoFilter
	}
	return search(f.ledger, one.query, f.cfg.Blocks)
}

// Search is the package's Search with the number of blocks of this set.
func (f *Filters) Search(q Query) ([]Log, error) { return Search(f.ledger, q, f.cfg.Blocks) }
