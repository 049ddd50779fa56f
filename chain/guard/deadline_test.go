package guard

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

// bareHang is a connection that gives the error of its context as it is.
func bareHang(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

func hang(c *chaintest.Chain) { ask(c, bareHang) }

// failures is what the breaker of a node counts against it.
func failures(g *Guard, name string, class Class) int {
	return int(g.node(name).breakers[class].Metrics().Failures())
}

func TestEachAttemptHasTheTimeOfItsClass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{Query: Policy{AnswerTimeout: 7 * time.Second}, Write: Policy{AnswerTimeout: 20 * time.Second}})
		synctest.Wait()
		hang(c)
		ctx, log := chain.WithCallLog(t.Context())
		_, err := g.Code(ctx, common.Address{})
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		_, err = g.Send(ctx, chain.SignedTx{Hash: common.MaxHash})
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		require.False(t, chain.Unsent(err))
		attempts := log.Attempts()
		require.Len(t, attempts, 4)
		for i, a := range attempts {
			require.Equal(t, chain.KindTimeout, a.Kind)
			require.Equal(t, []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second, 20 * time.Second}[i], a.Duration)
		}
		require.Equal(t, 1, failures(g, attempts[0].Node, Query))
		require.Equal(t, 1, failures(g, attempts[3].Node, Write))
	})
}

func TestTheCallersShorterDeadlineIsNotTheNodesFault(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		hang(c)
		for _, short := range []time.Duration{time.Millisecond, 9 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), short)
			began := time.Now()
			_, err := g.Code(ctx, common.Address{})
			require.Equal(t, short, time.Since(began))
			require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
			_, err = g.Send(ctx, chain.SignedTx{})
			require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
			cancel()
		}
		require.Zero(t, failures(g, "a:1", Query))
		require.Zero(t, failures(g, "a:1", Write))
		require.Zero(t, c.CountAll("send"), "the deadline had passed before anything was sent")
	})
}

// The caller's deadline is never passed, whatever the attempts in it do.
func TestDeadlinesNest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{Query: Policy{Retries: 5, Rate: 3, Burst: 1}})
		synctest.Wait()
		ask(c, func(ctx context.Context, op string) error {
			switch rand.IntN(3) {
			case 0:
				return bareHang(ctx, op)
			case 1:
				return &chain.Error{Kind: chain.KindOverloaded, RetryAfter: rand.N(5 * time.Second)}
			}
			return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo}
		})
		for range 200 {
			limit := rand.N(40 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			began := time.Now()
			_, err := g.Code(ctx, common.Address{})
			require.NotEmpty(t, chain.KindOf(err))
			require.LessOrEqual(t, time.Since(began), limit)
			cancel()
		}
	})
}

// A node that was asked when most of the time had gone by in a queue of ours is
// not blamed for what was left.
func TestTimeInQueuesIsNotTheNodes(t *testing.T) {
	t.Parallel()
	for waits, blamed := range map[time.Duration]int{4 * time.Second: 1, 6 * time.Second: 0} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, _ := start(t, c, []string{"a:1"}, Config{Query: Policy{InFlight: 1, Retries: -1}})
			synctest.Wait()
			ask(c, func(ctx context.Context, op string) error {
				if c.CountAll(op) == 1 {
					time.Sleep(waits)
					return nil
				}
				return bareHang(ctx, op)
			})
			go func() { _ = read1(t.Context(), g) }()
			synctest.Wait()
			began := time.Now()
			err := read1(t.Context(), g)
			require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
			require.Equal(t, 10*time.Second, time.Since(began))
			require.Equal(t, blamed, failures(g, "a:1", Query), "after %s in a queue", waits)
		})
	}
}
