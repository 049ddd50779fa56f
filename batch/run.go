package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
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
	rec     record // its own goroutines complete it
	queue   string // of the record
	commits *committer
	target  *target      // nil when it is not configured any more
	window  *window      // of the target: for what is sent, or for what is read
	signer  chain.Signer // nil when the items are signed already, and in a job of calls that names no account
	maker   maker
	reads   *reading       // nil in a job that sends
	abi     *contracts.ABI // for the reasons of reverts; nil knows the usual ones
	log     *slog.Logger

	cut     sharding
	inTurn  bool // rows may have to wait for others
	limits  *limits
	claimed Priority      // at the window, "" without a claim; only the feed touches it
	slots   chan struct{} // one for each open item

	living    context.Context // ends when nothing more is asked of the chain: the engine stops, or the job halts
	endLiving context.CancelFunc
	sending   context.Context // ends with living, and when the job is canceled
	endSend   context.CancelFunc
	timely    context.Context // ends with sending, and when rows that were never sent expire
	endTimely context.CancelFunc
	fresh     context.Context // ends with timely, and when the job is paused: nothing new is signed
	endFresh  context.CancelFunc
	ended     chan struct{} // closed when all goroutines of the run have ended

	shards sync.WaitGroup // that were taken up and are not ended
	known  chan struct{}  // closed when the chain has said that it is the job's
	aside  sync.WaitGroup // what asks that, and the clock of the expiry
	expiry *expiry

	inFlight   atomic.Int64
	canceled   atomic.Bool
	paused     atomic.Bool
	late       atomic.Pointer[expiryCause] // why rows that were never sent expire; nil while they do not
	unread     atomic.Bool                 // the store cannot be read
	canaryOver atomic.Bool                 // the shards behind the canary may be begun
	over       bool                        // the run has ended, or will do nothing more; guarded by Engine.mu

	mu        sync.Mutex
	counts    Counts
	meter     meter
	carried   map[int64]*work // by number: shards that the run was given and has not ended
	given     []*work         // shards that the run is to carry, where several processes share the job
	more      broadcast       // there is one, or none will come
	final     bool            // the job is final
	closed    bool            // nothing more is taken
	silent    time.Time       // since when the chain does not say which one it is; zero when it does
	gaveUp    bool            // because others may reach the target
	waiting   string          // why the run does nothing at all, for the moment
	halted    string          // why it cannot go on
	blocks    blockPace       // of signed rows
	bounds    Limits          // the job's own, for all processes together; 0 is none
	stopped   *stopping       // the rule that paused the job, when it was one
	maxErrors string          // the error budget; "" is none
}

// stopping says which rule paused a job, and why.
type stopping struct {
	by     StopRule
	reason string
}

func newRun(e *Engine, rec record) *run {
	now := time.Now()
	r := &run{
		e: e, rec: rec, queue: rec.queue(), commits: e.commits, log: e.log.With("job", rec.ID), ended: make(chan struct{}), known: make(chan struct{}),
		counts: rec.Counts, inTurn: rec.inTurn(), meter: meter{began: now}, limits: newLimits(0, nothing), carried: map[int64]*work{},
		expiry: newExpiry(rec.Spec, rec.expiresFrom(now), now),
	}
	r.limits.hold, r.limits.unhold = r.expiry.hold, r.expiry.release
	r.bound(rec.Spec)
	r.canceled.Store(rec.State == JobCanceling)
	r.canaryOver.Store(!rec.canaryHolds())
	r.paused.Store(rec.State == JobPaused)
	if rec.State == JobPaused {
		r.stopped = &stopping{rec.StoppedBy, rec.Reason}
	}
	r.living, r.endLiving = context.WithCancel(e.soft)
	r.sending, r.endSend = context.WithCancel(r.living)
	r.timely, r.endTimely = context.WithCancel(r.sending)
	r.fresh, r.endFresh = context.WithCancel(r.timely)
	if r.canceled.Load() {
		r.endSend()
	}
	if r.paused.Load() {
		r.endFresh()
	}
	var reason string
	if r.target, r.signer, reason = e.means(rec); reason != "" {
		r.halt(reason)
	}
	if r.target == nil {
		return r
	}
	r.slots = make(chan struct{}, r.target.Limits.InFlight+mostUnknown)
	r.window = r.target.window
	if r.reads = newReading(rec, r.signer); r.reads != nil {
		r.window = r.target.reads
	}
	r.maker = signing{r}
	if rec.Spec.Signed != nil {
		r.maker = given{r.target.TxReader, rec.Signer}
	}
	var err error
	if r.cut, err = parseSharding(rec.Spec.ShardBy); err != nil {
		r.halt("its shards cannot be read: " + err.Error())
	}
	if rec.abi != "" {
		if abi, err := contracts.ParseABI([]byte(rec.abi)); err == nil {
			r.abi = abi
		}
	}
	return r
}

