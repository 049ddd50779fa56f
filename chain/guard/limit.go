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

// errLimit marks what a limit of the guard keeps back. A retry would only stand in
// the same queue again.
var errLimit = errors.New("kept back here, not by a node")

// newLimiter takes the burst from the rate when it is 0. Without a rate it is nil.
func newLimiter(perSecond float64, burst int) *rate.Limiter {
	if perSecond == 0 {
		return nil
	}
	if burst == 0 {
		burst = max(1, int(math.Ceil(perSecond/20)))
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// rated takes a token of the target's bucket for each attempt.
func (g *Guard) rated(next handler) handler {
	buckets := [...]*rate.Limiter{
		Query: newLimiter(g.cfg.Query.Rate, g.cfg.Query.Burst),
		Write: newLimiter(g.cfg.Write.Rate, g.cfg.Write.Burst),
	}
	return func(ctx context.Context, r *request) (any, error) {
		if err := g.takeToken(ctx, r, buckets[r.class], LimitRate); err != nil {
			return nil, err
		}
		return next(ctx, r)
	}
}

// takeToken takes a token, or waits for one as far as policy and deadline allow. A
// wait that would outlast the deadline is refused at once, and takes no token.
func (g *Guard) takeToken(ctx context.Context, r *request, bucket *rate.Limiter, limit Limit) error {
	if bucket == nil || bucket.Allow() {
		return nil
	}
	if !g.cfg.policy(r.class).Refuse {
		// Not Reserve and Cancel: of two refused at the same time, one would lose
		// its token.
		err := bucket.Wait(ctx)
		if err == nil || ctx.Err() != nil {
			g.cfg.Observer.Limited(g.target, r.class, limit, false)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return g.gaveUp(ctx, r, limit)
		}
		r.cut = !r.patient // else the class has no more time for anybody
	}
	return g.refused(r, limit, tokenIn(bucket))
}

// tokenIn is when somebody who comes now would get a token.
func tokenIn(b *rate.Limiter) time.Duration {
	const longest = 24 * 60 * 60 // a rate may be as low as it likes, a duration has an end
	seconds := min((1-b.Tokens())/float64(b.Limit()), longest)
	return max(time.Duration(seconds*float64(time.Second)), time.Millisecond)
}

// inFlight holds a place for each attempt while it lasts.
func (g *Guard) inFlight(next handler) handler {
	places := [...]*semaphore.Weighted{
		Query: semaphore.NewWeighted(int64(g.cfg.Query.InFlight)),
		Write: semaphore.NewWeighted(int64(g.cfg.Write.InFlight)),
	}
	return func(ctx context.Context, r *request) (any, error) {
		place := places[r.class]
		if !place.TryAcquire(1) {
			if g.cfg.policy(r.class).Refuse {
				return nil, g.refused(r, LimitInFlight, fullRetryAfter)
			}
			g.cfg.Observer.Limited(g.target, r.class, LimitInFlight, false)
			if place.Acquire(ctx, 1) != nil {
				return nil, g.gaveUp(ctx, r, LimitInFlight)
			}
		}
		g.busy[r.class].Add(1)
		defer func() {
			g.busy[r.class].Add(-1)
			place.Release(1)
		}()
		return next(ctx, r)
	}
}

// refused is the error of a call that is not to wait for a limit.
func (g *Guard) refused(r *request, by Limit, retryAfter time.Duration) error {
	g.cfg.Observer.Limited(g.target, r.class, by, true)
	return &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: r.op, RetryAfter: retryAfter, Err: errLimit,
		Msg: fmt.Sprintf("target %q has reached its limit %s for a %s", g.target, by, r.class)}
}

// gaveUp is the error of a wait for a limit that the context ended. A deadline that
// passed there is no node's time-out: there was too much to do.
func (g *Guard) gaveUp(ctx context.Context, r *request, by Limit) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ended(ctx, r)
	}
	return &chain.Error{Kind: chain.KindOverloaded, Sent: chain.SentNo, Op: r.op, RetryAfter: fullRetryAfter, Err: errLimit,
		Msg: fmt.Sprintf("the deadline passed while a %s waited for the limit %s of target %q", r.class, by, g.target)}
}
