package guard

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

func TestLifetimesOfAnswers(t *testing.T) {
	t.Parallel()
	known := common.HexToHash("0x01")
	call := func(ctx context.Context, g *Guard) error { _, err := g.Call(ctx, chain.CallMsg{}); return err }
	code := func(ctx context.Context, g *Guard) error { _, err := g.Code(ctx, common.Address{}); return err }
	receipt := func(tx common.Hash) func(ctx context.Context, g *Guard) error {
		return func(ctx context.Context, g *Guard) error { _, err := g.Receipt(ctx, tx); return err }
	}
	block := func(number uint64) func(ctx context.Context, g *Guard) error {
		return func(ctx context.Context, g *Guard) error { _, err := g.Block(ctx, number); return err }
	}
	newBlock := func(c *chaintest.Chain, _ *Guard) { c.SetAll(func(n *chaintest.Node) { n.Head++ }) }
	wait := func(d time.Duration) func(*chaintest.Chain, *Guard) {
		return func(*chaintest.Chain, *Guard) { time.Sleep(d) }
	}
	both := func(c *chaintest.Chain, g *Guard) { newBlock(c, g); time.Sleep(time.Hour) }
	for _, row := range []struct {
		name      string
		op        string
		ask       func(context.Context, *Guard) error
		meanwhile func(*chaintest.Chain, *Guard)
		kept      bool
	}{
		{"a call, at once", "call", call, wait(0), true},
		{"a call, within a second", "call", call, wait(999 * time.Millisecond), true},
		{"a call, after a second without news", "call", call, wait(time.Second), false},
		{"a call, after a new block", "call", call, newBlock, false},
		{"a call, after somebody was told of a block", "call", call, func(_ *chaintest.Chain, g *Guard) { g.floor.raise(101) }, false},
		{"code, at once", "code", code, wait(0), true},
		{"code, within a second", "code", code, wait(999 * time.Millisecond), true},
		{"code, after a second without news", "code", code, wait(time.Second), false},
		{"code, after a new block", "code", code, newBlock, false},
		{"a receipt", "receipt", receipt(known), both, true},
		{"no receipt", "receipt", receipt(common.HexToHash("0x02")), wait(0), false},
		{"a block", "block", block(100), both, true},
		{"block 0", "block", block(0), both, true},
		{"no block", "block", block(101), wait(0), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			c.SetAll(func(n *chaintest.Node) { n.Receipts[known] = 7 })
			g, _ := startCached(t, c, three, Config{})
			synctest.Wait()
			first := row.ask(t.Context(), g)
			require.Equal(t, 1, c.CountAll(row.op), row.name)
			row.meanwhile(c, g)
			ctx, log := chain.WithCallLog(t.Context())
			err := row.ask(ctx, g)
			source, _ := log.Source()
			if row.kept {
				require.NoError(t, first, row.name)
				require.NoError(t, err, row.name)
				require.Equal(t, chain.SourceCache, source, row.name)
				require.Empty(t, log.Attempts(), row.name)
				require.Equal(t, 1, c.CountAll(row.op), row.name)
			} else {
				require.NotEqual(t, chain.SourceCache, source, row.name)
				require.Greater(t, c.CountAll(row.op), 1, row.name)
			}
		})
	}
}

func TestKeptAnswerIsTheAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		tx := common.HexToHash("0x01")
		c.Set("a:1", func(n *chaintest.Node) {
			n.Receipts[tx] = 7
			n.Answer = func() chain.CallResult { // a revert is a result
				return chain.CallResult{BlockNumber: 100, Status: 16, StatusName: "RevertInstruction", Output: []byte{1}}
			}
		})
		g, _ := startCached(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		for range 2 {
			result, err := g.Call(t.Context(), chain.CallMsg{})
			require.NoError(t, err)
			require.Equal(t, chain.CallResult{BlockNumber: 100, Status: 16, StatusName: "RevertInstruction", Output: []byte{1}}, result)
			receipt, err := g.Receipt(t.Context(), tx)
			require.NoError(t, err)
			require.Equal(t, chain.Receipt{TxHash: tx, BlockNumber: 7, StatusName: "a:1"}, receipt)
			block, err := g.Block(t.Context(), 42)
			require.NoError(t, err)
			require.Equal(t, uint64(42), block.Number)
			code, err := g.Code(t.Context(), common.Address{})
			require.NoError(t, err)
			require.Equal(t, []byte("a:1"), code)
			time.Sleep(300 * time.Millisecond)
		}
		require.Equal(t, []string{"call", "receipt", "block", "code"}, c.Asked("a:1")[len(c.Asked("a:1"))-4:])
		ctx, log := chain.WithCallLog(t.Context())
		_, err := g.Call(ctx, chain.CallMsg{})
		require.NoError(t, err)
		_, age := log.Source()
		require.Equal(t, 600*time.Millisecond, age)
	})
}