// means finds what a job needs here: its target, and the key that it began with. The
// reason says what is missing, "" that nothing is.
func (e *Engine) means(rec record) (t *target, signer chain.Signer, reason string) {
	if t = e.target(rec.Spec.Target); t == nil {
		return nil, nil, fmt.Sprintf("target %q is not configured any more", rec.Spec.Target)
	}
	signer = t.Accounts[rec.Spec.Account]
	if e.Store.shared() { // other processes may call it otherwise
		for _, name := range slices.Sorted(maps.Keys(t.Accounts)) {
			if (signer == nil || signer.Address() != rec.Signer) && t.Accounts[name].Address() == rec.Signer {
				signer = t.Accounts[name]
			}
		}
	}
	switch {
	case rec.Spec.Kind == KindCall && rec.Spec.Account == "":
		return t, nil, ""
	case rec.Spec.Signed != nil && t.TxReader == nil:
		return t, nil, fmt.Sprintf("target %q cannot read transactions any more that were signed elsewhere", rec.Spec.Target)
	case rec.Spec.Signed != nil:
	case signer == nil:
		return t, nil, fmt.Sprintf("account %q is not configured for target %q any more", rec.Spec.Account, rec.Spec.Target)
	case signer.Address() != rec.Signer:
		return t, signer, fmt.Sprintf("account %q is %s now, but this job began with %s: give the account its key back", rec.Spec.Account, signer.Address(), rec.Signer)
	}
	return t, signer, ""
}

// main is the goroutine that owns the run.
func (r *run) main() {
	defer func() {
		r.endFresh()
		r.endTimely()
		r.endSend()
		r.endLiving()
		r.aside.Wait()
		r.e.succeed(r)
		close(r.ended)
		r.e.changed.broadcast()
	}()
	done := false
	if r.haltReason() == "" {
		r.aside.Go(r.watchExpiry)
		done = r.feedKnown()
	}
	r.refuse()
	r.shards.Wait()
	if reason := r.haltReason(); reason != "" && !r.e.isLost() {
		r.log.Error("job cannot go on", "reason", reason)
		if r.paused.Load() { // whose reason is why it was paused
			return
		}
		if err := patiently(r.e.hard, func() error { return r.e.Store.setReason(r.rec.seq, reason) }); err != nil {
			r.log.Error("job's reason is not saved", "error", err)
		}
		return
	}
	if done && r.living.Err() == nil { // else the engine stops, or the run yields: the next one goes on
		r.finish()
	}
}

// feedKnown takes up the items, and sees to it that the chain says which one it is. A
// process that shares the job takes nothing up before: others may reach the chain.
func (r *run) feedKnown() bool {
	if !r.e.Store.shared() {
		r.aside.Go(r.identify)
		return r.feed()
	}
	r.e.leaseNow()
	r.identify()
	select {
	case <-r.known:
		return r.feed()
	default:
		return false
	}
}

// finish sees that the job has become final with its last shard.
func (r *run) finish() {
	var job Job
	err := patiently(r.e.hard, func() (err error) {
		job, err = r.e.Store.Job(r.e.hard, r.rec.ID)
		return err
	})
	switch {
	case err != nil:
		if r.e.hard.Err() == nil {
			r.halt("the end of the job cannot be read: " + err.Error())
		}
		return
	case !job.State.Final() && r.e.Store.shared(): // others carry the rest
	case job.State == JobPaused:
		r.log.Info("job is paused", "unsettled", r.unsettled())
		return
	case r.paused.Load() && !job.State.Final(): // it goes on since a moment: succeed makes the next run
		return
	case !job.State.Final():
		r.halt(fmt.Sprintf("its items do not add up: %+v of %d", job.Counts, job.Rows))
		return
	default:
		c := job.Counts
		r.log.Info("job ended", "state", job.State, "rows", job.Rows, "confirmed", c.Confirmed, "reverted", c.Reverted, "rejected", c.Rejected, "expired", c.Expired)
	}
	r.e.mu.Lock()
	if r.e.runs[r.rec.ID] == r && r.e.phase == phaseStarted {
		delete(r.e.runs, r.rec.ID)
	}
	r.e.mu.Unlock()
}

