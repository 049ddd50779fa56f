package guard

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// heads sets the head of each node.
func heads(c *chaintest.Chain, of map[string]uint64) {
	for name, head := range of {
		c.Set(name, func(n *chaintest.Node) { n.Head = head })
	}
}

// sentAt sends transactions until one node took one.
func sentAt(t *testing.T, g *Guard, node string) {
	t.Helper()
	for i := range 1000 {
		receipt, err := g.Send(t.Context(), chain.SignedTx{Hash: common.BytesToHash([]byte{byte(i >> 8), byte(i), 1})})
		require.NoError(t, err)
		if receipt.StatusName == node {
			return
		}
	}
	t.Fatal("no transaction came to ", node)
}

// The node that was ahead of the others is lost for a while: the head stays where
// it was told to be.
func TestHeadDoesNotGoBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		head := func() chain.Head {
			t.Helper()
			h, err := g.Head(t.Context())
			require.NoError(t, err)
			return h
		}
		heads(c, map[string]uint64{"c:1": 101})
		require.Equal(t, uint64(101), head().Number)
		told := time.Now()
		c.Cut("c:1", chaintest.Refused)
		time.Sleep(floorFor)
		require.Equal(t, chain.Head{Number: 101, At: told}, head())
		time.Sleep(time.Nanosecond)
		require.Equal(t, uint64(100), head().Number, "a chain that was set back has a lower head")

		c.Set("b:1", func(n *chaintest.Node) { n.Receipts[common.Hash{1}] = 105 })
		for {
			if _, err := g.Receipt(t.Context(), common.Hash{1}); err == nil {
				break
			}
		}
		require.Equal(t, uint64(105), head().Number, "a receipt told of it")
	})
}

// Who was told of a block finds it, at whatever node.
func TestReadsFollowTheReceipt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		heads(c, map[string]uint64{"c:1": 101})
		spread := map[string]bool{}
		for range 200 {
			result, err := g.Call(t.Context(), chain.CallMsg{})
			require.NoError(t, err)
			spread[result.StatusName] = true
			if result.BlockNumber == 101 {
				break
			}
		}
		sentAt(t, g, "c:1")
		for range 200 {
			result, err := g.Call(t.Context(), chain.CallMsg{})
			require.NoError(t, err)
			require.Equal(t, uint64(101), result.BlockNumber)
			code, err := g.Code(t.Context(), common.Address{})
			require.NoError(t, err)
			require.Equal(t, "c:1", string(code))
		}
		heads(c, map[string]uint64{"a:1": 101, "b:1": 102})
		for range 200 {
			result, err := g.Call(t.Context(), chain.CallMsg{})
			require.NoError(t, err)
			spread[result.StatusName] = true
		}
		require.True(t, spread["a:1"] || spread["b:1"], "the others are asked again once they know it")
	})
}

// Each answer that tells of a block binds the reads after it.
func TestWhatRaisesTheFloor(t *testing.T) {
	t.Parallel()
	tx := common.HexToHash("0x12")
	for name, told := range map[string]func(context.Context, *Guard) error{
		"a receipt of a transaction": func(ctx context.Context, g *Guard) error {
			_, err := g.Send(ctx, chain.SignedTx{})
			return err
		},
		"a receipt that was looked for": func(ctx context.Context, g *Guard) error { _, err := g.Receipt(ctx, tx); return err },
		"a call":                        func(ctx context.Context, g *Guard) error { _, err := g.Call(ctx, chain.CallMsg{}); return err },
		"a block":                       func(ctx context.Context, g *Guard) error { _, err := g.Block(ctx, 200); return err },
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, _ := start(t, c, []string{"a:1"}, Config{})
			synctest.Wait()
			c.SetAll(func(n *chaintest.Node) { n.Head, n.Receipts[tx] = 200, 200 })
			require.NoError(t, told(t.Context(), g), name)
			require.Equal(t, uint64(200), g.floor.get(), name)
		})
	}
}

// A node that is behind is asked again while there is time; it is not held against
// it, and an old answer is never given.
func TestNodesThatAreBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, p := start(t, c, three, Config{RetryShare: 100, Query: Policy{Retries: 4}})
		synctest.Wait()
		heads(c, map[string]uint64{"c:1": 101})
		sentAt(t, g, "c:1")
		c.Cut("c:1", chaintest.Refused)
		synctest.Wait()
		require.False(t, p.Nodes()[2].Online)

		for name, read := range map[string]func() error{
			"a call":                func() error { _, err := g.Call(t.Context(), chain.CallMsg{}); return err },
			"code":                  func() error { return read1(t.Context(), g) },
			"a receipt that is not": func() error { _, err := g.Receipt(t.Context(), common.Hash{1}); return err },
			"a block that is not":   func() error { _, err := g.Block(t.Context(), 101); return err },
		} {
			err := read()
			require.True(t, chain.Is(err, chain.KindUnavailable), "%s: %v", name, err)
			require.ErrorIs(t, err, errBehind, name)
			require.ErrorContains(t, err, "is at block 100, and the answer must know block 101", name)
		}
		require.Zero(t, failures(g, "a:1", Query))
		require.Zero(t, failures(g, "b:1", Query))
		block, err := g.Block(t.Context(), 99)
		require.NoError(t, err, "what is there for ever is no older at a node that is behind")
		require.Equal(t, uint64(99), block.Number)

		// It catches up while the call is tried again.
		asked := c.CountAll("call")
		ask(c, func(_ context.Context, op string) error {
			if c.CountAll(op) == asked+3 {
				heads(c, map[string]uint64{"a:1": 101, "b:1": 101})
			}
			return nil
		})
		result, err := g.Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err)
		require.Equal(t, uint64(101), result.BlockNumber)
	})
}

// "There is none" of a node that learned of the block only after it had looked
// is not believed.
func TestNotFoundFromBeforeTheBlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		g.floor.raise(101)
		ask(c, func(context.Context, string) error {
			heads(c, map[string]uint64{"a:1": 101})
			return nil
		})
		_, err := g.Receipt(t.Context(), common.Hash{1})
		require.True(t, chain.Is(err, chain.KindNotFound), "%v", err)
		require.Equal(t, 2, c.CountAll("receipt"))
	})
}

// An answer without a block number is as new as its node was.
func TestAnswerWithoutABlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		g.floor.raise(100)
		c.SetAll(func(n *chaintest.Node) { n.Answer = func() chain.CallResult { return chain.CallResult{} } })
		_, err := g.Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err)
	})
}

func TestFloorIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f floor
		require.Zero(t, f.get())
		f.raise(100)
		time.Sleep(20 * time.Second)
		require.Equal(t, uint64(100), f.get())
		f.raise(90)
		require.Equal(t, uint64(100), f.get())
		f.raise(100) // told again
		time.Sleep(floorFor)
		require.Equal(t, uint64(100), f.get())
		time.Sleep(time.Nanosecond)
		require.Zero(t, f.get())
		f.raise(7) // of a chain that was set back
		require.Equal(t, uint64(7), f.get())
	})
}

// Whoever raises it at the same time, the highest stays.
func TestFloorAmongMany(t *testing.T) {
	t.Parallel()
	for range 500 {
		var f floor
		var wg sync.WaitGroup
		for block := range uint64(8) {
			wg.Go(func() {
				f.raise(block + 1)
				if f.get() < block+1 {
					t.Errorf("block %d was told, and the floor is %d", block+1, f.get())
				}
			})
		}
		wg.Wait()
		require.Equal(t, uint64(8), f.get())
	}
}
