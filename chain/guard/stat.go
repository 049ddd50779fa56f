package guard

import (
	"slices"
	"strings"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Stat is how the policies of a Guard stand now.
type Stat struct {
	Query, Write ClassStat
	RetriesLeft  float64    // retries and hedges that may follow each other without calls between them
	Nodes        []NodeStat // that were ever chosen, by name; the breakers of others are closed
}

// ClassStat is how the calls of one class stand.
type ClassStat struct {
	InFlight int // attempts that have a place
	Places   int // Policy.InFlight
}

// NodeStat is how the breakers of a node stand.
type NodeStat struct {
	Node         string
	Query, Write BreakerStat
}

// BreakerState is the state of a breaker.
type BreakerState string

// The states of a breaker.
const (
	BreakerClosed   BreakerState = "closed"    // attempts are let through
	BreakerHalfOpen BreakerState = "half_open" // a few are, to see whether the node works again
	BreakerOpen     BreakerState = "open"      // none is
)

// BreakerStat is one breaker.
type BreakerStat struct {
	State   BreakerState
	OpenFor time.Duration // that it stays open; 0 when it is not
}

// Stat is how the policies stand now. It does not block.
func (g *Guard) Stat() Stat {
	stat := Stat{Query: g.classStat(Query), Write: g.classStat(Write), RetriesLeft: g.budget.now()}
	g.mu.RLock()
	defer g.mu.RUnlock()
	for name, n := range g.nodes {
		stat.Nodes = append(stat.Nodes, NodeStat{Node: name, Query: breakerStat(n.breakers[Query]), Write: breakerStat(n.breakers[Write])})
	}
	slices.SortFunc(stat.Nodes, func(a, b NodeStat) int { return strings.Compare(a.Node, b.Node) })
	return stat
}

func (g *Guard) classStat(class Class) ClassStat {
	return ClassStat{InFlight: int(g.busy[class].Load()), Places: g.cfg.policy(class).InFlight}
}

// breakerStat calls a breaker half-open as soon as it would let an attempt through.
func breakerStat(b circuitbreaker.CircuitBreaker[any]) BreakerStat {
	left := b.RemainingDelay()
	switch {
	case b.IsClosed():
		return BreakerStat{State: BreakerClosed}
	case b.IsOpen() && left > 0:
		return BreakerStat{State: BreakerOpen, OpenFor: left}
	}
	return BreakerStat{State: BreakerHalfOpen}
}

// now is how many retries there are.
func (b *budget) now() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left
}
