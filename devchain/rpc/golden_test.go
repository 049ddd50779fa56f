package rpc

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// TestErrorsAreThoseOfTheRecordedNode puts every recorded request that a node
// refused to an empty chain and compares code, text, id and jsonrpc. Requests
// whose refusal depends on what was on that chain are left out.
func TestErrorsAreThoseOfTheRecordedNode(t *testing.T) {
	t.Parallel()
	e := newWorld(t, 1, -1).endpoint(nil)
	compared := 0
	for _, name := range []string{"envelope.txt", "lookup.txt", "call.txt", "config.txt", "send.txt"} {
		file, err := os.Open(golden.Path(t, "rpc/"+name))
		require.NoError(t, err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 64<<20)
		var sent string
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "> "); ok {
				sent = strings.ReplaceAll(text, `\n`, "\n")
				continue
			}
			want, ok := strings.CutPrefix(lines.Text(), "< ")
			if !ok || !strings.HasPrefix(want, `{"error"`) || dependsOnTheChain(sent, want) {
				continue
			}
			compared++
			require.Equal(t, withoutDump(t, want), withoutDump(t, e.post(sent)), "%s: %s", name, sent)
		}
		require.NoError(t, lines.Err())
		require.NoError(t, file.Close())
	}
	require.Greater(t, compared, 100)
}

func dependsOnTheChain(sent, want string) bool {
	// Pool refusals speak of transactions that are on the other chain; cut
	// transactions name the place in the decoder of the node.
	return strings.Contains(want, `"code":1000`) && strings.Contains(sent, "sendTransaction") || strings.Contains(want, "buffer overflow")
}

// withoutDump keeps the last line of a diagnostic dump: the rest names source files.
func withoutDump(t *testing.T, answer string) any {
	t.Helper()
	var a struct {
		Error struct {
			Code    int
			Message string
		}
		ID      int64
		JSONRPC string
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &a), answer)
	if a.Error.Code == codeOther {
		_, what, found := strings.Cut(a.Error.Message, "std::exception::what: ")
		require.True(t, found, a.Error.Message)
		a.Error.Message, _, _ = strings.Cut(what, "\n")
	}
	return a
}
