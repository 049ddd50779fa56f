//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// Bounds of a large job.
const (
	mostPeak   = 250_000_000     // bytes of memory of batchcall
	mostGrowth = 50_000_000      // beyond what the small jobs take
	mostRatio  = 1.10            // time for a row, against the small jobs
	mostResume = 2 * time.Second // from the start of the process to the first new row on the chain
)

// mb is what memory is told in.
const mb = 1_000_000

// millionConfig says what is measured.
type millionConfig struct {
	root      string // the repository
	bin       string // folder with the programs
	dir       string // where everything happens
	rows      int
	smallRows int
	smallJobs int       // before the large one, and as many after it, when chain and store are larger
	out       io.Writer // what was measured
	told      io.Writer // how far it is
}

// million measures one large job against small ones.
type million struct {
	millionConfig
	chain   *devnodes.Chain
	engine  *batchcall
	witness *witness
	made    int // inputs so far
}

// cost is what a job took.
type cost struct {
	rows      int
	wall, cpu time.Duration // of batchcall, from its start to its end
	peak      int           // bytes of memory of batchcall
}

func (c cost) perRow() (wall, cpu float64) {
	return float64(c.wall.Nanoseconds()) / 1000 / float64(c.rows), float64(c.cpu.Nanoseconds()) / 1000 / float64(c.rows)
}

// comparison is what was measured.
type comparison struct {
	small   cost // the median
	large   cost
	resumed resumption
}

// runMillion measures, and prints each job.
func runMillion(ctx context.Context, cfg millionConfig) (c comparison, err error) {
	m := &million{millionConfig: cfg}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := m.prepare(ctx); err != nil {
		return c, err
	}
	fmt.Fprintln(m.out, "batchcall run --report, from its start to its end, on one devnode as build_chain.sh makes it (a block every 500 ms, of 1,000 transactions")
	fmt.Fprintln(m.out, "at most). Processor time and memory are those of batchcall alone; time is that of node and batchcall together on this machine.")
	var small []cost
	if small, err = m.some(ctx, small); err != nil {
		return c, err
	}
	if c.large, c.resumed, err = m.large(ctx); err != nil {
		return c, err
	}
	if small, err = m.some(ctx, small); err != nil {
		return c, err
	}
	c.small = median(small)
	return c, m.checkChain(ctx)
}

func (m *million) prepare(ctx context.Context) (err error) {
	if m.chain, err = devnodes.Build(ctx, m.root, m.dir, 1, filepath.Join(m.bin, "devnode")); err != nil {
		return err
	}
	if err := m.chain.Start(ctx); err != nil {
		return err
	}
	if m.witness, err = newWitness(m.chain); err != nil {
		return err
	}
	m.engine = newBatchcall(m.bin, m.dir, m.chain)
	return m.engine.deploy(ctx)
}

func (m *million) close() error {
	if m.witness != nil {
		m.witness.close()
	}
	if m.chain == nil {
		return nil
	}
	return m.chain.Stop()
}

// input makes the file of a job and gives its name.
func (m *million) input(rows int) (string, error) {
	m.made++
	name := fmt.Sprintf("rows%d.csv", m.made)
	return name, newRowSet(rows, uint64(m.made)).write(m.engine.file(name))
}

// some runs small jobs and adds what they took.
func (m *million) some(ctx context.Context, costs []cost) ([]cost, error) {
	for range m.smallJobs {
		input, err := m.input(m.smallRows)
		if err != nil {
			return nil, err
		}
		s, err := m.startMeasured(ctx, m.smallRows, runArgs(input, 0, "--report", reportFile)...)
		if err != nil {
			return nil, err
		}
		if err := s.end(); err != nil {
			return nil, err
		}
		m.tell(s.cost)
		costs = append(costs, s.cost)
	}
	return costs, nil
}

