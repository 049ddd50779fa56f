package guard

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
)

var kinds = []chain.Kind{
	chain.KindInvalid, chain.KindUnsupported, chain.KindNotFound, chain.KindDenied, chain.KindNonceUsed, chain.KindKnown, chain.KindExpired,
	chain.KindDropped, chain.KindPending, chain.KindExists, chain.KindOverloaded, chain.KindUnavailable, chain.KindTimeout, chain.KindCanceled,
	chain.KindWrongChain, chain.KindProtocol, chain.KindNode,
}

// What is retried, over all that a node can say. Nothing that is the caller's
// fault is, and a write only when it provably reached no node.
func TestWhatIsRetried(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		for _, sent := range []chain.Sent{"", chain.SentNo, chain.SentMaybe, chain.SentYes} {
			reads, writes := 1, 1
			switch kind {
			case chain.KindUnavailable, chain.KindTimeout, chain.KindOverloaded, chain.KindProtocol, chain.KindNode:
				reads = 3
			}
			if kind == chain.KindUnavailable && sent == chain.SentNo {
				writes = 2
			}
			synctest.Test(t, func(t *testing.T) {
				c := chaintest.New(three...)
				g, _ := start(t, c, three, Config{})
				synctest.Wait()
				failure := chain.Error{Kind: kind, Sent: sent}
				ask(c, func(context.Context, string) error { e := failure; return &e })
				_, err := g.Code(t.Context(), common.Address{})
				require.Equal(t, kind, chain.KindOf(err))
				require.Equal(t, reads, c.CountAll("code"), "read: %s, sent %q", kind, sent)
				_, err = g.Send(t.Context(), chain.SignedTx{Hash: common.MaxHash})
				require.Equal(t, kind, chain.KindOf(err))
				require.Equal(t, writes, c.CountAll("send"), "write: %s, sent %q", kind, sent)
				for _, name := range three {
					require.LessOrEqual(t, c.Count(name, "code"), 1, "each on another node")
					require.LessOrEqual(t, c.Count(name, "send"), 1, "each on another node")
				}
			})
		}
	}
}

// A node that did not answer cost its time; the next one is asked at once, and the
// record of the call tells it all in order.
func TestTimeoutIsRetriedAtOnceElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		g, _ := start(t, c, three, Config{})
		synctest.Wait()
		ask(c, func(ctx context.Context, op string) error {
			if c.CountAll(op) < 3 {
				return chaintest.Hang(ctx, op)
			}
			time.Sleep(time.Second)
			return nil
		})
		ctx, log := chain.WithCallLog(t.Context())
		began := time.Now()
		result, err := g.Call(ctx, chain.CallMsg{})
		require.NoError(t, err)
		require.Equal(t, 21*time.Second, time.Since(began))
		attempts := log.Attempts()
		require.Len(t, attempts, 3)
		seen := map[string]bool{}
		for i, a := range attempts {
			require.False(t, seen[a.Node], "each on another node")
			seen[a.Node] = true
			if i < 2 {
				require.Equal(t, chain.Attempt{Node: a.Node, Kind: chain.KindTimeout, Duration: 10 * time.Second}, a)
			} else {
				require.Equal(t, chain.Attempt{Node: result.StatusName, Duration: time.Second}, a)
			}
		}
		source, _ := log.Source()
		require.Equal(t, chain.SourceNode, source)
	})
}

// retried makes a retry handler whose attempts all end as one function says, and
// counts them.
func retried(t *testing.T, cfg Config, attempt func(ctx context.Context, n int, r *request) error) (handler, *int) {
	t.Helper()
	require.NoError(t, cfg.Validate())
	cfg.setDefaults()
	g := &Guard{cfg: cfg}
	n := new(int)
	return g.retry(newBudget(1000), func(ctx context.Context, r *request) (any, error) {
		*n++
		return nil, attempt(ctx, *n, r)
	}), n
}

