package batch

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/batch/tickets"
)

// What is in this file is for a store that several processes work with: a
// PostgreSQL database.

// shared reports whether several processes may work with the store at a time.
func (s *Store) shared() bool { return s.pg != nil }

// queue is the name of the queue from which the shards of a job are taken: by those
// who have its target and its signer's key, where one is needed.
func (r record) queue() string {
	if r.Spec.Signed != nil || r.Spec.Kind == KindCall && r.Spec.Account == "" {
		return queueOf(r.Spec.Target, common.Address{})
	}
	return queueOf(r.Spec.Target, r.Signer)
}

func queueOf(target string, signer common.Address) string {
	sum := sha256.Sum256([]byte(target + "\x00" + strings.ToLower(signer.Hex())))
	return "shards-" + hex.EncodeToString(sum[:16])
}

// clientName is how a runner is called in the work queue.
func clientName(runner int64) string { return fmt.Sprintf("bcosgate-runner-%d", runner) }

// claimed is what came of a claim.
type claimed int

const (
	claimGone claimed = iota // the shard needs nobody: it is done, or its job does not run
	claimBusy                // another runner carries it
	claimOurs
)

// claimShard makes this runner the one that carries a shard.
func (s *Store) claimShard(seq, number int64) (rec record, sh shard, c claimed, err error) {
	err = s.tx(func(ctx context.Context, conn *sql.Conn) error {
		c, sh = claimGone, shard{number: number}
		var state string
		var owner sql.NullInt64
		var err error
		// Its state stays what it is until the claim is done: a retry counts on that.
		if rec, err = scanJob(conn.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE seq = ? FOR SHARE", seq)); err != nil {
			return ignoreNone(err)
		}
		err = conn.QueryRowContext(ctx, "SELECT low, high, state, owner FROM shards WHERE job = ? AND number = ? FOR UPDATE", seq, number).Scan(&sh.low, &sh.high, &state, &owner)
		switch {
		case err != nil:
			return ignoreNone(err)
		case state == "done":
			return nil
		case owner.Valid && owner.Int64 == s.pg.runner:
			c = claimOurs
			return nil
		case owner.Valid:
			c = claimBusy
			return nil
		case rec.State == JobPaused && rec.Counts.Submitted+rec.Counts.Unknown > 0:
		case rec.State != JobRunning && rec.State != JobCanceling: // it gets another ticket when it goes on
			_, err = conn.ExecContext(ctx, "UPDATE shards SET ticket = false WHERE job = ? AND number = ?", seq, number)
			return err
		}
		c = claimOurs
		_, err = conn.ExecContext(ctx, "UPDATE shards SET owner = ?, state = 'begun' WHERE job = ? AND number = ?", s.pg.runner, seq, number)
		return err
	})
	return rec, sh, c, err
}

func ignoreNone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// releaseShard lets others carry a shard. Without its ticket nobody is asked to
// until the job is tried again.
func (s *Store) releaseShard(seq, number int64, ticket bool) error {
	return s.tx(func(ctx context.Context, c *sql.Conn) error {
		if _, err := c.ExecContext(ctx, "UPDATE shards SET owner = NULL WHERE job = ? AND number = ? AND owner = ?", seq, number, s.pg.runner); err != nil {
			return err
		}
		if ticket { // it may have had none
			return s.handOut(ctx, c, seq)
		}
		_, err := c.ExecContext(ctx, "UPDATE shards SET ticket = false WHERE job = ? AND number = ?", seq, number)
		return err
	})
}

// goOnWith lets a job be carried by whoever shares the store: all of its shards that
// nobody carries have tickets, and what it stood still for is forgotten.
func (s *Store) goOnWith(seq int64) error {
	return s.tx(func(ctx context.Context, c *sql.Conn) error { return s.goOnIn(ctx, c, seq) })
}

func (s *Store) goOnIn(ctx context.Context, c *sql.Conn, seq int64) error {
	if _, err := c.ExecContext(ctx, "UPDATE jobs SET reason = '' WHERE seq = ? AND reason <> '' AND state IN ('running', 'canceling')", seq); err != nil {
		return err
	}
	if err := tickets.HurryUp(ctx, s.pg.open, seq); err != nil {
		return err
	}
	return s.handOut(ctx, c, seq)
}

// forUpdate is what a question needs at its end whose answer is acted upon in the same
// transaction, while other processes write, too.
func (s *Store) forUpdate() string {
	if s.shared() {
		return " FOR UPDATE"
	}
	return ""
}

// shareMove does what a move of a job means for those who share it. It is called inside
// of tx, after the move.
func (s *Store) shareMove(ctx context.Context, c *sql.Conn, seq int64, from JobState, m jobMove) error {
	if !s.shared() {
		return nil
	}
	switch m.event {
	case eventStart, eventResume:
		if m.take != nil {
			if err := s.takeAll(ctx, c, seq, m.take); err != nil {
				return err
			}
		}
		if from == JobReady { // nothing was handed out before
			return s.handOut(ctx, c, seq)
		}
	case eventCancel:
		if err := s.skipUnsent(ctx, c, seq, m.at); err != nil {
			return err
		}
	default:
		return nil
	}
	return s.goOnIn(ctx, c, seq)
}

