package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// The measures of a run.
const (
	// Items read at a time. Reading ahead gains nothing: the page cache is fast
	// and the chain is slow.
	pageRows = 64
	// Items that may be open beyond those in flight: those whose outcome is
	// unknown. More make the run wait, so that memory stays flat.
	mostUnknown = 4096
	// How often the mark below which every row has an outcome is moved.
	markEvery = 500 * time.Millisecond
)

// Deadlines of the questions to the chain. They are longer than what a target's
// policies give one attempt (30 s for a write, 10 s for a query), so that an
// attempt ends by them, is held against its node, and leaves time for another.
const (
	sendTimeout  = 45 * time.Second
	queryTimeout = 35 * time.Second
	planTimeout  = 40 * time.Second // all questions about a new job together
)

// run executes one job from where the store says it is. It ends when the job is
// final, when it cannot go on, or when the engine stops.
type run struct {
	e       *Engine
	rec     record
	commits *committer
	target  *target      // nil when it is not configured any more
	window  *window      // of the target: for what is sent, or for what is read
	signer  chain.Signer // nil when the items are signed already, and in a job of calls that names no account
	maker   maker
	reads   *reading       // nil in a job that sends
	abi     *contracts.ABI // for the reasons of reverts; nil knows the usual ones
	log     *slog.Logger

	limits  *jobLimits
	claimed Priority      // at the window, "" without a claim; only the feed touches it
	slots   chan struct{} // one for each open item

	living    context.Context // ends when nothing more is asked of the chain: the engine stops, or the job halts
	endLiving context.CancelFunc
	sending   context.Context // ends with living, and when the job is canceled
	endSend   context.CancelFunc
	fresh     context.Context // ends with sending, and when the job is paused: nothing new is signed
	endFresh  context.CancelFunc
	ended     chan struct{} // closed when all goroutines of the run have ended

	items    sync.WaitGroup // open items
	marked   atomic.Int64   // every row up to this one has an outcome in the store
	inFlight atomic.Int64
	canceled atomic.Bool
	paused   atomic.Bool
	over     bool // the run has ended, or will do nothing more; guarded by Engine.mu

	mu       sync.Mutex
	counts   Counts
	open     map[int64]struct{} // rows that were taken up and have no outcome in the store
	cursor   int64              // the last row that was taken up
	markedAt time.Time
	meter    meter
	waiting  string    // why the run does nothing at all, for the moment
	halted   string    // why it cannot go on
	blocks   blockPace // of signed rows
	skipped  int64     // the first row that was passed over without an outcome, 0 is none
	stopped  *stopping // the rule that paused the job, when it was one
}

// stopping says which rule paused a job, and why.
type stopping struct {
	by     StopRule
	reason string
}

func newRun(e *Engine, rec record) *run {
	now := time.Now()
	r := &run{
		e: e, rec: rec, commits: e.commits, log: e.log.With("job", rec.ID), ended: make(chan struct{}),
		counts: rec.Counts, open: map[int64]struct{}{}, cursor: rec.settledTo, markedAt: now, meter: meter{began: now},
		limits: newJobLimits(rec.Spec),
	}
	r.marked.Store(rec.settledTo)
	r.canceled.Store(rec.State == JobCanceling)
	r.paused.Store(rec.State == JobPaused)
	if rec.State == JobPaused {
		r.stopped = &stopping{rec.StoppedBy, rec.Reason}
	}
	r.living, r.endLiving = context.WithCancel(e.soft)
	r.sending, r.endSend = context.WithCancel(r.living)
	r.fresh, r.endFresh = context.WithCancel(r.sending)
	if r.canceled.Load() {
		r.endSend()
	}
	if r.paused.Load() {
		r.endFresh()
	}
	r.target = e.target(rec.Spec.Target)
	if r.target == nil {
		r.halt(fmt.Sprintf("target %q is not configured any more", rec.Spec.Target))
		return r
	}
	r.slots = make(chan struct{}, r.target.Limits.InFlight+mostUnknown)
	r.signer, r.window = r.target.Accounts[rec.Spec.Account], r.target.window
	if r.reads = newReading(rec, r.signer); r.reads != nil {
		r.window = r.target.reads
	}
	r.maker = signing{r}
	switch {
	case rec.Spec.Kind == KindCall && rec.Spec.Account == "":
	case rec.Spec.Signed != nil && r.target.TxReader == nil:
		r.halt(fmt.Sprintf("target %q cannot read transactions any more that were signed elsewhere", rec.Spec.Target))
	case rec.Spec.Signed != nil:
		r.maker = given{r.target.TxReader, rec.Signer}
	case r.signer == nil:
		r.halt(fmt.Sprintf("account %q is not configured for target %q any more", rec.Spec.Account, rec.Spec.Target))
	case r.signer.Address() != rec.Signer:
		r.halt(fmt.Sprintf("account %q is %s now, but this job began with %s: give the account its key back", rec.Spec.Account, r.signer.Address(), rec.Signer))
	}
	if rec.abi != "" {
		if abi, err := contracts.ParseABI([]byte(rec.abi)); err == nil {
			r.abi = abi
		}
	}
	return r
}

