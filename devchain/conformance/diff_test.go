package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/golden"
)

// variant is a line of tx/NAME.diff.jsonl: members of the answer to line N of the
// base recording that were others on a chain with the settings of NAME.
type variant struct {
	N    int
	Here map[string]json.RawMessage
}

// variantOf gives the base recording of a diff file and what was recorded on its
// own chain: the entries of the base with the differing members replaced.
func variantOf(t *testing.T, file string) []golden.Entry {
	t.Helper()
	chain, _, _ := strings.Cut(strings.TrimPrefix(file, "tx/"), ".diff.")
	base, _, _ := strings.Cut(chain, "-")
	changes := map[int]variant{}
	for _, line := range golden.Lines(t, file) {
		if line == "" {
			continue
		}
		var v variant
		require.NoError(t, json.Unmarshal([]byte(line), &v))
		changes[v.N] = v
	}
	entries, _ := golden.SupportingLedger(t, base)
	for i, e := range entries {
		v, ok := changes[e.N]
		if !ok {
			continue
		}
		delete(changes, e.N)
		entries[i].Receipt = patched(t, e.Receipt, v.Here)
		if e.Request == nil && v.Here["hash"] != nil && failed(e.Response, v.Here) {
			v.Here["hash"] = json.RawMessage(`"0x"`) // as answers to sends have it
		}
		entries[i].Response = patched(t, e.Response, v.Here)
	}
	require.Empty(t, changes, "lines that the base recording does not have")
	return entries
}

// failed reports whether the transaction failed on the variant's chain.
func failed(response json.RawMessage, here map[string]json.RawMessage) bool {
	if status, ok := here["status"]; ok {
		return string(status) != "0"
	}
	return strings.Contains(string(response), `"hash":"0x"`)
}

// patched is an answer with members of its result replaced, or all of it.
func patched(t *testing.T, answer json.RawMessage, members map[string]json.RawMessage) json.RawMessage {
	t.Helper()
	if answer == nil {
		return nil
	}
	var whole map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(answer, &whole))
	if result, ok := members["result"]; ok {
		whole["result"] = result
	} else {
		var result map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(whole["result"], &result))
		for name, value := range members {
			result[name] = value
		}
		text, err := json.Marshal(result)
		require.NoError(t, err)
		whole["result"] = text
	}
	text, err := json.Marshal(whole)
	require.NoError(t, err)
	return text
}
