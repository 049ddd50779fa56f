package batch

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
)

// todo is an item without an outcome, as the engine takes it up.
type todo struct {
	row       int64
	lane      int64 // or the key that rows are ordered by; 0 where there is neither
	recipient *common.Address
	input     []byte
	attempts  []attempt // of the present generation
	state     ItemState // queued, submitted or unknown

	tried  int // attempts of the generations before
	nonces int // that they have used up, each by a transaction in a block

	after      int64     // row that must be confirmed first; 0 is none
	afterState ItemState // how that one has ended; "" when it has not
}

// place is where a reader of a shard's items stands: behind a row, which is 0 at
// the begin, and where shards are lanes, in a lane.
type place struct{ lane, row int64 }

// within is the items of a shard behind a place, in their order.
func within(seq int64, sh shard, byLane bool, after place) (clause, order string, args []any) {
	if !byLane {
		return "i.id BETWEEN ? AND ?", "i.id", []any{itemID(seq, max(sh.low, after.row+1)), itemID(seq, sh.high)}
	}
	if after.row == 0 {
		return "i.job = ? AND i.lane BETWEEN ? AND ?", "i.lane, i.id", []any{seq, sh.low, sh.high}
	}
	return "i.job = ? AND i.lane BETWEEN ? AND ? AND (i.lane, i.id) > (?, ?)", "i.lane, i.id",
		[]any{seq, after.lane, sh.high, after.lane, itemID(seq, after.row)}
}

// unsettled reads the next items of a shard that have no outcome, those behind a
// place, at most limit: in row order, or lane after lane in row order.
func (s *Store) unsettled(ctx context.Context, seq int64, sh shard, byLane bool, after place, limit int) ([]todo, error) {
	clause, order, args := within(seq, sh, byLane, after)
	return s.todos(ctx, "0, ''", clause, order, limit, args...)
}

// waiting is what decides about the turn of an item, beside its key.
const waiting = "coalesce(i.after_id, 0), coalesce((SELECT d.state FROM outcomes d WHERE d.item = i.after_id), '')"

// unsettledInTurn is unsettled for the rows of a job behind a row and up to another one,
// with what decides about their turns.
func (s *Store) unsettledInTurn(ctx context.Context, seq, after, last int64, limit int) ([]todo, error) {
	return s.todos(ctx, waiting, "i.id BETWEEN ? AND ?", "i.id", limit, itemID(seq, after+1), itemID(seq, last))
}

// ofKey is unsettledInTurn for the next item with an order key.
func (s *Store) ofKey(ctx context.Context, seq, key, after, last int64) ([]todo, error) {
	return s.todos(ctx, waiting, "i.job = ? AND i.lane = ? AND i.id BETWEEN ? AND ?", "i.id", 1, seq, key, itemID(seq, after+1), itemID(seq, last))
}

// dependents is unsettledInTurn for the items that wait for a row.
func (s *Store) dependents(ctx context.Context, seq, row, after, last int64, limit int) ([]todo, error) {
	return s.todos(ctx, waiting, "i.after_id = ? AND i.id BETWEEN ? AND ?", "i.id", limit, itemID(seq, row), itemID(seq, after+1), itemID(seq, last))
}