func (m *million) tell(c cost) {
	wall, cpu := c.perRow()
	fmt.Fprintf(m.out, "%8d rows: %7.1f s, %6.1f µs a row, processor time %6.1f µs a row, peak memory %5.1f MB\n",
		c.rows, c.wall.Seconds(), wall, cpu, float64(c.peak)/mb)
}

// resumption is how soon a job goes on that was killed in its middle.
type resumption struct {
	at        int           // rows on the chain
	sent      time.Duration // until anything was sent
	confirmed time.Duration // until a row was executed that had not been sent before
}

// large runs the large job, kills it at half and resumes it.
func (m *million) large(ctx context.Context) (cost, resumption, error) {
	input, err := m.input(m.rows)
	if err != nil {
		return cost{}, resumption{}, err
	}
	before, err := m.witness.executed(ctx)
	if err != nil {
		return cost{}, resumption{}, err
	}
	progress := watch(ctx, m.witness, before, m.told, func(rows int) string { return fmt.Sprintf("%d of %d rows on the chain", rows, m.rows) })
	defer progress.stop()
	first, err := m.startMeasured(ctx, m.rows, runArgs(input, 0, "--report", reportFile)...)
	if err != nil {
		return cost{}, resumption{}, err
	}
	m.curve(ctx, first, progress, 0, m.rows/2)
	if !first.kill() {
		return cost{}, resumption{}, errors.Join(errors.New("the large job ended before it was half done"), first.failure())
	}
	resumed, second, err := m.resume(ctx, before)
	if err != nil {
		return cost{}, resumption{}, err
	}
	m.curve(ctx, second, progress, progress.now(), m.rows)
	if err := second.end(); err != nil {
		return cost{}, resumption{}, err
	}
	sum := cost{rows: m.rows}
	fmt.Fprintf(m.out, "    peak memory until it was killed %.1f MB, resumed and with the report written %.1f MB\n",
		float64(first.cost.peak)/mb, float64(second.cost.peak)/mb)
	for _, s := range []*measured{first, second} {
		sum.wall, sum.cpu, sum.peak = sum.wall+s.cost.wall, sum.cpu+s.cost.cpu, max(sum.peak, s.cost.peak)
	}
	m.tell(sum)
	return sum, resumed, nil
}

// steps is how many lines a large job has.
const steps = 10

// curve tells what each part of the large job takes, until so many rows are on the
// chain or the process has ended.
func (m *million) curve(ctx context.Context, s *measured, p *progress, from, to int) {
	node := m.chain.Nodes[0]
	for next := from; next < to; {
		next = min(to, next-next%(m.rows/steps)+m.rows/steps)
		begin, rows := time.Now(), p.now()
		client, chain := devnodes.ProcessorTime(s.cmd.Process.Pid), devnodes.ProcessorTime(node.PID())
		if !p.wait(ctx, moment{rows: next}, s.ended) {
			return
		}
		took, n := time.Since(begin), float64(p.now()-rows)
		client, chain = devnodes.ProcessorTime(s.cmd.Process.Pid)-client, devnodes.ProcessorTime(node.PID())-chain
		fmt.Fprintf(m.out, "    to %7d: %6.0f rows/s, processor time %6.1f µs a row, of the node %6.1f µs, memory of the node %d MB\n",
			next, n/took.Seconds(), float64(client.Microseconds())/n, float64(chain.Microseconds())/n, devnodes.ResidentBytes(node.PID())/mb)
	}
}

