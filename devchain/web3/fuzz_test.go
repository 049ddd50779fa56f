package web3

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever comes in is answered with JSON that says jsonrpc 2.0.
func FuzzRespond(f *testing.F) {
	w := newWorld(f)
	for _, body := range []string{
		``, `[]`, `{}`, `[1,{}]`, `{bad`, `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x12","data":"0x1","value":"0x"},"latest"]}`,
		`{"jsonrpc":"2.0","id":"x","method":"eth_sendRawTransaction","params":["0xf9"]}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","toBlock":"latest","address":[[]],"topics":[[],null,{}]}]}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getStorageAt","params":["0x","0xzz"]}`,
		`{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0xffffffffffffffff",1]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := w.server.respond(t.Context(), body, nil)
		require.True(t, json.Valid(answer), "%s", answer)
		var one struct{ JSONRPC string }
		var many []struct{ JSONRPC string }
		if json.Unmarshal(answer, &one) != nil {
			require.NoError(t, json.Unmarshal(answer, &many))
			one = many[len(many)-1]
		}
		require.Equal(t, "2.0", one.JSONRPC)
	})
}
