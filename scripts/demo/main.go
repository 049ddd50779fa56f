//go:build unix

// Command demo shows the main job on an embedded default: every file under the
// Go toolchain's own src is hashed, and its digest and path are put on a chain
// of four development nodes through a running gateway; then a hundred records
// are read back and compared with the files, and everything is cleaned up.
//
// It runs from the root of the repository after `make build`. It uses only the
// programs that a user has: scripts/build_chain.sh, gateway and batchcall.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "folder with the built programs")
	src := flag.String("src", "", "folder whose files are put on the chain (default: the Go toolchain's src)")
	out := flag.String("out", "data/demo", "folder that keeps the report")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *bin, *src, *out)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "demo: interrupted; the chain and the gateway are stopped and their files removed")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run does the whole demonstration and removes everything but the report.
func run(ctx context.Context, bin, src, out string) (err error) {
	if src == "" {
		if src, err = toolchainSource(ctx); err != nil {
			return err
		}
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bcosgate-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	step("hashing every file under %s", src)
	input := filepath.Join(work, "files.csv")
	records, files, err := writeRecords(ctx, src, input)
	if err != nil {
		return err
	}
	say("%d files, %d different contents: one record each, with the digest and every path that has it", files, len(records))

	step("making a chain of four nodes with scripts/build_chain.sh, and starting it")
	chain, err := startChain(ctx, work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, chain.stop()) }()

	step("starting the gateway")
	gw, err := startGateway(ctx, bin, work, chain)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gw.stop()) }()
	say("the gateway answers on %s with four nodes behind it", gw.url)

	step("deploying the contract Evidence")
	if err := command(ctx, bin, "batchcall", "deploy", "Evidence", "--gateway", gw.url); err != nil {
		return err
	}

	step("putting %d records on the chain", len(records))
	report := filepath.Join(out, "report.csv")
	began := time.Now()
	err = command(ctx, bin, "batchcall", "run", "-f", input, "--contract", "Evidence",
		"--fn", "save(bytes32,string)", "--gateway", gw.url, "--report", report)
	if err != nil {
		return err
	}
	took := time.Since(began)

	step("reading a hundred random records back from the chain")
	if err := checkRecords(ctx, gw, src, records, 100); err != nil {
		return err
	}
	say("all of them are what the files hash to now")

	sum, err := countReport(report)
	if err != nil {
		return err
	}
	if err := sum.countDuplicates(ctx, gw, chain); err != nil {
		return err
	}
	abs, err := filepath.Abs(report)
	if err != nil {
		return err
	}
	say("the report is %s", abs)
	fmt.Printf("%s rate=%.0f/s\n", sum, float64(sum.confirmed)/took.Seconds())
	return sum.verdict(len(records))
}

func step(format string, args ...any) { fmt.Printf("==> "+format+"\n", args...) }
func say(format string, args ...any)  { fmt.Printf("    "+format+"\n", args...) }
