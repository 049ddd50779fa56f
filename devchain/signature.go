package devchain

import (
	"crypto/ecdsa"
	"errors"
	"fmt"

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

// placeKeys finds the place of each key among the sealers.
func placeKeys(keys []*ecdsa.PrivateKey, sealers []Sealer) ([]nodeKey, error) {
	if len(keys) == 0 {
		return nil, errors.New("no consensus key is given: a chain that seals needs at least one")
	}
	var placed []nodeKey
	for i, sealer := range sealers {
		for _, key := range keys {
			if publicKey(&key.PublicKey) == sealer.PublicKey {
				placed = append(placed, nodeKey{index: i, key: key})
				break
			}
		}
	}
	if len(placed) < len(keys) {
		for _, key := range keys {
			id := Sealer{PublicKey: publicKey(&key.PublicKey)}.NodeID()
			found := false
			for _, p := range placed {
				found = found || publicKey(&p.key.PublicKey) == publicKey(&key.PublicKey)
			}
			if !found {
				return nil, fmt.Errorf("node %s is no sealer of the genesis: name it there as node.N, or give another key", id)
			}
		}
	}
	return placed, nil
}

// publicKey is the key as 64 bytes.
func publicKey(key *ecdsa.PublicKey) [64]byte { return [64]byte(crypto.FromECDSAPub(key)[1:]) }
