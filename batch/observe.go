package batch

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// Progress is how far a job is, now.
type Progress struct {
	JobID    string        `json:"jobId"`
	State    JobState      `json:"state"`
	Rows     int64         `json:"rows"`
	Counts   Counts        `json:"counts"`
	Rate     float64       `json:"rate"`              // items settled a second, over the last ten seconds
	InFlight int           `json:"inFlight"`          // transactions of this job that were sent and not answered
	Window   int           `json:"window"`            // how many the target may have in flight now, for all jobs
	SubBatch int           `json:"subBatch"`          // how many items are written ahead together now, for all jobs; 0 when it does not run here
	ETA      time.Duration `json:"eta"`               // nanoseconds until all items are settled at this rate; 0 when unknown
	Waiting  string        `json:"waiting,omitempty"` // why nothing moves for the moment, in words
	Budget   *BlockBudget  `json:"budget,omitempty"`  // of transactions that were signed elsewhere; nil for others, and before a head is known
	Halted   bool          `json:"halted"`            // the job cannot go on until its Reason is mended
	Reason   string        `json:"reason,omitempty"`

	StoppedBy StopRule `json:"stoppedBy,omitempty"` // the rule that paused the job
}

// TargetStats is a snapshot of what the engine does with one target. Counters
// grow for as long as the engine lives.
type TargetStats struct {
	Target   string
	Window   int    // how many transactions may be in flight now
	InFlight int    // how many are
	SubBatch int    // how many items of all targets are written ahead together now
	Queued   int    // how many wait for a place in the window
	Waiting  string // why nothing is sent for the moment, "" when something may be
	Jobs     int    // how many jobs run
	Unknown  int    // items that are being resolved

	Signed   uint64               // attempts made
	Sent     uint64               // sends, repeated ones included
	Lookups  uint64               // receipts asked for by hash
	Settled  map[ItemState]uint64 // items that became final
	Failures map[chain.Kind]uint64
}

// Observer is told of single events, for histograms. Its methods are called
// from many goroutines, must not block and must not call the engine.
type Observer interface {
	// Answered is called for every send with how long it took; kind is "" for a receipt.
	Answered(target string, kind chain.Kind, took time.Duration)
	// Settled is called once an item's outcome is in the store.
	Settled(target string, state ItemState, latency time.Duration)
	// Committed is called for every group commit: how many rows, and how long it took.
	Committed(rows int, took time.Duration)
	// Pruned is called when jobs were deleted because they were older than Config.Keep.
	Pruned(p Pruned)
}

// nobody observes.
type nobody struct{}

func (nobody) Answered(string, chain.Kind, time.Duration) {}
func (nobody) Settled(string, ItemState, time.Duration)   {}
func (nobody) Committed(int, time.Duration)               {}
func (nobody) Pruned(Pruned)                              {}

// counters are the growing numbers of a target.
type counters struct {
	signed, sent, lookups atomic.Uint64
	resolving             atomic.Int64

	mu       sync.Mutex
	settled  map[ItemState]uint64
	failures map[chain.Kind]uint64
}

func (c *counters) countSettled(s ItemState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled == nil {
		c.settled = map[ItemState]uint64{}
	}
	c.settled[s]++
}

func (c *counters) countFailure(k chain.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures == nil {
		c.failures = map[chain.Kind]uint64{}
	}
	c.failures[k]++
}

// Stats is a snapshot of every target, in the order of Config.Targets.
func (e *Engine) Stats() []TargetStats {
	list := make([]TargetStats, len(e.targets))
	jobs := map[*target]int{}
	for _, r := range e.allRuns() {
		if !r.hasEnded() {
			jobs[r.target]++
		}
	}
	subBatch := e.subBatch()
	for i, t := range e.targets {
		s := TargetStats{SubBatch: subBatch, Target: t.Info.Name, Jobs: jobs[t], Unknown: int(t.stats.resolving.Load()),
			Signed: t.stats.signed.Load(), Sent: t.stats.sent.Load(), Lookups: t.stats.lookups.Load()}
		s.Window, s.InFlight, s.Queued, s.Waiting = t.window.look()
		t.stats.mu.Lock()
		s.Settled, s.Failures = maps.Clone(t.stats.settled), maps.Clone(t.stats.failures)
		t.stats.mu.Unlock()
		list[i] = s
	}
	return list
}

// subBatch is how many writes the next group commit is to have, 0 before Start.
func (e *Engine) subBatch() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.commits == nil {
		return 0
	}
	return e.commits.size.aim()
}

// meter measures how many items are settled a second, over the last ten
// seconds. It is guarded by its owner.
type meter struct {
	began   time.Time
	seconds [meterSeconds]int64 // settled in each second, a ring
	last    int64               // the second that was counted last, since began
}

const meterSeconds = 10

func (m *meter) add(now time.Time, n int64) {
	m.advance(now)
	m.seconds[m.last%meterSeconds] += n
}

// advance empties the seconds that have passed since the last count.
func (m *meter) advance(now time.Time) {
	second := int64(now.Sub(m.began) / time.Second)
	for i := max(m.last+1, second-meterSeconds+1); i <= second; i++ {
		m.seconds[i%meterSeconds] = 0
	}
	m.last = max(m.last, second)
}

func (m *meter) rate(now time.Time) float64 {
	m.advance(now)
	var sum int64
	for _, n := range m.seconds {
		sum += n
	}
	// The current second is not over yet; at the start there are fewer than ten.
	span := min(now.Sub(m.began), (meterSeconds-1)*time.Second+now.Sub(m.began)%time.Second)
	if span < 100*time.Millisecond {
		return 0
	}
	return float64(sum) / span.Seconds()
}
