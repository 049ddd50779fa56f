//go:build linux

// Nodebench measures a devnode as its users have it: built and configured by
// scripts/build_chain.sh, in its own process, ledger on disk, mutual TLS. It is
// called in the root of the repository.
//
// It measures how long a start takes until the port is open; what a transaction
// costs that saves a digest in the Evidence contract, when signed bytes are
// replayed over one WebSocket, in processor time of the node and of the replay
// together; and how the memory of the node grows with the number of transactions.
// Signing is not measured: it happens between the replays.
//
// Processor time is what counts on a machine that does other work, too: 250 µs for
// both is 8,000 transactions a second on two cores. With -check it fails when a
// bound is not kept.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
	"github.com/bcosgate/bcosgate/internal/replay"
)

// Bounds of -check.
const (
	startBound  = 200 * time.Millisecond // median of the starts
	perTxBound  = 250 * time.Microsecond // both, on average
	growthBound = 60 << 20               // bytes of memory beyond what settled transactions took
	settled     = 200_000                // transactions until caches and buffers are full
)

func main() {
	transactions := flag.Int("n", 200_000, "transactions to send")
	starts := flag.Int("starts", 10, "starts to measure")
	window := flag.Int("window", 3000, "transactions under way at a time")
	check := flag.Bool("check", false, "fail when a bound is not kept")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *starts, *transactions, *window, *check)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "nodebench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, starts, transactions, window int, check bool) (err error) {
	dir, err := os.MkdirTemp("", "nodebench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	chain, err := devnodes.Build(ctx, ".", dir, 1, "")
	if err != nil {
		return err
	}
	tooSlow, err := measureStarts(ctx, chain.Nodes[0], starts)
	if err != nil {
		return err
	}
	tooMuch, err := measureLoad(ctx, chain, transactions, window)
	if err == nil && check {
		err = errors.Join(tooSlow, tooMuch)
	}
	return err
}

// measureStarts prints how long the starts take; missed says that a bound was not
// kept.
func measureStarts(ctx context.Context, node *devnodes.Node, starts int) (missed, err error) {
	if starts <= 0 {
		return nil, nil
	}
	var times []time.Duration
	for range starts {
		begin := time.Now()
		if err := node.Start(ctx); err != nil {
			return nil, err
		}
		times = append(times, time.Since(begin))
		if err := node.Stop(); err != nil {
			return nil, err
		}
	}
	slices.Sort(times)
	median := times[len(times)/2]
	fmt.Printf("start until the port is open: median %d ms, longest %d ms of %d\n",
		median.Milliseconds(), times[len(times)-1].Milliseconds(), len(times))
	if median > startBound {
		missed = fmt.Errorf("a start takes %s, more than %s", median, startBound)
	}
	return missed, nil
}

// chunk is how many transactions are signed before they are replayed. At 1,000 in
// a block they end long before their block limit.
const chunk = 50_000

// measureLoad prints what the transactions cost; missed says that a bound was not
// kept.
func measureLoad(ctx context.Context, chain *devnodes.Chain, transactions, window int) (missed, err error) {
	node := chain.Nodes[0]
	if err := node.Start(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, node.Stop()) }()
	load, err := replay.New(ctx, chain)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, load.Close()) }()

	fmt.Println("transactions   tx/s   node µs/tx   replay µs/tx   both µs/tx   node memory MB")
	var nodeTime, replayTime time.Duration
	var memory int // when settled
	for done := 0; done < transactions; {
		n := min(chunk, transactions-done)
		messages, err := load.Sign(ctx, n)
		if err != nil {
			return nil, err
		}
		nodeBefore, replayBefore := devnodes.ProcessorTime(node.PID()), devnodes.ProcessorTime(os.Getpid())
		begin := time.Now()
		if err := load.Replay(ctx, messages, window); err != nil {
			return nil, err
		}
		took := time.Since(begin)
		nodeTook, replayTook := devnodes.ProcessorTime(node.PID())-nodeBefore, devnodes.ProcessorTime(os.Getpid())-replayBefore
		nodeTime, replayTime = nodeTime+nodeTook, replayTime+replayTook
		done += n
		now := devnodes.ResidentBytes(node.PID())
		printRow(done, n, took, nodeTook, replayTook, now)
		if done <= settled {
			memory = now
		} else if now-memory > growthBound {
			missed = errors.Join(missed, fmt.Errorf("after %d transactions the node takes %d MB more than after %d", done, (now-memory)>>20, settled))
		}
	}
	if both := (nodeTime + replayTime) / time.Duration(transactions); both > perTxBound {
		missed = errors.Join(missed, fmt.Errorf("a transaction takes %s, more than %s", both, perTxBound))
	}
	return missed, nil
}

func printRow(done, n int, took, nodeTook, replayTook time.Duration, memory int) {
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	fmt.Printf("%12d %6.0f %12.1f %14.1f %12.1f %16d\n",
		done, float64(n)/took.Seconds(), each(nodeTook), each(replayTook), each(nodeTook+replayTook), memory>>20)
}
