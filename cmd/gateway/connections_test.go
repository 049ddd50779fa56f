package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// readOf is a read that no other one is equal to: nothing of it is merged or kept.
func readOf(n int, more string) string {
	return fmt.Sprintf(`{"to":"0x%040x","function":"count()"%s}`, 0x10000+n, more)
}

// nodeOf is how the API shows a node.
func (s *service) node(name string) map[string]any {
	s.t.Helper()
	chains := s.ok(http.StatusOK, "GET", "/v1/chains", "")["chains"].([]any)
	for _, n := range chains[0].(map[string]any)["nodes"].([]any) {
		if node := n.(map[string]any); node["node"] == name {
			return node
		}
	}
	require.FailNow(s.t, "no such node", name)
	return nil
}

func TestACordonOutlivesTheGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	s := w.run().ready()
	taken, other := w.net.Nodes[0], w.net.Nodes[1]
	path := "/v1/chains/main/nodes/" + taken
	changed := s.ok(http.StatusOK, "POST", path+"/cordon", `{"reason":"new disk"}`)
	require.Equal(t, false, changed["node"].(map[string]any)["usable"])

	for i := range 4 {
		answer := s.ok(http.StatusOK, "POST", "/v1/calls", readOf(i, `,"attempts":true`))
		require.Equal(t, "node", answer["source"])
		require.Equal(t, other, answer["attempts"].([]any)[0].(map[string]any)["node"])
	}
	require.Equal(t, exitOK, s.stop())

	s = w.run().ready()
	s.eventually(func() bool { return s.node(taken)["online"] == true })
	node := s.node(taken)
	require.Equal(t, false, node["usable"], "%v", node)
	require.Contains(t, fmt.Sprint(node["exclusions"]), "new disk")
	answer := s.ok(http.StatusOK, "POST", "/v1/calls", readOf(9, `,"attempts":true`))
	require.Equal(t, other, answer["attempts"].([]any)[0].(map[string]any)["node"])

	last := s.ok(http.StatusOK, "POST", "/v1/chains/main/nodes/"+other+"/cordon", "")
	require.Contains(t, last["warning"], "no node of target main can be used")
	require.Contains(t, fmt.Sprint(s.ok(http.StatusServiceUnavailable, "GET", "/readyz", "")), "new disk")
	refused := s.ok(http.StatusServiceUnavailable, "POST", "/v1/calls", readOf(10, ""))
	require.Equal(t, "chain_unavailable", refused["code"])
	require.NotEmpty(t, refused["attempts"])

	s.ok(http.StatusOK, "POST", "/v1/chains/main/nodes/"+other+"/uncordon", "")
	back := s.ok(http.StatusOK, "POST", path+"/uncordon", "")
	require.Equal(t, true, back["node"].(map[string]any)["usable"], "%v", back)
	require.Equal(t, exitOK, s.stop())
	s = w.run().ready()
	s.eventually(func() bool { return s.node(taken)["usable"] == true })
}

func TestAFullLimitRefusesOrWaitsAsConfigured(t *testing.T) {
	t.Parallel()
	ask := func(calls string) (s *service, first, second *http.Response) {
		w := newWorld(t, 20*time.Millisecond).serve()
		w.write("gateway.yaml", w.config("")+"    calls: "+calls+"\n")
		s = w.run().ready()
		call := func(n int) *http.Response {
			resp, err := s.client.Post(s.url+"/v1/calls", "application/json", strings.NewReader(readOf(n, "")))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return resp
		}
		first = call(1)
		return s, first, call(2)
	}
	limited := func(s *service) string {
		_, metrics := s.do("GET", "/metrics", "", "")
		return string(metrics)
	}

	// So slow that it is still full at the second call, however slow the machine is.
	s, first, second := ask("{query: {rate: 0.02, burst: 1, when_full: refuse}}")
	require.Equal(t, http.StatusOK, first.StatusCode)
	require.Equal(t, http.StatusTooManyRequests, second.StatusCode)
	seconds, err := strconv.Atoi(second.Header.Get("Retry-After"))
	require.NoError(t, err)
	require.Greater(t, seconds, 0)
	require.LessOrEqual(t, seconds, 50)
	require.Contains(t, limited(s), `bcosgate_calls_limited_total{class="query",limit="rate",refused="true",target="main"} 1`)

	s, first, second = ask("{query: {rate: 10, burst: 1, when_full: wait}}")
	require.Equal(t, http.StatusOK, first.StatusCode)
	require.Equal(t, http.StatusOK, second.StatusCode)
	text := limited(s)
	require.NotContains(t, text, `refused="true"`)
	require.Contains(t, text, `bcosgate_calls_total{class="query",op="call",outcome="ok",source="node",target="main"} 2`)
}

func TestChainsShowConnectionsAndPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20*time.Millisecond).serve()
	w.write("gateway.yaml", w.config("")+"    calls: {write: {in_flight: 7}}\n")
	s := w.run().ready()
	s.eventually(func() bool {
		return s.node(w.net.Nodes[0])["usable"] == true && s.node(w.net.Nodes[1])["usable"] == true
	})
	for i := range 8 {
		s.ok(http.StatusOK, "POST", "/v1/calls", readOf(i, ""))
	}
	shown := s.ok(http.StatusOK, "GET", "/v1/chains", "")["chains"].([]any)[0].(map[string]any)
	require.EqualValues(t, 7, shown["calls"].(map[string]any)["write"].(map[string]any)["places"])
	stat := shown["pool"].(map[string]any)
	require.EqualValues(t, 2, stat["usable"])
	require.GreaterOrEqual(t, stat["leases"], 8.0)
	for _, name := range w.net.Nodes {
		node := s.node(name)
		require.Empty(t, node["exclusions"])
		require.GreaterOrEqual(t, node["connections"].(map[string]any)["open"], 1.0)
		for _, b := range node["breakers"].([]any) {
			require.Equal(t, "closed", b.(map[string]any)["state"])
		}
	}
	_, metrics := s.do("GET", "/metrics", "", "")
	for _, line := range []string{
		fmt.Sprintf(`bcosgate_node_breaker_state{class="query",node=%q,target="main"} 0`, w.net.Nodes[0]),
		`bcosgate_calls_in_flight_limit{class="write",target="main"} 7`,
		`bcosgate_pool_exclusions_began_total{reason="cordoned",target="main"} 0`,
	} {
		require.Contains(t, string(metrics), line)
	}
}
