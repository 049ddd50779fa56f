package guard

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// paceWindow is how many attempts the quantile is taken of: the slowest 5 % are
	// then six of them, so that one alone does not make it.
	paceWindow = 128
	// paceEvery is after how many attempts it is taken again: a quarter of the
	// window, so that sorting costs little for each.
	paceEvery = 32
	// paceLeast is how many attempts there must be: the first number of which 5 % is
	// a whole one.
	paceLeast = 20
	// paceFloor is the shortest delay: below it, a second question costs more than
	// the wait, and the jitter of timers decides who is slow.
	paceFloor = time.Millisecond
)

// pace is how long attempts of one kind take, over the last of them.
type pace struct {
	slow atomic.Int64 // 95 % were faster; 0 while too few are known

	mu   sync.Mutex
	last [paceWindow]time.Duration
	seen int
}

// delay is how long an attempt may take before it counts as slow, 0 when unknown.
func (p *pace) delay() time.Duration { return time.Duration(p.slow.Load()) }

func (p *pace) add(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last[p.seen%paceWindow] = took
	p.seen++
	if p.seen != paceLeast && p.seen%paceEvery != 0 {
		return
	}
	sorted := p.last
	n := min(p.seen, paceWindow)
	slices.Sort(sorted[:n])
	p.slow.Store(int64(max(paceFloor, sorted[(n*95+99)/100-1])))
}
