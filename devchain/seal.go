package devchain

import (
	"context"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

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
	now := time.Now()
	tx, refused := readTransaction(raw, c.cfg.Genesis.ChainID, now.UnixMilli())
	if refused != nil {
		return nil, refused
	}
	if err := c.pool.precheck(tx, c.cfg.Genesis.GroupID); err != nil {
		return nil, err
	}
	var err error
	if tx.Sender, err = recoverSender(tx.Hash, tx.Signature); err != nil {
		return nil, refusal(StatusInvalidSignature)
	}
	return c.pool.add(tx, now)
}

// sealBlocks makes blocks until the chain stops. It is the only goroutine that
// writes to the ledger.
func (c *Chain) sealBlocks() {
	defer close(c.done)
	var last time.Time // when the last block was begun
	for {
		due, any := c.nextBlockAt(last)
		if !any {
			select {
			case <-c.pool.wake:
				continue
			case <-c.stopping:
				return
			}
		}
		if wait := time.Until(due); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-c.pool.wake: // perhaps the block is full now
				timer.Stop()
				continue
			case <-c.stopping:
				timer.Stop()
				return
			}
		}
		last = time.Now()
		batch := c.pool.cut(int(c.cfg.Genesis.TxCountLimit), last.Add(-c.cfg.TxExpiration))
		if len(batch) == 0 {
			continue
		}
		if err := c.sealBlock(batch, last); err != nil {
			c.fail(batch, err)
			return
		}
	}
}

// nextBlockAt is when the next block is due; false while nothing waits.
func (c *Chain) nextBlockAt(last time.Time) (time.Time, bool) {
	n, oldest := c.pool.waiting()
	if n == 0 {
		return time.Time{}, false
	}
	if c.cfg.MinSealTime < 0 || c.cfg.SealFull && uint64(n) >= c.cfg.Genesis.TxCountLimit {
		return time.Time{}, true
	}
	if last.After(oldest) {
		oldest = last
	}
	return oldest.Add(c.cfg.MinSealTime), true
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

// sealBlock executes a batch, writes the block and everything that follows from it
// to disk, shows it to readers and answers those who wait.
func (c *Chain) sealBlock(batch []*pending, now time.Time) error {
	v, err := c.look()
	if err != nil {
		return err
	}
	parent, totals := v.head, v.totals
	c.letGo(v)

	block := &Block{Header: Header{
		Version:   c.block0.Version,
		Number:    parent.Number + 1,
		Parent:    parent.Hash,
		Timestamp: max(now.UnixMilli(), parent.Timestamp),
		Sealers:   c.sealers,
	}}
	block.Sealer = c.keys[(block.Number/c.cfg.Genesis.LeaderPeriod)%uint64(len(c.keys))].index

	receipts, changes, err := c.execute(block, batch)
	if err != nil {
		return err
	}
	if err := c.sign(block); err != nil {
		return err
	}
	digests := make([]nonceDigest, len(batch))
	for i, entry := range batch {
		digests[i] = entry.digest
	}
	if err := c.ledger.write(append(changes, c.records(block, batch, receipts, digests, totals)...)); err != nil {
		return fmt.Errorf("block %d: %w", block.Number, err)
	}
	next, err := c.newView()
	if err != nil {
		return err
	}
	c.show(next)
	c.pool.committed(block.Number, batch, digests)
	for i, entry := range batch {
		entry.tx.BlockNumber, entry.tx.Index = block.Number, i
		entry.finish(Result{Transaction: entry.tx, Receipt: receipts[i]}, nil)
	}
	c.subs.publish(next.head)
	return nil
}

// execute runs the batch on the state of the newest block and fills in what the
// header says about it.
func (c *Chain) execute(block *Block, batch []*pending) ([]*Receipt, []flatstate.Change, error) {
	db := flatstate.New(c.ledger, c.codes)
	st, err := flatstate.NewStateDB(db)
	if err != nil {
		return nil, nil, err
	}
	env := c.rules
	env.number, env.time, env.getHash = block.Number, block.Timestamp, blockHashes(c.ledger)
	x := newExecution(env, st)
	defer x.close()
	defer context.AfterFunc(c.hard, x.evm.Cancel)()

	var abis []flatstate.Change
	receipts := make([]*Receipt, len(batch))
	leaves := make([]common.Hash, len(batch))
	for i, entry := range batch {
		r := x.apply(entry.tx, i)
		if err := c.hard.Err(); err != nil {
			return nil, nil, err // it was broken off: the receipt is not what it should be
		}
		receipts[i], leaves[i] = r, r.Hash
		block.TxHashes = append(block.TxHashes, r.TxHash)
		block.GasUsed += r.GasUsed
		if r.ContractAddress != nil && entry.tx.ABI != "" {
			change, err := c.rememberABI(st.GetCodeHash(*r.ContractAddress), entry.tx.ABI)
			if err != nil {
				return nil, nil, err
			}
			abis = append(change, abis...) // of two in one block the first one counts: it is written last
		}
	}
	root, err := st.Commit(x.rules, block.Number)
	if err != nil {
		return nil, nil, fmt.Errorf("state of block %d: %w", block.Number, err)
	}
	block.TxsRoot = merkleRoot(block.TxHashes)
	block.ReceiptsRoot = merkleRoot(leaves)
	block.StateRoot = root
	return receipts, append(db.Changes(), abis...), nil
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

// sign sets the hash and the signatures of all keys that are held here.
func (c *Chain) sign(block *Block) error {
	block.Hash = block.computeHash()
	for _, k := range c.keys {
		signature, err := crypto.Sign(block.Hash[:], k.key)
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
