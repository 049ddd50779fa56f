package batch

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/bcosgate/bcosgate/chain"
)

// window hands out the permits to have a transaction in flight at one target,
// over all jobs: the higher priority first, first come, first served within one,
// and not faster than the target's rate. Its size follows pace. When the target
// cannot be reached it lets one transaction through after each pause, until one
// is answered: nobody else tries in vain meanwhile.
type window struct {
	mu       sync.Mutex
	pace     *pace
	inFlight int
	lines    [3]line // by rank
	rate     *rate.Limiter
	refill   *time.Timer // not nil: the rate has nothing left until it fires
	leased   int         // most in flight, where processes share the target's limits; 0 is no limit
	used     bool        // somebody asked since the last call of busy

	down    string        // why the target is not reached, "" when it is
	since   time.Time     // when it was reached last, while it is down
	failed  time.Time     // last failure to reach it: those of permits from before are echoes of it
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

// line is who waits for a permit at one priority.
type line struct {
	waiters   list.List // of chan struct{}, closed to hand a permit over
	claims    int       // jobs that take permits as fast as they get them
	overtaken int       // permits that went to others while somebody waited here
}

// fairShare keeps lower priorities from waiting for ever: who was overtaken that
// often is next. A busy line leaves about a sixteenth of the permits to each below.
const fairShare = 15

// newWindow makes a window of at least and at most so many transactions; limit is
// the target's rate, rate.Inf for none, and belongs to the window from then on.
func newWindow(least, most int, limit *rate.Limiter) *window {
	return &window{pace: newPace(least, most, time.Now()), rate: limit}
}

// acquire waits for a permit or the end of ctx.
func (w *window) acquire(ctx context.Context, p Priority) error {
	rank := p.rank()
	w.mu.Lock()
	w.used = true
	if w.free(rank) {
		w.take(rank)
		w.mu.Unlock()
		return nil
	}
	ready := make(chan struct{})
	waiters := &w.lines[rank].waiters
	place := waiters.PushBack(ready)
	w.admit()
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
			waiters.Remove(place)
		}
		w.admit()
		return ctx.Err()
	}
}

// open reports whether a permit is free. mu is held.
func (w *window) open() bool {
	switch {
	case w.paused != nil, w.leased != 0 && w.inFlight >= w.leased:
		return false
	case w.down != "":
		return !w.probing
	default:
		return w.inFlight < w.pace.size
	}
}

// token takes one from the rate. Without one it comes back to those who wait as
// soon as there is one. mu is held.
func (w *window) token() bool {
	now := time.Now()
	switch {
	case w.refill != nil:
		return false
	case w.rate.AllowN(now, 1):
		return true
	}
	missing := (1 - w.rate.TokensAt(now)) / float64(w.rate.Limit())
	w.refill = time.AfterFunc(time.Duration(missing*float64(time.Second)), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refill = nil
		w.admit()
	})
	return false
}

// free reports whether who comes now need not wait, and then uses up the rate.
// mu is held.
func (w *window) free(rank int) bool {
	for i := range w.lines {
		l := &w.lines[i]
		if i > rank && l.claims > 0 || l.waiters.Len() > 0 && (i >= rank || l.overtaken >= fairShare) {
			return false
		}
	}
	return w.open() && w.token()
}

// next is the rank of the line whose turn it is, -1 for nobody: nobody waits, or
// a job of a higher priority is about to ask. mu is held.
func (w *window) next() int {
	for i := range w.lines {
		if w.lines[i].waiters.Len() > 0 && w.lines[i].overtaken >= fairShare {
			return i
		}
	}
	for i := len(w.lines) - 1; i >= 0; i-- {
		switch {
		case w.lines[i].waiters.Len() > 0:
			return i
		case w.lines[i].claims > 0:
			return -1
		}
	}
	return -1
}

// claim says that a job takes permits as fast as it gets them, until unclaim: what
// is free between two of its questions is not for lower priorities.
func (w *window) claim(p Priority) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines[p.rank()].claims++
}

// unclaim takes the word of claim back: the job waits for something else, or has
// nothing more to send.
func (w *window) unclaim(p Priority) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines[p.rank()].claims--
	w.admit()
}

// take counts a permit. mu is held.
func (w *window) take(rank int) {
	for i := range w.lines {
		switch l := &w.lines[i]; {
		case i == rank:
			l.overtaken = 0
		case l.waiters.Len() > 0:
			l.overtaken++
		}
	}
	w.inFlight++
	w.probing = w.down != ""
	if w.inFlight >= w.pace.size {
		w.pace.full = true
	}
}

// admit hands free permits to those whose turn it is. mu is held.
func (w *window) admit() {
	for rank := w.next(); rank >= 0 && w.open() && w.token(); rank = w.next() {
		waiters := &w.lines[rank].waiters
		ready := waiters.Remove(waiters.Front()).(chan struct{})
		w.take(rank)
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

// answered gives a permit back that was got at a moment, with what came of the send;
// err is nil for a receipt.
func (w *window) answered(permitted time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	if w.inFlight >= w.pace.size { // it was larger before
		w.pace.full = true
	}
	now := time.Now()
	switch kind := chain.KindOf(err); kind {
	case chain.KindUnavailable:
		if !permitted.Before(w.failed) {
			w.fail(now, err)
		}
	case chain.KindCanceled:
		w.probing = false
	case chain.KindOverloaded, chain.KindTimeout:
		w.reached(now)
		w.pace.answered(now, permitted, loadTooMuch)
		if e, ok := errors.AsType[*chain.Error](err); ok && e.RetryAfter > 0 {
			w.pause(min(e.RetryAfter, askedMost))
		}
	default:
		w.reached(now)
		w.pace.answered(now, permitted, loadFine)
	}
	w.admit()
}

// fail notes that the target cannot be reached. mu is held.
func (w *window) fail(now time.Time, err error) {
	if w.down == "" {
		w.since = now
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

// bound changes the rate, and how many may be in flight beside what pace says.
func (w *window) bound(limit rate.Limit, burst, leased int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rate.Limit() == limit && w.leased == leased {
		return
	}
	w.rate.SetBurst(burst)
	w.rate.SetLimit(limit)
	w.leased = leased
	if w.refill != nil { // it waits by the old rate
		w.refill.Stop()
		w.refill = nil
	}
	w.admit()
}

// bounds are what bound has set, and what is in flight.
func (w *window) bounds() (limit rate.Limit, leased, inFlight int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rate.Limit(), w.leased, w.inFlight
}

// busy reports whether anybody has asked for a permit since the last call, or holds one.
func (w *window) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	busy := w.used || w.inFlight > 0
	for i := range w.lines {
		busy = busy || w.lines[i].waiters.Len() > 0
	}
	w.used = false
	return busy
}

// unreachableSince is when the target was reached last; zero when it is reached.
func (w *window) unreachableSince() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down == "" {
		return time.Time{}
	}
	return w.since
}

// rest stops the timers; the next acquire finds the window open.
func (w *window) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, timer := range []**time.Timer{&w.paused, &w.refill} {
		if *timer != nil {
			(*timer).Stop()
			*timer = nil
		}
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
	for i := range w.lines {
		waiting += w.lines[i].waiters.Len()
	}
	return size, w.inFlight, waiting, why
}
