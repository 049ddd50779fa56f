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

// The node that had the bytes before is asked first; when it provably got nothing
// this time another one is, which then has them.
func TestUnsentResendGoesElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		tx := chain.SignedTx{Hash: common.MaxHash}
		receipt, err := g.Send(t.Context(), tx)
		require.NoError(t, err)
		first := receipt.StatusName
		c.Set(first, func(n *chaintest.Node) {
			n.Ask = failing("send", chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo})
		})
		ctx, log := chain.WithCallLog(t.Context())
		receipt, err = g.Send(ctx, tx)
		require.NoError(t, err)
		second := receipt.StatusName
		require.NotEqual(t, first, second)
		attempts := log.Attempts()
		require.Len(t, attempts, 2)
		require.Equal(t, []string{first, second}, []string{attempts[0].Node, attempts[1].Node})
		c.Set(first, func(n *chaintest.Node) { n.Ask = nil })
		receipt, err = g.Send(t.Context(), tx)
		require.NoError(t, err)
		require.Equal(t, second, receipt.StatusName)
	})
}

// A write whose fate is open is given back to its owner, who looks for its hash.
func TestWriteOfOpenFateIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{Write: Policy{Retries: 5}})
		synctest.Wait()
		hang(c)
		began := time.Now()
		_, err := g.Send(t.Context(), chain.SignedTx{Hash: common.MaxHash})
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		require.False(t, chain.Unsent(err))
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, 1, c.CountAll("send"))
	})
}

// Nothing is sent for a caller who has gone, whatever the connection would do.
func TestNothingIsSentForWhoHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		for kind, ctx := range map[chain.Kind]context.Context{chain.KindCanceled: gone, chain.KindTimeout: late} {
			_, err := g.Send(ctx, chain.SignedTx{Hash: common.MaxHash})
			require.True(t, chain.Is(err, kind), "%v", err)
			require.True(t, chain.Unsent(err))
			require.True(t, chain.Is(read1(ctx, g), kind))
		}
		require.Zero(t, c.CountAll("send"))
		require.Zero(t, c.CountAll("code"))
		for _, name := range three {
			require.Zero(t, failures(g, name, Query))
			require.Zero(t, failures(g, name, Write))
		}
	})
}

func TestSameBytesGoToTheSameNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		for i := range 20 {
			tx := chain.SignedTx{Hash: common.BytesToHash([]byte{byte(i + 1)})}
			receipt, err := g.Send(t.Context(), tx)
			require.NoError(t, err)
			first := receipt.StatusName
			c.Set(first, func(n *chaintest.Node) { n.Head = 50 }) // even when it has fallen behind
			for range 3 {
				receipt, err = g.Send(t.Context(), tx)
				require.NoError(t, err)
				require.Equal(t, first, receipt.StatusName)
			}
			c.Set(first, func(n *chaintest.Node) { n.Head = 100 })
		}
		tx := chain.SignedTx{Hash: common.MaxHash}
		receipt, err := g.Send(t.Context(), tx)
		require.NoError(t, err)
		first := receipt.StatusName
		c.Cut(first, chaintest.Refused)
		synctest.Wait()
		receipt, err = g.Send(t.Context(), tx)
		require.NoError(t, err)
		require.NotEqual(t, first, receipt.StatusName, "it is offline")
	})
}

func TestAffinityIsBounded(t *testing.T) {
	t.Parallel()
	var a affinity
	hash := func(i int) common.Hash { return common.BytesToHash([]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}) }
	for i := range 5 * affinityLen {
		a.remember(hash(i), "n")
		require.LessOrEqual(t, len(a.young)+len(a.old), 2*affinityLen)
	}
	require.Empty(t, a.node(hash(0)))
	for i := 4 * affinityLen; i < 5*affinityLen; i++ {
		require.Equal(t, "n", a.node(hash(i)))
	}
}