func TestPauses(t *testing.T) {
	t.Parallel()
	const retries = 7
	ms := time.Millisecond
	full := []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 2000 * ms}
	for name, c := range map[string]struct {
		failure chain.Error
		least   time.Duration
		spread  []time.Duration // beyond least; none: there is no pause at all
	}{
		"time-out":              {failure: chain.Error{Kind: chain.KindTimeout}},
		"wrong answer":          {failure: chain.Error{Kind: chain.KindProtocol}},
		"failed inside":         {failure: chain.Error{Kind: chain.KindNode}},
		"unreachable":           {failure: chain.Error{Kind: chain.KindUnavailable}, spread: full},
		"limited":               {failure: chain.Error{Kind: chain.KindOverloaded}, spread: full},
		"limited, and says how": {failure: chain.Error{Kind: chain.KindOverloaded, RetryAfter: 3 * time.Second}, least: 3 * time.Second, spread: full},
	} {
		synctest.Test(t, func(t *testing.T) {
			shortest, longest := make([]time.Duration, retries), make([]time.Duration, retries)
			for run := range 200 {
				var last time.Time
				h, n := retried(t, Config{Query: Policy{Retries: retries}}, func(_ context.Context, n int, _ *request) error {
					if k := n - 2; k >= 0 {
						pause := time.Since(last)
						longest[k] = max(longest[k], pause)
						if run == 0 {
							shortest[k] = pause
						}
						shortest[k] = min(shortest[k], pause)
					}
					last = time.Now()
					return &c.failure
				})
				_, err := h(t.Context(), &request{class: Query})
				require.Equal(t, &c.failure, err, name)
				require.Equal(t, retries+1, *n, name)
			}
			for k := range retries {
				if c.spread == nil {
					require.Zero(t, longest[k], name)
					continue
				}
				require.GreaterOrEqual(t, shortest[k], c.least, name)
				require.Less(t, longest[k], c.least+c.spread[k], name)
				require.Less(t, shortest[k], c.least+c.spread[k]/4, "%s: full jitter", name)
				require.Greater(t, longest[k], c.least+c.spread[k]*3/4, "%s: full jitter", name)
			}
		})
	}
}

func TestPauseOfAnyConfiguration(t *testing.T) {
	t.Parallel()
	failure := &chain.Error{Kind: chain.KindUnavailable}
	for _, first := range []time.Duration{1, time.Second, time.Hour, math.MaxInt64} {
		for _, most := range []time.Duration{1, time.Minute, math.MaxInt64} {
			for n := range 100 {
				pause := pauseBefore(n, &Policy{BackoffMin: first, BackoffMax: most}, failure)
				require.GreaterOrEqual(t, pause, time.Duration(0))
				require.Less(t, pause, most)
			}
		}
	}
}

// A retry that the caller cannot wait for is none.
func TestRetryEndsInTime(t *testing.T) {
	t.Parallel()
	wait := func(d time.Duration) *chain.Error { return &chain.Error{Kind: chain.KindOverloaded, RetryAfter: d} }
	for name, c := range map[string]struct {
		deadline, cancel time.Duration
		failure          *chain.Error
		retries          int
		tries            int
		took             time.Duration
	}{
		"the deadline is before the end of the pause": {deadline: time.Second, failure: wait(2 * time.Second), tries: 1},
		"the node asks for longer than a call lasts":  {failure: wait(time.Hour), tries: 1},
		"given up in the pause":                       {cancel: time.Second, failure: wait(5 * time.Second), tries: 1, took: time.Second},
		"no retries":                                  {failure: &chain.Error{Kind: chain.KindTimeout}, retries: -1, tries: 1},
		"no retries of what is limited":               {failure: wait(time.Second), retries: -1, tries: 1},
		"what this guard keeps back":                  {failure: &chain.Error{Kind: chain.KindOverloaded, Err: errLimit}, tries: 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if c.deadline != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.deadline)
				defer cancel()
			}
			if c.cancel != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				time.AfterFunc(c.cancel, cancel)
			}
			began := time.Now()
			h, n := retried(t, Config{Query: Policy{Retries: c.retries}}, func(context.Context, int, *request) error { return c.failure })
			_, err := h(ctx, &request{class: Query})
			require.Equal(t, c.failure, err, name)
			require.Equal(t, c.tries, *n, name)
			require.Equal(t, c.took, time.Since(began), name)
		})
	}
}

// The last attempt of a read takes a fresh connection, a write never does.
func TestLastReadIsFresh(t *testing.T) {
	t.Parallel()
	for class, want := range map[Class][]bool{Query: {false, false, false, true}, Write: {false, false, false, false}} {
		synctest.Test(t, func(t *testing.T) {
			var fresh []bool
			policy := Policy{Retries: 3}
			h, _ := retried(t, Config{Query: policy, Write: policy}, func(_ context.Context, n int, r *request) error {
				fresh = append(fresh, r.fresh)
				require.Equal(t, n > 1, r.retry)
				return &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo}
			})
			_, err := h(t.Context(), &request{class: class})
			require.Error(t, err)
			require.Equal(t, want, fresh, class)
		})
	}
}
