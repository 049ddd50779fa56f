package guard

import (
	"context"
	"math"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/bcosgate/bcosgate/chain"
)

// keptAnswer is an answer that may be given again.
type keptAnswer struct {
	answer any
	block  uint64    // that it holds for, when it does not hold for ever
	at     time.Time // when the call began that brought it, so that it is not older than it seems
}

// cached answers a read with what is known, as long as that holds for sure, and
// with what is known to be outdated only when no node can be asked and the caller
// allows it. What holds until the next block is kept beyond that, for the latter.
//
// The cache is bounded in bytes; what is asked seldom gives way first. It has no
// goroutine of its own: it tidies up within the calls.
func cached(cfg *CacheConfig, next handler) handler {
	if cfg.Off {
		return next
	}
	answers := otter.Must(&otter.Options[string, keptAnswer]{
		MaximumWeight: cfg.MaxBytes,
		Weigher:       weigh,
		Executor:      func(task func()) { task() },
	})
	return func(ctx context.Context, r *request) (any, error) {
		if r.key == "" || r.life == never {
			return next(ctx, r)
		}
		if kept, ok := answers.GetIfPresent(r.key); ok && kept.holds(r, cfg) {
			r.source, r.age = chain.SourceCache, max(0, r.began.Sub(kept.at)) // a call that began a moment later may have brought it
			return kept.answer, nil
		}
		answer, err := next(ctx, r)
		if err == nil {
			if kept, ok := keep(r, answer); ok {
				answers.Set(r.key, kept)
			}
			return answer, nil
		}
		if !chain.Is(err, chain.KindUnavailable) {
			return answer, err
		}
		kept, ok := answers.GetIfPresent(r.key)
		if age := time.Since(kept.at); ok && age <= min(chain.StaleAllowed(ctx), cfg.StaleFor) {
			r.source, r.age = chain.SourceStale, age
			return kept.answer, nil
		}
		return answer, err
	}
}

// holds reports whether an answer can be given to a call that began now.
func (k *keptAnswer) holds(r *request, cfg *CacheConfig) bool {
	if r.life == immutable {
		return true
	}
	return k.block >= max(r.head, r.minHead) && r.began.Sub(k.at) < cfg.HeadBoundFor
}

// keep says how an answer is to be kept; false when it is not. One that a node
// gave for an older block than was known already would not hold at all, and is not
// worth the place of a better one.
func keep(r *request, answer any) (keptAnswer, bool) {
	kept := keptAnswer{answer: answer, at: r.began}
	if r.life == headBound {
		kept.block = blockOf(answer)
	}
	return kept, r.source == chain.SourceNode && (r.life == immutable || kept.block >= r.head)
}

const (
	// entryBytes is what an entry costs beside its key and its answer: the cache's
	// own node and its place in the hash table.
	entryBytes   = 200
	callBytes    = 64
	receiptBytes = 288
	logBytes     = 80
	blockBytes   = 160
	hashBytes    = 32
)

// weigh is about how much memory an entry takes.
func weigh(key string, kept keptAnswer) uint32 {
	size := entryBytes + len(key)
	switch a := kept.answer.(type) {
	case chain.CallResult:
		size += callBytes + cap(a.Output)
	case codeAt:
		size += callBytes + cap(a.code)
	case chain.Block:
		size += blockBytes + hashBytes*cap(a.TxHashes)
	case chain.Receipt:
		size += receiptBytes + cap(a.Output) + len(a.Message)
		for i := range a.Logs {
			size += logBytes + hashBytes*cap(a.Logs[i].Topics) + cap(a.Logs[i].Data)
		}
	}
	return uint32(min(uint64(size), math.MaxUint32))
}
