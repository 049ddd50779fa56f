package devchain

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/bcosgate/bcosgate/devchain/flatstate"
)

// SendTransaction takes in a signed transaction in its TARS form and waits until
// it is in a block that is safely on disk, or was dropped from the pool. The error
// is an *Error when it is refused, ErrStopped when the chain stops before the
// transaction is in a block, or that of ctx; then the transaction still waits for
// its block.
func (c *Chain) SendTransaction(ctx context.Context, raw []byte) (Result, error) {
	entry, err := c.submit(raw)
	if err != nil {
		return Result{}, err
	}
	c.spread(entry)
	select {
	case <-entry.done:
		return entry.result, entry.err
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// submit checks a transaction and puts it into the pool. The signature is checked
// here, by the caller's goroutine, and not by the sealer.
func (c *Chain) submit(raw []byte) (*pending, error) {
	tx, refused := readTransaction(c.cfg.Genesis.Suite, raw, c.cfg.Genesis.ChainID, c.cfg.Clock().UnixMilli())
	if refused != nil {
		return nil, refused
	}
	return c.admit(tx)
}

func (c *Chain) admit(tx *Transaction) (*pending, error) {
	now := time.Now()
	if tx.Ethereum != nil {
		return c.submitTyped(tx, now)
	}
	if err := c.pool.precheck(tx, c.cfg.Genesis.GroupID); err != nil {
		return nil, err
	}
	var err error
	if tx.Sender, err = c.cfg.Genesis.Suite.Sender(tx.Hash, tx.Signature); err != nil {
		return nil, refusal(StatusInvalidSignature)
	}
	return c.pool.add(tx, now)
}

// sealBlocks makes blocks and carries out orders until the chain stops. It is the
// only goroutine that writes to the ledger. Where nodes agree on the blocks it does
// not run: see agree.go.
func (c *Chain) sealBlocks() {
	defer close(c.done)
	var last time.Time // when the last block was begun
	for {
		do, more := c.awaitWork(last)
		if !more {
			return
		}
		last = time.Now()
		if err := do(); err != nil {
			return
		}
	}
}

// awaitWork waits until a block is due or an order comes. It is false when the
// chain stops.
func (c *Chain) awaitWork(last time.Time) (do order, more bool) {
	for {
		select {
		case do := <-c.orders: // also when blocks are always due
			return do, true
		default:
		}
		due, any := c.nextBlockAt(last)
		wait := time.Until(due)
		if any && wait <= 0 {
			return c.sealDue, true
		}
		var timer <-chan time.Time // for ever when nothing waits
		if any {
			timer = time.After(wait)
		}
		select {
		case <-timer:
			return c.sealDue, true
		case <-c.pool.wake: // the first one waits, or perhaps the block is full now
		case do := <-c.orders:
			return do, true
		case <-c.stopping:
			return nil, false
		}
	}
}

// nextBlockAt is when the next block is due; false while nothing waits, or only
// Mine makes blocks.
func (c *Chain) nextBlockAt(last time.Time) (time.Time, bool) {
	n, oldest := c.pool.waiting()
	if n == 0 || c.manual.Load() {
		return time.Time{}, false
	}
	if c.cfg.MinSealTime < 0 || c.cfg.Deterministic || c.cfg.SealFull && uint64(n) >= c.settings().CountLimit {
		return time.Time{}, true
	}
	if last.After(oldest) {
		oldest = last
	}
	return oldest.Add(c.cfg.MinSealTime), true
}

// sealDue makes the block that is due.
func (c *Chain) sealDue() error {
	if c.cfg.Deterministic {
		return c.seal(1, false)
	}
	return c.seal(c.blockSize(), false)
}

// seal makes a block of what waits, at most limit transactions; when nothing does,
// an empty one or none. After an error the chain has ended.
func (c *Chain) seal(limit int, empty bool) error {
	batch := c.pool.cut(limit, time.Now().Add(-c.cfg.TxExpiration))
	if len(batch) == 0 && !empty {
		return nil
	}
	err := c.sealBlock(batch, c.cfg.Clock())
	if err != nil {
		c.fail(batch, err)
	}
	return err
}

// fail ends the chain: what the ledger holds stays readable, nothing is added.
func (c *Chain) fail(batch []*pending, cause error) {
	err := ErrStopped
	if c.hard.Err() == nil {
		err = fmt.Errorf("devchain: the chain has ended, restart it: %w", cause)
		c.logger.Error("a block could not be made, the chain takes no more transactions", "error", cause)
	}
	c.pool.stop(err, batch...)
}

// sealBlock executes a batch, signs the block with the keys that are held here and
// puts it on the chain.
func (c *Chain) sealBlock(batch []*pending, now time.Time) error {
	head, err := c.newest()
	if err != nil {
		return err
	}
	number := head.Number + 1
	sealer := c.keys[(number/c.settings().LeaderPeriod)%uint64(len(c.keys))].index
	candidate, err := c.execute(c.hard, c.blockAfter(head, c.timestamp(head, now), sealer), batch)
	if err != nil {
		return err
	}
	if err := c.sign(candidate.block); err != nil {
		return err
	}
	if err := c.append(candidate); err != nil {
		return err
	}
	c.pool.committed(number, batch, candidate.digests())
	c.subs.publish(candidate.head()) // before the answers: who has one may rely on it
	candidate.finish()
	return nil
}

// DeterministicStart is where the clock of a deterministic chain stands.
var DeterministicStart = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// timestamp is that of the block after parent: time goes on from block to block,
// as on a node, whatever the clock says.
func (c *Chain) timestamp(parent Head, now time.Time) int64 {
	step := int64(1)
	if c.cfg.Deterministic {
		step = 1000
	}
	return max(now.Add(c.cfg.Skew()).UnixMilli(), parent.Timestamp+step)
}

// newest is the head, also for the goroutine that makes blocks.
func (c *Chain) newest() (Head, error) {
	return read(c, func(v *view) (Head, error) { return v.head, nil })
}

// blockAfter is the block after parent without what its transactions add.
func (c *Chain) blockAfter(parent Head, timestamp int64, sealer int) *Block {
	return &Block{Header: Header{
		Number:    parent.Number + 1,
		Parent:    parent.Hash,
		Timestamp: timestamp,
		Sealer:    sealer,
		Sealers:   c.sealers,
	}}
}

// Candidate is a block that was executed on the newest one and is not on the
// chain yet.
type Candidate struct {
	block    *Block
	batch    []*pending
	receipts []*Receipt
	changes  []flatstate.Change
}

// Hash is the hash of the block.
func (x *Candidate) Hash() common.Hash { return x.block.Hash }

func (x *Candidate) head() Head {
	return Head{Number: x.block.Number, Hash: x.block.Hash, Timestamp: x.block.Timestamp}
}

func (x *Candidate) digests() []nonceDigest {
	digests := make([]nonceDigest, len(x.batch))
	for i, entry := range x.batch {
		digests[i] = entry.digest
	}
	return digests
}

// finish answers those who wait for the transactions of the block.
func (x *Candidate) finish() {
	for i, entry := range x.batch {
		entry.tx.BlockNumber, entry.tx.Index = x.block.Number, i
		entry.finish(Result{Transaction: entry.tx, Receipt: x.receipts[i]}, nil)
	}
}

// append writes a signed block and everything that follows from it to disk and
// shows it to readers.
func (c *Chain) append(x *Candidate) error {
	totals, err := read(c, func(v *view) (Totals, error) { return v.totals, nil })
	if err != nil {
		return err
	}
	changes := slices.Concat(x.changes, c.records(x.block, x.batch, x.receipts, x.digests(), totals))
	if c.undoing {
		undo, err := c.undo(x.block.Number, changes)
		if err != nil {
			return fmt.Errorf("block %d: %w", x.block.Number, err)
		}
		changes = append(changes, undo)
	}
	if err := c.ledger.write(changes); err != nil {
		return fmt.Errorf("block %d: %w", x.block.Number, err)
	}
	next, err := c.newView()
	if err != nil {
		return err
	}
	c.show(next)
	return nil
}

// execute runs the batch on the state of the newest block, until ctx ends, and
// fills in what the header says about it and its hash.
func (c *Chain) execute(ctx context.Context, block *Block, batch []*pending) (*Candidate, error) {
	w, err := newWorld(c.ledger, c.codes)
	if err != nil {
		return nil, err
	}
	settings := c.settings()
	block.Version = settings.Version
	x := newExecution(blockEnv{
		suite: c.cfg.Genesis.Suite, builtIns: c.builtIns, settings: settings, number: block.Number, time: block.Timestamp, getHash: blockHashes(c.ledger),
	}, w)
	defer x.close()
	defer context.AfterFunc(ctx, x.cancel)()

	var abis []flatstate.Change
	receipts := make([]*Receipt, len(batch))
	leaves := make([]common.Hash, len(batch))
	for i, entry := range batch {
		r := x.apply(entry.tx, i)
		if err := ctx.Err(); err != nil {
			return nil, err // it was broken off: the receipt is not what it should be
		}
		receipts[i], leaves[i] = r, r.Hash
		block.TxHashes = append(block.TxHashes, r.TxHash)
		block.GasUsed += r.GasUsed
		if r.ContractAddress != nil && entry.tx.ABI != "" {
			change, err := c.rememberABI(w.GetCodeHash(*r.ContractAddress), entry.tx.ABI)
			if err != nil {
				return nil, err
			}
			abis = append(change, abis...) // of two in one block the first one counts: it is written last
		}
	}
	changes, root, err := w.commit(x.rules, block.Number)
	if err != nil {
		return nil, fmt.Errorf("state of block %d: %w", block.Number, err)
	}
	block.TxsRoot = merkleRoot(x.env.suite, block.TxHashes)
	block.ReceiptsRoot = merkleRoot(x.env.suite, leaves)
	block.StateRoot = root
	block.Hash = block.computeHash(x.env.suite)
	return &Candidate{block: block, batch: batch, receipts: receipts, changes: append(changes, abis...)}, nil
}

// rememberABI stores the ABI for the code, unless the code has one.
func (c *Chain) rememberABI(codeHash common.Hash, text string) ([]flatstate.Change, error) {
	key := hashKey(keyABI, codeHash)
	old, err := c.ledger.Get(key)
	if err != nil || old != nil || codeHash == types.EmptyCodeHash || codeHash == (common.Hash{}) {
		return nil, err
	}
	return []flatstate.Change{{Key: key, Value: []byte(text)}}, nil
}

// sign sets the signatures of all keys that are held here.
func (c *Chain) sign(block *Block) error {
	for _, k := range c.keys {
		signature, err := k.key.SignBlock(block.Hash)
		if err != nil {
			return fmt.Errorf("block %d: signing: %w", block.Number, err)
		}
		block.Signatures = append(block.Signatures, Signature{SealerIndex: k.index, Signature: signature})
	}
	return nil
}

// records are the entries of the block itself.
func (c *Chain) records(block *Block, batch []*pending, receipts []*Receipt, digests []nonceDigest, totals Totals) []flatstate.Change {
	number := block.Number
	out := make([]flatstate.Change, 0, 3*len(batch)+6)
	put := func(key, value []byte) { out = append(out, flatstate.Change{Key: key, Value: value}) }
	for i, entry := range batch {
		put(placeKey(keyTransaction, number, i), encodeTransaction(entry.tx))
		put(placeKey(keyReceipt, number, i), encodeReceipt(receipts[i]))
		put(hashKey(keyPlace, entry.tx.Hash), encodeRecord(&storedPlace{Number: number, Index: uint64(i)}))
		if receipts[i].Status != StatusNone {
			totals.Failed++
		}
	}
	totals.Transactions += uint64(len(batch))
	put(numberKey(keyBlock, number), encodeBlock(block))
	put(numberKey(keyHash, number), block.Hash[:])
	put(hashKey(keyNumber, block.Hash), numberKey(keyNumber, number)[1:])
	put(numberKey(keyNonces, number), joinDigests(digests))
	put([]byte{keyHead}, encodeRecord(&storedHead{Number: number, Transactions: totals.Transactions, Failed: totals.Failed}))
	if window := uint64(c.cfg.BlockLimit); number > window {
		put(numberKey(keyNonces, number-window), nil)
	}
	return out
}
