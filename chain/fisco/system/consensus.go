package system

import (
	"encoding/hex"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// Consensus is contract 0x1003: the members of the group and their weights. On a
// chain with permissions only the committee may change them.
type Consensus struct{ contract }

// Consensus is the contract of this group.
func (c *Contracts) Consensus() Consensus { return Consensus{c.fixed("Consensus", 0x1003)} }

// AddSealer makes an observer a sealer. nodeID is 128 hex digits, weight at least 1.
func (s Consensus) AddSealer(nodeID string, weight uint64) (Write[None], error) {
	if err := s.check("addSealer", nodeID, weight); err != nil {
		return Write[None]{}, err
	}
	return s.change("addSealer(string,uint256)", nodeID, weight)
}

// AddSealerWithTerm is AddSealer with a weight for the election of terms (rPBFT
// with feature_rpbft_term_weight).
func (s Consensus) AddSealerWithTerm(nodeID string, weight, termWeight uint64) (Write[None], error) {
	if err := s.check("addSealer", nodeID, weight); err != nil {
		return Write[None]{}, err
	}
	return s.change("addSealer(string,uint256,uint256)", nodeID, weight, termWeight)
}

// AddObserver takes a node into the group, or makes a sealer an observer.
func (s Consensus) AddObserver(nodeID string) (Write[None], error) {
	if err := s.check("addObserver", nodeID, 1); err != nil {
		return Write[None]{}, err
	}
	return s.change("addObserver(string)", nodeID)
}

// Remove takes a node out of the group; CodeLastSealer when it is the last sealer.
func (s Consensus) Remove(nodeID string) (Write[None], error) {
	if err := s.check("remove", nodeID, 1); err != nil {
		return Write[None]{}, err
	}
	return s.change("remove(string)", nodeID)
}

// SetWeight changes the weight of a sealer, at least 1.
func (s Consensus) SetWeight(nodeID string, weight uint64) (Write[None], error) {
	if err := s.check("setWeight", nodeID, weight); err != nil {
		return Write[None]{}, err
	}
	return s.change("setWeight(string,uint256)", nodeID, weight)
}

// SetTermWeight changes the weight of a sealer in the election of terms.
func (s Consensus) SetTermWeight(nodeID string, termWeight uint64) (Write[None], error) {
	if err := s.check("setTermWeight", nodeID, 1); err != nil {
		return Write[None]{}, err
	}
	return s.change("setTermWeight(string,uint256)", nodeID, termWeight)
}

// check refuses what every node answers with CodeInvalidNodeID or CodeInvalidWeight.
func (c contract) check(function, nodeID string, weight uint64) error {
	if raw, err := hex.DecodeString(nodeID); err != nil || len(raw) != suite.PublicKeyLen {
		return c.invalid(function, "node id %q is not %d hex digits", nodeID, 2*suite.PublicKeyLen)
	}
	if weight == 0 {
		return c.invalid(function, "the weight is 0")
	}
	return nil
}