// takeAll makes all shards of a job this runner's that nobody else has.
func (s *Store) takeAll(ctx context.Context, c *sql.Conn, seq int64, taken *[]shard) error {
	*taken = nil
	rows, err := c.QueryContext(ctx, `UPDATE shards SET owner = ?, state = 'begun'
		WHERE job = ? AND state <> 'done' AND owner IS NULL AND NOT ticket RETURNING number, low, high`, s.pg.runner, seq)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var sh shard
		if err := rows.Scan(&sh.number, &sh.low, &sh.high); err != nil {
			return err
		}
		*taken = append(*taken, sh)
	}
	return rows.Err()
}

// skipUnsent notes shards of a job that is being canceled as done that nobody carries
// and that have nothing in flight. When those are all, the job is canceled.
func (s *Store) skipUnsent(ctx context.Context, c *sql.Conn, seq int64, at time.Time) error {
	_, err := c.ExecContext(ctx, `UPDATE shards SET state = 'done' WHERE job = ? AND owner IS NULL AND (SELECT state FROM jobs WHERE seq = ?) = 'canceling'
		AND (state = 'open' OR state <> 'done' AND (SELECT submitted + unknown = 0 FROM jobs WHERE seq = ?))`, seq, seq, seq)
	if err != nil {
		return err
	}
	_, err = s.db.each(ctx, c, []command{{endJob, []any{at.UnixMilli(), seq}}})
	return err
}

// sendable is a job of which something is to be sent or settled.
const sendable = "(state IN ('running', 'canceling') OR state = 'paused' AND submitted + unknown > 0)"

// handOut makes tickets for the shards of a job that have neither one nor an owner,
// if there is something to do; while the canary holds, only for its own. It is called
// inside of tx.
func (s *Store) handOut(ctx context.Context, c *sql.Conn, seq int64) error {
	rec, err := scanJob(c.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE seq = ? AND "+sendable, seq))
	if err != nil {
		return ignoreNone(err)
	}
	last := int64(math.MaxInt64)
	if rec.canaryHolds() { // endCanary hands out the others, or whoever resumes the job
		last = canaryShard
	}
	rows, err := c.QueryContext(ctx, "UPDATE shards SET ticket = true WHERE job = ? AND number <= ? AND state <> 'done' AND owner IS NULL AND NOT ticket RETURNING number", seq, last)
	if err != nil {
		return err
	}
	defer rows.Close()
	var list []tickets.Ticket
	for rows.Next() {
		t := tickets.Ticket{Job: seq}
		if err := rows.Scan(&t.Shard); err != nil {
			return err
		}
		list = append(list, t)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	rows.Close()
	slices.SortFunc(list, func(a, b tickets.Ticket) int { return int(a.Shard - b.Shard) }) // handed out in this order
	return tickets.Put(ctx, s.pg.open, rec.queue(), ticketPriority(rec.Spec), list)
}

// ticketPriority is the place of a job's tickets in their queue.
func ticketPriority(spec Spec) int {
	switch spec.priority() {
	case PriorityHigh:
		return tickets.PriorityHigh
	case PriorityLow:
		return tickets.PriorityLow
	default:
		return tickets.PriorityNormal
	}
}

// runner is another process that works with the store.
type runner struct {
	id     int64
	name   string
	serves []string
	locked bool          // its session lives
	silent time.Duration // since its last transaction
}

// otherRunners lists all runners but this one, and for how long the server is up.
func (s *Store) otherRunners(ctx context.Context) (list []runner, up time.Duration, err error) {
	var since int64
	err = s.read.QueryRowContext(ctx, "SELECT (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::bigint").Scan(&since)
	if err != nil {
		return nil, 0, err
	}
	rows, err := s.read.QueryContext(ctx, `SELECT r.id, r.name, r.serves, `+databaseClock+` - r.seen, EXISTS (SELECT 1 FROM pg_locks l
			WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.objid::bigint = r.id
			AND l.classid::bigint = (`+runnerLocks+`::bigint & 4294967295)
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
		FROM runners r WHERE r.id <> ? ORDER BY r.id`, s.me())
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var r runner
		var silent int64
		var serves string
		if err := rows.Scan(&r.id, &r.name, &serves, &silent, &r.locked); err != nil {
			return nil, 0, err
		}
		r.serves, r.silent = strings.Split(serves, "\n"), time.Duration(silent)*time.Millisecond
		list = append(list, r)
	}
	return list, time.Duration(since) * time.Millisecond, rows.Err()
}

// me is the number of this runner, 0 while it is none.
func (s *Store) me() int64 {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.pg.runner
}

// beat shows the others that this runner lives. ErrStoreLost when they think it does not.
func (s *Store) beat() error {
	return s.tx(func(context.Context, *sql.Conn) error { return nil })
}

// bury declares a runner dead: it cannot write any more, and its shards and tickets
// are handed out. Loads that it broke off are given, to be removed; they are this
// runner's until then.
func (s *Store) bury(id int64) (loads []int64, err error) {
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		loads = nil
		res, err := c.ExecContext(ctx, "DELETE FROM runners WHERE id = ?", id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err // another one was faster
		}
		if err := s.freeShards(ctx, c, id); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "DELETE FROM leases WHERE runner = ?", id); err != nil {
			return err
		}
		loads, err = selectNumbers(ctx, c, "UPDATE jobs SET loader = ? WHERE loader = ? AND state = 'loading' RETURNING seq", s.pg.runner, id)
		return err
	})
	return loads, err
}

