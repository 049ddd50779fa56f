package reconcile

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/sync/errgroup"

	"github.com/bcosgate/bcosgate/batch"
)

const (
	// pageRows are read and compared together, so that mismatches come in the order
	// of the rows.
	pageRows = 256
	// atOnce is how many rows or blocks are asked about at a time: enough to hide the
	// way to a node, few beside what jobs have in flight.
	atOnce = 16
)

// rows compares all rows of the job, in order.
func (a *audit) rows(ctx context.Context) error {
	var after, seen int64
	for {
		items, err := a.store.Items(ctx, a.job.ID, batch.ItemFilter{After: after, Limit: pageRows})
		if err != nil {
			return fmt.Errorf("read the rows after %d: %w", after, err)
		}
		if len(items) == 0 {
			break
		}
		if err := a.page(ctx, items); err != nil {
			return err
		}
		seen += int64(len(items))
		after = items[len(items)-1].Row
		a.tell()
	}
	if seen != a.job.Rows && a.job.State != batch.JobInvalid && a.job.State != batch.JobLoading { // whose rows are not kept, or not all there
		a.found(Mismatch{Kind: MissingRow, Stored: fmt.Sprintf("%d rows of %d", seen, a.job.Rows)})
	}
	return nil
}

// checked is what became of one row.
type checked struct {
	open  bool
	found []Mismatch
	block uint64 // that all nodes name; 0 when there is none
	stays bool   // the store names it, too
}

func (a *audit) page(ctx context.Context, items []batch.Item) error {
	results := make([]checked, len(items))
	err := each(ctx, len(items), func(ctx context.Context, i int) (err error) {
		if err := a.rate.Wait(ctx); err != nil {
			return err
		}
		results[i], err = a.row(ctx, &items[i])
		return err
	})
	if err != nil {
		return err
	}
	if err := a.list(ctx, results); err != nil {
		return err
	}
	for i, r := range results {
		if r.open {
			a.result.Open++
			continue
		}
		a.result.Checked++
		a.found(r.found...)
		if r.stays {
			a.found(a.blocks[r.block].member(at(a.job.ID, &items[i], *items[i].TxHash, r.block))...)
		}
		if r.block != 0 {
			a.span(r.block)
		}
	}
	return nil
}

// span stretches the blocks that are searched over one of the job.
func (a *audit) span(block uint64) {
	r := &a.result
	if r.FromBlock == 0 || block < r.FromBlock {
		r.FromBlock = block
	}
	r.ToBlock = max(r.ToBlock, block)
}

// row asks about every attempt of one row.
func (a *audit) row(ctx context.Context, it *batch.Item) (checked, error) {
	var c checked
	landed := it.State == batch.ItemConfirmed || it.State == batch.ItemReverted
	if (it.State == batch.ItemQueued || it.State == batch.ItemSubmitted || it.State == batch.ItemUnknown) && !a.job.State.Final() {
		c.open = true
		return c, nil
	}
	if landed && it.TxHash == nil { // its attempt is gone
		c.found = []Mismatch{{Kind: MissingReceipt, Row: it.Row, ID: it.ID, Trace: batch.TraceID(a.job.ID, it.Row), Block: it.Block, Stored: "in block " + number(it.Block) + ", without an attempt"}}
		return c, nil
	}
	if landed {
		known, err := a.reach(ctx, it.Block)
		if err != nil {
			return c, err
		}
		answers, err := a.askReceipt(ctx, *it.TxHash, known)
		if err != nil {
			return c, fmt.Errorf("row %d, transaction %s: %w", it.Row, it.TxHash, err)
		}
		c.found = compareLanded(fieldsOf(&a.job, it, a.event), answers, at(a.job.ID, it, *it.TxHash, it.Block))
		c.block = agreedBlock(answers)
		c.stays = c.block == it.Block
	}
	if it.Attempts == 0 || landed && it.Attempts == 1 {
		return c, nil
	}
	others, err := a.others(ctx, it, landed)
	c.found = append(c.found, others...)
	return c, err
}

// others asks about the attempts that did not land, and those of earlier generations.
func (a *audit) others(ctx context.Context, it *batch.Item, landed bool) ([]Mismatch, error) {
	one, err := a.store.Items(ctx, a.job.ID, batch.ItemFilter{After: it.Row - 1, Limit: 1, History: true})
	if err != nil {
		return nil, fmt.Errorf("read the attempts of row %d: %w", it.Row, err)
	}
	if len(one) == 0 || one[0].Row != it.Row {
		return nil, nil
	}
	reverted := map[common.Hash]*batch.Item{} // before a retry
	for i, past := range one[0].Earlier {
		if past.State == batch.ItemReverted && past.TxHash != nil {
			reverted[*past.TxHash] = &one[0].Earlier[i]
		}
	}
	var list []Mismatch
	for _, attempt := range one[0].History {
		if landed && attempt.TxHash == *it.TxHash {
			continue
		}
		if past := reverted[attempt.TxHash]; past != nil {
			found, err := a.earlier(ctx, past)
			list = append(list, found...)
			if err != nil {
				return list, err
			}
			continue
		}
		answers, err := a.askReceipt(ctx, attempt.TxHash, min(attempt.BlockLimit, a.head.Load()))
		if err != nil {
			return list, fmt.Errorf("row %d, transaction %s: %w", it.Row, attempt.TxHash, err)
		}
		list = append(list, compareAbsent(it.State, answers, at(a.job.ID, it, attempt.TxHash, 0))...)
	}
	return list, nil
}

// earlier asks about a transaction that had reverted before its row was retried.
func (a *audit) earlier(ctx context.Context, past *batch.Item) ([]Mismatch, error) {
	known, err := a.reach(ctx, past.Block)
	if err != nil {
		return nil, err
	}
	answers, err := a.askReceipt(ctx, *past.TxHash, known)
	if err != nil {
		return nil, fmt.Errorf("row %d, transaction %s: %w", past.Row, past.TxHash, err)
	}
	return compareLanded(fieldsOf(&a.job, past, a.event), answers, at(a.job.ID, past, *past.TxHash, past.Block)), nil
}

// at begins a mismatch of a row.
func at(jobID string, it *batch.Item, tx common.Hash, block uint64) Mismatch {
	return Mismatch{Row: it.Row, ID: it.ID, Trace: batch.TraceID(jobID, it.Row), TxHash: &tx, Block: block}
}

// agreedBlock is the block that all nodes name, 0 when they differ.
func agreedBlock(answers receipts) uint64 {
	block := uint64(0)
	for i, a := range answers {
		if !a.Found || i > 0 && a.Answer.BlockNumber != block {
			return 0
		}
		block = a.Answer.BlockNumber
	}
	return block
}

// each calls f for 0 to n-1, some at a time, and gives the first error.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, joint := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		if joint.Err() != nil {
			break
		}
		g.Go(func() error { return f(joint, i) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
