package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/jackc/pgx/v5"

	"github.com/bcosgate/bcosgate/batch/tickets"
)

// The measures of several processes that share a store.
const (
	// How often a process shows that it lives, looks after the others, and reads anew
	// what it is told of anyway.
	beatInterval = time.Second
	// In how many beats tickets are looked for whose holders are dead.
	lostEvery = 5
	// A runner whose session is gone for so long is declared dead. It gets its session
	// back within a second or two when only the network or the database broke.
	deadAfter = 3 * time.Second
	// A runner that holds its session but makes no transaction for so long is
	// suspended, or its machine is cut off.
	silentAfter = time.Minute
	// At the start of a process others are declared dead without that grace, unless the
	// database itself has just come up: then all have lost their sessions.
	serverFresh = 10 * time.Second
	// Pause before a shard that another process carries is looked at again, and before
	// one is handed out that was given up.
	busyPause = 2 * time.Second
	givenUp   = 5 * time.Second
	// Pause before a shard is handed out again that could not be begun here at once.
	enoughPause = 300 * time.Millisecond
	// Shards whose target cannot be reached for so long from here are given up, if
	// others may reach it.
	unreachable = 15 * time.Second
	// A run without shards ends after this while; its limits are forgotten with it.
	idleRun = 30 * time.Second
	// Bound of the last words to the database.
	leaveTimeout = 5 * time.Second
)

// sharing is what an engine does because other processes work with its store.
type sharing struct {
	e     *Engine
	queue *tickets.Queue // nil when nothing is configured that could be served
	end   context.CancelFunc
	all   sync.WaitGroup

	suspects map[int64]time.Time // runners without a session, and since when
	scopes   map[string]bool     // of the leases that this process has; guarded by leasing
	leasing  sync.Mutex
	taking   sync.Mutex // held from the question whether to take a shard until it is taken

	mu     sync.Mutex
	others []runner // as they were a moment ago
	rates  map[string]*progressRate
}

// queues are those from which this process takes shards, each with how many it holds at
// a time.
func (e *Engine) queues() map[string]int {
	places := map[string]int{}
	for _, t := range e.targets {
		for _, a := range t.Accounts {
			places[queueOf(t.Info.Name, a.Address())] = shardsHeld(t)
		}
		places[queueOf(t.Info.Name, common.Address{})] = shardsHeld(t) // of jobs that need no account
	}
	return places
}

// shardsHeld is how many shards of a target a process holds at a time: what fills
// its window, and two that are beginning and ending.
func shardsHeld(t *target) int { return min(t.Limits.InFlight/DefaultShardRows+2, 64) }

// join begins to take shards. mu is held.
func (e *Engine) join(ctx context.Context) (*sharing, error) {
	s := &sharing{e: e, suspects: map[int64]time.Time{}, rates: map[string]*progressRate{}}
	for _, t := range e.targets {
		targetBounds{t}.set(t.Limits.Rate, nothing) // until there is a lease
	}
	if err := s.lease(nil); err != nil {
		return nil, err
	}
	if places := e.queues(); len(places) > 0 {
		var err error
		if s.queue, err = tickets.Open(ctx, e.Store.pg.settings, clientName(e.Store.me()), places, e.carryTicket, e.log); err != nil {
			return nil, err
		}
		if err := s.queue.Start(ctx); err != nil {
			return nil, errors.Join(err, s.queue.Close(ctx))
		}
	}
	living, end := context.WithCancel(context.Background())
	s.end = end
	s.all.Go(func() { s.beat(living) })
	s.all.Go(func() { s.listen(living) })
	return s, nil
}

// leaseNow renews the leases before the next beat does.
func (e *Engine) leaseNow() {
	e.mu.Lock()
	s := e.share
	e.mu.Unlock()
	if s != nil {
		_ = s.lease(e.allRuns()) // beat tells of errors
	}
}

