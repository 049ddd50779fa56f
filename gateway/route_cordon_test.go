package gateway

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

const nodesPath = "/v1/chains/main/nodes/"

func TestCordonTakesANodeOutAndUncordonLetsItIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.nodes.set(Node{Node: "a:1", Online: true, Usable: true}, Node{Node: "[::1]:2", Online: true, Usable: true})
	a := r.do("POST", nodesPath+"a:1/cordon", `{"reason":"new disk"}`)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	got := a.json(t)
	require.NotContains(t, got, "warning", "another node is left")
	node := got["node"].(map[string]any)
	require.Equal(t, "a:1", node["node"])
	require.Equal(t, false, node["usable"])
	require.Equal(t, true, node["online"])
	require.Equal(t, "new disk", node["exclusions"].([]any)[0].(map[string]any)["text"])

	again := r.do("POST", nodesPath+"a:1/cordon", `{"reason":"new disk"}`)
	require.Equal(t, http.StatusOK, again.status)
	require.JSONEq(t, string(a.body), string(again.body))

	last := r.do("POST", nodesPath+"[::1]:2/cordon", "")
	require.Equal(t, http.StatusOK, last.status, "a reason is not needed: %s", last.body)
	require.Equal(t, "no node of target main can be used now: calls fail, and jobs stand still", last.json(t)["warning"])
	require.Equal(t, http.StatusServiceUnavailable, r.do("GET", "/readyz", "").status)

	for range 2 {
		back := r.do("POST", nodesPath+"%5B::1%5D:2/uncordon", "")
		require.Equal(t, http.StatusOK, back.status, "%s", back.body)
		require.Equal(t, true, back.json(t)["node"].(map[string]any)["usable"])
		require.NotContains(t, back.json(t), "warning")
	}
}

func TestCordonOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, verb := range []string{"/cordon", "/uncordon"} {
		p := r.problem(r.do("POST", nodesPath+"nowhere:1"+verb, ""), http.StatusNotFound, "node_unknown")
		require.Contains(t, p.Detail, `no node "nowhere:1"`)
		r.problem(r.do("POST", "/v1/chains/other/nodes/127.0.0.1:20200"+verb, ""), http.StatusNotFound, "chain_unknown")
	}
	r.problem(r.do("POST", nodesPath+"127.0.0.1:20200/cordon", `{"why":"x"}`), http.StatusUnprocessableEntity, "invalid_request")
	r.nodes.fail = &chain.Error{Kind: chain.KindNotFound, Msg: "it was taken off the list"}
	r.problem(r.do("POST", nodesPath+"127.0.0.1:20200/cordon", ""), http.StatusNotFound, "chain_not_found")
	r.gw.Drain()
	r.problem(r.do("POST", nodesPath+"127.0.0.1:20200/uncordon", ""), http.StatusServiceUnavailable, "stopping")
}
