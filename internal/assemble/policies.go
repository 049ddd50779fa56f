package assemble

import (
	"context"
	"log/slog"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/configs"
)

// poolConfig says how connections to the nodes of a target are kept. What is not
// set stays zero, for package pool to decide.
func poolConfig(c configs.Target, info chain.Target, dial func(context.Context, string) (pool.Conn, error), deps Deps) pool.Config {
	p := c.Pool
	return pool.Config{
		Target: info, Nodes: c.Nodes, Dial: dial,
		MaxConns: p.MaxConns, MinConns: p.MinConns, PerConn: p.PerConn, MaxPerConn: p.MaxPerConn,
		IdleTimeout: p.IdleTimeout, Lifetime: p.Lifetime, DrainTimeout: p.DrainTimeout,
		MaxDials: p.MaxDials, DialTimeout: p.DialTimeout, BackoffMin: p.BackoffMin, BackoffMax: p.BackoffMax,
		Heartbeat: p.Heartbeat.Interval, HeartbeatTimeout: p.Heartbeat.Timeout, HeartbeatMisses: p.Heartbeat.Misses,
		Cordons: deps.Cordons, Logger: deps.Logger,
	}
}

// guardConfig says how the calls of a target are guarded. What is not set stays
// zero, for package guard to decide.
func guardConfig(c configs.Calls, observer guard.Observer, log *slog.Logger) guard.Config {
	cfg := guard.Config{
		Query:      policy(c.Query),
		Write:      policy(c.Write),
		RetryShare: c.RetryShare,
		Cache:      guard.CacheConfig{Off: c.Cache.Disabled, MaxBytes: uint64(c.Cache.Size), HeadBoundFor: c.Cache.HeadBoundFor, StaleFor: c.Cache.StaleFor},
		Observer:   observer,
		Logger:     log,
	}
	cfg.Query.Hedge = c.Hedge
	return cfg
}

func policy(p configs.Policy) guard.Policy {
	return guard.Policy{
		ConnectTimeout: p.ConnectTimeout, AnswerTimeout: p.AnswerTimeout,
		Retries: p.Retries, BackoffMin: p.BackoffMin, BackoffMax: p.BackoffMax,
		Rate: p.Rate, Burst: p.Burst, NodeRate: p.NodeRate, NodeBurst: p.NodeBurst, InFlight: p.InFlight,
		Refuse: p.WhenFull == configs.WhenFullRefuse,
		Breaker: guard.Breaker{
			Failures: uint(p.Breaker.Failures), Window: uint(p.Breaker.Window), OpenFor: p.Breaker.OpenFor, Probes: uint(p.Breaker.Probes),
		},
	}
}
