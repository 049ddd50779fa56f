package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The inputs and roots are those that implementations of Certificate
// Transparency are tested with.
func TestTreeIsThatOfRFC6962(t *testing.T) {
	t.Parallel()
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	roots := []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tree Tree
	for i, want := range roots {
		root := tree.Root()
		require.Equal(t, want, hex.EncodeToString(root[:]), "%d leaves", i)
		if i < len(leaves) {
			data, err := hex.DecodeString(leaves[i])
			require.NoError(t, err)
			tree.Add(sha256.Sum256(append([]byte{0}, data...)))
		}
	}
	for range 100_000 {
		tree.Add(Hash{})
	}
	require.LessOrEqual(t, len(tree.roots), 17, "memory grows with the logarithm")
}

// An auditor comes to the same root with the definition alone.
func TestTheScriptOfTheDocumentFindsTheRoot(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	withID := newJob([]string{"_id", "文本"}, []json.RawMessage{
		json.RawMessage(`["a","两行\r\n与\n\"引号\""]`), json.RawMessage(`["","no key"]`), json.RawMessage(`["7",""]`)})
	for name, s := range map[string]*fakeSource{
		"cells":   newJob([]string{"digest", "text"}, cellRows(61)),
		"keys":    withID,
		"json":    newJob(nil, []json.RawMessage{json.RawMessage(`{"a": 1}`), json.RawMessage(`["<b>"]`)}),
		"no rows": newJob([]string{"a"}, nil),
		"long":    newJob([]string{"a"}, []json.RawMessage{json.RawMessage(fmt.Sprintf("[%q]", strings.Repeat("x", 200_000)))}),
	} {
		file := filepath.Join(t.TempDir(), "report.csv")
		require.NoError(t, os.WriteFile(file, []byte(write(t, s, Options{})), 0o600))
		out, err := exec.CommandContext(t.Context(), python, "../../docs/report-root.py", file).CombinedOutput()
		require.NoError(t, err, string(out))
		require.Equal(t, summaryOf(t, s).Merkle.Root, strings.TrimSpace(string(out)), name)
	}
}
