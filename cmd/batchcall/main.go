// Command batchcall turns the rows of a file into contract calls that are each
// executed on a chain exactly once, and tells what became of every row. It runs
// the job engine itself on an embedded store, or lets a running gateway do it.
//
// One file here is one command; the rest is what they share: targets and
// services (where a job runs), input, progress, output and exit codes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	// What is in flight is most of the memory, and lives for a block: collected when it
	// has grown by half, it takes a seventh less, and no time that can be measured.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	os.Exit(Main())
}

// Main runs the program on the arguments and streams of the process and gives
// its exit code. The first interrupt asks the command to stop in order, the
// second ends the process at once.
func Main() int {
	ctx, interrupt := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		interrupt(errInterrupted)
		<-signals
		fmt.Fprintln(os.Stderr, "\nstopped at once; nothing is lost, batchcall resume goes on")
		os.Exit(int(exitInterrupted))
	}()
	return int(execute(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
}

// streams are where a command reads from, where its data go and where it talks
// to people.
type streams struct {
	in       io.Reader
	out, err io.Writer
}
