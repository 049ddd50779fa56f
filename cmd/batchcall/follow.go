package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/gateway/client"
)

const (
	// localPoll is how often the engine of this process is asked; it answers from memory.
	localPoll = 100 * time.Millisecond
	// remotePoll is how often a gateway, or a store of another process, is asked.
	remotePoll = 500 * time.Millisecond
	// patience is how long a gateway may be away (it may be starting again)
	// before following its job is given up. The job itself is safe there.
	patience = 2 * time.Minute
	// drainTimeout bounds the settling of what is in flight after an interrupt.
	// A block takes a second; a node that has died takes longer than anybody waits.
	// Following a job that was paused waits as long.
	drainTimeout = 30 * time.Second
)

// errStands says that a job cannot go on until something is mended.
var errStands = errors.New("the job stands still")

// follow shows how a job gets on until it is final (nil), stands still or is paused
// (errStands), or ctx ends.
func (a *app) follow(ctx context.Context, r jobReader, jobID string) error {
	poll := remotePoll
	if _, here := r.(*embedded); here {
		poll = localPoll
	}
	show := a.newProgress()
	defer show.end()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var silentSince, pausedSince time.Time
	var warned bool
	for {
		p, err := r.Progress(ctx, jobID)
		switch _, away := errors.AsType[*client.UnreachableError](err); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case away && silentSince.IsZero():
			silentSince = time.Now()
			a.note("%v; the job goes on there, asking again for %s", err, patience)
		case away && time.Since(silentSince) < patience:
		case err != nil:
			return err
		default:
			silentSince = time.Time{}
			warned = warned || a.warnBudget(p)
			show.job(p)
			if p.State.Final() {
				return nil
			}
			if p.Halted {
				return fmt.Errorf("%w: %s", errStands, p.Reason)
			}
			if p.State != batch.JobPaused {
				pausedSince = time.Time{}
				break
			}
			if pausedSince.IsZero() {
				pausedSince = time.Now()
			}
			if p.Counts.Submitted+p.Counts.Unknown == 0 || time.Since(pausedSince) >= drainTimeout {
				return pausedBecause(p.Reason)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pausedBecause says that a job is paused, and why when a rule did it.
func pausedBecause(reason string) error {
	if reason == "" {
		return fmt.Errorf("%w: it is paused", errStands)
	}
	return fmt.Errorf("%w: it is paused: %s", errStands, reason)
}

// start begins to send the rows of jobs that are not final, and goes on with those
// that are paused, with another error budget when there is one.
func (a *app) start(ctx context.Context, s service, maxErrors string, jobs ...batch.Job) error {
	var started []string
	for _, job := range jobs {
		if job.State.Final() {
			continue
		}
		started = append(started, job.ID)
		var err error
		if job.State == batch.JobPaused {
			_, err = s.Resume(ctx, job.ID, maxErrors)
		} else {
			err = s.Run(ctx, job.ID)
		}
		switch {
		case ctx.Err() != nil && a.opt.gateway != "":
			return a.leave("interrupted while the gateway was asked to begin; it may be sending", started...)
		case ctx.Err() != nil:
			return a.interrupted(s, started...)
		case err != nil:
			return a.startFailed(job, err)
		}
	}
	return nil
}

// startFailed says more of a job that cannot go on as it is.
func (a *app) startFailed(job batch.Job, err error) error {
	if job.StoppedBy != batch.StopMaxErrors || !errors.Is(err, batch.ErrBudget) && !isConflict(err) {
		return err
	}
	return exitWith(exitBudget, "%w\ngo on with: %s", err, a.again("resume", job.ID, "--max-errors", "BUDGET"))
}

// finish follows a job that is running to its end and gives it as it is then.
// An interrupt settles what is in flight and says how to go on.
func (a *app) finish(ctx context.Context, s service, jobID string) (batch.Job, error) {
	err := a.follow(ctx, s, jobID)
	if ctx.Err() != nil {
		return batch.Job{}, a.interrupted(s, jobID)
	}
	if err != nil && !errors.Is(err, errStands) {
		return batch.Job{}, err
	}
	job, jobErr := s.Job(ctx, jobID)
	return job, errors.Join(err, jobErr)
}

// interrupted ends the part of this process in a job after an interrupt.
func (a *app) interrupted(s service, jobIDs ...string) error {
	if a.opt.gateway != "" {
		return a.leave("interrupted; the job goes on in the gateway", jobIDs...)
	}
	a.note("interrupted: settling what is in flight (once more stops at once, and loses nothing either)")
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	drained := s.Interrupt(ctx)
	for _, id := range jobIDs {
		if job, err := s.Job(ctx, id); err == nil {
			a.note("job %s: %d of %d rows are done: %s", id, job.Counts.Settled(), job.Rows, stateLine(job.Counts))
		}
		a.note("go on with: %s", a.again("resume", id))
		a.note("give it up: %s", a.again("cancel", id))
	}
	if drained != nil {
		a.note("not everything in flight was settled (%v); resume looks for it by hash", drained)
	}
	return &exitError{code: exitInterrupted}
}

// leave ends following the jobs of a gateway, and says how they can be found.
func (a *app) leave(why string, jobIDs ...string) error {
	a.note("%s", why)
	for _, id := range jobIDs {
		a.note("  follow it: %s", a.again("get", id, "--watch"))
		a.note("  cancel it: %s", a.again("cancel", id))
	}
	return &exitError{code: exitInterrupted}
}

// shownFailures is how many failed rows a summary names: enough to see whether
// they have one cause.
const shownFailures = 3

// conclude prints the summary of a job, names the first rows that failed, and
// gives the error that carries the exit code.
func (a *app) conclude(ctx context.Context, r jobReader, job batch.Job, stands error) error {
	if err := a.print(jobView(job, a.opt.output)); err != nil {
		return err
	}
	code := jobCode(job)
	switch {
	case code == exitOK:
		return nil
	case stands != nil:
		again := []string{"resume", job.ID}
		if job.StoppedBy == batch.StopMaxErrors {
			again = append(again, "--max-errors", "BUDGET")
		}
		return exitWith(code, "%w; go on with: %s", stands, a.again(again...))
	case job.State == batch.JobInvalid:
		return exitWith(code, "job %s: its rows were refused, nothing was sent", job.ID)
	}
	failed := []batch.ItemState{batch.ItemReverted, batch.ItemRejected, batch.ItemExpired, batch.ItemUnknown}
	items, err := r.Items(ctx, job.ID, batch.ItemFilter{States: failed, Limit: shownFailures})
	if err != nil {
		return err
	}
	for _, it := range items {
		a.note("%s", oneLine(fmt.Sprintf("row %d %s: %s", it.Row, it.State, it.Error)))
	}
	if c := job.Counts; job.State.Final() && c.Reverted+c.Rejected+c.Expired > 0 && job.Spec.Signed == nil {
		a.note("send them again, when they are good as they are, with: %s", a.again("retry", job.ID))
	}
	return exitWith(code, "job %s: of %d rows %s. See them with: %s", job.ID, job.Rows, stateLine(job.Counts),
		a.again("get", job.ID, "--rows", "--state", "reverted,rejected,expired,unknown"))
}
