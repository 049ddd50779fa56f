package batch

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// record is a job with what only the engine needs to know.
type record struct {
	Job
	seq        int64
	registers  string      // name of the contract that a deployment makes, or ""
	abi        string      // JSON, or ""
	nonceRef   string      // what the items' nonces are derived from
	genesis    common.Hash // of the chain that the job belongs to
	canaryOver bool        // see canaryHolds
	dependents bool        // some of its items wait for others
}

const jobColumns = `seq, id, spec, abi, state, reason, stopped_by, registers, address, signer, nonce_ref, genesis, row_count, columns,
	input_sha256, faults, fault_count, submitted, unknown, confirmed, reverted, rejected, expired, canceled,
	created, started, retries, retried, finished, block, first_block, last_block, canary_over, dependents`

type scanner interface{ Scan(dest ...any) error }

func scanJob(row scanner) (record, error) {
	var (
		r                          record
		spec                       string
		registers, columns, faults sql.NullString
		address, signer, genesis   []byte
		sha                        []byte
		created                    int64
		started, retried, finished sql.NullInt64
		block, low, high           sql.NullInt64
		c                          = &r.Counts
	)
	err := row.Scan(&r.seq, &r.ID, &spec, &r.abi, &r.State, &r.Reason, &r.StoppedBy, &registers, &address, &signer, &r.nonceRef, &genesis,
		&r.Rows, &columns, &sha, &faults, &r.FaultCount, &c.Submitted, &c.Unknown, &c.Confirmed, &c.Reverted, &c.Rejected,
		&c.Expired, &c.Canceled, &created, &started, &r.Retries, &retried, &finished, &block, &low, &high, &r.canaryOver, &r.dependents)
	if err != nil {
		return record{}, err
	}
	for _, field := range []struct {
		text string
		into any
	}{{spec, &r.Spec}, {columns.String, &r.Columns}, {faults.String, &r.Faults}} {
		if field.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(field.text), field.into); err != nil {
			return record{}, fmt.Errorf("job %s: %w", r.ID, err)
		}
	}
	r.registers = registers.String
	r.Block, r.FirstBlock, r.LastBlock = uint64(block.Int64), uint64(low.Int64), uint64(high.Int64)
	if address != nil {
		a := common.BytesToAddress(address)
		r.Address = &a
	}
	r.Signer, r.genesis = common.BytesToAddress(signer), common.BytesToHash(genesis)
	if sha != nil {
		r.InputSHA256 = hex.EncodeToString(sha)
	}
	if r.State == JobCanceled { // items that were never signed have no row of their own for it
		c.Canceled = r.Rows - c.Confirmed - c.Reverted - c.Rejected - c.Expired
	} else if r.State != JobInvalid {
		c.Queued = r.Rows - c.Submitted - c.Unknown - c.Confirmed - c.Reverted - c.Rejected - c.Expired - c.Canceled
	}
	r.Created = millis(created)
	r.Started, r.Retried, r.Finished = momentOrNil(started), momentOrNil(retried), momentOrNil(finished)
	return r, nil
}

func momentOrNil(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := millis(ms.Int64)
	return &t
}

// expiresFrom is what the deadline of the job counts from.
func (r record) expiresFrom(now time.Time) time.Time {
	switch {
	case r.Retried != nil:
		return *r.Retried
	case r.Started != nil:
		return *r.Started
	}
	return now
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// querier is what a reading connection, transaction or pool can do.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func jobByID(ctx context.Context, q querier, id string) (record, error) {
	r, err := scanJob(q.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, fmt.Errorf("job %s: %w", id, ErrNotFound)
	}
	return r, err
}

func jobByKey(ctx context.Context, q querier, key string) (record, error) {
	r, err := scanJob(q.QueryRowContext(ctx, "SELECT "+jobColumns+" FROM jobs WHERE idempotency_key = ?", key))
	if errors.Is(err, sql.ErrNoRows) {
		return record{}, fmt.Errorf("idempotency key %q: %w", key, ErrNotFound)
	}
	return r, err
}

// JobFilter chooses jobs. Zero fields choose all.
type JobFilter struct {
	Kind   JobKind
	State  JobState
	Target string
	Limit  int    // most jobs; 0 is 100
	Before string // job ID: only jobs created before that one
}

// Job reads one job; ErrNotFound when there is none.
func (s *Store) Job(ctx context.Context, id string) (Job, error) {
	r, err := jobByID(ctx, s.read, id)
	return r.Job, err
}

