package fisco

import (
	"context"
	"fmt"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// maxBlockLimitWindow is the largest that a genesis may have.
const maxBlockLimitWindow = 5000

// BlockLimit is the block limit for a transaction that is signed now: half of the
// chain's window ahead of the head, so that a head that is a little old, and a
// node that is a little behind, do no harm. It never waits. Without a connection,
// or when nothing was heard of the head for StaleAfter, it is KindUnavailable: a
// transaction signed on a stale head may have expired already.
func (s *Session) BlockLimit(ctx context.Context) (uint64, error) {
	head, err := s.Head(ctx)
	if err != nil {
		return 0, err
	}
	if age := time.Since(head.At); age > s.cfg.StaleAfter {
		return 0, &chain.Error{Kind: chain.KindUnavailable, Sent: chain.SentNo, Op: "block limit", Node: s.cfg.Address,
			Msg: fmt.Sprintf("nothing was heard of the head for %s (block %d)", age.Round(time.Millisecond), head.Number)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return head.Number + max(1, s.window/2), nil
}

// Terms are terms for a transaction that is signed now: the nonce and BlockLimit.
func (s *Session) Terms(ctx context.Context, nonce string) (chain.Terms, error) {
	limit, err := s.BlockLimit(ctx)
	if err != nil {
		return chain.Terms{}, err
	}
	return chain.Terms{Nonce: nonce, BlockLimit: limit}, nil
}

// NarrowWindow is for a transaction that was answered 10001 (KindExpired)
// although the head had not reached its block limit: the chain's window is
// smaller than BlockLimitWindow. It makes the next block limits half as far ahead
// as this one is, and reports whether they were further. Many may say so of the
// same limit.
func (s *Session) NarrowWindow(ctx context.Context, limit uint64) bool {
	head, err := s.Head(ctx)
	if err != nil || limit <= head.Number {
		return false // it expired, or nobody knows
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit-head.Number >= s.window {
		return false
	}
	s.window = limit - head.Number
	return true
}