// main is the goroutine that owns the run.
func (r *run) main() {
	defer func() {
		r.endFresh()
		r.endSend()
		r.endLiving()
		r.e.succeed(r)
		close(r.ended)
		r.e.changed.broadcast()
	}()
	done := r.haltReason() == "" && r.identify() && r.noteBlock() && r.feed()
	r.items.Wait()
	if reason := r.haltReason(); reason != "" {
		r.log.Error("job cannot go on", "reason", reason)
		if r.paused.Load() { // whose reason is why it was paused
			return
		}
		if err := patiently(r.e.hard, func() error { return r.e.Store.setReason(r.rec.seq, reason) }); err != nil {
			r.log.Error("job's reason is not saved", "error", err)
		}
		return
	}
	if !done || r.living.Err() != nil {
		return // the engine stops, or the run yields: the next one goes on
	}
	if r.paused.Load() && !r.canceled.Load() && r.unsettled() > 0 {
		r.log.Info("job is paused", "unsettled", r.unsettled())
		return
	}
	if err := r.finish(); err != nil {
		r.halt("the end of the job cannot be saved: " + err.Error())
	}
}

// finish makes the job final.
func (r *run) finish() error {
	r.mu.Lock()
	c, left := r.counts, len(r.open)
	r.mu.Unlock()
	if left > 0 || c.Submitted+c.Unknown > 0 || c.Queued > 0 && !r.canceled.Load() {
		return fmt.Errorf("its items do not add up: %+v of %d, %d open", c, r.rec.Rows, left)
	}
	now := time.Now()
	var to JobState
	err := patiently(r.e.hard, func() (err error) {
		_, to, err = r.e.Store.moveJob(r.rec.seq, jobMove{event: eventSettle, at: now})
		return err
	})
	if err != nil {
		return err
	}
	r.log.Info("job ended", "state", to, "rows", r.rec.Rows, "confirmed", c.Confirmed, "reverted", c.Reverted, "rejected", c.Rejected)
	r.e.mu.Lock()
	if r.e.runs[r.rec.ID] == r && r.e.phase == phaseStarted {
		delete(r.e.runs, r.rec.ID)
	}
	r.e.mu.Unlock()
	return nil
}

// identify waits until the chain says that it is the one the job belongs to.
// It is false when it is another one, or the engine stops.
func (r *run) identify() bool {
	c := &r.counts
	if r.canceled.Load() && c.Submitted+c.Unknown == 0 {
		return true // nothing to ask the chain
	}
	for misses := 1; ; misses++ {
		err := r.checkIdentity()
		if err == nil {
			r.setWaiting("")
			if r.rec.Reason != "" && !r.paused.Load() {
				err = patiently(r.living, func() error { return r.e.Store.setReason(r.rec.seq, "") })
			}
			if err != nil {
				r.halt("the store cannot be written: " + err.Error())
			}
			return err == nil
		}
		if r.haltReason() != "" {
			return false
		}
		r.setWaiting("the target cannot be asked which chain it is: " + err.Error())
		if !sleep(r.living, jitter(pauseOf(misses))) {
			return false
		}
	}
}

// checkIdentity asks which chain this is, and halts the run when it is not the
// job's. The error is that of the question.
func (r *run) checkIdentity() error {
	ctx, cancel := context.WithTimeout(r.e.hard, queryTimeout)
	defer cancel()
	id, err := r.target.Chain.Identity(ctx)
	if err != nil {
		return err
	}
	if id.Genesis != r.rec.genesis {
		r.halt(fmt.Sprintf("target %q is another chain than the job's: its block 0 is %s, the job's was %s; was it rebuilt? A new job is needed there",
			r.rec.Spec.Target, id.Genesis, r.rec.genesis))
		return errOtherChain
	}
	return nil
}

var errOtherChain = errors.New("the target is another chain than the job's")

