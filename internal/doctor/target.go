package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/configs"
)

const (
	// lagAllowed is how many blocks nodes may differ in: they are asked one after
	// the other while blocks are made.
	lagAllowed = 3
	// skewAllowed is how much clocks may differ before it is worth a word.
	skewAllowed = 5 * time.Second
)

// target is one target while it is examined.
type target struct {
	cfg     configs.Target
	options Options
	account *account // the default account; nil when its key cannot be read

	tls    *tls.Config // nil is plain, or that the files are not in order
	files  []Finding
	nodes  []*node
	shared []Finding // what concerns all nodes
}

func (t *target) add(code Code, details Details) { t.shared = append(t.shared, find(code, details)) }

// findings are all of the target, in the order of the report.
func (t *target) findings() []Finding {
	list := slices.Clone(t.files)
	for _, n := range t.nodes {
		list = append(list, n.findings...)
	}
	list = append(list, t.shared...)
	for i := range list {
		list[i].Target = t.cfg.Name
	}
	return list
}

// examine looks at the files, at all nodes at the same time, and at how the nodes
// compare.
func (t *target) examine(ctx context.Context) {
	if t.cfg.TLS.Disabled {
		t.files = []Finding{find(FilesPlain, nil)}
	} else {
		t.tls, t.files = checkFiles(certs.Files{CA: t.cfg.TLS.CA, Cert: t.cfg.TLS.Cert, Key: t.cfg.TLS.Key}, time.Now())
	}
	began := time.Now()
	for _, address := range t.cfg.Nodes {
		t.nodes = append(t.nodes, &node{target: t, address: address})
	}
	each(t.nodes, func(n *node) { n.examine(ctx) })

	late, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	t.compare(late, began)
	if t.options.Probe {
		t.probe(ctx)
	}
	for _, n := range t.nodes {
		if n.client != nil {
			_ = n.client.Close()
		}
	}
	if len(t.usable()) == 0 {
		t.add(NoUsableNode, Details{"count": strconv.Itoa(len(t.nodes))})
	}
}

// usable are the nodes that the gateway could work with.
func (t *target) usable() []*node {
	return slices.DeleteFunc(slices.Clone(t.nodes), func(n *node) bool { return n.client == nil || n.mute })
}

// each does the same to all nodes at the same time.
func each(nodes []*node, do func(*node)) {
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(func() { do(n) })
	}
	all.Wait()
}

// compare looks at what only shows when the nodes are seen together.
func (t *target) compare(ctx context.Context, began time.Time) {
	// Asked again of all at the same time, so that the heads can be compared.
	each(t.usable(), func(n *node) {
		n.head, _ = ask(n, "getBlockNumber", func() (uint64, error) { return n.client.GetBlockNumber(ctx) })
	})
	nodes := t.usable()
	if len(nodes) == 0 {
		return
	}
	if t.account != nil {
		if f, fits := t.account.fitsLedger(nodes[0].client.Suite()); !fits {
			t.shared = append(t.shared, f)
		}
	}
	compareHeads(nodes)
	t.compareBlocks(ctx, compareGenesis(nodes))
	t.compareClocks(ctx, nodes, began)
}

// compareHeads finds nodes that are behind the others, or behind their own peers.
func compareHeads(nodes []*node) {
	best := slices.MaxFunc(nodes, func(a, b *node) int { return cmp.Compare(a.head, b.head) })
	for _, n := range nodes {
		head := strconv.FormatUint(n.head, 10)
		switch {
		case n.head+lagAllowed < best.head:
			n.behind = true
			n.add(NodeBehind, Details{"head": head, "highest": strconv.FormatUint(best.head, 10), "other": best.address})
		case n.sync.known && n.head+lagAllowed < n.sync.highest:
			n.behind = true
			n.add(PeersAhead, Details{"head": head, "highest": strconv.FormatUint(n.sync.highest, 10)})
		default:
			n.add(HeadOK, Details{"head": head})
		}
	}
}

// compareGenesis finds nodes of another chain with the same names, and gives the
// others.
func compareGenesis(nodes []*node) []*node {
	genesis := func(n *node) string { return n.sync.genesis }
	usual := mostOften(slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return !n.sync.known }), genesis)
	return slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool {
		differs := n.sync.known && genesis(n) != genesis(usual)
		if differs {
			n.add(GenesisDiffers, Details{"genesis": genesis(n), "usual": genesis(usual), "other": usual.address})
		}
		return differs
	})
}

// compareBlocks reads the newest block that all nodes have from each of them.
func (t *target) compareBlocks(ctx context.Context, nodes []*node) {
	number := slices.MinFunc(nodes, func(a, b *node) int { return cmp.Compare(a.head, b.head) }).head
	if number == 0 || len(nodes) < 2 {
		return
	}
	each(nodes, func(n *node) {
		n.hash, _ = ask(n, "getBlockHashByNumber", func() (common.Hash, error) { return n.client.GetBlockHashByNumber(ctx, number) })
	})
	nodes = slices.DeleteFunc(nodes, func(n *node) bool { return n.hash == common.Hash{} })
	if len(nodes) < 2 {
		return
	}
	usual := mostOften(nodes, func(n *node) string { return n.hash.Hex() })
	differs := false
	for _, n := range nodes {
		if n.hash != usual.hash {
			differs = true
			n.add(BlockDiffers, Details{"number": strconv.FormatUint(number, 10), "hash": n.hash.Hex(), "usual": usual.hash.Hex(), "other": usual.address})
		}
	}
	if !differs {
		t.add(ChainOK, Details{"count": strconv.Itoa(len(nodes)), "number": strconv.FormatUint(number, 10)})
	}
}

// mostOften is the first node with the value that most nodes have; nil of none.
func mostOften(nodes []*node, value func(*node) string) *node {
	if len(nodes) == 0 {
		return nil
	}
	count := map[string]int{}
	for _, n := range nodes {
		count[value(n)]++
	}
	return slices.MaxFunc(nodes, func(a, b *node) int { return cmp.Compare(count[value(a)], count[value(b)]) })
}

// compareClocks compares our clock with the times of blocks, which is all that
// nodes tell of their clocks. A block from the future shows that one of two
// clocks is wrong. A block that is made while we look must be as new as that;
// without such a block, a clock that is slow cannot be told from a chain that
// rests.
func (t *target) compareClocks(ctx context.Context, nodes []*node, began time.Time) {
	for _, n := range nodes { // what was made since the first look
		if fresh := n.header != nil && n.head > n.header.number && n.head >= n.sync.highest && !n.behind; fresh {
			if block := n.readHeader(ctx, n.head); block != nil {
				if late := began.Sub(block.made); late > skewAllowed {
					t.add(ClockSlow, block.details(late))
					return
				}
				n.header = block
			}
		}
	}
	var newest *blockState
	for _, n := range nodes {
		if n.header != nil && (newest == nil || n.header.number > newest.number) {
			newest = n.header
		}
	}
	if newest == nil {
		return
	}
	if early := newest.made.Sub(newest.read); early > skewAllowed {
		t.add(ClockFast, newest.details(early))
		return
	}
	t.add(ClockOK, newest.details(0))
}

func (b *blockState) details(off time.Duration) Details {
	return Details{
		"number": strconv.FormatUint(b.number, 10), "time": moment(b.made), "now": moment(b.read),
		"seconds": strconv.Itoa(int(off.Seconds())), "sealer": b.sealer,
	}
}
