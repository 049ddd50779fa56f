package batch

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// pruneRows is how many items are deleted in one transaction: others write in between.
const pruneRows = 5000

// Pruned is what was deleted, or would be.
type Pruned struct {
	Jobs int64
	Rows int64
}

// Deployments of contracts that are called by name stay: the outcome is the only
// place where the address is kept.
const prunable = ` FROM jobs j WHERE j.finished < ? AND j.state IN ('done', 'canceled', 'invalid')
	AND (j.registers IS NULL OR j.confirmed = 0)`

// Prunable counts what Prune would delete.
func (s *Store) Prunable(ctx context.Context, before time.Time) (p Pruned, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT count(*), coalesce(sum(j.row_count), 0)"+prunable, before.UnixMilli()).Scan(&p.Jobs, &p.Rows)
	if err != nil {
		return Pruned{}, fmt.Errorf("count old jobs: %w", err)
	}
	return p, nil
}

// Prune deletes the jobs that ended before a moment, with all their items, in a
// file that no engine works with (ErrStoreInUse otherwise; see Config.Keep), or beside
// the engines of other processes in a database. Jobs
// that are not final stay, and deployments of contracts that have a name.
// A deleted job's idempotency key is free again. The space is used for new jobs; a
// file does not become smaller. When ctx ends, the rest is left to the next call.
func (s *Store) Prune(ctx context.Context, before time.Time) (Pruned, error) {
	if err := s.own(ctx); err != nil {
		return Pruned{}, fmt.Errorf("delete old jobs: %w", err)
	}
	defer s.disown()
	return s.prune(ctx, before)
}

// prune is Prune for the owner of the store. First all jobs vanish, whole, for
// whoever reads; then their items go.
func (s *Store) prune(ctx context.Context, before time.Time) (p Pruned, err error) {
	if s.shared() {
		alone, end, err := s.pruneAlone(ctx)
		if err != nil || !alone { // another process does it
			return Pruned{}, err
		}
		defer end()
	}
	for more := true; more && err == nil && ctx.Err() == nil; {
		var some Pruned
		some, more, err = s.forgetJobs(before)
		p.Jobs += some.Jobs
		p.Rows += some.Rows
	}
	if err == nil {
		err = s.clearPruned(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return p, fmt.Errorf("delete old jobs: %w", err)
	}
	return p, nil
}

// forgetJobs deletes some jobs and notes that their items are to be deleted.
func (s *Store) forgetJobs(before time.Time) (p Pruned, more bool, err error) {
	const most = 100
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		p = Pruned{}
		rows, err := c.QueryContext(ctx, "SELECT j.seq, j.row_count"+prunable+" ORDER BY j.seq LIMIT ?", before.UnixMilli(), most)
		if err != nil {
			return err
		}
		defer rows.Close()
		var list []int64
		for rows.Next() {
			var seq, n int64
			if err := rows.Scan(&seq, &n); err != nil {
				return err
			}
			list = append(list, seq)
			p.Jobs++
			p.Rows += n
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows.Close()
		for _, seq := range list {
			if _, err := c.ExecContext(ctx, "INSERT INTO pruned (seq) VALUES (?)", seq); err != nil {
				return err
			}
			for _, table := range []string{"reconciliations", "shards"} {
				if _, err := c.ExecContext(ctx, "DELETE FROM "+table+" WHERE job = ?", seq); err != nil {
					return err
				}
			}
			if _, err := c.ExecContext(ctx, "DELETE FROM jobs WHERE seq = ?", seq); err != nil {
				return err
			}
		}
		return nil
	})
	return p, p.Jobs == most, err
}

// clearPruned deletes the items of the jobs that are gone, also of those that an
// earlier call did not come to.
func (s *Store) clearPruned(ctx context.Context) error {
	for {
		var seq int64
		err := s.read.QueryRowContext(ctx, "SELECT coalesce(min(seq), 0) FROM pruned").Scan(&seq)
		if err != nil || seq == 0 {
			return err
		}
		for _, table := range []struct{ name, key string }{{"outcomes", "item"}, {"past_outcomes", "item"}, {"attempts", "item"}, {"items", "id"}} {
			if err := s.deleteRows(ctx, table.name, table.key, seq); err != nil {
				return err
			}
		}
		if err := s.change("forget job", "DELETE FROM pruned WHERE seq = ?", seq); err != nil {
			return err
		}
	}
}

// deleteRows removes the rows of a job from a table, in groups, so that other
// writers get their turn. The groups are ranges of the key, which may have gaps.
func (s *Store) deleteRows(ctx context.Context, table, key string, seq int64) error {
	for {
		var last sql.NullInt64
		err := s.read.QueryRowContext(ctx, "SELECT max("+key+") FROM (SELECT "+key+" FROM "+table+" WHERE "+key+" BETWEEN ? AND ? ORDER BY "+key+" LIMIT ?) AS page",
			itemID(seq, 0), itemID(seq+1, 0)-1, pruneRows).Scan(&last)
		if err != nil || !last.Valid {
			return err
		}
		if err := s.change("delete rows", "DELETE FROM "+table+" WHERE "+key+" BETWEEN ? AND ?", itemID(seq, 0), last.Int64); err != nil {
			return err
		}
	}
}
