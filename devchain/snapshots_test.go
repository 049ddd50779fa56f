package devchain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// entries are all entries of the ledger but those of the snapshots themselves.
func (c *testChain) entries() map[string]string {
	c.t.Helper()
	it, err := c.ledger.db.NewIter(nil)
	require.NoError(c.t, err)
	all := map[string]string{}
	for it.First(); it.Valid(); it.Next() {
		if kind := it.Key()[0]; kind != keySnapshot && kind != keyUndo {
			all[string(it.Key())] = string(it.Value())
		}
	}
	require.NoError(c.t, it.Close())
	return all
}

// undoable counts the blocks that can be undone.
func (c *testChain) undoable() (blocks int) {
	c.t.Helper()
	now := snapshot{c.ledger.db.NewSnapshot()}
	require.NoError(c.t, now.scan([]byte{keyUndo}, func([]byte) error { blocks++; return nil }))
	require.NoError(c.t, now.Close())
	return blocks
}

func (c *testChain) snapshot(name string) Snapshot {
	c.t.Helper()
	s, err := c.TakeSnapshot(c.t.Context(), name)
	require.NoError(c.t, err)
	return s
}

func (c *testChain) revertTo(name string) Head {
	c.t.Helper()
	head, err := c.Revert(c.t.Context(), name)
	require.NoError(c.t, err)
	require.Equal(c.t, head, c.Head())
	return head
}

func TestRevertRestoresEveryRead(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) { cfg.BlockLimit = 600 })
	store, count := c.deploy(storeCode), c.deploy(counterCode)
	c.must(c.tx(hexOf(store), word(7)))
	c.must(c.tx(hexOf(count), word(1)))
	before, head, totals := c.entries(), c.Head(), c.Totals()
	s := c.snapshot("first")
	require.Equal(t, Snapshot{Name: "first", Number: head.Number, Hash: head.Hash, Taken: s.Taken}, s)

	deploy := *c.tx("", initCode(loadCode))
	deploy.ABI = `[{"type":"fallback"}]`
	made := c.must(signed(c.key, deploy))
	call := c.tx(hexOf(count), word(1))
	gone := c.must(call)
	c.must(c.tx(hexOf(store), word(8)))
	failed := c.must(c.tx(hexOf(c.deploy(revertCode)), word(1)))
	require.Equal(t, StatusRevert, failed.Status)
	require.Equal(t, 10000, c.refused(call))
	require.EqualValues(t, 2, c.count(count))
	after := c.entries()
	block, err := c.BlockByNumber(gone.BlockNumber)
	require.NoError(t, err)

	require.Equal(t, head, c.revertTo("first"))
	require.Equal(t, before, c.entries())
	require.Zero(t, c.undoable())
	require.Equal(t, totals, c.Totals())
	require.EqualValues(t, 1, c.count(count))
	for name, read := range map[string]func() error{
		"transaction":   func() error { _, err := c.Transaction(call.Hash); return err },
		"receipt":       func() error { _, err := c.Receipt(call.Hash); return err },
		"block":         func() error { _, err := c.BlockByNumber(head.Number + 1); return err },
		"block by hash": func() error { _, err := c.BlockByHash(block.Hash); return err },
		"hash":          func() error { _, err := c.BlockHash(head.Number + 1); return err },
		"receipts":      func() error { _, err := c.Receipts(head.Number + 1); return err },
		"proof":         func() error { _, err := c.ReceiptProof(call.Hash); return err },
	} {
		require.ErrorIs(t, read(), ErrNotFound, name)
	}
	code, err := c.Code(*made.ContractAddress)
	require.NoError(t, err)
	require.Nil(t, code)
	abi, err := c.ABI(*made.ContractAddress)
	require.NoError(t, err)
	require.Empty(t, abi)

	again := c.must(call)
	require.Equal(t, head.Number+1, again.BlockNumber, "the same bytes are executed once more")
	require.Equal(t, StatusNone, again.Status)
	require.EqualValues(t, 2, c.count(count))
	require.Equal(t, 10000, c.refused(call))

	require.Equal(t, head, c.revertTo("first"), "a snapshot serves more than once")
	require.Equal(t, before, c.entries())
	require.NotEqual(t, before, after)
}

