package batch

import (
	"context"
	"fmt"
	"time"
)

// Cancel is Engine.Cancel for a store that no engine works with: nothing more
// of the job is sent, by whatever engine opens the store next. No chain is
// asked, so a job of which something is in flight is given back as canceling;
// an engine settles that and ends it. Without anything in flight the job is
// canceled at once.
// The errors are those of Engine.Cancel, and ErrStoreInUse while an engine, of
// this process or another, has the store.
func (s *Store) Cancel(ctx context.Context, jobID string) (Job, error) {
	if err := s.own(ctx); err != nil {
		return Job{}, fmt.Errorf("cancel job %s: %w", jobID, err)
	}
	defer s.disown()
	rec, err := jobByID(ctx, s.read, jobID)
	if err != nil {
		return Job{}, err
	}
	if rec.State == JobLoading { // its load broke off with the process that read the rows
		if err := s.dropItems(rec.seq); err != nil {
			return Job{}, fmt.Errorf("cancel job %s: %w", jobID, err)
		}
	}
	from, to := []JobState{JobLoading, JobReady, JobRunning, JobCanceling}, JobCanceled
	if rec.Counts.Submitted+rec.Counts.Unknown > 0 {
		from, to = []JobState{JobRunning}, JobCanceling
	}
	if _, err := s.moveJob(rec.seq, to, time.Now(), from...); err != nil {
		return Job{}, fmt.Errorf("cancel job %s: %w", jobID, err)
	}
	if rec, err = jobByID(ctx, s.read, jobID); err != nil {
		return Job{}, err
	}
	if rec.State != JobCanceled && rec.State != JobCanceling {
		return rec.Job, fmt.Errorf("cancel job %s, which is %s: %w", jobID, rec.State, ErrState)
	}
	return rec.Job, nil
}
