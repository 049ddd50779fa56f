package batch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are the limits that a job has of its own, beside those of its target. They
// may change meanwhile: the user changes them, and processes that share them change
// their parts.
type limits struct {
	rate *rate.Limiter // rate.Inf is no limit

	mu       sync.Mutex
	class    Priority // at the target's window
	most     int      // transactions in flight; 0 is no limit
	inFlight int
	waiting  int
	used     bool      // somebody asked since the last look
	freed    broadcast // a place in flight, or the limits have changed
	reset    broadcast // the limits have changed

	hold, unhold func(now time.Time) // called around each wait for a turn that the rate gives
}

// nothing is a number of transactions in flight: none, where 0 is no limit.
const nothing = -1

func newLimits(perSecond float64, most int) *limits {
	nobody := func(time.Time) {}
	l := &limits{rate: rate.NewLimiter(rate.Inf, 0), hold: nobody, unhold: nobody}
	l.set(perSecond, most)
	return l
}

// set changes the limits from now on. What is in flight stays there.
func (l *limits) set(perSecond float64, most int) {
	l.mu.Lock()
	same := l.most == most && l.rate.Limit() == limitOf(perSecond)
	l.most = most
	l.rate.SetBurst(burstOf(perSecond))
	l.rate.SetLimit(limitOf(perSecond))
	l.mu.Unlock()
	if !same {
		l.freed.broadcast()
		l.reset.broadcast()
	}
}

// shrink is set for what is less than before; it gives what is in flight, which will
// not grow beyond.
func (l *limits) shrink(perSecond float64, most int) (inFlight int) {
	l.mu.Lock()
	if l.most != 0 && (most == 0 || most > l.most) {
		most = l.most
	}
	was := float64(l.rate.Limit())
	l.mu.Unlock()
	if limitOf(perSecond) > rate.Limit(was) {
		perSecond = was
	}
	l.set(perSecond, most)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inFlight
}

// busy reports whether anybody has used the limits since the last call, or does.
func (l *limits) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	busy := l.used || l.waiting > 0 || l.inFlight > 0
	l.used = false
	return busy
}

// priority is the job's, at the target's window.
func (l *limits) priority() Priority {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.class
}

func (l *limits) setPriority(p Priority) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.class = p
}

// tryAcquire is acquire that does not wait; it is false when it would have to.
func (l *limits) tryAcquire() bool {
	if !l.take() {
		return false
	}
	if l.rate.Allow() {
		return true
	}
	l.release()
	return false
}

// acquire waits until one more transaction may be sent, or for the end of ctx.
func (l *limits) acquire(ctx context.Context) error {
	if err := l.acquirePlace(ctx); err != nil {
		return err
	}
	for {
		reset := l.reset.next()
		turn := l.rate.Reserve()
		delay := turn.Delay()
		if delay == 0 {
			return nil
		}
		wait := time.NewTimer(delay)
		l.hold(time.Now())
		select {
		case <-wait.C:
			l.unhold(time.Now())
			return nil
		case <-reset: // the turn was given by the old rate
		case <-ctx.Done():
		}
		wait.Stop()
		l.unhold(time.Now())
		turn.Cancel()
		if ctx.Err() != nil {
			l.release()
			return ctx.Err()
		}
	}
}

// acquirePlace waits for a place in flight.
func (l *limits) acquirePlace(ctx context.Context) error {
	if l.take() {
		return nil
	}
	l.count(1)
	defer l.count(-1)
	for {
		freed := l.freed.next()
		if l.take() { // in between
			return nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *limits) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting += n
}

func (l *limits) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used = true
	if l.most != 0 && l.inFlight >= l.most {
		return false
	}
	l.inFlight++
	return true
}

// release gives back what acquire gave.
func (l *limits) release() {
	l.mu.Lock()
	l.inFlight--
	l.mu.Unlock()
	l.freed.broadcast()
}
