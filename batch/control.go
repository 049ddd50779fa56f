package batch

import (
	"context"
	"fmt"
	"time"
)

// Run starts sending a ready job and returns at once. A running job that stands
// still with a Reason is tried again; a job that is running, canceling or done is
// left as it is; any other state gives ErrState, also paused, which Resume ends.
func (e *Engine) Run(ctx context.Context, jobID string) error {
	_, err := e.move(ctx, jobID, "run", eventStart)
	return err
}

// Pause makes the job sign nothing new until Resume, also after a restart. What was
// signed before is settled: its bytes may still be sent. It returns at once with the
// job as it is then. A paused job stays as it is; only a running one can be paused,
// others give ErrState. A job of which every item gets settled meanwhile is done.
func (e *Engine) Pause(ctx context.Context, jobID string) (Job, error) {
	return e.move(ctx, jobID, "pause", eventPause)
}

// Resume goes on with a paused job, whoever paused it, and returns at once. A running
// job is left as it is; any other state gives ErrState. maxErrors is a new error budget
// for the job; "" keeps the one that it has. A job whose budget is used up needs a
// larger one: ErrBudget.
func (e *Engine) Resume(ctx context.Context, jobID, maxErrors string) (Job, error) {
	release, err := e.begin()
	if err != nil {
		return Job{}, err
	}
	defer release()
	rec, err := jobByID(ctx, e.Store.read, jobID)
	if err != nil {
		return Job{}, err
	}
	if _, err := rec.State.after(eventResume); err != nil {
		return rec.Job, fmt.Errorf("resume job %s: %w", jobID, err)
	}
	if maxErrors != "" {
		if _, err := mostFailed(maxErrors, rec.Rows); err != nil {
			return rec.Job, &SpecError{"maxErrors", err.Error()}
		}
		rec.Spec.MaxErrors = maxErrors
	}
	if why := overBudget(rec.Spec.MaxErrors, rec.Rows, rec.Counts); why != "" && rec.State == JobPaused {
		return rec.Job, fmt.Errorf("resume job %s: %w: %s", jobID, ErrBudget, why)
	}
	if maxErrors != "" {
		if err := e.setSpec(rec.ID, rec.seq, rec.Spec); err != nil {
			return rec.Job, fmt.Errorf("resume job %s: %w", jobID, err)
		}
	}
	return e.move(ctx, jobID, "resume", eventResume)
}

// Cancel makes the job send nothing new; what is in flight is settled, then the
// job is canceled. It returns at once with the job as it is then. A load of the
// job breaks off. A canceled job stays as it is; a done or invalid one gives ErrState.
func (e *Engine) Cancel(ctx context.Context, jobID string) (Job, error) {
	release, err := e.begin()
	if err != nil {
		return Job{}, err
	}
	defer release()
	if job, err := e.Store.Job(ctx, jobID); err == nil && job.State == JobLoading {
		if err := e.breakLoad(ctx, jobID); err != nil {
			return Job{}, err
		}
	}
	return e.move(ctx, jobID, "cancel", eventCancel)
}

// move tells a job what the user wants, and makes its run follow. The job is as it
// is then, also with ErrState.
func (e *Engine) move(ctx context.Context, jobID, what string, event jobEvent) (Job, error) {
	release, err := e.begin()
	if err != nil {
		return Job{}, err
	}
	defer release()
	rec, err := jobByID(ctx, e.Store.read, jobID)
	if err != nil {
		return Job{}, err
	}
	m := jobMove{event: event, at: time.Now()}
	var taken []shard
	if _, _, missing := e.means(rec); rec.Spec.Kind == KindTransaction && event == eventStart && missing == "" {
		m.take = &taken
	}
	from, to, err := e.Store.moveJob(rec.seq, m)
	if err != nil {
		return rec.Job, fmt.Errorf("%s job %s: %w", what, jobID, err)
	}
	if from != to {
		e.log.Info("job changed", "job", jobID, "was", from, "is", to)
	}
	if err := e.followMove(ctx, rec, taken); err != nil {
		return Job{}, fmt.Errorf("%s job %s: %w", what, jobID, err)
	}
	e.changed.broadcast()
	return e.Store.Job(ctx, jobID)
}

// followMove does what is left to do here after a move of a job; taken are the shards
// that came with it.
func (e *Engine) followMove(ctx context.Context, rec record, taken []shard) error {
	if e.Store.shared() {
		return e.followShared(ctx, rec, taken)
	}
	return e.follow(ctx, rec.ID)
}

// follow makes the run of a job do what the state of the job wants: there is one
// while there is something to do, and it is told what has changed. The store is asked
// with mu held: what a caller has read before may be older than the last change.
func (e *Engine) follow(ctx context.Context, jobID string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != phaseStarted { // the next Start takes the job up
		return nil
	}
	rec, err := jobByID(ctx, e.Store.read, jobID)
	if err != nil {
		return err
	}
	r := e.runs[jobID]
	live := r != nil && !r.over
	inFlight := rec.Counts.Submitted+rec.Counts.Unknown > 0
	if live {
		r.bound(rec.Spec)
		if e.Store.shared() { // others settle, too
			r.recount(rec.Counts)
		}
	}
	switch {
	case rec.State.Final() && live:
		r.conclude()
	case !rec.State.sends():
	case !live && e.Store.shared(): // who takes a shard up makes a run
	case !live && (rec.State != JobPaused || inFlight):
		e.startRun(rec)
	case !live:
	case rec.State == JobPaused:
		r.pause()
	case r.paused.Load(): // it has passed over items that are now to be sent, or canceled
		r.yield()
	case rec.State == JobCanceling:
		r.cancel()
	}
	return nil
}

// startRun makes a run of the job. mu is held, the engine is started, no other run
// of the job goes on.
func (e *Engine) startRun(rec record) {
	r := newRun(e, rec)
	e.runs[rec.ID] = r
	go r.main()
}

// succeed ends a run, and makes the next one when the job goes on: because this one
// has yielded, or was told too late what has changed. A run that has halted waits for
// the user.
func (e *Engine) succeed(r *run) {
	e.mu.Lock()
	r.over = true
	ended := e.phase != phaseStarted || e.runs[r.rec.ID] != r || r.haltReason() != ""
	e.mu.Unlock()
	if ended {
		return
	}
	var job Job
	err := patiently(e.soft, func() (err error) {
		job, err = e.Store.Job(e.soft, r.rec.ID)
		return err
	})
	if err == nil && job.State != JobPaused { // of which nothing more can be done now
		err = patiently(e.soft, func() error { return e.follow(e.soft, r.rec.ID) })
	}
	if err != nil && e.soft.Err() == nil {
		r.log.Error("the job cannot be read; it stands still until it is asked for", "error", err)
	}
}