// todos reads the first items without an outcome of those that clause chooses. waits has
// what each waits for, and how that has ended.
func (s *Store) todos(ctx context.Context, waits, clause, order string, limit int, args ...any) ([]todo, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT i.id, coalesce(i.lane, 0), i.recipient, i.input, `+waits+` FROM items i
		WHERE `+clause+` AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.item = i.id)
		ORDER BY `+order+` LIMIT ?`, append(args, limit)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := make([]todo, 0, limit)
	for rows.Next() {
		t := todo{state: ItemQueued}
		var id, after int64
		var recipient []byte
		if err := rows.Scan(&id, &t.lane, &recipient, &t.input, &after, &t.afterState); err != nil {
			return nil, err
		}
		t.row, t.after = rowOf(id), rowOf(after)
		if recipient != nil {
			a := common.BytesToAddress(recipient)
			t.recipient = &a
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// lastAttempted is the last row of a shard of rows that has an attempt, 0 when none has.
func (s *Store) lastAttempted(ctx context.Context, seq int64, sh shard) (row int64, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT coalesce(max(item), 0) FROM attempts WHERE item BETWEEN ? AND ?", itemID(seq, sh.low), itemID(seq, sh.high)).Scan(&row)
	return rowOf(row), err
}

// touched reports whether any item of a shard has an attempt, and whether any was
// retried.
func (s *Store) touched(ctx context.Context, seq int64, sh shard, byLane bool) (attempted, retried bool, err error) {
	one, args := "EXISTS (SELECT 1 FROM %s WHERE item BETWEEN ? AND ?)", []any{itemID(seq, sh.low), itemID(seq, sh.high)}
	if byLane {
		one, args = "EXISTS (SELECT 1 FROM items i JOIN %s a ON a.item = i.id WHERE i.job = ? AND i.lane BETWEEN ? AND ?)", []any{seq, sh.low, sh.high}
	}
	query := "SELECT " + fmt.Sprintf(one, "attempts") + ", " + fmt.Sprintf(one, "past_outcomes")
	err = s.read.QueryRowContext(ctx, query, append(args, args...)...).Scan(&attempted, &retried)
	return attempted, retried, err
}

// listed names some items in a query, and finds them by what it gives.
func listed(seq int64, items []todo) (byID map[int64]*todo, list string, args []any) {
	byID, args = make(map[int64]*todo, len(items)), make([]any, len(items))
	for i := range items {
		id := itemID(seq, items[i].row)
		byID[id], args[i] = &items[i], id
	}
	return byID, "(?" + strings.Repeat(", ?", len(items)-1) + ")", args
}

// addAttempts fills in the attempts and the states of items, which have their
// generations.
func (s *Store) addAttempts(ctx context.Context, seq int64, items []todo) error {
	if len(items) == 0 {
		return nil
	}
	byID, list, args := listed(seq, items)
	rows, err := s.read.QueryContext(ctx, `SELECT item, number, hash, nonce, block_limit, created, answer_kind IS NOT NULL
		FROM attempts WHERE item IN `+list+` ORDER BY item, number`, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			id, limit, created int64
			hash               []byte
			a                  attempt
			answered           bool
		)
		if err := rows.Scan(&id, &a.number, &hash, &a.nonce, &limit, &created, &answered); err != nil {
			return err
		}
		a.hash, a.limit, a.created = common.BytesToHash(hash), uint64(limit), millis(created)
		t := byID[id]
		if a.number <= t.tried {
			continue // it belongs to an earlier generation
		}
		t.attempts = append(t.attempts, a)
		t.state = ItemSubmitted
		if answered {
			t.state = ItemUnknown
		}
	}
	return rows.Err()
}

// ItemFilter chooses items of a job.
type ItemFilter struct {
	States  []ItemState // empty chooses all
	After   int64       // only rows after this one
	Limit   int         // most items; 0 is 100
	History bool        // with all attempts
}

// The state of an item is not stored twice: it follows from its outcome, else
// from its last attempt, else from its job.
const itemState = `CASE
	WHEN o.state IS NOT NULL THEN o.state
	WHEN a.item IS NULL THEN CASE (SELECT state FROM jobs WHERE seq = i.job) WHEN 'canceled' THEN 'canceled' ELSE 'queued' END
	WHEN a.answer_kind IS NULL THEN 'submitted'
	ELSE 'unknown' END`

const itemColumns = `i.id, i.ref, coalesce(i.after_id, 0), i.recipient, i.source, substr(i.input, 1, 4), ` + itemState + ` AS state, coalesce(o.attempts, p.attempts), o.block, o.status, o.status_name,
	o.gas_used, o.output, o.contract, o.error_kind, o.error, o.latency, a.hash, a.number, a.answer_kind, a.answer, coalesce(p.generation + 1, 0)`

// The attempt beside an item is the one that landed, else the last one of the present
// generation, whose attempts are behind those of the last outcome that was put aside.
const itemTables = ` FROM items i LEFT JOIN outcomes o ON o.item = i.id
	LEFT JOIN past_outcomes p ON p.item = i.id AND p.generation = (SELECT max(generation) FROM past_outcomes WHERE item = i.id)
	LEFT JOIN attempts a ON a.item = i.id AND a.number =
		coalesce(o.landed, (SELECT max(number) FROM attempts WHERE item = i.id AND number > coalesce(p.attempts, 0)))`

// itemScan reads items, one after the other, without new memory for what is
// only looked at.
type itemScan struct {
	id, after                                        int64
	source, state, recipient, output, contract, hash sql.RawBytes
	selector                                         sql.RawBytes
	ref, name, kind, text, lastKind, lastText        sql.NullString
	attempts, block, status, gas, latency, lastTried sql.NullInt64
	generation                                       int
	dest                                             []any
	decode                                           *decoder // of the job; nil unless it is one of reads
}

// newItemScan reads itemColumns of a job, and behind them what goes into more.
func newItemScan(rec record, more ...any) *itemScan {
	s := &itemScan{}
	if rec.Spec.Kind.Reads() {
		s.decode = newDecoder(rec)
	}
	s.dest = append([]any{&s.id, &s.ref, &s.after, &s.recipient, &s.source, &s.selector, &s.state, &s.attempts, &s.block, &s.status, &s.name, &s.gas, &s.output,
		&s.contract, &s.kind, &s.text, &s.latency, &s.hash, &s.lastTried, &s.lastKind, &s.lastText, &s.generation}, more...)
	return s
}

func (s *itemScan) item(rows *sql.Rows) (Item, error) {
	if err := rows.Scan(s.dest...); err != nil {
		return Item{}, err
	}
	it := Item{Row: rowOf(s.id), ID: s.ref.String, After: rowOf(s.after), State: ItemState(s.state), Input: bytes.Clone(s.source),
		To: addressOrNil(s.recipient), Contract: addressOrNil(s.contract), Attempts: int(max(s.attempts.Int64, s.lastTried.Int64)),
		Block: uint64(s.block.Int64), GasUsed: uint64(s.gas.Int64), LatencyMS: s.latency.Int64, StatusName: s.name.String,
		ErrorKind: s.kind.String, Error: s.text.String, Generation: s.generation}
	if it.State == ItemUnknown {
		it.ErrorKind, it.Error = s.lastKind.String, s.lastText.String
	}
	if s.hash != nil {
		h := common.BytesToHash(s.hash)
		it.TxHash = &h
	}
	if s.status.Valid {
		n := int(s.status.Int64)
		it.Status = &n
		it.Output = hexutil.Encode(s.output)
	}
	if s.decode != nil && it.State == ItemConfirmed {
		it.Outputs, _ = s.decode.outputs(s.selector, s.output) // that they fit was found when it was read
	}
	return it, nil
}

func addressOrNil(b []byte) *common.Address {
	if b == nil {
		return nil
	}
	a := common.BytesToAddress(b)
	return &a
}

// Items lists items of a job in row order.
func (s *Store) Items(ctx context.Context, jobID string, f ItemFilter) ([]Item, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	rec, err := jobByID(ctx, tx, jobID)
	if err != nil {
		return nil, err
	}
	query, args := itemQuery(rec.seq, f)
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	defer rows.Close()
	list := []Item{}
	scan := newItemScan(rec)
	for rows.Next() {
		it, err := scan.item(rows)
		if err != nil {
			return nil, fmt.Errorf("list items: %w", err)
		}
		it.Trace = TraceID(jobID, it.Row)
		list = append(list, it)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list items: %w", err)
	}
	if f.History {
		for i := range list {
			if list[i].History, err = history(ctx, tx, rec.seq, list[i].Row); err != nil {
				return nil, fmt.Errorf("list attempts: %w", err)
			}
			if list[i].Generation == 0 {
				continue
			}
			if list[i].Earlier, err = earlier(ctx, tx, rec, list[i].Row); err != nil {
				return nil, fmt.Errorf("list earlier ends: %w", err)
			}
		}
	}
	return list, nil
}

// itemQuery is the question that a filter asks.
func itemQuery(seq int64, f ItemFilter) (query string, args []any) {
	low, high := itemID(seq, max(f.After, 0)+1), itemID(seq+1, 0)-1
	query, args = "SELECT "+itemColumns+itemTables+" WHERE i.id BETWEEN ? AND ?", []any{low, high}
	order := "i.id"
	if len(f.States) > 0 {
		if !slices.ContainsFunc(f.States, func(st ItemState) bool { return st != ItemReverted && st != ItemRejected && st != ItemExpired }) {
			// Finds the few among many by their index.
			query += " AND o.item BETWEEN ? AND ? AND o.state <> 'confirmed'"
			args = append(args, low, high)
			order = "o.item"
		}
		query += " AND (" + itemState + ") IN (?" + strings.Repeat(", ?", len(f.States)-1) + ")"
		for _, st := range f.States {
			args = append(args, string(st))
		}
	}
	return query + " ORDER BY " + order + " LIMIT ?", append(args, f.Limit)
}

// attemptGeneration is the generation that an attempt belongs to.
const attemptGeneration = `(SELECT count(*) FROM past_outcomes WHERE item = a.item AND attempts < a.number)`

// attemptTables are attempts, each beside the outcome, of its generation, that it led to
// by landing.
const attemptTables = ` FROM attempts a LEFT JOIN outcomes o ON o.item = a.item AND o.landed = a.number
	LEFT JOIN past_outcomes p ON p.item = a.item AND p.landed = a.number`

// history lists the attempts of an item.
func history(ctx context.Context, q querier, seq, row int64) ([]Attempt, error) {
	rows, err := q.QueryContext(ctx, `SELECT a.number, `+attemptGeneration+`, a.hash, a.block_limit, a.created,
		coalesce(a.answer, ''), coalesce(o.block, p.block)`+attemptTables+`
		WHERE a.item = ? ORDER BY a.number`, itemID(seq, row))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Attempt{}
	for rows.Next() {
		var a Attempt
		var hash []byte
		var limit, created int64
		var block sql.NullInt64
		if err := rows.Scan(&a.Number, &a.Generation, &hash, &limit, &created, &a.Outcome, &block); err != nil {
			return nil, err
		}
		a.TxHash, a.BlockLimit, a.Created = common.BytesToHash(hash), uint64(limit), time.UnixMilli(created).UTC()
		if block.Valid {
			landed := fmt.Sprintf("in block %d", block.Int64)
			if a.Outcome != "" {
				landed += "; before that: " + a.Outcome
			}
			a.Outcome = landed
		}
		list = append(list, a)
	}
	return list, rows.Err()
}
