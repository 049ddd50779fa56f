package guard

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// Everything at once: nodes come and go, hang, refuse and lie for half a minute
// under readers and writers with deadlines of their own. Errors are typed, limits
// hold, nothing is kept, and the target is well again in the end.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bound = 20
		names := []string{"a:1", "b:1", "c:1", "d:1"}
		c := chaintest.New(names...)
		policy := Policy{InFlight: bound, Rate: 400, NodeRate: 200}
		hedged := policy
		hedged.Hedge = true
		g, p := start(t, c, names, Config{Query: hedged, Write: policy})
		synctest.Wait()

		var asking, most, answered, failed atomic.Int64
		faults := []func(context.Context, string) error{
			bareHang,
			chaintest.Hang,
			func(ctx context.Context, _ string) error {
				sleep(ctx, rand.N(2*time.Second))
				return ctx.Err()
			},
			func(context.Context, string) error { return &chain.Error{Kind: chain.KindNode} },
			func(context.Context, string) error {
				return &chain.Error{Kind: chain.KindOverloaded, RetryAfter: rand.N(time.Second)}
			},
			func(context.Context, string) error {
				return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo}
			},
			func(context.Context, string) error { return errors.New("what is this?") },
			func(context.Context, string) error { return nil },
		}
		set := func(name string, fault func(context.Context, string) error) {
			c.Set(name, func(n *chaintest.Node) {
				n.Ask = onCalls(func(ctx context.Context, op string) error {
					if n := asking.Add(1); n > most.Load() {
						most.Store(n)
					}
					defer asking.Add(-1)
					if fault != nil {
						return fault(ctx, op)
					}
					time.Sleep(time.Millisecond)
					return nil
				})
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			for sleep(ctx, rand.N(200*time.Millisecond)) {
				name := names[rand.IntN(len(names))]
				switch rand.IntN(4) {
				case 0:
					c.Cut(name, chaintest.Refused)
				case 1:
					c.Cut(name, nil)
				default:
					set(name, faults[rand.IntN(len(faults))])
				}
			}
		})
		for i := range 60 {
			wg.Go(func() {
				for n := byte(0); ctx.Err() == nil; n++ {
					limit := rand.N(15 * time.Second)
					one, cancel := context.WithTimeout(ctx, limit)
					began := time.Now()
					var err error
					switch i % 3 {
					case 0:
						_, err = g.Code(one, common.Address{n})
					case 1:
						_, err = g.Call(one, chain.CallMsg{Input: []byte{n}})
					case 2:
						_, err = g.Send(one, chain.SignedTx{Hash: common.Hash{byte(i), n}})
					}
					switch {
					case err == nil:
						answered.Add(1)
					case chain.KindOf(err) == "":
						t.Errorf("not typed: %v", err)
					default:
						failed.Add(1)
					}
					if time.Since(began) > limit {
						t.Errorf("%s passed of %s", time.Since(began), limit)
					}
					cancel()
					time.Sleep(time.Millisecond) // a refusal takes no time, and the clock of the test stands while anybody runs
				}
			})
		}
		wg.Wait()
		require.LessOrEqual(t, most.Load(), int64(2*bound))
		require.Greater(t, answered.Load(), int64(500), "half of the time some node is well")
		require.Greater(t, failed.Load(), int64(100), "and the faults are felt")
		require.Zero(t, asking.Load())
		for _, name := range names {
			c.Cut(name, nil)
			set(name, nil)
		}
		time.Sleep(30 * time.Second)
		for _, status := range p.Nodes() {
			require.True(t, status.Online, status.Node)
			require.Zero(t, status.InFlight, status.Node)
		}
		for i := range byte(100) { // more than all places and probes
			_, err := g.Code(t.Context(), common.Address{1, i})
			require.NoError(t, err)
			_, err = g.Send(t.Context(), chain.SignedTx{Hash: common.Hash{200, i}})
			require.NoError(t, err)
		}
	})
}
