package batch

import (
	"sync"
	"sync/atomic"
)

// shardsAhead is how many shards are looked up at a time.
const shardsAhead = 64

// work is a shard that a run carries.
type work struct {
	shard
	byLane bool
	turns  *turns         // nil where no row has to wait for another one
	items  sync.WaitGroup // that were taken up
	left   atomic.Bool    // an item has no outcome, and the run works on it no more
	ended  chan struct{}  // closed when the shard is done, or left
}

func (r *run) newWork(sh shard) *work {
	w := &work{shard: sh, byLane: r.cut.byLane(), ended: make(chan struct{})}
	if r.inTurn {
		w.turns = newTurns(sh.low - 1)
	}
	return w
}

// feed takes up the shards of the job, in their order. It is false when it could
// not go to the end.
func (r *run) feed() bool {
	defer r.unclaim()
	r.keepBudget() // a crash may have come between the last failure and the pause
	if r.e.Store.shared() {
		return r.feedGiven()
	}
	var list []shard
	var last int64
	for {
		if len(list) == 0 {
			err := r.read(func() (err error) {
				list, err = r.e.Store.openShards(r.e.hard, r.rec.seq, last, shardsAhead)
				return err
			})
			if err != nil {
				r.unreadable(err)
				return false
			}
			if len(list) == 0 {
				return true
			}
		}
		w := r.newWork(list[0])
		last, list = list[0].number, list[1:]
		if !r.take(w) {
			return false
		}
		if w.number == canaryShard && !r.canaryOver.Load() && !r.awaitCanary(w) {
			return r.living.Err() == nil
		}
	}
}

// take takes up all items of a shard that have no outcome, and lets the shard end
// when they have. It is false when it could not go to the end.
func (r *run) take(w *work) bool {
	all := r.takeItems(w)
	if !all {
		w.left.Store(true)
	}
	r.shards.Go(func() { r.endShard(w) })
	return all
}

// endShard waits for the items of a shard and notes that it is done.
func (r *run) endShard(w *work) {
	defer r.put(w)
	w.items.Wait()
	if w.left.Load() {
		return // whoever carries the shard next finds the items in the store
	}
	if w.number == canaryShard && !r.canaryOver.Load() && !r.endCanary() {
		w.left.Store(true)
		return
	}
	if err := r.commits.commit(write{job: r.rec.seq, shard: w.number}); err != nil {
		w.left.Store(true)
		r.halt("the end of a shard cannot be saved: " + err.Error())
	}
}

func (r *run) takeItems(w *work) bool {
	if w.turns != nil {
		return r.takeInTurn(w)
	}
	var attempted, retried bool
	err := r.read(func() (err error) {
		attempted, retried, err = r.e.Store.touched(r.e.hard, r.rec.seq, w.shard, w.byLane)
		return err
	})
	if err != nil {
		r.unreadable(err)
		return false
	}
	for after := (place{}); ; {
		if r.fresh.Err() != nil && !attempted && !r.expires() { // nothing of it is sent
			return r.pass(w)
		}
		var page []todo
		err := r.read(func() (err error) {
			page, err = r.e.Store.unsettled(r.e.hard, r.rec.seq, w.shard, w.byLane, after, pageRows)
			if err == nil && retried {
				err = r.e.Store.addGenerations(r.e.hard, r.rec.seq, page)
			}
			if err == nil && attempted {
				err = r.e.Store.addAttempts(r.e.hard, r.rec.seq, page)
			}
			return err
		})
		if err != nil {
			r.unreadable(err)
			return false
		}
		for _, t := range page {
			if !r.takeUp(t, w) {
				return false
			}
			after = place{lane: t.lane, row: t.row}
		}
		if len(page) < pageRows {
			return true
		}
	}
}

// read repeats f while the database cannot answer, until the run is to end.
func (r *run) read(f func() error) error {
	return patiently(r.living, func() error {
		err := f()
		if isTransient(err) {
			r.unclaim()
			r.unread.Store(true)
			r.setWaiting("the store cannot be read: " + err.Error())
		} else if r.unread.Swap(false) {
			r.setWaiting("")
		}
		return err
	})
}

// unreadable halts the run, unless the engine stops and that is why.
func (r *run) unreadable(err error) {
	if r.living.Err() == nil {
		r.halt("the items cannot be read: " + err.Error())
	}
}

// takeUp starts the work on one item once there is place for it. It is false
// when the run is to end.
func (r *run) takeUp(t todo, w *work) bool {
	if len(t.attempts) == 0 && r.fresh.Err() != nil {
		return r.passOver(t, w)
	}
	if !r.takeSlot() {
		return false
	}
	if t.doomed() {
		w.items.Add(1)
		r.reject(newItemRun(t, w))
		return true
	}
	it := newItemRun(t, w)
	if len(t.attempts) == 0 {
		if r.admitNext(it) != nil {
			<-r.slots
			return r.passOver(t, w)
		}
	}
	w.items.Add(1)
	if r.reads != nil {
		go r.carryRead(it)
	} else {
		go r.carry(it)
	}
	return true
}

// expires reports whether rows that were never sent expire now.
func (r *run) expires() bool {
	return r.late.Load() != nil && !r.canceled.Load() && !r.paused.Load() && r.living.Err() == nil
}

// passOver ends an item without an attempt that expires, and passes any other.
func (r *run) passOver(t todo, w *work) bool {
	if !r.expires() {
		if w.turns != nil {
			w.turns.forget(t.row)
		}
		return r.pass(w)
	}
	if !r.takeSlot() {
		return false
	}
	w.items.Add(1)
	r.settle(newItemRun(t, w), ItemExpired)
	return true
}

// pass goes on behind an item that this run does not send: because the job is
// canceled, so that nobody does, or paused, so that a later run does. It is false
// when the run is to end.
func (r *run) pass(w *work) bool {
	if !r.canceled.Load() {
		w.left.Store(true)
	}
	return r.living.Err() == nil
}

// leave ends the work on an item that has no outcome yet.
func (r *run) leave(it *itemRun) {
	w := it.work
	w.left.Store(true)
	if w.turns != nil {
		w.turns.forget(it.row)
	}
	<-r.slots
	w.items.Done()
}
