package guard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

func TestStatTellsOfBreakersAndBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{Query: Policy{Retries: -1}})
		synctest.Wait()
		require.Equal(t, Stat{Query: ClassStat{Places: 4096}, Write: ClassStat{Places: 4096}, RetriesLeft: budgetFirst}, g.Stat(),
			"nothing was asked yet")

		c.Set("a:1", func(n *chaintest.Node) { n.Ask = failing("call", chain.Error{Kind: chain.KindNode}) })
		for range 5 {
			_, err := g.Call(t.Context(), chain.CallMsg{})
			require.True(t, chain.Is(err, chain.KindNode))
		}
		stat := g.Stat()
		require.Equal(t, []NodeStat{{Node: "a:1", Query: BreakerStat{State: BreakerOpen, OpenFor: time.Second}, Write: BreakerStat{State: BreakerClosed}}}, stat.Nodes)
		require.InDelta(t, budgetFirst+5*.2, stat.RetriesLeft, 1e-9, "each call pays in")

		time.Sleep(400 * time.Millisecond)
		require.Equal(t, 600*time.Millisecond, g.Stat().Nodes[0].Query.OpenFor)
		time.Sleep(600 * time.Millisecond)
		require.Equal(t, BreakerStat{State: BreakerHalfOpen}, g.Stat().Nodes[0].Query)

		c.Set("a:1", func(n *chaintest.Node) { n.Ask = nil })
		for range 3 {
			_, err := g.Call(t.Context(), chain.CallMsg{})
			require.NoError(t, err)
		}
		require.Equal(t, BreakerStat{State: BreakerClosed}, g.Stat().Nodes[0].Query)
	})
}

func TestStatCountsAttemptsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{Write: Policy{InFlight: 2}})
		synctest.Wait()
		release := make(chan struct{})
		c.Set("a:1", func(n *chaintest.Node) {
			n.Ask = func(_ context.Context, op string) error {
				if op == "send" {
					<-release
				}
				return nil
			}
		})
		done := make(chan error, 3)
		for range cap(done) {
			go func() {
				_, err := g.Send(t.Context(), chain.SignedTx{})
				done <- err
			}()
		}
		synctest.Wait()
		require.Equal(t, ClassStat{InFlight: 2, Places: 2}, g.Stat().Write, "the third one waits for a place")
		require.Zero(t, g.Stat().Query.InFlight)
		close(release)
		for range cap(done) {
			require.NoError(t, <-done)
		}
		require.Zero(t, g.Stat().Write.InFlight)
	})
}