// freeShards lets others carry what a runner has carried. It is called inside of tx.
func (s *Store) freeShards(ctx context.Context, c *sql.Conn, runner int64) error {
	jobs, err := selectNumbers(ctx, c, "UPDATE shards SET owner = NULL WHERE owner = ? RETURNING job", runner)
	if err != nil {
		return err
	}
	if err := s.takeBack(ctx, c, runner); err != nil {
		return err
	}
	slices.Sort(jobs)
	for _, seq := range slices.Compact(jobs) {
		if err := s.handOut(ctx, c, seq); err != nil {
			return err
		}
	}
	return nil
}

// takeBack hands out the tickets of those who are no runners any more, or whose turn
// it is to end. It is called inside of tx.
func (s *Store) takeBack(ctx context.Context, c *sql.Conn, ending int64) error {
	ids, err := selectNumbers(ctx, c, "SELECT id FROM runners WHERE id <> ?", ending)
	if err != nil {
		return err
	}
	living := make([]string, len(ids))
	for i, id := range ids {
		living[i] = clientName(id)
	}
	return tickets.TakeBack(ctx, s.pg.open, living)
}

// takeBackLost is takeBack on its own: a process that was declared dead and lives may
// have taken tickets since, and then died.
func (s *Store) takeBackLost() error {
	return s.tx(func(ctx context.Context, c *sql.Conn) error { return s.takeBack(ctx, c, 0) })
}

// retire is the end of this runner: what it has left undone is handed out at once.
func (s *Store) retire() error {
	return s.tx(func(ctx context.Context, c *sql.Conn) error {
		if err := s.freeShards(ctx, c, s.pg.runner); err != nil {
			return err
		}
		if _, err := c.ExecContext(ctx, "UPDATE jobs SET loader = NULL WHERE loader = ?", s.pg.runner); err != nil {
			return err
		}
		for _, statement := range []string{"DELETE FROM leases WHERE runner = ?", "DELETE FROM runners WHERE id = ?"} {
			if _, err := c.ExecContext(ctx, statement, s.pg.runner); err != nil {
				return err
			}
		}
		return nil
	})
}

// carried reports whether anybody carries a shard of the job.
func (s *Store) carried(ctx context.Context, seq int64) (yes bool, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM shards WHERE job = ? AND state <> 'done' AND owner IS NOT NULL)", seq).Scan(&yes)
	return yes, err
}

// claimLoad makes this runner the one that receives the rows of a job; ErrState when
// a living one does.
func (s *Store) claimLoad(seq int64) error {
	return s.tx(func(ctx context.Context, c *sql.Conn) error {
		res, err := c.ExecContext(ctx, `UPDATE jobs SET loader = ? WHERE seq = ? AND state = 'loading'
			AND (loader IS NULL OR loader NOT IN (SELECT id FROM runners WHERE id <> ?))`, s.pg.runner, seq, s.pg.runner)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return fmt.Errorf("it is being loaded by another process: %w", ErrState)
	})
}

// leaveLoad ends claimLoad.
func (s *Store) leaveLoad(seq int64) error {
	return s.change("leave load", "UPDATE jobs SET loader = NULL WHERE seq = ?", seq)
}

// selectNumbers reads one column of numbers.
func selectNumbers(ctx context.Context, q querier, query string, args ...any) ([]int64, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// pruneAlone makes this process the only one that deletes old jobs, until end is
// called. Should its session break meanwhile, another one may begin: that only costs
// one of them an error.
func (s *Store) pruneAlone(ctx context.Context) (alone bool, end func(), err error) {
	const key = "?, hashtext(current_schema() || '.prune')"
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.pg.connect(ctx); err != nil {
		return false, nil, fmt.Errorf("delete old jobs: %w", err)
	}
	if err := s.pg.conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+key+")", applicationID).Scan(&alone); err != nil {
		s.pg.drop()
		return false, nil, fmt.Errorf("delete old jobs: %w", err)
	}
	return alone, func() {
		s.writing.Lock()
		defer s.writing.Unlock()
		if s.pg.conn == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
		defer cancel()
		if _, err := s.pg.conn.ExecContext(ctx, "SELECT pg_advisory_unlock("+key+")", applicationID); err != nil {
			s.pg.drop()
		}
	}, nil
}
