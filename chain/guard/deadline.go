package guard

import (
	"context"
	"time"
)

// deadline bounds one attempt by the answer time of its class.
func (g *Guard) deadline(next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		limit := g.cfg.policy(r.class).AnswerTimeout
		end, bounded := ctx.Deadline()
		r.patient = !bounded || time.Until(end) >= limit
		if !r.patient {
			return next(ctx, r)
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
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
