//go:build unix

package main

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startTime starts devnode as a process of its own and gives the time until it
// says that its port is open; the process is stopped then.
func startTime(t testing.TB, program string, node nodeFolder) time.Duration {
	t.Helper()
	cmd := exec.Command(program, arguments(node)...)
	cmd.Env = environment("devnode")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill() }()
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan(), "it ended before its port was open")
	took := time.Since(begin)
	require.True(t, strings.HasPrefix(lines.Text(), "node0 listening on https://"), lines.Text())
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	for lines.Scan() { // to its end, which Wait would cut off
		continue
	}
	require.NoError(t, cmd.Wait())
	return took
}

// The first start, which makes the ledger, and the next one are soon over. They
// take a tenth of a second; the bound leaves room for a busy machine and the race
// detector, and one quiet moment is enough.
func TestStartIsQuick(t *testing.T) {
	t.Parallel()
	const bound = time.Second
	var first, next time.Duration
	for begin := time.Now(); time.Since(begin) < patience; {
		nodes, _ := folders(t, 1, 1, "")
		first, next = startTime(t, self(t), nodes[0]), startTime(t, self(t), nodes[0])
		if first < bound && next < bound {
			return
		}
	}
	t.Fatalf("the first start took %s, the next one %s", first, next)
}

// BenchmarkStart is the time from the start of the process until its port is open,
// on a ledger that is there.
func BenchmarkStart(b *testing.B) {
	nodes, _ := folders(b, 1, 1, "")
	program := self(b)
	startTime(b, program, nodes[0])
	var total time.Duration
	for b.Loop() {
		total += startTime(b, program, nodes[0])
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "start-ms")
}
