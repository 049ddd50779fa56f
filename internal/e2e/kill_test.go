//go:build unix

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The engine is killed with SIGKILL at random moments of a job and started
// again each time; in the end the chain has executed every row exactly once,
// the report agrees with the chain, and so do the store and two nodes.
func TestKilledEngineExecutesEveryRowOnce(t *testing.T) {
	t.Parallel()
	const rows, kills = 5000, 6
	w := newWorld(t, 2)
	w.run("deploy", "Evidence")
	input := filepath.Join(w.dir, "rows.csv")
	writeEvidenceRows(t, input, rows)
	// Limited so that the job lasts long enough to be killed six times.
	args := []string{"run", "-f", input, "--contract", "Evidence", "--fn", "save(bytes32,string)",
		"--rate", "900", "-o", "json"}

	for killed := 0; killed < kills; {
		cmd := w.batchcall(args...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		require.NoError(t, cmd.Start())
		exited := make(chan error, 1)
		go func() { exited <- cmd.Wait() }()
		moment := time.Duration(100+rand.IntN(600)) * time.Millisecond
		select {
		case err := <-exited:
			require.FailNow(t, "the job ended before it was killed often enough", "%v, after %d kills\n%s", err, killed, &errs)
		case <-time.After(moment):
		}
		require.NoError(t, cmd.Process.Kill())
		var exit *exec.ExitError
		require.True(t, errors.As(<-exited, &exit))
		require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal())
		killed++
		t.Logf("killed after %v", moment)
	}

	report := filepath.Join(w.dir, "report.csv")
	var job struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(w.run(append(args, "--report", report)...)), &job))
	w.run("reconcile", job.ID, "--nodes", "2", "--event", "Saved(bytes32,address,uint256,string)") // exits 0
	requireConfirmedOnce(t, report, input)
	require.Equal(t, rows, w.evidenceCount(), "records in the contract")
	total, failed := w.transactions()
	require.Equal(t, rows+1, total, "one transaction for each row and one for the deployment")
	require.Zero(t, failed, "a second execution would have reverted")
}

// evidenceCount asks the contract how many records it holds.
func (w *world) evidenceCount() int {
	w.t.Helper()
	var result struct {
		Outputs []struct{ Value string }
	}
	text := w.run("call", "--contract", "Evidence", "--fn", "count()", "-o", "json")
	require.NoError(w.t, json.Unmarshal([]byte(text), &result), "%s", text)
	require.Len(w.t, result.Outputs, 1, "%s", text)
	var n int
	_, err := fmt.Sscan(result.Outputs[0].Value, &n)
	require.NoError(w.t, err)
	return n
}

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