// feed takes up all items without an outcome, in row order. It is false when it
// could not go to the end.
func (r *run) feed() bool {
	defer r.unclaim()
	var attempted int64
	err := r.read(func() (err error) {
		attempted, err = r.e.Store.lastAttempted(r.e.hard, r.rec.seq)
		return err
	})
	if err != nil {
		r.unreadable(err)
		return false
	}
	for {
		last := r.rec.Rows
		if r.canceled.Load() || r.paused.Load() {
			last = attempted // rows without an attempt are not sent
		}
		r.mu.Lock()
		after := r.cursor
		r.mu.Unlock()
		if after >= last {
			return true
		}
		var page []todo
		err := r.read(func() (err error) {
			page, err = r.e.Store.unsettled(r.e.hard, r.rec.seq, after, last, pageRows)
			if err == nil && after < attempted {
				err = r.e.Store.addAttempts(r.e.hard, r.rec.seq, page)
			}
			return err
		})
		if err != nil {
			r.unreadable(err)
			return false
		}
		for _, t := range page {
			if !r.takeUp(t) {
				return false
			}
		}
		if len(page) < pageRows {
			r.pass(last)
		}
	}
}

// read repeats f while the database cannot answer, until the run is to end.
func (r *run) read(f func() error) error {
	return patiently(r.living, func() error {
		err := f()
		if isTransient(err) {
			r.unclaim()
			r.setWaiting("the store cannot be read: " + err.Error())
		} else {
			r.setWaiting("")
		}
		return err
	})
}

// unreadable halts the run, unless the engine stops and that is why.
func (r *run) unreadable(err error) {
	if r.living.Err() == nil {
		r.halt("the items cannot be read: " + err.Error())
	}
}

// takeUp starts the work on one item once there is place for it. It is false
// when the run is to end.
func (r *run) takeUp(t todo) bool {
	if len(t.attempts) == 0 && r.fresh.Err() != nil {
		r.pass(t.row)
		return r.living.Err() == nil
	}
	if !r.takeSlot() {
		return false
	}
	permit := false
	if len(t.attempts) == 0 {
		if r.admitNext() != nil {
			<-r.slots
			r.pass(t.row)
			return r.living.Err() == nil
		}
		permit = true
	}
	r.mu.Lock()
	r.open[t.row] = struct{}{}
	r.cursor = t.row
	r.mu.Unlock()
	r.items.Add(1)
	it := newItemRun(t)
	if r.reads != nil {
		go r.carryRead(it)
	} else {
		go r.carry(it, permit)
	}
	return true
}

// pass goes on behind a row without an attempt, which this run does not send.
func (r *run) pass(row int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor = row
	if r.skipped == 0 {
		r.skipped = row
	}
}

// takeSlot waits for place for one more open item. It is false when the run ends.
func (r *run) takeSlot() bool {
	select {
	case r.slots <- struct{}{}:
		return true
	default:
	}
	r.unclaim()
	select {
	case r.slots <- struct{}{}:
		return true
	case <-r.living.Done():
		return false
	}
}

// admit waits until one more transaction may be sent, or call be made: the job's
// own limits first, so that a slow job holds no place that others could use.
func (r *run) admit(ctx context.Context) error {
	if err := r.limits.acquire(ctx); err != nil {
		return err
	}
	return r.enter(ctx)
}

// admitNext is admit for the feed, which comes again at once.
func (r *run) admitNext() error {
	if !r.limits.tryAcquire() {
		r.unclaim()
		if err := r.limits.acquire(r.fresh); err != nil {
			return err
		}
	}
	r.claim()
	return r.enter(r.fresh)
}

// enter waits for a permit of the target.
func (r *run) enter(ctx context.Context) error {
	err := r.window.acquire(ctx, r.limits.priority())
	if err != nil {
		r.limits.release()
	}
	return err
}

// answered gives back what admit gave, with what came of the send.
func (r *run) answered(sent time.Time, err error) {
	r.window.answered(sent, err)
	r.limits.release()
}

// unused gives back what admit gave when nothing was sent.
func (r *run) unused() {
	r.window.release()
	r.limits.release()
}

// cancel makes the run send nothing new.
func (r *run) cancel() {
	r.canceled.Store(true)
	r.endSend()
}

// pause makes the run sign nothing new. It ends when what was signed is settled.
func (r *run) pause() {
	r.paused.Store(true)
	r.endFresh()
}

// stop pauses the job from inside of its run, because a rule wants it. The first rule
// counts. It does not block: it may be called by the committer, as long as an item is
// open, and by the feed.
func (r *run) stop(by StopRule, reason string) {
	r.mu.Lock()
	first := r.stopped == nil && !r.paused.Load()
	if first {
		r.stopped = &stopping{by, reason}
	}
	r.mu.Unlock()
	r.pause()
	if first {
		r.items.Go(func() { r.saveStop(by, reason) })
	}
}

func (r *run) saveStop(by StopRule, reason string) {
	move := jobMove{event: eventPause, at: time.Now(), by: by, reason: reason}
	err := patiently(r.e.hard, func() error {
		_, _, err := r.e.Store.moveJob(r.rec.seq, move)
		return err
	})
	if err != nil && !errors.Is(err, ErrState) { // it is being canceled
		r.halt("the job was to be paused (" + reason + "), which cannot be saved: " + err.Error())
		return
	}
	r.log.Warn("job is paused", "by", by, "reason", reason)
	r.e.changed.broadcast()
}