// Jobs lists jobs, the newest first.
func (s *Store) Jobs(ctx context.Context, f JobFilter) ([]Job, error) {
	query, args := "SELECT "+jobColumns+" FROM jobs WHERE true", []any{}
	where := func(clause string, arg any) {
		query += " AND " + clause
		args = append(args, arg)
	}
	if f.Kind != "" {
		where("kind = ?", string(f.Kind))
	}
	if f.State != "" {
		where("state = ?", string(f.State))
	}
	if f.Target != "" {
		where("target = ?", f.Target)
	}
	if f.Before != "" {
		if _, err := jobByID(ctx, s.read, f.Before); err != nil {
			return nil, err
		}
		where("seq < (SELECT seq FROM jobs WHERE id = ?)", f.Before)
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	query += " ORDER BY seq DESC LIMIT ?"
	records, err := queryJobs(ctx, s.read, query, append(args, f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	jobs := make([]Job, len(records))
	for i, r := range records {
		jobs[i] = r.Job
	}
	return jobs, nil
}

func queryJobs(ctx context.Context, q querier, query string, args ...any) ([]record, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []record
	for rows.Next() {
		r, err := scanJob(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// openJobs lists the jobs that an engine has to look after when it starts: of the
// paused ones those with something in flight.
func (s *Store) openJobs(ctx context.Context) ([]record, error) {
	return queryJobs(ctx, s.read, "SELECT "+jobColumns+` FROM jobs WHERE state IN ('loading', 'running', 'paused', 'canceling')
		AND (state <> 'paused' OR submitted + unknown > 0) ORDER BY seq`)
}

// insertJob stores a new job. When the idempotency key is taken it returns the
// job that has it, with created false.
func (s *Store) insertJob(r record) (stored record, created bool, err error) {
	spec, err := json.Marshal(r.Spec)
	if err != nil {
		return record{}, false, err
	}
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		if r.Spec.IdempotencyKey != "" {
			switch old, err := jobByKey(ctx, c, r.Spec.IdempotencyKey); {
			case err == nil:
				stored = old
				return nil
			case !errors.Is(err, ErrNotFound):
				return err
			}
		}
		var address []byte
		if r.Address != nil {
			address = r.Address.Bytes()
		}
		_, err := c.ExecContext(ctx, `INSERT INTO jobs
			(id, idempotency_key, kind, target, registers, spec, abi, state, address, signer, nonce_ref, genesis, created)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.ID, orNull(r.Spec.IdempotencyKey), string(r.Spec.Kind), r.Spec.Target, orNull(r.registers), string(spec), r.abi,
			string(r.State), blob(address), r.Signer.Bytes(), r.nonceRef, r.genesis.Bytes(), r.Created.UnixMilli())
		if err != nil {
			return err
		}
		created = true
		stored, err = jobByID(ctx, c, r.ID)
		return err
	})
	return stored, created, err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// jobMove is an event that may change a job's state.
type jobMove struct {
	event  jobEvent
	at     time.Time
	by     StopRule // with a pause by a rule
	reason string   // with a pause

	// Where a single transaction is started that this process can carry at once, its
	// shards become this process's and are put here; nil lets all processes share it.
	take *[]shard
}

// moveJob changes the state of a job as lifecycle.go says, with the moments that
// belong to the new state, and gives the states before and after. Where the state
// stays the same nothing changes, but the reason with eventRetry. ErrState when the
// event is not possible.
func (s *Store) moveJob(seq int64, m jobMove) (from, to JobState, err error) {
	err = s.tx(func(ctx context.Context, c *sql.Conn) (err error) {
		from, to, err = s.moveIn(ctx, c, seq, m)
		return err
	})
	return from, to, err
}

// moveIn is moveJob inside of tx.
func (s *Store) moveIn(ctx context.Context, c *sql.Conn, seq int64, m jobMove) (from, to JobState, err error) {
	if err := c.QueryRowContext(ctx, "SELECT state FROM jobs WHERE seq = ?"+s.forUpdate(), seq).Scan(&from); err != nil {
		return from, to, err
	}
	if to, err = from.after(m.event); err != nil {
		return from, to, err
	}
	if to == from && m.event != eventRetry { // which changes why it is paused
		return from, to, s.shareMove(ctx, c, seq, from, m)
	}
	query, args := "UPDATE jobs SET state = ?, reason = ?, stopped_by = ?", []any{string(to), m.reason, string(m.by)}
	switch {
	case to == JobRunning:
		query += ", started = coalesce(started, ?), canary_over = " + canaryOverNow
		args = append(args, m.at.UnixMilli())
	case to.Final():
		query += ", finished = ?"
		args = append(args, m.at.UnixMilli())
	case from.Final():
		query += ", finished = NULL"
	}
	if _, err = c.ExecContext(ctx, query+" WHERE seq = ?", append(args, seq)...); err != nil {
		return from, to, err
	}
	return from, to, s.shareMove(ctx, c, seq, from, m)
}

// setSpec replaces a job's spec.
func (s *Store) setSpec(seq int64, spec Spec) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return s.tx(func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "UPDATE jobs SET spec = ? WHERE seq = ?", string(text), seq)
		return err
	})
}

// freeKey takes the idempotency key from a job that is invalid.
func (s *Store) freeKey(seq int64) error {
	return s.change("free idempotency key", "UPDATE jobs SET idempotency_key = NULL WHERE seq = ? AND state = 'invalid'", seq)
}

// setReason says why the job cannot go on; "" that it can.
func (s *Store) setReason(seq int64, reason string) error {
	return s.tx(func(ctx context.Context, c *sql.Conn) error {
		_, err := c.ExecContext(ctx, "UPDATE jobs SET reason = ? WHERE seq = ?", reason, seq)
		return err
	})
}

// setBlock notes at which block a job of reads began.
func (s *Store) setBlock(seq int64, block uint64) (noted uint64, err error) {
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		if _, err := c.ExecContext(ctx, "UPDATE jobs SET block = ? WHERE seq = ? AND coalesce(block, 0) = 0", int64(block), seq); err != nil {
			return err
		}
		var n int64
		err := c.QueryRowContext(ctx, "SELECT block FROM jobs WHERE seq = ?", seq).Scan(&n)
		noted = uint64(n)
		return err
	})
	return noted, err
}
