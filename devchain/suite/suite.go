// Package suite is the cryptography of a chain, of which there are two: the
// standard one (keccak-256, secp256k1) and that of GM chains (SM3, SM2). What
// differs between them differs here: hashes, addresses, signatures of accounts and
// of sealers, node keys.
//
// It knows neither transactions nor blocks, only their hashes, and reads no file.
package suite

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Suite names the cryptography of a chain. Its numbers are those that a node gives
// as its type (protocol §3.6).
type Suite uint8

// The two suites.
const (
	Standard Suite = 0 // keccak-256, secp256k1
	GM       Suite = 1 // SM3, SM2
)

// String is "standard chain" or "GM chain".
func (s Suite) String() string {
	if s == GM {
		return "GM chain"
	}
	return "standard chain"
}

// ErrSignature means that a signature has the wrong form or fits no key.
var ErrSignature = errors.New("invalid signature")

const (
	rsLen       = 64 // r‖s of an SM2 signature
	gmSignature = rsLen + PublicKeyLen
)

// PublicKeyLen is the length of a public key: x‖y, 32 bytes each, without the
// leading 04.
const PublicKeyLen = 64

// Hash is the chain's hash of the parts, one behind the other.
func (s Suite) Hash(parts ...[]byte) (out common.Hash) {
	if s != GM {
		return crypto.Keccak256Hash(parts...)
	}
	if len(parts) == 1 {
		return sm3.Sum(parts[0])
	}
	h := sm3.New()
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(out[:0])
	return out
}

// Address is the account of a public key x‖y: the last 20 bytes of its hash
// (protocol §4.4).
func (s Suite) Address(publicKey []byte) common.Address {
	hash := s.Hash(publicKey)
	return common.Address(hash[12:])
}

// Checksum is the address as 0x and 40 hex digits, whose letter case is a checksum:
// that of EIP-55, with the chain's hash.
func (s Suite) Checksum(address common.Address) string {
	text := []byte(hex.EncodeToString(address[:]))
	hash := s.Hash(text)
	for i, c := range text {
		half := hash[i/2] >> (4 * (1 - i%2)) & 0xf
		if c >= 'a' && half >= 8 {
			text[i] = c - 'a' + 'A'
		}
	}
	return "0x" + string(text)
}

// Selector is the first four bytes of the hash of a signature such as
// "Error(string)".
func (s Suite) Selector(signature string) [4]byte {
	hash := s.Hash([]byte(signature))
	return [4]byte(hash[:4])
}

// Sender is the account whose key signed the hash (protocol §4.4). On a standard
// chain the signature is r‖s‖v in 65 bytes with v 0 or 1; high values of s are
// accepted, as by a node; a v above 3 ends a node and is refused here. On a GM
// chain it is r‖s‖x‖y in 128 bytes; one byte more is taken, as by a node, and is
// part of what the address is the hash of; longer ones overrun a buffer of a node
// and are refused here. The error is ErrSignature.
func (s Suite) Sender(hash common.Hash, signature []byte) (common.Address, error) {
	if s == GM {
		if len(signature) < gmSignature || len(signature) > gmSignature+1 ||
			!verifySM2(hash, signature[:rsLen], signature[rsLen:gmSignature]) {
			return common.Address{}, ErrSignature
		}
		return s.Address(signature[rsLen:]), nil
	}
	if len(signature) != crypto.SignatureLength || signature[crypto.RecoveryIDOffset] > 1 {
		return common.Address{}, ErrSignature
	}
	key, err := crypto.Ecrecover(hash[:], signature)
	if err != nil {
		return common.Address{}, ErrSignature
	}
	return s.Address(key[1:]), nil
}

// HasSigned tells whether the sealer with that key has signed the hash of a block,
// in the form that SignBlock gives.
func (s Suite) HasSigned(publicKey [PublicKeyLen]byte, hash common.Hash, signature []byte) bool {
	if s == GM {
		return len(signature) == rsLen && verifySM2(hash, signature, publicKey[:])
	}
	if len(signature) != crypto.SignatureLength {
		return false
	}
	key, err := crypto.Ecrecover(hash[:], signature)
	return err == nil && bytes.Equal(key[1:], publicKey[:])
}

// verifySM2 checks r‖s over the hash as a message: with the Z of the key and the
// usual user id.
func verifySM2(hash common.Hash, rs, publicKey []byte) bool {
	key, err := sm2.NewPublicKey(append([]byte{4}, publicKey...))
	if err != nil {
		return false
	}
	digest, err := sm2.CalculateSM2Hash(key, hash[:], nil)
	if err != nil {
		return false
	}
	return sm2.Verify(key, digest, new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:]))
}
