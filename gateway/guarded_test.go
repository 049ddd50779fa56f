package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/chaintest"
	"github.com/bcosgate/bcosgate/chain/guard"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// guarded is a gateway over a real guard and pool, without sockets: time stands
// still while nobody waits.
func guarded(t *testing.T, c *chaintest.Chain, nodes []string, cfg guard.Config) (call func(n int, more string) *httptest.ResponseRecorder) {
	t.Helper()
	p, err := pool.New(pool.Config{Target: chain.Target{Name: "main"}, Nodes: nodes, Dial: func(ctx context.Context, node string) (pool.Conn, error) {
		conn, err := c.Dial(ctx, node)
		if err != nil {
			return nil, err // not a nil connection in an interface
		}
		return conn, nil
	}})
	require.NoError(t, err)
	require.NoError(t, p.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, p.Stop(context.Background())) })
	g, err := guard.New(cfg, p)
	require.NoError(t, err)
	synctest.Wait()
	gw, err := New(Config{Engine: newFakeEngine(), Auditor: &fakeAuditor{}, Planner: newFakeEngine(), Reports: newFakeEngine(), Targets: []Target{{Info: p.Target(), Chain: g, Nodes: &fakeNodes{}}}})
	require.NoError(t, err)
	return func(n int, more string) *httptest.ResponseRecorder {
		body := fmt.Sprintf(`{"to":"0x%040x","function":"count()"%s}`, 0x1000+n, more) // no two are equal
		req := httptest.NewRequest(http.MethodPost, "/v1/calls", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		gw.ServeHTTP(answer, req)
		return answer
	}
}

func TestALimitOfReadsRefusesOrWaits(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			call := guarded(t, chaintest.New("a:1"), []string{"a:1"}, guard.Config{Query: guard.Policy{Rate: 1, Burst: 1, Refuse: refuse}})
			began := time.Now()
			require.Equal(t, http.StatusOK, call(1, "").Code)
			require.Zero(t, time.Since(began))
			second := call(2, "")
			if refuse {
				require.Equal(t, http.StatusTooManyRequests, second.Code, "%s", second.Body)
				require.Equal(t, "1", second.Header().Get("Retry-After"))
				require.Zero(t, time.Since(began), "at once")
				time.Sleep(time.Second)
				require.Equal(t, http.StatusOK, call(3, "").Code, "as Retry-After said")
				return
			}
			require.Equal(t, http.StatusOK, second.Code, "%s", second.Body)
			require.Equal(t, time.Second, time.Since(began).Round(time.Millisecond))
		})
	}
}

func TestOpenBreakersSayWhenToComeBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := []string{"a:1", "b:1"}
		c := chaintest.New(nodes...)
		call := guarded(t, c, nodes, guard.Config{Query: guard.Policy{Retries: -1, Breaker: guard.Breaker{OpenFor: 2500 * time.Millisecond}}})
		broken := func(_ context.Context, op string) error {
			if op == "call" {
				return &chain.Error{Kind: chain.KindNode, Msg: "inner text"}
			}
			return nil
		}
		c.SetAll(func(n *chaintest.Node) { n.Ask = broken })
		first := call(0, "")
		require.Equal(t, http.StatusBadGateway, first.Code)
		require.Contains(t, first.Body.String(), `"kind":"node","durationMs"`)
		var last *httptest.ResponseRecorder
		for n := 1; n < 12; n++ { // five failures in a row open the breaker of a node
			last = call(n, "")
		}
		require.Equal(t, http.StatusServiceUnavailable, last.Code, "%s", last.Body)
		require.Equal(t, "3", last.Header().Get("Retry-After"), "2.5 s, rounded up")

		c.SetAll(func(n *chaintest.Node) { n.Ask = nil })
		time.Sleep(3 * time.Second)
		require.Equal(t, http.StatusOK, call(20, "").Code)
	})
}

func TestAnswersAreKeptAndOutdatedOnesGivenWhenAllowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := chaintest.New("a:1")
		call := guarded(t, c, []string{"a:1"}, guard.Config{})
		told := func(answer *httptest.ResponseRecorder) (told CallAnswer) {
			require.Equal(t, http.StatusOK, answer.Code, "%s", answer.Body)
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &told))
			return told
		}
		require.Equal(t, "node", told(call(1, "")).Source)
		time.Sleep(300 * time.Millisecond)
		kept := told(call(1, `,"attempts":true`))
		require.Equal(t, "cache", kept.Source)
		require.EqualValues(t, 300, *kept.AgeMS)
		require.Empty(t, kept.Attempts, "no node was asked")

		c.Cut("a:1", chaintest.Refused)
		time.Sleep(700 * time.Millisecond)
		require.Equal(t, http.StatusServiceUnavailable, call(1, "").Code)
		require.Equal(t, http.StatusServiceUnavailable, call(1, `,"maxStaleMs":500`).Code, "it is older")
		stale := told(call(1, `,"maxStaleMs":60000`))
		require.Equal(t, "stale", stale.Source)
		require.GreaterOrEqual(t, *stale.AgeMS, int64(1000))
	})
}
