package guard

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// floorFor is how long a block that a caller was told of binds the reads after it.
// Nodes hear of a block within seconds of each other; one that does not is found
// by its lag, and a development chain that was reverted must become readable again.
const floorFor = 30 * time.Second

// errBehind tells that a node is behind, which nodes are for moments: it is no
// failure to be held against it.
var errBehind = errors.New("the node is behind")

// floor is the highest block that an answer has told of. Reads do not go behind
// it: who was told that a transaction is in block 7 must find it, at whatever
// node.
type floor struct {
	block atomic.Uint64
	at    atomic.Int64 // unix nanoseconds of the last time that block was raised
}

// raise notes that somebody was told of a block.
func (f *floor) raise(block uint64) {
	for {
		known := f.block.Load()
		if block <= known && !f.old() || block == 0 {
			return
		}
		if f.block.CompareAndSwap(known, block) {
			f.at.Store(time.Now().UnixNano())
			return
		}
	}
}

// get is the block that reads may not go behind, 0 when there is none.
func (f *floor) get() uint64 {
	if f.old() {
		return 0
	}
	return f.block.Load()
}

func (f *floor) old() bool { return time.Since(time.Unix(0, f.at.Load())) > floorFor }

// notBehind turns an answer that is older than what somebody was told already into
// a failure of the node, which another node may mend. result and err are those of
// the node, err is nil or KindNotFound.
func (g *Guard) notBehind(r *request, n *pool.Node, result any, err error) error {
	if r.minHead == 0 || r.class == Write {
		return err
	}
	at := n.Head()
	switch call, ok := result.(chain.CallResult); {
	case ok && err == nil:
		at = call.BlockNumber
	case err == nil && r.life == immutable: // it is there, whatever the head
		return nil
	}
	if at >= r.minHead {
		return err
	}
	return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: r.op, Node: n.Name(),
		Err: errBehind, Msg: fmt.Sprintf("the node is at block %d, and the answer must know block %d", at, r.minHead)}
}