// resume goes on with the large job once what was in flight has landed.
func (m *million) resume(ctx context.Context, before int) (resumption, *measured, error) {
	landed, err := m.settle(ctx)
	if err != nil {
		return resumption{}, nil, err
	}
	job, err := m.engine.job(ctx)
	if err != nil {
		return resumption{}, nil, err
	}
	r := resumption{at: landed - before}
	known := before + job.Counts.Confirmed + job.Counts.Submitted + job.Counts.Unknown
	s, err := m.startMeasured(ctx, m.rows, "resume", job.ID, "--report", reportFile)
	if err != nil {
		return resumption{}, nil, err
	}
	for r.confirmed == 0 {
		executed, err := m.witness.executed(ctx)
		if err != nil {
			return resumption{}, nil, err
		}
		waiting, err := m.witness.pending(ctx)
		if err != nil {
			return resumption{}, nil, err
		}
		if now := time.Since(s.begun); executed+waiting > landed && r.sent == 0 {
			r.sent = now
		} else if executed > known {
			r.confirmed = now
		}
		if !sleep(ctx, time.Millisecond, s.ended) {
			return resumption{}, nil, errors.Join(errors.New("the resumed job ended at once"), s.failure(), ctx.Err())
		}
	}
	return r, s, nil
}

// settle waits until nothing waits in the pool and nothing is executed any more,
// and gives how many transactions the chain has.
func (m *million) settle(ctx context.Context) (int, error) {
	still := 0
	for last := -1; ; {
		executed, err := m.witness.executed(ctx)
		if err != nil {
			return 0, err
		}
		waiting, err := m.witness.pending(ctx)
		if err != nil {
			return 0, err
		}
		if still++; executed != last || waiting > 0 {
			last, still = executed, 0
		}
		if still == 4 {
			return executed, nil
		}
		if !sleep(ctx, blockTime, nil) {
			return 0, ctx.Err()
		}
	}
}

// checkChain counts the transactions of all jobs.
func (m *million) checkChain(ctx context.Context) error {
	executed, err := m.witness.executed(ctx)
	if want := 1 + m.rows + 2*m.smallJobs*m.smallRows; err == nil && executed != want {
		return fmt.Errorf("the chain has %d transactions of %d", executed, want)
	}
	return err
}

// judge prints the comparison, and is an error when a bound is not kept.
func (c comparison) judge(out io.Writer) error {
	var missed []error
	miss := func(words string, args ...any) { missed = append(missed, fmt.Errorf(words, args...)) }
	growth := c.large.peak - c.small.peak
	fmt.Fprintf(out, "peak memory: %.1f MB for %d rows, %.1f MB for %d rows, difference %+.1f MB\n",
		float64(c.small.peak)/mb, c.small.rows, float64(c.large.peak)/mb, c.large.rows, float64(growth)/mb)
	if c.large.peak > mostPeak || growth > mostGrowth {
		miss("peak memory: at most %d MB, and %d MB more than the small job, are promised", mostPeak/mb, mostGrowth/mb)
	}
	smallWall, smallCPU := c.small.perRow()
	largeWall, largeCPU := c.large.perRow()
	for _, time := range []struct {
		of           string
		small, large float64
	}{{"time", smallWall, largeWall}, {"processor time", smallCPU, largeCPU}} {
		ratio := time.large / time.small
		fmt.Fprintf(out, "%s a row: %.1f µs for %d rows, %.1f µs for %d rows, ratio %.2f\n", time.of, time.small, c.small.rows, time.large, c.large.rows, ratio)
		if ratio > mostRatio {
			miss("%s a row: at most %.2f of that of the small job is promised", time.of, mostRatio)
		}
	}
	fmt.Fprintf(out, "resume after SIGKILL at %d rows: sends after %d ms, the first new row is on the chain after %d ms\n",
		c.resumed.at, c.resumed.sent.Milliseconds(), c.resumed.confirmed.Milliseconds())
	if c.resumed.confirmed > mostResume {
		miss("resume: at most %s is promised", mostResume)
	}
	return errors.Join(missed...)
}

// median is the median of each part by itself.
func median(costs []cost) cost {
	of := func(part func(cost) int) int {
		values := make([]int, len(costs))
		for i, c := range costs {
			values[i] = part(c)
		}
		slices.Sort(values)
		return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	return cost{rows: costs[0].rows,
		wall: time.Duration(of(func(c cost) int { return int(c.wall) })),
		cpu:  time.Duration(of(func(c cost) int { return int(c.cpu) })),
		peak: of(func(c cost) int { return c.peak })}
}
