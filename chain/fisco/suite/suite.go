// Package suite is the cryptography of a FISCO BCOS 3.x ledger, of which there
// are two: the standard one (keccak-256, secp256k1) and the one of GM chains
// (SM3, SM2). Everything that differs between the two chains differs here:
// hashes, addresses, selectors, keys, signatures of accounts and of blocks.
//
// It never reads a file and knows neither transactions nor blocks, only their
// hashes. TLS is another matter: a GM ledger can be reached over standard TLS
// and the other way round.
package suite

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// Suite names the cryptography of a ledger. The zero value is Standard; the
// numbers are those that a node uses for its type (protocol §3.6).
type Suite uint8

// The suites of protocol §0.
const (
	Standard Suite = 0 // keccak-256, secp256k1
	GM       Suite = 1 // SM3, SM2
)

const (
	// PublicKeyLen is the length of a public key: x‖y, 32 bytes each, no prefix.
	PublicKeyLen = 64
	// standardSignatureLen is r‖s‖v of a secp256k1 signature.
	standardSignatureLen = 65
	// gmSignatureLen is r‖s‖x‖y of an account's SM2 signature.
	gmSignatureLen = 64 + PublicKeyLen
	// gmBlockSignatureLen is r‖s of a sealer's SM2 signature.
	gmBlockSignatureLen = 64
)

// What is wrong with a signature; errors wrap one of these.
var (
	// ErrSignatureForm means that the signature has another length than the suite
	// wants, or a recovery id that is not 0 or 1.
	ErrSignatureForm = errors.New("signature has the wrong form")
	// ErrSignature means that the signature fits no key, or not this one.
	ErrSignature = errors.New("signature is wrong")
	// ErrPublicKey means that 64 bytes are no point of the curve.
	ErrPublicKey = errors.New("public key is not on the curve")
)

// Valid reports whether s is one of the two suites.
func (s Suite) Valid() bool { return s == Standard || s == GM }

// String is "standard" or "gm".
func (s Suite) String() string {
	switch s {
	case Standard:
		return "standard"
	case GM:
		return "gm"
	}
	return fmt.Sprintf("suite %d", uint8(s))
}

// HashName is "keccak-256" or "SM3".
func (s Suite) HashName() string {
	if s == GM {
		return "SM3"
	}
	return "keccak-256"
}

// Hash is the chain's hash of the parts, one behind the other.
func (s Suite) Hash(parts ...[]byte) (out common.Hash) {
	if s == GM {
		if len(parts) == 1 {
			return sm3.Sum(parts[0])
		}
		h := sm3.New()
		for _, p := range parts {
			h.Write(p)
		}
		h.Sum(out[:0])
		return out
	}
	return crypto.Keccak256Hash(parts...)
}

// NewHash is the chain's hash as a stream.
func (s Suite) NewHash() hash.Hash {
	if s == GM {
		return sm3.New()
	}
	return crypto.NewKeccakState()
}

// Address is that of the account with a public key of 64 bytes: the last 20
// bytes of the key's hash (protocol §4.4).
func (s Suite) Address(publicKey []byte) common.Address {
	h := s.Hash(publicKey)
	return common.Address(h[12:])
}

// Selector is the first four bytes of the hash of a function's signature, for
// example "set(string)".
func (s Suite) Selector(signature string) [4]byte {
	h := s.Hash([]byte(signature))
	return [4]byte(h[:4])
}

// SignatureLen is how many bytes the signature of a transaction has: 65 on a
// standard chain (r‖s‖v), 128 on a GM chain (r‖s‖x‖y).
func (s Suite) SignatureLen() int {
	if s == GM {
		return gmSignatureLen
	}
	return standardSignatureLen
}

// CheckSignatureForm refuses with ErrSignatureForm what a node must never get: on
// a standard chain a length other than 65, or a recovery id above 1 (above 3 ends
// the node process, protocol §5.7); on a GM chain a length other than 128.
func (s Suite) CheckSignatureForm(signature []byte) error {
	if len(signature) != s.SignatureLen() {
		return fmt.Errorf("%w: %d bytes, not %d", ErrSignatureForm, len(signature), s.SignatureLen())
	}
	if s != GM && signature[standardSignatureLen-1] > 1 {
		return fmt.Errorf("%w: v is %d, not 0 or 1; above 3 it ends the node process", ErrSignatureForm, signature[standardSignatureLen-1])
	}
	return nil
}

// Sender gives the account that signed hash. On a standard chain the key is
// recovered, which costs as much as three signatures; a damaged signature
// usually recovers to some other account. On a GM chain the key stands in the
// signature, which is verified.
func (s Suite) Sender(hash common.Hash, signature []byte) (common.Address, error) {
	if err := s.CheckSignatureForm(signature); err != nil {
		return common.Address{}, err
	}
	if s == GM {
		key := signature[64:]
		if err := verifySM2(hash, signature[:64], key); err != nil {
			return common.Address{}, err
		}
		return s.Address(key), nil
	}
	key, err := crypto.Ecrecover(hash[:], signature)
	if err != nil {
		return common.Address{}, fmt.Errorf("%w: it fits no key", ErrSignature)
	}
	return s.Address(key[1:]), nil
}

// VerifyBlockSignature checks a sealer's signature of a block hash: 65 bytes
// r‖s‖v on a standard chain, 64 bytes r‖s on a GM chain (protocol §6.7).
// publicKey is the sealer's node id, 64 bytes.
func (s Suite) VerifyBlockSignature(hash common.Hash, signature, publicKey []byte) error {
	if len(publicKey) != PublicKeyLen {
		return fmt.Errorf("%w: %d bytes, not %d", ErrPublicKey, len(publicKey), PublicKeyLen)
	}
	if s == GM {
		if len(signature) != gmBlockSignatureLen {
			return fmt.Errorf("%w: %d bytes, not %d", ErrSignatureForm, len(signature), gmBlockSignatureLen)
		}
		return verifySM2(hash, signature, publicKey)
	}
	if err := s.CheckSignatureForm(signature); err != nil {
		return err
	}
	key, err := crypto.Ecrecover(hash[:], signature)
	if err != nil || !bytes.Equal(key[1:], publicKey) {
		return fmt.Errorf("%w: it is not by key %x…", ErrSignature, publicKey[:4])
	}
	return nil
}

// verifySM2 checks r‖s over hash as an SM2 message: with the Z of the key and the
// usual user id (protocol §4.4).
func verifySM2(hash common.Hash, rs, publicKey []byte) error {
	key, err := sm2.NewPublicKey(append([]byte{4}, publicKey...))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	digest, err := sm2.CalculateSM2Hash(key, hash[:], nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPublicKey, err)
	}
	if !sm2.Verify(key, digest, new(big.Int).SetBytes(rs[:32]), new(big.Int).SetBytes(rs[32:64])) {
		return fmt.Errorf("%w: it is not by key %x…", ErrSignature, publicKey[:4])
	}
	return nil
}
