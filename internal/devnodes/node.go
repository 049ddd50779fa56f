//go:build linux

package devnodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Node is one node of a chain, which runs or does not. Its methods are for one
// goroutine at a time.
type Node struct {
	Dir     string // with its configuration, its ledger and its output
	Address string // host:port of its RPC port
	// Args are further arguments of its program.
	Args []string

	cmd   *exec.Cmd     // nil when it does not run
	ended chan struct{} // closed when its process has ended
	err   error         // how it ended; read after ended
}

// startTime bounds a start. A node that has much to catch up with does so after
// its port is open.
const startTime = 30 * time.Second

// Start starts the node and returns when its port is open. ctx bounds only Start
// itself; the node runs until Kill or Stop.
func (n *Node) Start(ctx context.Context) error {
	out, err := os.OpenFile(n.outputFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close() // the process has its own copy
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "../fisco-bcos", append([]string{"-c", "config.ini", "-g", "config.genesis"}, n.Args...)...)
	cmd.Dir = n.Dir
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	n.cmd, n.ended = cmd, make(chan struct{})
	go func() {
		defer close(n.ended)
		n.err = cmd.Wait()
	}()
	if err := n.waitOpen(ctx); err != nil {
		return errors.Join(fmt.Errorf("%s does not open its port: %w; see %s", filepath.Base(n.Dir), err, n.outputFile()), n.Kill())
	}
	return nil
}

func (n *Node) waitOpen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var dialer net.Dialer
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", n.Address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-n.ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

func (n *Node) outputFile() string { return filepath.Join(n.Dir, "output.txt") }

// PID is the node's process. It is 0 when it does not run.
func (n *Node) PID() int {
	if n.cmd == nil {
		return 0
	}
	return n.cmd.Process.Pid
}

// Kill ends the node with SIGKILL. A node that does not run is left as it is.
func (n *Node) Kill() error {
	if n.cmd == nil {
		return nil
	}
	err := n.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-n.ended
	n.cmd = nil
	return err
}

// Stop ends the node gently. A node that does not run is left as it is; one that
// has ended by itself is an error.
func (n *Node) Stop() error {
	if n.cmd == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(os.Interrupt) // it may have ended; then Wait says how
	<-n.ended
	n.cmd = nil
	if n.err != nil {
		return fmt.Errorf("%s: %w; see %s", filepath.Base(n.Dir), n.err, n.outputFile())
	}
	return nil
}
