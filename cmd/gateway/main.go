// Command gateway serves the HTTP API over the job engine and pooled
// connections to the nodes of one or more chains.
//
// One file here is one command; app.go is the list of parts that the service is
// made of, in the order in which they start.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of the program.
const (
	exitOK          = 0
	exitFailed      = 1   // the reason is on stderr
	exitInterrupted = 130 // a second interrupt came before the stop was over
)

func main() { os.Exit(Main()) }

// Main runs the program on the arguments and streams of the process and gives
// its exit code. The first interrupt or termination signal stops the service in
// order, the second ends the process at once.
func Main() int {
	ctx, interrupt := context.WithCancel(context.Background())
	defer interrupt()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // lives as long as the process
		<-signals
		interrupt()
		<-signals
		_, _ = io.WriteString(os.Stderr, "gateway: stopped at once; what was in flight is looked up at the next start\n")
		os.Exit(exitInterrupted)
	}()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
