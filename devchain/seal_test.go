package devchain

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// inMemory keeps the ledger in memory, so that time stands still but for the
// chain's own waits.
func inMemory(cfg *Config) { cfg.fs = vfs.NewMem() }

// sendAll sends transactions at the same moment and gives their receipts.
func (c *testChain) sendAll(txs []*Transaction) []*Receipt {
	receipts := make([]*Receipt, len(txs))
	var all sync.WaitGroup
	for i, tx := range txs {
		all.Go(func() {
			result, err := c.send(tx)
			if err == nil {
				receipts[i] = result.Receipt
			}
		})
	}
	all.Wait()
	for i, r := range receipts {
		require.NotNil(c.t, r, "transaction %d", i)
	}
	return receipts
}

func (c *testChain) txs(n int) []*Transaction {
	txs := make([]*Transaction, n)
	for i := range txs {
		txs[i] = c.tx(hello, nil)
	}
	return txs
}

func TestSealingTimes(t *testing.T) {
	const wait = 500 * time.Millisecond
	for name, tc := range map[string]struct {
		full bool
		n    int
		want time.Duration // until all are in blocks of at most 4
	}{
		"a lone transaction waits for company":  {n: 1, want: wait},
		"company shares its block":              {n: 4, want: wait},
		"what is left over takes the next time": {n: 9, want: 3 * wait},
		"a full block may be made at once":      {n: 8, full: true, want: 0},
		"and what is not full waits":            {n: 9, full: true, want: wait},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newTestChain(t, inMemory, func(cfg *Config) {
					cfg.MinSealTime, cfg.SealFull, cfg.Genesis.TxCountLimit = wait, tc.full, 4
				})
				defer c.Close()
				for range 2 { // the second time the chain is not fresh
					before := c.Head().Number
					start := time.Now()
					receipts := c.sendAll(c.txs(tc.n))
					require.Equal(t, tc.want, time.Since(start))
					require.EqualValues(t, (tc.n+3)/4, c.Head().Number-before)
					perBlock := map[uint64]int{}
					for _, r := range receipts {
						perBlock[r.BlockNumber]++
					}
					for number, n := range perBlock {
						require.LessOrEqual(t, n, 4, "block %d", number)
					}
					time.Sleep(10 * wait) // nobody sends
					require.EqualValues(t, (tc.n+3)/4, c.Head().Number-before, "blocks are made only when transactions wait")
				}
			})
		})
	}
}

// Two blocks are never closer than the least time, whenever transactions arrive.
func TestBlocksKeepTheirDistance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestChain(t, inMemory, func(cfg *Config) { cfg.MinSealTime = 500 * time.Millisecond })
		defer c.Close()
		var all sync.WaitGroup
		for i, tx := range c.txs(40) {
			all.Go(func() {
				time.Sleep(time.Duration(i*97) * time.Millisecond)
				start := time.Now()
				_, err := c.send(tx)
				require.NoError(t, err)
				require.LessOrEqual(t, time.Since(start), 500*time.Millisecond)
			})
		}
		all.Wait()
		for n := uint64(2); n <= c.Head().Number; n++ {
			block, err := c.BlockByNumber(n)
			require.NoError(t, err)
			before, err := c.BlockByNumber(n - 1)
			require.NoError(t, err)
			require.GreaterOrEqual(t, block.Timestamp-before.Timestamp, int64(500), "block %d", n)
		}
	})
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	reader, sleeper := c.Subscribe(), c.Subscribe()
	for n := uint64(1); n <= 5; n++ {
		r := c.must(c.tx(hello, nil))
		require.Equal(t, n, r.BlockNumber)
		head := <-reader.C()
		require.Equal(t, n, head.Number)
		hash, err := c.BlockHash(n)
		require.NoError(t, err)
		require.Equal(t, hash, head.Hash)
	}
	require.EqualValues(t, 5, (<-sleeper.C()).Number, "a slow reader gets the newest")
	reader.Close()
	reader.Close()
	_, open := <-reader.C()
	require.False(t, open)
	c.must(c.tx(hello, nil))
	require.NoError(t, c.Close())
	require.EqualValues(t, 6, (<-sleeper.C()).Number)
	_, open = <-sleeper.C()
	require.False(t, open, "the end of the chain ends subscriptions")
	late := c.Subscribe()
	_, open = <-late.C()
	require.False(t, open)
}

func TestBlocksOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stamp := time.UnixMilli(1_700_000_000_123)
		c := newTestChain(t, inMemory, func(cfg *Config) {
			cfg.Manual, cfg.Genesis.TxCountLimit = true, 2
			cfg.Clock = func() time.Time { return stamp }
		})
		defer c.Close()
		mine := func() uint64 {
			head, err := c.Mine(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.Head(), head)
			return head.Number
		}
		require.Zero(t, mine(), "no block without a transaction")

		sent := make(chan []*Receipt)
		go func() { sent <- c.sendAll(c.txs(3)) }()
		synctest.Wait()
		time.Sleep(10 * DefaultMinSealTime)
		require.Zero(t, c.Head().Number, "nothing is sealed unasked")
		require.EqualValues(t, 1, mine())
		require.EqualValues(t, 2, mine(), "what did not fit into the first block")
		require.Len(t, <-sent, 3)
		block, err := c.BlockByNumber(1)
		require.NoError(t, err)
		require.Len(t, block.TxHashes, 2)
		require.Equal(t, stamp.UnixMilli(), block.Timestamp)
		tx, err := c.Transaction(block.TxHashes[0])
		require.NoError(t, err)
		require.Equal(t, stamp.UnixMilli(), tx.ImportTime)

		require.NoError(t, c.Stop(t.Context()))
		_, err = c.Mine(t.Context())
		require.ErrorIs(t, err, ErrStopped)
	})
}
