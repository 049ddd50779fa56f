package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/common"
)

// Signers lists the accounts that have signed for a target, in the order of their
// first job.
func (s *Store) Signers(ctx context.Context, target string) ([]common.Address, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT signer FROM jobs WHERE target = ? AND kind NOT IN ('call', 'plan') GROUP BY signer ORDER BY min(seq)", target)
	if err != nil {
		return nil, fmt.Errorf("list signers: %w", err)
	}
	defer rows.Close()
	var list []common.Address
	for rows.Next() {
		var signer []byte
		if err := rows.Scan(&signer); err != nil {
			return nil, fmt.Errorf("list signers: %w", err)
		}
		list = append(list, common.BytesToAddress(signer))
	}
	return list, rows.Err()
}

// RemoveKnown deletes from hashes those of attempts in this store, of whatever job.
// It reads the attempts of the job first and of the others only when hashes are
// left, because an index on hashes would cost every send more than an audit saves:
// give it many hashes at a time.
func (s *Store) RemoveKnown(ctx context.Context, jobID string, hashes map[common.Hash]uint64) error {
	rec, err := jobByID(ctx, s.read, jobID)
	if err != nil {
		return err
	}
	low, high := itemID(rec.seq, 0), itemID(rec.seq+1, 0)-1
	for _, part := range []string{"item BETWEEN ? AND ?", "item NOT BETWEEN ? AND ?"} {
		if err := s.removeKnown(ctx, hashes, "SELECT hash FROM attempts WHERE "+part, low, high); err != nil {
			return fmt.Errorf("look for known transactions: %w", err)
		}
	}
	return nil
}

func (s *Store) removeKnown(ctx context.Context, hashes map[common.Hash]uint64, query string, args ...any) error {
	if len(hashes) == 0 {
		return nil
	}
	// Those of the reports: a long read must not hold up the jobs.
	rows, err := s.reports.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var hash []byte
	for len(hashes) > 0 && rows.Next() {
		if err := rows.Scan(&hash); err != nil {
			return err
		}
		delete(hashes, common.BytesToHash(hash))
	}
	return rows.Err()
}

// SaveReconciliation keeps what a comparison of a job with its chain found, in place
// of an earlier one. result is JSON, which the store does not read; it is deleted with
// its job. ErrNotFound when there is no such job (any more).
func (s *Store) SaveReconciliation(ctx context.Context, jobID string, finished time.Time, result json.RawMessage) error {
	rec, err := jobByID(ctx, s.read, jobID)
	if err != nil {
		return err
	}
	return s.change("save reconciliation", `INSERT INTO reconciliations (job, finished, result) SELECT seq, ?, ? FROM jobs WHERE seq = ?
		ON CONFLICT (job) DO UPDATE SET finished = excluded.finished, result = excluded.result`, finished.UnixMilli(), string(result), rec.seq)
}

// Reconciliation is what SaveReconciliation has kept of a job; nil when there is nothing.
func (s *Store) Reconciliation(ctx context.Context, jobID string) (json.RawMessage, error) {
	var result string
	err := s.read.QueryRowContext(ctx, "SELECT r.result FROM reconciliations r JOIN jobs j ON j.seq = r.job WHERE j.id = ?", jobID).Scan(&result)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read reconciliation: %w", err)
	}
	return json.RawMessage(result), nil
}
