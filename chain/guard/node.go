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
	g.forgetNodes()
	n = &node{name: name}
	for _, class := range []Class{Query, Write} {
		policy := g.cfg.policy(class)
		n.buckets[class] = newLimiter(policy.NodeRate, policy.NodeBurst)
		n.breakers[class] = g.newBreaker(name, class)
	}
	g.nodes[name] = n
	return n
}

// forgetNodes forgets those that the pool has no more. It is called before each
// new one, so that names that come and go need no memory for ever. g.mu is held.
func (g *Guard) forgetNodes() {
	if len(g.nodes) == 0 {
		return
	}
	there := map[string]bool{}
	for _, status := range g.pool.Nodes() {
		there[status.Node] = true
	}
	for name := range g.nodes {
		if !there[name] {
			delete(g.nodes, name)
		}
	}
}

func (g *Guard) newBreaker(name string, class Class) circuitbreaker.CircuitBreaker[any] {
	b := g.cfg.policy(class).Breaker
	return circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(b.Failures, b.Window). // opens at b.Failures, also before the window is full
		WithDelay(b.OpenFor).
		WithSuccessThreshold(b.Probes). // so many may be under way; one failure opens it again
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			g.log.Info("breaker", "node", name, "class", class.String(), "state", e.NewState.String(), "before", e.OldState.String())
		}).
		Build()
}

// onNode chooses the node of an attempt: the best one whose bucket has a token and
// whose breaker lets the attempt through. When only tokens are missing it waits
// for one of the best node.
func (g *Guard) onNode(next handler) handler {
	return func(ctx context.Context, r *request) (any, error) {
		want := r.want
		var first *pool.Node // that has no token
		var open []string
		opensIn := g.cfg.policy(r.class).Breaker.OpenFor // at the latest
		for {
			chosen, err := g.pool.Choose(want)
			if err != nil && first == nil && open == nil {
				return nil, failed(r, err)
			}
			if err != nil {
				break
			}
			n := g.node(chosen.Name())
			breaker := n.breakers[r.class]
			switch wait := breaker.RemainingDelay(); {
			case wait > 0:
				open, opensIn = append(open, n.name), min(opensIn, wait)
			case n.buckets[r.class] != nil && !n.buckets[r.class].Allow():
				if first == nil {
					first = chosen
				}
			case !breaker.TryAcquirePermit(): // its probes are under way
				open = append(open, n.name)
			default:
				return judged(ctx, r, chosen, breaker, next)
			}
			want.Skip = append(want.Skip[:len(want.Skip):len(want.Skip)], n.name)
		}
		if first == nil {
			return nil, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, RetryAfter: opensIn,
				Msg: fmt.Sprintf("the breaker for a %s is open at %s", r.class, strings.Join(open, ", "))}
		}
		n := g.node(first.Name())
		if err := g.takeToken(ctx, r, n.buckets[r.class], LimitNodeRate); err != nil {
			return nil, err
		}
		breaker := n.breakers[r.class]
		if !breaker.TryAcquirePermit() { // it opened meanwhile
			return nil, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, Node: n.name, RetryAfter: opensIn,
				Msg: fmt.Sprintf("the breaker for a %s is open", r.class)}
		}
		return judged(ctx, r, first, breaker, next)
	}
}

// judged makes an attempt that the breaker of its node let through, and tells the
// breaker how it ended, also when it panics.
func judged(ctx context.Context, r *request, n *pool.Node, b circuitbreaker.CircuitBreaker[any], next handler) (any, error) {
	r.node = n
	r.duel.asked(r)
	probe, end := b.IsHalfOpen(), pool.Unknown
	defer func() { tell(b, probe, end) }()
	result, err := next(ctx, r)
	end = verdict(r, err)
	return result, err
}

// tell tells a breaker how an attempt ended. What began before the breaker opened
// says nothing of the node now. A probe has one of the few permits of a half-open
// breaker, which must hear of its end, whatever it was: one that tells nothing
// opens it for another while.
func tell(b circuitbreaker.CircuitBreaker[any], probe bool, end pool.Result) {
	halfOpen := b.IsHalfOpen()
	switch {
	case halfOpen && !probe:
	case end == pool.Answered:
		b.RecordSuccess()
	case end == pool.Failed || halfOpen:
		b.RecordFailure()
	}
}

// lease is the innermost handler: it asks the node on a connection that is leased
// for the attempt.
func (g *Guard) lease(ctx context.Context, r *request) (any, error) {
	l, err := r.node.Lease(ctx, g.cfg.policy(r.class).ConnectTimeout, r.fresh)
	if err != nil {
		return nil, failed(r, err)
	}
	var outcome pool.Outcome
	defer func() { l.Release(outcome) }() // also when the connection panics
	if ctx.Err() != nil {
		return nil, ended(ctx, r)
	}
	if r.class == Query { // a write is answered when its block is there
		var giveUp context.CancelFunc
		if r.more { // else it can only wait
			giveUp = r.cancel
		}
		l.AtOnce(giveUp)
	}
	var head uint64
	if r.minHead != 0 {
		head = r.node.Head()
	}
	began := time.Now()
	r.patient = g.patience(ctx, r, began)
	result, err := r.ask(ctx, r, l)
	err = failed(r, err)
	if chain.Is(err, chain.KindCanceled) {
		err = givenUp(r, l, err)
	}
	if err == nil || chain.Is(err, chain.KindNotFound) {
		err = notBehind(r, head, result, err)
	}
	outcome.Result = verdict(r, err)
	if r.class == Query {
		outcome.Latency = time.Since(began)
	}
	return result, err
}

// givenUp is the error of an attempt that was cancelled: a time-out when the pool
// did it, because the node answers nothing. That is held against the node however
// little time the caller has.
func givenUp(r *request, l pool.Lease, err error) error {
	silence := l.GivenUp()
	if silence == 0 {
		return err
	}
	r.patient = true
	return &chain.Error{Kind: chain.KindTimeout, Sent: chain.SentNo, Op: r.op, Node: l.Node(),
		Msg: fmt.Sprintf("the node answered nothing for %s, and no heartbeat either", silence.Round(time.Millisecond))}
}
