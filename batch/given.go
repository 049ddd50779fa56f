package batch

import "time"

// What is in this file belongs to a run whose shards come from a work queue, because
// other processes carry the others of the same job.

// give adds a shard to those that the run carries. nil when the run takes no more.
func (r *run) give(sh shard) *work {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	if w := r.carried[sh.number]; w != nil { // its ticket came a second time
		r.mu.Unlock()
		return w
	}
	w := r.newWork(sh)
	r.given = append(r.given, w)
	r.carried[sh.number] = w
	r.mu.Unlock()
	r.more.broadcast()
	return w
}

// waits is how many shards were given and not taken up.
func (r *run) waits() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.given)
}

// feedGiven takes up the shards that the run is given, until the job is final or
// there was none for a while. It is false when it could not go on.
func (r *run) feedGiven() bool {
	for {
		w := r.nextGiven()
		if w == nil {
			return r.living.Err() == nil
		}
		if !r.take(w) {
			return false
		}
	}
}

// nextGiven waits for a shard; nil when none is to be taken up any more.
func (r *run) nextGiven() *work {
	idle := time.NewTimer(idleRun)
	defer idle.Stop()
	for out := false; ; {
		more := r.more.next()
		r.mu.Lock()
		if len(r.given) > 0 && r.living.Err() == nil {
			w := r.given[0]
			r.given = r.given[1:]
			r.mu.Unlock()
			return w
		}
		if out || r.final || r.living.Err() != nil {
			r.closed = true
			r.mu.Unlock()
			return nil
		}
		r.mu.Unlock()
		r.unclaim()
		select {
		case <-more:
		case <-r.living.Done():
		case <-idle.C:
			out = true
		}
	}
}

// refuse leaves the shards that were given and not taken up, and takes no more.
func (r *run) refuse() {
	r.mu.Lock()
	left := r.given
	r.given, r.closed = nil, true
	r.mu.Unlock()
	for _, w := range left {
		w.left.Store(true)
		r.put(w)
	}
}

// put ends the work on a shard.
func (r *run) put(w *work) {
	r.mu.Lock()
	delete(r.carried, w.number)
	r.mu.Unlock()
	close(w.ended)
}

// recount takes the counts of all processes together.
func (r *run) recount(c Counts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = c
}

// conclude tells the run that the job is final: no more shards will come.
func (r *run) conclude() {
	r.mu.Lock()
	r.final = true
	r.mu.Unlock()
	r.more.broadcast()
}

// giveUp ends the run soon, so that its shards go to others.
func (r *run) giveUp() {
	r.mu.Lock()
	r.gaveUp = true
	r.mu.Unlock()
	r.endLiving()
}

// pauseAfter is how long the shards wait that the run has left, before they are
// handed out.
func (r *run) pauseAfter() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gaveUp || r.halted != "" || r.paused.Load() {
		return givenUp
	}
	return 0
}

func (r *run) setSilent(since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = since
}

// unreachableFor is for how long the target has not answered this process.
func (r *run) unreachableFor(now time.Time) time.Duration {
	r.mu.Lock()
	since := r.silent
	r.mu.Unlock()
	if since.IsZero() && r.target != nil {
		since = r.window.unreachableSince()
	}
	if since.IsZero() {
		return 0
	}
	return now.Sub(since)
}

// progressRate measures the rate of a job from what the store counts.
type progressRate struct {
	meter   meter
	settled int64
	asked   time.Time
}

// sharedProgress is how far a job is that several processes carry; r is its run
// here, or nil.
func (e *Engine) sharedProgress(job Job, r *run) Progress {
	p := Progress{JobID: job.ID}
	if r != nil && !r.hasEnded() {
		p = r.progress()
	}
	p.State, p.Rows, p.Counts, p.Reason, p.Halted = job.State, job.Rows, job.Counts, job.Reason, job.Reason != ""
	e.mu.Lock()
	s := e.share
	e.mu.Unlock()
	if s != nil {
		p.Rate = s.rate(job)
	}
	p.estimate()
	return p
}

// rateGap is the longest time between two questions over which a rate is measured.
const rateGap = 3 * time.Second

func (s *sharing) rate(job Job) float64 {
	now, settled := time.Now(), job.Counts.Settled()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, old := range s.rates { // of those that nobody asks for any more
		if now.Sub(old.asked) > rateGap {
			delete(s.rates, id)
		}
	}
	m := s.rates[job.ID]
	if m == nil {
		m = &progressRate{meter: meter{began: now}, settled: settled}
		s.rates[job.ID] = m
	}
	m.meter.add(now, settled-m.settled)
	m.settled, m.asked = settled, now
	return m.meter.rate(now)
}
