package batch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Engine runs jobs. All methods are safe for concurrent use. The reading
// methods are those of its Store.
type Engine struct {
	*Store
	cfg     Config
	log     *slog.Logger
	targets []*target
	signing chan struct{} // a place for each transaction that may be signed at a time
	changed broadcast     // tells of every change of a job's state

	mu      sync.Mutex
	phase   phase
	runs    map[string]*run     // by job ID; those that go on, and those that stand still
	loads   map[string]*loading // by job ID
	calls   sync.WaitGroup      // calls of begin that were not released
	soft    context.Context     // ends when nothing new is to be begun
	hard    context.Context     // ends when answers are no longer waited for
	endSoft context.CancelCauseFunc
	endHard context.CancelFunc
	commits *committer
	written sync.WaitGroup  // the committer
	keeping sync.WaitGroup  // what deletes old jobs
	stopped chan struct{}   // closed when Stop is through
	share   *sharing        // with other processes; nil where there are none
	lost    atomic.Bool     // the others have declared this process dead
	life    context.Context // from Start to Stop, over losses
	retire  context.CancelFunc
	anew    sync.WaitGroup // what starts over after a loss
}

type phase int

const (
	phaseNew phase = iota
	phaseStarted
	phaseStopping
)

// NewEngine checks cfg and builds an Engine; it starts nothing.
func NewEngine(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("batch engine: %w", err)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	if cfg.BlockLimitAhead == 0 {
		cfg.BlockLimitAhead = DefaultBlockLimitAhead
	}
	e := &Engine{Store: cfg.Store, cfg: cfg, log: cfg.Logger, signing: make(chan struct{}, cfg.Workers),
		runs: map[string]*run{}, loads: map[string]*loading{}}
	for _, t := range cfg.Targets {
		e.targets = append(e.targets, newTarget(t))
	}
	return e, nil
}

// Start takes the store for this process (ErrStoreInUse when another has it; a
// PostgreSQL database is shared with others), removes the rows of broken-off loads
// and resumes every running job. It returns when that is done; no chain has to be
// reachable. ctx bounds only Start itself. A stopped engine may be started again.
func (e *Engine) Start(ctx context.Context) error {
	if err := e.start(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.life, e.retire = context.WithCancel(context.Background())
	return nil
}

func (e *Engine) start(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != phaseNew {
		return fmt.Errorf("start batch engine: it was started before: %w", ErrState)
	}
	if err := e.Store.own(ctx, slices.Sorted(maps.Keys(e.queues()))...); err != nil {
		return fmt.Errorf("start batch engine: %w", err)
	}
	open, err := e.recover(ctx)
	if err != nil {
		e.Store.disown()
		return fmt.Errorf("start batch engine: %w", err)
	}
	e.soft, e.endSoft = context.WithCancelCause(context.Background())
	e.hard, e.endHard = context.WithCancel(context.Background())
	e.lost.Store(false)
	e.commits = newCommitter(e.Store, newSubBatch(e.cfg.SubBatch), e.log, e.cfg.Observer.Committed)
	e.commits.lost = e.lose
	if e.Store.shared() {
		if e.share, err = e.join(ctx); err != nil {
			e.endSoft(ErrNotStarted)
			e.endHard()
			e.Store.disown()
			return fmt.Errorf("start batch engine: %w", err)
		}
	}
	e.written.Go(func() { e.commits.run(e.hard) })
	if e.cfg.Keep > 0 {
		e.keeping.Go(e.keep)
	}
	e.stopped = make(chan struct{})
	e.phase = phaseStarted
	for _, rec := range open {
		e.startRun(rec)
	}
	return nil
}

// recover puts the store in order after whatever ended the last engine, and
// gives the jobs that go on.
func (e *Engine) recover(ctx context.Context) ([]record, error) {
	if e.Store.shared() {
		return nil, e.recoverShared(ctx)
	}
	open, err := e.openJobs(ctx)
	if err != nil {
		return nil, err
	}
	var goOn []record
	for _, rec := range open {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if rec.State != JobLoading {
			goOn = append(goOn, rec)
			continue
		}
		if err := e.Store.dropItems(rec.seq); err != nil {
			return nil, fmt.Errorf("remove the rows of job %s, whose load broke off: %w", rec.ID, err)
		}
	}
	return goOn, nil
}

// Stop sends nothing new, waits until what is in flight is settled or ctx ends,
// saves, and returns when all goroutines have ended. What is then still in
// flight is resolved at the next Start. Loads break off. The store stays open.
func (e *Engine) Stop(ctx context.Context) error {
	e.mu.Lock()
	if e.retire != nil {
		e.retire()
	}
	e.mu.Unlock()
	err := e.stop(ctx)
	e.anew.Wait() // it may just have started over
	return errors.Join(err, e.stop(ctx))
}

func (e *Engine) stop(ctx context.Context) error {
	e.mu.Lock()
	if e.phase == phaseNew {
		e.mu.Unlock()
		return nil
	}
	stopHard := context.AfterFunc(ctx, e.endHard)
	if e.phase == phaseStopping { // another call does it
		stopped := e.stopped
		e.mu.Unlock()
		<-stopped
		stopHard()
		return nil
	}
	e.phase = phaseStopping
	e.endSoft(ErrNotStarted)
	if e.share != nil {
		e.share.drain(e.hard)
	}
	e.mu.Unlock()

	e.calls.Wait()
	e.keeping.Wait()
	for _, r := range e.allRuns() {
		<-r.ended
	}
	e.mu.Lock()
	share := e.share
	e.share = nil
	e.mu.Unlock()
	if share != nil {
		share.leave()
	}
	stopHard()
	e.endHard()
	close(e.commits.queue)
	e.written.Wait()
	for _, t := range e.targets {
		t.window.rest()
		t.reads.rest()
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.runs)
	e.Store.disown()
	e.phase = phaseNew
	close(e.stopped)
	e.changed.broadcast()
	return nil
}

func (e *Engine) allRuns() []*run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.runs))
}

