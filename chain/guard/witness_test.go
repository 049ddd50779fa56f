package guard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

func TestWitnessesAreDifferentNodes(t *testing.T) {
	t.Parallel()
	tx := common.HexToHash("0x1234")
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		c.Set("a:1", func(n *chaintest.Node) { n.Receipts[tx] = 7 })
		c.Set("b:1", func(n *chaintest.Node) { n.Receipts[tx] = 8 })
		g, _ := startCached(t, c, three, Config{})
		synctest.Wait()
		require.Equal(t, 3, g.WitnessCount())
		for range 5 { // nothing is kept
			answers, err := g.AskReceipt(t.Context(), tx, 0, 3)
			require.NoError(t, err)
			said := map[string]uint64{}
			for _, a := range answers {
				require.Equal(t, a.Node != "c:1", a.Found)
				said[a.Node] = a.Answer.BlockNumber
			}
			require.Equal(t, map[string]uint64{"a:1": 7, "b:1": 8, "c:1": 0}, said)
		}
		require.Equal(t, 15, c.CountAll("receipt"))

		blocks, err := g.AskBlock(t.Context(), 50, 2)
		require.NoError(t, err)
		require.Len(t, blocks, 2)
		require.NotEqual(t, blocks[0].Node, blocks[1].Node)
		for _, b := range blocks {
			require.True(t, b.Found)
			require.EqualValues(t, 50, b.Answer.Number)
		}
		_, err = g.AskReceipt(t.Context(), tx, 0, 4)
		require.True(t, chain.Is(err, chain.KindUnavailable), "there are not four")
	})
}

func TestAWitnessThatFailsIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		c.Set("b:1", func(n *chaintest.Node) { n.Ask = failing("receipt", chain.Error{Kind: chain.KindNode}) })
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		for range 3 {
			answers, err := g.AskReceipt(t.Context(), common.Hash{1}, 0, 2)
			require.NoError(t, err)
			require.Len(t, answers, 2)
			for _, a := range answers {
				require.NotEqual(t, "b:1", a.Node)
				require.False(t, a.Found)
			}
		}
		answers, err := g.AskReceipt(t.Context(), common.Hash{1}, 0, 3)
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.Len(t, answers, 2, "what there is")
	})
}

// A node that has not heard of the block cannot know the receipt: it says nothing.
func TestAWitnessMustKnowTheBlock(t *testing.T) {
	t.Parallel()
	tx := common.HexToHash("0x1234")
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		c.Set("a:1", func(n *chaintest.Node) { n.Head = 90 })
		c.Set("b:1", func(n *chaintest.Node) { n.Receipts[tx] = 95 })
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		answers, err := g.AskReceipt(t.Context(), tx, 95, 2)
		require.NoError(t, err)
		require.Len(t, answers, 2)
		for _, a := range answers {
			require.NotEqual(t, "a:1", a.Node)
		}
		_, err = g.AskReceipt(t.Context(), tx, 95, 3)
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
		require.ErrorContains(t, err, "a:1")
		_, err = g.AskBlock(t.Context(), 95, 3)
		require.True(t, chain.Is(err, chain.KindUnavailable), "%v", err)
	})
}

func TestWitnessesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1", "b:1")
		c.SetAll(func(n *chaintest.Node) { n.Ask = onCalls(chaintest.Hang) })
		g, _ := start(t, c, []string{"a:1", "b:1"}, Config{})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := g.AskReceipt(ctx, common.Hash{1}, 0, 2)
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		require.Equal(t, time.Second, time.Since(began))
	})
}
