//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

const (
	controlSocket = "unix:control.sock" // in the folder of each node
	// A node that was killed is away for a time between these.
	awayLeast, awayMost = 200 * time.Millisecond, 1500 * time.Millisecond
)

// nodeKiller kills nodes and starts them again. Most times one of them; every
// fifth time two, without which the others cannot make blocks.
type nodeKiller struct {
	chain *devnodes.Chain
	bin   string
	drop  float64 // of a hundred sends are executed and never answered
	rng   *rand.Rand

	mu             sync.Mutex
	kills          int
	sends, dropped int // as counted by the nodes until they were killed
}

// start starts all nodes.
func (k *nodeKiller) start(ctx context.Context) error {
	for _, node := range k.chain.Nodes {
		node.Args = []string{"--control", controlSocket}
		if err := k.startOne(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

func (k *nodeKiller) startOne(ctx context.Context, node *devnodes.Node) error {
	if err := node.Start(ctx); err != nil {
		return err
	}
	if k.drop == 0 {
		return nil
	}
	_, err := k.control(ctx, node, "fault", "add", "drop", "--on", "sendTransaction", "--after",
		"--percent", strconv.FormatFloat(k.drop, 'g', -1, 64), "--seed", strconv.FormatUint(k.rng.Uint64(), 10))
	return err
}

func (k *nodeKiller) control(ctx context.Context, node *devnodes.Node, args ...string) ([]byte, error) {
	return output(ctx, node.Dir, filepath.Join(k.bin, "devnode"), append([]string{"ctl", "--json", "--control", controlSocket}, args...)...)
}

// run kills at the moments until all have come.
func (k *nodeKiller) run(ctx context.Context, p *progress, moments []moment) error {
	for i := 0; i < len(moments); {
		if !p.wait(ctx, moments[i], nil) {
			return ctx.Err()
		}
		struck := 1
		if k.rng.IntN(5) == 0 && i+1 < len(moments) {
			struck = 2
		}
		i += struck
		away := awayLeast + upTo(k.rng, awayMost-awayLeast)
		if i < len(moments) && p.now() >= moments[i].rows {
			away = awayLeast // the next one is waiting
		}
		if err := k.strike(ctx, k.rng.Perm(len(k.chain.Nodes))[:struck], away); err != nil {
			return err
		}
	}
	return nil
}

func (k *nodeKiller) strike(ctx context.Context, nodes []int, away time.Duration) error {
	for _, i := range nodes {
		k.count(ctx, k.chain.Nodes[i])
		if err := k.chain.Nodes[i].Kill(); err != nil {
			return err
		}
		k.mu.Lock()
		k.kills++
		k.mu.Unlock()
	}
	sleep(ctx, away, nil)
	var failed []error
	for _, i := range nodes {
		failed = append(failed, k.startOne(ctx, k.chain.Nodes[i]))
	}
	return errors.Join(failed...)
}

// count adds what a node has dropped so far.
func (k *nodeKiller) count(ctx context.Context, node *devnodes.Node) {
	text, err := k.control(ctx, node, "fault", "list")
	if err != nil {
		return // only the sum that is told is smaller
	}
	var armed []struct{ Seen, Struck int }
	if json.Unmarshal(text, &armed) != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range armed {
		k.sends += f.Seen
		k.dropped += f.Struck
	}
}

// quiet takes the faults away, and counts what they did.
func (k *nodeKiller) quiet(ctx context.Context) error {
	for _, node := range k.chain.Nodes {
		k.count(ctx, node)
		if _, err := k.control(ctx, node, "fault", "clear"); err != nil {
			return err
		}
	}
	return nil
}

func (k *nodeKiller) killed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kills
}

func (k *nodeKiller) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Sprintf("%d sends, of which %d were executed and never answered", k.sends, k.dropped)
}
