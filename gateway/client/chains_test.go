package client

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

func TestChainsAreRead(t *testing.T) {
	t.Parallel()
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "GET /v1/chains", r.Method+" "+r.URL.Path)
		_, _ = io.WriteString(w, `{"chains":[{"name":"main","nodes":[{"node":"a:1","online":true,"usable":false,"lag":3,"latencyMs":1.5,
			"exclusions":[{"reason":"cordoned","text":"new disk","since":"2023-11-14T22:13:20Z"}],"connections":{"open":2,"idle":1},
			"breakers":[{"class":"query","state":"open","openForMs":700}]}]}]}`)
	})
	chains, err := c.Chains(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Chain{{Name: "main", Nodes: []Node{{Node: "a:1", Online: true, Lag: 3, LatencyMS: 1.5,
		Exclusions:  []Exclusion{{Reason: "cordoned", Text: "new disk", Since: time.Unix(1_700_000_000, 0).UTC()}},
		Connections: NodeConns{Open: 2, Idle: 1}, Breakers: []NodeBreaker{{Class: "query", State: "open", OpenForMS: 700}}}}}}, chains)
}

func TestCordonsAreAskedFor(t *testing.T) {
	t.Parallel()
	var asked []string
	failures := 1 // of the first attempts
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+string(body))
		if failures > 0 {
			failures--
			writeProblem(w, Problem{Status: http.StatusServiceUnavailable})
			return
		}
		_, _ = io.WriteString(w, `{"node":{"node":"[::1]:2","usable":true},"warning":"careful"}`)
	})
	change, err := c.CordonNode(t.Context(), "main", "[::1]:2", "new disk")
	require.NoError(t, err)
	require.Equal(t, NodeChange{Node: Node{Node: "[::1]:2", Usable: true}, Warning: "careful"}, change)
	_, err = c.UncordonNode(t.Context(), "main", "[fe80::1%eth0]:2")
	require.NoError(t, err)
	cordon := `POST /v1/chains/main/nodes/[::1]:2/cordon {"reason":"new disk"}`
	require.Equal(t, []string{cordon, cordon, "POST /v1/chains/main/nodes/[fe80::1%eth0]:2/uncordon "}, asked, "both may be repeated")
}

func TestCallsTellWhatWasTried(t *testing.T) {
	t.Parallel()
	fail := false
	c := gatewayStub(t, func(w http.ResponseWriter, r *http.Request) {
		if fail {
			writeProblem(w, Problem{Status: http.StatusBadRequest, Attempts: []CallAttempt{{Node: "a:1", Kind: chain.KindNode, DurationMS: 2}}})
			return
		}
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.JSONEq(t, `{"function":"f","maxStaleMs":5000,"attempts":true}`, string(body))
		_, _ = io.WriteString(w, `{"output":"0x","source":"stale","ageMs":1500,"attempts":[{"node":"a:1","kind":"timeout","durationMs":2.5}]}`)
	})
	got, err := c.Call(t.Context(), CallRequest{Function: "f", MaxStaleMS: 5000, Attempts: true})
	require.NoError(t, err)
	age := int64(1500)
	require.Equal(t, CallResult{Output: "0x", Source: chain.SourceStale, AgeMS: &age,
		Attempts: []CallAttempt{{Node: "a:1", Kind: chain.KindTimeout, DurationMS: 2.5}}}, got)

	fail = true
	_, err = c.Call(t.Context(), CallRequest{Function: "f"})
	var refused *Problem
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []CallAttempt{{Node: "a:1", Kind: chain.KindNode, DurationMS: 2}}, refused.Attempts)
}
