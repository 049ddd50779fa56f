//go:build unix

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bcosgate/bcosgate/internal/testkit/proxy"
)

const (
	// heartbeat is the default of a pool. Two of them are what it may take until a
	// node that answers again is used again.
	heartbeat   = 5 * time.Second
	mayRecover  = 2 * heartbeat
	poll        = 10 * time.Millisecond
	answerTime  = 2 * time.Second // of a node that is well, asked directly
	answersSoon = time.Minute     // a node that was healed
)

// fault is a way in which a node goes bad.
type fault struct {
	name string
	// process says that the node itself stops, not only the line to it: the chain
	// needs three of four, so two at a time stop all writing.
	process bool
	// lasts says that it may be one of the long ones, in which heartbeats are missed.
	lasts        bool
	strike, heal func(w *world, p *proxy.Proxy, node int) error
}

// line is a fault of the line between client and node.
func line(name string, f proxy.Faults) fault {
	return fault{name: name, lasts: f.Partition || f.HalfOpen || f.Cut,
		strike: func(_ *world, p *proxy.Proxy, _ int) error { return p.Set(f) },
		heal:   func(_ *world, p *proxy.Proxy, _ int) error { return p.Heal() },
	}
}

var faults = []fault{
	{name: "kill", process: true, lasts: true,
		strike: func(w *world, _ *proxy.Proxy, node int) error { return w.signal(node, syscall.SIGKILL) },
		heal: func(w *world, _ *proxy.Proxy, node int) error {
			out, err := exec.Command("sh", filepath.Join(w.nodeDir(node), "start.sh")).CombinedOutput()
			if err != nil {
				return fmt.Errorf("start node %d: %w: %s", node, err, out)
			}
			return nil
		}},
	{name: "stall", process: true, lasts: true,
		strike: func(w *world, _ *proxy.Proxy, node int) error { return w.signal(node, syscall.SIGSTOP) },
		heal:   func(w *world, _ *proxy.Proxy, node int) error { return w.signal(node, syscall.SIGCONT) },
	},
	line("partition", proxy.Faults{Partition: true}),
	line("half-open", proxy.Faults{HalfOpen: true}),
	line("cut", proxy.Faults{Cut: true}),
	line("latency", proxy.Faults{ToNode: proxy.Flow{Latency: 100 * time.Millisecond}, ToClient: proxy.Flow{Latency: 200 * time.Millisecond, Jitter: 100 * time.Millisecond}}),
	line("throttle", proxy.Faults{ToNode: proxy.Flow{Rate: 10_000}, ToClient: proxy.Flow{Rate: 10_000}}),
	line("corrupt", proxy.Faults{ToClient: proxy.Flow{FlipEach: 1e-4}}), // TLS has to find it
	{name: "reset",
		strike: func(_ *world, p *proxy.Proxy, _ int) error { p.Reset(); return nil },
		heal:   func(*world, *proxy.Proxy, int) error { return nil },
	},
}

func (w *world) nodeDir(node int) string { return filepath.Join(w.home, "node"+strconv.Itoa(node)) }

func (w *world) signal(node int, s syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(w.nodeDir(node), "node.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}

// answers reports whether a node answers when it is asked directly.
func (w *world) answers(node int) bool {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	var number int64
	return w.ask(ctx, node, &number, "getBlockNumber") == nil
}

// chaos strikes nodes at random: one line at a time, and beside it one process,
// now and then two for a short time.
type chaos struct {
	t      *testing.T
	w      *world
	c      *client
	seed   uint64
	longer time.Duration // what a long fault may take

	mu      sync.Mutex // guards the fields below
	busy    []bool     // nodes that are bad or recover
	reports []report
}

// report is the story of one fault.
type report struct {
	fault     string
	node      int
	bad       time.Duration
	recovered time.Duration // from when the node answers until the pool lends it again
}

// run strikes until ctx ends, and returns when all nodes are well again.
func (x *chaos) run(ctx context.Context) {
	x.busy = make([]bool, len(x.c.proxies))
	var lines, processes []fault
	for _, f := range faults {
		if f.process {
			processes = append(processes, f)
		} else {
			lines = append(lines, f)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { x.strikeAll(ctx, lines, 0) })
	wg.Go(func() { x.strikeAll(ctx, processes, 4) })
	wg.Wait()
}

// strikeAll strikes one node after the other, each time with another fault, until
// all had their turn and the next round begins. One time in so many, which 0 is
// never, a second node is struck at the same time.
func (x *chaos) strikeAll(ctx context.Context, turns []fault, second int) {
	random := rand.New(rand.NewPCG(x.seed, uint64(second)))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	for {
		for _, turn := range random.Perm(len(turns)) {
			bad, other := 200*time.Millisecond+upTo(1300*time.Millisecond), random.IntN(len(turns))
			both := second > 0 && random.IntN(second) == 0
			if !both && turns[turn].lasts && random.IntN(6) == 0 {
				bad += upTo(x.longer)
			}
			nodes := random.Perm(len(x.busy))
			gap := time.NewTimer(upTo(300 * time.Millisecond))
			select {
			case <-gap.C:
			case <-ctx.Done():
				gap.Stop()
				return
			}
			var wg sync.WaitGroup
			wg.Go(func() { x.strike(ctx, turns[turn], nodes, bad) })
			if both {
				wg.Go(func() { x.strike(ctx, turns[other], nodes, bad) })
			}
			wg.Wait()
		}
	}
}

// take gives the first of the nodes that is well. One always is: three of four are
// bad at most.
func (x *chaos) take(nodes []int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := slices.IndexFunc(nodes, func(node int) bool { return !x.busy[node] })
	x.busy[nodes[i]] = true
	return nodes[i]
}

func (x *chaos) strike(ctx context.Context, f fault, nodes []int, bad time.Duration) {
	node := x.take(nodes)
	defer func() {
		x.mu.Lock()
		x.busy[node] = false
		x.mu.Unlock()
	}()
	began := time.Now()
	if err := f.strike(x.w, x.c.proxies[node], node); err != nil {
		x.t.Errorf("%s of node %d: %v", f.name, node, err)
		return
	}
	select { // how long it lasts is the load; nothing is waited for
	case <-time.After(bad):
	case <-ctx.Done():
	}
	if err := f.heal(x.w, x.c.proxies[node], node); err != nil {
		x.t.Errorf("end of %s of node %d: %v", f.name, node, err)
		return
	}
	r := report{fault: f.name, node: node, bad: time.Since(began)}
	r.recovered = x.recovered(f, node)
	if r.recovered > mayRecover {
		x.t.Errorf("node %d was usable only %v after the end of %s, want within %v: %+v", node, r.recovered, f.name, mayRecover, x.c.Pool.Nodes()[node])
	}
	x.mu.Lock()
	x.reports = append(x.reports, r)
	x.mu.Unlock()
}

// recovered waits until a healed node is usable, and says how long that took from
// when it answered.
func (x *chaos) recovered(f fault, node int) time.Duration {
	for end := time.Now().Add(answersSoon); !x.w.answers(node); time.Sleep(poll) {
		if time.Now().After(end) {
			x.t.Errorf("node %d does not answer after %s", node, f.name)
			return 0
		}
	}
	began := time.Now()
	for time.Since(began) < 3*mayRecover {
		if status := x.c.Pool.Nodes()[node]; status.Usable() {
			break
		}
		time.Sleep(poll)
	}
	return time.Since(began)
}
