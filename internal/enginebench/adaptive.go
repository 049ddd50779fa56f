//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/internal/replay"
)

// adaptiveBound is what the window that is found is to give of the best fixed one.
const adaptiveBound = 0.8

// profile is a node that behaves in a certain way.
type profile struct {
	name     string
	settings [2]string // a line of config.ini and what stands there instead
	fault    []string  // arguments of devnode ctl fault add
}

var profiles = []profile{
	{name: "fast"},
	{name: "delay", fault: []string{"delay", "--on", "sendTransaction", "--delay", "50ms", "--times", "-1"}},
	{name: "pool", settings: [2]string{"limit=15000", "limit=500"}},
}

// fixedSizes are the windows that are compared with. 500 is the pool of the third
// profile.
var fixedSizes = []int{16, 128, 500, 1000, 2000, 4096}

func adaptiveCommand(ctx context.Context, args []string) error {
	var b bench
	f := flag.NewFlagSet("adaptive", flag.ContinueOnError)
	b.flags(f, 2)
	span := f.Duration("span", 8*time.Second, "about how long each run sends")
	only := f.String("profile", "", "only this one: fast, delay (50 ms for each transaction) or pool (500 transactions wait at most)")
	if err := f.Parse(args); err != nil {
		return err
	}
	return b.with(ctx, func() (err error) {
		for _, p := range profiles {
			if *only == "" || *only == p.name {
				err = errors.Join(err, b.adaptive(ctx, p, *span))
			}
		}
		return err
	})
}

// adaptive measures one profile on a new chain.
func (b *bench) adaptive(ctx context.Context, p profile, span time.Duration) (err error) {
	restore, err := b.prepare(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	if err := b.node().Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.chain.Stop()) }()
	load, err := replay.New(ctx, b.chain)
	if err != nil {
		return err
	}
	contract := load.Contract
	if err := load.Close(); err != nil {
		return err
	}
	if p.fault != nil {
		ctl := exec.CommandContext(ctx, "../fisco-bcos", append([]string{"ctl", "fault", "add"}, append(p.fault, "--control", controlOf(b))...)...)
		ctl.Dir = b.node().Dir
		if text, err := ctl.CombinedOutput(); err != nil {
			return fmt.Errorf("devnode ctl: %w: %s", err, text)
		}
	}

	fixed := make([]best, len(fixedSizes))
	var found, fastest best
	fastest.take(2000) // a guess at first: rows a second that decide how many are sent
	for range b.rounds {
		for i, size := range fixedSizes {
			guess := fixed[i].most
			if guess == 0 {
				guess = min(float64(size)/blockTime.Seconds(), fastest.most)
			}
			r, err := b.runEngine(ctx, target{contract, size, size}, rowsFor(guess, span), b.dir)
			if err != nil {
				return err
			}
			fixed[i].take(r.rate())
		}
		fastest = best{}
		for _, f := range fixed {
			fastest.take(f.most)
		}
		r, err := b.runEngine(ctx, target{contract, 1, fixedSizes[len(fixedSizes)-1]}, rowsFor(fastest.most, span), b.dir)
		if err != nil {
			return err
		}
		found.take(r.rate())
	}
	var line strings.Builder
	for i, size := range fixedSizes {
		fmt.Fprintf(&line, "  %d: %.0f", size, fixed[i].most)
	}
	fmt.Printf("%s: rows a second with fixed windows%s\n", p.name, line.String())
	ratio := found.most / fastest.most
	fmt.Printf("%s: found %.0f, best fixed %.0f, ratio %.2f (at least %.2f)\n", p.name, found.most, fastest.most, ratio, adaptiveBound)
	if ratio < adaptiveBound {
		return fmt.Errorf("%s: %w", p.name, errMissed)
	}
	return nil
}

// blockTime is how long a block that is not full takes.
const blockTime = 500 * time.Millisecond

func rowsFor(rate float64, span time.Duration) int { return max(int(rate*span.Seconds()), 100) }

// prepare empties the node's ledger and sets what the profile wants; restore takes
// that back.
func (b *bench) prepare(p profile) (restore func() error, err error) {
	dir := b.node().Dir
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "config.ini")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	changed := string(text)
	if old := p.settings[0]; old != "" {
		if !strings.Contains(changed, old+"\n") {
			return nil, fmt.Errorf("%s has no line %s", path, old)
		}
		changed = strings.Replace(changed, old+"\n", p.settings[1]+"\n", 1)
	}
	b.node().Args = []string{"--control", controlOf(b)}
	return func() error { return os.WriteFile(path, text, 0o600) }, os.WriteFile(path, []byte(changed), 0o600)
}

func controlOf(b *bench) string { return "unix:" + filepath.Join(b.dir, "control") }