// The nonces of a window that has moved on are those of the older window again.
func TestRevertRestoresTheWindow(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) { cfg.BlockLimit = 5 })
	tx := func() *Transaction {
		tx := *c.tx(hello, nil)
		tx.BlockLimit = int64(c.Head().Number) + 5
		return signed(c.key, tx)
	}
	var old []*Transaction
	for range 6 {
		old = append(old, tx())
		c.must(old[len(old)-1])
	}
	before := c.entries()
	c.snapshot("here")
	_, err := c.MineBlocks(t.Context(), 20)
	require.NoError(t, err)
	require.EqualValues(t, 26, c.Head().Number)
	require.Equal(t, 10001, c.refused(old[5]), "its nonce is forgotten, its block limit has passed")
	c.revertTo("here")
	require.Equal(t, before, c.entries())
	require.Equal(t, 10000, c.refused(old[5]), "its nonce is known again")
	late := tx()
	c.must(late)
}

func TestSnapshotsSurviveARestart(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	count := c.deploy(counterCode)
	c.snapshot("a")
	before, head := c.entries(), c.Head()
	c.must(c.tx(hexOf(count), word(1)))
	c.snapshot("b")
	c.must(c.tx(hexOf(count), word(1)))
	saved := c.Snapshots()
	require.NoError(t, c.Close())

	c = startTestChain(t, c.cfg)
	require.Equal(t, saved, c.Snapshots())
	c.nonce.Store(100)
	c.must(c.tx(hexOf(count), word(1)))
	require.Equal(t, head, c.revertTo("a"))
	require.Equal(t, before, c.entries())
	require.Len(t, c.Snapshots(), 1, "the younger one is gone")
	_, err := c.Revert(t.Context(), "b")
	require.ErrorIs(t, err, ErrNotFound)
	require.NoError(t, c.Close())
	c = startTestChain(t, c.cfg)
	require.Len(t, c.Snapshots(), 1)
	require.Equal(t, head, c.Head())
}

func TestManySnapshots(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	ctx := t.Context()
	require.Equal(t, "1", c.snapshot("").Name)
	c.snapshot("3")
	require.Equal(t, "4", c.snapshot("").Name, "3 is taken")
	for name, want := range map[string]error{
		"3": ErrSnapshotExists, "a/b": ErrSnapshotName, "Ä": ErrSnapshotName,
		fmt.Sprintf("%065d", 1): ErrSnapshotName,
	} {
		_, err := c.TakeSnapshot(ctx, name)
		require.ErrorIs(t, err, want)
	}
	_, err := c.Revert(ctx, "none")
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorIs(t, c.DeleteSnapshot(ctx, "none"), ErrNotFound)

	c.must(c.tx(hello, nil))
	c.snapshot("young")
	c.must(c.tx(hello, nil))
	require.Equal(t, 2, c.undoable())
	for _, name := range []string{"1", "3", "4"} {
		require.NoError(t, c.DeleteSnapshot(ctx, name))
	}
	require.Equal(t, 1, c.undoable(), "nobody can go back before block 1 any more")
	c.must(c.tx(hello, nil))
	require.EqualValues(t, 1, c.revertTo("young").Number)
	require.NoError(t, c.DeleteSnapshot(ctx, "young"))
	c.must(c.tx(hello, nil))
	require.Zero(t, c.undoable(), "without a snapshot nothing is kept")
	for range maxSnapshots {
		c.snapshot("")
	}
	_, err = c.TakeSnapshot(ctx, "")
	require.ErrorIs(t, err, ErrSnapshots)
	c.must(c.tx(hello, nil)) // none of the refusals has ended the chain
}

