//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
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
	store     string  // sqlite: the engine inside of batchcall; postgres: gateways that share a database
	gateways  int     // on PostgreSQL
	restarts  int     // how often PostgreSQL is killed
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
	engine subject
	seen   *witness

	mu    sync.Mutex
	kills map[phase]int
}

// subject is what carries the job and is killed.
type subject interface {
	// open starts what goes on until close, and puts the contract on the chain.
	open(ctx context.Context) error
	// carry runs the job to its end and writes its report, while it is killed at each
	// of the moments, and then so often while the report is written. struck is told
	// of every kill.
	carry(ctx context.Context, p *progress, moments []moment, reports int, struck func(phase)) error
	// reader reads the store.
	reader() *batchcall
	close() error
}

// The stores.
const (
	onSQLite   = "sqlite"
	onPostgres = "postgres"
)

// runTorture is an error when the promise was broken: then what differs is told. It
// prints the result in any case in which it has come to one.
func runTorture(ctx context.Context, cfg tortureConfig) (result tortureResult, err error) {
	fmt.Fprintf(cfg.out, "seed=%d store=%s rows=%d nodes=%d engine kills=%d node kills=%d answers dropped=%g%%\n",
		cfg.seed, cfg.store, cfg.rows, cfg.nodes, cfg.kills, cfg.nodeKills, cfg.drop)
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

// random is the generator of a part. Each has its own, so that what one draws does
// not depend on how fast another is.
func (c tortureConfig) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(c.seed, part)) }

const (
	partEngine uint64 = iota
	partNodes
	partKiller
	partReports
	partClients
	partGateways
	partDatabase
)

func (t *torture) prepare(ctx context.Context) (err error) {
	if t.chain, err = devnodes.Build(ctx, t.root, t.dir, t.tortureConfig.nodes, filepath.Join(t.bin, "devnode")); err != nil {
		return err
	}
	t.nodes = &nodeKiller{chain: t.chain, bin: t.bin, drop: t.drop, rng: t.random(partKiller)}
	if err := t.nodes.start(ctx); err != nil {
		return err
	}
	if t.seen, err = newWitness(t.chain); err != nil {
		return err
	}
	if err := t.input.write(filepath.Join(t.dir, inputFile)); err != nil {
		return err
	}
	// At most half of what lies between two kills is in flight: so each of them
	// strikes other rows.
	inFlight := max(t.rows/t.tortureConfig.kills/2, 1)
	client := newBatchcall(t.bin, t.dir, t.chain)
	if t.store == onPostgres {
		t.engine, err = newGateways(ctx, t.tortureConfig, client, t.chain, inFlight)
		if err != nil {
			return err
		}
	} else {
		t.engine = &embedded{batchcall: client, rng: t.random(partReports), inFlight: inFlight}
	}
	return t.engine.open(ctx)
}

func (t *torture) close() (err error) {
	if t.engine != nil {
		err = t.engine.close()
	}
	if t.seen != nil {
		t.seen.close()
	}
	if t.chain != nil {
		err = errors.Join(err, t.chain.Stop())
	}
	return err
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
	return t.engine.carry(ctx, p, moments, reports, t.struck)
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
	if g, ok := t.engine.(*gateways); ok {
		fmt.Fprintf(t.out, "%6d  restarts of PostgreSQL after SIGKILL\n", g.restarted.Load())
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
	store := t.engine.reader()
	job, err := store.job(ctx)
	if err != nil {
		return result, err
	}
	if result.confirmed, err = chain.compareReport(store.file(reportFile), &found); err != nil {
		return result, err
	}
	if err := chain.compareStore(ctx, store.location(), job.ID, &found); err != nil {
		return result, err
	}
	if err := store.reconcile(ctx, job.ID, len(t.chain.Nodes), &found); err != nil {
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
