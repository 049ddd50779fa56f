//go:build linux

// Package devnodes runs the nodes of a development chain as users have them: made
// by scripts/build_chain.sh, each a process of its own, with its ledger on disk.
// It is for programs that measure or torture them, and knows no protocol. Linux
// only: what a process takes is read from /proc.
package devnodes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Chain is a chain on disk.
type Chain struct {
	Certs string // folder for clients: ca.crt, sdk.crt, sdk.key
	Nodes []*Node
}

// Build makes the folders of a chain of n nodes on the loopback below dir, as
// scripts/build_chain.sh in root, the repository, does it: with the program devnode
// (a file), or with one that is built now when it is "". It starts nothing.
func Build(ctx context.Context, root, dir string, n int, devnode string) (*Chain, error) {
	ports, err := FreePorts(ctx, 2*n)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "nodes")
	args := []string{"-l", "127.0.0.1:" + strconv.Itoa(n), "-o", out, "-p", fmt.Sprintf("%d,%d", ports+n, ports)}
	if devnode != "" {
		args = append(args, "-e", devnode)
	}
	build := exec.CommandContext(ctx, filepath.Join(root, "scripts", "build_chain.sh"), args...)
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build_chain.sh: %w: %s", err, text)
	}
	home := filepath.Join(out, "127.0.0.1")
	c := &Chain{Certs: filepath.Join(home, "sdk")}
	for i := range n {
		c.Nodes = append(c.Nodes, &Node{
			Dir: filepath.Join(home, "node"+strconv.Itoa(i)), Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(ports+i)),
		})
	}
	return c, nil
}

// Addresses are those of all nodes.
func (c *Chain) Addresses() []string {
	var all []string
	for _, node := range c.Nodes {
		all = append(all, node.Address)
	}
	return all
}

// Start starts all nodes.
func (c *Chain) Start(ctx context.Context) error {
	for _, node := range c.Nodes {
		if err := node.Start(ctx); err != nil {
			return errors.Join(err, c.Stop())
		}
	}
	return nil
}

// Stop ends all nodes that run, gently.
func (c *Chain) Stop() error {
	var failed []error
	for _, node := range c.Nodes {
		failed = append(failed, node.Stop())
	}
	return errors.Join(failed...)
}

// FreePorts finds n neighbouring ports that were free a moment ago. They lie below
// those that Linux gives to outgoing connections, so that a node that was killed
// finds its port free again.
func FreePorts(ctx context.Context, n int) (first int, err error) {
	for range 100 {
		first = 10000 + rand.IntN(20000)
		if err = allFree(ctx, first, n); err == nil {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d neighbouring ports are free: %w", n, err)
}

func allFree(ctx context.Context, first, n int) error {
	var config net.ListenConfig
	for port := first; port < first+n; port++ {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}
