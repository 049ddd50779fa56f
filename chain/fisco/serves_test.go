package fisco

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
)

// notice is a group notification with these nodes, or none of the member at all.
func notice(nodes string) []byte {
	if nodes != "" {
		nodes = `,"nodeList":` + nodes
	}
	return []byte(`{"chainID":"chain0","groupID":"group0","genesisConfig":"","iniConfig":""` + nodes + `}`)
}

func TestServesAsNotificationsTell(t *testing.T) {
	t.Parallel()
	air := fakeHandshake
	pro := strings.Replace(air, `"type":0,`, `"type":0,"microService":true,`, 1)
	several := strings.Replace(air, `"nodeList":[`, `"nodeList":[{"name":"m","nodeID":"m","type":0,"iniConfig":"{}"},`, 1)
	for name, c := range map[string]struct {
		handshake string
		news      []byte
		text      string // empty: it serves
	}{
		"nothing new":               {air, notice(`[{"name":"n"}]`), ""},
		"more nodes":                {air, notice(`[{"name":"m"},{"name":"n"}]`), ""},
		"without a list":            {air, notice(""), ""},
		"no list":                   {air, notice("null"), ""},
		"no node":                   {air, notice("[]"), "at HOST: wrong_chain: no node serves group group0 of chain chain0 any more"},
		"the node itself is gone":   {air, notice(`[{"name":"m"}]`), "the node is no longer among those that serve group group0 of chain chain0"},
		"another node of a service": {pro, notice(`[{"name":"m"}]`), ""},
		"no node of a service":      {pro, notice("[]"), "no node serves group group0"},
		"one of several":            {several, notice(`[{"name":"x"}]`), ""},
		"another group":             {air, []byte(`{"chainID":"chain0","groupID":"other","genesisConfig":"","iniConfig":"","nodeList":[]}`), ""},
		"another chain":             {air, []byte(`{"chainID":"other","groupID":"group0","genesisConfig":"","iniConfig":"","nodeList":[]}`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := startNode(t, &fakeNode{handshake: c.handshake}, nil)
			client := dialNode(t, node)
			require.NoError(t, client.Serves())
			tell := func(news []byte, block int) { // frames are read in their order
				node.session(t).frame(uint16(FrameGroupNotify), "", news)
				node.session(t).push("group0", block)
				require.Eventually(t, func() bool {
					head, err := client.Head(t.Context())
					return err == nil && head.Number == uint64(block)
				}, 20*time.Second, time.Millisecond)
			}
			tell(c.news, 1000)
			err := client.Serves()
			if c.text == "" {
				require.NoError(t, err)
				return
			}
			require.True(t, chain.Is(err, chain.KindWrongChain))
			require.ErrorContains(t, err, strings.Replace(c.text, "HOST", node.addr, 1))
			tell(notice(`[{"name":"n"}]`), 1001)
			require.NoError(t, client.Serves(), "it came back")
		})
	}
}