// An answer that was outdated when it came is good for who asked, and for nobody
// after that, also when the head is only known to nodes that are gone.
func TestAnswerOfAnOlderBlockIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		c.Set("a:1", func(n *chaintest.Node) {
			n.Answer = func() chain.CallResult { return chain.CallResult{BlockNumber: 99} }
		})
		g, _ := startCached(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		_, err := g.Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err)
		c.Set("a:1", func(n *chaintest.Node) { n.Head = 99 })
		_, err = g.Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err)
		require.Equal(t, 2, c.CountAll("call"))
	})
}

// The age of an answer counts from when a node was asked, not from when somebody
// began to wait for it.
func TestAgeOfAMergedAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := startCached(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		c.Set("a:1", func(n *chaintest.Node) { n.Ask = slowly("call", 900*time.Millisecond) })
		a := newAsker(g)
		a.ask(t.Context(), "x")
		time.Sleep(800 * time.Millisecond)
		for range 20 {
			a.ask(t.Context(), "x")
		}
		a.wg.Wait()
		time.Sleep(100 * time.Millisecond)
		a.ask(t.Context(), "x")
		a.wg.Wait()
		require.Equal(t, map[chain.Source]int{chain.SourceNode: 2, chain.SourceMerged: 20}, a.sources)
	})
}

// The head may move while a call is answered. What is kept is kept for the block
// of the answer, not for the head of then.
func TestAnswerFromBeforeABlockDoesNotHoldAfterIt(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"call", "code"} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New("a:1")
			g, _ := startCached(t, c, []string{"a:1"}, Config{})
			synctest.Wait()
			c.Set("a:1", func(n *chaintest.Node) {
				n.Answer = func() chain.CallResult { return chain.CallResult{BlockNumber: 100} }
				n.Ask = onCalls(func(context.Context, string) error {
					c.Set("a:1", func(n *chaintest.Node) { n.Head = 101 })
					return nil
				})
			})
			for range 2 {
				if op == "call" {
					_, err := g.Call(t.Context(), chain.CallMsg{})
					require.NoError(t, err)
				} else {
					_, err := g.Code(t.Context(), common.Address{})
					require.NoError(t, err)
				}
			}
			require.Equal(t, 2, c.CountAll(op), op)
		})
	}
}

func TestStaleAnswersOnlyWhenNoNodeCanBeAskedAndTheCallerAllowsThem(t *testing.T) {
	t.Parallel()
	ctx := func(t *testing.T, stale, timeout time.Duration) (context.Context, context.CancelFunc, *chain.CallLog) {
		ctx, log := chain.WithCallLog(t.Context())
		if stale > 0 {
			ctx = chain.AllowStale(ctx, stale)
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		return ctx, cancel, log
	}
	gone := func(c *chaintest.Chain) {
		for _, name := range three {
			c.Cut(name, chaintest.Refused)
		}
	}
	failing := func(kind chain.Kind) func(*chaintest.Chain) {
		return func(c *chaintest.Chain) { ask(c, fails(0, kind)) }
	}
	for _, row := range []struct {
		name    string
		allowed time.Duration
		pass    time.Duration // from the answer on
		fault   func(*chaintest.Chain)
		timeout time.Duration
		kind    chain.Kind // empty: a stale answer
	}{
		{"all nodes are gone", time.Hour, 5 * time.Minute, gone, time.Minute, ""},
		{"all nodes are unreachable", time.Hour, 5 * time.Minute, failing(chain.KindUnavailable), time.Minute, ""},
		{"not allowed", 0, 5 * time.Minute, gone, time.Minute, chain.KindUnavailable},
		{"as old as allowed", 5 * time.Minute, 5*time.Minute - time.Second, gone, time.Minute, ""},
		{"older than allowed", 5 * time.Minute, 5*time.Minute + time.Second, gone, time.Minute, chain.KindUnavailable},
		{"older than StaleFor", time.Hour, 10*time.Minute + time.Second, gone, time.Minute, chain.KindUnavailable},
		{"a node fails inside", time.Hour, time.Minute, failing(chain.KindNode), time.Minute, chain.KindNode},
		{"the question is wrong", time.Hour, time.Minute, failing(chain.KindInvalid), time.Minute, chain.KindInvalid},
		{"the caller has no time", time.Hour, time.Minute, func(c *chaintest.Chain) { ask(c, chaintest.Hang) }, time.Second, chain.KindTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := chaintest.New(three...)
			g, _ := startCached(t, c, three, Config{})
			synctest.Wait()
			_, err := g.Call(t.Context(), chain.CallMsg{})
			require.NoError(t, err)
			time.Sleep(row.pass)
			row.fault(c)
			synctest.Wait()
			began := time.Now()
			ctx, cancel, log := ctx(t, row.allowed, row.timeout)
			defer cancel()
			result, err := g.Call(ctx, chain.CallMsg{})
			require.Equal(t, row.kind, chain.KindOf(err), "%s: %v", row.name, err)
			source, age := log.Source()
			if row.kind != "" {
				require.Empty(t, source, row.name)
				return
			}
			require.Equal(t, uint64(100), result.BlockNumber, row.name)
			require.Equal(t, chain.SourceStale, source, row.name)
			require.Equal(t, row.pass+time.Since(began), age, row.name)
			require.NotEmpty(t, log.Attempts(), "%s: nodes come first", row.name)

			_, err = g.Call(ctx, chain.CallMsg{Input: []byte("never asked")})
			require.True(t, chain.Is(err, chain.KindUnavailable), row.name)
		})
	}
}

