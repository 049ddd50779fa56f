package guard

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"golang.org/x/time/rate"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// node is what the guard keeps of one node, for each class of calls.
type node struct {
	name     string
	breakers [2]circuitbreaker.CircuitBreaker[any]
	buckets  [2]*rate.Limiter
}

// node finds or makes what is kept of a node.
func (g *Guard) node(name string) *node {
	g.mu.RLock()
	n := g.nodes[name]
	g.mu.RUnlock()
	if n != nil {
		return n
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if n = g.nodes[name]; n != nil {
		return n
	}
	n = &node{name: name}
	for _, class := range []Class{Query, Write} {
		policy := g.cfg.policy(class)
		n.buckets[class] = newLimiter(policy.NodeRate, policy.NodeBurst)
		n.breakers[class] = g.newBreaker(name, class)
	}
	g.nodes[name] = n
	return n
}

func (g *Guard) newBreaker(name string, class Class) circuitbreaker.CircuitBreaker[any] {
	b := g.cfg.policy(class).Breaker
	return circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(b.Failures, b.Window). // opens at b.Failures, also before the window is full
		WithDelay(b.OpenFor).
		WithSuccessThreshold(b.Probes).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			g.log.Info("breaker", "node", name, "class", class.String(), "state", e.NewState.String(), "before", e.OldState.String())
		}).
		Build()
}

// onNode chooses the node of an attempt: the best one whose bucket has a token and
// whose breaker lets the attempt through. When only tokens are missing it waits
// for one of the best node.
func (g *Guard) onNode(next func(context.Context, *request, *pool.Node) (any, error)) handler {
	return func(ctx context.Context, r *request) (any, error) {
		want := r.want
		var first *pool.Node // that has no token
		var open []string
		var opensIn time.Duration
		for {
			chosen, err := g.pool.Choose(want)
			if err != nil && first == nil && open == nil {
				return nil, err
			}
			if err != nil {
				break
			}
			n := g.node(chosen.Name())
			breaker := n.breakers[r.class]
			if wait := breaker.RemainingDelay(); wait > 0 {
				open = append(open, n.name)
				if opensIn == 0 || wait < opensIn {
					opensIn = wait
				}
			} else if !n.buckets[r.class].Allow() {
				if first == nil {
					first = chosen
				}
			} else if !breaker.TryAcquirePermit() {
				open = append(open, n.name)
			} else {
				return g.probe(ctx, r, chosen, breaker, next)
			}
			want.Skip = append(want.Skip[:len(want.Skip):len(want.Skip)], n.name)
		}
		if first == nil {
			return nil, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, RetryAfter: opensIn,
				Msg: fmt.Sprintf("the breaker for a %s is open at %s", r.class, strings.Join(open, ", "))}
		}
		n := g.node(first.Name())
		if err := takeToken(ctx, &g.cfg, g.target, r, n.buckets[r.class], LimitNodeRate); err != nil {
			return nil, err
		}
		breaker := n.breakers[r.class]
		if !breaker.TryAcquirePermit() { // it opened meanwhile
			return nil, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, Node: n.name, RetryAfter: breaker.RemainingDelay(),
				Msg: fmt.Sprintf("the breaker for a %s is open", r.class)}
		}
		return g.probe(ctx, r, first, breaker, next)
	}
}

// probe makes the attempt and tells the breaker how it ended. A half-open breaker
// has given one of its few permits away and must hear of every end: an attempt
// that tells nothing opens it for another while.
func (g *Guard) probe(ctx context.Context, r *request, n *pool.Node, b circuitbreaker.CircuitBreaker[any], next func(context.Context, *request, *pool.Node) (any, error)) (any, error) {
	r.node = n.Name()
	result, err := next(ctx, r, n)
	switch verdict(r, err) {
	case pool.Answered:
		b.RecordSuccess()
	case pool.Failed:
		b.RecordFailure()
	case pool.Unknown:
		if b.IsHalfOpen() {
			b.RecordFailure()
		}
	}
	return result, err
}

// lease is the innermost handler: it asks a node on a connection that is leased
// for it.
func (g *Guard) lease(ctx context.Context, r *request, n *pool.Node) (any, error) {
	l, err := n.Lease(ctx, g.cfg.policy(r.class).ConnectTimeout, r.fresh)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	result, err := r.ask(ctx, l)
	if err == nil || chain.Is(err, chain.KindNotFound) {
		err = g.notBehind(r, n, result, err)
	}
	outcome := pool.Outcome{Result: verdict(r, err)}
	if r.class == Query { // a write is answered when its block is there
		outcome.Latency = time.Since(began)
	}
	l.Release(outcome)
	return result, err
}
