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

func TestProveAbsent(t *testing.T) {
	t.Parallel()
	tx := common.HexToHash("0x1234")
	const limit = 500
	type state struct {
		head    uint64
		receipt uint64 // block of the receipt, 0: none
		down    bool
		broken  bool // answers reads with an error
	}
	for name, c := range map[string]struct {
		nodes     map[string]state
		kind      chain.Kind // "": proven
		witnesses int
		head      uint64
	}{
		"two past the limit":              {map[string]state{"a:1": {head: 503}, "b:1": {head: 510}}, "", 2, 503},
		"one node is all there is":        {map[string]state{"a:1": {head: 503}}, "", 1, 503},
		"two of four are enough":          {map[string]state{"a:1": {head: 600}, "b:1": {head: 600}, "c:1": {head: 600}, "d:1": {head: 10}}, "", 2, 600},
		"far below the limit":             {map[string]state{"a:1": {head: 20}, "b:1": {head: 20}}, chain.KindPending, 0, 0},
		"at the limit":                    {map[string]state{"a:1": {head: 500}, "b:1": {head: 500}}, chain.KindPending, 0, 0},
		"within the margin":               {map[string]state{"a:1": {head: 502}, "b:1": {head: 502}}, chain.KindPending, 0, 0},
		"one lags":                        {map[string]state{"a:1": {head: 503}, "b:1": {head: 502}}, chain.KindPending, 0, 0},
		"a receipt at the second":         {map[string]state{"a:1": {head: 504}, "b:1": {head: 503, receipt: 499}}, chain.KindExists, 0, 0},
		"a receipt long before the limit": {map[string]state{"a:1": {head: 20, receipt: 19}, "b:1": {head: 20}}, chain.KindExists, 0, 0},
		"the second node is down":         {map[string]state{"a:1": {head: 600}, "b:1": {head: 600, down: true}}, chain.KindUnavailable, 0, 0},
		"one of three is down":            {map[string]state{"a:1": {head: 600}, "b:1": {down: true}, "c:1": {head: 601}}, "", 2, 600},
		"the second node fails":           {map[string]state{"a:1": {head: 600}, "b:1": {head: 600, broken: true}}, chain.KindUnavailable, 0, 0},
		"one of three fails":              {map[string]state{"a:1": {head: 600}, "b:1": {head: 700, broken: true}, "c:1": {head: 601}}, "", 2, 600},
		"all are down":                    {map[string]state{"a:1": {down: true}, "b:1": {down: true}}, chain.KindUnavailable, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			names := make([]string, 0, len(c.nodes))
			for n := range c.nodes {
				names = append(names, n)
			}
			fake := chaintest.New(names...)
			for n, s := range c.nodes {
				fake.Set(n, func(node *chaintest.Node) {
					node.Head = s.head
					if s.receipt != 0 {
						node.Receipts[tx] = s.receipt
					}
					if s.down {
						node.Down = chaintest.Refused
					}
					if s.broken {
						node.Ask = func(_ context.Context, op string) error {
							if op == "receipt" {
								return &chain.Error{Kind: chain.KindNode, Msg: "storage"}
							}
							return nil
						}
					}
				})
			}
			p, _ := start(t, fake, names, Config{})
			synctest.Wait()
			proof, err := p.ProveAbsent(t.Context(), tx, limit)
			require.Equal(t, c.kind, chain.KindOf(err), "%s: %v", name, err)
			if c.kind != "" {
				require.False(t, chain.Unsent(err), name)
				return
			}
			require.Equal(t, tx, proof.Hash, name)
			require.Equal(t, c.head, proof.Head, name)
			require.Len(t, proof.Witnesses, c.witnesses, name)
			if c.witnesses == 2 {
				require.NotEqual(t, proof.Witnesses[0], proof.Witnesses[1], "different nodes")
			}
		})
	}
}

// A cached head is not believed: each witness is asked for its head, and for the
// receipt after it.
func TestWitnessesAreAskedForTheirHeadFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1", "b:1")
		c.SetAll(func(n *chaintest.Node) { n.Head = 900 })
		p, _ := start(t, c, []string{"a:1", "b:1"}, Config{})
		synctest.Wait()
		_, err := p.ProveAbsent(t.Context(), common.Hash{}, 100)
		require.NoError(t, err)
		for _, name := range []string{"a:1", "b:1"} {
			asked := c.Asked(name)
			require.Equal(t, []string{"number", "receipt"}, asked[len(asked)-2:])
		}
	})
}

func TestProveAbsentEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1", "b:1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p, _ := start(t, c, []string{"a:1", "b:1"}, Config{})
		synctest.Wait()
		c.SetAll(func(n *chaintest.Node) { n.Ask = chaintest.Hang })
		synctest.Wait()
		_, err := p.ProveAbsent(ctx, common.Hash{}, 1)
		require.True(t, chain.Is(err, chain.KindTimeout))
	})
}

// Witnesses are asked under the policies of reads, are told of like all calls, and
// one whose breaker is open is not asked.
func TestWitnessesAreAskedUnderPolicies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New(three...)
		c.SetAll(func(n *chaintest.Node) { n.Head = 900 })
		seen := &spy{}
		g, _ := start(t, c, three, Config{Observer: seen, Query: Policy{Rate: 1, Burst: 1, Breaker: Breaker{OpenFor: time.Minute}}})
		synctest.Wait()
		g.node("b:1").breakers[Query].Open()
		ctx, log := chain.WithCallLog(t.Context())
		began := time.Now()
		proof, err := g.ProveAbsent(ctx, common.Hash{}, 100)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"a:1", "c:1"}, proof.Witnesses)
		require.Zero(t, c.Count("b:1", "receipt"))
		asked := map[string]int{}
		for _, a := range log.Attempts() {
			asked[a.Node]++
		}
		require.Equal(t, 2, asked["a:1"])
		require.Equal(t, 2, asked["c:1"])
		require.GreaterOrEqual(t, time.Since(began), 3*time.Second-time.Millisecond, "a token each")
		require.Len(t, seen.calls, 1)
		require.Equal(t, "proveAbsent", seen.calls[0].Op)
		require.Empty(t, seen.calls[0].Kind)
	})
}
