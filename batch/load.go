package batch

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bcosgate/bcosgate/batch/rows"
)

// The measures of a load. A group is one transaction; its bytes are bounded
// because a single row may have megabytes.
const (
	loadRows   = 500
	loadBytes  = 4 << 20
	keptFaults = 100
)

// Load reads all rows of r, checks them against the job's contract and stores
// them. The job becomes ready, or invalid with an *InvalidRowsError. Loading
// the bytes that the job already has does nothing; other bytes give ErrConflict.
// A load that breaks off (ctx, an error of the reader) leaves the job loading
// and empty. A second load of the same job at the same time gives ErrState.
func (e *Engine) Load(ctx context.Context, jobID string, r rows.Reader) (_ Job, err error) {
	release, err := e.begin()
	if err != nil {
		return Job{}, err
	}
	defer release()
	ctx, unlock, err := e.lockLoad(ctx, jobID)
	if err != nil {
		return Job{}, err
	}
	defer unlock()

	rec, err := jobByID(ctx, e.Store.read, jobID)
	if err != nil {
		return Job{}, err
	}
	if rec.State != JobLoading {
		return e.loadAgain(ctx, rec, r)
	}
	if e.Store.shared() {
		if err := e.Store.claimLoad(rec.seq); err != nil {
			return Job{}, fmt.Errorf("load job %s: %w", jobID, err)
		}
		defer func() { err = errors.Join(err, e.Store.leaveLoad(rec.seq)) }()
	}
	// A broken load whose rows could not be removed may have left some.
	if err := e.Store.dropItems(rec.seq); err != nil {
		return Job{}, fmt.Errorf("load job %s: %w", jobID, err)
	}
	l, err := e.loadRows(ctx, rec, r)
	if err != nil || l.count > 0 {
		if err := e.Store.dropItems(rec.seq); err != nil {
			return Job{}, fmt.Errorf("remove the rows of job %s: %w", jobID, err)
		}
	}
	if err != nil {
		return Job{}, fmt.Errorf("load job %s: %w", jobID, err)
	}
	if err := e.Store.finishLoad(rec.seq, l, time.Now()); err != nil {
		if errors.Is(err, ErrState) {
			err = errors.Join(err, e.Store.dropItems(rec.seq))
		}
		return Job{}, fmt.Errorf("load job %s: %w", jobID, err)
	}
	e.changed.broadcast()
	job, err := e.Store.Job(ctx, jobID)
	if err == nil && job.State == JobInvalid {
		return job, &InvalidRowsError{JobID: jobID, Faults: l.faults, Count: l.count}
	}
	return job, err
}

// loadAgain answers a load of a job that has its rows.
func (e *Engine) loadAgain(ctx context.Context, rec record, r rows.Reader) (Job, error) {
	if rec.InputSHA256 == "" {
		return rec.Job, fmt.Errorf("job %s is %s: %w", rec.ID, rec.State, ErrState)
	}
	for n := 0; ; n++ {
		if n%loadRows == 0 && ctx.Err() != nil {
			return rec.Job, context.Cause(ctx)
		}
		_, err := r.Next()
		var fault *rows.Fault
		if err == io.EOF || errors.As(err, &fault) && fault.Row == 0 {
			break
		}
		if err != nil && fault == nil {
			return rec.Job, fmt.Errorf("load job %s: %w", rec.ID, err)
		}
	}
	sum := r.SHA256()
	if hex.EncodeToString(sum[:]) != rec.InputSHA256 {
		return rec.Job, fmt.Errorf("job %s already has other rows: %w", rec.ID, ErrConflict)
	}
	if rec.State == JobInvalid {
		return rec.Job, &InvalidRowsError{JobID: rec.ID, Faults: rec.Faults, Count: rec.FaultCount}
	}
	return rec.Job, nil
}

// loadRows stores all rows while they are good; after the first fault it only
// looks for more faults.
func (e *Engine) loadRows(ctx context.Context, rec record, r rows.Reader) (loaded, error) {
	l := loaded{columns: r.Columns()}
	fault := func(f RowFault) {
		l.count++
		if len(l.faults) < keptFaults {
			l.faults = append(l.faults, f)
		}
	}
	by, err := parseSharding(rec.Spec.ShardBy)
	if err != nil { // it was good when the job was created: the program is another one since
		return l, err
	}
	cut := newShardCutter(by, rec.Spec.Canary)
	cut.together = rec.Spec.OrderedBy != ""
	check, f := newChecker(rec, l.columns)
	if f != nil {
		fault(*f)
	}
	if rec.Spec.Signed != nil {
		reader, err := e.verifier(rec)
		if err != nil {
			return l, err
		}
		if check != nil {
			check.signed = reader
		}
		r = &signedRows{Reader: r, reader: reader, spec: *rec.Spec.Signed, workers: e.cfg.Workers}
	}
	store := newItemWriter(e.Store, rec.seq)
	defer store.stop()

	for n := 0; ; n++ {
		if n%64 == 0 {
			if ctx.Err() != nil {
				return l, context.Cause(ctx)
			}
		}
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		if f, ok := errors.AsType[*rows.Fault](err); ok {
			fault(RowFault(*f))
			if f.Row == 0 {
				break
			}
			l.rows = max(l.rows, f.Row)
			continue
		}
		if err != nil {
			return l, err
		}
		l.rows = row.Number
		if check == nil {
			continue
		}
		item, f := check.item(row)
		if f == nil && by.byLane() {
			item.lane, f = cut.lane(row)
		}
		if f == nil && item.after != "" && !rec.Spec.Kind.Reads() {
			l.dependents = true
			f = cut.keepTogether()
		}
		switch {
		case f != nil:
			f.Row, f.Line = row.Number, row.Line
			fault(*f)
		case l.count == 0:
			if err := store.add(item); err != nil {
				return l, err
			}
		}
		for _, t := range store.refused() {
			fault(t)
		}
	}
	if err := store.flush(); err != nil {
		return l, err
	}
	for _, t := range store.refused() {
		fault(t)
	}
	if l.count == 0 && l.rows == 0 {
		fault(RowFault{Reason: "there are no rows"})
	}
	if rec.Spec.Kind == KindTransaction && l.rows > 1 {
		fault(RowFault{Row: 2, Reason: fmt.Sprintf("a transaction has one row, here are %d: make it a job of kind %q", l.rows, KindBatch)})
	}
	l.sha = r.SHA256()
	if l.count == 0 {
		l.shards = cut.cut(l.rows)
	}
	return l, nil
}
