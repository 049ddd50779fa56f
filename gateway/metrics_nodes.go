package gateway

import "github.com/prometheus/client_golang/prometheus"

// nodesCollector reads nodes, connections and policies when Prometheus asks.
type nodesCollector struct {
	targets []Target
	calls   *callMetrics

	online, excluded, breaker, head, lag           *prometheus.Desc // of a node
	inFlight, waiting, open, idle, latency, errors *prometheus.Desc
	dialing, dials, dialFailures, closed           *prometheus.Desc // of a target
	leases, waits, waitTime, refused               *prometheus.Desc
	heartbeats, missed, began, ended               *prometheus.Desc
	callsInFlight, callPlaces, retriesLeft         *prometheus.Desc
}

func newNodesCollector(targets []Target, calls *callMetrics) *nodesCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("bcosgate_"+name, help, append([]string{"target"}, labels...), nil)
	}
	return &nodesCollector{
		targets: targets, calls: calls,
		online:   desc("node_online", "1 while the node has a connection that answers.", "node"),
		excluded: desc("node_excluded", "1 for each reason that keeps requests away from the node; absent without.", "node", "reason"),
		breaker:  desc("node_breaker_state", "0 closed, 1 half open, 2 open.", "node", "class"),
		head:     desc("node_head_block", "Newest block that the node told of.", "node"),
		lag:      desc("node_lag_blocks", "Blocks that the node is behind the highest head.", "node"),
		inFlight: desc("node_requests_in_flight", "Requests that wait for the node's answer.", "node"),
		waiting:  desc("node_requests_waiting", "Requests that wait for a connection to the node.", "node"),
		open:     desc("node_connections_open", "Connections to the node that stand.", "node"),
		idle:     desc("node_connections_idle", "Of them without a request.", "node"),
		latency:  desc("node_latency_seconds", "Time that answers took, recent ones count most; 0 before the first.", "node"),
		errors:   desc("node_error_ratio", "Share of requests that failed, recent ones count most.", "node"),

		dialing:       desc("pool_dials_in_progress", "Dials under way."),
		dials:         desc("pool_dials_total", "Attempts to connect."),
		dialFailures:  desc("pool_dial_failures_total", "Attempts that gave no usable connection."),
		closed:        desc("pool_connections_closed_total", "Connections that ended, by why.", "why"),
		leases:        desc("pool_leases_total", "Requests that were given a connection."),
		waits:         desc("pool_waits_total", "Requests that had to wait for a connection."),
		waitTime:      desc("pool_wait_seconds_total", "Time that they waited."),
		refused:       desc("pool_refused_total", "Requests that were given no connection in time."),
		heartbeats:    desc("pool_heartbeats_total", "Heartbeats that were answered or missed."),
		missed:        desc("pool_heartbeats_missed_total", "Heartbeats that were missed."),
		began:         desc("pool_exclusions_began_total", "Times that a reason began to keep requests away from a node.", "reason"),
		ended:         desc("pool_exclusions_ended_total", "Times that it ended.", "reason"),
		callsInFlight: desc("calls_in_flight", "Attempts of calls that are under way.", "class"),
		callPlaces:    desc("calls_in_flight_limit", "How many there may be at a time.", "class"),
		retriesLeft:   desc("calls_retries_left", "Retries that may follow each other without calls between them."),
	}
}

// Describe implements prometheus.Collector.
func (c *nodesCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.online, c.excluded, c.breaker, c.head, c.lag, c.inFlight, c.waiting, c.open, c.idle, c.latency, c.errors,
		c.dialing, c.dials, c.dialFailures, c.closed, c.leases, c.waits, c.waitTime, c.refused, c.heartbeats, c.missed, c.began, c.ended,
		c.callsInFlight, c.callPlaces, c.retriesLeft,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *nodesCollector) Collect(ch chan<- prometheus.Metric) {
	for _, t := range c.targets {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, v, append([]string{t.Info.Name}, labels...)...)
		}
		gauge := func(d *prometheus.Desc, v float64, labels ...string) { send(d, prometheus.GaugeValue, v, labels...) }
		counter := func(d *prometheus.Desc, v float64, labels ...string) { send(d, prometheus.CounterValue, v, labels...) }
		listed := map[string]bool{}
		for _, n := range t.Nodes.List() {
			listed[n.Node] = true
			c.collectNode(n, gauge)
		}
		c.calls.forget(t.Info.Name, listed)
		stat := t.Nodes.Stat()
		c.collectPool(stat.Pool, gauge, counter)
		for class, s := range map[string]ClassStat{"query": stat.Calls.Query, "write": stat.Calls.Write} {
			gauge(c.callsInFlight, float64(s.InFlight), class)
			gauge(c.callPlaces, float64(s.Places), class)
		}
		gauge(c.retriesLeft, stat.Calls.RetriesLeft)
	}
}

func (c *nodesCollector) collectNode(n Node, gauge func(*prometheus.Desc, float64, ...string)) {
	online := 0.0
	if n.Online {
		online = 1
	}
	gauge(c.online, online, n.Node)
	for _, e := range n.Exclusions {
		gauge(c.excluded, 1, n.Node, e.Reason)
	}
	for _, b := range n.Breakers {
		gauge(c.breaker, breakerValue(b.State), n.Node, b.Class)
	}
	gauge(c.head, float64(n.Head), n.Node)
	gauge(c.lag, float64(n.Lag), n.Node)
	gauge(c.inFlight, float64(n.InFlight), n.Node)
	gauge(c.waiting, float64(n.Waiting), n.Node)
	gauge(c.open, float64(n.Connections.Open), n.Node)
	gauge(c.idle, float64(n.Connections.Idle), n.Node)
	gauge(c.latency, n.LatencyMS/1e3, n.Node)
	gauge(c.errors, n.ErrorRate, n.Node)
}

func (c *nodesCollector) collectPool(s PoolStat, gauge, counter func(*prometheus.Desc, float64, ...string)) {
	gauge(c.dialing, float64(s.Dialing))
	counter(c.dials, float64(s.Dials))
	counter(c.dialFailures, float64(s.DialFailures))
	for why, n := range s.Closed {
		counter(c.closed, float64(n), why)
	}
	counter(c.leases, float64(s.Leases))
	counter(c.waits, float64(s.Waits))
	counter(c.waitTime, float64(s.WaitMS)/1e3)
	counter(c.refused, float64(s.Refused))
	counter(c.heartbeats, float64(s.Heartbeats))
	counter(c.missed, float64(s.HeartbeatsMissed))
	for reason, n := range s.Changes {
		counter(c.began, float64(n.Began), reason)
		counter(c.ended, float64(n.Ended), reason)
	}
}

func breakerValue(state string) float64 {
	switch state {
	case breakerOpen:
		return 2
	case breakerHalfOpen:
		return 1
	}
	return 0
}