// identify asks until the chain says that it is the one the job belongs to: nothing
// is sent or looked for before. It halts the run when it is another one.
func (r *run) identify() {
	if c := r.rec.Counts; r.canceled.Load() && c.Submitted+c.Unknown == 0 {
		close(r.known) // nothing to ask the chain
		return
	}
	for misses := 1; ; misses++ {
		err := r.checkIdentity(r.living)
		if err == nil {
			r.setWaiting("")
			r.setSilent(time.Time{})
			if r.rec.Reason != "" && !r.paused.Load() {
				err = patiently(r.living, func() error { return r.e.Store.setReason(r.rec.seq, "") })
			}
			if err != nil {
				r.halt("the store cannot be written: " + err.Error())
				return
			}
			if r.noteBlock() {
				close(r.known)
			}
			return
		}
		if r.living.Err() != nil {
			return
		}
		r.setWaiting("the target cannot be asked which chain it is: " + err.Error())
		if misses == 1 {
			r.setSilent(time.Now())
		}
		if !sleep(r.living, jitter(pauseOf(misses))) {
			return
		}
	}
}

// checkIdentity asks which chain this is, and halts the run when it is not the
// job's. The error is that of the question.
func (r *run) checkIdentity(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
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
func (r *run) admit(ctx context.Context, it *itemRun) error {
	if err := r.whenKnown(ctx); err != nil {
		return err
	}
	if err := r.limits.acquire(ctx); err != nil {
		return err
	}
	return r.enter(ctx, it)
}

// admitNext is admit for the feed, which comes again at once.
func (r *run) admitNext(it *itemRun) error {
	if err := r.whenKnown(r.fresh); err != nil {
		return err
	}
	if !r.limits.tryAcquire() {
		r.unclaim()
		if err := r.limits.acquire(r.fresh); err != nil {
			return err
		}
	}
	r.claim()
	return r.enter(r.fresh, it)
}

// whenKnown waits until the chain has said that it is the job's, or for the end of ctx.
func (r *run) whenKnown(ctx context.Context) error {
	select {
	case <-r.known:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enter waits for a permit of the target.
func (r *run) enter(ctx context.Context, it *itemRun) error {
	if err := r.window.acquire(ctx, r.limits.priority()); err != nil {
		r.limits.release()
		return err
	}
	it.permitted = time.Now()
	return nil
}

// answered gives back what admit gave, with what came of the send.
func (r *run) answered(it *itemRun, err error) {
	r.window.answered(it.permitted, err)
	r.limits.release()
	it.permitted = time.Time{}
}

// unused gives back what admit gave when nothing was sent.
func (r *run) unused(it *itemRun) {
	r.window.release()
	r.limits.release()
	it.permitted = time.Time{}
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

// yield ends the run soon, without a reason: the next one goes on from what is in the
// store. What is being sent is answered first.
func (r *run) yield() { r.endLiving() }

// halt ends the run because it cannot go on; the first reason stays. Items in
// flight are still settled.
func (r *run) halt(reason string) {
	r.mu.Lock()
	if r.halted == "" && !r.e.isLost() {
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

// settled ends the work on an item whose outcome is in the store. It is called
// by the committer.
func (r *run) settled(it *itemRun, from, to ItemState) {
	now := time.Now()
	r.mu.Lock()
	*r.counts.of(from)--
	*r.counts.of(to)++
	r.meter.add(now, 1)
	r.expiry.move(now)
	r.mu.Unlock()
	if to != ItemConfirmed {
		r.keepBudget()
	}
	w := it.work
	if w.turns != nil {
		w.turns.push(turn{row: it.row, key: it.lane, state: to, stored: true})
	}
	<-r.slots
	w.items.Done()
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
		p.Window, p.SubBatch = size, r.commits.size.aim()
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
	p.estimate()
	return p
}

// estimate fills in what follows from the counts and the rate.
func (p *Progress) estimate() {
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
	p.ETA = 0
	if p.Rate > 0 {
		p.ETA = time.Duration(float64(left) / p.Rate * float64(time.Second))
	}
}

// noteHead takes a head that the chain told.
func (r *run) noteHead(head uint64) {
	if r.rec.Spec.Signed == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocks.note(head, r.counts.Settled())
}

func (r *run) budget(limit uint64) *BlockBudget {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.blocks.budget(limit, r.counts)
}

// Progress is a snapshot of the job, from memory where this process alone runs it. It
// is cheap enough to be asked ten times a second.
func (e *Engine) Progress(ctx context.Context, jobID string) (Progress, error) {
	e.mu.Lock()
	r := e.runs[jobID]
	e.mu.Unlock()
	if r != nil && !e.Store.shared() {
		return r.progress(), nil
	}
	job, err := e.Store.Job(ctx, jobID)
	if err != nil {
		return Progress{}, err
	}
	if e.Store.shared() && !job.State.Final() {
		return e.sharedProgress(job, r), nil
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
