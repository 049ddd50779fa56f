package guard

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

const (
	usual = 10 * time.Millisecond // what an attempt takes in these tests
	slow  = time.Second           // what one that hangs takes
)

func hedged(change ...func(*Config)) Config {
	cfg := Config{Query: Policy{Hedge: true}}
	for _, f := range change {
		f(&cfg)
	}
	return cfg
}

// script says what each attempt of a call does, in their order over all nodes; what
// comes after the last one takes the usual time.
type script []func(ctx context.Context, op string) error

func (s script) play(c *chaintest.Chain) {
	var n atomic.Int32
	ask(c, func(ctx context.Context, op string) error {
		if i := int(n.Add(1)) - 1; i < len(s) {
			return s[i](ctx, op)
		}
		return slowly(op, usual)(ctx, op)
	})
}

// takes is an attempt that brings an answer after a time.
func takes(d time.Duration) func(context.Context, string) error {
	return func(ctx context.Context, op string) error { return slowly(op, d)(ctx, op) }
}

// fails is an attempt that fails after a time.
func fails(d time.Duration, kind chain.Kind) func(context.Context, string) error {
	return func(ctx context.Context, op string) error {
		if err := takes(d)(ctx, op); err != nil {
			return err
		}
		return &chain.Error{Kind: kind, Sent: chain.SentNo, Op: op}
	}
}

// warm makes calls of the usual time.
func warm(t *testing.T, c *chaintest.Chain, g *Guard, calls int) {
	script{}.play(c)
	for i := range calls {
		_, err := g.Call(t.Context(), chain.CallMsg{Input: []byte(strconv.Itoa(i))})
		require.NoError(t, err)
	}
}

func TestSlowReadIsAskedElsewhere(t *testing.T) {
	t.Parallel()
	type attempt struct {
		kind  chain.Kind
		hedge bool
	}
	good, lost := attempt{}, attempt{kind: chain.KindCanceled}
	beside := func(a attempt) attempt { a.hedge = true; return a }
	once := func(cfg *Config) { cfg.Query.Retries = -1 }
	for name, row := range map[string]struct {
		nodes    []string
		cfg      Config
		warm     int
		script   script
		took     time.Duration
		kind     chain.Kind
		attempts []attempt
	}{
		"the second is faster":                {three, hedged(), 20, script{takes(slow), takes(usual)}, 2 * usual, "", []attempt{beside(good), lost}},
		"the first is faster after all":       {three, hedged(), 20, script{takes(2 * usual), takes(slow)}, 2 * usual, "", []attempt{good, beside(lost)}},
		"faster than 95 %":                    {three, hedged(), 20, script{takes(usual - 1)}, usual - 1, "", []attempt{good}},
		"off, the default":                    {three, Config{}, 20, script{takes(slow)}, slow, "", []attempt{good}},
		"too few to know what is slow":        {three, hedged(), 19, script{takes(slow)}, slow, "", []attempt{good}},
		"no other node":                       {three[:1], hedged(), 20, script{takes(slow)}, slow, "", []attempt{good}},
		"no retries, no hedges":               {three, hedged(func(cfg *Config) { cfg.RetryShare = -1 }), 20, script{takes(slow)}, slow, "", []attempt{good}},
		"a failure before is for retry":       {three, hedged(), 20, script{fails(usual/2, chain.KindNode), takes(usual / 2)}, usual, "", []attempt{{kind: chain.KindNode}, good}},
		"no answer is an answer":              {three, hedged(), 20, script{takes(slow), fails(usual, chain.KindInvalid)}, 2 * usual, chain.KindInvalid, []attempt{beside(attempt{kind: chain.KindInvalid}), lost}},
		"the second fails":                    {three, hedged(), 20, script{takes(slow), fails(usual, chain.KindNode)}, slow, "", []attempt{beside(attempt{kind: chain.KindNode}), good}},
		"the first fails, the second answers": {three, hedged(), 20, script{fails(2*usual, chain.KindNode), takes(2 * usual)}, 3 * usual, "", []attempt{{kind: chain.KindNode}, beside(good)}},
		"both fail":                           {three, hedged(once), 20, script{fails(3*usual, chain.KindNode), fails(usual, chain.KindProtocol)}, 3 * usual, chain.KindNode, []attempt{beside(attempt{kind: chain.KindProtocol}), {kind: chain.KindNode}}},
		"both fail and a third is asked":      {three, hedged(), 20, script{fails(2*usual, chain.KindNode), fails(usual/2, chain.KindProtocol), takes(usual / 2)}, 2*usual + usual/2, "", []attempt{beside(attempt{kind: chain.KindProtocol}), {kind: chain.KindNode}, good}},
	} {
		test := func(t *testing.T, bounded bool) {
			c := chaintest.New(row.nodes...)
			g, _ := start(t, c, row.nodes, row.cfg)
			synctest.Wait()
			warm(t, c, g, row.warm)
			row.script.play(c)
			ctx, log := chain.WithCallLog(t.Context())
			if bounded { // in less time than the class has
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 3*slow)
				defer cancel()
			}
			began := time.Now()
			_, err := g.Call(ctx, chain.CallMsg{})
			require.Equal(t, row.kind, chain.KindOf(err), "%s: %v", name, err)
			require.Equal(t, row.took, time.Since(began), name)
			var got []attempt
			nodes := map[string]bool{}
			for _, a := range log.Attempts() {
				got = append(got, attempt{a.Kind, a.Hedge})
				require.False(t, nodes[a.Node], "%s: each at another node", name)
				nodes[a.Node] = true
			}
			require.Equal(t, row.attempts, got, name)
		}
		synctest.Test(t, func(t *testing.T) { test(t, false) })
		synctest.Test(t, func(t *testing.T) { test(t, true) })
	}
}

