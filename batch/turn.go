package batch

import (
	"context"
	"fmt"
	"sync"

	"github.com/bcosgate/bcosgate/chain"
)

// This file is about the order in which rows are sent: those of one key one after
// the other, and rows that name another one (_after) once that is confirmed.
//
// All rows of such a job are in one shard. The feed reads them once, in their order. A
// row that has to wait is passed over and not kept: when the row that it waits for ends,
// the store's indexes tell which one is next. So memory does not grow with the rows that
// wait, and a key that has many of them never holds up the others.

// DependencyFailed is the kind of error of a row that was not sent because the row
// that it waits for (_after) did not succeed.
const DependencyFailed = "dependency"

// mostHolders is how many keys may stand still because their next row waits for its
// _after. Only these are remembered, at about 50 bytes each; when there are more,
// reading stops until one of them can be sent.
const mostHolders = 1 << 16

// inTurn reports whether rows of the job may have to wait for others. It reads only what
// a run never changes.
func (r *record) inTurn() bool { return r.Spec.OrderedBy != "" || r.dependents }

// turns are what is known about the order of the rows of a shard.
type turns struct {
	attempted int64            // the last row that had an attempt at the begin; only the feed uses it
	retried   bool             // some rows were; only the feed uses it
	holders   map[int64]holder // by key: its first row without an end, as far as rows were read; only the feed uses it
	late      bool             // rows that were never sent expire, and need not wait for that; only the feed uses it
	woken     chan struct{}    // something has changed since the feed has looked

	mu     sync.Mutex
	open   map[int64]struct{} // rows that are being taken up, or were, until their followers were
	turned []turn             // rows that have ended, for the feed; the last one is next
	cursor int64              // the rows up to this one were read
}

// holder is the row whose turn it is among those of its key.
type holder struct {
	row      int64
	followed bool // there may be more of the key among the rows that were read
}

// turn is a row that has ended, and whose followers were not taken up yet: the next
// row of its key, and the rows that wait for it.
type turn struct {
	row    int64
	key    int64
	state  ItemState
	stored bool  // the outcome is in the store
	keyed  bool  // the next row of the key was looked for
	seen   int64 // of the rows that wait for it, those up to this one were taken up
}

// newTurns begins behind a row.
func newTurns(after int64) *turns {
	return &turns{holders: map[int64]holder{}, woken: make(chan struct{}, 1), open: map[int64]struct{}{}, cursor: after}
}

// push tells the feed of a row that has ended.
func (t *turns) push(next turn) {
	t.mu.Lock()
	t.turned = append(t.turned, next)
	t.mu.Unlock()
	t.wake()
}

// wake makes the feed look around.
func (t *turns) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// pop gives the row whose followers are next, the newest first, so that few stay half
// done; and the row up to which rows were read.
func (t *turns) pop() (next turn, to int64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.turned) - 1
	if last < 0 {
		return turn{}, 0, false
	}
	next, t.turned = t.turned[last], t.turned[:last]
	return next, t.cursor, true
}

// look tells up to which row rows were read, and how many of them are open.
func (t *turns) look() (to int64, open int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cursor, len(t.open)
}

// enlist notes rows that are being taken up, and that all up to a row were read.
func (t *turns) enlist(page []todo, to int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, item := range page {
		t.open[item.row] = struct{}{}
	}
	t.cursor = max(t.cursor, to)
}

// forget is for a row whose followers were taken up, or that was left.
func (t *turns) forget(row int64) {
	t.mu.Lock()
	delete(t.open, row)
	t.mu.Unlock()
	t.wake()
}

func (t *turns) isOpen(row int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, open := t.open[row]
	return open
}

// mayGo reports whether a row need not wait: it can be sent, or ends without being
// sent. It takes the turn of the row's key where that is free. Only the feed calls it.
func (t *turns) mayGo(item todo) bool {
	if item.lane != 0 {
		h, taken := t.holders[item.lane]
		switch {
		case !taken:
			t.holders[item.lane] = holder{row: item.row}
		case len(item.attempts) > 0: // it had its turn
		case h.row != item.row:
			h.followed = true
			t.holders[item.lane] = h
			return false
		}
	}
	return len(item.attempts) > 0 || item.after == 0 || item.afterState != ""
}

