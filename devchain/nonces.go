package devchain

import "crypto/sha256"

// nonceDigest stands for a nonce text of any length. Two texts with the same
// digest would only refuse each other, and 128 bits keep that from happening.
type nonceDigest [16]byte

func digestNonce(nonce string) nonceDigest {
	sum := sha256.Sum256([]byte(nonce))
	return nonceDigest(sum[:16])
}

// nonceMark is what the window keeps of a digest, to be small: it may hold millions.
// Equal ones refuse each other without a reason; with a million nonces in the window
// that happens to one in 280 million transactions.
type nonceMark [6]byte

func (d nonceDigest) mark() nonceMark { return nonceMark(d[:len(nonceMark{})]) }

// nonceWindow remembers the nonces of the newest blocks, as many as the window of
// the block limit is long: a transaction of an older block cannot be accepted
// again, because its block limit has passed.
// It is guarded by the mutex of the pool.
type nonceWindow struct {
	blocks uint64
	used   map[nonceMark]struct{}
	of     map[uint64][]nonceMark // by block
}

func newNonceWindow(blocks int64) *nonceWindow {
	return &nonceWindow{blocks: uint64(blocks), used: map[nonceMark]struct{}{}, of: map[uint64][]nonceMark{}}
}

func (w *nonceWindow) has(d nonceDigest) bool {
	_, ok := w.used[d.mark()]
	return ok
}

// add notes the nonces of a new block and forgets those of the block that leaves
// the window; it gives the number of that block, and false while none leaves.
func (w *nonceWindow) add(number uint64, digests []nonceDigest) (forgotten uint64, any bool) {
	marks := make([]nonceMark, len(digests))
	for i, d := range digests {
		marks[i] = d.mark()
		w.used[marks[i]] = struct{}{}
	}
	w.of[number] = marks
	if number < w.blocks {
		return 0, false
	}
	forgotten = number - w.blocks
	for _, m := range w.of[forgotten] {
		delete(w.used, m)
	}
	delete(w.of, forgotten)
	return forgotten, true
}

func joinDigests(digests []nonceDigest) []byte {
	out := make([]byte, 0, len(digests)*len(nonceDigest{}))
	for _, d := range digests {
		out = append(out, d[:]...)
	}
	return out
}

func splitDigests(data []byte) []nonceDigest {
	const size = len(nonceDigest{})
	out := make([]nonceDigest, 0, len(data)/size)
	for ; len(data) >= size; data = data[size:] {
		out = append(out, nonceDigest(data[:size]))
	}
	return out
}
