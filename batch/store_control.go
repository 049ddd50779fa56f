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
// canceled at once. In a PostgreSQL store it works beside the engines of other
// processes, which settle what they have in flight.
// The errors are those of Engine.Cancel, and ErrStoreInUse while an engine of this
// process has this very Store, or one of another process the file.
func (s *Store) Cancel(ctx context.Context, jobID string) (Job, error) {
	if err := s.own(ctx); err != nil {
		return Job{}, fmt.Errorf("cancel job %s: %w", jobID, err)
	}
	defer s.disown()
	rec, err := jobByID(ctx, s.read, jobID)
	if err != nil {
		return Job{}, err
	}
	if rec.State == JobLoading && s.shared() {
		if err := s.claimLoad(rec.seq); err != nil {
			return Job{}, fmt.Errorf("cancel job %s: %w", jobID, err)
		}
	}
	if rec.State == JobLoading { // its load broke off with the process that read the rows
		if err := s.dropItems(rec.seq); err != nil {
			return Job{}, fmt.Errorf("cancel job %s: %w", jobID, err)
		}
	}
	_, to, err := s.moveJob(rec.seq, jobMove{event: eventCancel, at: time.Now()})
	if err == nil && to == JobCanceling && !s.shared() && rec.Counts.Submitted+rec.Counts.Unknown == 0 {
		_, _, err = s.moveJob(rec.seq, jobMove{event: eventSettle, at: time.Now()})
	}
	if err != nil {
		return rec.Job, fmt.Errorf("cancel job %s: %w", jobID, err)
	}
	return s.Job(ctx, jobID)
}

// Pause is Engine.Pause for a store that no engine works with: nothing new of the job
// is signed, by whatever engine opens the store next, until it is resumed. What is in
// flight is settled by that engine. As Cancel it works beside the engines of other
// processes in a PostgreSQL store, with the same errors beside those of Engine.Pause.
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
