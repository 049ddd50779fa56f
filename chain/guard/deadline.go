package guard

import (
	"context"
	"time"
)

// deadline bounds one attempt by the answer time of its class.
func deadline(cfg *Config, next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		limit := cfg.policy(r.class).AnswerTimeout
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
