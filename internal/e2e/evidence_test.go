//go:build unix

package e2e

import (
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func writeEvidenceRows(t *testing.T, path string, n int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("digest,text\n")
	for i := range n {
		fmt.Fprintf(&b, "0x%x,record %d\n", sha256.Sum256(fmt.Append(nil, t.Name(), i)), i)
	}
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
}

// requireConfirmedOnce checks that the report has the rows of the input in
// their order, each confirmed, each with a transaction of its own.
func requireConfirmedOnce(t *testing.T, report, input string) {
	t.Helper()
	got, want := readCSV(t, report), readCSV(t, input)
	require.Len(t, got, len(want))
	column := map[string]int{}
	for i, name := range got[0] {
		column[name] = i
	}
	hashes := map[string]bool{}
	for i := 1; i < len(want); i++ {
		require.Equal(t, want[i], got[i][:len(want[i])], "row %d", i)
		require.Equal(t, "confirmed", got[i][column["_state"]], "row %d: %v", i, got[i])
		hashes[got[i][column["_tx_hash"]]] = true
	}
	require.Len(t, hashes, len(want)-1, "a hash for each row")
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return records
}
