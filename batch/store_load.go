package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	after     string // the ref of an earlier item that must be confirmed first, or ""
	recipient []byte // nil deploys
	input     []byte
	source    json.RawMessage
	lane      *int64 // or the key that rows are ordered by; nil where there is neither
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

// refusal is a row that the other rows do not let in.
type refusal struct {
	item   newItem
	column string
	reason string
}

// insertItems stores the items of a job that is loading, all or none. Items with
// an _id that is taken, or an _after that no earlier row has, are left out and
// returned.
func (s *Store) insertItems(seq int64, items []newItem) (refused []refusal, err error) {
	list := make([]command, len(items))
	for i, it := range items {
		list[i] = it.command(seq)
	}
	waits := slices.ContainsFunc(items, func(it newItem) bool { return it.after != "" })
	err = s.tx(func(ctx context.Context, c *sql.Conn) error {
		refused = nil
		if s.shared() && !waits { // COPY cannot look for the row that is waited for
			if all, err := s.pg.copyItems(ctx, list); all || err != nil {
				return err
			}
		}
		left := map[string]bool{} // refs of items that were left out: who waits for them is not to blame
		changed, err := s.db.each(ctx, c, list)
		if err != nil {
			return err
		}
		for i, it := range items {
			if changed[i] > 0 {
				continue
			}
			var first int64
			err := c.QueryRowContext(ctx, "SELECT id FROM items WHERE job = ? AND ref = ?", seq, it.ref).Scan(&first)
			switch {
			case err == nil:
				refused = append(refused, refusal{it, "_id", fmt.Sprintf("%q is already the _id of row %d", shorten(it.ref), rowOf(first))})
			case !errors.Is(err, sql.ErrNoRows):
				return err
			case !left[it.after]:
				refused = append(refused, refusal{it, "_after", fmt.Sprintf("no row before this one has the _id %q", shorten(it.after))})
				fallthrough
			default:
				left[it.ref] = it.ref != ""
			}
		}
		return nil
	})
	return refused, err
}

func (it newItem) command(seq int64) command {
	args := []any{itemID(seq, it.row), orNull(it.ref), blob(it.recipient), it.input, string(it.source), orNone(it.lane)}
	if it.after == "" {
		return command{insertItem, args}
	}
	return command{insertItemAfter, append(args, seq, it.after)}
}

// dropItems removes all items of a job that is loading.
func (s *Store) dropItems(seq int64) error {
	return s.deleteRows(context.Background(), "items", "id", seq)
}

// loaded is what is known of the input once all of it was read.
type loaded struct {
	rows       int64
	columns    []string
	sha        [32]byte
	faults     []RowFault
	count      int64 // of all faults
	shards     []shard
	dependents bool // some rows wait for others
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
			faults = ?, fault_count = ?, finished = ?, dependents = ? WHERE seq = ? AND state = 'loading'`,
			string(state), reason, l.rows, columns, l.sha[:], faults, l.count, finished, l.dependents, seq)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(fmt.Errorf("it was canceled meanwhile: %w", ErrState), err)
		}
		return nil
	})
}
