package suite

import (
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/emmansun/gmsm/sm2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Key is the private key of a node or of an account, on the curve of its suite. It
// does not change and is safe for concurrent use.
type Key struct {
	suite    Suite
	scalar   [32]byte
	public   [PublicKeyLen]byte
	standard *ecdsa.PrivateKey // of a standard chain
	gm       *sm2.PrivateKey   // of a GM chain
	z        []byte            // of a GM chain: what SM2 hashes before a message
}

// NewKey makes a key of its 32 bytes, big-endian.
func NewKey(s Suite, scalar [32]byte) (*Key, error) {
	if s == GM {
		return newGMKey(scalar)
	}
	key, err := crypto.ToECDSA(scalar[:])
	if err != nil {
		return nil, errors.New("the number is no secp256k1 key")
	}
	return &Key{suite: s, scalar: scalar, public: [PublicKeyLen]byte(crypto.FromECDSAPub(&key.PublicKey)[1:]), standard: key}, nil
}

func newGMKey(scalar [32]byte) (*Key, error) {
	key, err := sm2.NewPrivateKey(scalar[:])
	if err != nil {
		return nil, errors.New("the number is no SM2 key")
	}
	z, err := sm2.CalculateZA(&key.PublicKey, nil)
	if err != nil {
		return nil, fmt.Errorf("the SM2 key cannot sign: %w", err)
	}
	point, err := sm2.PublicKeyToECDH(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("the SM2 key has no public key: %w", err)
	}
	return &Key{suite: GM, scalar: scalar, public: [PublicKeyLen]byte(point.Bytes()[1:]), gm: key, z: z}, nil
}

// GenerateKey makes a new key from the randomness of the system.
func GenerateKey(s Suite) (*Key, error) {
	for {
		var scalar [32]byte
		if _, err := rand.Read(scalar[:]); err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		if key, err := NewKey(s, scalar); err == nil {
			return key, nil // nearly every number is a key
		}
	}
}

// Suite is that of the key's curve.
func (k *Key) Suite() Suite { return k.suite }

// PublicKey is x‖y.
func (k *Key) PublicKey() [PublicKeyLen]byte { return k.public }

// NodeID is the name by which a chain knows the owner of the key: the public key as
// 128 lower-case hex digits (protocol §1.3).
func (k *Key) NodeID() string { return hex.EncodeToString(k.public[:]) }

// Address is that of the key's account.
func (k *Key) Address() common.Address { return k.suite.Address(k.public[:]) }

// Sign signs a hash as an account does: r‖s‖v in 65 bytes, or r‖s‖x‖y in 128 on a
// GM chain (protocol §4.4). The same hash gives the same signature.
func (k *Key) Sign(hash common.Hash) ([]byte, error) {
	signature, err := k.SignBlock(hash)
	if err == nil && k.suite == GM {
		signature = append(signature, k.public[:]...)
	}
	return signature, err
}

// SignBlock signs the hash of a block as a sealer does: r‖s‖v in 65 bytes, or r‖s
// in 64 on a GM chain (protocol §6.7).
func (k *Key) SignBlock(hash common.Hash) ([]byte, error) {
	if k.suite != GM {
		return crypto.Sign(hash[:], k.standard)
	}
	digest := GM.Hash(k.z, hash[:])
	der, err := sm2.SignDeterministic(k.gm, digest[:], nil)
	if err != nil {
		return nil, err
	}
	return rsOf(der)
}
