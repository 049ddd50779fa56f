package devchain

import (
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// maxValueText is the longest value text that a node takes.
const maxValueText = 514

// pending is a transaction that the pool took and that is in no block yet.
type pending struct {
	tx      *Transaction
	digest  nonceDigest
	arrived time.Time
	done    chan struct{} // closed when result and err are set
	result  Result
	err     error
}

func (p *pending) finish(result Result, err error) {
	p.result, p.err = result, err
	close(p.done)
}

// pool holds the transactions that wait, and the nonces that are taken. Its size
// is bounded; a full pool refuses.
type pool struct {
	limit      int
	blockLimit int64
	wake       chan struct{}           // one token: something changed that the sealer waits for
	nonceUsed  func(*Transaction) bool // of an Ethereum transaction, as of the newest block

	mu       sync.Mutex
	running  bool
	head     uint64
	byHash   map[common.Hash]*pending // queued, or in the block that is being made
	byNonce  map[nonceDigest]*pending // the same
	queue    []*pending               // in order of arrival, without those in the block that is being made
	consumed *nonceWindow
	accounts accountNonces
}

func newPool(limit int, blockLimit int64) *pool {
	return &pool{
		limit:      limit,
		blockLimit: blockLimit,
		wake:       make(chan struct{}, 1),
		byHash:     map[common.Hash]*pending{},
		byNonce:    map[nonceDigest]*pending{},
		consumed:   newNonceWindow(blockLimit),
		accounts:   newAccountNonces(),
	}
}

func (p *pool) poke() {
	select {
	case p.wake <- struct{}{}:
	default: // the token that is there already will do
	}
}

// precheck refuses what can be refused before the signature is looked at.
func (p *pool) precheck(tx *Transaction, group string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.running:
		return ErrStopped
	case p.byHash[tx.Hash] != nil:
		return refusal(StatusAlreadyInTxPool)
	case tx.GroupID != group:
		return refusal(StatusInvalidGroupID)
	}
	return nil
}

// add makes the remaining checks in the order of protocol section 5.1 and takes
// the transaction in. Its chain, group and signature have been checked.
func (p *pool) add(tx *Transaction, now time.Time) (*pending, error) {
	digest := digestNonce(tx.Nonce)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !p.running:
		return nil, ErrStopped
	case p.byHash[tx.Hash] != nil:
		return nil, refusal(StatusAlreadyInTxPool)
	case p.byNonce[digest] != nil, p.consumed.has(digest):
		return nil, refusal(StatusNonceCheckFail)
	case tx.BlockLimit <= int64(p.head), tx.BlockLimit > int64(p.head)+p.blockLimit:
		return nil, refusal(StatusBlockLimitCheckFail)
	case tx.Version >= 1 && len(tx.Value) > maxValueText:
		return nil, refusal(StatusOverFlowValue)
	case len(p.byHash) >= p.limit:
		return nil, refusal(StatusTxPoolIsFull)
	}
	return p.take(tx, digest, now), nil
}

// take puts a transaction that has been checked at the end of the queue.
func (p *pool) take(tx *Transaction, digest nonceDigest, now time.Time) *pending {
	entry := &pending{tx: tx, digest: digest, arrived: now, done: make(chan struct{})}
	p.byHash[tx.Hash] = entry
	p.byNonce[digest] = entry
	p.queue = append(p.queue, entry)
	p.poke()
	return entry
}

// waiting gives the number of queued transactions and the arrival of the oldest.
func (p *pool) waiting() (n int, oldest time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return 0, time.Time{}
	}
	return len(p.queue), p.queue[0].arrived
}

// size counts the transactions that are in no block yet.
func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.byHash)
}

// cut takes the transactions of the next block out of the queue, the oldest
// first, at most n. Those that have waited since before oldest, or whose block
// limit has passed, are thrown out and told so.
func (p *pool) cut(n int, oldest time.Time) (batch []*pending) {
	p.mu.Lock()
	var dropped []*pending
	kept := p.queue[:0]
	for _, entry := range p.queue {
		switch {
		case entry.arrived.Before(oldest), p.outlived(entry.tx):
			p.forget(entry)
			dropped = append(dropped, entry)
		case len(batch) < n:
			batch = append(batch, entry)
		default:
			kept = append(kept, entry)
		}
	}
	clear(p.queue[len(kept):]) // lets go of what left the queue
	p.queue = kept
	p.mu.Unlock()
	for _, entry := range dropped {
		entry.finish(Result{Transaction: entry.tx, Dropped: true}, nil)
	}
	return batch
}

func (p *pool) forget(entry *pending) {
	delete(p.byHash, entry.tx.Hash)
	delete(p.byNonce, entry.digest)
}

// committed notes that a block with these transactions is on the chain.
func (p *pool) committed(number uint64, batch []*pending, digests []nonceDigest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, entry := range batch {
		p.forget(entry)
		p.accounts.executed(entry.tx)
	}
	p.consumed.add(number, digests)
	p.head = number
}

// revert goes back to an older head with the nonces that were used then. What is
// queued is thrown out and told so: it was meant for blocks that are gone.
func (p *pool) revert(head uint64, used *nonceWindow) {
	p.mu.Lock()
	queue := p.queue
	p.queue = nil
	for _, entry := range queue {
		p.forget(entry)
	}
	p.consumed, p.head, p.accounts = used, head, newAccountNonces()
	p.mu.Unlock()
	for _, entry := range queue {
		entry.finish(Result{Transaction: entry.tx, Dropped: true}, nil)
	}
}

func (p *pool) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = true
}

// stop refuses what comes from now on and ends the wait of all that is queued, and
// of the batch whose block is given up. What else is in a block that is being made
// is left to the sealer.
func (p *pool) stop(reason error, batch ...*pending) {
	p.mu.Lock()
	p.running = false
	queue := slices.Concat(batch, p.queue)
	p.queue = nil
	for _, entry := range queue {
		p.forget(entry)
	}
	p.mu.Unlock()
	for _, entry := range queue {
		entry.finish(Result{}, reason)
	}
}
