package batch

import "time"

// pace finds how many transactions a target can have in flight. It only
// counts; window acts on it. FISCO BCOS answers a send after its block, so that
// the number in flight decides how many transactions a second are made.
//
// It works in rounds: a round ends when as many sends were answered as fitted
// into the window when it began. At first the window doubles with each round that
// was faster than all before. Then it is held, and from time to time another size
// is tried for a few rounds: a larger one is kept when it is faster, a smaller one
// when it is as fast. When the target is overrun, the window is halved, and what
// the target did take is remembered and not exceeded for a while.
//
// Latency is not looked at by itself, because its floor is the time of a block,
// which nobody knows beforehand. But as long as the window is full, the mean
// latency is its size divided by the rate: what a larger window does not gain in
// rate it adds to latency, as a queue at the node. So the gradient of the rate is
// that of the latency.
type pace struct {
	least, most int // bounds of the window
	size        int // the window

	phase   pacePhase
	best    float64 // starting: most answers a second so far
	misses  int     // starting: rounds in a row that were not faster
	held    measure // what the window gives that is held; while it is tried, what it gave
	rest    int     // rounds until the next trial
	patient int     // length of the last rest
	down    bool    // the next trial is of a smaller window

	overran int       // the window that overran the target last
	reduced time.Time // when: what was permitted before is an echo of the same trouble
	refused int       // overloads of that time; 0 when the window has recovered

	began   time.Time // the round's begin
	goal    int       // how many answers end the round
	answers int       // how many there were
	full    bool      // the window was full during the round: otherwise the round says nothing about it
	stretch stretch   // rounds that are measured together
}

type pacePhase int

const (
	paceStarting pacePhase = iota
	paceHolding
	paceTrying
)

// measure is what a window of a size gave.
type measure struct {
	size int
	rate float64 // answers a second
}

// stretch adds up rounds with the same window.
type stretch struct {
	rounds  int
	answers int
	took    time.Duration
}

const (
	// paceFirst is a little more than a usual block: a full one is made at once, while
	// one that is not full waits for its time. Two and four follow.
	paceFirst = 1024
	// A round has to be this much faster for the window to be doubled again.
	paceGain = 1.1
	// Doubling ends with the second round in a row that is not faster: one alone may
	// be a pause of anybody's.
	paceMisses = 2
	// paceRounds are measured together. Blocks and rounds do not end together, so
	// that one round alone is wrong by up to a block.
	paceRounds = 8
	paceSpan   = 250 * time.Millisecond // and at least so long, where answers come at once
	// A trial is kept when it gains a sixth of what it adds, or loses a 24th of what it
	// takes away: 4 % more answers, or 1 % less, for a quarter of the window.
	paceWorth = 6
	paceSame  = 24
	// The rest between two trials, in rounds, doubles up to a minute or so for each
	// one in vain.
	paceRest     = 8
	paceRestMost = 64
)

// verdict is what an answer says about the target's load.
type verdict int

const (
	loadFine     verdict = iota // answered in order, whatever the answer was
	loadTooMuch                 // overloaded, or no answer in time
	loadUnstated                // a failure that says nothing about load
)

// newPace keeps the window between least and most, both at least 1.
func newPace(least, most int, now time.Time) *pace {
	p := &pace{least: min(least, most), most: most}
	p.restart(now)
	return p
}

// restart begins to double, as when the target is new.
func (p *pace) restart(now time.Time) {
	p.size = p.bound(paceFirst)
	p.phase, p.best, p.misses, p.stretch = paceStarting, 0, 0, stretch{}
	p.reduced, p.refused, p.patient = now, 0, paceRest
	p.round(now)
}

func (p *pace) bound(size int) int { return max(p.least, min(size, p.most)) }

func (p *pace) round(now time.Time) {
	p.began, p.goal, p.answers, p.full = now, p.size, 0, false
}

