package batch

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// window hands out the permits to have a transaction in flight at one target,
// first come, first served over all jobs. Its size follows pace. When the
// target cannot be reached it lets one transaction through after each pause,
// until one is answered: nobody else tries in vain meanwhile.
type window struct {
	mu       sync.Mutex
	pace     *pace
	inFlight int
	waiters  list.List // of chan struct{}, closed to hand a permit over

	down    string        // why the target is not reached, "" when it is
	failed  time.Time     // last failure to reach it: failures of earlier sends are echoes of it
	probing bool          // the one send that is allowed while it is down is on its way
	backoff time.Duration // length of the last pause while it is down
	paused  *time.Timer   // not nil: no permits until it fires
}

// The pauses between tries while a target cannot be reached: short enough that a
// restarted node is used soon. The connections dial by themselves; a try while
// there is none costs nothing.
const (
	downLeast = 200 * time.Millisecond
	downMost  = time.Second

	askedMost = 5 * time.Second // the longest pause that a node can ask for
)

func newWindow(most int) *window { return &window{pace: newPace(most, time.Now())} }

// acquire waits for a permit or the end of ctx.
func (w *window) acquire(ctx context.Context) error {
	w.mu.Lock()
	if w.waiters.Len() == 0 && w.open() {
		w.take()
		w.mu.Unlock()
		return nil
	}
	ready := make(chan struct{})
	place := w.waiters.PushBack(ready)
	w.mu.Unlock()

	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		w.mu.Lock()
		defer w.mu.Unlock()
		select {
		case <-ready: // it was handed over in the same moment
			w.inFlight--
			w.probing = false
		default:
			w.waiters.Remove(place)
		}
		w.admit()
		return ctx.Err()
	}
}

// open reports whether a permit is free. mu is held.
func (w *window) open() bool {
	switch {
	case w.paused != nil:
		return false
	case w.down != "":
		return !w.probing
	default:
		return w.inFlight < w.pace.size
	}
}

// take counts a permit. mu is held.
func (w *window) take() {
	w.inFlight++
	w.probing = w.down != ""
	if w.inFlight >= w.pace.size {
		w.pace.full = true
	}
}

// admit hands free permits to those who wait longest. mu is held.
func (w *window) admit() {
	for w.waiters.Len() > 0 && w.open() {
		ready := w.waiters.Remove(w.waiters.Front()).(chan struct{})
		w.take()
		close(ready)
	}
}

// release gives a permit back whose transaction was not sent after all.
func (w *window) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	w.probing = false
	w.admit()
}

// answered gives a permit back with what came of the send that began at a
// moment; err is nil for a receipt.
func (w *window) answered(sent time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	now := time.Now()
	switch kind := chain.KindOf(err); kind {
	case chain.KindUnavailable:
		if !sent.Before(w.failed) {
			w.fail(now, err)
		}
	case chain.KindCanceled:
		w.probing = false
	case chain.KindOverloaded, chain.KindTimeout:
		w.reached(now)
		w.pace.answered(now, sent, loadTooMuch)
		if e, ok := errors.AsType[*chain.Error](err); ok && e.RetryAfter > 0 {
			w.pause(min(e.RetryAfter, askedMost))
		}
	default:
		w.reached(now)
		w.pace.answered(now, sent, loadFine)
	}
	w.admit()
}

// fail notes that the target cannot be reached. mu is held.
func (w *window) fail(now time.Time, err error) {
	if w.down == "" {
		w.backoff = downLeast
		w.pace.restart(now)
	} else {
		w.backoff = min(2*w.backoff, downMost)
	}
	w.down, w.failed, w.probing = err.Error(), now, false
	w.pause(w.backoff)
}

// reached notes that the target has answered. mu is held.
func (w *window) reached(now time.Time) {
	if w.down == "" {
		return
	}
	w.down, w.probing = "", false
	w.pace.restart(now)
	if w.paused != nil {
		w.paused.Stop()
		w.paused = nil
	}
}

// pause hands out no permits for a while. mu is held.
func (w *window) pause(d time.Duration) {
	if w.paused != nil {
		return
	}
	w.paused = time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.paused = nil
		w.admit()
	})
}

// rest stops the timer of a pause; the next acquire finds the window open.
func (w *window) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.paused != nil {
		w.paused.Stop()
		w.paused = nil
	}
}

// look is a snapshot of the window.
func (w *window) look() (size, inFlight, waiting int, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	size = w.pace.size
	switch {
	case w.down != "":
		size = 1
		why = fmt.Sprintf("the target cannot be reached, trying again every %s: %s", w.backoff, w.down)
	case w.paused != nil:
		why = "the target asked to wait"
	}
	return size, w.inFlight, w.waiters.Len(), why
}
