package guard

import (
	"context"
	"time"
)

// deadline bounds one attempt by the answer time of its class. The attempt of a
// read has a context of its own in any case: it may be given up.
func (g *Guard) deadline(next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		limit := g.cfg.policy(r.class).AnswerTimeout
		end, bounded := ctx.Deadline()
		r.patient = !bounded || time.Until(end) >= limit
		switch {
		case r.patient:
			ctx, r.cancel = context.WithTimeout(ctx, limit)
		case r.class == Query:
			ctx, r.cancel = context.WithCancel(ctx)
		default:
			return next(ctx, r)
		}
		defer r.cancel()
		return next(ctx, r)
	}
}

// patience is whether a node that is asked now, and does not answer, may be blamed:
// not when the caller has less time than the class, nor when most of it went by
// before the node was asked.
func (g *Guard) patience(ctx context.Context, r *request, now time.Time) bool {
	end, _ := ctx.Deadline()
	return r.patient && end.Sub(now) >= g.cfg.policy(r.class).AnswerTimeout/2
}
