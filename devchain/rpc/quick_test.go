package rpc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuickRequestTakesWhatClientsWrite(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"jsonrpc":"2.0","method":"sendTransaction","params":["group0","","0x1a2b",false],"id":7}`,
		`{"id":-7,"jsonrpc":"2.0","method":"getBlockNumber","params":["group0",""]}` + "\n",
		" {\t\"params\" : [ null , true,0, -12 ] , \"id\":0,\"method\":\"\",\"jsonrpc\":\"\" }\r\n",
		`{"jsonrpc":"2.0","method":"getGroupList","params":[],"id":1}`,
	} {
		quick, ok := quickRequest([]byte(text))
		require.True(t, ok, text)
		slow, wrong := parseTree([]byte(text))
		require.Nil(t, wrong, text)
		require.Equal(t, slow, quick, text)
	}
}

func TestQuickRequestLeavesTheRest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "{", "{}", "[]", "null", `"x"`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":1} more`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":1,"id":2}`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":1,"x":2}`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":1,}`,
		`{,"jsonrpc":"2.0","method":"m","params":[],"id":1}`,
		`{"jsonrpc":"2.0" "method":"m","params":[],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":[]}`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":1.5}`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":01}`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":"1"}`,
		`{"jsonrpc":"2.0","method":"m","params":[],"id":99999999999999999999}`,
		`{"jsonrpc":2.0,"method":"m","params":[],"id":1}`,
		`{"jsonrpc":"2.0","method":"\u006d","params":[],"id":1}`,
		"{\"jsonrpc\":\"2.0\",\"method\":\"\u00e9\",\"params\":[],\"id\":1}",
		"{\"jsonrpc\":\"2.0\",\"method\":\"a\nb\",\"params\":[],\"id\":1}",
		`{"jsonrpc":"2.0","method":"m","params":[1,],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":[1 2],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":[nul],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":[-],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":[{}],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":["x],"id":1}`,
		`{"jsonrpc":"2.0","method":"m","params":{},"id":1}`,
	} {
		_, ok := quickRequest([]byte(text))
		require.False(t, ok, text)
	}
}

// What is read quickly is read as it is otherwise.
func FuzzQuickRequest(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","method":"sendTransaction","params":["group0","","0x1a2b",false],"id":7}`))
	f.Add([]byte("{\"params\":[null,true,0,-12 ] , \"id\":0,\"method\":\"\",\"jsonrpc\":\"\" }\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		quick, ok := quickRequest(body)
		if !ok {
			return
		}
		slow, wrong := parseTree(body)
		require.Nil(t, wrong)
		require.Equal(t, slow, quick)
		for i := range quick.Params {
			require.Equal(t, params{slow.Params[i]}.text(0), quick.Params.text(i))
		}
	})
}
