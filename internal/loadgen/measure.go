package loadgen

import (
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// lateAfter is from when on a start counts as late: above what timers and the
// scheduler of a machine at ease need, below what anybody would feel.
const lateAfter = 10 * time.Millisecond

// Counts says what became of requests. Each that was intended is good or failed.
type Counts struct {
	Intended int64            `json:"intended"`
	Sent     int64            `json:"sent"`     // the others were dropped, or could not be prepared
	Good     int64            `json:"good"`     // executed, and succeeded
	Late     int64            `json:"late"`     // sent more than 10 ms after their intended start
	Attempts int64            `json:"attempts"` // tries at nodes, where they are known
	Failures map[string]int64 `json:"failures"` // by kind: dropped, reverted, prepare, other, or a kind of chain
}

// Failed is how many were not good.
func (c Counts) Failed() int64 {
	var sum int64
	for _, n := range c.Failures {
		sum += n
	}
	return sum
}

// FailedShare is Failed among all that have an outcome; 0 when none has.
func (c Counts) FailedShare() float64 {
	failed := c.Failed()
	if failed+c.Good == 0 {
		return 0
	}
	return float64(failed) / float64(failed+c.Good)
}

// Dropped is how many could not start in time.
func (c Counts) Dropped() int64 { return c.Failures[failDropped] }

// Latency has the time of requests by stage, over all outcomes. A dropped request
// is in Delay and Whole with the time after which it was given up, which is the
// least that it would have taken.
type Latency struct {
	Delay  *Histogram `json:"delay"`  // from the intended start to the real one
	Answer *Histogram `json:"answer"` // from the real start to the outcome: the service time
	Whole  *Histogram `json:"whole"`  // from the intended start to the outcome
}

func newLatency() Latency { return Latency{NewHistogram(), NewHistogram(), NewHistogram()} }

// Measure is counts and times of some requests.
type Measure struct {
	Counts
	Latency Latency `json:"latency"`
}

func newMeasure() *Measure {
	return &Measure{Counts: Counts{Failures: map[string]int64{}}, Latency: newLatency()}
}

// sample is the outcome of one request. Times count from the beginning of the run.
type sample struct {
	fn                       int
	intended, started, ended time.Duration
	sent                     bool
	failure                  string // "" is a success
	attempts                 []chain.Attempt
	source                   chain.Source
}

func (m *Measure) add(s sample) {
	m.Attempts += int64(len(s.attempts))
	m.Latency.Whole.Record(s.ended - s.intended)
	if s.failure == "" {
		m.Good++
	} else {
		m.Failures[s.failure]++
	}
	if !s.sent {
		m.Latency.Delay.Record(s.ended - s.intended)
		return
	}
	m.Sent++
	m.Latency.Delay.Record(s.started - s.intended)
	m.Latency.Answer.Record(s.ended - s.started)
	if s.started-s.intended > lateAfter {
		m.Late++
	}
}

// Second is what happened in one second of a run.
type Second struct {
	Second   int     `json:"second"` // from 0
	Step     int     `json:"step"`   // that was sent, from 0
	Intended int64   `json:"intended"`
	Sent     int64   `json:"sent"`
	Good     int64   `json:"good"`   // outcomes of this second
	Failed   int64   `json:"failed"` // outcomes of this second
	InFlight int64   `json:"inFlight"`
	P50MS    float64 `json:"p50Ms"` // of the whole, of the outcomes of this second
	P99MS    float64 `json:"p99Ms"`
	MaxMS    float64 `json:"maxMs"`
}

// recorder collects what happens. It is safe for concurrent use.
type recorder struct {
	mu        sync.Mutex
	functions []*Measure
	step      *Measure // of the step that runs
	number    int      // of that step
	first     time.Duration
	last      time.Duration // outcomes of the step that were good: the first and the last
	inFlight  int64
	seconds   []Second
	closed    int // seconds before this one are over
	second    *Histogram
	nodes     map[string]int64
	sources   map[chain.Source]int64
}

func newRecorder(functions int) *recorder {
	r := &recorder{step: newMeasure(), second: NewHistogram(), nodes: map[string]int64{}, sources: map[chain.Source]int64{}}
	for range functions {
		r.functions = append(r.functions, newMeasure())
	}
	return r
}

// at is the second of a time of the run. The slice grows by 100 bytes a second.
func (r *recorder) at(t time.Duration) *Second {
	i := int(max(0, t) / time.Second)
	for len(r.seconds) <= i {
		r.seconds = append(r.seconds, Second{Second: len(r.seconds), Step: r.number})
	}
	return &r.seconds[i]
}

func (r *recorder) intend(fn int, intended time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.functions[fn].Intended++
	r.step.Intended++
	r.at(intended).Intended++
}

func (r *recorder) start(now time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	r.inFlight++
	r.at(now).Sent++
}

func (r *recorder) end(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(s.ended)
	if s.sent {
		r.inFlight--
	}
	r.functions[s.fn].add(s)
	r.step.add(s)
	for _, a := range s.attempts {
		r.nodes[a.Node]++
	}
	if s.source != "" {
		r.sources[s.source]++
	}
	second := r.at(s.ended)
	r.second.Record(s.ended - s.intended)
	if s.failure != "" {
		second.Failed++
		return
	}
	second.Good++
	if r.first == 0 {
		r.first = s.ended
	}
	r.last = max(r.last, s.ended)
}

// roll ends the seconds before now. An outcome that comes in a moment late, because
// another goroutine was faster, counts for the percentiles of the next second.
func (r *recorder) roll(now time.Duration) {
	for i := int(max(0, now) / time.Second); r.closed < i; r.closed++ {
		second := r.at(time.Duration(r.closed) * time.Second)
		second.InFlight = r.inFlight
		second.P50MS, second.P99MS, second.MaxMS = milliseconds(r.second.Percentile(50)), milliseconds(r.second.Percentile(99)), milliseconds(r.second.Max())
		r.second.reset()
	}
}

// over gives the seconds from the given one on that are over now.
func (r *recorder) over(from int, now time.Duration) []Second {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roll(now)
	return append([]Second(nil), r.seconds[min(from, r.closed):r.closed]...)
}

// nextStep gives what was measured of the step that ran, with the time from its
// first good outcome to its last, and begins with the next.
func (r *recorder) nextStep() (m *Measure, answering time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, answering = r.step, r.last-r.first
	r.step, r.first, r.last = newMeasure(), 0, 0
	r.number++
	return m, answering
}
