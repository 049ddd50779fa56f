package batch

// BlockBudget is how many blocks are left for transactions that were signed
// elsewhere, all with one block limit.
type BlockBudget struct {
	Head       uint64 `json:"head"`             // the newest block that is known
	BlockLimit uint64 `json:"blockLimit"`       // the last block that may have one of them
	Left       uint64 `json:"left"`             // blocks until then; 0 once none may land any more
	Needed     uint64 `json:"needed,omitempty"` // blocks for all that are left at the pace of this run; 0 when that is not known yet
}

// budgetBlocks is how many blocks a run must have seen before its pace is told.
const budgetBlocks = 5

// blockPace follows how many rows are settled while the chain moves on. It is
// guarded by its owner.
type blockPace struct {
	first, last uint64 // heads; 0 before one is known
	settled     int64  // when first was the head
}

// note takes the head, with the rows that are settled by now.
func (p *blockPace) note(head uint64, settled int64) {
	if p.first == 0 {
		p.first, p.settled = head, settled
	}
	p.last = max(p.last, head)
}

// budget says how far the blocks up to limit go.
func (p *blockPace) budget(limit uint64, c Counts) *BlockBudget {
	if p.last == 0 {
		return nil
	}
	b := &BlockBudget{Head: p.last, BlockLimit: limit}
	if p.last < limit {
		b.Left = limit - p.last
	}
	settled := c.Settled() - p.settled
	if blocks := p.last - p.first; blocks >= budgetBlocks && settled > 0 {
		left := c.Queued + c.Submitted + c.Unknown
		b.Needed = (uint64(left)*blocks + uint64(settled) - 1) / uint64(settled)
	}
	return b
}
