//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/internal/replay"
)

// The bounds of cost.
const (
	perRowBound  = 200 * time.Microsecond
	replayBound  = 0.95 // of a bare replay
	durableBound = 0.90 // of a store without a disk
)

// memoryDir is a file system in memory: a store there is the same engine with
// nothing durable.
const memoryDir = "/dev/shm"

func costCommand(ctx context.Context, args []string) error {
	var b bench
	f := flag.NewFlagSet("cost", flag.ContinueOnError)
	b.flags(f, 3)
	n := f.Int("n", 100_000, "rows of each run")
	window := f.Int("window", batch.DefaultInFlight, "transactions of the replay under way at a time")
	if err := f.Parse(args); err != nil {
		return err
	}
	return b.with(ctx, func() error { return b.cost(ctx, *n, *window) })
}

// cost compares runs on the same chain, each side on a core of its own.
func (b *bench) cost(ctx context.Context, n, window int) (err error) {
	if runtime.NumCPU() > 1 {
		if err := pin(ctx, os.Getpid(), 1); err != nil { // and with it the children
			return err
		}
	}
	if err := b.node().Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.chain.Stop()) }()
	if runtime.NumCPU() > 1 {
		if err := pin(ctx, b.node().PID(), 0); err != nil {
			return err
		}
	}
	load, err := replay.New(ctx, b.chain)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, load.Close()) }()
	t := target{contract: load.Contract}

	if _, err := b.bare(ctx, load, n, window); err != nil { // the first rows of a ledger are the quickest, and count for nobody
		return err
	}
	var ofReplay, ofMemory []float64 // the engine's rate in each round
	var perRow best
	var took time.Duration
	var onDisk, inMemory engineRun
	steps := []func() error{
		func() (err error) { took, err = b.bare(ctx, load, n, window); return err },
		func() (err error) { onDisk, err = b.runEngine(ctx, t, n, b.dir); return err },
		func() (err error) { inMemory, err = b.runEngine(ctx, t, n, memoryDir); return err },
	}
	for round := range b.rounds {
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		slices.Reverse(steps) // a ledger grows, and nobody is always the first
		if round == 0 {
			fmt.Println("rows a second: bare replay   engine   without durability    whole run   CPU µs a row")
		}
		fmt.Printf("%26.0f %8.0f %20.0f %12.0f %14.0f\n", float64(n)/took.Seconds(), onDisk.rate(), inMemory.rate(),
			float64(n)/onDisk.whole.Seconds(), float64(onDisk.perRow().Nanoseconds())/1000)
		ofReplay = append(ofReplay, onDisk.rate()*took.Seconds()/float64(n))
		ofMemory = append(ofMemory, onDisk.rate()/inMemory.rate())
		perRow.take(1 / onDisk.perRow().Seconds())
	}
	return report(median(ofReplay), median(ofMemory), time.Duration(float64(time.Second)/perRow.most))
}

// bare replays n transactions and gives how long it took.
func (b *bench) bare(ctx context.Context, load *replay.Load, n, window int) (time.Duration, error) {
	messages, err := load.Sign(ctx, n)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	err = load.Replay(ctx, messages, window)
	return time.Since(began), err
}

// report prints the three figures, and fails when a bound is not kept.
func report(ofReplay, ofMemory float64, perRow time.Duration) error {
	fmt.Printf("CPU of a row %d µs (at most %d), of a bare replay %.2f (at least %.2f), durable of not durable %.2f (at least %.2f)\n",
		perRow.Microseconds(), perRowBound.Microseconds(), ofReplay, replayBound, ofMemory, durableBound)
	if perRow > perRowBound || ofReplay < replayBound || ofMemory < durableBound {
		return errMissed
	}
	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// best keeps the highest of some rates.
type best struct{ most float64 }

func (b *best) take(rate float64) { b.most = max(b.most, rate) }

// pin lets all threads of a process, and those that they start, run on one core.
func pin(ctx context.Context, pid, core int) error {
	text, err := exec.CommandContext(ctx, "taskset", "-a", "-c", "-p", strconv.Itoa(core), strconv.Itoa(pid)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, text)
	}
	return nil
}
