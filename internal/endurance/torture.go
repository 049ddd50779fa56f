//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// tortureConfig says how hard it gets.
type tortureConfig struct {
	root      string // the repository
	bin       string // folder with the programs
	dir       string // where everything happens
	rows      int
	kills     int // of the engine
	nodes     int
	nodeKills int
	drop      float64 // percent of the sends that are executed and never answered
	seed      uint64
	out       io.Writer // what was found
	told      io.Writer // how far it is
}

// tortureResult is the last line.
type tortureResult struct {
	rows, confirmed, lost, duplicates, kills int
}

func (r tortureResult) String() string {
	return fmt.Sprintf("rows=%d confirmed=%d lost=%d duplicates=%d kills=%d", r.rows, r.confirmed, r.lost, r.duplicates, r.kills)
}

// torture runs a job whose engine and whose nodes are killed again and again, and
// then reads from the chain what became of every row.
type torture struct {
	tortureConfig
	input  rowSet
	chain  *devnodes.Chain
	nodes  *nodeKiller
	engine *batchcall
	seen   *witness

	mu    sync.Mutex
	kills map[phase]int
}

// runTorture is an error when the promise was broken: then what differs is told. It
// prints the result in any case in which it has come to one.
func runTorture(ctx context.Context, cfg tortureConfig) (result tortureResult, err error) {
	fmt.Fprintf(cfg.out, "seed=%d rows=%d nodes=%d engine kills=%d node kills=%d answers dropped=%g%%\n",
		cfg.seed, cfg.rows, cfg.nodes, cfg.kills, cfg.nodeKills, cfg.drop)
	t := &torture{tortureConfig: cfg, input: newRowSet(cfg.rows, cfg.seed), kills: map[phase]int{}}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.prepare(ctx); err != nil {
		return result, err
	}
	begin := time.Now()
	if err := t.strike(ctx); err != nil {
		return result, err
	}
	t.sum(time.Since(begin))
	return t.check(ctx)
}

// Each part has a generator of its own, so that what one draws does not depend on
// how fast another is.
func (t *torture) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(t.seed, part)) }

const (
	partEngine uint64 = iota
	partNodes
	partKiller
	partReports
)

func (t *torture) prepare(ctx context.Context) (err error) {
	if t.chain, err = devnodes.Build(ctx, t.root, t.dir, t.tortureConfig.nodes, t.bin+"/devnode"); err != nil {
		return err
	}
	t.nodes = &nodeKiller{chain: t.chain, bin: t.bin, drop: t.drop, rng: t.random(partKiller)}
	if err := t.nodes.start(ctx); err != nil {
		return err
	}
	if t.seen, err = newWitness(t.chain); err != nil {
		return err
	}
	t.engine = newBatchcall(t.bin, t.dir, t.chain)
	if err := t.input.write(t.engine.file(inputFile)); err != nil {
		return err
	}
	return t.engine.deploy(ctx)
}

func (t *torture) close() error {
	if t.seen != nil {
		t.seen.close()
	}
	if t.chain == nil {
		return nil
	}
	return t.chain.Stop()
}

// strike runs the job to its end under all kills.
func (t *torture) strike(ctx context.Context) error {
	before, err := t.seen.executed(ctx)
	if err != nil {
		return err
	}
	progress := watch(ctx, t.seen, before, t.told, t.line)
	defer progress.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var nodes sync.WaitGroup
	nodes.Go(func() {
		moments := chainMoments(t.random(partNodes), t.rows, t.nodeKills)
		if err := t.nodes.run(ctx, progress, moments); err != nil {
			cancel(err)
		}
	})
	err = t.strikeEngine(ctx, progress)
	nodes.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(err, cause)
	}
	return err
}

func (t *torture) strikeEngine(ctx context.Context, p *progress) error {
	reports := share(t.tortureConfig.kills, 16)
	moments := engineMoments(t.random(partEngine), t.rows, t.tortureConfig.kills-reports)
	// At most half of what lies between two kills is in flight: so each of them
	// strikes other rows.
	inFlight := max(t.rows/t.tortureConfig.kills/2, 1)
	if err := t.engine.startRunKillRepeat(ctx, p, moments, inFlight, t.struck); err != nil {
		return err
	}
	if _, err := t.engine.output(ctx, runArgs(inputFile, inFlight)...); err != nil {
		return err
	}
	rng := t.random(partReports)
	return t.engine.killReports(ctx, reports, func(most time.Duration) time.Duration { return most/10 + upTo(rng, most*8/10) }, t.struck)
}

func (t *torture) struck(in phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kills[in]++
}

func (t *torture) killed() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, kills := range t.kills {
		n += kills
	}
	return n
}

// line is how far it is.
func (t *torture) line(rows int) string {
	return fmt.Sprintf("%d of %d rows on the chain, engine killed %d times, nodes %d times", rows, t.rows, t.killed(), t.nodes.killed())
}

func (t *torture) sum(took time.Duration) {
	fmt.Fprintf(t.out, "%d rows in %s under %d kills of the engine and %d of nodes\n", t.rows, took.Round(time.Second), t.killed(), t.nodes.killed())
	for _, in := range []phase{loading, starting, sending, ending, reporting} {
		fmt.Fprintf(t.out, "%6d  %s\n", t.kills[in], in)
	}
	fmt.Fprintf(t.out, "counted by the nodes until they were killed: %s\n", t.nodes)
}

var errBroken = errors.New("the promise was broken")

// check compares input, chain, report and store.
func (t *torture) check(ctx context.Context) (tortureResult, error) {
	result := tortureResult{rows: t.rows, kills: t.killed() + t.nodes.killed()}
	if err := t.nodes.quiet(ctx); err != nil {
		return result, err
	}
	head, err := t.seen.sameChain(ctx)
	if err != nil {
		return result, err
	}
	fmt.Fprintf(t.told, "reading %d blocks from the chain\n", head)
	chain, err := readTruth(ctx, t.seen, 0, t.input)
	if err != nil {
		return result, err
	}
	var found findings
	result.lost, result.duplicates = chain.once(&found)
	job, err := t.engine.job(ctx)
	if err != nil {
		return result, err
	}
	if result.confirmed, err = chain.compareReport(t.engine.file(reportFile), &found); err != nil {
		return result, err
	}
	if err := chain.compareStore(ctx, t.engine.file(storeFile), job.ID, &found); err != nil {
		return result, err
	}
	if err := t.engine.reconcile(ctx, job.ID, len(t.chain.Nodes), &found); err != nil {
		return result, err
	}
	if t.killed() < t.tortureConfig.kills || t.nodes.killed() < t.nodeKills {
		found.add("the engine was killed %d times of %d, nodes %d times of %d", t.killed(), t.tortureConfig.kills, t.nodes.killed(), t.nodeKills)
	}
	if found.count == 0 {
		fmt.Fprintf(t.out, "all %d nodes have the same %d blocks; input, chain, report and store say the same of every row\n", len(t.chain.Nodes), head)
		fmt.Fprintln(t.out, result)
		return result, nil
	}
	for _, words := range found.words {
		fmt.Fprintln(t.told, words)
	}
	fmt.Fprintln(t.out, result)
	return result, fmt.Errorf("%w: %d differences", errBroken, found.count)
}

func fileSum(path string) ([sha256.Size]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}
