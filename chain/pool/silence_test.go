package pool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/chaintest"
)

func leaseOn(t *testing.T, p *Pool, node string) Lease {
	t.Helper()
	n, err := p.Choose(Want{Node: node})
	require.NoError(t, err)
	l, err := n.Lease(t.Context(), time.Second, false)
	require.NoError(t, err)
	return l
}

// A node that was quick and falls silent (its connection is half-open) must not
// collect requests until it looks as busy as others are slow: what it owes an
// answer for tells how slow it is now.
func TestSilentNodeCollectsNoRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const step, rounds = 10 * time.Millisecond, 100
		slow := Outcome{Result: Answered, Latency: 100 * time.Millisecond}
		c := chaintest.New("quick:1", "slow:1")
		p := startPool(t, c, []string{"quick:1", "slow:1"})
		synctest.Wait()
		for range 64 { // so that it is known to be slow
			l := leaseOn(t, p, "slow:1")
			l.Release(slow)
		}
		var owed []Lease
		for range rounds {
			n, err := p.Choose(Want{})
			require.NoError(t, err)
			l, err := n.Lease(t.Context(), time.Second, false)
			require.NoError(t, err)
			l.AtOnce(nil)
			if n.Name() == "quick:1" {
				owed = append(owed, l)
			} else {
				l.Release(slow)
			}
			time.Sleep(step)
		}
		require.NotEmpty(t, owed)
		require.Less(t, len(owed), 10)

		for i, l := range owed {
			if i == 0 {
				l.Release(Outcome{Result: Answered, Latency: time.Millisecond})
			} else {
				l.Release(Outcome{}) // given up
			}
		}
		n, err := p.Choose(Want{})
		require.NoError(t, err)
		require.Equal(t, "quick:1", n.Name(), "it owes nothing any more")
	})
}

// Writes are answered when their block is there: that says nothing of the node.
func TestWaitForABlockIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("quick:1", "slow:1")
		p := startPool(t, c, []string{"quick:1", "slow:1"})
		synctest.Wait()
		for range 64 {
			l := leaseOn(t, p, "slow:1")
			l.Release(Outcome{Result: Answered, Latency: 100 * time.Millisecond})
		}
		write := leaseOn(t, p, "quick:1")
		time.Sleep(time.Second)
		n, err := p.Choose(Want{})
		require.NoError(t, err)
		require.Equal(t, "quick:1", n.Name())
		write.Release(Outcome{Result: Answered})
	})
}

// Nodes that are behind or slow are asked before one that has fallen silent.
func TestSilentNodeIsAskedAfterExcludedOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("silent:1", "lagging:1")
		p := startPool(t, c, []string{"silent:1", "lagging:1"})
		synctest.Wait()
		lagging, err := p.Choose(Want{Node: "lagging:1"})
		require.NoError(t, err)
		lagging.change(func() { lagging.exclude(Lagging, "for the test") })
		first := func() string {
			t.Helper()
			n, err := p.Choose(Want{})
			require.NoError(t, err)
			return n.Name()
		}
		require.Equal(t, "silent:1", first())
		l := leaseOn(t, p, "silent:1")
		l.AtOnce(nil)
		time.Sleep(silentAbove)
		require.Equal(t, "silent:1", first())
		time.Sleep(time.Millisecond)
		require.Equal(t, "lagging:1", first())
		c.Set("silent:1", func(n *chaintest.Node) { n.Head = 101 })
		n, err := p.Choose(Want{MinHead: 101})
		require.NoError(t, err)
		require.Equal(t, "lagging:1", n.Name(), "although it alone told of the block")
		l.Release(Outcome{Result: Answered, Latency: time.Millisecond})
		require.Equal(t, "silent:1", first(), "it answered")
	})
}