// drain takes no more shards: what this process cannot begin is for the others.
func (s *sharing) drain(ctx context.Context) {
	if s.queue != nil {
		s.all.Go(func() { s.queue.Drain(ctx) })
	}
}

// leave ends what join began, after the runs have ended.
func (s *sharing) leave() {
	s.end()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	if s.queue != nil {
		if err := s.queue.Close(ctx); err != nil {
			s.e.log.Warn("the work queue is left without an answer", "error", err)
		}
	}
	s.all.Wait()
}

// beat shows that this process lives, and looks after the others, until ctx ends.
func (s *sharing) beat(ctx context.Context) {
	for n := 1; sleep(ctx, beatInterval); n++ {
		err := s.lease(s.e.allRuns()) // which also shows that this process lives
		if err == nil && n%lostEvery == 0 {
			err = s.e.Store.takeBackLost()
		}
		if errors.Is(err, ErrStoreLost) {
			s.e.lose()
			return
		}
		if err == nil {
			err = s.watch(ctx)
		}
		if err != nil {
			clear(s.suspects) // the database was away: for the others, too
		}
		s.e.changed.broadcast()
	}
}

// watch declares runners dead that are, gives up shards that others can carry
// better, and reads anew what the runs have to know.
func (s *sharing) watch(ctx context.Context) error {
	others, _, err := s.e.Store.otherRunners(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.others = others
	s.mu.Unlock()
	now := time.Now()
	living := map[int64]bool{}
	for _, o := range others {
		living[o.id] = true
		since, suspect := s.suspects[o.id]
		switch {
		case o.locked && o.silent < silentAfter:
			delete(s.suspects, o.id)
		case o.locked, suspect && now.Sub(since) >= deadAfter:
			if err := s.e.bury(ctx, o); err != nil {
				return err
			}
		case !suspect:
			s.suspects[o.id] = now
		}
	}
	for id := range s.suspects {
		if !living[id] {
			delete(s.suspects, id)
		}
	}
	for _, r := range s.e.allRuns() {
		if r.hasEnded() {
			continue
		}
		if serves(others, r.queue) && r.unreachableFor(now) >= unreachable {
			r.log.Warn("shards are given to others: the target cannot be reached from here")
			r.giveUp()
		}
		s.e.told(ctx, r.rec.ID)
	}
	return nil
}

func serves(list []runner, queue string) bool {
	return slices.ContainsFunc(list, func(r runner) bool { return slices.Contains(r.serves, queue) })
}

// bury declares a runner dead and removes the rows of loads that it broke off.
func (e *Engine) bury(ctx context.Context, dead runner) error {
	loads, err := e.Store.bury(dead.id)
	if err != nil {
		return err
	}
	e.log.Warn("another process is dead; its shards go on elsewhere", "runner", dead.id, "name", dead.name, "silent", dead.silent)
	for _, seq := range loads {
		if err := errors.Join(e.Store.dropItems(seq), e.Store.leaveLoad(seq)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// listen is told of changes by other processes until ctx ends. What it misses is
// found by beat.
func (s *sharing) listen(ctx context.Context) {
	for ctx.Err() == nil {
		_ = s.listenOnce(ctx) // beat says when the database is away
		sleep(ctx, beatInterval)
	}
}

func (s *sharing) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.e.Store.pg.settings.Copy())
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		_ = conn.Close(bounded)
	}()
	var channel string
	if err := conn.QueryRow(ctx, "SELECT current_schema() || '.bcosgate_jobs'").Scan(&channel); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		s.e.told(ctx, n.Payload)
		s.e.changed.broadcast()
	}
}

// told lets the run of a job follow what another process may have changed.
func (e *Engine) told(ctx context.Context, jobID string) {
	e.mu.Lock()
	r := e.runs[jobID]
	e.mu.Unlock()
	if r == nil || r.hasEnded() {
		return
	}
	if e.follow(ctx, jobID) != nil { // it is tried again with the next beat
		return
	}
	if why := r.usedUp(); why != "" && r.stopBy(StopMaxErrors, why) { // with what failed elsewhere
		r.saveStop(ctx, StopMaxErrors, why)
	}
}

