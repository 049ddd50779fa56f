package guard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/bcosgate/bcosgate/chain"
)

// fullRetryAfter is the advice when there is no place for a call: when one will be
// free is not known, and HTTP's Retry-After counts in seconds.
const fullRetryAfter = time.Second

// newLimiter takes the burst from the rate when it is 0.
func newLimiter(perSecond float64, burst int) *rate.Limiter {
	if perSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	if burst <= 0 {
		burst = max(1, int(math.Ceil(perSecond/20)))
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// rated takes a token of the target's bucket for each attempt.
func rated(cfg *Config, target string, next handler) handler {
	buckets := [...]*rate.Limiter{
		Query: newLimiter(cfg.Query.Rate, cfg.Query.Burst),
		Write: newLimiter(cfg.Write.Rate, cfg.Write.Burst),
	}
	return func(ctx context.Context, r *request) (any, error) {
		if err := takeToken(ctx, cfg, target, r, buckets[r.class], LimitRate); err != nil {
			return nil, err
		}
		return next(ctx, r)
	}
}

// takeToken takes a token, or waits for one as far as policy and deadline allow. A
// wait that would outlast the deadline is refused at once, and takes no token.
func takeToken(ctx context.Context, cfg *Config, target string, r *request, bucket *rate.Limiter, limit Limit) error {
	if bucket.Allow() {
		return nil
	}
	turn := bucket.Reserve()
	wait := turn.Delay()
	end, bounded := ctx.Deadline()
	refused := cfg.policy(r.class).Refuse || bounded && time.Until(end) < wait
	cfg.Observer.Limited(target, r.class, limit, refused)
	if refused {
		turn.Cancel()
		return &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: r.op, RetryAfter: wait,
			Msg: fmt.Sprintf("the %s limit of target %q for a %s is reached", limit, target, r.class)}
	}
	if !sleep(ctx, wait) {
		turn.Cancel()
		return gaveUp(ctx, r, "waiting for a token of the rate limit")
	}
	return nil
}

// inFlight holds a place for each attempt while it lasts.
func inFlight(cfg *Config, target string, next handler) handler {
	places := [...]*semaphore.Weighted{
		Query: semaphore.NewWeighted(int64(cfg.Query.InFlight)),
		Write: semaphore.NewWeighted(int64(cfg.Write.InFlight)),
	}
	return func(ctx context.Context, r *request) (any, error) {
		place := places[r.class]
		if !place.TryAcquire(1) {
			refused := cfg.policy(r.class).Refuse
			cfg.Observer.Limited(target, r.class, LimitInFlight, refused)
			if refused {
				return nil, &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: r.op, RetryAfter: fullRetryAfter,
					Msg: fmt.Sprintf("target %q has as many calls of class %s in flight as it may", target, r.class)}
			}
			if place.Acquire(ctx, 1) != nil {
				return nil, gaveUp(ctx, r, "waiting for a place in flight")
			}
		}
		defer place.Release(1)
		return next(ctx, r)
	}
}

// gaveUp is the error of a wait for a permit that the context ended. It is not a
// node's time-out: there was too much to do.
func gaveUp(ctx context.Context, r *request, doing string) error {
	e := &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: r.op, Msg: "the deadline passed while " + doing, Err: ctx.Err()}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Kind, e.Msg = chain.KindCanceled, "given up while "+doing
	}
	return e
}
