package cluster

import "github.com/bcosgate/bcosgate/devchain"

// sealers are the members of the consensus in the order of block headers.
type sealers struct {
	members []devchain.Sealer
	period  uint64 // blocks in a row with one leader, as of the next block
}

// leader is whose turn round r of a block is. A node counts its view on from block
// to block instead (protocol §3.5.4).
func (s sealers) leader(block, round uint64) int {
	return int((block/max(s.period, 1) + round) % uint64(len(s.members)))
}

// isQuorum tells whether those that count have the weight that a block needs
// (protocol §6.7).
func (s sealers) isQuorum(counts func(sealer int) bool) bool {
	var total, have uint64
	for i, m := range s.members {
		total += m.Weight
		if counts(i) {
			have += m.Weight
		}
	}
	return have >= total-(total-1)/3
}