// recoverShared is recover for a store that others may be working with.
func (e *Engine) recoverShared(ctx context.Context) error {
	others, up, err := e.Store.otherRunners(ctx)
	if err != nil {
		return err
	}
	var living []runner
	for _, o := range others {
		if up < serverFresh || o.locked && o.silent < silentAfter {
			living = append(living, o)
		} else if err := e.bury(ctx, o); err != nil {
			return err
		}
	}
	open, err := e.openJobs(ctx)
	if err != nil {
		return err
	}
	for _, rec := range open {
		if rec.State != JobLoading {
			if err := e.tryAgain(rec, living); err != nil {
				return err
			}
			continue
		}
		if err := e.Store.claimLoad(rec.seq); errors.Is(err, ErrState) {
			continue
		}
		if err := errors.Join(e.Store.dropItems(rec.seq), e.Store.leaveLoad(rec.seq)); err != nil {
			return fmt.Errorf("remove the rows of job %s, whose load broke off: %w", rec.ID, err)
		}
	}
	return nil
}

// tryAgain lets a job be carried by whoever can, or says why nobody can.
func (e *Engine) tryAgain(rec record, others []runner) error {
	if err := e.Store.goOnWith(rec.seq); err != nil {
		return err
	}
	return e.sayWhyNot(rec, others)
}

// sayWhyNot notes why a job cannot go on, when nobody has what it needs.
func (e *Engine) sayWhyNot(rec record, others []runner) error {
	_, _, reason := e.means(rec)
	if reason == "" || rec.State == JobPaused || serves(others, rec.queue()) {
		return nil
	}
	e.log.Error("job cannot go on", "job", rec.ID, "reason", reason)
	return e.Store.setReason(rec.seq, reason)
}

// followShared does what is left to do here after a move of a job that others may
// carry, too: its run follows, and what was taken is carried.
func (e *Engine) followShared(ctx context.Context, rec record, taken []shard) error {
	for _, sh := range taken {
		e.carryAlone(rec, sh)
	}
	if err := e.follow(ctx, rec.ID); err != nil {
		return err
	}
	if _, _, reason := e.means(rec); reason == "" {
		return nil
	}
	others, _, err := e.Store.otherRunners(ctx)
	if err != nil {
		return err
	}
	rec, err = jobByID(ctx, e.Store.read, rec.ID)
	if err != nil || !rec.State.sends() {
		return err
	}
	return e.sayWhyNot(rec, others)
}

// carryAlone carries a shard that has no ticket.
func (e *Engine) carryAlone(rec record, sh shard) {
	rec.State = JobRunning
	r, w := e.carryShard(rec, sh)
	if w == nil {
		return // the engine stops, and hands out what it has not done
	}
	e.keeping.Go(func() {
		<-w.ended
		if w.left.Load() {
			e.giveBack(r, w)
		}
	})
}

// carryShard gives a shard that is ours to the run of its job; nil when the engine
// stops. A run that has just ended is followed by another one, and so is one that knows
// the job as it was before a retry: it may have canceled it, or let rows expire.
func (e *Engine) carryShard(rec record, sh shard) (*run, *work) {
	for {
		e.mu.Lock()
		if e.phase != phaseStarted {
			e.mu.Unlock()
			return nil, nil
		}
		r := e.runs[rec.ID]
		if r == nil || r.hasEnded() {
			r = newRun(e, rec)
			e.runs[rec.ID] = r
			go r.main()
		}
		e.mu.Unlock()
		if r.rec.Retries != rec.Retries {
			r.yield()
		} else if w := r.give(sh); w != nil {
			return r, w
		}
		<-r.ended // it settles what it has in flight
	}
}

