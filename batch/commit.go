package batch

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// The measures of group commit, beside its size, which is subBatch's.
const (
	// How many writes may wait; more make their senders wait.
	commitQueue = 4096
	// Pause before a failed commit is tried again.
	commitRetry = time.Second
)

// attempt is one signed form of an item, as it is kept.
type attempt struct {
	number  int
	hash    common.Hash
	nonce   string
	limit   uint64
	created time.Time
}

// outcome is the end of an item.
type outcome struct {
	state    ItemState
	attempts int
	landed   int            // number of the attempt that is in a block, or 0
	receipt  *chain.Receipt // nil without one; of a read what the call told
	kind     string         // a chain.Kind, "reverted" or ""
	text     string
	latency  time.Duration
	settled  time.Time
}

// read reports whether it is the answer to a call, which is no transaction.
func (o *outcome) read() bool { return o.receipt != nil && o.landed == 0 }

// note is what the last answer about an attempt was.
type note struct {
	number int
	kind   chain.Kind
	text   string
}

// write is one change of one item, of which it sets one of attempt, note and outcome;
// or the end of a shard.
type write struct {
	job      int64
	item     int64
	from, to ItemState // what the counts of the job lose and gain; equal when nothing changes
	attempt  *attempt
	note     *note
	outcome  *outcome
	shard    int64       // number of the shard of which every item has an outcome
	done     func(error) // called once the change is durable or never will be; must not block
}

// committer is the only writer of attempts and outcomes while an engine runs.
// It gathers what many goroutines want to write into few transactions.
type committer struct {
	store   *Store
	queue   chan write
	size    *subBatch
	observe func(rows int, took time.Duration)
	log     *slog.Logger
	lost    func()                 // called when others have declared this process dead; nil tells nobody
	trouble atomic.Pointer[string] // why the store cannot be written, nil when it can
}

func newCommitter(s *Store, size *subBatch, log *slog.Logger, observe func(int, time.Duration)) *committer {
	return &committer{store: s, queue: make(chan write, commitQueue), size: size, log: log, observe: observe}
}

// add hands w over and returns before it is durable. It blocks while the queue
// is full, and must not be called after the queue was closed.
func (c *committer) add(w write) { c.queue <- w }

// commit hands w over and waits until it is durable.
func (c *committer) commit(w write) error {
	done := make(chan error, 1)
	w.done = func(err error) { done <- err }
	c.queue <- w
	return <-done
}

// run writes until the queue is closed and empty. Once hard has ended, a
// transaction that fails is not tried again.
func (c *committer) run(hard context.Context) {
	linger := time.NewTimer(0)
	defer linger.Stop()
	var group []write
	for w := range c.queue {
		group = c.gather(append(group[:0], w), linger)
		c.flush(hard, group)
		clear(group) // it holds items
	}
}

// gather adds what comes until the group has its size or the first of it has
// waited long enough.
func (c *committer) gather(group []write, linger *time.Timer) []write {
	size := c.size.aim()
	linger.Reset(c.size.linger())
	for len(group) < size {
		select {
		case w, ok := <-c.queue:
			if !ok {
				return group
			}
			group = append(group, w)
			continue
		default:
		}
		select {
		case w, ok := <-c.queue:
			if !ok {
				return group
			}
			group = append(group, w)
		case <-linger.C:
			return group
		}
	}
	return group
}

// flush makes a group durable and tells everyone who waits for it.
func (c *committer) flush(hard context.Context, group []write) {
	slices.SortStableFunc(group, func(a, b write) int { return cmp.Compare(a.item, b.item) })
	err := c.persist(hard, group)
	if err != nil && isConstraint(err) && len(group) > 1 {
		// One write contradicts the store; the others are not to blame.
		for _, w := range group {
			w.done(c.persist(hard, []write{w}))
		}
		return
	}
	for _, w := range group {
		w.done(err)
	}
}

// persist writes a group in one transaction, and again until it is written: a
// full disk is mended by people, and until then nobody may go on.
func (c *committer) persist(hard context.Context, group []write) error {
	var once fate
	for {
		began := time.Now()
		err := c.store.writeGroup(&once, group)
		if err == nil {
			now := time.Now()
			c.size.committed(now, len(group), now.Sub(began))
			c.observe(len(group), now.Sub(began))
			if c.trouble.Swap(nil) != nil {
				c.log.Info("the store can be written again")
			}
			return nil
		}
		if errors.Is(err, ErrStoreLost) && c.lost != nil {
			c.lost()
		}
		if isConstraint(err) || errors.Is(err, ErrStoreLost) {
			return err
		}
		text := "the store cannot be written: " + err.Error()
		if c.trouble.Swap(&text) == nil {
			c.log.Error("the store cannot be written; trying again", "error", err)
		}
		select {
		case <-hard.Done():
			return err
		case <-time.After(commitRetry):
		}
	}
}

