package devchain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// nodeKey is a consensus key that is held here, and its place among the sealers.
type nodeKey struct {
	index int
	key   *suite.Key
}

// placeKeys finds the place of each key among the sealers, in their order.
func placeKeys(s suite.Suite, keys []*suite.Key, sealers []Sealer) ([]nodeKey, error) {
	if len(keys) == 0 {
		return nil, errors.New("no consensus key is given: a chain that makes blocks needs at least one")
	}
	var placed []nodeKey
	for _, key := range keys {
		if key.Suite() != s {
			return nil, fmt.Errorf("node %s has a key of a %s, this is a %s: make the key anew, or change sm_crypto", key.NodeID(), key.Suite(), s)
		}
		index := slices.IndexFunc(sealers, func(s Sealer) bool { return s.PublicKey == key.PublicKey() })
		if index < 0 {
			return nil, fmt.Errorf("node %s is no sealer of the genesis: name it there as node.N, or give another key", key.NodeID())
		}
		placed = append(placed, nodeKey{index: index, key: key})
	}
	slices.SortFunc(placed, func(a, b nodeKey) int { return a.index - b.index })
	return slices.CompactFunc(placed, func(a, b nodeKey) bool { return a.index == b.index }), nil
}