// carryTicket does what a ticket asks for.
func (e *Engine) carryTicket(ctx context.Context, t tickets.Ticket) tickets.Verdict {
	later := tickets.Verdict{Later: busyPause}
	if e.soft.Err() != nil {
		return later
	}
	r, w, verdict := e.takeTicket(t)
	if w == nil {
		return verdict
	}
	select {
	case <-w.ended:
	case <-ctx.Done(): // the ticket was held for long, or the engine stops
		if e.soft.Err() != nil {
			return tickets.Verdict{}
		}
		return later
	}
	if !w.left.Load() {
		return tickets.Verdict{Done: true}
	}
	return e.giveBack(r, w)
}

// takeTicket makes the shard of a ticket ours and gives it to its run, unless there are
// enough that wait and others who may begin at once. Without work the verdict counts.
func (e *Engine) takeTicket(t tickets.Ticket) (*run, *work, tickets.Verdict) {
	e.mu.Lock()
	s := e.share
	e.mu.Unlock()
	if s == nil {
		return nil, nil, tickets.Verdict{Later: busyPause}
	}
	s.taking.Lock()
	defer s.taking.Unlock()
	if e.hasEnough(s) {
		return nil, nil, tickets.Verdict{Later: enoughPause}
	}
	rec, sh, c, err := e.Store.claimShard(t.Job, t.Shard)
	switch {
	case err != nil, c == claimBusy:
		return nil, nil, tickets.Verdict{Later: busyPause}
	case c == claimGone:
		return nil, nil, tickets.Verdict{Done: true}
	}
	r, w := e.carryShard(rec, sh)
	return r, w, tickets.Verdict{}
}

// hasEnough reports whether a shard waits here that is not begun, while others could
// begin it.
func (e *Engine) hasEnough(s *sharing) bool {
	s.mu.Lock()
	others := s.others
	s.mu.Unlock()
	for _, r := range e.allRuns() {
		if r.waits() > 0 && serves(others, r.queue) {
			return true
		}
	}
	return false
}

// giveBack lets others carry a shard that a run has left. A job that stands still
// gets its tickets back when it is tried again, if there is nobody else to try.
func (e *Engine) giveBack(r *run, w *work) tickets.Verdict {
	if e.soft.Err() != nil {
		return tickets.Verdict{} // all is handed out at the end
	}
	keep := true
	if r.haltReason() != "" {
		others, _, err := e.Store.otherRunners(e.hard)
		keep = err != nil || serves(others, r.queue)
	}
	err := patiently(e.soft, func() error { return e.Store.releaseShard(r.rec.seq, w.number, keep) })
	if err != nil || keep {
		return tickets.Verdict{Later: r.pauseAfter()}
	}
	return tickets.Verdict{Done: true}
}

// standsStill gives ErrHalted or ErrPaused when nobody carries anything of the job, as
// far as anybody knows, and nobody will; with the job as it is then.
func (e *Engine) standsStill(ctx context.Context, job Job) (Job, error) {
	if job.Reason == "" && job.State != JobPaused {
		return job, nil
	}
	rec, err := jobByID(ctx, e.Store.read, job.ID)
	if err != nil {
		return job, ignoreTransient(err)
	}
	carried, err := e.Store.carried(ctx, rec.seq)
	switch {
	case err != nil || carried:
		return job, ignoreTransient(err)
	case rec.State == JobPaused && rec.Counts.Submitted+rec.Counts.Unknown == 0:
		return rec.Job, fmt.Errorf("job %s: %w", job.ID, ErrPaused)
	case rec.State != JobPaused && rec.Reason != "":
		return rec.Job, fmt.Errorf("job %s: %w: %s", job.ID, ErrHalted, rec.Reason)
	}
	return job, nil
}

func ignoreTransient(err error) error {
	if isTransient(err) {
		return nil
	}
	return err
}
