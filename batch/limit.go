package batch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// jobLimits are the limits that a job has of its own, beside those of its
// target. They may change while the job runs.
type jobLimits struct {
	rate *rate.Limiter // rate.Inf is no limit

	mu       sync.Mutex
	class    Priority // at the target's window
	most     int      // transactions in flight; 0 is no limit
	inFlight int
	freed    broadcast // a place in flight, or the limits have changed
	reset    broadcast // the limits have changed
}

func newJobLimits(spec Spec) *jobLimits {
	l := &jobLimits{rate: rate.NewLimiter(rate.Inf, 0)}
	l.set(spec)
	return l
}

// set takes the limits of a spec from now on. What is in flight stays there.
func (l *jobLimits) set(spec Spec) {
	l.rate.SetBurst(burstOf(spec.Rate))
	l.rate.SetLimit(limitOf(spec.Rate))
	l.mu.Lock()
	l.most, l.class = spec.InFlight, spec.priority()
	l.mu.Unlock()
	l.freed.broadcast()
	l.reset.broadcast()
}

func (l *jobLimits) priority() Priority {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.class
}

// tryAcquire is acquire that does not wait; it is false when it would have to.
func (l *jobLimits) tryAcquire() bool {
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
func (l *jobLimits) acquire(ctx context.Context) error {
	for !l.take() {
		freed := l.freed.next()
		if l.take() { // in between
			break
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		reset := l.reset.next()
		turn := l.rate.Reserve()
		delay := turn.Delay()
		if delay == 0 {
			return nil
		}
		wait := time.NewTimer(delay)
		select {
		case <-wait.C:
			return nil
		case <-reset: // the turn was given by the old rate
			wait.Stop()
			turn.Cancel()
		case <-ctx.Done():
			wait.Stop()
			turn.Cancel()
			l.release()
			return ctx.Err()
		}
	}
}

func (l *jobLimits) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most > 0 && l.inFlight >= l.most {
		return false
	}
	l.inFlight++
	return true
}

// release gives back what acquire gave.
func (l *jobLimits) release() {
	l.mu.Lock()
	l.inFlight--
	l.mu.Unlock()
	l.freed.broadcast()
}
