package pool

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Want says which node is wanted for a request. The zero value is any good one.
type Want struct {
	Node    string   // only this one; empty is any
	Prefer  string   // this one while it can be asked, also when others do better
	Avoid   []string // these only when there is no other
	Skip    []string // never these
	MinHead uint64   // nodes that told of this block come before all others
}

// maxLag is how many blocks a node may be behind the highest and still be asked:
// notifications of one block reach us at slightly different times.
const maxLag = 1

// manyNodes is up to how many nodes Choose needs no memory.
const manyNodes = 16

// candidate is a node that can be asked.
type candidate struct {
	n    *Node
	head uint64
}

// Choose says which node is best asked now. It never waits. Without one the error
// is KindUnavailable, sent no, and says what keeps each node away.
func (p *Pool) Choose(want Want) (*Node, error) {
	var few [manyNodes]candidate
	found := few[:0]
	var highest uint64
	var owing bool
	for _, n := range *p.nodes.Load() {
		if !n.askable.Load() || want.Node != "" && want.Node != n.name || slices.Contains(want.Skip, n.name) {
			continue
		}
		head, up := n.head()
		if !up && len(*n.open.Load()) > 0 {
			continue // they have just ended
		}
		if n.name == want.Prefer {
			return n, nil
		}
		highest = max(highest, head.Number)
		owing = owing || n.meter.silent.Load() != 0
		found = append(found, candidate{n: n, head: head.Number})
	}
	if len(found) == 0 {
		return nil, p.unavailable("choose", nil)
	}
	var best *Node
	var bestClass int32
	var bestScore float64
	var now time.Time
	if owing { // the clock costs as much as all the rest
		now = time.Now()
	}
	start := rand.IntN(len(found)) // so that equals share the work
	for i := range found {
		c := &found[(start+i)%len(found)]
		class, score := c.class(&want, highest, now), c.n.meter.score(c.n.inFlight.Load(), now)
		if best == nil || class < bestClass || class == bestClass && score < bestScore {
			best, bestClass, bestScore = c.n, class, score
		}
	}
	return best, nil
}

// class is what counts before the score; lower is better. A node that has been
// silent comes last, also when it alone told of the wanted block: others will know
// it in a moment, while it may not answer at all.
func (c *candidate) class(want *Want, highest uint64, now time.Time) int32 {
	class := c.n.tier.Load() << 1 // below 16
	if c.n.meter.silence(now) > silentAbove {
		class |= 64
	}
	if c.head+maxLag < highest {
		class |= 1
	}
	if c.head < want.MinHead {
		class |= 16
	}
	if slices.Contains(want.Avoid, c.n.name) {
		class |= 32
	}
	return class
}