// answered counts the answer to a send whose permit is from a moment. That the permit
// counts and not the send itself matters at the start: hundreds have one before the
// first is signed, and are refused one after the other.
func (p *pace) answered(now, permitted time.Time, v verdict) {
	switch v {
	case loadUnstated:
		return
	case loadTooMuch:
		if permitted.Before(p.reduced) {
			p.refused++
			return
		}
		p.overrun(now)
		return
	}
	p.answers++
	if p.answers < p.goal {
		return
	}
	if p.full {
		p.stretch.add(p.answers, now.Sub(p.began))
		p.next()
	}
	p.round(now)
}

// overrun halves the window.
func (p *pace) overrun(now time.Time) {
	p.overran, p.reduced, p.refused = p.size, now, 1
	p.size = p.bound(p.size / 2)
	p.patient = min(2*p.patient, paceRestMost)
	p.hold(p.patient)
	p.round(now)
}

// hold keeps the present window for at least so many rounds.
func (p *pace) hold(rounds int) {
	p.phase, p.rest, p.stretch = paceHolding, rounds, newStretch()
}

// next does what a full round leads to.
func (p *pace) next() {
	switch p.phase {
	case paceStarting:
		p.double()
	case paceHolding:
		p.regain()
		if p.stretch.measured() {
			p.held = p.stretch.measure(p.size)
			p.rest -= p.stretch.rounds
			p.stretch = stretch{}
			if p.rest <= 0 {
				p.try()
			}
		}
	case paceTrying:
		if p.stretch.measured() {
			p.judge(p.stretch.measure(p.size))
		}
	}
}

// double is the next step of the start.
func (p *pace) double() {
	rate := p.stretch.rate()
	p.stretch = stretch{}
	switch {
	case rate >= p.best*paceGain:
		p.best, p.misses = rate, 0
		if p.size < p.most {
			p.size = p.bound(2 * p.size)
			return
		}
	case p.misses+1 < paceMisses:
		p.misses++
		return
	case p.size > p.bound(paceFirst):
		p.size = p.bound(p.size / 2) // the last doubling made a queue, and nothing else
	}
	p.patient, p.down = paceRest, false
	p.hold(p.patient)
}

// regain ends the halving after an overload: the target did take what it had not
// refused, and somewhat less than that will not overrun it.
func (p *pace) regain() {
	if p.refused == 0 {
		return
	}
	taken := p.overran - p.refused
	p.refused, p.stretch = 0, stretch{}
	p.size = p.bound(max(p.size, taken-taken/16))
}

// try begins a trial of another window, by turns a larger and a smaller one.
func (p *pace) try() {
	step := max(p.size/4, 1)
	size := p.bound(p.size + step)
	if p.down || size == p.size {
		p.down = true
		size = p.bound(p.size - step)
	}
	if size == p.size {
		p.down = false
		p.hold(p.patient)
		return
	}
	p.size, p.phase = size, paceTrying
	p.stretch = newStretch()
}

// judge ends a trial.
func (p *pace) judge(m measure) {
	change := float64(m.size)/float64(p.held.size) - 1 // below 0 for a smaller window
	gain := m.rate/p.held.rate - 1
	if p.down && gain >= change/paceSame || !p.down && gain >= change/paceWorth {
		p.held, p.patient = m, paceRest
		if p.down {
			p.hold(p.patient)
		} else {
			p.try() // on as long as it helps
		}
		return
	}
	p.size = p.held.size
	p.down = !p.down
	p.patient = min(2*p.patient, paceRestMost)
	p.hold(p.patient)
}

// newStretch is one whose first round counts for nothing: it has the answers to
// what the window before let in.
func newStretch() stretch { return stretch{rounds: -1} }

func (s *stretch) add(answers int, took time.Duration) {
	if s.rounds++; s.rounds > 0 {
		s.answers += answers
		s.took += took
	}
}

func (s stretch) measured() bool { return s.rounds >= paceRounds && s.took >= paceSpan }

func (s stretch) rate() float64 {
	return float64(s.answers) / max(s.took, time.Microsecond).Seconds()
}

func (s stretch) measure(size int) measure { return measure{size, s.rate()} }
