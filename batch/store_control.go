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
	_, to, err := s.moveJob(rec.seq, jobMove{event: eventCancel, at: time.Now()})
	if err == nil && to == JobCanceling && rec.Counts.Submitted+rec.Counts.Unknown == 0 {
		_, _, err = s.moveJob(rec.seq, jobMove{event: eventSettle, at: time.Now()})
	}
	if err != nil {
		return rec.Job, fmt.Errorf("cancel job %s: %w", jobID, err)
	}
	return s.Job(ctx, jobID)
}

// Pause is Engine.Pause for a store that no engine works with: nothing new of the job
// is signed, by whatever engine opens the store next, until it is resumed. What is in
// flight is settled by that engine.
// The errors are those of Engine.Pause, and ErrStoreInUse while an engine, of this
// process or another, has the store.
func (s *Store) Pause(ctx context.Context, jobID string) (Job, error) {
	if err := s.own(ctx); err != nil {
		return Job{}, fmt.Errorf("pause job %s: %w", jobID, err)
	}
	defer s.disown()
	rec, err := jobByID(ctx, s.read, jobID)
	if err != nil {
		return Job{}, err
	}
	if _, _, err := s.moveJob(rec.seq, jobMove{event: eventPause, at: time.Now()}); err != nil {
		return rec.Job, fmt.Errorf("pause job %s: %w", jobID, err)
	}
	return s.Job(ctx, jobID)
}
