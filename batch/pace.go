package batch

import "time"

// pace finds how many transactions a target can have in flight. It only
// counts; window acts on it. FISCO BCOS answers a send after its block, so that
// the number in flight decides how many transactions a second are made.
//
// It works in rounds: a round ends when as many sends were answered as fitted
// into the window when it began. While it starts slowly, the window doubles
// after each round that was faster than all before; then it grows by a small
// step a round; it is halved when the target is overrun.
type pace struct {
	most int // the window never gets larger
	size int // the window

	slowStart bool
	best      float64   // most answers a second in any round of this slow start
	began     time.Time // the round's begin
	goal      int       // how many answers end the round
	answers   int       // how many there were
	full      bool      // the window was full during the round: otherwise the round says nothing about it
	reduced   time.Time // last reduction: answers to earlier sends are echoes of the same trouble
}

const (
	// paceFirst is a quarter of a usual block: 256, 512, 1024, 2000 in flight
	// are reached after three blocks.
	paceFirst = 256
	// A round has to be this much faster for slow start to go on. Below, more in
	// flight only means longer queues at the node.
	paceGain = 1.1
)

// verdict is what an answer says about the target's load.
type verdict int

const (
	loadFine     verdict = iota // answered in order, whatever the answer was
	loadTooMuch                 // overloaded, or no answer in time
	loadUnstated                // a failure that says nothing about load
)

func newPace(most int, now time.Time) *pace {
	p := &pace{most: most}
	p.restart(now)
	return p
}

// restart begins a slow start, as when the target is new.
func (p *pace) restart(now time.Time) {
	p.size = min(paceFirst, p.most)
	p.slowStart, p.best, p.reduced = true, 0, now
	p.round(now)
}

func (p *pace) round(now time.Time) {
	p.began, p.goal, p.answers, p.full = now, p.size, 0, false
}

// answered counts the answer to a send that began at a moment.
func (p *pace) answered(now, sent time.Time, v verdict) {
	switch v {
	case loadUnstated:
		return
	case loadTooMuch:
		if sent.Before(p.reduced) {
			return
		}
		p.size = max(p.size/2, 1)
		p.slowStart, p.reduced = false, now
		p.round(now)
		return
	}
	p.answers++
	if p.answers < p.goal {
		return
	}
	if p.full {
		p.grow(now)
	}
	p.round(now)
}

func (p *pace) grow(now time.Time) {
	if !p.slowStart {
		p.size = min(p.size+max(p.size/16, 1), p.most)
		return
	}
	rate := float64(p.answers) / max(now.Sub(p.began), time.Microsecond).Seconds()
	if rate < p.best*paceGain {
		p.slowStart = false
		return
	}
	p.best = rate
	p.size = min(2*p.size, p.most)
	p.slowStart = p.size < p.most
}
