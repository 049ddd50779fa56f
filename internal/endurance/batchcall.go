//go:build linux

package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bcosgate/bcosgate/internal/devnodes"
)

// batchcall runs batchcall in a folder with the input and the report.
type batchcall struct {
	program string
	dir     string
	store   string   // where the jobs are; "" is storeFile in dir
	flags   []string // which chain, or which gateway
}

func newBatchcall(bin, dir string, c *devnodes.Chain) *batchcall {
	return &batchcall{program: filepath.Join(bin, "batchcall"), dir: dir,
		flags: []string{"--node", strings.Join(c.Addresses(), ","), "--certs", c.Certs}}
}

// location is the store, for whoever opens it here.
func (b *batchcall) location() string {
	if b.store != "" {
		return b.store
	}
	return b.file(storeFile)
}

func (b *batchcall) file(name string) string { return filepath.Join(b.dir, name) }

const (
	inputFile  = "rows.csv"
	reportFile = "report.csv"
	storeFile  = "data/batchcall.db"
	// The exit codes of batchcall with rows that failed, and with rows whose outcome
	// is not known.
	exitFailedRows, exitUnknownRows = 2, 4
	// exitNoNode is the exit code of batchcall when no node, or no gateway, can be
	// reached.
	exitNoNode = 5
	// mostNoNode is how often that may be.
	mostNoNode = 20
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
	text, err := b.output(ctx, "get", "-o", "json")
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
