package guard

import "sync"

const (
	// budgetAtOnce is how many retries may follow each other without calls between
	// them: a node that goes away takes so many requests with it, when 200 callers have
	// just found it the quickest of all.
	budgetAtOnce = 256
	// budgetFirst is how many there are before the first call has paid for any.
	budgetFirst = 16
)

// budget bounds retries to a share of the calls: each call pays in a part of one,
// each retry takes a whole one out. So a target that fails as a whole gets little
// more requests than it would without retries.
type budget struct {
	share float64

	mu   sync.Mutex
	left float64
}

func newBudget(share float64) *budget {
	if share < 0 {
		return &budget{}
	}
	return &budget{share: share, left: budgetFirst}
}

// called pays in for one call.
func (b *budget) called() {
	b.mu.Lock()
	b.left = min(b.left+b.share, budgetAtOnce)
	b.mu.Unlock()
}

// take takes one retry out; false when there is none left.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
