package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// This file has the rules that pause a job because its items fail: the error budget,
// and the canary.

// mostFailed is how many items of a job with so many rows may fail under an error
// budget, which is a number ("100") or a share of all rows ("1%"); -1 when there is none.
func mostFailed(budget string, rows int64) (int64, error) {
	if budget == "" {
		return -1, nil
	}
	wrong := fmt.Errorf("%q is neither a number of rows, as 100, nor a share of all rows, as 1%%", shorten(budget))
	if share, ok := strings.CutSuffix(budget, "%"); ok {
		percent, err := strconv.ParseFloat(share, 64)
		if err != nil || math.IsNaN(percent) || percent < 0 || percent > 100 {
			return 0, wrong
		}
		// A share such as 0.1 is a little less as a float than as it is written.
		return int64(math.Floor(percent*float64(rows)/100 + 1e-6)), nil
	}
	n, err := strconv.ParseInt(budget, 10, 64)
	if err != nil || n < 0 {
		return 0, wrong
	}
	return n, nil
}

// overBudget says that more items have failed than an error budget allows, or "". Those
// that expired or were canceled were not tried, and do not count.
func overBudget(budget string, rows int64, c Counts) string {
	failed := c.Reverted + c.Rejected
	most, err := mostFailed(budget, rows)
	if err != nil || most < 0 || failed <= most { // a budget was checked before it was stored
		return ""
	}
	return fmt.Sprintf("%d of %d rows failed, and the error budget of %s allows %d", failed, rows, budget, most)
}

// usedUp says that the run's error budget is used up, or "".
func (r *run) usedUp() string {
	r.mu.Lock()
	budget, c := r.maxErrors, r.counts
	r.mu.Unlock()
	if why := overBudget(budget, r.rec.Rows, c); why != "" {
		return why + ": look at the failed rows, then resume with a larger one"
	}
	return ""
}

// keepBudget pauses the job once too many items have failed. It may be called as stop may.
func (r *run) keepBudget() {
	if why := r.usedUp(); why != "" {
		r.stop(StopMaxErrors, why)
	}
}

// stop pauses the job from inside of its run, because a rule wants it. The first rule
// counts. It does not block: it may be called by the committer, as long as an item is
// open, and by the feed.
func (r *run) stop(by StopRule, reason string) {
	if r.stopBy(by, reason) {
		r.shards.Go(func() { r.saveStop(r.e.hard, by, reason) })
	}
}

// stopBy pauses the run. It is false when it was paused before.
func (r *run) stopBy(by StopRule, reason string) bool {
	r.mu.Lock()
	first := r.stopped == nil && !r.paused.Load()
	if first {
		r.stopped = &stopping{by, reason}
	}
	r.mu.Unlock()
	r.pause()
	return first
}

// saveStop tries until ctx ends.
func (r *run) saveStop(ctx context.Context, by StopRule, reason string) {
	move := jobMove{event: eventPause, at: time.Now(), by: by, reason: reason}
	err := patiently(ctx, func() error {
		_, _, err := r.e.Store.moveJob(r.rec.seq, move)
		return err
	})
	switch {
	case errors.Is(err, ErrState): // it is being canceled, or has ended
	case err != nil:
		r.halt("the job was to be paused (" + reason + "), which cannot be saved: " + err.Error())
	default:
		r.log.Warn("job is paused", "by", by, "reason", reason)
		r.e.changed.broadcast()
	}
}

// canaryShard is the number of the shard that has the canary: the rows that are
// settled before any other shard is begun.
const canaryShard = 1

// canaryHolds reports whether all other shards wait for the one of the canary. A canary
// that has all rows holds nothing.
func (r record) canaryHolds() bool {
	return r.Spec.Canary > 0 && int64(r.Spec.Canary) < r.Rows && !r.canaryOver
}

// canaryOverNow tells of a job that is to run whether its canary is over: the user goes
// on in spite of it, or it was settled, and no row of it was put back.
const canaryOverNow = `canary_over OR stopped_by = 'canary'
	OR NOT EXISTS (SELECT 1 FROM shards WHERE job = jobs.seq AND number = 1 AND state <> 'done')`

// awaitCanary waits until the canary has ended. It is false when no other shard is to be
// begun by this run.
func (r *run) awaitCanary(w *work) bool {
	r.unclaim()
	select {
	case <-w.ended:
	case <-r.living.Done():
	}
	return r.living.Err() == nil && (r.canaryOver.Load() || r.canceled.Load())
}

// endCanary lets the other shards begin, or pauses the job when a row of the canary was
// not confirmed. All of its rows have an outcome. It is false when that cannot be saved.
func (r *run) endCanary() bool {
	var reason string
	var over bool
	err := patiently(r.e.hard, func() (err error) {
		over, reason, err = r.e.Store.endCanary(r.rec.seq)
		return err
	})
	switch {
	case err != nil:
		r.halt("what became of the canary cannot be saved: " + err.Error())
	case reason != "":
		r.mu.Lock()
		r.stopped = &stopping{StopCanary, reason}
		r.mu.Unlock()
		r.pause()
		r.log.Warn("job is paused", "by", StopCanary, "reason", reason)
		r.e.changed.broadcast()
	default:
		r.canaryOver.Store(over)
	}
	return err == nil
}

// endCanary notes what became of the canary of a job, of which every row has an outcome:
// the other shards may be begun (over), or the job is paused for a reason. Of a job that
// is being canceled it is neither. It may be called again: the canary's shard is noted
// as done afterwards.
func (s *Store) endCanary(seq int64) (over bool, reason string, err error) {
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		over, reason = false, ""
		rec, err := scanJob(c.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE seq = ?"+s.forUpdate(), seq))
		if err != nil {
			return err
		}
		if over = !rec.canaryHolds(); over {
			return nil
		}
		to, err := rec.State.after(eventPause)
		if err != nil {
			return nil // it is being canceled
		}
		reason, err = canaryFailed(ctx, c, rec)
		if err != nil {
			return err
		}
		if reason != "" { // whoever has paused it before: to go on is now to go on in spite of this
			_, err = c.ExecContext(ctx, "UPDATE jobs SET state = ?, reason = ?, stopped_by = ? WHERE seq = ?", string(to), reason, string(StopCanary), seq)
			return err
		}
		over = true
		if _, err := c.ExecContext(ctx, "UPDATE jobs SET canary_over = true WHERE seq = ?", seq); err != nil || !s.shared() {
			return err
		}
		return s.handOut(ctx, c, seq)
	})
	return over, reason, err
}

// canaryFailed says which rows of a canary were not confirmed, or "".
func canaryFailed(ctx context.Context, q querier, rec record) (string, error) {
	const failed = " FROM outcomes WHERE item BETWEEN ? AND ? AND state <> 'confirmed'"
	low, high := itemID(rec.seq, 1), itemID(rec.seq, int64(rec.Spec.Canary))
	var first, count int64
	var state, text string
	err := q.QueryRowContext(ctx, "SELECT item, state, coalesce(error, '')"+failed+" ORDER BY item LIMIT 1", low, high).Scan(&first, &state, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err == nil {
		err = q.QueryRowContext(ctx, "SELECT count(*)"+failed, low, high).Scan(&count)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of the first %d rows (the canary) failed, and no other was sent; row %d is %s: %s. Resume goes on with the rest",
		count, rec.Spec.Canary, rowOf(first), state, text), nil
}
