package guard

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// retry makes further attempts as long as the kind of the error, the policy, the
// budget and the caller's time allow it. The last attempt of a read takes a fresh
// connection, so that a connection that died in silence costs no more than the
// attempts before it.
func (g *Guard) retry(b *budget, next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		b.called()
		policy := g.cfg.policy(r.class)
		call := r
		for n := 0; ; n++ {
			r.more = r.class == Query && n < policy.Retries
			result, err := next(ctx, r)
			call.cut = r.cut
			if err == nil || n >= policy.Retries || !elsewhere(r, err) || ctx.Err() != nil {
				return result, err
			}
			wait := pauseBefore(n, policy, err)
			if wait > policy.AnswerTimeout {
				return result, err // so long a wait is the caller's to decide on
			}
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
				call.cut = true
				return result, err
			}
			if !b.take() {
				g.cfg.Observer.Limited(g.target, r.class, LimitBudget, true)
				return result, err
			}
			if !sleep(ctx, wait) {
				return result, err
			}
			r = r.again()
			r.fresh = r.class == Query && n+1 == policy.Retries
		}
	}
}

// pauseBefore is the pause before retry n, from 0 on. A node that did not answer,
// or answered wrongly, has cost time enough: another one is asked at once.
func pauseBefore(n int, p *Policy, err error) time.Duration {
	if chain.Is(err, chain.KindTimeout, chain.KindProtocol, chain.KindNode) {
		return 0
	}
	limit := p.BackoffMax
	if doubled := p.BackoffMin << n; doubled>>n == p.BackoffMin { // else it overflowed
		limit = min(limit, doubled)
	}
	pause := rand.N(limit)
	if e, ok := errors.AsType[*chain.Error](err); ok {
		pause += e.RetryAfter // not all who were told the same come back at the same time
	}
	return pause
}

// sleep is false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