// begin admits a call that changes something, until release is called.
func (e *Engine) begin() (release func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.phase != phaseStarted {
		return nil, ErrNotStarted
	}
	e.calls.Add(1)
	return e.calls.Done, nil
}

// Create checks spec against the target and the chain and stores a job for it,
// in state loading. With an idempotency key that the store knows it returns the
// job of that key with created false; ErrConflict when that job's spec differs,
// or when it was made for a chain that has been rebuilt under the target's name. An
// invalid job leaves its key to one with another spec: nothing of it was sent.
// What says how and not what may differ (see Spec): the job takes the new values, at
// once if it is running. It takes another Event, too, also when it has ended. Another
// ShardBy changes nothing, nor does a missing Canary or Event.
// A spec that cannot work gives a *SpecError, a chain that cannot be asked a
// *chain.Error.
func (e *Engine) Create(ctx context.Context, spec Spec) (job Job, created bool, err error) {
	release, err := e.begin()
	if err != nil {
		return Job{}, false, err
	}
	defer release()
	spec, t, signer, err := e.normalize(spec)
	if err != nil {
		return Job{}, false, fmt.Errorf("create job: %w", err)
	}
	if spec.IdempotencyKey != "" {
		// Before the chain is asked: a repeated request is answered also when the
		// chain is not there.
		old, err := jobByKey(ctx, e.Store.read, spec.IdempotencyKey)
		switch {
		case err == nil && old.State == JobInvalid && !old.asks(spec): // nothing of it was sent, nor will be
			err = e.Store.freeKey(old.seq)
		case err == nil:
			return e.again(ctx, old, spec, t)
		case errors.Is(err, ErrNotFound):
			err = nil
		}
		if err != nil {
			return Job{}, false, fmt.Errorf("create job: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	defer context.AfterFunc(e.soft, cancel)()
	rec, err := e.plan(ctx, spec, t, signer)
	if err != nil {
		return Job{}, false, fmt.Errorf("create job: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Job{}, false, fmt.Errorf("create job: %w", err)
	}
	rec.ID, rec.Created, rec.nonceRef = id.String(), time.Now(), nonceRef(spec, t.Info, id.String())
	stored, created, err := e.Store.insertJob(rec)
	if err != nil {
		return Job{}, false, fmt.Errorf("create job: %w", err)
	}
	if !created {
		return e.again(ctx, stored, spec, t)
	}
	e.log.Info("job created", "job", stored.ID, "target", spec.Target, "kind", spec.Kind)
	return stored.Job, true, nil
}

// again answers a request whose idempotency key the store knows.
func (e *Engine) again(ctx context.Context, old record, spec Spec, t *target) (Job, bool, error) {
	spec = spec.completedBy(old.Spec)
	if !old.asks(spec) {
		return Job{}, false, fmt.Errorf("the idempotency key %q belongs to job %s, whose spec is another: %w", spec.IdempotencyKey, old.ID, ErrConflict)
	}
	// Without an answer nobody can tell; the run itself asks again.
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if id, err := t.Chain.Identity(ctx); err == nil && id.Genesis != old.genesis {
		return Job{}, false, fmt.Errorf("the idempotency key %q belongs to job %s, which was made for another chain: target %q has been rebuilt since (its block 0 was %s and is %s now): %w",
			spec.IdempotencyKey, old.ID, spec.Target, old.genesis, id.Genesis, ErrConflict)
	}
	if old.State.Final() { // nothing is sent any more, but audits are to come
		event := spec.Event
		spec = old.Spec
		spec.Event = event
	}
	if sameSpec(old.Spec, spec) {
		return old.Job, false, nil
	}
	if err := e.setSpec(old.ID, old.seq, spec); err != nil {
		return Job{}, false, fmt.Errorf("change job %s: %w", old.ID, err)
	}
	old.Spec = spec
	return old.Job, false, nil
}

// setSpec gives a job other limits, at once if it is running.
func (e *Engine) setSpec(jobID string, seq int64, spec Spec) error {
	if err := e.Store.setSpec(seq, spec); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r := e.runs[jobID]; r != nil {
		r.bound(spec)
		r.expiry.set(spec)
	}
	return nil
}

// withTermsOf is s with what says how a job is sent and audited, and not what is sent,
// as other has it.
func (s Spec) withTermsOf(other Spec) Spec {
	s.Rate, s.InFlight, s.Priority = other.Rate, other.InFlight, other.Priority
	s.Deadline, s.MaxWait, s.MaxErrors = other.Deadline, other.MaxWait, other.MaxErrors
	s.Event = other.Event
	return s
}

// completedBy is s with what it leaves to the job that is there already, which other is.
func (s Spec) completedBy(other Spec) Spec {
	s.ShardBy = other.ShardBy // the rows are cut once
	s.Canary = cmp.Or(s.Canary, other.Canary)
	s.Event = cmp.Or(s.Event, other.Event) // so that no audit looks for less than it did
	return s
}

// asks reports whether a spec asks for what the job does, whatever it says of how.
func (r record) asks(spec Spec) bool {
	spec = spec.completedBy(r.Spec)
	return sameSpec(r.Spec.withTermsOf(spec), spec)
}

func sameSpec(a, b Spec) bool {
	textA, errA := json.Marshal(a)
	textB, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// Wait blocks until the job is final (nil), it is paused and what was in flight is
// settled (ErrPaused), it cannot go on (ErrHalted, the reason in Job.Reason), the
// engine stops (ErrNotStarted) or ctx ends.
func (e *Engine) Wait(ctx context.Context, jobID string) (Job, error) {
	for {
		next := e.changed.next()
		var job Job
		err := patiently(ctx, func() (err error) {
			job, err = e.Store.Job(ctx, jobID)
			return err
		})
		if err != nil || job.State.Final() {
			return job, err
		}
		e.mu.Lock()
		r, stopped := e.runs[jobID], e.phase == phaseNew && !e.lost.Load()
		e.mu.Unlock()
		if e.Store.shared() {
			if now, err := e.standsStill(ctx, job); err != nil {
				return now, err
			}
		} else if r != nil {
			if reason := r.haltReason(); reason != "" && r.hasEnded() {
				job.Reason = reason
				return job, fmt.Errorf("job %s: %w: %s", jobID, ErrHalted, reason)
			}
		}
		if job.State == JobPaused && !stopped && !e.Store.shared() && (r == nil || r.hasEnded()) {
			return job, fmt.Errorf("job %s: %w", jobID, ErrPaused)
		}
		if stopped {
			return job, ErrNotStarted
		}
		select {
		case <-next:
		case <-ctx.Done():
			return job, ctx.Err()
		}
	}
}

// loading is a load that goes on.
type loading struct {
	end  context.CancelCauseFunc
	done chan struct{}
}

// lockLoad makes the caller the only one to load the job. The context ends with
// ctx, when the job is canceled and when the engine stops.
func (e *Engine) lockLoad(ctx context.Context, jobID string) (context.Context, func(), error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loads[jobID] != nil {
		return nil, nil, fmt.Errorf("job %s is being loaded by another request: %w", jobID, ErrState)
	}
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.soft, func() { end(context.Cause(e.soft)) })
	l := &loading{end: end, done: make(chan struct{})}
	e.loads[jobID] = l
	return ctx, func() {
		stop()
		end(nil)
		e.mu.Lock()
		delete(e.loads, jobID)
		e.mu.Unlock()
		close(l.done)
	}, nil
}

// breakLoad ends the load of a job, if there is one, and waits for it.
func (e *Engine) breakLoad(ctx context.Context, jobID string) error {
	e.mu.Lock()
	l := e.loads[jobID]
	e.mu.Unlock()
	if l == nil {
		return nil
	}
	l.end(fmt.Errorf("job %s was canceled: %w", jobID, ErrState))
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// broadcast wakes all who wait for the next change.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

// next is closed by the next call of broadcast.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) broadcast() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
