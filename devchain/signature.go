package devchain

import (
	"crypto/ecdsa"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

var errSignature = errors.New("invalid signature")

// recoverSender is the account whose key made the signature: 65 bytes r, s, v
// with v 0 or 1. High values of s are accepted, as by a node; a v above 3 ends a
// node and is refused here.
func recoverSender(hash common.Hash, signature []byte) (common.Address, error) {
	if len(signature) != crypto.SignatureLength || signature[crypto.RecoveryIDOffset] > 1 {
		return common.Address{}, errSignature
	}
	key, err := crypto.Ecrecover(hash[:], signature)
	if err != nil {
		return common.Address{}, errSignature
	}
	return common.BytesToAddress(crypto.Keccak256(key[1:])[12:]), nil
}

// nodeKey is a consensus key that is held here, and its place among the sealers.
type nodeKey struct {
	index int
	key   *ecdsa.PrivateKey
}

// placeKeys finds the place of each key among the sealers, in their order.
func placeKeys(keys []*ecdsa.PrivateKey, sealers []Sealer) ([]nodeKey, error) {
	if len(keys) == 0 {
		return nil, errors.New("no consensus key is given: a chain that makes blocks needs at least one")
	}
	var placed []nodeKey
	for _, key := range keys {
		id := publicKey(&key.PublicKey)
		index := slices.IndexFunc(sealers, func(s Sealer) bool { return s.PublicKey == id })
		if index < 0 {
			return nil, fmt.Errorf("node %x is no sealer of the genesis: name it there as node.N, or give another key", id)
		}
		placed = append(placed, nodeKey{index: index, key: key})
	}
	slices.SortFunc(placed, func(a, b nodeKey) int { return a.index - b.index })
	return slices.CompactFunc(placed, func(a, b nodeKey) bool { return a.index == b.index }), nil
}

// publicKey is the key as 64 bytes.
func publicKey(key *ecdsa.PublicKey) [64]byte { return [64]byte(crypto.FromECDSAPub(key)[1:]) }
