package loadgen

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Shape names how the rate of a run goes.
type Shape string

// The shapes of a run.
const (
	Steady Shape = "steady" // From all the time
	Ramp   Shape = "ramp"   // evenly from From to To
	Stairs Shape = "step"   // From, then By more with each step up to To, until one does not hold
)

// Profile says how many requests start when. Rates are requests a second.
type Profile struct {
	Shape    Shape         `json:"shape"`
	From     float64       `json:"from"`
	To       float64       `json:"to,omitempty"` // Ramp: the rate at the end. Stairs: the highest rate
	By       float64       `json:"by,omitempty"` // Stairs only
	Duration time.Duration `json:"durationNs"`   // of the run, for Stairs of each step
	Poisson  bool          `json:"poisson"`      // random arrivals as of many independent clients; else evenly spaced
}

// maxRate is more than one process can send: a higher one is a mistake.
const maxRate = 1e6

// Validate says what is wrong with a profile.
func (p Profile) Validate() error {
	positive := func(name string, v float64) error {
		if !(v > 0 && v <= maxRate) { // also not a number
			return fmt.Errorf("%s %g is not between 0 and %g requests a second", name, v, maxRate)
		}
		return nil
	}
	if p.Duration <= 0 {
		return fmt.Errorf("a duration of %s", p.Duration)
	}
	if err := positive("rate", p.From); err != nil {
		return err
	}
	switch p.Shape {
	case Steady:
		return nil
	case Ramp:
		return positive("the rate at the end", p.To)
	case Stairs:
		if err := positive("the highest rate", p.To); err != nil {
			return err
		}
		if p.To < p.From {
			return fmt.Errorf("the highest rate %g is below the first %g", p.To, p.From)
		}
		return positive("a step of", p.By)
	}
	return fmt.Errorf("there is no shape %q", p.Shape)
}

// steps are the parts of the run that are judged by themselves: one, except of Stairs.
func (p Profile) steps() []rates {
	if p.Shape != Stairs {
		to := p.From
		if p.Shape == Ramp {
			to = p.To
		}
		return []rates{{p.From, to, p.Duration}}
	}
	var list []rates
	for i := 0; ; i++ {
		rate := p.From + float64(i)*p.By // not a running sum, which would drift
		if rate > p.To*(1+1e-9) {
			return list
		}
		list = append(list, rates{rate, rate, p.Duration})
	}
}

// Most is how many requests the run has at most; for Poisson it is what is to be
// expected.
func (p Profile) Most() int64 {
	total := 0.0
	for _, r := range p.steps() {
		total += math.Ceil(r.total() - 1e-9)
	}
	return int64(total)
}

// rates is a rate that goes evenly from one value to another.
type rates struct {
	from, to float64
	duration time.Duration
}

// total is how many requests are due within the duration.
func (r rates) total() float64 { return (r.from + r.to) / 2 * r.duration.Seconds() }

// due is when the x-th request is due, from the beginning; the inverse of
// from·t + (to-from)/(2·duration)·t².
func (r rates) due(x float64) time.Duration {
	slope := (r.to - r.from) / r.duration.Seconds()
	// The form of the root that keeps its digits when slope is near or at 0.
	t := 2 * x / (r.from + math.Sqrt(max(0, r.from*r.from+2*slope*x)))
	return time.Duration(t * float64(time.Second))
}

// schedule gives the intended starts of one step, in their order.
type schedule struct {
	rates
	random *rand.Rand // nil spaces evenly
	x      float64    // requests that are due before the next
}

// newSchedule makes the schedule of a step; the same seed gives the same one.
func newSchedule(r rates, poisson bool, seed uint64, step int) *schedule {
	s := &schedule{rates: r}
	if poisson {
		s.random = rand.New(rand.NewPCG(seed, arrivalStream+uint64(step)))
		s.x = s.random.ExpFloat64()
	}
	return s
}

// next is the intended start of the next request; false when the step is over.
func (s *schedule) next() (time.Duration, bool) {
	if s.x >= s.total()-1e-9 {
		return 0, false
	}
	at := s.due(s.x)
	if s.random != nil {
		s.x += s.random.ExpFloat64()
	} else {
		s.x++
	}
	return at, true
}

// Streams keep the random numbers of one seed apart that are for different uses.
// Requests have the stream of their number.
const (
	arrivalStream = 1 << 62
	mixStream     = 1 << 61
)
