package gateway

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bcosgate/bcosgate/chain"
)

// ChainCall is one call of a chain that has ended.
type ChainCall struct {
	Target string
	Op     string       // "call", "send", …: few values
	Class  string       // "query" or "write"
	Kind   chain.Kind   // empty: it was answered
	Source chain.Source // of the answer
	Took   time.Duration
}

// ChainAttempt is one attempt of such a call.
type ChainAttempt struct {
	Target string
	Node   string // empty when none could be chosen
	Class  string
	Kind   chain.Kind // empty: it was answered
	Retry  bool       // it followed another one
	Hedge  bool       // it went beside another one
}

// outcomeOK is the outcome of what was answered; every other one is a chain.Kind.
const outcomeOK = "ok"

func outcomeOf(kind chain.Kind) string {
	if kind == "" {
		return outcomeOK
	}
	return string(kind)
}

// callMetrics count what is asked of chains. A call costs some look-ups in maps
// that only grow with new labels, and no memory.
type callMetrics struct {
	calls     *prometheus.CounterVec
	durations *prometheus.HistogramVec
	attempts  *prometheus.CounterVec
	limited   *prometheus.CounterVec

	callsOf     known[callLabels, prometheus.Counter]
	durationsOf known[durationLabels, prometheus.Observer]
	attemptsOf  known[attemptLabels, prometheus.Counter]
	limitedOf   known[limitLabels, prometheus.Counter]
}

// The labels of each family, as keys.
type (
	callLabels struct {
		target, op, class string
		kind              chain.Kind
		source            chain.Source
	}
	durationLabels struct {
		target, op, class string
		source            chain.Source
	}
	attemptLabels struct {
		target, node, class string
		kind                chain.Kind
		retry, hedge        bool
	}
	limitLabels struct {
		target, class, limit string
		refused              bool
	}
)

func newCallMetrics() *callMetrics {
	return &callMetrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_calls_total", Help: "Calls of chains that ended; outcome is ok or the kind of error.",
		}, []string{"target", "op", "class", "outcome", "source"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bcosgate_call_duration_seconds", Help: "Time of a call of a chain with all its attempts and waits, however it ended.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"target", "op", "class", "source"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_call_attempts_total", Help: "Attempts of calls at nodes; outcome is ok or the kind of error, kind is first, retry or hedge.",
		}, []string{"target", "node", "class", "outcome", "kind"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_calls_limited_total", Help: "Times that a limit made a call wait (refused=false) or fail.",
		}, []string{"target", "class", "limit", "refused"}),
	}
}

func (m *callMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.calls, m.durations, m.attempts, m.limited}
}

// ChainCalled counts one call of a chain.
func (m *Metrics) ChainCalled(c ChainCall) {
	labels := callLabels{c.Target, c.Op, c.Class, c.Kind, c.Source}
	counter, ok := m.chain.callsOf.get(labels)
	if !ok {
		counter = m.chain.callsOf.put(labels, m.chain.calls.WithLabelValues(c.Target, c.Op, c.Class, outcomeOf(c.Kind), string(c.Source)))
	}
	counter.Inc()
	timed := durationLabels{c.Target, c.Op, c.Class, c.Source}
	duration, ok := m.chain.durationsOf.get(timed)
	if !ok {
		duration = m.chain.durationsOf.put(timed, m.chain.durations.WithLabelValues(c.Target, c.Op, c.Class, string(c.Source)))
	}
	duration.Observe(c.Took.Seconds())
}

// ChainAttempted counts one attempt of a call.
func (m *Metrics) ChainAttempted(a ChainAttempt) {
	labels := attemptLabels{a.Target, a.Node, a.Class, a.Kind, a.Retry, a.Hedge}
	counter, ok := m.chain.attemptsOf.get(labels)
	if !ok {
		counter = m.chain.attemptsOf.put(labels, m.chain.attempts.WithLabelValues(a.Target, a.Node, a.Class, outcomeOf(a.Kind), attemptKind(a)))
	}
	counter.Inc()
}

func attemptKind(a ChainAttempt) string {
	switch {
	case a.Hedge:
		return "hedge"
	case a.Retry:
		return "retry"
	}
	return "first"
}

// ChainLimited counts one call that a limit made wait, or refused.
func (m *Metrics) ChainLimited(target, class, limit string, refused bool) {
	labels := limitLabels{target, class, limit, refused}
	counter, ok := m.chain.limitedOf.get(labels)
	if !ok {
		text := "false"
		if refused {
			text = "true"
		}
		counter = m.chain.limitedOf.put(labels, m.chain.limited.WithLabelValues(target, class, limit, text))
	}
	counter.Inc()
}

// forget drops what was counted of nodes of a target that are listed no more, so
// that nodes which come and go do not add up.
func (m *callMetrics) forget(target string, listed map[string]bool) {
	gone := map[string]bool{}
	m.attemptsOf.drop(func(l attemptLabels) bool {
		if l.target != target || l.node == "" || listed[l.node] {
			return false
		}
		gone[l.node] = true
		return true
	})
	for node := range gone {
		m.attempts.DeletePartialMatch(prometheus.Labels{"target": target, "node": node})
	}
}

// known is a map that is read without locks and replaced when it grows.
type known[K comparable, V any] struct {
	all atomic.Pointer[map[K]V]
	mu  sync.Mutex // held while all is replaced
}

func (k *known[K, V]) get(key K) (value V, ok bool) {
	if all := k.all.Load(); all != nil {
		value, ok = (*all)[key]
	}
	return value, ok
}

// put adds a value and gives it back.
func (k *known[K, V]) put(key K, value V) V {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := map[K]V{}
	if all := k.all.Load(); all != nil {
		next = maps.Clone(*all)
	}
	next[key] = value
	k.all.Store(&next)
	return value
}

// drop takes out every key for which gone is true.
func (k *known[K, V]) drop(gone func(K) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := k.all.Load()
	if all == nil {
		return
	}
	next := maps.Clone(*all)
	maps.DeleteFunc(next, func(key K, _ V) bool { return gone(key) })
	if len(next) < len(*all) {
		k.all.Store(&next)
	}
}
