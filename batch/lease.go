package batch

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
)

// The limits of a target, and those that a job has of its own, hold for all processes
// together that share a store. Each leases a part, and renews it each second: first all
// who have more than their fair share give back, in their own memory before in the
// store; then the others take what is free. A part stays taken until its runner is
// declared dead.

// The weights of those who have something to send, and of those who have nothing and
// keep a little, so that they can begin before the next second.
const (
	weightBusy = 20
	weightIdle = 1
)

// lease is a limit that this process shares with others.
type lease struct {
	scope    string
	limits   bounds
	inFlight int     // of all processes together; 0 is no limit
	rate     float64 // a second, of all together; 0 is no limit
}

// bounds are where the part of a limit is kept to.
type bounds interface {
	// set changes them from now on: 0 is no limit, nothing in flight is none at all.
	set(perSecond float64, inFlight int)
	// shrink is set where that is less than before, and gives what is in flight, which
	// does not grow beyond.
	shrink(perSecond float64, inFlight int) int
	// busy reports whether there is, or was since the last call, something to send.
	busy() bool
}

// part is what a runner has of a limit.
type part struct {
	runner   int64
	busy     bool
	inFlight int64
	rate     float64
}

func (p part) weight() int64 {
	if p.busy {
		return weightBusy
	}
	return weightIdle
}

// shareOf is the part that a runner may have now: what is fair, and not more than the
// others leave.
func (l lease) shareOf(me int64, all []part) (inFlight int, rate float64) {
	var weights, mine, taken int64
	var takenRate float64
	for _, p := range all {
		weights += p.weight()
		if p.runner == me {
			mine = p.weight()
			continue
		}
		taken += p.inFlight
		takenRate += p.rate
	}
	rest := int64(l.inFlight)
	for _, p := range all {
		rest -= int64(l.inFlight) * p.weight() / weights
	}
	fair := int64(l.inFlight) * mine / weights
	order := slices.SortedFunc(slices.Values(all), func(a, b part) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(a.runner, b.runner))
	})
	if int64(slices.IndexFunc(order, func(p part) bool { return p.runner == me })) < rest {
		fair++ // what division leaves goes to the first
	}
	inFlight = int(max(0, min(fair, int64(l.inFlight)-taken)))
	rate = max(0, min(l.rate*float64(mine)/float64(weights), l.rate-takenRate))
	return inFlight, rate
}

// places is a granted number of transactions in flight as limits know it.
func (l lease) places(inFlight int, rate float64) int {
	if l.rate > 0 && rate == 0 || l.inFlight > 0 && inFlight == 0 {
		return nothing
	}
	return inFlight
}

// renewLeases brings the parts of this runner up to date, and gives up those of scopes
// that it does not use any more.
func (s *Store) renewLeases(list []lease, dropped []string) error {
	type grant struct {
		inFlight int
		rate     float64
	}
	slices.SortFunc(list, func(a, b lease) int { return cmp.Compare(a.scope, b.scope) }) // everybody locks in this order
	busy := make([]bool, len(list))
	for i, l := range list {
		busy[i] = l.limits.busy()
	}
	grants := make([]grant, len(list))
	err := s.tx(func(ctx context.Context, c *sql.Conn) error {
		for i, l := range list {
			all, err := s.lockParts(ctx, c, l.scope)
			if err != nil {
				return err
			}
			me := part{runner: s.pg.runner, busy: busy[i]}
			all = append(slices.DeleteFunc(all, func(p part) bool { return p.runner == me.runner }), me)
			inFlight, rate := l.shareOf(me.runner, all)
			grants[i] = grant{inFlight, rate}
			held := max(inFlight, l.limits.shrink(rate, l.places(inFlight, rate)))
			_, err = c.ExecContext(ctx, `INSERT INTO leases (scope, runner, busy, in_flight, rate) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT (scope, runner) DO UPDATE SET busy = excluded.busy, in_flight = excluded.in_flight, rate = excluded.rate`,
				l.scope, me.runner, me.busy, held, rate)
			if err != nil {
				return err
			}
		}
		for _, scope := range dropped {
			if _, err := c.ExecContext(ctx, "DELETE FROM leases WHERE scope = ? AND runner = ?", scope, s.pg.runner); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("renew the leases of limits: %w", err)
	}
	for i, l := range list {
		l.limits.set(grants[i].rate, l.places(grants[i].inFlight, grants[i].rate))
	}
	return nil
}

// lockParts lets nobody else change the parts of a limit until the transaction ends.
func (s *Store) lockParts(ctx context.Context, c *sql.Conn, scope string) ([]part, error) {
	if _, err := c.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.leases'), hashtext(?))", scope); err != nil {
		return nil, err
	}
	rows, err := c.QueryContext(ctx, "SELECT runner, busy, in_flight, rate FROM leases WHERE scope = ?", scope)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []part
	for rows.Next() {
		var p part
		if err := rows.Scan(&p.runner, &p.busy, &p.inFlight, &p.rate); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// lease renews all that this process has; runs are those of the engine.
func (s *sharing) lease(runs []*run) error {
	s.leasing.Lock()
	defer s.leasing.Unlock()
	var list []lease
	for _, t := range s.e.targets {
		list = append(list, lease{scope: "target:" + t.Info.Name, limits: targetBounds{t}, inFlight: t.Limits.InFlight, rate: t.Limits.Rate})
	}
	for _, r := range runs {
		if l := r.lease(); !r.hasEnded() && (l.inFlight > 0 || l.rate > 0) {
			list = append(list, l)
		}
	}
	var dropped []string
	held := map[string]bool{}
	for _, l := range list {
		held[l.scope] = true
	}
	for scope := range s.scopes {
		if !held[scope] {
			dropped = append(dropped, scope)
		}
	}
	if err := s.e.Store.renewLeases(list, dropped); err != nil {
		return err
	}
	s.scopes = held
	return nil
}

// lease is the limits that the job has of its own.
func (r *run) lease() lease {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lease{scope: fmt.Sprintf("job:%d", r.rec.seq), limits: r.limits, inFlight: r.bounds.InFlight, rate: r.bounds.Rate}
}

// bound changes the limits that the job has of its own: at once where nobody shares
// them, else with the next renewal of the leases. Its error budget changes at once.
func (r *run) bound(spec Spec) {
	r.mu.Lock()
	r.bounds, r.maxErrors = Limits{Rate: spec.Rate, InFlight: spec.InFlight}, spec.MaxErrors
	r.mu.Unlock()
	r.limits.setPriority(spec.priority())
	if !r.e.Store.shared() || spec.Rate == 0 && spec.InFlight == 0 {
		r.limits.set(spec.Rate, spec.InFlight)
	}
}

// targetBounds keep a target's window to the leased part of its limits.
type targetBounds struct{ *target }

func (b targetBounds) set(perSecond float64, inFlight int) {
	burst := burstOf(perSecond)
	if full := b.Limits; full.Burst > 0 && full.Rate > 0 {
		burst = max(1, int(float64(full.Burst)*perSecond/full.Rate))
	}
	b.window.bound(limitOf(perSecond), burst, inFlight)
}

func (b targetBounds) shrink(perSecond float64, inFlight int) int {
	rate, most, _ := b.window.bounds()
	if limitOf(perSecond) > rate {
		perSecond = float64(rate)
	}
	if most != 0 && (inFlight == 0 || inFlight > most) {
		inFlight = most
	}
	b.set(perSecond, inFlight)
	_, _, now := b.window.bounds()
	return now
}

func (b targetBounds) busy() bool { return b.window.busy() }
