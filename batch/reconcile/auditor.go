package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bcosgate/bcosgate/batch"
)

// Observer is told of each reconciliation that ended. It must not block.
type Observer interface {
	Reconciled(target string, r Result)
}

// Book is where results are kept. *batch.Store has it.
type Book interface {
	Reconciliation(ctx context.Context, jobID string) (json.RawMessage, error) // nil when there is none
	SaveReconciliation(ctx context.Context, jobID string, finished time.Time, result json.RawMessage) error
}

// AuditorConfig says what an Auditor does by itself. The zero value only does what
// it is asked for.
type AuditorConfig struct {
	Every    time.Duration // how often the jobs are reconciled; 0 is never
	Within   time.Duration // only jobs that ended no longer ago; 0 is DefaultWithin
	Nodes    int           // as in Options
	Rate     float64       // rows and blocks a second; 0 is DefaultAuditRate
	Logger   *slog.Logger  // nil discards
	Observer Observer      // nil observes nothing
}

const (
	// DefaultWithin is a week, so that what happens over a weekend is found.
	DefaultWithin = 7 * 24 * time.Hour
	// DefaultAuditRate leaves a node nearly all of its time for other requests: each
	// row is one small question to each of two nodes.
	DefaultAuditRate = 100
	// firstAudit is how long after the start the first audit begins: connections and
	// resumed jobs come first.
	firstAudit = time.Minute

	mostWaiting   = 16  // reconciliations that were asked for and wait; more are refused
	mostUnsaved   = 128 // results that could not be saved and are remembered; more are only logged
	auditedListed = 100 // mismatches of a job that are kept of an audit
	mostLogged    = 10  // mismatches of a job that are logged
)

// The refusals of an Auditor.
var (
	ErrBusy  = errors.New("too many reconciliations wait") // ask again later
	ErrNever = errors.New("the job has not been reconciled")
)

// Auditor reconciles jobs when it is asked to, and at regular times all jobs with rows
// that ended lately; single transactions only when asked, because each is a job of its
// own, and there may be very many. What was asked for and the audit go on side by side,
// each one job after the other. The last result of each job is kept in the store, so
// that the audits of several processes share the work.
type Auditor struct {
	reconciler *Reconciler
	book       Book
	cfg        AuditorConfig
	log        *slog.Logger

	asked   chan request
	living  context.Context
	end     context.CancelFunc
	workers sync.WaitGroup

	mu      sync.Mutex
	started bool
	results map[string]Result // by job: those that are not in the store, because they wait, go on, or could not be saved
}

type request struct {
	jobID string
	opt   Options
}

