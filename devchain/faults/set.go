package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Point is a place that a fault may strike.
type Point struct {
	On        string // the method, or one of the names of this package
	Transport Transport
	Node      string // the name of the node
	// Height says that a block height is told.
	Height bool
}

// maxFaults bounds a set. Spent faults make room, the oldest first.
const maxFaults = 1000

// ErrTooMany refuses a fault when so many wait to strike that there is no room.
var ErrTooMany = errors.New("faults: too many are active: clear some")

// ErrNotFound is the answer for a fault that there is not.
var ErrNotFound = errors.New("faults: no such fault")

// Set is the faults of a node. It is safe for concurrent use. The zero value is
// ready, and a nil Set has no faults and never will.
type Set struct {
	active atomic.Int64 // faults that are not spent: nobody waits for mu without need

	mu     sync.Mutex
	last   int      // guarded by mu; the newest id
	faults []*armed // guarded by mu; in the order of their ids
}

type armed struct {
	Fault
	dice *rand.Rand
}

// Add arms a fault and gives it as it will be listed.
func (s *Set) Add(f Fault) (Fault, error) {
	if err := f.Validate(); err != nil {
		return Fault{}, fmt.Errorf("fault: %w", err)
	}
	f = f.withDefaults()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= maxFaults {
		spent := slices.IndexFunc(s.faults, func(a *armed) bool { return a.Spent() })
		if spent < 0 {
			return Fault{}, ErrTooMany
		}
		s.faults = slices.Delete(s.faults, spent, spent+1)
	}
	s.last++
	f.ID = s.last
	s.faults = append(s.faults, &armed{f, rand.New(rand.NewPCG(f.Seed, 0))})
	s.active.Add(1)
	return f, nil
}

// List gives all faults, the spent ones too, in the order in which they were added.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Fault, len(s.faults))
	for i, a := range s.faults {
		list[i] = a.Fault
	}
	return list
}

// Remove takes one fault away and gives it as it was; ErrNotFound when there is none.
func (s *Set) Remove(id int) (Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.faults, func(a *armed) bool { return a.ID == id })
	if i < 0 {
		return Fault{}, fmt.Errorf("fault %d: %w", id, ErrNotFound)
	}
	gone := s.faults[i].Fault
	if !gone.Spent() {
		s.active.Add(-1)
	}
	s.faults = slices.Delete(s.faults, i, i+1)
	return gone, nil
}

// Clear takes all faults away and gives their number. Connections that are
// half-open stay so, and who waits goes on waiting.
func (s *Set) Clear() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.faults)
	s.faults = nil
	s.active.Store(0)
	return n
}

// Active reports whether any fault may still strike.
func (s *Set) Active() bool { return s != nil && s.active.Load() > 0 }

// Strike gives the fault that strikes at a point and counts it: the oldest one
// that does. Nil is no fault.
func (s *Set) Strike(p Point) *Fault {
	if !s.Active() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.faults {
		if a.Spent() || !a.matches(p) {
			continue
		}
		a.Seen++
		if a.Percent > 0 && a.dice.Float64()*100 >= a.Percent {
			continue
		}
		a.Struck++
		if a.Spent() {
			s.active.Add(-1)
		}
		struck := a.Fault
		return &struck
	}
	return nil
}

func (f Fault) matches(p Point) bool {
	switch {
	case f.Transport != "" && f.Transport != p.Transport, f.Node != "" && f.Node != p.Node:
		return false
	case f.Action == BlockNumber && !p.Height:
		return false
	case f.On == p.On:
		return true
	}
	return f.On == Any && (f.Action == BlockNumber || !isEvent(p.On) && slices.Contains(actionsOn(p.On), f.Action))
}

// Skew asks for the block that is being made and gives how wrong its clock is.
func (s *Set) Skew() time.Duration {
	if f := s.Strike(Point{On: Block}); f != nil {
		return time.Duration(f.Skew)
	}
	return 0
}
