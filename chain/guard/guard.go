package guard

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/pool"
)

// Guard makes the calls of one target under policies. It has all the abilities of
// package chain. Its methods are safe for concurrent use. Their errors are
// *chain.Error, also when a context ends: KindTimeout or KindCanceled, and
// KindOverloaded when the deadline passed while the call waited for a limit.
//
// Answers to reads may be shared with other callers: what they point to must not be
// changed.
type Guard struct {
	cfg    Config
	target string
	pool   *pool.Pool
	log    *slog.Logger

	call    handler // a whole call
	attempt handler // one attempt of it, with its own deadline and permits

	sends affinity
	floor floor // of reads
	heads floor // of Head, which promises nothing to reads

	budget *budget         // of retries
	busy   [2]atomic.Int64 // attempts that have a place, by class

	mu    sync.RWMutex
	nodes map[string]*node // what is known of each node, by name
}

var _ interface {
	chain.HeadReader
	chain.Caller
	chain.Sender
	chain.ReceiptReader
	chain.BlockReader
	chain.CodeReader
	chain.Identifier
	chain.AbsenceProver
	chain.WitnessAsker
} = (*Guard)(nil)

// New puts the policies around the calls to the nodes of a pool. It starts
// nothing; the pool is the caller's, to start and to stop.
func New(cfg Config, p *pool.Pool) (*Guard, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.setDefaults()
	target := p.Target().Name
	g := &Guard{cfg: cfg, target: target, pool: p, log: cfg.Logger.With("target", target), nodes: map[string]*node{}, budget: newBudget(cfg.RetryShare)}

	h := g.onNode(g.lease)
	h = g.inFlight(h)
	h = g.rated(h)
	h = g.deadline(h)
	h = g.observeAttempt(h)
	g.attempt = h
	h = g.hedge(g.budget, h)
	h = g.retry(g.budget, h)
	h = merged(h)
	h = cached(&g.cfg.Cache, h)
	h = g.observe(h)
	g.call = h
	return g, nil
}