// A duel that is over leaves nothing behind: the next call on the same memory is a
// call of its own.
func TestCallAfterADuelIsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged())
		synctest.Wait()
		warm(t, c, g, 20)
		for i := range 5 {
			script{takes(slow), takes(usual)}.play(c)
			ctx, log := chain.WithCallLog(t.Context())
			_, err := g.Call(ctx, chain.CallMsg{Input: []byte{1, byte(i)}})
			require.NoError(t, err)
			require.Len(t, log.Attempts(), 2)
			script{takes(usual / 2)}.play(c)
			ctx, log = chain.WithCallLog(t.Context())
			_, err = g.Call(ctx, chain.CallMsg{Input: []byte{2, byte(i)}})
			require.NoError(t, err)
			require.Len(t, log.Attempts(), 1)
		}
	})
}

func TestBothAttemptsEndWithTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged())
		synctest.Wait()
		warm(t, c, g, 20)
		var running atomic.Int32
		hang := func(ctx context.Context, op string) error {
			running.Add(1)
			defer running.Add(-1)
			return chaintest.Hang(ctx, op)
		}
		script{hang, hang}.play(c)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ctx, log := chain.WithCallLog(ctx)
		began := time.Now()
		_, err := g.Call(ctx, chain.CallMsg{})
		require.True(t, chain.Is(err, chain.KindTimeout), "%v", err)
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		require.Zero(t, running.Load(), "no attempt outlives the call")
		require.Len(t, log.Attempts(), 2)
	})
}

func TestWaitForALimitIsNotSlowness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged(func(cfg *Config) { cfg.Query.InFlight = 1 }))
		synctest.Wait()
		warm(t, c, g, 20)
		before := c.CountAll("call")
		c.SetAll(func(n *chaintest.Node) { n.Ask = slowly("call", usual-1) })
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				ctx, log := chain.WithCallLog(t.Context())
				_, err := g.Call(ctx, chain.CallMsg{Input: []byte{1, byte(i)}})
				if err != nil || len(log.Attempts()) != 1 {
					t.Error(err, log.Attempts())
				}
			})
		}
		wg.Wait()
		require.Equal(t, 10, c.CountAll("call")-before)
	})
}

func TestWritesAreNeverHedged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged(func(cfg *Config) { cfg.Write.Hedge = true }))
		synctest.Wait()
		for i := range 50 {
			took := usual
			if i == 49 {
				took = slow
			}
			script{takes(took)}.play(c)
			_, err := g.Send(t.Context(), chain.SignedTx{Hash: [32]byte{byte(i)}})
			require.NoError(t, err)
		}
		require.Equal(t, 50, c.CountAll("send"))
	})
}

// An attempt that lost took at least so long. If it were forgotten, only the fast
// ones would be known, and ever more would count as slow.
func TestAttemptsThatLostCountAsSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged(func(cfg *Config) { cfg.RetryShare = 2 }))
		synctest.Wait()
		warm(t, c, g, 20)
		for i := range paceEvery - paceLeast { // until the quantile is taken again
			took := usual - 1
			if i%4 == 0 {
				took = slow
			}
			script{takes(took), takes(usual)}.play(c)
			_, err := g.Call(t.Context(), chain.CallMsg{Input: []byte{1, byte(i)}})
			require.NoError(t, err)
		}
		script{takes(slow), takes(usual)}.play(c)
		began := time.Now()
		_, err := g.Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err)
		require.Equal(t, 3*usual, time.Since(began), "slow is now 20 ms, not 10")
	})
}