// With every breaker open no node can be asked, although all are there.
func TestStaleAnswersWhileAllBreakersAreOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := startCached(t, c, []string{"a:1"}, Config{Query: Policy{Retries: -1, Breaker: Breaker{OpenFor: time.Minute}}})
		synctest.Wait()
		_, err := g.Call(t.Context(), chain.CallMsg{})
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		c.SetAll(func(n *chaintest.Node) { n.Ask = failing("call", chain.Error{Kind: chain.KindNode}) })
		ctx, log := chain.WithCallLog(chain.AllowStale(t.Context(), time.Hour))
		for n := 0; ; n++ {
			require.Less(t, n, 100, "the breaker opens")
			if _, err = g.Call(ctx, chain.CallMsg{}); err == nil {
				break
			}
			require.True(t, chain.Is(err, chain.KindNode))
		}
		source, age := log.Source()
		require.Equal(t, chain.SourceStale, source)
		require.Equal(t, 2*time.Second, age)
	})
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	const answer, fit = 1 << 10, 512
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		c.Set("a:1", func(n *chaintest.Node) {
			n.Answer = func() chain.CallResult {
				return chain.CallResult{BlockNumber: 100, Output: []byte(strings.Repeat("x", answer))}
			}
		})
		g, _ := startCached(t, c, []string{"a:1"}, Config{Cache: CacheConfig{MaxBytes: fit * answer, HeadBoundFor: 30 * time.Second}})
		synctest.Wait()
		const many = 2000
		ask := func(i uint32) {
			_, err := g.Call(t.Context(), chain.CallMsg{Input: binary.BigEndian.AppendUint32(nil, i)})
			require.NoError(t, err)
		}
		for i := range uint32(many) {
			ask(i)
		}
		for i := range uint32(many) { // backwards, because the youngest are there
			ask(many - 1 - i)
		}
		asked := c.CountAll("call")
		require.GreaterOrEqual(t, asked, 2*many-fit, "no more are kept than fit")
		for range 20 {
			for i := range uint32(10) {
				ask(i)
			}
		}
		require.Less(t, c.CountAll("call")-asked, 100, "what is asked often is kept")
	})
}

func TestWeightOfAnswersGrowsWithThem(t *testing.T) {
	t.Parallel()
	bytes := make([]byte, 1000)
	for name, answer := range map[string]any{
		"call":    chain.CallResult{Output: bytes},
		"code":    codeAt{code: bytes},
		"block":   chain.Block{TxHashes: make([]common.Hash, 32)},
		"output":  chain.Receipt{Output: bytes},
		"message": chain.Receipt{Message: string(bytes)},
		"logs":    chain.Receipt{Logs: []chain.Log{{Data: bytes[:500:500]}, {Topics: make([]common.Hash, 4), Data: bytes[:500:500]}}},
	} {
		weight := weigh("key", keptAnswer{answer: answer})
		require.Greater(t, weight, uint32(1000+entryBytes), name)
		require.Less(t, weight, uint32(2000+entryBytes), name)
	}
	require.Greater(t, weigh(string(bytes), keptAnswer{answer: chain.CallResult{}}), uint32(1000))
}

func TestCacheThatIsOffKeepsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		g, _ := start(t, c, []string{"a:1"}, Config{})
		synctest.Wait()
		for range 3 {
			_, err := g.Block(t.Context(), 1)
			require.NoError(t, err)
		}
		require.Equal(t, 3, c.CountAll("block"))
		c.Cut("a:1", chaintest.Refused)
		synctest.Wait()
		_, err := g.Block(chain.AllowStale(t.Context(), time.Hour), 1)
		require.True(t, chain.Is(err, chain.KindUnavailable))
	})
}

func TestBoundsOfTheCacheThatMakeNoSense(t *testing.T) {
	t.Parallel()
	require.NoError(t, Config{Cache: CacheConfig{HeadBoundFor: floorFor}}.Validate())
	require.Error(t, Config{Cache: CacheConfig{HeadBoundFor: floorFor + 1}}.Validate())
	err := Config{Cache: CacheConfig{HeadBoundFor: -1, StaleFor: -1}}.Validate()
	require.ErrorContains(t, err, "holds for 0 to 30s")
	require.ErrorContains(t, err, "negative")
}
