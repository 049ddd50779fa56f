package guard

import (
	"context"
	"slices"
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
	patient bool // the node has the time that its class has

	node   *pool.Node    // that is asked; nil until onNode has chosen it
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
	if r.node != nil {
		next.want.Avoid = append(slices.Clip(r.want.Avoid), r.node.Name())
	}
	if next.want.Prefer == r.nodeName() {
		next.want.Prefer = "" // it was not reached
	}
	next.node, next.retry = nil, true
	return &next
}

// nodeName is empty until a node is chosen.
func (r *request) nodeName() string {
	if r.node == nil {
		return ""
	}
	return r.node.Name()
}
