package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
	"github.com/bcosgate/bcosgate/chain"
)

// Metrics are the numbers of one gateway in a registry of their own. They
// observe the job engine, too: give them to it as its Observer, and tell them of
// the calls of chains (ChainCalled and its like). METRICS.md has all names; a test
// keeps it true.
//
// Labels have few values: routes are those of the table, targets and nodes those
// of the configuration, states and kinds closed lists.
type Metrics struct {
	registry *prometheus.Registry
	handler  http.Handler

	requests      *prometheus.CounterVec
	durations     *prometheus.HistogramVec
	inFlight      prometheus.Gauge
	answers       *prometheus.HistogramVec
	latencies     *prometheus.HistogramVec
	commits       prometheus.Histogram
	committedRows prometheus.Counter
	reconciled    *prometheus.CounterVec
	checkedRows   *prometheus.CounterVec
	mismatches    *prometheus.CounterVec
	prunedJobs    prometheus.Counter
	prunedRows    prometheus.Counter
	chain         *callMetrics
}

var (
	_ batch.Observer     = (*Metrics)(nil)
	_ reconcile.Observer = (*Metrics)(nil)
)

// NewMetrics makes an empty set of metrics for a program of that version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		chain:    newCallMetrics(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_http_requests_total", Help: "HTTP requests that were answered.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bcosgate_http_request_duration_seconds", Help: "Time from the headers of a request to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bcosgate_http_requests_in_flight", Help: "HTTP requests that are being worked on.",
		}),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bcosgate_send_duration_seconds", Help: "Time from sending a transaction to the node's answer; outcome is receipt or the kind of error.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60},
		}, []string{"target", "outcome"}),
		latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bcosgate_item_latency_seconds", Help: "Time from the first send of an item to its outcome in the store.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60, 300, 1800},
		}, []string{"target", "state"}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bcosgate_store_commit_duration_seconds", Help: "Time of one group commit of the store.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		committedRows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bcosgate_store_committed_rows_total", Help: "Rows that group commits wrote.",
		}),
		reconciled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_reconcile_jobs_total", Help: "Jobs that were compared with their chain; state is agrees, differs or incomplete.",
		}, []string{"target", "state"}),
		checkedRows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_reconcile_rows_total", Help: "Rows that were compared with the chain.",
		}, []string{"target"}),
		mismatches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bcosgate_reconcile_mismatches_total", Help: "Differences between store and chain, or between nodes.",
		}, []string{"target", "kind"}),
		prunedJobs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bcosgate_store_pruned_jobs_total", Help: "Jobs that were deleted because they were older than store.keep.",
		}),
		prunedRows: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bcosgate_store_pruned_rows_total", Help: "Rows of the jobs that were deleted.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "bcosgate_build_info", Help: "Always 1; the label has the version of the gateway.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(build, m.requests, m.durations, m.inFlight, m.answers, m.latencies, m.commits, m.committedRows,
		m.prunedJobs, m.prunedRows, m.reconciled, m.checkedRows, m.mismatches,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.chain.collectors()...)
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: nil, MaxRequestsInFlight: 8, Timeout: requestTimeout})
	return m
}

// Answered counts one send.
func (m *Metrics) Answered(target string, kind chain.Kind, took time.Duration) {
	outcome := string(kind)
	if outcome == "" {
		outcome = "receipt"
	}
	m.answers.WithLabelValues(target, outcome).Observe(took.Seconds())
}

// Settled counts one item whose outcome is stored.
func (m *Metrics) Settled(target string, state batch.ItemState, latency time.Duration) {
	m.latencies.WithLabelValues(target, string(state)).Observe(latency.Seconds())
}

// Committed counts one group commit.
func (m *Metrics) Committed(rows int, took time.Duration) {
	m.commits.Observe(took.Seconds())
	m.committedRows.Add(float64(rows))
}

// Reconciled counts one comparison of a job with its chain.
func (m *Metrics) Reconciled(target string, r reconcile.Result) {
	m.reconciled.WithLabelValues(target, string(r.State)).Inc()
	m.checkedRows.WithLabelValues(target).Add(float64(r.Checked))
	for kind, n := range r.Kinds {
		m.mismatches.WithLabelValues(target, string(kind)).Add(float64(n))
	}
}

// Pruned counts jobs that were deleted because of their age.
func (m *Metrics) Pruned(p batch.Pruned) {
	m.prunedJobs.Add(float64(p.Jobs))
	m.prunedRows.Add(float64(p.Rows))
}

// observe counts one HTTP request. Methods and routes that are not in the table
// share one label each, because clients choose them.
func (m *Metrics) observe(method, route string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut:
	default:
		method = "other"
	}
	if route == "" {
		route = "unmatched"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(method, route).Observe(took.Seconds())
}

// watch adds what is read from engine and targets at each scrape.
func (m *Metrics) watch(engine Engine, targets []Target) error {
	for _, c := range []prometheus.Collector{newStatsCollector(engine), newNodesCollector(targets, m.chain)} {
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("metrics belong to another gateway already: %w", err)
		}
	}
	return nil
}
