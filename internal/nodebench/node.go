//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// builtChain is a chain of one node on disk, as build_chain.sh makes it.
type builtChain struct {
	nodeDir string
	certs   string // folder for clients
	address string // host:port
}

// buildChain makes the chain below dir.
func buildChain(ctx context.Context, dir string) (builtChain, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return builtChain{}, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return builtChain{}, err
	}
	nodes := filepath.Join(dir, "nodes")
	build := exec.CommandContext(ctx, "scripts/build_chain.sh", "-l", "127.0.0.1:1", "-o", nodes, "-p", fmt.Sprintf("%d,%d", port^1, port))
	if text, err := build.CombinedOutput(); err != nil {
		return builtChain{}, fmt.Errorf("%w: %s", err, text)
	}
	home := filepath.Join(nodes, "127.0.0.1")
	return builtChain{
		nodeDir: filepath.Join(home, "node0"), certs: filepath.Join(home, "sdk"), address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
	}, nil
}

// node is a running process.
type node struct {
	cmd       *exec.Cmd
	output    bytes.Buffer
	startTime time.Duration
}

// start starts the node and returns when its port is open. The end of ctx kills it.
func (c builtChain) start(ctx context.Context) (*node, error) {
	n := &node{cmd: exec.CommandContext(ctx, "../fisco-bcos", "-c", "config.ini", "-g", "config.genesis")}
	n.cmd.Dir = c.nodeDir
	n.cmd.Stdout, n.cmd.Stderr = &n.output, &n.output
	begin := time.Now()
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", c.address)
		if err == nil {
			n.startTime = time.Since(begin)
			return n, conn.Close()
		}
		if time.Since(begin) > 10*time.Second || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("the node does not open its port: %w", err), n.stop())
		}
		time.Sleep(time.Millisecond)
	}
}

func (n *node) stop() error {
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := n.cmd.Wait(); err != nil {
		return fmt.Errorf("the node: %w\n%s", err, n.output.Bytes())
	}
	return nil
}

// processorTime is what the process has used so far, in steps of 10 ms.
func (n *node) processorTime() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// residentBytes is the memory of the process that is in use.
func (n *node) residentBytes() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return pages * os.Getpagesize()
}

func ownProcessorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
