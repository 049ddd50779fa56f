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
	held     map[common.Hash]struct{} // in a block that other nodes may have agreed on: they do not expire
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
	case p.byNonce[digest] != nil:
		return nil, refusal(StatusNonceCheckFail)
	}
	if refused := p.sealable(tx, digest); refused != nil {
		return nil, refused
	}
	if len(p.byHash) >= p.limit {
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

// sealable tells whether the next block may have the transaction: what every node
// of the chain answers alike. The mutex is held.
func (p *pool) sealable(tx *Transaction, digest nonceDigest) *Error {
	switch {
	case p.consumed.has(digest):
		return refusal(StatusNonceCheckFail)
	case tx.Ethereum != nil:
		return nil
	case tx.BlockLimit <= int64(p.head), tx.BlockLimit > int64(p.head)+p.blockLimit:
		return refusal(StatusBlockLimitCheckFail)
	case tx.Version >= 1 && len(tx.Value) > maxValueText:
		return refusal(StatusOverFlowValue)
	}
	return nil
}

// candidate gives the entry of a transaction that the next block may have; nil when
// it is not in the pool.
func (p *pool) candidate(tx *Transaction, digest nonceDigest) (*pending, *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byHash[tx.Hash], p.sealable(tx, digest)
}

// hold keeps the transactions of a batch, known or not, from expiring until the next
// block is there or another batch is held.
func (p *pool) hold(batch []*pending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(map[common.Hash]struct{}, len(batch))
	for _, entry := range batch {
		p.held[entry.tx.Hash] = struct{}{}
	}
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
// first, at most n, after expire.
func (p *pool) cut(n int, oldest time.Time) []*pending {
	p.expire(oldest)
	p.mu.Lock()
	defer p.mu.Unlock()
	batch := slices.Clone(p.queue[:min(n, len(p.queue))])
	p.queue = slices.Delete(p.queue, 0, len(batch))
	return batch
}

// peek gives the oldest queued transactions, at most n.
func (p *pool) peek(n int) []*pending {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.queue[:min(n, len(p.queue))])
}

// expire throws out the queued transactions that have waited since before oldest,
// or whose block limit has passed, and tells those who wait for them.
func (p *pool) expire(oldest time.Time) {
	p.mu.Lock()
	var dropped []*pending
	p.queue = slices.DeleteFunc(p.queue, func(entry *pending) bool {
		_, held := p.held[entry.tx.Hash]
		gone := !held && (entry.arrived.Before(oldest) || p.outlived(entry.tx))
		if gone {
			p.forget(entry)
			dropped = append(dropped, entry)
		}
		return gone
	})
	p.mu.Unlock()
	for _, entry := range dropped {
		entry.finish(Result{Transaction: entry.tx, Dropped: true}, nil)
	}
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

// settled notes that a block is on the chain whose transactions were not cut, and
// gives answer, which tells those who wait for them. Those who wait for another
// transaction with a nonce of the block learn that it is used up.
func (p *pool) settled(x *Candidate) (answer func()) {
	digests := x.digests()
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := map[*pending]bool{}
	var answered []*pending
	for i, entry := range x.batch {
		entry.tx.BlockNumber, entry.tx.Index = x.block.Number, i
		p.accounts.executed(entry.tx)
		waiting := p.byNonce[entry.digest]
		if waiting == nil {
			continue
		}
		p.forget(waiting)
		gone[waiting] = true
		if waiting.tx.Hash == entry.tx.Hash {
			waiting.result = Result{Transaction: entry.tx, Receipt: x.receipts[i]}
		} else {
			waiting.err = refusal(StatusNonceCheckFail)
		}
		answered = append(answered, waiting)
	}
	p.queue = slices.DeleteFunc(p.queue, func(entry *pending) bool { return gone[entry] })
	p.held = nil
	p.consumed.add(x.block.Number, digests)
	p.head = x.block.Number
	return func() {
		for _, entry := range answered {
			close(entry.done)
		}
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
