package pool

import (
	"context"
	"time"
)

// Cordon is a node that was taken out by hand.
type Cordon struct {
	Node   string
	Reason string // for people, as the operator gave it; may be empty
	Since  time.Time
}

// CordonBook keeps cordons over restarts. Its methods must be safe for concurrent
// use. target is the name of the pool's target.
type CordonBook interface {
	// Cordons is all that is kept of a target, in any order. Nodes may be among them
	// that are listed no more.
	Cordons(ctx context.Context, target string) ([]Cordon, error)
	// SetCordon keeps a cordon until it is cleared. One of the same node is replaced.
	SetCordon(ctx context.Context, target string, c Cordon) error
	// ClearCordon forgets the cordon of a node; nil also when there is none.
	ClearCordon(ctx context.Context, target, node string) error
}