// sift leaves out the rows that have to wait. Only the feed calls it.
func (t *turns) sift(page []todo) []todo {
	kept := page[:0]
	for _, item := range page {
		if t.late && !t.isOpen(item.row) || !t.late && t.mayGo(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

// rewind makes the feed read again what is behind a row, because rows expire that wait.
func (t *turns) rewind(after int64) {
	t.late = true
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cursor = after
}

// takeInTurn is takeItems for a shard whose rows may have to wait for others. It
// returns when none is open any more.
func (r *run) takeInTurn(w *work) bool {
	t := w.turns
	err := r.read(func() (err error) {
		if _, t.retried, err = r.e.Store.touched(r.e.hard, r.rec.seq, w.shard, false); err == nil {
			t.attempted, err = r.e.Store.lastAttempted(r.e.hard, r.rec.seq, w.shard)
		}
		return err
	})
	if err != nil {
		r.unreadable(err)
		return false
	}
	for r.takeTurns(w) {
		last, pausing := w.high, r.fresh.Done()
		if r.fresh.Err() != nil {
			pausing = nil
			if !r.expires() {
				last = min(last, t.attempted) // rows without an attempt are not sent
			} else if !t.late {
				t.rewind(w.low - 1)
			}
		}
		to, open := t.look()
		switch {
		case to < last && (open == 0 || !r.tooMany(t)):
			if !r.takePage(w, to, last) {
				return false
			}
		case open > 0:
			r.unclaim()
			select {
			case <-t.woken:
			case <-pausing:
			case <-r.living.Done():
				return false
			}
		case last < w.high:
			return r.pass(w)
		default:
			return true
		}
	}
	return false
}

// tooMany reports whether so many rows wait that no more may be read.
func (r *run) tooMany(t *turns) bool { return len(t.holders) >= cap(r.slots)+mostHolders }

// takePage takes up the next rows that need not wait. It is false when the run is to end.
func (r *run) takePage(w *work, after, last int64) bool {
	page, ok := r.fetch(w, func(ctx context.Context) ([]todo, error) {
		return r.e.Store.unsettledInTurn(ctx, r.rec.seq, after, last, pageRows)
	})
	if !ok {
		return false
	}
	if len(page) == pageRows {
		last = page[len(page)-1].row
	}
	page = w.turns.sift(page)
	w.turns.enlist(page, last)
	for _, item := range page {
		if !r.takeTurns(w) || !r.takeUp(item, w) {
			return false
		}
	}
	return true
}

// takeTurns takes up the rows whose turn has come. It is false when the run is to end.
func (r *run) takeTurns(w *work) bool {
	for {
		t, to, ok := w.turns.pop()
		if !ok {
			return r.living.Err() == nil
		}
		if r.fresh.Err() != nil { // its followers are for the next run, or read again to expire
			if t.stored {
				w.turns.forget(t.row)
			}
			if !r.expires() && !r.pass(w) {
				return false
			}
			continue
		}
		page, more, ok := r.followers(w, &t, to)
		if !ok {
			return false
		}
		w.turns.enlist(page, to)
		for _, f := range page {
			if !r.takeUp(f, w) {
				return false
			}
		}
		switch {
		case more:
			w.turns.push(t)
		case t.stored:
			w.turns.forget(t.row)
		}
	}
}

// followers are the next rows behind t, of those up to a row, that may be sent or end
// without it; more says that there are further ones. They are not ok when the run is
// to end.
func (r *run) followers(w *work, t *turn, to int64) (page []todo, more, ok bool) {
	if !t.keyed {
		if page, ok = r.nextOfKey(w, *t, to); !ok {
			return nil, false, false
		}
		t.keyed = true
		w.turns.enlist(page, to) // it may also wait for this very row
	}
	if !r.rec.dependents {
		return page, false, true
	}
	list, ok := r.fetch(w, func(ctx context.Context) ([]todo, error) {
		return r.e.Store.dependents(ctx, r.rec.seq, t.row, max(t.row, t.seen), to, pageRows)
	})
	for _, f := range list {
		t.seen = f.row
		if f.afterState == "" { // whose outcome is on its way into the store
			f.afterState = t.state
		}
		if !w.turns.isOpen(f.row) && w.turns.mayGo(f) {
			page = append(page, f)
		}
	}
	return page, len(list) == pageRows, ok
}

// nextOfKey passes the turn of a key on, and gives the row that has it when that need
// not wait for another one.
func (r *run) nextOfKey(w *work, t turn, to int64) (next []todo, ok bool) {
	h := w.turns.holders[t.key]
	if t.key == 0 || h.row != t.row {
		return nil, true
	}
	if h.followed {
		next, ok = r.fetch(w, func(ctx context.Context) ([]todo, error) {
			return r.e.Store.ofKey(ctx, r.rec.seq, t.key, t.row, to)
		})
		if !ok {
			return nil, false
		}
	}
	if len(next) == 0 {
		delete(w.turns.holders, t.key)
		return nil, true
	}
	w.turns.holders[t.key] = holder{row: next[0].row, followed: true}
	if w.turns.isOpen(next[0].row) {
		return nil, true
	}
	return w.turns.sift(next), true
}

// fetch reads rows with what earlier runs have stored of them.
func (r *run) fetch(w *work, f func(ctx context.Context) ([]todo, error)) (list []todo, ok bool) {
	err := r.read(func() (err error) {
		list, err = f(r.e.hard)
		if err == nil && w.turns.retried {
			err = r.e.Store.addGenerations(r.e.hard, r.rec.seq, list)
		}
		if err == nil && len(list) > 0 && list[0].row <= w.turns.attempted {
			err = r.e.Store.addAttempts(r.e.hard, r.rec.seq, list)
		}
		return err
	})
	if err != nil {
		r.unreadable(err)
		return nil, false
	}
	return list, true
}

// doomed reports whether a row is never sent because of the one that it waits for.
func (t todo) doomed() bool {
	return len(t.attempts) == 0 && t.after != 0 && t.afterState != "" && t.afterState != ItemConfirmed
}

// reject ends a row that is doomed, for which a slot was taken. Those who wait for it
// need not wait until that is stored.
func (r *run) reject(it *itemRun) {
	it.kind = chain.Kind(DependencyFailed)
	it.text = fmt.Sprintf("row %d, which it waits for (_after), is %s; this one was not sent", it.after, it.afterState)
	r.settle(it, ItemRejected)
	it.work.turns.push(turn{row: it.row, key: it.lane, state: ItemRejected})
}
