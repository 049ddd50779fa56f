package guard

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// floorFor is how long a block that a caller was told of binds the reads after it.
// Nodes hear of a block within seconds of each other; one that does not is found
// by its lag, and a development chain that was reverted must become readable again.
const floorFor = 30 * time.Second

// errBehind tells that a node is behind, which nodes are for moments: it is no
// failure to be held against it.
var errBehind = errors.New("the node is behind")

// floor is the highest block that was told of. Reads do not go behind what an
// answer told of: who was told that a transaction is in block 7 must find it, at
// whatever node.
type floor struct {
	mu    sync.Mutex // one for both: a block with the time of another would be forgotten too early
	block uint64
	at    time.Time // when that block was told last
}

// raise notes that somebody is told of a block.
func (f *floor) raise(block uint64) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if block >= f.block || now.Sub(f.at) > floorFor {
		f.block, f.at = block, now
	}
}

// get is the block that reads may not go behind, 0 when there is none.
func (f *floor) get() uint64 {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.at) > floorFor {
		return 0
	}
	return f.block
}

// atLeast is the head, or the block that was told of when that is higher.
func (f *floor) atLeast(head chain.Head) chain.Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.block > head.Number && time.Since(f.at) <= floorFor {
		return chain.Head{Number: f.block, At: f.at}
	}
	return head
}

// notBehind turns an answer that is older than what somebody was told already into
// a failure of the node, which another node may mend. head is what the node knew
// before it was asked; result and err are what it said, err is nil or KindNotFound.
func notBehind(r *request, head uint64, result any, err error) error {
	call, ok := result.(chain.CallResult)
	switch {
	case r.minHead == 0:
		return err
	case err == nil && r.life == immutable: // it is there, whatever the head
		return nil
	case err == nil && ok && call.BlockNumber != 0:
		head = call.BlockNumber // the answer knows best
	}
	if head >= r.minHead {
		return err
	}
	return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, Node: r.nodeName(),
		Err: errBehind, Msg: fmt.Sprintf("the node is at block %d, and the answer must know block %d", head, r.minHead)}
}
