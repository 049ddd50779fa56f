package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
)

// listing is which transactions a block has, as each node says.
type listing struct {
	number uint64
	nodes  []string
	hashes []map[common.Hash]struct{} // of each node; nil: it has no such block
}

// member is the difference when a node does not list a transaction in the block.
func (l *listing) member(m Mismatch) []Mismatch {
	m.Kind, m.Stored = NotInBlock, "in block "+number(m.Block)
	missing := false
	for i, hashes := range l.hashes {
		says := "listed"
		if _, ok := hashes[*m.TxHash]; !ok {
			says, missing = "not listed", true
		}
		m.Nodes = append(m.Nodes, Said{l.nodes[i], says})
	}
	if !missing {
		return nil
	}
	return []Mismatch{m}
}

func (a *audit) askBlock(ctx context.Context, block uint64) ([]chain.Testimony[chain.Block], error) {
	answers, err := patiently(ctx, func() ([]chain.Testimony[chain.Block], error) { return a.chain.AskBlock(ctx, block, a.opt.Nodes) })
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", block, err)
	}
	return answers, nil
}

// list reads the blocks that a page of rows needs, and forgets all others.
func (a *audit) list(ctx context.Context, page []checked) error {
	needed := map[uint64]*listing{}
	var missing []*listing
	for _, r := range page {
		if !r.stays || needed[r.block] != nil {
			continue
		}
		l := a.blocks[r.block]
		if l == nil {
			l = &listing{number: r.block}
			missing = append(missing, l)
		}
		needed[r.block] = l
	}
	a.blocks = needed
	return each(ctx, len(missing), func(ctx context.Context, i int) error {
		answers, err := a.askBlock(ctx, missing[i].number)
		for _, b := range answers {
			missing[i].add(b)
		}
		return err
	})
}

func (l *listing) add(b chain.Testimony[chain.Block]) {
	var set map[common.Hash]struct{}
	if b.Found {
		set = make(map[common.Hash]struct{}, len(b.Answer.TxHashes))
		for _, h := range b.Answer.TxHashes {
			set[h] = struct{}{}
		}
	}
	l.nodes, l.hashes = append(l.nodes, b.Node), append(l.hashes, set)
}

const (
	// pageBlocks are read together.
	pageBlocks = 64
	// pageHashes are looked up together: the store reads all of its attempts for it.
	// They take about 5 MB.
	pageHashes = 50_000
)

// search reads the blocks of the job for transactions of ours that the store does
// not know.
func (a *audit) search(ctx context.Context) error {
	a.blocks = nil
	r := &a.result
	if a.opt.From != 0 {
		r.FromBlock = a.opt.From
	}
	if a.opt.To != 0 {
		r.ToBlock = a.opt.To
	}
	r.ToBlock = min(r.ToBlock, max(a.head.Load(), r.FromBlock))
	if r.FromBlock == 0 || r.ToBlock < r.FromBlock {
		return nil
	}
	last := r.FromBlock + min(r.ToBlock-r.FromBlock, a.opt.MaxBlocks-1)
	hashes := map[common.Hash]uint64{}
	for first := r.FromBlock; first <= last; first += pageBlocks {
		n := min(pageBlocks, last-first+1)
		if err := a.searchPage(ctx, first, int(n), hashes); err != nil {
			return err
		}
		if len(hashes) >= pageHashes || first+n > last {
			if err := a.unknown(ctx, hashes); err != nil {
				return err
			}
			clear(hashes)
		}
		r.Scanned += n
		a.tell()
	}
	return nil
}

// searchPage adds the transactions of n blocks to hashes, and says where nodes
// disagree about a block.
func (a *audit) searchPage(ctx context.Context, first uint64, n int, hashes map[common.Hash]uint64) error {
	blocks := make([][]chain.Testimony[chain.Block], n)
	err := each(ctx, n, func(ctx context.Context, i int) (err error) {
		if err := a.rate.Wait(ctx); err != nil {
			return err
		}
		blocks[i], err = a.askBlock(ctx, first+uint64(i))
		return err
	})
	if err != nil {
		return err
	}
	for i, answers := range blocks {
		block := first + uint64(i)
		if m, differ := blocksDiffer(block, answers); differ {
			a.found(m)
		}
		for _, b := range answers {
			for _, h := range b.Answer.TxHashes {
				hashes[h] = block
			}
		}
		if len(answers) > 0 {
			a.result.Transactions += int64(len(answers[0].Answer.TxHashes))
		}
	}
	return nil
}

func blocksDiffer(block uint64, answers []chain.Testimony[chain.Block]) (Mismatch, bool) {
	m := Mismatch{Kind: NodesDisagree, Field: "block", Block: block}
	differ := false
	for _, b := range answers {
		says := "no such block"
		if b.Found {
			says = fmt.Sprintf("hash %s, %d transactions", b.Answer.Hash, len(b.Answer.TxHashes))
		}
		first := answers[0]
		differ = differ || !b.Found || b.Answer.Hash != first.Answer.Hash || !slices.Equal(b.Answer.TxHashes, first.Answer.TxHashes)
		m.Nodes = append(m.Nodes, Said{b.Node, says})
	}
	return m, differ
}

// unknown tells which of hashes an account of ours has sent and the store does not
// know.
func (a *audit) unknown(ctx context.Context, hashes map[common.Hash]uint64) error {
	// After the blocks: whatever is in them was stored before it was sent.
	if err := a.store.RemoveKnown(ctx, a.job.ID, hashes); err != nil {
		return err
	}
	left := slices.SortedFunc(maps.Keys(hashes), func(x, y common.Hash) int {
		if hashes[x] != hashes[y] {
			return int(int64(hashes[x]) - int64(hashes[y]))
		}
		return x.Cmp(y)
	})
	sent := make([]sender, len(left))
	err := each(ctx, len(left), func(ctx context.Context, i int) (err error) {
		if err := a.rate.Wait(ctx); err != nil {
			return err
		}
		sent[i], err = a.senderOf(ctx, left[i], hashes[left[i]])
		return err
	})
	if err != nil {
		return err
	}
	for i, s := range sent {
		if s.nameless {
			a.result.Nameless++
		}
		if a.ours[s.account] {
			a.found(Mismatch{Kind: UnknownTransaction, TxHash: &left[i], Block: hashes[left[i]], Nodes: s.said})
		}
	}
	return nil
}

// sender is who sent a transaction, as the first node says that tells.
type sender struct {
	account  common.Address
	nameless bool // no node tells
	said     []Said
}

func (a *audit) senderOf(ctx context.Context, tx common.Hash, block uint64) (sender, error) {
	answers, err := a.askReceipt(ctx, tx, block)
	if err != nil {
		return sender{}, fmt.Errorf("transaction %s: %w", tx, err)
	}
	s := sender{nameless: true}
	for _, r := range answers {
		if !r.Found || r.Answer.From == (common.Address{}) {
			continue
		}
		if s.nameless || a.ours[r.Answer.From] {
			s.account, s.nameless = r.Answer.From, false
		}
		s.said = append(s.said, Said{r.Node, fmt.Sprintf("from %s to %s", r.Answer.From, addressText(r.Answer.To))})
	}
	return s, nil
}
