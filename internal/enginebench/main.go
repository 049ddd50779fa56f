//go:build linux

// Enginebench measures the job engine as its users have it: the program batchcall in
// its own process, a file of rows, a store on disk, mutual TLS, and a devnode with its
// ledger on disk that scripts/build_chain.sh has made. It is called in the root of the
// repository, and takes batchcall from -bin.
//
//	enginebench cost      what a row costs, and how near the engine comes to a bare replay
//	enginebench adaptive  how near the window that is found comes to the best fixed one
//
// Both end with status 1 when a bound is not kept. Runs that are compared take turns,
// because a machine is seldom as fast as a moment before. Cost compares those of one
// round, and the median of the rounds counts; adaptive has too many sizes for that,
// and the best run of each counts: other work only makes slower.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// errMissed means that a bound was not kept; it was printed.
var errMissed = errors.New("a bound is not kept")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "enginebench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "cost":
			return costCommand(ctx, args[1:])
		case "adaptive":
			return adaptiveCommand(ctx, args[1:])
		}
	}
	return errors.New("say what to measure: cost or adaptive")
}

// bench is what both measurements need.
type bench struct {
	rounds int
	bin    string // folder of batchcall
	dir    string // for everything that is written
	chain  *devnodes.Chain
	rows   int // that were written so far: every digest is saved once
}

// flags are those of both commands.
func (b *bench) flags(f *flag.FlagSet, rounds int) {
	f.IntVar(&b.rounds, "rounds", rounds, "how often each run is made")
	f.StringVar(&b.bin, "bin", "bin", "folder of batchcall")
}

// with builds a chain, lets do measure, and removes everything.
func (b *bench) with(ctx context.Context, do func() error) (err error) {
	if b.rounds < 1 {
		return errors.New("-rounds must be at least 1")
	}
	if b.dir, err = os.MkdirTemp("", "enginebench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.chain, err = devnodes.Build(ctx, ".", b.dir, 1, ""); err != nil {
		return err
	}
	return do()
}

func (b *bench) node() *devnodes.Node { return b.chain.Nodes[0] }