func TestRevertDropsWhatWaits(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) { cfg.Manual = true })
	c.snapshot("s")
	tx := c.tx(hello, nil)
	dropped := make(chan Result, 1)
	go func() {
		result, err := c.send(tx)
		if err == nil {
			dropped <- result
		}
		close(dropped)
	}()
	require.Eventually(t, func() bool { return c.PendingCount() == 1 }, 10*time.Second, time.Millisecond)
	c.revertTo("s")
	require.True(t, (<-dropped).Dropped)
	require.Zero(t, c.PendingCount())
	head, err := c.Mine(t.Context())
	require.NoError(t, err)
	require.Zero(t, head.Number)
	require.NoError(t, c.SetSealing(t.Context(), true))
	c.must(tx)
}

// Whatever is sent and read while the ledger goes back and forth: what was
// answered last is there, and blocks and totals agree.
func TestRevertUnderLoad(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	count := c.deploy(counterCode)
	c.snapshot("s")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				result, err := c.SendTransaction(ctx, encodeTx(c.tx(hexOf(count), word(1))))
				var refused *Error
				if err != nil && !errors.As(err, &refused) || err == nil && !result.Dropped && result.Receipt.Status != StatusNone {
					t.Errorf("%v %v", result, err)
					return
				}
				c.count(count)
			}
		})
	}
	for range 30 {
		for c.Head().Number < 4 {
			require.NoError(t, ctx.Err())
			time.Sleep(time.Millisecond)
		}
		head := c.Head()
		_, err := c.Revert(ctx, "s")
		require.NoError(t, err)
		require.GreaterOrEqual(t, head.Number, uint64(4))
	}
	close(stop)
	load.Wait()
	c.requireWhole(count)
	c.revertTo("s")
	c.requireWhole(count)
	require.Zero(t, c.count(count))
}

func TestACrashInARevertLeavesWholeBlocks(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	c := newTestChain(t, func(cfg *Config) { cfg.fs = fs })
	count := c.deploy(counterCode)
	c.snapshot("s")
	before, head := c.entries(), c.Head()
	for range 5 {
		c.must(c.tx(hexOf(count), word(1)))
	}
	// As far as two of the five blocks, and these safely on disk.
	for n := head.Number + 5; n > head.Number+3; n-- {
		changes, err := c.takeBack(n)
		require.NoError(t, err)
		require.NoError(t, c.ledger.write(changes))
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	require.NoError(t, c.Close())

	cfg := c.cfg
	cfg.fs = crashed
	c = startTestChain(t, cfg)
	require.Equal(t, head.Number+3, c.Head().Number)
	c.requireWhole(count)
	require.Equal(t, head, c.revertTo("s"))
	require.Equal(t, before, c.entries())
}

func TestSubscriptionsTellOfReverts(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	c.must(c.tx(hello, nil))
	c.snapshot("one")
	c.must(c.tx(hello, nil))
	c.snapshot("two")
	reader, sleeper := c.Subscribe(), c.Subscribe()
	defer reader.Close()
	defer sleeper.Close()
	c.must(c.tx(hello, nil))
	require.EqualValues(t, 3, (<-reader.C()).Number)
	head := c.revertTo("two")
	require.Equal(t, Notice{Head: head, Reverted: true, Kept: 2}, <-reader.C())
	head = c.revertTo("one")
	require.Equal(t, Notice{Head: head, Reverted: true, Kept: 1}, <-reader.C())
	for range 5 {
		c.must(c.tx(hello, nil))
	}
	notice := <-sleeper.C()
	require.Equal(t, Notice{Head: c.Head(), Reverted: true, Kept: 1}, notice, "all in one")
	require.EqualValues(t, 6, notice.Number)
}

func TestMineBlocks(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) { cfg.Manual = true })
	head, err := c.MineBlocks(t.Context(), 3)
	require.NoError(t, err)
	require.EqualValues(t, 3, head.Number)
	block, err := c.BlockByNumber(3)
	require.NoError(t, err)
	require.Empty(t, block.TxHashes)
	require.Equal(t, common.Hash{}, block.TxsRoot)
	require.Equal(t, block.Hash, block.computeHash(suite.Standard))
	require.Len(t, block.Signatures, 1)
	receipts, err := c.Receipts(3)
	require.NoError(t, err)
	require.Empty(t, receipts)
	require.NoError(t, c.Stop(t.Context()))
	_, err = c.MineBlocks(t.Context(), 1)
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, c.SetSealing(t.Context(), true), ErrStopped)
	_, err = c.TakeSnapshot(t.Context(), "")
	require.ErrorIs(t, err, ErrStopped)
}

