//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// batchcall runs batchcall on a chain, in a folder with the input and the store.
type batchcall struct {
	program string
	dir     string
	flags   []string // which chain
}

func newBatchcall(bin, dir string, c *devnodes.Chain) *batchcall {
	return &batchcall{program: filepath.Join(bin, "batchcall"), dir: dir,
		flags: []string{"--node", strings.Join(c.Addresses(), ","), "--certs", c.Certs}}
}

const (
	inputFile  = "rows.csv"
	reportFile = "report.csv"
	storeFile  = "data/batchcall.db"
	// exitNoNode is the exit code of batchcall when no node can be reached.
	exitNoNode = 5
)

// runArgs are those that run a function for every row of an input. inFlight 0 is
// the default.
func runArgs(input string, inFlight int, more ...string) []string {
	args := []string{"run", "-f", input, "--contract", "Evidence", "--fn", saveFunction, "-o", "json"}
	if inFlight > 0 {
		args = append(args, "--in-flight", strconv.Itoa(inFlight))
	}
	return append(args, more...)
}

func (b *batchcall) start(ctx context.Context, args ...string) (*process, error) {
	return start(ctx, b.dir, b.program, append(args, b.flags...)...)
}

// output runs batchcall to its end.
func (b *batchcall) output(ctx context.Context, args ...string) ([]byte, error) {
	return output(ctx, b.dir, b.program, append(args, b.flags...)...)
}

func (b *batchcall) deploy(ctx context.Context) error {
	_, err := b.output(ctx, "deploy", "Evidence")
	return err
}

// jobView is what batchcall prints of a job.
type jobView struct {
	ID     string
	State  string
	Spec   struct{ Kind string }
	Counts struct{ Confirmed, Submitted, Unknown int }
}

// job is the newest job with rows that the store has; without one its state is "".
func (b *batchcall) job(ctx context.Context) (jobView, error) {
	text, err := output(ctx, b.dir, b.program, "get", "-o", "json")
	if err != nil {
		return jobView{}, err
	}
	var list struct{ Jobs []jobView }
	if err := json.Unmarshal(text, &list); err != nil {
		return jobView{}, err
	}
	for _, job := range list.Jobs {
		if job.Spec.Kind == "batch" {
			return job, nil
		}
	}
	return jobView{}, nil
}

// startRunKillRepeat is the life of a job whose engine is killed at every moment
// and started again. It returns when the last one has come; the job may be done or
// not. struck is told of every kill.
func (b *batchcall) startRunKillRepeat(ctx context.Context, p *progress, moments []moment, inFlight int, struck func(phase)) error {
	noNode := 0
	for i := 0; i < len(moments); {
		args := runArgs(inputFile, inFlight)
		if p.now() > 0 && i%2 == 1 {
			args = []string{"resume"}
		}
		engine, err := b.start(ctx, args...)
		if err != nil {
			return err
		}
		if moments[i].after = shorter(p, moments[i]); p.wait(ctx, moments[i], engine.ended) && engine.kill() {
			phase, err := b.phaseOf(ctx, moments[i].phase)
			if err != nil {
				return err
			}
			struck(phase)
			i++
			continue
		}
		<-engine.ended
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case engine.code() == exitNoNode && noNode < mostNoNode:
			noNode++ // all that it asked were dead; it was told to be started again
		case engine.result != nil:
			return engine.failure()
		case moments[i].phase == sending:
			return fmt.Errorf("the job ended when %d of %d kills were still to come: it needs more rows", len(moments)-i, len(moments))
		default:
			moments[i].after /= 2 // too late
		}
	}
	return nil
}

// mostNoNode is how often an engine may find no node.
const mostNoNode = 20

// shorter is how long to wait after a moment's row: less when that row is on the
// chain already, so that kills which are late do not become later.
func shorter(p *progress, m moment) time.Duration {
	if m.phase == sending && p.now() >= m.rows {
		return m.after / 2
	}
	return m.after
}

// phaseOf is what an engine was killed in: it may have loaded faster than was
// thought.
func (b *batchcall) phaseOf(ctx context.Context, meant phase) (phase, error) {
	if meant != loading {
		return meant, nil
	}
	job, err := b.job(ctx)
	switch job.State {
	case "":
		return starting, err
	case "loading":
		return loading, err
	}
	return sending, err
}

// killReports kills batchcall n times while it writes the report of a job that is
// done. The report that is there stays as it was.
func (b *batchcall) killReports(ctx context.Context, n int, after func(most time.Duration) time.Duration, struck func(phase)) error {
	path := filepath.Join(b.dir, reportFile)
	args := runArgs(inputFile, 0, "--report", reportFile)
	begin := time.Now()
	if _, err := b.output(ctx, args...); err != nil {
		return err
	}
	whole := time.Since(begin)
	sum, err := fileSum(path)
	if err != nil {
		return err
	}
	for tries := 0; n > 0; tries++ {
		if tries == 100 {
			return errors.New("the report is written too fast to be killed meanwhile")
		}
		writer, err := b.start(ctx, args...)
		if err != nil {
			return err
		}
		sleep(ctx, after(whole), writer.ended)
		if writer.kill() {
			struck(reporting)
			n--
		} else if err := writer.failure(); err != nil {
			return err
		}
		now, err := fileSum(path)
		if err != nil {
			return err
		}
		if now != sum {
			return fmt.Errorf("%s is another one after batchcall was killed while it wrote it again", path)
		}
	}
	return nil
}
