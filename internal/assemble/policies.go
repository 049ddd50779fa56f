package assemble

import (
	"log/slog"

	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/configs"
)

// guardConfig says how the calls of a target are guarded. What is not set stays
// zero, for package guard to decide.
func guardConfig(c configs.Calls, observer guard.Observer, log *slog.Logger) guard.Config {
	cfg := guard.Config{
		Query:      policy(c.Query),
		Write:      policy(c.Write),
		RetryShare: c.RetryShare,
		Cache:      guard.CacheConfig{Off: c.Cache.Disabled, MaxBytes: uint64(c.Cache.Size), HeadBoundFor: c.Cache.HeadBoundFor},
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
