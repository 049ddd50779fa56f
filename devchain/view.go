package devchain

import (
	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/devchain/system"
	"github.com/bcosgate/bcosgate/devchain/tables"
)

// view is the ledger up to one committed block, with the state after it. Each
// read holds one; it is let go when the chain has a newer one and no reader is
// left. So reads wait for nobody and see nothing half written.
type view struct {
	snapshot
	head     Head
	totals   Totals
	settings *system.Config // in force in the next block
	reading  *system.Config // in force in reads

	holders int // readers, and the chain while it is the newest; guarded by Chain.mu
}

// newView is the view of what is committed now.
func (c *Chain) newView() (*view, error) {
	v := &view{snapshot: snapshot{c.ledger.db.NewSnapshot()}, holders: 1}
	if err := c.readHead(v); err != nil {
		_ = v.Snapshot.Close()
		return nil, err
	}
	return v, nil
}

func (c *Chain) readHead(v *view) error {
	data, err := v.Get([]byte{keyHead})
	if err != nil {
		return err
	}
	var head storedHead
	if err := decodeRecord(data, &head); err != nil {
		return err
	}
	block, err := c.readBlock(v, head.Number)
	if err != nil {
		return err
	}
	v.head = Head{Number: block.Number, Hash: block.Hash, Timestamp: block.Timestamp}
	rows := tables.New(v)
	v.settings = system.ReadConfig(rows, head.Number+1)
	v.reading = readingConfig(rows, head.Number, v.settings)
	if err := rows.Err(); err != nil {
		return err
	}
	c.inForce.Store(v.settings)
	v.totals = Totals{BlockNumber: head.Number, Transactions: head.Transactions, Failed: head.Failed}
	return nil
}

// readingConfig is the configuration of reads on a block. What the block itself
// has set counts only from the next one on, and the value before it is gone: a
// node falls back to its defaults then, as here, but for the gas limit, whose
// default of 0 would let every read fail.
func readingConfig(rows *tables.Tables, block uint64, next *system.Config) *system.Config {
	if next.Newest <= block {
		return next // the block has set nothing
	}
	c := system.ReadConfig(rows, block)
	if c.GasLimit == 0 {
		c.GasLimit = next.GasLimit
	}
	return c
}

// look gives the newest view; the caller must let it go.
func (c *Chain) look() (*view, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.view == nil {
		return nil, ErrStopped
	}
	c.view.holders++
	c.readers.Add(1)
	return c.view, nil
}

// letGo ends what look began.
func (c *Chain) letGo(v *view) {
	c.drop(v)
	c.readers.Done()
}

// show makes v the newest view.
func (c *Chain) show(v *view) {
	c.mu.Lock()
	old := c.view
	c.view = v
	c.mu.Unlock()
	c.drop(old)
}

func (c *Chain) drop(v *view) {
	c.mu.Lock()
	v.holders--
	last := v.holders == 0
	c.mu.Unlock()
	if last {
		if err := v.Snapshot.Close(); err != nil {
			c.logger.Error("a snapshot of the ledger could not be closed", "error", err)
		}
	}
}

// getter reads entries: a view, or the ledger for the sealer.
type getter interface {
	Get(key []byte) ([]byte, error)
}

// hashOf is the hash of block number; the zero hash when there is none.
func hashOf(from getter, number uint64) (common.Hash, error) {
	data, err := from.Get(numberKey(keyHash, number))
	return common.BytesToHash(data), err
}

// blockHashes is hashOf for the BLOCKHASH instruction; a failure of the ledger
// reads as zero there and shows at the next read.
func blockHashes(from getter) func(uint64) common.Hash {
	return func(number uint64) common.Hash {
		hash, err := hashOf(from, number)
		if err != nil {
			return common.Hash{}
		}
		return hash
	}
}