// writeGroup makes all changes of a group in one transaction, in the order given.
// once is the same for each try of the same group.
func (s *Store) writeGroup(once *fate, group []write) error {
	list := make([]command, 0, len(group)+1)
	var ends []command // of shards, behind the rows of their jobs: whoever claims a shard locks in that order, too
	changes := map[int64]*change{}
	for _, w := range group {
		if w.shard > 0 {
			ends = append(ends, w.command())
		} else {
			list = append(list, w.command())
		}
		ch := changes[w.job]
		if ch == nil {
			ch = &change{}
			changes[w.job] = ch
		}
		*ch.counts.of(w.from)--
		*ch.counts.of(w.to)++
		ch.ended = ch.ended || w.shard > 0
		if o := w.outcome; o != nil && o.read() {
			ch.readAt(o.receipt.BlockNumber)
		}
	}
	now := time.Now().UnixMilli()
	jobs := slices.Sorted(maps.Keys(changes)) // the same order everywhere: others lock these rows, too
	for _, job := range jobs {
		ch := changes[job]
		list = append(list, ch.command(job))
		if ch.lastBlock > 0 {
			first, last := int64(ch.firstBlock), int64(ch.lastBlock)
			list = append(list, command{widenBlocks, []any{first, first, last, last, job}})
		}
	}
	list = append(list, ends...)
	for _, job := range jobs {
		if changes[job].ended {
			list = append(list, command{endJob, []any{now, job}})
		}
	}
	return s.txOnce(once, func(ctx context.Context, c *sql.Conn) error {
		_, err := s.db.each(ctx, c, list)
		return err
	})
}

// change is what a group changes of one job.
type change struct {
	counts Counts
	ended  bool // a shard

	firstBlock, lastBlock uint64 // that rows were read at; 0 is none
}

func (ch *change) readAt(block uint64) {
	if ch.lastBlock == 0 || block < ch.firstBlock {
		ch.firstBlock = block
	}
	ch.lastBlock = max(ch.lastBlock, block)
}

func (ch *change) command(job int64) command {
	c := ch.counts
	return command{addCounts, []any{c.Submitted, c.Unknown, c.Confirmed, c.Reverted, c.Rejected, c.Expired, c.Canceled, job}}
}

func (w write) command() command {
	switch {
	case w.attempt != nil:
		a := w.attempt
		return command{insertAttempt, []any{w.item, a.number, a.hash[:], a.nonce, int64(a.limit), a.created.UnixMilli()}}
	case w.shard > 0:
		return command{endShard, []any{w.job, w.shard}}
	case w.note != nil:
		return command{noteAttempt, []any{string(w.note.kind), w.note.text, w.item, w.note.number}}
	default:
		return w.outcome.command(w.item)
	}
}

func (o *outcome) command(item int64) command {
	var landed, block, status, name, gas, output, contract any
	if r := o.receipt; r != nil {
		block, status, name = int64(r.BlockNumber), r.Status, r.StatusName
		if !o.read() {
			landed, gas = o.landed, int64(r.GasUsed)
		}
		if len(r.Output) > 0 {
			output = r.Output
		}
		if r.Contract != nil {
			contract = r.Contract.Bytes()
		}
	}
	return command{insertOutcome, []any{item, string(o.state), o.attempts, landed, block, status, name, gas, output,
		contract, orNull(o.kind), orNull(o.text), o.latency.Milliseconds(), o.settled.UnixMilli()}}
}

// of is the counter of a state.
func (c *Counts) of(s ItemState) *int64 {
	switch s {
	case ItemSubmitted:
		return &c.Submitted
	case ItemUnknown:
		return &c.Unknown
	case ItemConfirmed:
		return &c.Confirmed
	case ItemReverted:
		return &c.Reverted
	case ItemRejected:
		return &c.Rejected
	case ItemExpired:
		return &c.Expired
	case ItemCanceled:
		return &c.Canceled
	default:
		return &c.Queued
	}
}
