//go:build linux

package main

import (
	"bytes"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/internal/pgtest"
)

// The small form of make torture: the engine and nodes are killed with SIGKILL at
// random moments, answers are lost after the execution, and every row is executed
// exactly once, as the chain, the report and the store say.
func TestEveryRowOnceHoweverOftenEngineAndNodesAreKilled(t *testing.T) {
	t.Parallel()
	for _, store := range []string{onSQLite, onPostgres} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			if store == onPostgres {
				pgtest.Need(t)
			}
			bin, err := programs()
			require.NoError(t, err)
			var out, told bytes.Buffer
			cfg := tortureConfig{root: "../..", bin: bin, dir: t.TempDir(), store: store, gateways: 3, restarts: 2,
				rows: 300, kills: 12, nodes: 4, nodeKills: 5, drop: 5, seed: rand.Uint64(), out: &out, told: &told}
			result, err := runTorture(t.Context(), cfg)
			require.NoError(t, err, "%s%s", &out, &told)
			require.Equal(t, tortureResult{rows: 300, confirmed: 300, kills: 17}, result, "%s%s", &out, &told)
			lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
			require.Equal(t, "rows=300 confirmed=300 lost=0 duplicates=0 kills=17", string(lines[len(lines)-1]))
			t.Logf("%s", &out)
		})
	}
}

func TestARowIsReadBackFromItsTransaction(t *testing.T) {
	t.Parallel()
	rows := newRowSet(1000, 7)
	for _, row := range []int{1, 9, 10, 1000} {
		require.Equal(t, row, rows.rowOf(rows.input(row)))
	}
	require.Zero(t, newRowSet(1000, 8).rowOf(rows.input(5)), "a row of another input")
	require.Zero(t, newRowSet(1001, 7).rowOf(rows.input(5)), "a row of a longer input")
	other := rows.input(5)
	other[len(other)-20] ^= 1
	require.Zero(t, rows.rowOf(other), "another text")
	require.Zero(t, rows.rowOf(rows.input(5)[:40]))
	require.Zero(t, rows.rowOf(nil))
}

// goodTruth is a chain that has executed every row once.
func goodTruth(n int) *truth {
	t := &truth{rows: newRowSet(n, 1), good: make([]execution, n+1), seen: make([]int, n+1), strangers: 1}
	for row := 1; row <= n; row++ {
		t.good[row], t.seen[row] = execution{hash: "0x" + strconv.Itoa(row), block: 2 + row/3}, 1
	}
	return t
}

// writeTestReport writes what a report of goodTruth is, after change.
func writeTestReport(t *testing.T, chain *truth, change func(records [][]string) [][]string) string {
	t.Helper()
	records := [][]string{{"digest", "text", "_state", "_error", "_tx_hash", "_block", "_status"}}
	for row := 1; row <= chain.rows.count; row++ {
		e := chain.good[row]
		records = append(records, append(chain.rows.cells(row), "confirmed", "", e.hash, strconv.Itoa(e.block), "0"))
	}
	path := filepath.Join(t.TempDir(), "report.csv")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, csv.NewWriter(f).WriteAll(change(records)))
	require.NoError(t, f.Close())
	return path
}

func TestWhatTheChainBreaksIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change                  func(*truth)
		found, lost, duplicates int
	}{
		"nothing":                  {func(*truth) {}, 0, 0, 0},
		"a row was not executed":   {func(c *truth) { c.good[4], c.seen[4] = execution{}, 0 }, 1, 1, 0},
		"a row has only reverted":  {func(c *truth) { c.good[4] = execution{} }, 1, 1, 0},
		"a row was executed twice": {func(c *truth) { c.seen[4] = 2 }, 1, 0, 1},
		"a row was sent four times and another not at all": {func(c *truth) {
			c.seen[4], c.good[5], c.seen[5] = 4, execution{}, 0
		}, 2, 1, 3},
		"a transaction nobody knows": {func(c *truth) { c.strangers++ }, 1, 0, 0},
	} {
		chain := goodTruth(10)
		c.change(chain)
		var found findings
		lost, duplicates := chain.once(&found)
		require.Equal(t, []int{c.found, c.lost, c.duplicates}, []int{found.count, lost, duplicates}, "%s: %q", name, found.words)
	}
}

func TestWhatAReportSaysWrongIsFound(t *testing.T) {
	t.Parallel()
	chain := goodTruth(10)
	set := func(row, column int, text string) func([][]string) [][]string {
		return func(records [][]string) [][]string { records[row][column] = text; return records }
	}
	for name, c := range map[string]struct {
		change           func([][]string) [][]string
		confirmed, found int
	}{
		"nothing":               {func(r [][]string) [][]string { return r }, 10, 0},
		"another state":         {set(3, 2, "unknown"), 9, 1},
		"another hash":          {set(3, 4, "0x4"), 9, 1},
		"another block":         {set(3, 5, "1"), 9, 1},
		"another status":        {set(3, 6, "16"), 9, 1},
		"another text":          {set(3, 1, "record 4"), 10, 1},
		"a row is missing":      {func(r [][]string) [][]string { return r[:10] }, 9, 1},
		"a row too many":        {func(r [][]string) [][]string { return append(r, r[1]) }, 10, 2},
		"rows in another order": {func(r [][]string) [][]string { r[3], r[4] = r[4], r[3]; return r }, 8, 4},
	} {
		var found findings
		confirmed, err := chain.compareReport(writeTestReport(t, chain, c.change), &found)
		require.NoError(t, err)
		require.Equal(t, []int{c.confirmed, c.found}, []int{confirmed, found.count}, "%s: %q", name, found.words)
	}
	_, err := chain.compareReport(filepath.Join(t.TempDir(), "none.csv"), &findings{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestMomentsReachTheirNumberInEveryPhase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rows, kills int }{{100, 9}, {400, 13}, {100_000, 52}, {1_000_000, 200}} {
		moments := engineMoments(rand.New(rand.NewPCG(1, 2)), c.rows, c.kills)
		require.Len(t, moments, c.kills)
		count := map[phase]int{}
		last := 0
		for _, m := range moments {
			count[m.phase]++
			if m.phase == sending || m.phase == ending {
				require.GreaterOrEqual(t, m.rows, last, "in their order")
				require.LessOrEqual(t, m.rows, c.rows)
				last = m.rows
			}
		}
		for _, in := range []phase{loading, starting, sending, ending} {
			require.NotZero(t, count[in], in)
		}
		require.Greater(t, count[sending], c.kills/3)
		require.Equal(t, moments, engineMoments(rand.New(rand.NewPCG(1, 2)), c.rows, c.kills), "the same seed gives the same moments")
	}
}
