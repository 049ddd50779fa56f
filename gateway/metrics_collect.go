package gateway

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bcosgate/bcosgate/batch"
)

// statsCollector reads the engine when Prometheus asks, so that nothing
// has to be kept up to date in between.
type statsCollector struct {
	engine Engine

	jobs, window, subBatch, inFlight, waiting, unknown *prometheus.Desc
	signed, sent, lookups, settled, failures           *prometheus.Desc
}

func newStatsCollector(engine Engine) *statsCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("bcosgate_"+name, help, labels, nil)
	}
	return &statsCollector{
		engine:   engine,
		jobs:     desc("jobs_running", "Jobs that are being sent.", "target"),
		window:   desc("transactions_window", "How many transactions may be in flight now.", "target"),
		subBatch: desc("items_sub_batch", "Items of all targets that are written ahead together now.", "target"),
		inFlight: desc("transactions_in_flight", "Transactions that were sent and not answered.", "target"),
		waiting:  desc("items_waiting", "Items that wait for a place in the window.", "target"),
		unknown:  desc("items_unknown", "Items whose outcome is being looked up.", "target"),
		signed:   desc("transactions_signed_total", "Attempts that were signed.", "target"),
		sent:     desc("transactions_sent_total", "Sends, repeated ones included.", "target"),
		lookups:  desc("receipt_lookups_total", "Receipts that were asked for by hash.", "target"),
		settled:  desc("items_settled_total", "Items that became final.", "target", "state"),
		failures: desc("send_failures_total", "Errors of the chain, by kind.", "target", "kind"),
	}
}

// Describe implements prometheus.Collector.
func (c *statsCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.jobs, c.window, c.subBatch, c.inFlight, c.waiting, c.unknown, c.signed, c.sent, c.lookups, c.settled, c.failures,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *statsCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, s := range c.engine.Stats() {
		gauge(c.jobs, float64(s.Jobs), s.Target)
		gauge(c.window, float64(s.Window), s.Target)
		gauge(c.subBatch, float64(s.SubBatch), s.Target)
		gauge(c.inFlight, float64(s.InFlight), s.Target)
		gauge(c.waiting, float64(s.Queued), s.Target)
		gauge(c.unknown, float64(s.Unknown), s.Target)
		counter(c.signed, s.Signed, s.Target)
		counter(c.sent, s.Sent, s.Target)
		counter(c.lookups, s.Lookups, s.Target)
		for _, state := range batch.ItemStates {
			if state.Final() {
				counter(c.settled, s.Settled[state], s.Target, string(state))
			}
		}
		for kind, n := range s.Failures {
			counter(c.failures, n, s.Target, string(kind))
		}
	}
}
