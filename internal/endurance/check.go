//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/bcosgate/bcosgate/batch"
)

// findings are what differs; the first ones in words.
type findings struct {
	count int
	words []string
}

// mostWords is how many differences are told.
const mostWords = 50

func (f *findings) add(format string, args ...any) {
	f.count++
	if f.count <= mostWords {
		f.words = append(f.words, fmt.Sprintf(format, args...))
	}
}

// truth is what the chain says of the rows.
type truth struct {
	rows      rowSet
	good      []execution // by row: the execution with status 0; none has no hash
	seen      []int       // by row: how many transactions, whatever became of them
	strangers int         // transactions that are none of the rows
}

// readTruth reads all blocks of a node.
func readTruth(ctx context.Context, w *witness, node int, rows rowSet) (*truth, error) {
	t := &truth{rows: rows, good: make([]execution, rows.count+1), seen: make([]int, rows.count+1)}
	err := w.executions(ctx, node, 1, func(input []byte, e execution) {
		row := rows.rowOf(input)
		if row == 0 {
			t.strangers++
			return
		}
		t.seen[row]++
		if e.status == 0 {
			t.good[row] = e
		}
	})
	return t, err
}

// once counts the rows that were never executed, and the transactions beyond one
// for a row; also one that reverted, because it was sent without need.
func (t *truth) once(found *findings) (lost, duplicates int) {
	for row := 1; row <= t.rows.count; row++ {
		if t.good[row].hash == "" {
			lost++
			found.add("row %d was not executed", row)
		}
		if t.seen[row] > 1 {
			duplicates += t.seen[row] - 1
			found.add("row %d has %d transactions", row, t.seen[row])
		}
	}
	if t.strangers != 1 {
		found.add("the chain has %d transactions beside those of the rows; one deployed the contract", t.strangers)
	}
	return lost, duplicates
}

// claim is what a report or a store says of a row.
type claim struct {
	state, hash, block, status string
}

// holds compares a claim with the chain.
func (t *truth) holds(row int, said claim) bool {
	e := t.good[row]
	return said == claim{"confirmed", e.hash, strconv.Itoa(e.block), "0"}
}

// compareReport compares a report with the input and with the chain, and gives how
// many rows are confirmed in both.
func (t *truth) compareReport(path string, found *findings) (confirmed int, err error) {
	lines := 0
	err = readReport(path, func(row int, cells map[string]string) error {
		if lines = row; row > t.rows.count {
			found.add("the report has a line %d", row)
			return nil
		}
		if want := t.rows.cells(row); cells["digest"] != want[0] || cells["text"] != want[1] {
			found.add("row %d of the report is %q, %q; the input has %q", row, cells["digest"], cells["text"], want)
		}
		said := claim{cells["_state"], cells["_tx_hash"], cells["_block"], cells["_status"]}
		if !t.holds(row, said) {
			found.add("row %d: the report says %+v, the chain %+v", row, said, t.good[row])
			return nil
		}
		confirmed++
		return nil
	})
	if lines != t.rows.count {
		found.add("the report has %d rows of %d", lines, t.rows.count)
	}
	return confirmed, err
}

// compareStore compares the items of a store with the chain.
func (t *truth) compareStore(ctx context.Context, location, jobID string, found *findings) (err error) {
	store, err := batch.OpenStore(ctx, location)
	if err != nil {
		return err
	}
	defer func() {
		if closed := store.Close(); err == nil {
			err = closed
		}
	}()
	items := 0
	err = store.Snapshot(ctx, jobID, func(s *batch.Snapshot) error {
		if counted := s.Job().Counts.Confirmed; counted != int64(t.rows.count) {
			found.add("the store counts %d confirmed rows of %d", counted, t.rows.count)
		}
		return s.Items(ctx, func(it batch.TimedItem) error {
			items++
			said := claim{state: string(it.State), block: strconv.FormatUint(it.Block, 10)}
			if it.TxHash != nil {
				said.hash = it.TxHash.Hex()
			}
			if it.Status != nil {
				said.status = strconv.Itoa(*it.Status)
			}
			if it.Row != int64(items) || items > t.rows.count || !t.holds(items, said) {
				found.add("item %d: the store says row %d is %+v", items, it.Row, said)
			}
			return nil
		})
	})
	if items != t.rows.count {
		found.add("the store has %d items of %d", items, t.rows.count)
	}
	return err
}

// reconcile lets batchcall compare the store with all nodes, and the report with
// the store.
func (b *batchcall) reconcile(ctx context.Context, jobID string, nodes int, found *findings) error {
	for _, args := range [][]string{
		{"reconcile", jobID, "--nodes", strconv.Itoa(nodes), "--event", "Saved(bytes32,address,uint256,string)"},
		{"verify-report", reportFile, "--job", jobID},
	} {
		p, err := b.start(ctx, args...)
		if err != nil {
			return err
		}
		if <-p.ended; p.result != nil {
			found.add("%s", p.failure())
		}
	}
	return nil
}
