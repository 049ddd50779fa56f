package guard

import (
	"context"
	"sync"

	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// ask makes all nodes do something at each call; what the pool asks for itself
// goes well.
func ask(c *chaintest.Chain, do func(ctx context.Context, op string) error) {
	c.SetAll(func(n *chaintest.Node) { n.Ask = onCalls(do) })
}

func onCalls(do func(ctx context.Context, op string) error) func(context.Context, string) error {
	return func(ctx context.Context, op string) error {
		switch op {
		case "dial", "identity", "number":
			return nil
		}
		return do(ctx, op)
	}
}

// spy is an Observer that remembers.
type spy struct {
	mu       sync.Mutex
	calls    []Called
	attempts []Attempted
	limits   map[Limit]int // how often each kept a call back
	refusals map[Limit]int
}

func (s *spy) Called(c Called) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

func (s *spy) Attempted(a Attempted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, a)
}

func (s *spy) Limited(_ string, _ Class, by Limit, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits == nil {
		s.limits, s.refusals = map[Limit]int{}, map[Limit]int{}
	}
	s.limits[by]++
	if refused {
		s.refusals[by]++
	}
}
