package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// desk is a folder with a store, on one chain.
type desk struct {
	t   *testing.T
	w   *world
	dir string
}

// try runs a command to its end.
func (d desk) try(args ...string) (exitCode, string) {
	d.t.Helper()
	var out bytes.Buffer
	if args[0] != "sign" {
		args = append(args, "--node", d.w.node, "--certs", d.w.certs, "--store", d.path("jobs.db"))
	}
	code := execute(d.t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &out})
	return code, out.String()
}

func (d desk) must(args ...string) string {
	d.t.Helper()
	code, out := d.try(args...)
	require.Equal(d.t, exitOK, code, out)
	return out
}

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

// rows writes a file of n rows that nobody else has.
func (d desk) rows(name string, n int) string {
	d.t.Helper()
	text := "digest,text\n"
	for i := range n {
		text += fmt.Sprintf("0x%x,%s %d\n", suite.Standard.Hash([]byte(name), []byte{byte(i >> 8), byte(i)}), name, i)
	}
	require.NoError(d.t, os.WriteFile(d.path(name), []byte(text), 0o600))
	return d.path(name)
}

// signed plans and signs a file of n rows.
func (d desk) signed(name string, n int, ahead string) string {
	d.t.Helper()
	key, err := suite.GenerateKey(suite.Standard)
	require.NoError(d.t, err)
	text, err := key.MarshalPEM()
	require.NoError(d.t, err)
	require.NoError(d.t, os.WriteFile(d.path(name+".pem"), text, 0o600))
	unsigned, file := d.path(name+".unsigned"), d.path(name+".signed")
	d.must("plan", "-f", d.rows(name, n), "--contract", "Evidence", "--fn", "save", "--signer", key.Address().Hex(), "--unsigned", unsigned, "--block-limit-ahead", ahead)
	d.must("sign", unsigned, "--key", d.path(name+".pem"), "-o", file, "--yes")
	return file
}

// count is how many digests the contract has saved.
func (d desk) count() string {
	lines := strings.Fields(d.must("call", "--contract", "Evidence", "--fn", "count", "-o", "csv"))
	return strings.TrimPrefix(lines[len(lines)-1], ",uint256,")
}

func newDesk(t *testing.T) desk {
	d := desk{t: t, w: newWorld(t, 20*time.Millisecond), dir: t.TempDir()}
	d.must("deploy", "Evidence")
	return d
}

func TestSignedRowsThatComeTooLate(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	late := d.signed("late", 5, "3")
	part := d.signed("part", 120, "12")

	// One row a block: the limit comes long before the end. Somebody else makes the
	// blocks that the proof needs.
	type ended struct {
		code exitCode
		out  string
	}
	done := make(chan ended, 1)
	go func() {
		code, out := d.try("send", part, "--in-flight", "1", "--report", d.path("report.csv"))
		done <- ended{code, out}
	}()
	other := desk{t: t, w: d.w, dir: t.TempDir()}
	var got ended
	for {
		select {
		case got = <-done:
		case <-time.After(10 * time.Millisecond):
			other.must("deploy", "Evidence")
			continue
		}
		break
	}
	require.Equal(t, exitFailed, got.code, got.out)
	require.Contains(t, got.out, "it was not included before its block limit")
	require.Contains(t, got.out, "did not land and cannot any more: no receipt at block ")
	report, err := os.ReadFile(d.path("report.csv"))
	require.NoError(t, err)
	confirmed := strings.Count(string(report), ",confirmed,")
	require.Positive(t, confirmed)
	require.Less(t, confirmed, 13)
	require.Equal(t, fmt.Sprint(confirmed), d.count(), "the report is the chain's truth")
	failed, err := os.ReadFile(part + ".failed.csv")
	require.NoError(t, err)
	require.Equal(t, 120-confirmed+1, strings.Count(string(failed), "\n"), "the others can be planned again")

	code, out := d.try("send", late)
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "has passed: the chain is at block")
	require.Contains(t, out, "plan the rows again")
	require.Equal(t, fmt.Sprint(confirmed), d.count())
}

func TestSignedRowsOfAnotherChain(t *testing.T) {
	t.Parallel()
	d, elsewhere := newDesk(t), newDesk(t)
	file := d.signed("rows", 3, "100")
	code, out := elsewhere.try("send", file)
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "for another chain")
	require.Equal(t, "0", elsewhere.count())
	code, out = elsewhere.try("send", file, "--chain", "chain1")
	require.NotEqual(t, exitOK, code, out)
	require.Equal(t, "0", elsewhere.count())

	// A file that was changed, its end mended, is found by what was signed.
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := strings.Replace(string(text), "rows 1", "rows 9", 1)
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(d.path("changed.signed"), []byte(changed), 0o600))
	code, out = d.try("send", d.path("changed.signed"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, out, "the file is not what was written")
	require.Equal(t, "0", d.count())
	d.must("send", file)
	require.Equal(t, "3", d.count())
}
