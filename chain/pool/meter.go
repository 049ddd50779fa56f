package pool

import (
	"math"
	"math/bits"
	"sync/atomic"
	"time"
)

// Weights of a new sample. A heartbeat counts more than a request: a node that is
// left alone has nothing else to show that it is well again.
const (
	requestWeight = 1.0 / 8
	beatWeight    = 1.0 / 2
)

// meter keeps what requests and heartbeats tell of a node. It is written under the
// node's lock and read without it.
type meter struct {
	latency atomic.Int64  // ns, moving average
	errors  atomic.Uint64 // bits of a float64: moving average, 0 to 1

	// Requests that the node could answer at once and has not yet, and since when it
	// answered none of them, in unix ns; 0 when there are none. A node that left a
	// heartbeat, too, is mute: it is silent until it answers something.
	owed   int  // read under the lock only
	mute   bool // read under the lock only
	silent atomic.Int64

	beats [2]time.Duration // the last two heartbeats; read under the lock only
}

// owe notes a request that the node can answer at once.
func (m *meter) owe() {
	if m.owed++; m.owed == 1 && !m.mute {
		m.silent.Store(time.Now().UnixNano())
	}
}

// settle notes that such a request has ended.
func (m *meter) settle(o Outcome) {
	switch m.owed--; {
	case o.Result == Answered:
		m.speak()
	case m.owed == 0 && !m.mute:
		m.silent.Store(0)
	}
}

// speak ends a silence; the next one begins now if answers are still owed.
func (m *meter) speak() {
	m.mute = false
	if m.owed == 0 {
		m.silent.Store(0)
	} else {
		m.silent.Store(time.Now().UnixNano())
	}
}

// reset begins anew, with the one thing that is known of a new connection.
func (m *meter) reset(took time.Duration) {
	m.latency.Store(int64(took))
	m.errors.Store(0)
	m.beats = [2]time.Duration{took, took}
	if m.mute {
		m.speak()
	}
}

func (m *meter) request(o Outcome) {
	switch o.Result {
	case Answered:
		m.count(0, requestWeight)
	case Failed:
		m.count(1, requestWeight)
	case Unknown:
	}
	if o.Latency > 0 && (o.Result == Answered || int64(o.Latency) > m.latency.Load()) {
		m.time(o.Latency, requestWeight)
	}
}

func (m *meter) beat(took time.Duration) {
	m.beats = [2]time.Duration{m.beats[1], took}
	m.time(took, beatWeight)
	m.count(0, beatWeight)
}

func (m *meter) missed() { m.count(1, beatWeight) }

func (m *meter) time(took time.Duration, weight float64) {
	old := m.latency.Load()
	m.latency.Store(old + int64(weight*float64(int64(took)-old)))
}

func (m *meter) count(failed, weight float64) {
	old := m.errorRate()
	if failed == old {
		return
	}
	rate := old + weight*(failed-old)
	if rate < 1e-4 { // as good as none
		rate = 0
	}
	m.errors.Store(math.Float64bits(rate))
}

func (m *meter) errorRate() float64 { return math.Float64frombits(m.errors.Load()) }

// silence is for how long the node has owed answers without giving one.
func (m *meter) silence(now time.Time) time.Duration {
	since := m.silent.Load()
	if since == 0 || now.IsZero() {
		return 0
	}
	return time.Duration(now.UnixNano() - since)
}

// errorCost is by how much a node seems busier when all of its requests fail.
// Without it a node that fails at once would look the least busy.
const errorCost = 4

// score is what one more request may have to wait: those in flight and itself,
// times the latency, and more when requests fail. A node that owes answers is at
// least as slow as it is silent, whatever it was before. The latency counts in
// powers of two of a millisecond, so that nodes which are nearly equal share the
// work. now may be zero when no node owes answers.
func (m *meter) score(inFlight int64, now time.Time) float64 {
	took := max(m.latency.Load(), int64(m.silence(now)))
	latency := uint64(1) << min(bits.Len64(uint64(took)/uint64(time.Millisecond)), 32)
	return float64(max(inFlight, 0)+1) * float64(latency) * (1 + errorCost*m.errorRate())
}