// Hedges come out of the retry budget, so that a target that is slow as a whole is
// not asked twice.
func TestSlowTargetIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged(func(cfg *Config) { cfg.RetryShare = 0.01 }))
		synctest.Wait()
		warm(t, c, g, 20)
		before := c.CountAll("call")
		var wg sync.WaitGroup
		c.SetAll(func(n *chaintest.Node) { n.Ask = slowly("call", 2*slow) })
		for i := range 500 {
			wg.Go(func() {
				_, err := g.Call(t.Context(), chain.CallMsg{Input: []byte{1, byte(i), byte(i >> 8)}})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.InDelta(t, 500+budgetFirst+5, c.CountAll("call")-before, 1)
	})
}

func TestPanicOfAnAttemptEndsTheOtherOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged())
		synctest.Wait()
		warm(t, c, g, 20)
		var ended atomic.Bool
		script{func(context.Context, string) error {
			time.Sleep(2 * usual)
			panic("a bug")
		}, func(ctx context.Context, op string) error {
			defer ended.Store(true)
			return chaintest.Hang(ctx, op)
		}}.play(c)
		began := time.Now()
		require.Panics(t, func() { _, _ = g.Call(t.Context(), chain.CallMsg{}) })
		require.Equal(t, 2*usual, time.Since(began))
		require.True(t, ended.Load())
	})
}

func TestPanicOfTheSecondAttemptIsTheCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, hedged())
		synctest.Wait()
		warm(t, c, g, 20)
		script{takes(slow), func(context.Context, string) error { panic("a bug") }}.play(c)
		defer func() { require.Contains(t, recover(), "a bug") }()
		_, _ = g.Call(t.Context(), chain.CallMsg{})
		t.Error("it did not panic")
	})
}

// Many calls at a time, of times around the quantile, on the same few duels.
func TestHedgesOfManyCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		cfg := hedged()
		cfg.Query.Breaker = Breaker{Failures: 10, Window: 10} // one failure of ten opens none
		g, _ := start(t, c, three, cfg)
		synctest.Wait()
		warm(t, c, g, 20)
		var running atomic.Int32
		ask(c, func(ctx context.Context, op string) error {
			running.Add(1)
			defer running.Add(-1)
			d := rand.N(2 * usual)
			if rand.IntN(20) == 0 {
				d = slow
			}
			if rand.IntN(10) == 0 {
				return fails(d, chain.KindNode)(ctx, op)
			}
			return takes(d)(ctx, op)
		})
		var wg sync.WaitGroup
		var hedges, answered atomic.Int32
		for i := range 50 {
			wg.Go(func() {
				for j := range 100 {
					ctx, log := chain.WithCallLog(t.Context())
					result, err := g.Call(ctx, chain.CallMsg{Input: []byte{1, byte(i), byte(j)}})
					if err == nil && result.BlockNumber == 100 {
						answered.Add(1)
					}
					for _, a := range log.Attempts() {
						if a.Hedge {
							hedges.Add(1)
						}
					}
				}
			})
		}
		wg.Wait()
		require.Zero(t, running.Load())
		require.Greater(t, answered.Load(), int32(4000))
		require.Greater(t, hedges.Load(), int32(100))
		require.Less(t, hedges.Load(), int32(1000), "about one of twenty")
		t.Log(hedges.Load(), "hedges,", answered.Load(), "answers")
	})
}

func TestPaceIsTheNinetyFifthOfAHundred(t *testing.T) {
	t.Parallel()
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	var p pace
	for i := range paceLeast - 1 {
		p.add(ms(i + 1))
		require.Zero(t, p.delay())
	}
	p.add(ms(20))
	require.Equal(t, ms(19), p.delay(), "of 1 to 20")

	p = pace{}
	for i := range paceWindow {
		p.add(ms(paceWindow - i))
	}
	require.Equal(t, ms(122), p.delay(), "of 1 to 128")
	for range paceWindow - 6 {
		p.add(ms(3))
	}
	for range 6 {
		p.add(time.Hour)
	}
	require.Equal(t, ms(3), p.delay(), "six slow ones of 128 do not make it")
	for range paceWindow {
		p.add(0)
	}
	require.Equal(t, paceFloor, p.delay(), "what is long ago is forgotten")
}
