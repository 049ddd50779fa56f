package guard

import (
	"context"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// Class is a class of calls that are treated alike.
type Class uint8

// The classes of calls. Heartbeats, the third one, are package pool's.
const (
	Query Class = iota // reads, which may be asked again and elsewhere
	Write              // transactions, which are answered when they are in a block
)

// String is the class as configuration, metrics and messages call it.
func (c Class) String() string {
	if c == Write {
		return "write"
	}
	return "query"
}

// lifetime is for how long the answer to a read holds.
type lifetime uint8

const (
	never     lifetime = iota // it may change at any time
	headBound                 // until there is a new block
	immutable                 // for ever
)

// request is one call on its way through the policies. Each attempt has its own
// copy; only ask is shared, and must not write anything but its result.
type request struct {
	op    string
	class Class
	log   *chain.CallLog // nil records nothing

	key  string   // equal for reads that ask the same; empty: never merged or kept
	life lifetime // of the answer

	// minHead is the block that the answer must know of: no caller may see a state
	// that is older than what it was told already.
	minHead uint64

	want    pool.Want
	fresh   bool // on a connection that was made for it
	hedge   bool // beside another attempt
	retry   bool // after another attempt
	patient bool // the attempt may take all the time that its class has

	node   string        // that was asked last; the innermost handlers fill it in
	source chain.Source  // where the answer came from
	age    time.Duration // of an answer that was kept
	ask    func(ctx context.Context, l pool.Lease) (any, error)
}

// handler answers a request. Every policy is one, around the next.
type handler func(ctx context.Context, r *request) (any, error)

// again is a new attempt of the same call, which keeps away from the node of the
// last one.
func (r *request) again() *request {
	next := *r
	if r.node != "" {
		next.want.Avoid = append(append([]string(nil), r.want.Avoid...), r.node)
	}
	next.node, next.retry = "", true
	return &next
}
