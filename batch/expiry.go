package batch

import (
	"fmt"
	"sync"
	"time"
)

// DefaultMaxWait is Spec.MaxWait where it is 0.
const DefaultMaxWait = Duration(30 * time.Minute)

// Duration is a time.Duration that JSON and texts write as 1h30m0s.
type Duration time.Duration

// String is that of time.Duration.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes 1h30m0s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// expiryRule is what makes rows expire.
type expiryRule string

const (
	byDeadline   expiryRule = "deadline"   // rows that were never sent
	byMaxWait    expiryRule = "maxWait"    // rows that were never sent
	byBlockLimit expiryRule = "blockLimit" // a row that was signed elsewhere and did not land
)

// expiryCause says why the rows of a job expire.
type expiryCause struct {
	by   expiryRule
	text string
}

// expiry knows when the rows of a run that were never sent expire. It only counts;
// the run tells it what happens, and asks.
type expiry struct {
	mu       sync.Mutex
	from     time.Time // what the deadline counts from
	deadline time.Duration
	maxWait  time.Duration
	moved    time.Time // since when nothing of the job could be sent
	held     int       // how many wait because the job itself wants to be slow: the clock stands
	heldAt   time.Time
	changed  broadcast // the limits have
}

func newExpiry(spec Spec, from, now time.Time) *expiry {
	x := &expiry{from: from, moved: now}
	x.set(spec)
	return x
}

// set takes the limits of a spec from now on.
func (x *expiry) set(spec Spec) {
	x.mu.Lock()
	x.deadline, x.maxWait = time.Duration(spec.Deadline), time.Duration(spec.MaxWait)
	if x.maxWait == 0 {
		x.maxWait = time.Duration(DefaultMaxWait)
	}
	x.mu.Unlock()
	x.changed.broadcast()
}

// move notes that something of the job could be sent, or came to its end.
func (x *expiry) move(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.moved = now
	if x.held > 0 {
		x.heldAt = now
	}
}

// hold makes the clock of maxWait stand until release is called as often.
func (x *expiry) hold(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held == 0 {
		x.heldAt = now
	}
	x.held++
}

func (x *expiry) release(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held--; x.held == 0 {
		x.moved = x.moved.Add(now.Sub(x.heldAt))
	}
}

// due is why rows that were never sent expire now; nil with the time after which it
// is to be asked again.
func (x *expiry) due(now time.Time) (*expiryCause, time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	until := now
	if x.held > 0 {
		until = x.heldAt
	}
	left := x.maxWait - until.Sub(x.moved)
	if left <= 0 {
		return &expiryCause{byMaxWait, fmt.Sprintf("nothing of the job could be sent for %s", x.maxWait)}, 0
	}
	if x.deadline == 0 {
		return nil, left
	}
	ends := x.deadline - now.Sub(x.from)
	if ends <= 0 {
		return &expiryCause{byDeadline, fmt.Sprintf("not sent within %s", x.deadline)}, 0
	}
	return nil, min(left, ends)
}

// expiryLook is how often a run looks whether it is its store that keeps it from
// sending, during which the clock of maxWait stands.
const expiryLook = time.Minute

// watchExpiry makes the rows that were never sent expire when it is time, until the
// run is to sign nothing new for another reason.
func (r *run) watchExpiry() {
	for {
		changed := r.expiry.changed.next()
		if r.commits.trouble.Load() != nil || r.unread.Load() {
			r.expiry.move(time.Now())
		}
		cause, left := r.expiry.due(time.Now())
		if cause != nil {
			r.expire(cause)
			return
		}
		timer := time.NewTimer(min(left, expiryLook))
		select {
		case <-timer.C:
		case <-changed:
		case <-r.fresh.Done():
		}
		timer.Stop()
		if r.fresh.Err() != nil {
			return
		}
	}
}

// expire ends all rows of the job that were never sent.
func (r *run) expire(cause *expiryCause) {
	if why := r.progress().Waiting; why != "" && cause.by == byMaxWait {
		cause.text += "; " + why
	}
	r.log.Warn("rows that were not sent expire", "by", cause.by, "reason", cause.text)
	r.late.Store(cause)
	r.endTimely()
}
