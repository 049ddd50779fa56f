package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain"
)

var errDropped = errors.New("dropped")

func TestATransactionIsSeenByAllWithinABlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.startAll()
	for i := range w.nodes {
		number := w.must(i)
		for _, n := range w.nodes {
			w.await("all have the block", func() bool { return n.chain.Head().Number >= number })
		}
	}
	found := w.requireOneChain()
	require.Len(t, found, 4)
	var sealers []int
	for number := range uint64(4) {
		block, err := w.nodes[0].chain.BlockByNumber(number + 1)
		require.NoError(t, err)
		sealers = append(sealers, block.Sealer)
	}
	require.Equal(t, []int{1, 2, 3, 0}, sealers, "the leaders take turns")
	for i, n := range w.nodes {
		require.Len(t, n.Peers(), 3)
		require.Regexp(t, "^3082010a", n.Peers()[0].TLSID)
		require.Equal(t, View{Leader: 1}, n.View(), i)
	}
}

// Any one may end, also the leader, and the others go on within two seconds (most
// times, for a machine that is busy at times; TestOthersGoOnWithoutTheLeader has no
// such excuse). Two of four stand, and go on when one is back.
func TestOthersGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.startAll()
	w.must(0)
	var slowest []time.Duration // by the node that is lost
	for lost := range w.nodes {
		w.stop(lost)
		var took time.Duration
		for i := range w.nodes { // the lost one would have been the leader once
			if i != lost {
				began := time.Now()
				w.must(i)
				took = max(took, time.Since(began))
			}
		}
		slowest = append(slowest, took)
		w.start(lost)
		w.await("it is back", func() bool { return w.nodes[lost].chain.Head().Number > 1 && len(w.nodes[lost].Peers()) == 3 })
	}
	w.requireOneChain()
	slices.Sort(slowest)
	require.Less(t, slowest[1], 2*time.Second)

	w.stop(2)
	w.stop(3)
	w.await("they know it", func() bool { return len(w.nodes[0].Peers()) == 1 })
	head := w.nodes[0].chain.Head()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	raw, hash := w.tx()
	_, err := w.nodes[0].chain.SendTransaction(ctx, raw)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, head, w.nodes[0].chain.Head())
	w.start(3)
	w.await("three of four are enough", func() bool { return w.nodes[1].chain.Head().Number > head.Number })
	w.start(2)
	require.Contains(t, w.requireOneChain(), hash)
}

// As on a real chain two and three nodes need all of them.
func TestTwoNodesNeedBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.change = func(cfg *devchain.Config) { cfg.TxExpiration = 3 * time.Second } // long for a block of both
	w.start(0)
	raw, hash := w.tx()
	result, err := w.nodes[0].chain.SendTransaction(t.Context(), raw)
	require.NoError(t, err)
	require.True(t, result.Dropped, "it has waited too long")
	require.Zero(t, w.nodes[0].chain.PendingCount())
	w.start(1)
	w.must(1)
	_, err = w.nodes[0].chain.Receipt(hash)
	require.ErrorIs(t, err, devchain.ErrNotFound, "it is not executed later")
	result, err = w.nodes[0].chain.SendTransaction(t.Context(), raw)
	require.NoError(t, err)
	require.False(t, result.Dropped, "the same bytes may be sent again")
	w.requireOneChain()
}

func TestANodeThatIsFarBehindCatchesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.change = func(cfg *devchain.Config) { cfg.MinSealTime = -1 }
	for i := range 3 {
		w.start(i)
	}
	for range 100 {
		w.must(0)
	}
	w.start(3)
	w.await("it catches up", func() bool { return w.nodes[3].chain.Head() == w.nodes[0].chain.Head() })
	w.must(3)
	w.requireOneChain()
}

// Whatever ends when, every transaction that was answered is on the chain once, and
// all nodes have the same chain.
func TestNothingIsLostWhenNodesEndAtRandom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.startAll()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.RWMutex // nodes end only while no client looks for one
	answered := map[common.Hash]uint64{}
	var noted sync.Mutex
	var clients sync.WaitGroup
	for i := range w.nodes {
		clients.Go(func() {
			for ctx.Err() == nil {
				mu.RLock()
				n := w.nodes[i]
				chain, up := n.chain, n.up
				mu.RUnlock()
				if !up {
					time.Sleep(time.Millisecond)
					continue
				}
				raw, hash := w.tx()
				result, err := chain.SendTransaction(ctx, raw)
				if err == nil && !result.Dropped {
					noted.Lock()
					answered[hash] = result.Receipt.BlockNumber
					noted.Unlock()
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		i := random.IntN(len(w.nodes))
		mu.Lock()
		w.stop(i)
		mu.Unlock()
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		mu.Lock()
		w.start(i)
		mu.Unlock()
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
	}
	cancel()
	clients.Wait()
	for i := range w.nodes {
		w.must(i)
	}
	found := w.requireOneChain()
	require.NotEmpty(t, answered)
	for hash, number := range answered {
		require.Equal(t, number, found[hash])
	}
	t.Logf("%d answered, %d blocks", len(answered), w.nodes[0].chain.Head().Number)
}