// yield ends the run soon, without a reason: the next one goes on from what is in the
// store. What is being sent is answered first.
func (r *run) yield() { r.endLiving() }

// halt ends the run because it cannot go on; the first reason stays. Items in
// flight are still settled.
func (r *run) halt(reason string) {
	r.mu.Lock()
	if r.halted == "" {
		r.halted = reason
	}
	r.mu.Unlock()
	r.endLiving()
}

func (r *run) haltReason() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.halted
}

func (r *run) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func (r *run) setWaiting(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = why
}

// leave ends the work on an item that has no outcome yet.
func (r *run) leave() {
	<-r.slots
	r.items.Done()
}

// settled ends the work on an item whose outcome is in the store. It is called
// by the committer.
func (r *run) settled(row int64, from, to ItemState) {
	now := time.Now()
	r.mu.Lock()
	delete(r.open, row)
	*r.counts.of(from)--
	*r.counts.of(to)++
	r.meter.add(now, 1)
	if now.Sub(r.markedAt) >= markEvery {
		r.markedAt = now
		mark := r.cursor
		if r.skipped > 0 {
			mark = min(mark, r.skipped-1)
		}
		for open := range r.open {
			mark = min(mark, open-1)
		}
		r.marked.Store(mark)
	}
	r.mu.Unlock()
	r.leave()
}

// unsettled is how many items have no outcome.
func (r *run) unsettled() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts.Queued + r.counts.Submitted + r.counts.Unknown
}

// moved counts a change of an item's state that is in the store.
func (r *run) moved(from, to ItemState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.counts.of(from)--
	*r.counts.of(to)++
}

// progress is a snapshot from memory.
func (r *run) progress() Progress {
	r.mu.Lock()
	p := Progress{JobID: r.rec.ID, State: JobRunning, Rows: r.rec.Rows, Counts: r.counts, Rate: r.meter.rate(time.Now()),
		InFlight: int(r.inFlight.Load()), Waiting: r.waiting, Halted: r.halted != "", Reason: r.halted}
	switch {
	case r.canceled.Load():
		p.State = JobCanceling
	case r.paused.Load():
		p.State = JobPaused
		if r.stopped != nil && p.Reason == "" {
			p.StoppedBy, p.Reason = r.stopped.by, r.stopped.reason
		}
	}
	r.mu.Unlock()
	if r.target != nil {
		size, _, _, why := r.window.look()
		p.Window = size
		if p.Waiting == "" {
			p.Waiting = why
		}
	}
	if trouble := r.commits.trouble.Load(); trouble != nil {
		p.Waiting = *trouble
	}
	if s := r.rec.Spec.Signed; s != nil {
		p.Budget = r.budget(s.BlockLimit)
	}
	c := p.Counts
	left := c.Queued + c.Submitted + c.Unknown
	if p.State != JobRunning { // those that were not sent are not sent now
		left -= c.Queued
	}
	if p.Waiting == "" && c.Unknown > 0 && c.Unknown == left {
		p.Waiting = fmt.Sprintf("finding out whether %d items landed", c.Unknown)
		if p.Budget != nil && p.Budget.Left == 0 {
			p.Waiting += fmt.Sprintf("; the proof needs a block or two after block limit %d, which any transactions make", p.Budget.BlockLimit)
		}
	}
	if p.Rate > 0 {
		p.ETA = time.Duration(float64(left) / p.Rate * float64(time.Second))
	}
	return p
}

// noteHead takes a head that the chain told.
func (r *run) noteHead(head uint64) {
	if r.rec.Spec.Signed == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocks.note(head, r.counts.settled())
}

func (r *run) budget(limit uint64) *BlockBudget {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.blocks.budget(limit, r.counts)
}

// Progress is a snapshot of the job from memory when it is running here, else
// from the store. It is cheap enough to be asked ten times a second.
func (e *Engine) Progress(ctx context.Context, jobID string) (Progress, error) {
	e.mu.Lock()
	r := e.runs[jobID]
	e.mu.Unlock()
	if r != nil {
		return r.progress(), nil
	}
	job, err := e.Store.Job(ctx, jobID)
	if err != nil {
		return Progress{}, err
	}
	return Progress{JobID: job.ID, State: job.State, Rows: job.Rows, Counts: job.Counts, Reason: job.Reason, StoppedBy: job.StoppedBy,
		Halted: job.Reason != "" && !job.State.Final() && job.State != JobPaused}, nil
}

// sleep waits for a while; it is false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads a pause over its second half, so that those who failed
// together do not come back together.
func jitter(d time.Duration) time.Duration {
	if d < 2 {
		return d
	}
	return d/2 + rand.N(d/2)
}
