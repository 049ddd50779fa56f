package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// rowBits is how many bits of an item's id are its row; the rest is its job.
const rowBits = 40

// itemID is the place of a row among all items of the store.
func itemID(seq, row int64) int64 { return seq<<rowBits | row }

// rowOf is the row of an item's id.
func rowOf(id int64) int64 { return id & (1<<rowBits - 1) }

// newItem is a checked row on its way into the store.
type newItem struct {
	row       int64
	line      int64
	ref       string
	recipient []byte // nil deploys
	input     []byte
	source    json.RawMessage
	lane      *int64 // nil where shards are ranges of rows
}

// blob is b as a value for a database: nil is NULL, not an empty value.
func blob(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// orNone is n as a value for a database.
func orNone(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// twin is a row whose _id an earlier row already has.
type twin struct {
	item  newItem
	first int64 // the earlier row
}

// insertItems stores the items of a job that is loading, all or none. Items
// with an _id that is taken are left out and returned.
func (s *Store) insertItems(seq int64, items []newItem) (twins []twin, err error) {
	list := make([]command, len(items))
	for i, it := range items {
		list[i] = command{insertItem, []any{itemID(seq, it.row), orNull(it.ref), blob(it.recipient), it.input, string(it.source), orNone(it.lane)}}
	}
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		twins = nil
		if s.shared() {
			if all, err := s.pg.copyItems(ctx, list); all || err != nil {
				return err
			}
		}
		changed, err := s.db.each(ctx, c, list)
		if err != nil {
			return err
		}
		for i, it := range items {
			if changed[i] > 0 {
				continue
			}
			var first int64
			if err := c.QueryRowContext(ctx, "SELECT id FROM items WHERE job = ? AND ref = ?", seq, it.ref).Scan(&first); err != nil {
				return err
			}
			twins = append(twins, twin{item: it, first: rowOf(first)})
		}
		return nil
	})
	return twins, err
}

// dropItems removes all items of a job that is loading.
func (s *Store) dropItems(seq int64) error {
	return s.deleteRows(context.Background(), "items", "id", seq)
}

// loaded is what is known of the input once all of it was read.
type loaded struct {
	rows    int64
	columns []string
	sha     [32]byte
	faults  []RowFault
	count   int64 // of all faults
	shards  []shard
}

// finishLoad moves a loading job to ready, or to invalid when there are faults.
func (s *Store) finishLoad(seq int64, l loaded, now time.Time) error {
	event, reason := eventLoad, ""
	var finished, columns, faults any
	if l.count > 0 {
		event, finished = eventRefuse, now.UnixMilli()
		reason = (&InvalidRowsError{Faults: l.faults, Count: l.count}).summary()
		text, err := json.Marshal(l.faults)
		if err != nil {
			return err
		}
		faults = string(text)
	}
	if l.columns != nil {
		text, err := json.Marshal(l.columns)
		if err != nil {
			return err
		}
		columns = string(text)
	}
	state, err := JobLoading.after(event)
	if err != nil {
		return err
	}
	return s.tx(func(ctx context.Context, c *sql.Conn) error {
		if err := s.cutJob(ctx, c, seq, l.shards); err != nil {
			return err
		}
		res, err := c.ExecContext(ctx, `UPDATE jobs SET state = ?, reason = ?, row_count = ?, columns = ?, input_sha256 = ?,
			faults = ?, fault_count = ?, finished = ? WHERE seq = ? AND state = 'loading'`,
			string(state), reason, l.rows, columns, l.sha[:], faults, l.count, finished, seq)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("it was canceled meanwhile: %w", ErrState), err)
		}
		return nil
	})
}
