package batch

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// retryRows is how many rows are put back in one transaction: others write in between.
const retryRows = 2000

// putting is a retry that goes on.
type putting struct {
	seq    int64
	states []ItemState
	begun  bool  // a group was put back
	after  int64 // up to this row nothing is left to put back
	rows   int64 // that were put back
}

// putBack makes the next group of rows queued again, with all that follows from it, and
// is true when it was the last one: then the job runs. Until then it is paused, so that
// nothing of it is sent half put back. When no row is chosen nothing changes, unless the
// job waits for the end of an earlier retry.
func (s *Store) putBack(p *putting, now time.Time) (last bool, err error) {
	var g group
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		rec, err := scanJob(c.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE seq = ?"+s.forUpdate(), p.seq))
		if err != nil {
			return err
		}
		if err := s.mayPutBack(ctx, c, rec, p); err != nil {
			return err
		}
		if g, err = nextGroup(ctx, c, p); err != nil {
			return err
		}
		last = g.rows < retryRows
		waits := rec.State == JobPaused && rec.StoppedBy == StopRetry
		if g.rows == 0 && !waits {
			return nil
		}
		if !p.begun {
			if _, err := c.ExecContext(ctx, "UPDATE jobs SET retries = retries + 1, retried = ? WHERE seq = ?", now.UnixMilli(), p.seq); err != nil {
				return err
			}
		}
		if _, _, err := s.moveIn(ctx, c, p.seq, jobMove{event: eventRetry, at: now, by: StopRetry, reason: retryBroke}); err != nil {
			return err
		}
		if err := g.putBack(ctx, c, p, rec); err != nil || !last {
			return err
		}
		_, _, err = s.moveIn(ctx, c, p.seq, jobMove{event: eventResume, at: now})
		return err
	})
	if err != nil {
		return false, err
	}
	p.begun, p.after, p.rows = true, rowOf(g.last), p.rows+g.rows
	return last, nil
}

// mayPutBack gives ErrState when rows of the job cannot be put back now.
func (s *Store) mayPutBack(ctx context.Context, c *sql.Conn, rec record, p *putting) error {
	if p.begun && (rec.State != JobPaused || rec.StoppedBy != StopRetry) {
		return fmt.Errorf("it became %s before all rows were put back: %w", rec.State, ErrState)
	}
	if err := rec.mayRetry(); err != nil {
		return err
	}
	var carried bool
	err := c.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM shards WHERE job = ? AND state <> 'done' AND owner IS NOT NULL)", rec.seq).Scan(&carried)
	if err == nil && carried {
		err = errInFlight
	}
	return err
}

// chosen is the outcomes in these states that may be put back.
func (p *putting) chosen() (clause string, args []any) {
	clause = "o.state <> 'confirmed' AND coalesce(o.error_kind, '') <> ? AND o.state IN (?" + strings.Repeat(", ?", len(p.states)-1) + ")"
	args = []any{string(chain.KindNonceUsed)}
	for _, s := range p.states {
		args = append(args, string(s))
	}
	return clause, args
}

// group is some rows that are put back together.
type group struct {
	rows        int64
	first, last int64 // items
}

func nextGroup(ctx context.Context, c *sql.Conn, p *putting) (g group, err error) {
	clause, args := p.chosen()
	args = append(append([]any{itemID(p.seq, p.after+1), itemID(p.seq+1, 0) - 1}, args...), retryRows)
	err = c.QueryRowContext(ctx, "SELECT count(*), coalesce(min(item), 0), coalesce(max(item), 0) FROM (SELECT o.item FROM outcomes o WHERE o.item BETWEEN ? AND ? AND "+
		clause+" ORDER BY o.item LIMIT ?) AS page", args...).Scan(&g.rows, &g.first, &g.last)
	return g, err
}

// putBack opens the shards of the group, puts its outcomes aside and takes them from
// what the job counts.
func (g group) putBack(ctx context.Context, c *sql.Conn, p *putting, rec record) error {
	if g.rows == 0 {
		return nil
	}
	clause, args := p.chosen()
	clause, args = "o.item BETWEEN ? AND ? AND "+clause, append([]any{g.first, g.last}, args...)
	ended, err := countStates(ctx, c, clause, args)
	if err != nil {
		return err
	}
	by, err := parseSharding(rec.Spec.ShardBy)
	if err != nil {
		return err
	}
	place := "i.id - ?"
	if by.byLane() {
		place = "coalesce(i.lane, i.id - ?)"
	}
	for _, change := range []struct {
		query string
		args  []any
	}{
		{`UPDATE shards SET state = 'open', ticket = false WHERE job = ? AND state = 'done' AND number IN (
			SELECT (SELECT s.number FROM shards s WHERE s.job = ? AND s.low <= ` + place + ` ORDER BY s.low DESC LIMIT 1)
			FROM outcomes o JOIN items i ON i.id = o.item WHERE ` + clause + ")", append([]any{p.seq, p.seq, itemID(p.seq, 0)}, args...)},
		// Rows in turn: what was put back of the first shard ends before the second begins.
		{"UPDATE jobs SET canary_over = canary_over AND NOT (? AND EXISTS (SELECT 1 FROM shards WHERE job = ? AND number = ? AND state <> 'done')) WHERE seq = ?",
			[]any{rec.inTurn(), p.seq, canaryShard, p.seq}},
		{`INSERT INTO past_outcomes (item, generation, ` + outcomeColumns + `)
			SELECT o.item, (SELECT count(*) FROM past_outcomes p WHERE p.item = o.item), ` + outcomeColumns + ` FROM outcomes o WHERE ` + clause, args},
		{"DELETE FROM outcomes AS o WHERE " + clause, args},
		{"UPDATE jobs SET reverted = reverted - ?, rejected = rejected - ?, expired = expired - ?, canceled = canceled - ? WHERE seq = ?",
			[]any{ended.Reverted, ended.Rejected, ended.Expired, ended.Canceled, p.seq}},
	} {
		if _, err := c.ExecContext(ctx, change.query, change.args...); err != nil {
			return err
		}
	}
	return nil
}

