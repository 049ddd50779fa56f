package rpc

import (
	"context"
	"sync"
)

// heads tells how far the chain is and wakes who waits for more.
type heads struct {
	mu      sync.Mutex
	number  uint64        // guarded by mu
	changed chan struct{} // guarded by mu; closed and replaced with every change

	// reverts counts them. floors are those that a reader may have to know of: how
	// far the ledger went back, ascending in both members; guarded by mu.
	reverts int
	floors  []floor
}

type floor struct {
	revert int
	kept   uint64
}

func newHeads(number uint64) *heads {
	return &heads{number: number, changed: make(chan struct{})}
}

// advance ignores what is not newer.
func (h *heads) advance(number uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if number > h.number {
		h.set(number)
	}
}

// revert goes back: the blocks after kept are gone.
func (h *heads) revert(kept uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reverts++
	for len(h.floors) > 0 && h.floors[len(h.floors)-1].kept >= kept { // this one tells more
		h.floors = h.floors[:len(h.floors)-1]
	}
	h.floors = append(h.floors, floor{h.reverts, kept})
	h.set(min(kept, h.number))
}

// set is called under mu.
func (h *heads) set(number uint64) {
	h.number = number
	close(h.changed)
	h.changed = make(chan struct{})
}

// headReader is how one reader sees heads. It is no use to several goroutines.
type headReader struct {
	heads   *heads
	head    uint64
	changed <-chan struct{}
	reverts int // seen
}

func (h *heads) reader() *headReader {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &headReader{h, h.number, h.changed, h.reverts}
}

// look takes note of what is new. When the ledger was reverted since, kept is the
// newest block that was there all the time.
func (r *headReader) look() (kept uint64, reverted bool) {
	h := r.heads
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.floors {
		if f.revert > r.reverts {
			kept, reverted = f.kept, true
			break
		}
	}
	r.head, r.changed, r.reverts = h.number, h.changed, h.reverts
	return kept, reverted
}

// wait returns when there is more to see than at the last look, or with the error of ctx.
func (r *headReader) wait(ctx context.Context) error {
	select {
	case <-r.changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
