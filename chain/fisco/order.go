package fisco

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

const (
	// scanBatch is how many blocks a node looks at in one go; their pushes may come
	// in any order, those of different batches may not (protocol §7.1).
	scanBatch = 10
	// settleTime is how long no push must have come before blocks of an unfinished
	// batch are taken as complete. A node pushes a batch within a few milliseconds
	// and begins the next after 30.
	settleTime = 100 * time.Millisecond
)

// errOldBlock ends a subscription: what it remembers of that block is gone, so
// that it cannot tell whether the event is new.
var errOldBlock = errors.New("the node pushed an event of a block that was complete")

// eventKey names an event within its block.
type eventKey struct {
	tx  common.Hash
	log int
}

// ordering puts the events of one subscription into the order of the chain and
// takes each once. It does no I/O, and time comes in from outside. Errors apart,
// it is blind to where one connection ends and the next begins, but for resumed.
//
// While the highest block seen is h, all blocks up to h-10 are complete: they
// belong to earlier batches than h. So a block is held back until one more than 9
// higher was seen, or no push came for settleTime; and a subscription that begins
// again at h-9 misses nothing.
type ordering struct {
	start   uint64                           // first block that is wanted
	highest uint64                           // highest block seen; 0 is none
	held    map[uint64][]Event               // not released yet, by block
	seen    map[uint64]map[eventKey]struct{} // of the blocks that may come again
	last    time.Time                        // of the newest push
	awaited uint64                           // after resumed: silence means nothing until this block came again
}

func newOrdering(start uint64) *ordering {
	return &ordering{start: start, held: map[uint64][]Event{}, seen: map[uint64]map[eventKey]struct{}{}}
}

// resume is the block from which a new subscription misses nothing.
func (o *ordering) resume() uint64 {
	if o.highest < o.start+scanBatch-1 {
		return o.start
	}
	return o.highest - (scanBatch - 1)
}

// add takes the events of a push.
func (o *ordering) add(now time.Time, events []Event) error {
	o.last = now
	for i := range events {
		if err := o.addOne(&events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (o *ordering) addOne(e *Event) error {
	if e.Block < o.resume() {
		return fmt.Errorf("%w: block %d, when blocks from %d on were due", errOldBlock, e.Block, o.resume())
	}
	if e.Block >= o.awaited {
		o.awaited = 0
	}
	if e.Block > o.highest {
		o.highest = e.Block
		o.forget(o.resume())
	}
	key := eventKey{e.TxHash, e.LogIndex}
	if _, again := o.seen[e.Block][key]; again {
		return nil
	}
	if o.seen[e.Block] == nil {
		o.seen[e.Block] = map[eventKey]struct{}{}
	}
	o.seen[e.Block][key] = struct{}{}
	o.held[e.Block] = append(o.held[e.Block], *e)
	return nil
}

// forget drops what is known of blocks below, which cannot come again.
func (o *ordering) forget(below uint64) {
	for block := range o.seen {
		if block < below {
			delete(o.seen, block)
		}
	}
}

// resumed tells that the blocks from resume on will be pushed again.
func (o *ordering) resumed() { o.awaited = o.highest }

// due says when silence releases what is held; false when it never does.
func (o *ordering) due() (time.Time, bool) {
	return o.last.Add(settleTime), len(o.held) > 0 && o.awaited == 0
}

// release gives the events of the blocks that are complete, in order.
func (o *ordering) release(now time.Time) []Event {
	due, settles := o.due()
	if settles && !now.Before(due) {
		return o.take(o.highest)
	}
	if o.highest < scanBatch {
		return nil
	}
	return o.take(o.highest - scanBatch)
}

// completed gives all that is held: the node has told of every block up to last.
func (o *ordering) completed(last uint64) []Event {
	events := o.take(o.highest)
	o.start, o.awaited = last+1, 0
	o.forget(o.start)
	return events
}

// take gives the held events of blocks up to last, in order.
func (o *ordering) take(last uint64) []Event {
	var events []Event
	for block, of := range o.held {
		if block <= last {
			events = append(events, of...)
			delete(o.held, block)
		}
	}
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.TxIndex, b.TxIndex), cmp.Compare(a.LogIndex, b.LogIndex))
	})
	return events
}
