package batch

import (
	"cmp"
	"sync/atomic"
	"time"
)

// subBatch finds how many writes share a group commit: a sub-batch of items is
// signed and written ahead together before any of it is sent. A commit costs
// something for itself (a write that has reached the disk, or a way to a server and
// back) and something for each row. What it costs for itself is measured, and
// shared by so many rows that it matters little; the wait for them is bounded by
// what the answers of the targets take anyway.
//
// It belongs to the goroutine that commits; answered and aim are for all.
type subBatch struct {
	least, most int

	latency atomic.Int64 // of the last answers to sends, in nanoseconds; 0 is not known
	aimed   atomic.Int64 // how many rows the next group is to have

	cost costLine
	last time.Time     // the end of the last commit
	gap  time.Duration // between two writes, before it
}

// The bounds of a sub-batch, where the configuration has none.
const (
	// DefaultSubBatch is the most writes in one group commit: one of 500 rows costs a
	// twentieth of what 500 of one row cost, and larger ones gain next to nothing.
	DefaultSubBatch = 500
	// subBatchShare is how much more the rows of a commit are to cost than the commit
	// itself.
	subBatchShare = 8
	// A write waits for company for a sixteenth of what a send takes, so that writing
	// attempts and outcomes in groups makes an item at most an eighth slower.
	lingerShare = 16
	lingerLeast = time.Millisecond
	lingerMost  = 50 * time.Millisecond
	// lingerFirst is the wait before a latency is known: little beside any block.
	lingerFirst = 4 * time.Millisecond
)

func newSubBatch(bounds SubBatch) *subBatch {
	s := &subBatch{least: cmp.Or(bounds.Least, 1), most: cmp.Or(bounds.Most, DefaultSubBatch), gap: lingerMost}
	s.aimed.Store(int64(s.most))
	return s
}

// answered tells how long a send took.
func (s *subBatch) answered(took time.Duration) {
	// Answers that come at the same time may overwrite each other: any of them will do.
	before := s.latency.Load()
	if before == 0 {
		before = int64(took)
	}
	s.latency.Store(before + (int64(took)-before)/lingerShare)
}

// aim is how many rows the next group is to have.
func (s *subBatch) aim() int { return int(s.aimed.Load()) }

// linger is how long the first write of a group waits for others: not at all where
// none is to be expected.
func (s *subBatch) linger() time.Duration {
	wait := lingerFirst
	if latency := time.Duration(s.latency.Load()); latency > 0 {
		wait = max(lingerLeast, min(latency/lingerShare, lingerMost))
	}
	if s.gap >= wait {
		return 0
	}
	return wait
}

// committed tells that a group of rows was written in so long, until now.
func (s *subBatch) committed(now time.Time, rows int, took time.Duration) {
	if !s.last.IsZero() {
		s.gap = now.Sub(s.last) / time.Duration(rows)
	}
	s.last = now
	s.cost.add(float64(rows), took.Seconds())
	if fixed, each, ok := s.cost.line(); ok {
		size := float64(s.most)
		if each > 0 {
			size = min(size, subBatchShare*fixed/each)
		}
		s.aimed.Store(int64(max(s.least, int(size))))
	}
}

// costLine is the line through the cost of commits by their rows: least squares, in
// which older ones count less and less.
type costLine struct {
	weight, rows, cost, rowsRows, rowsCost float64
}

// costMemory is how much the ones before count when a new one comes: some fifty
// commits, seconds of a busy engine, make the line.
const costMemory = 0.98

func (l *costLine) add(rows, cost float64) {
	for _, sum := range []struct {
		of  *float64
		add float64
	}{{&l.weight, 1}, {&l.rows, rows}, {&l.cost, cost}, {&l.rowsRows, rows * rows}, {&l.rowsCost, rows * cost}} {
		*sum.of = *sum.of*costMemory + sum.add
	}
}

// line is what a commit costs for itself and for each row, both not below 0; false
// while too few groups were written, or all had about the same size.
func (l *costLine) line() (fixed, each float64, ok bool) {
	spread := l.weight*l.rowsRows - l.rows*l.rows // weight² times the variance
	if l.weight < 8 || spread < l.rows*l.rows/100 {
		return 0, 0, false
	}
	each = max(0, (l.weight*l.rowsCost-l.rows*l.cost)/spread)
	return max(0, (l.cost-each*l.rows)/l.weight), each, true
}
