package guard

import (
	"context"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

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
	immutable                 // for ever; on a chain that can reorganise only what is final may have it
)

// request is one call on its way through the policies. Each attempt after the
// first has its own copy; only ask is shared, and must not write anything but its
// result.
type request struct {
	op    string
	class Class
	log   *chain.CallLog // nil records nothing
	began time.Time

	key  string   // equal for reads that ask the same; empty: never merged or kept
	life lifetime // of the answer

	// What a read asks for, each op in its own field, so that ask needs no closure.
	msg     chain.CallMsg
	hash    common.Hash
	number  uint64
	address common.Address

	// minHead is the block that the answer must know of: no caller may see a state
	// that is older than what it was told already.
	minHead uint64
	head    uint64  // the newest block that any node had told of when the call began
	flight  *flight // that the read leads if none is under way

	want    pool.Want
	fresh   bool // on a connection that was made for it
	hedge   bool // beside another attempt
	retry   bool // after another attempt
	more    bool // it is a read, and may be asked again after this attempt
	patient bool // the node has the time that its class has

	node   *pool.Node         // that is asked; nil until onNode has chosen it
	source chain.Source       // where the answer came from
	age    time.Duration      // of an answer that was kept
	duel   *duel              // with an attempt beside this one; nil: there will be none
	cancel context.CancelFunc // ends the attempt; nil while it has no context of its own
	cut    bool               // it failed because the caller's time is short
	ask    func(ctx context.Context, r *request, l pool.Lease) (any, error)
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

// beside is an attempt beside one that asks node.
func (r *request) beside(node *pool.Node) *request {
	next := *r
	next.want.Skip = append(slices.Clip(r.want.Skip), node.Name())
	next.hedge, next.duel = true, nil
	return &next
}

// nodeName is empty until a node is chosen.
func (r *request) nodeName() string {
	if r.node == nil {
		return ""
	}
	return r.node.Name()
}
