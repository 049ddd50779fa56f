package batch

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"
)

// Repeat is a call that several rows of a job make.
type Repeat struct {
	First int64 `json:"first"` // row
	Last  int64 `json:"last"`  // row
	Rows  int64 `json:"rows"`  // how many in all
}

// Repeats finds the calls that more than one row of a job makes: the same data to
// the same contract. It counts the calls and the rows beyond the first of each, and
// lists the first calls. It sorts all rows, in the database.
func (s *Store) Repeats(ctx context.Context, jobID string, limit int) (calls, rows int64, list []Repeat, err error) {
	rec, err := jobByID(ctx, s.read, jobID)
	if err != nil {
		return 0, 0, nil, err
	}
	const groups = "FROM items WHERE id BETWEEN ? AND ? GROUP BY recipient, input HAVING count(*) > 1"
	low, high := itemID(rec.seq, 0), itemID(rec.seq+1, 0)-1
	err = s.reports.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n "+groups+") g", low, high).Scan(&calls, &rows)
	if err != nil || calls == 0 {
		return calls, rows, nil, err
	}
	found, err := s.reports.QueryContext(ctx, "SELECT min(id), max(id), count(*) "+groups+" ORDER BY min(id) LIMIT ?", low, high, limit)
	if err != nil {
		return calls, rows, nil, err
	}
	defer found.Close()
	for found.Next() {
		var r Repeat
		if err := found.Scan(&r.First, &r.Last, &r.Rows); err != nil {
			return calls, rows, list, err
		}
		r.First, r.Last = rowOf(r.First), rowOf(r.Last)
		list = append(list, r)
	}
	return calls, rows, list, found.Err()
}

// SameInput lists the batches that were made of the same bytes for the same target,
// contract and function as a plan, and were not refused or canceled; the newest first.
func (s *Store) SameInput(ctx context.Context, plan Job) ([]Job, error) {
	sum, err := hex.DecodeString(plan.InputSHA256)
	if err != nil || len(sum) == 0 {
		return nil, err
	}
	records, err := queryJobs(ctx, s.read, "SELECT "+jobColumns+` FROM jobs WHERE input_sha256 = ? AND target = ? AND kind = 'batch'
		AND state NOT IN ('invalid', 'canceled') ORDER BY seq DESC`, sum, plan.Spec.Target)
	if err != nil {
		return nil, fmt.Errorf("look for jobs with the same input: %w", err)
	}
	var list []Job
	for _, rec := range records {
		if sameCallee(rec.Job, plan) {
			list = append(list, rec.Job)
		}
	}
	return list, nil
}

// sameCallee reports whether rows of two jobs call the same function of the same
// contract, as far as the jobs say it.
func sameCallee(a, b Job) bool {
	if (a.Address == nil) != (b.Address == nil) || a.Address != nil && *a.Address != *b.Address {
		return false
	}
	return functionName(a.Spec.Function) == functionName(b.Spec.Function)
}

// Pace is how fast batches were, all together.
type Pace struct {
	Jobs int           // how many
	Rows int64         // that were executed
	Took time.Duration // from their starts to their ends
}

// Rate is rows a second; 0 when nothing is known.
func (p Pace) Rate() float64 {
	if p.Took <= 0 {
		return 0
	}
	return float64(p.Rows) / p.Took.Seconds()
}

// PastPace adds up the newest batches of a target that are done and had at least so
// many executed rows, without those that stood still before rows were retried.
func (s *Store) PastPace(ctx context.Context, target string, jobs int, atLeast int64) (Pace, error) {
	var p Pace
	var ms int64
	err := s.read.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(n), 0), coalesce(sum(took), 0) FROM (
		SELECT confirmed + reverted AS n, finished - started AS took FROM jobs
		WHERE target = ? AND kind = 'batch' AND state = 'done' AND started IS NOT NULL AND retries = 0 AND confirmed + reverted >= ?
		ORDER BY seq DESC LIMIT ?) past`, target, atLeast, jobs).Scan(&p.Jobs, &p.Rows, &ms)
	p.Took = time.Duration(ms) * time.Millisecond
	if err != nil {
		return Pace{}, fmt.Errorf("look for earlier jobs: %w", err)
	}
	return p, nil
}

// Gas is what confirmed rows of one job took.
type Gas struct {
	JobID          string
	Rows           int64
	Mean, Min, Max uint64
}

// PastGas is what the rows of the newest batch took that called the same function of
// the same contract; nil when there was none.
func (s *Store) PastGas(ctx context.Context, plan Job) (*Gas, error) {
	if plan.Address == nil {
		return nil, nil
	}
	records, err := queryJobs(ctx, s.read, "SELECT "+jobColumns+` FROM jobs WHERE target = ? AND kind = 'batch' AND address = ? AND confirmed > 0
		ORDER BY seq DESC LIMIT 100`, plan.Spec.Target, plan.Address.Bytes())
	if err != nil {
		return nil, fmt.Errorf("look for the gas of earlier jobs: %w", err)
	}
	for _, rec := range records {
		if !sameCallee(rec.Job, plan) {
			continue
		}
		g := Gas{JobID: rec.ID}
		var mean sql.NullFloat64
		var least, most sql.NullInt64
		err := s.reports.QueryRowContext(ctx, `SELECT count(gas_used), avg(gas_used), min(gas_used), max(gas_used) FROM outcomes
			WHERE item BETWEEN ? AND ? AND state = 'confirmed'`, itemID(rec.seq, 0), itemID(rec.seq+1, 0)-1).Scan(&g.Rows, &mean, &least, &most)
		if err != nil {
			return nil, fmt.Errorf("look for the gas of job %s: %w", rec.ID, err)
		}
		if g.Rows > 0 {
			g.Mean, g.Min, g.Max = uint64(mean.Float64), uint64(least.Int64), uint64(most.Int64)
			return &g, nil
		}
	}
	return nil, nil
}

// functionName makes the names of the arguments not matter: "save(bytes32 digest)"
// and "save(bytes32)" are the same function. What is only a name is left as it is.
func functionName(fn string) string {
	if m, err := callMethod(KindCall, nil, fn); err == nil {
		return m.Signature()
	}
	return fn
}
