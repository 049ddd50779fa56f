//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// engineRun is one run of batchcall.
type engineRun struct {
	rows      int
	processor time.Duration // of the process from its start to its end
	sending   time.Duration // from the first row sent to the last row settled
	whole     time.Duration // with the start, the reading and the checking of the file
}

// perRow is what a row costs in processor time.
func (r engineRun) perRow() time.Duration { return r.processor / time.Duration(r.rows) }

// rate is how many rows a second are put on the chain, while they are.
func (r engineRun) rate() float64 { return float64(r.rows) / r.sending.Seconds() }

// target is how batchcall finds the contract.
type target struct {
	contract common.Address
	least    int // bounds of the window; 0 leave them to the engine
	most     int
}

// runEngine lets batchcall put n new rows on the chain, with a new store in a folder
// of storeDir.
func (b *bench) runEngine(ctx context.Context, t target, n int, storeDir string) (run engineRun, err error) {
	dir, err := os.MkdirTemp(storeDir, "enginebench-store-")
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	input := filepath.Join(b.dir, "rows.csv")
	if err := b.writeRows(input, n); err != nil {
		return run, err
	}
	config := filepath.Join(b.dir, "config.yaml")
	if err := os.WriteFile(config, []byte(b.config(t)), 0o600); err != nil {
		return run, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "batchcall"), "run", "-f", input, "--to", t.contract.Hex(), "--fn", "save(bytes32 digest,string text)",
		"--config", config, "--store", filepath.Join(dir, "store.db"), "-q", "-o", "json")
	var out, notes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &notes
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return run, fmt.Errorf("batchcall run: %w: %s%s", err, notes.Bytes(), out.Bytes())
	}
	run.whole = time.Since(began)
	var job struct {
		Started, Finished time.Time
		Counts            struct{ Confirmed int }
	}
	if err := json.Unmarshal(out.Bytes(), &job); err != nil {
		return run, fmt.Errorf("batchcall run: %w: %s", err, out.Bytes())
	}
	if job.Counts.Confirmed != n {
		return run, fmt.Errorf("%d of %d rows are confirmed", job.Counts.Confirmed, n)
	}
	run.rows, run.sending = n, job.Finished.Sub(job.Started)
	run.processor = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return run, nil
}

// config has the node as its only target.
func (b *bench) config(t target) string {
	limits := ""
	if t.most > 0 {
		limits = fmt.Sprintf("    limits: {in_flight_least: %d, in_flight: %d}\n", t.least, t.most)
	}
	return fmt.Sprintf("accounts:\n  - {name: main, file: account.pem, create: true}\ntargets:\n  - name: main\n    family: fisco3\n    chain: chain0\n    group: group0\n"+
		"    nodes: [%q]\n    tls: {dir: %s}\n    account: main\n%s", b.node().Address, b.chain.Certs, limits)
}

// writeRows writes a CSV of n rows that were in no file before.
func (b *bench) writeRows(path string, n int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "digest,text")
	for range n {
		b.rows++
		digest := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(b.rows)))
		fmt.Fprintf(w, "%x,row %08d\n", digest, b.rows)
	}
	return w.Flush()
}