// NewAuditor builds an Auditor; it starts nothing.
func NewAuditor(r *Reconciler, book Book, cfg AuditorConfig) *Auditor {
	if cfg.Within == 0 {
		cfg.Within = DefaultWithin
	}
	if cfg.Rate == 0 {
		cfg.Rate = DefaultAuditRate
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Auditor{reconciler: r, book: book, cfg: cfg, log: cfg.Logger, asked: make(chan request, mostWaiting), results: map[string]Result{}}
}

// Start begins to work. It is called once.
func (a *Auditor) Start(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started {
		return errors.New("start auditor: it was started before")
	}
	a.started = true
	a.living, a.end = context.WithCancel(context.Background())
	a.workers.Go(a.answer)
	if a.cfg.Every > 0 {
		a.workers.Go(a.audit)
	}
	return nil
}

// Stop breaks off what goes on, which only reads, and waits for it.
func (a *Auditor) Stop(context.Context) error {
	a.mu.Lock()
	end := a.end
	a.mu.Unlock()
	if end != nil {
		end()
	}
	a.workers.Wait()
	return nil
}

// Request puts a job into the line and returns at once with what is known of it. A
// job that waits or is being reconciled is not put there again. Errors:
// batch.ErrNotFound, batch.ErrNotStarted, ErrBusy, *OptionError, and *chain.Error when
// there are too few nodes.
func (a *Auditor) Request(ctx context.Context, jobID string, opt Options) (Result, error) {
	began, err := a.reconciler.prepare(ctx, jobID, opt)
	if err != nil {
		return Result{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.started || a.living.Err() != nil {
		return Result{}, fmt.Errorf("reconcile: %w", batch.ErrNotStarted)
	}
	if r, ok := a.results[jobID]; ok && (r.State == Queued || r.State == Running) {
		return r, nil
	}
	select {
	case a.asked <- request{jobID, opt}:
	default:
		return Result{}, ErrBusy
	}
	r := began.result
	r.State, r.Started = Queued, time.Time{}
	a.results[jobID] = r
	return r, nil
}

// Result is where the last reconciliation of a job stands, or how it ended; one that
// goes on in another process is not seen before its end. Errors: ErrNever, and those of
// the store.
func (a *Auditor) Result(ctx context.Context, jobID string) (Result, error) {
	if r, ok := a.unsaved(jobID); ok {
		return r, nil
	}
	data, err := a.book.Reconciliation(ctx, jobID)
	switch {
	case err != nil:
		return Result{}, err
	case data == nil:
		return Result{}, ErrNever
	}
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return Result{}, fmt.Errorf("read the last reconciliation of job %s: %w", jobID, err)
	}
	return r, nil
}

func (a *Auditor) unsaved(jobID string) (Result, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.results[jobID]
	return r, ok
}

// keep remembers how far a reconciliation is.
func (a *Auditor) keep(r Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.results[r.JobID] = r
}

// save puts a result that is over into the book, and remembers it when that fails.
func (a *Auditor) save(r Result) error {
	data, err := json.Marshal(r)
	if err == nil {
		err = a.book.SaveReconciliation(a.living, r.JobID, r.Finished, data)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil || errors.Is(err, batch.ErrNotFound) || len(a.results) > mostUnsaved {
		delete(a.results, r.JobID)
	}
	return err
}

// answer reconciles what is asked for.
func (a *Auditor) answer() {
	for {
		select {
		case r := <-a.asked:
			a.run(r.jobID, r.opt)
		case <-a.living.Done():
			return
		}
	}
}

// audit reconciles the jobs that ended lately, again and again.
func (a *Auditor) audit() {
	pause := min(firstAudit, a.cfg.Every)
	for {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-a.living.Done():
			timer.Stop()
			return
		}
		began := time.Now()
		if err := a.round(began.Add(-a.cfg.Within)); err != nil && a.living.Err() == nil {
			a.log.Error("the audit broke off", "error", err)
		}
		pause = max(0, a.cfg.Every-time.Since(began))
	}
}

// round reconciles every final job that ended after since.
func (a *Auditor) round(since time.Time) error {
	filter := batch.JobFilter{Kind: batch.KindBatch, Limit: 100}
	for {
		jobs, err := a.reconciler.store.Jobs(a.living, filter)
		if err != nil || len(jobs) == 0 {
			return err
		}
		for _, job := range jobs {
			if job.Finished == nil || job.Finished.Before(since) || !job.State.Final() || job.State == batch.JobInvalid {
				continue
			}
			if r, err := a.Result(a.living, job.ID); err == nil && a.fresh(r, *job.Finished) {
				continue
			}
			if a.run(job.ID, Options{Nodes: a.cfg.Nodes, Rate: a.cfg.Rate, Listed: auditedListed}); a.living.Err() != nil {
				return nil
			}
		}
		filter.Before = jobs[len(jobs)-1].ID
	}
}

// fresh reports whether a job needs no audit now: somebody has asked for it, or it was
// compared a moment ago, perhaps by another process, and has not ended anew since.
func (a *Auditor) fresh(r Result, ended time.Time) bool {
	if r.Finished.IsZero() {
		return true
	}
	return r.Error == "" && r.Nodes >= a.cfg.Nodes && time.Since(r.Finished) < a.cfg.Every/2 && !r.Finished.Before(ended)
}

// run reconciles one job, keeps the result and tells of it.
func (a *Auditor) run(jobID string, opt Options) {
	r, err := a.reconciler.Run(a.living, jobID, opt, a.keep)
	if r.Finished.IsZero() { // it did not begin
		r.Finished = time.Now()
	}
	a.keep(r)
	if a.living.Err() != nil {
		return // it says less than what the book has
	}
	log := a.log.With("job", jobID)
	if err := a.save(r); err != nil {
		log.Error("the result of a reconciliation cannot be saved", "error", err)
	}
	switch {
	case err != nil:
		log.Warn("reconciliation broke off", "checked", r.Checked, "mismatches", r.Mismatches, "error", err)
	case r.Mismatches > 0:
		log.Error("store and chain differ", "checked", r.Checked, "mismatches", r.Mismatches)
	default:
		log.Info("job reconciled", "checked", r.Checked, "transactions", r.Transactions)
	}
	for _, m := range r.Listed[:min(len(r.Listed), mostLogged)] {
		log.Error("mismatch", "trace", m.Trace, "kind", m.Kind, "tx", m.TxHash, "block", m.Block, "field", m.Field, "stored", m.Stored, "nodes", m.Nodes)
	}
	if a.cfg.Observer != nil {
		job, err := a.reconciler.store.Job(a.living, jobID)
		if err == nil {
			a.cfg.Observer.Reconciled(job.Spec.Target, r)
		}
	}
}
