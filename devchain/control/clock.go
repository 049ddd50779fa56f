package control

import (
	"sync"
	"time"
)

// Clock is the time of a chain (devchain.Config.Clock). The zero value follows the
// machine's clock. It is safe for concurrent use.
type Clock struct {
	mu       sync.Mutex
	offset   time.Duration // guarded by mu; to the machine's clock, when not standing
	standing bool          // guarded by mu
	at       time.Time     // guarded by mu; when standing
}

// Now is the time of the chain.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	if c.standing {
		return c.at
	}
	return time.Now().Add(c.offset)
}

// Set makes it t now; a running clock goes on from there.
func (c *Clock) Set(t time.Time) { c.Advance(t.Sub(c.Now())) }

// Advance puts the clock forward, or back when d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	c.at = c.at.Add(d)
}

// Stand stops the clock at t.
func (c *Clock) Stand(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.standing, c.at = true, t
}

// Follow makes the clock the machine's again.
func (c *Clock) Follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.standing, c.offset = false, 0
}

// Time is how the clock goes.
func (c *Clock) Time() Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	mode := Shifted
	switch {
	case c.standing:
		mode = Standing
	case c.offset == 0:
		mode = Following
	}
	return Time{Now: c.now(), Mode: mode}
}

// Change does what is asked; the error is of kind Invalid.
func (c *Clock) Change(change TimeChange) error {
	asked := 0
	for _, one := range []bool{change.Set != nil, change.Stand != nil, change.Advance != 0, change.Follow} {
		if one {
			asked++
		}
	}
	if asked != 1 {
		return &Error{Invalid, "ask for exactly one of set, stand, advance and follow"}
	}
	for _, t := range []*time.Time{change.Set, change.Stand} {
		if t != nil && t.Before(time.Unix(0, 0)) {
			return &Error{Invalid, "a chain has no time before 1970"}
		}
	}
	switch {
	case change.Set != nil:
		c.Set(*change.Set)
	case change.Stand != nil:
		c.Stand(*change.Stand)
	case change.Follow:
		c.Follow()
	default:
		c.Advance(time.Duration(change.Advance))
	}
	return nil
}
