package guard

import (
	"context"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// observe tells of each call as a whole, and finds its record.
func (g *Guard) observe(next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		r.began = time.Now()
		r.log = chain.CallLogOf(ctx)
		r.source = chain.SourceNode
		result, err := next(ctx, r)
		if err == nil {
			r.log.Answered(r.source, r.age)
		}
		g.cfg.Observer.Called(Called{Target: g.target, Op: r.op, Class: r.class, Kind: chain.KindOf(err), Source: r.source, Took: time.Since(r.began)})
		return result, err
	}
}

// observeAttempt tells of each attempt.
func (g *Guard) observeAttempt(next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		began := time.Now()
		result, err := next(ctx, r)
		a := Attempted{Target: g.target, Node: r.nodeName(), Op: r.op, Class: r.class, Kind: chain.KindOf(err), Took: time.Since(began), Retry: r.retry, Hedge: r.hedge}
		r.log.Attempted(chain.Attempt{Node: a.Node, Kind: a.Kind, Duration: a.Took, Hedge: a.Hedge})
		g.cfg.Observer.Attempted(a)
		return result, err
	}
}