// outcomeColumns is what an outcome has beside its item.
const outcomeColumns = `state, attempts, landed, block, status, status_name, gas_used, output, contract, error_kind, error, latency, settled`

func countStates(ctx context.Context, c *sql.Conn, clause string, args []any) (counts Counts, err error) {
	rows, err := c.QueryContext(ctx, "SELECT o.state, count(*) FROM outcomes o WHERE "+clause+" GROUP BY o.state", args...)
	if err != nil {
		return counts, err
	}
	defer rows.Close()
	for rows.Next() {
		var state ItemState
		var n int64
		if err := rows.Scan(&state, &n); err != nil {
			return counts, err
		}
		*counts.of(state) += n
	}
	return counts, rows.Err()
}

// countLeft counts the rows in these states that are never put back: their nonce was
// used by another transaction.
func (s *Store) countLeft(ctx context.Context, seq int64, states []ItemState) (n int64, err error) {
	if !slices.Contains(states, ItemRejected) {
		return 0, nil
	}
	err = s.read.QueryRowContext(ctx, "SELECT count(*) FROM outcomes WHERE item BETWEEN ? AND ? AND state <> 'confirmed' AND state = 'rejected' AND error_kind = ?",
		itemID(seq, 0), itemID(seq+1, 0)-1, string(chain.KindNonceUsed)).Scan(&n)
	return n, err
}

// keepCanceled gives every row of a canceled job that was never sent an outcome of its
// own, so that the job can leave that state. It may be repeated.
func (s *Store) keepCanceled(ctx context.Context, rec record) error {
	for after := int64(0); after < rec.Rows; after += retryRows {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		low, high := itemID(rec.seq, after+1), itemID(rec.seq, after+retryRows)
		err := s.tx(func(ctx context.Context, c *sql.Conn) error {
			var state JobState
			err := c.QueryRowContext(ctx, "SELECT state FROM jobs WHERE seq = ?"+s.forUpdate(), rec.seq).Scan(&state)
			if err != nil || state != JobCanceled { // somebody else was faster
				return err
			}
			res, err := c.ExecContext(ctx, `INSERT INTO outcomes (item, state, attempts, error, latency, settled)
				SELECT i.id, 'canceled', coalesce((SELECT max(attempts) FROM past_outcomes WHERE item = i.id), 0), ?, 0, ?
				FROM items i WHERE i.id BETWEEN ? AND ? AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.item = i.id)`,
				canceledText, rec.Finished.UnixMilli(), low, high)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			_, err = c.ExecContext(ctx, "UPDATE jobs SET canceled = canceled + ? WHERE seq = ?", n, rec.seq)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addGenerations fills in what earlier generations of items have used up.
func (s *Store) addGenerations(ctx context.Context, seq int64, items []todo) error {
	if len(items) == 0 {
		return nil
	}
	byID, list, args := listed(seq, items)
	rows, err := s.read.QueryContext(ctx, "SELECT item, max(attempts), count(landed) FROM past_outcomes WHERE item IN "+list+" GROUP BY item", args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var tried, nonces int
		if err := rows.Scan(&id, &tried, &nonces); err != nil {
			return err
		}
		byID[id].tried, byID[id].nonces = tried, nonces
	}
	return rows.Err()
}

// earlier reads how the generations of an item before the present one have ended.
func earlier(ctx context.Context, q querier, rec record, row int64) ([]Item, error) {
	rows, err := q.QueryContext(ctx, `SELECT i.id, i.ref, coalesce(i.after_id, 0), i.recipient, NULL, substr(i.input, 1, 4), o.state, o.attempts, o.block, o.status, o.status_name, o.gas_used, o.output, o.contract,
		o.error_kind, o.error, o.latency, a.hash, a.number, a.answer_kind, a.answer, o.generation
		FROM past_outcomes o JOIN items i ON i.id = o.item
		LEFT JOIN attempts a ON a.item = o.item AND a.number = coalesce(o.landed, (SELECT max(number) FROM attempts
			WHERE item = o.item AND number <= o.attempts
			AND number > coalesce((SELECT max(attempts) FROM past_outcomes WHERE item = o.item AND generation < o.generation), 0)))
		WHERE o.item = ? ORDER BY o.generation`, itemID(rec.seq, row))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Item
	scan := newItemScan(rec)
	for rows.Next() {
		past, err := scan.item(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, past)
	}
	return list, rows.Err()
}