func TestOrdersBeforeTheStart(t *testing.T) {
	t.Parallel()
	chain, err := Open(testConfig(t))
	require.NoError(t, err)
	_, err = chain.Mine(t.Context())
	require.ErrorIs(t, err, ErrStopped)
	require.NoError(t, chain.Close())
}

func TestSealingOnAndOff(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	require.True(t, c.Sealing())
	require.NoError(t, c.SetSealing(t.Context(), false))
	require.False(t, c.Sealing())
	done := make(chan error, 1)
	go func() {
		_, err := c.send(c.tx(hello, nil))
		done <- err
	}()
	require.Eventually(t, func() bool { return c.PendingCount() == 1 }, 10*time.Second, time.Millisecond)
	select {
	case err := <-done:
		require.Fail(t, "it was sealed", "%v", err)
	case <-time.After(50 * time.Millisecond): // long for a chain that makes blocks at once
	}
	require.NoError(t, c.SetSealing(t.Context(), true))
	require.NoError(t, <-done)
}

func TestTimeGoesOnFromBlockToBlock(t *testing.T) {
	t.Parallel()
	now, skew := time.UnixMilli(1_700_000_000_000), time.Duration(0)
	c := newTestChain(t, func(cfg *Config) {
		cfg.Manual = true
		cfg.Clock = func() time.Time { return now }
		cfg.Skew = func() time.Duration { return skew }
	})
	next := func() int64 {
		head, err := c.MineBlocks(t.Context(), 1)
		require.NoError(t, err)
		return head.Timestamp - now.UnixMilli()
	}
	require.EqualValues(t, 0, next())
	require.EqualValues(t, 1, next(), "never the same twice (protocol §6.5)")
	skew = time.Hour
	require.EqualValues(t, 3_600_000, next())
	skew = -time.Hour
	require.EqualValues(t, 3_600_001, next(), "never back")
}

func TestDeterministicRunsAgree(t *testing.T) {
	t.Parallel()
	run := func() []Head {
		c := newTestChain(t, func(cfg *Config) { cfg.Deterministic, cfg.MinSealTime = true, time.Hour })
		var heads []Head
		send := func(to string, input []byte) *Receipt {
			r := c.must(signed(c.key, Transaction{To: to, Input: input, Nonce: fmt.Sprint(len(heads)), BlockLimit: 400}))
			heads = append(heads, c.Head())
			tx, err := c.Transaction(r.TxHash)
			require.NoError(t, err)
			require.Equal(t, DeterministicStart.UnixMilli(), tx.ImportTime)
			return r
		}
		at := hexOf(*send("", initCode(storeCode)).ContractAddress)
		for i := range uint64(5) {
			send(at, word(i))
		}
		require.NoError(t, c.SetSealing(t.Context(), false))
		_, err := c.MineBlocks(t.Context(), 2)
		require.NoError(t, err)
		return append(heads, c.Head())
	}
	first, second := run(), run()
	require.Equal(t, first, second)
	require.Len(t, first, 7)
	for i, head := range first[:6] {
		require.EqualValues(t, i+1, head.Number, "a block for each")
		require.Equal(t, DeterministicStart.Add(time.Duration(i)*time.Second).UnixMilli(), head.Timestamp)
	}
}

func TestRevertRestoresAccountNonces(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	c.land(c.simple(0))
	c.snapshot("s")
	raw := c.simple(1)
	c.land(raw)
	c.land(c.simple(2))
	require.Equal(t, nonceFail(), c.refusedRaw(raw))
	c.revertTo("s")
	pending, err := c.PendingNonce(addressOf(c.key))
	require.NoError(t, err)
	require.EqualValues(t, 1, pending)
	c.land(raw)
}
