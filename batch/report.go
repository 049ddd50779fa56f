package batch

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The formats of WriteReport.
const (
	ReportCSV    = "csv"
	ReportNDJSON = "ndjson"
	ReportJSON   = "json"
)

// Summary is the report of a job in numbers.
type Summary struct {
	Job        Job       `json:"job"`
	Settled    int64     `json:"settled"`              // items with an outcome
	Attempts   int64     `json:"attempts"`             // signed transactions
	Rate       float64   `json:"rate"`                 // settled items a second, from the first attempt to the last outcome
	First      time.Time `json:"first,omitzero"`       // when the first attempt was stored
	Last       time.Time `json:"last,omitzero"`        // when the last outcome was stored
	FirstBlock uint64    `json:"firstBlock,omitempty"` // lowest block that holds an item
	LastBlock  uint64    `json:"lastBlock,omitempty"`  // highest
	GasUsed    uint64    `json:"gasUsed,omitempty"`    // by all items in blocks
	LatencyMS  Latency   `json:"latencyMs"`            // of items that are in blocks
}

// Latency is the distribution of the milliseconds from the first send of an
// item to its outcome, with two exact digits.
type Latency struct {
	Min  int64   `json:"min"`
	Mean float64 `json:"mean"`
	P50  int64   `json:"p50"`
	P90  int64   `json:"p90"`
	P99  int64   `json:"p99"`
	P999 int64   `json:"p999"`
	Max  int64   `json:"max"`
}

// WriteReport streams the report of a job in one of the formats ReportCSV (the
// input columns untouched, then the result columns; input without a header has
// its rows as JSON in the column _input), ReportNDJSON (an object an item, with
// the members row, input and result) or ReportJSON (a Summary). It shows one
// moment of the job, may be asked for at any time, and needs memory for one row
// only. While it is being written the store's log file grows, so that a slow
// reader of a running job costs disk space. Four reports are written at a time;
// another one waits for its turn or the end of ctx.
func (s *Store) WriteReport(ctx context.Context, jobID, format string, w io.Writer) error {
	var write func(context.Context, *sql.Tx, record, *bufio.Writer) error
	switch format {
	case ReportCSV:
		write = writeCSV
	case ReportNDJSON:
		write = writeNDJSON
	case ReportJSON:
		write = writeSummary
	default:
		return &SpecError{"format", fmt.Sprintf("%q is not known; use %s, %s or %s", format, ReportCSV, ReportNDJSON, ReportJSON)}
	}
	tx, err := s.reports.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // it only read
	rec, err := jobByID(ctx, tx, jobID)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := write(ctx, tx, rec, out); err != nil {
		return fmt.Errorf("report of job %s: %w", jobID, err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("report of job %s: %w", jobID, err)
	}
	return nil
}

// eachItem calls f with every item of a job in row order.
func eachItem(ctx context.Context, tx *sql.Tx, seq int64, f func(Item) error) error {
	rows, err := tx.QueryContext(ctx, "SELECT "+itemColumns+itemTables+" WHERE i.id BETWEEN ? AND ? ORDER BY i.id", itemID(seq, 0), itemID(seq+1, 0)-1)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		it, err := scanItem(rows)
		if err != nil {
			return err
		}
		if err := f(it); err != nil {
			return err
		}
	}
	return rows.Err()
}

// resultColumns stand behind the columns of the input. Their underscore keeps
// them apart from arguments when a report is fed back.
var resultColumns = []string{"_state", "_error", "_tx_hash", "_block", "_status", "_gas_used", "_output", "_contract", "_attempts", "_latency_ms"}

