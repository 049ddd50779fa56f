package main

import (
	"context"
	"math"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/plan"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
	"github.com/bcosgate/bcosgate/gateway"
	"github.com/bcosgate/bcosgate/internal/assemble"
)

// apiTargets shows the targets to the API.
func apiTargets(targets []assemble.Target) []gateway.Target {
	list := make([]gateway.Target, len(targets))
	for i, t := range targets {
		list[i] = gateway.Target{Info: t.Info, Chain: t.Guard, Nodes: connections{t.Pool, t.Guard}}
	}
	return list
}

// planner makes plans of jobs in the store, with the limits of the targets.
func planner(store *batch.Store, targets []assemble.Target) *plan.Maker {
	m := &plan.Maker{Store: store, Past: store, Rates: map[string]float64{}}
	for _, t := range targets {
		m.Rates[t.Info.Name] = t.Limits.Rate
	}
	return m
}

// connections are the nodes of a target, in the words of the API.
type connections struct {
	*pool.Pool
	guard *guard.Guard
}

func (c connections) List() []gateway.Node {
	breakers := map[string]guard.NodeStat{}
	for _, n := range c.guard.Stat().Nodes {
		breakers[n.Node] = n
	}
	nodes := c.Nodes()
	list := make([]gateway.Node, len(nodes))
	for i, n := range nodes {
		list[i] = nodeOf(n, breakers[n.Node])
	}
	return list
}

func nodeOf(n pool.NodeStatus, b guard.NodeStat) gateway.Node {
	shown := gateway.Node{
		Node: n.Node, Online: n.Online, Usable: n.Usable(), Exclusions: []gateway.Exclusion{},
		Head: n.Head, Lag: n.Lag, LatencyMS: gateway.Millis(n.Latency), ErrorRate: n.ErrorRate, InFlight: n.InFlight, Waiting: n.Waiting,
		Connections: gateway.NodeConns{Open: n.Connections, Idle: n.Idle},
		Breakers:    []gateway.NodeBreaker{breakerOf(guard.Query, b.Query), breakerOf(guard.Write, b.Write)},
		Error:       n.Error,
	}
	if !n.Since.IsZero() {
		since := n.Since.UTC()
		shown.Since = &since
	}
	for _, e := range n.Exclusions {
		shown.Exclusions = append(shown.Exclusions, gateway.Exclusion{Reason: string(e.Reason), Text: e.Text, Since: e.Since.UTC()})
	}
	return shown
}

// breakerOf shows a breaker; that of a node that was never asked is closed.
func breakerOf(class guard.Class, b guard.BreakerStat) gateway.NodeBreaker {
	if b.State == "" {
		b.State = guard.BreakerClosed
	}
	return gateway.NodeBreaker{Class: class.String(), State: string(b.State), OpenForMS: int64(math.Ceil(gateway.Millis(b.OpenFor)))}
}

func (c connections) Stat() gateway.TargetStat {
	p, g := c.Pool.Stat(), c.guard.Stat()
	stat := gateway.TargetStat{
		Pool: gateway.PoolStat{
			Nodes: p.Nodes, Usable: p.Usable, Open: p.Open, Idle: p.Idle, Dialing: p.Dialing, InFlight: p.InFlight, Waiting: p.Waiting,
			Dials: p.Dials, DialFailures: p.DialFailures, Leases: p.Leases, Waits: p.Waits, WaitMS: p.WaitTime.Milliseconds(), Refused: p.Refused,
			Heartbeats: p.Heartbeats, HeartbeatsMissed: p.HeartbeatsMissed,
			Closed: map[string]uint64{
				"idle": p.ClosedIdle, "lifetime": p.ClosedLifetime, "broken": p.ClosedBroken, "drained": p.ClosedDrained,
			},
			Changes: map[string]gateway.Change{},
		},
		Calls: gateway.CallStat{
			Query: gateway.ClassStat(g.Query), Write: gateway.ClassStat(g.Write), RetriesLeft: g.RetriesLeft,
		},
	}
	for reason, change := range p.Changes {
		stat.Pool.Changes[string(reason)] = gateway.Change(change)
	}
	return stat
}

// callObserver tells the metrics of the calls of guards.
type callObserver struct{ metrics *gateway.Metrics }

func (o callObserver) Called(c guard.Called) {
	o.metrics.ChainCalled(gateway.ChainCall{Target: c.Target, Op: c.Op, Class: c.Class.String(), Kind: c.Kind, Source: c.Source, Took: c.Took})
}

func (o callObserver) Attempted(a guard.Attempted) {
	o.metrics.ChainAttempted(gateway.ChainAttempt{Target: a.Target, Node: a.Node, Class: a.Class.String(), Kind: a.Kind, Retry: a.Retry, Hedge: a.Hedge})
}

func (o callObserver) Limited(target string, class guard.Class, by guard.Limit, refused bool) {
	o.metrics.ChainLimited(target, class.String(), string(by), refused)
}

// cordonBook keeps the cordons of pools in the store.
type cordonBook struct{ store *batch.Store }

func (b cordonBook) Cordons(ctx context.Context, target string) ([]pool.Cordon, error) {
	kept, err := b.store.Cordons(ctx, target)
	list := make([]pool.Cordon, len(kept))
	for i, c := range kept {
		list[i] = pool.Cordon(c)
	}
	return list, err
}

func (b cordonBook) SetCordon(ctx context.Context, target string, c pool.Cordon) error {
	return b.store.SetCordon(ctx, target, batch.Cordon(c))
}

func (b cordonBook) ClearCordon(ctx context.Context, target, node string) error {
	return b.store.ClearCordon(ctx, target, node)
}
