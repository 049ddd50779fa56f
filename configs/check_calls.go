package configs

import "time"

// maxConns bounds connections to a node: requests are multiplexed on them, so
// that more are a mistake.
const maxConns = 64

// maxRetries bounds the attempts of one call: what has failed so often is asked
// for again by its caller, who knows whether it is still wanted.
const maxRetries = 10

// maxHeadBoundFor bounds for how long an answer is new: for so long is remembered
// which block callers were told of, and nobody may be taken back behind that.
const maxHeadBoundFor = 30 * time.Second

func (l Limits) check(found *problems, key string) {
	if l.Rate < 0 {
		found.add(key+".rate", "%v is negative: write transactions a second, or 0 for no limit", l.Rate)
	}
	if l.Burst < 0 {
		found.add(key+".burst", "%d is negative", l.Burst)
	}
	if l.Burst > 0 && l.Rate == 0 {
		found.add(key+".burst", "has no effect without rate: set both or none")
	}
	notNegative(found, key, map[string]int{"in_flight": l.InFlight, "in_flight_least": l.InFlightLeast})
	if l.InFlight > 0 && l.InFlightLeast > l.InFlight {
		found.add(key+".in_flight_least", "%d is more than in_flight %d", l.InFlightLeast, l.InFlight)
	}
}

func (p Pool) check(found *problems, key string) {
	if p.MaxConns < 0 || p.MaxConns > maxConns {
		found.add(key+".max_conns", "%d is not from 1 to %d", p.MaxConns, maxConns)
	}
	notNegative(found, key, map[string]int{"min_conns": p.MinConns, "per_conn": p.PerConn, "max_per_conn": p.MaxPerConn, "max_dials": p.MaxDials, "heartbeat.misses": p.Heartbeat.Misses})
	notNegative(found, key, map[string]time.Duration{
		"idle_timeout": p.IdleTimeout, "drain_timeout": p.DrainTimeout, "dial_timeout": p.DialTimeout,
		"backoff_min": p.BackoffMin, "backoff_max": p.BackoffMax, "heartbeat.interval": p.Heartbeat.Interval, "heartbeat.timeout": p.Heartbeat.Timeout,
	})
	notMore(found, key, "min_conns", p.MinConns, "max_conns", p.MaxConns)
	notMore(found, key, "per_conn", p.PerConn, "max_per_conn", p.MaxPerConn)
	notMore(found, key, "backoff_min", p.BackoffMin, "backoff_max", p.BackoffMax)
}

func (c Calls) check(found *problems, key string) {
	c.Query.check(found, key+".query")
	c.Write.check(found, key+".write")
	if c.RetryShare != -1 && (c.RetryShare < 0 || c.RetryShare > 1) {
		found.add(key+".retry_share", "%v is no share: write retries for each call, from 0 to 1, or -1 for none", c.RetryShare)
	}
	notNegative(found, key, map[string]time.Duration{"cache.head_bound_for": c.Cache.HeadBoundFor, "cache.stale_for": c.Cache.StaleFor})
	if c.Cache.HeadBoundFor > maxHeadBoundFor {
		found.add(key+".cache.head_bound_for", "%s is more than %s", c.Cache.HeadBoundFor, maxHeadBoundFor)
	}
}

func (p Policy) check(found *problems, key string) {
	notNegative(found, key, map[string]time.Duration{
		"connect_timeout": p.ConnectTimeout, "answer_timeout": p.AnswerTimeout, "backoff_min": p.BackoffMin, "backoff_max": p.BackoffMax,
		"breaker.open_for": p.Breaker.OpenFor,
	})
	notNegative(found, key, map[string]int{
		"burst": p.Burst, "node_burst": p.NodeBurst, "in_flight": p.InFlight,
		"breaker.failures": p.Breaker.Failures, "breaker.window": p.Breaker.Window, "breaker.probes": p.Breaker.Probes,
	})
	notNegative(found, key, map[string]float64{"rate": p.Rate, "node_rate": p.NodeRate})
	if p.Retries < -1 || p.Retries > maxRetries {
		found.add(key+".retries", "%d is not from 1 to %d, or -1 for none", p.Retries, maxRetries)
	}
	notMore(found, key, "backoff_min", p.BackoffMin, "backoff_max", p.BackoffMax)
	if p.Burst > 0 && p.Rate == 0 {
		found.add(key+".burst", "has no effect without rate: set both or none")
	}
	if p.NodeBurst > 0 && p.NodeRate == 0 {
		found.add(key+".node_burst", "has no effect without node_rate: set both or none")
	}
	if p.WhenFull != "" {
		oneOf(found, key+".when_full", p.WhenFull, WhenFullWait, WhenFullRefuse)
	}
	if b := p.Breaker; b.Window > 0 && b.Failures > b.Window {
		found.add(key+".breaker.failures", "%d cannot be seen in a window of %d attempts", b.Failures, b.Window)
	}
}

// notMore adds a problem when a value is more than the one that bounds it, where
// that is set.
func notMore[N int | time.Duration](found *problems, key, name string, value N, mostName string, most N) {
	if most > 0 && value > most {
		found.add(key+"."+name, "%v is more than %s, %v", value, mostName, most)
	}
}

// notNegative adds a problem for each value below 0.
func notNegative[N int | float64 | time.Duration](found *problems, key string, values map[string]N) {
	for name, value := range values {
		if value < 0 {
			found.add(key+"."+name, "%v is negative", value)
		}
	}
}