func writeCSV(ctx context.Context, tx *sql.Tx, rec record, w *bufio.Writer) error {
	out := csv.NewWriter(w)
	header := rec.Columns
	if header == nil {
		header = []string{"_input"}
	}
	width := len(header)
	line := make([]string, 0, width+len(resultColumns))
	if err := out.Write(append(append(line, header...), resultColumns...)); err != nil {
		return err
	}
	var cells []string
	err := eachItem(ctx, tx, rec.seq, func(it Item) error {
		line = line[:0]
		if rec.Columns == nil {
			line = append(line, string(it.Input))
		} else {
			cells = cells[:0]
			if err := json.Unmarshal(it.Input, &cells); err != nil {
				return fmt.Errorf("row %d: %w", it.Row, err)
			}
			line = append(line, cells...)
		}
		for len(line) < width { // never: rows with too few cells are refused
			line = append(line, "")
		}
		return out.Write(appendResult(line[:width], it))
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// appendResult adds the cells of resultColumns; a cell without a value is empty.
func appendResult(line []string, it Item) []string {
	var hash, block, status, gas, contract, latency string
	if it.TxHash != nil {
		hash = it.TxHash.Hex()
	}
	if it.Status != nil {
		block, status, gas = strconv.FormatUint(it.Block, 10), strconv.Itoa(*it.Status), strconv.FormatUint(it.GasUsed, 10)
	}
	if it.Contract != nil {
		contract = it.Contract.Hex()
	}
	if it.State == ItemConfirmed || it.State == ItemReverted || it.State == ItemRejected {
		latency = strconv.FormatInt(it.LatencyMS, 10)
	}
	return append(line, string(it.State), it.Error, hash, block, status, gas, it.Output, contract, strconv.Itoa(it.Attempts), latency)
}

func writeNDJSON(ctx context.Context, tx *sql.Tx, rec record, w *bufio.Writer) error {
	type result struct {
		Item
		Row   any `json:"row,omitempty"`   // stands beside the result
		Input any `json:"input,omitempty"` // likewise
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return eachItem(ctx, tx, rec.seq, func(it Item) error {
		return out.Encode(struct {
			Row    int64           `json:"row"`
			Input  json.RawMessage `json:"input"`
			Result result          `json:"result"`
		}{it.Row, it.Input, result{Item: it}})
	})
}

func writeSummary(ctx context.Context, tx *sql.Tx, rec record, w *bufio.Writer) error {
	s := Summary{Job: rec.Job}
	low, high := itemID(rec.seq, 0), itemID(rec.seq+1, 0)-1
	var first, last sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT count(*), min(created) FROM attempts WHERE item BETWEEN ? AND ?", low, high).Scan(&s.Attempts, &first)
	if err != nil {
		return err
	}
	var blockLow, blockHigh, gas sql.NullInt64
	err = tx.QueryRowContext(ctx, "SELECT count(*), max(settled), min(block), max(block), sum(gas_used) FROM outcomes WHERE item BETWEEN ? AND ?", low, high).
		Scan(&s.Settled, &last, &blockLow, &blockHigh, &gas)
	if err != nil {
		return err
	}
	s.FirstBlock, s.LastBlock, s.GasUsed = uint64(blockLow.Int64), uint64(blockHigh.Int64), uint64(gas.Int64)
	if first.Valid && last.Valid {
		s.First, s.Last = millis(first.Int64), millis(last.Int64)
		if span := s.Last.Sub(s.First).Seconds(); span > 0 {
			s.Rate = float64(s.Settled) / span
		}
	}
	if s.LatencyMS, err = latencies(ctx, tx, low, high); err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(s)
}

func latencies(ctx context.Context, tx *sql.Tx, low, high int64) (Latency, error) {
	rows, err := tx.QueryContext(ctx, "SELECT latency FROM outcomes WHERE item BETWEEN ? AND ? AND landed IS NOT NULL", low, high)
	if err != nil {
		return Latency{}, err
	}
	defer rows.Close()
	const week = 7 * 24 * int64(time.Hour/time.Millisecond)
	h := hdrhistogram.New(1, week, 2)
	for rows.Next() {
		var ms int64
		if err := rows.Scan(&ms); err != nil {
			return Latency{}, err
		}
		if err := h.RecordValue(min(ms, week)); err != nil {
			return Latency{}, err
		}
	}
	if h.TotalCount() == 0 {
		return Latency{}, rows.Err()
	}
	return Latency{Min: h.Min(), Mean: h.Mean(), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90),
		P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9), Max: h.Max()}, rows.Err()
}
