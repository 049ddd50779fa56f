package batch

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Snapshot is one moment of a job. Everything that is read from it belongs to
// that moment, whatever the job does meanwhile. It is not safe for concurrent
// use.
type Snapshot struct {
	tx  *sql.Tx
	rec record
}

// Snapshot calls read with the present moment of a job, which ends when read
// returns. It may be asked for at any time, and needs memory for one row only.
// While it lasts the store's log file grows, so that a slow reader of a running
// job costs disk space. Four last at a time; another one waits for its turn or
// the end of ctx. ErrNotFound when there is no such job.
func (s *Store) Snapshot(ctx context.Context, jobID string, read func(*Snapshot) error) error {
	tx, err := s.reports.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("read job %s: %w", jobID, err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	rec, err := jobByID(ctx, tx, jobID)
	if err != nil {
		return err
	}
	return read(&Snapshot{tx: tx, rec: rec})
}

// Job is the job at that moment.
func (s *Snapshot) Job() Job { return s.rec.Job }

// Genesis is the hash of block 0 of the chain that the job belongs to.
func (s *Snapshot) Genesis() common.Hash { return s.rec.genesis }

// TimedItem is an item with the moments that the store knows of it, each with
// milliseconds.
type TimedItem struct {
	Item
	AfterState ItemState // how the row ended that _after names; "" when it has not, or there is none
	Attempted  time.Time // when the attempt with Item.TxHash was stored; zero without one
	Settled    time.Time // when the outcome was stored; zero without one
}

// Items calls f with every item in row order until f fails.
func (s *Snapshot) Items(ctx context.Context, f func(TimedItem) error) error {
	low, high := s.bounds()
	rows, err := s.tx.QueryContext(ctx, "SELECT "+itemColumns+", a.created, o.settled, (SELECT d.state FROM outcomes d WHERE d.item = i.after_id)"+itemTables+" WHERE i.id BETWEEN ? AND ? ORDER BY i.id", low, high)
	if err != nil {
		return err
	}
	defer rows.Close()
	var attempted, settled sql.NullInt64
	var after sql.NullString
	scan := newItemScan(s.rec, &attempted, &settled, &after)
	for rows.Next() {
		it, err := scan.item(rows)
		if err != nil {
			return err
		}
		if err := f(TimedItem{Item: it, AfterState: ItemState(after.String), Attempted: millisOrZero(attempted), Settled: millisOrZero(settled)}); err != nil {
			return err
		}
	}
	return rows.Err()
}

// AttemptRecord is one attempt of one item with all that the store knows of it.
type AttemptRecord struct {
	Row        int64       `json:"row"`
	ID         string      `json:"id,omitempty"`         // the row's _id
	Number     int         `json:"number"`               // from 1
	Generation int         `json:"generation,omitempty"` // how often the row had been retried
	TxHash     common.Hash `json:"txHash"`
	Nonce      string      `json:"nonce"` // the same for all attempts of a generation
	BlockLimit uint64      `json:"blockLimit"`
	Created    time.Time   `json:"created"`         // when it was stored, before its first byte left
	Kind       string      `json:"kind,omitempty"`  // a chain.Kind: what made its outcome unknown, or proved its absence
	Text       string      `json:"text,omitempty"`  // that answer or proof, in words
	Landed     bool        `json:"landed"`          // this one is in a block
	Block      uint64      `json:"block,omitempty"` // which
}

// Attempts calls f with every attempt of every item, in the order of rows and
// then of numbers, until f fails.
func (s *Snapshot) Attempts(ctx context.Context, f func(AttemptRecord) error) error {
	low, high := s.bounds()
	rows, err := s.tx.QueryContext(ctx, `SELECT a.item, coalesce(i.ref, ''), a.number, a.hash, a.nonce, a.block_limit, a.created,
		coalesce(a.answer_kind, ''), coalesce(a.answer, ''), coalesce(o.block, p.block),
		`+attemptGeneration+attemptTables+` JOIN items i ON i.id = a.item
		WHERE a.item BETWEEN ? AND ? ORDER BY a.item, a.number`, low, high)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a AttemptRecord
		var id, limit, created int64
		var block sql.NullInt64
		var hash []byte
		if err := rows.Scan(&id, &a.ID, &a.Number, &hash, &a.Nonce, &limit, &created, &a.Kind, &a.Text, &block, &a.Generation); err != nil {
			return err
		}
		a.Row, a.TxHash, a.BlockLimit, a.Created = rowOf(id), common.BytesToHash(hash), uint64(limit), millis(created)
		a.Landed, a.Block = block.Valid, uint64(block.Int64)
		if err := f(a); err != nil {
			return err
		}
	}
	return rows.Err()
}

// FirstAttempt is when the first attempt of the job was stored; zero without one.
func (s *Snapshot) FirstAttempt(ctx context.Context) (time.Time, error) {
	low, high := s.bounds()
	var first sql.NullInt64
	err := s.tx.QueryRowContext(ctx, "SELECT min(created) FROM attempts WHERE item BETWEEN ? AND ?", low, high).Scan(&first)
	return millisOrZero(first), err
}

// bounds are the lowest and the highest id that items of the job can have.
func (s *Snapshot) bounds() (low, high int64) {
	return itemID(s.rec.seq, 0), itemID(s.rec.seq+1, 0) - 1
}

func millisOrZero(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return millis(ms.Int64)
}
