package suite

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

// ErrKey is wrapped by every error about a private key.
var ErrKey = errors.New("private key")

// The object identifiers of what a key file can hold. crypto/x509 knows neither
// secp256k1 nor SM2, so the few ASN.1 structures are read here.
var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
	oidSM2         = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}
)

// pkcs8 is PrivateKeyInfo of RFC 5208.
type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
}

// sec1 is ECPrivateKey of RFC 5915.
type sec1 struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// Key is the private key of an account. It does not change and is safe for
// concurrent use.
type Key struct {
	suite  Suite
	ecdsa  *ecdsa.PrivateKey // Standard
	sm2    *sm2.PrivateKey   // GM
	z      []byte            // GM: what SM2 hashes before a message (protocol §4.4)
	scalar []byte            // 32 bytes
	public []byte            // x‖y, padded to 32 bytes each
}

// NewKey makes a key from its 32 bytes, big-endian.
func NewKey(s Suite, scalar []byte) (*Key, error) {
	if len(scalar) != 32 {
		return nil, fmt.Errorf("%w: %d bytes long, not 32", ErrKey, len(scalar))
	}
	if s == GM {
		key, err := sm2.NewPrivateKey(scalar)
		if err != nil {
			return nil, fmt.Errorf("%w: zero, or not below the order of SM2", ErrKey)
		}
		z, err := sm2.CalculateZA(&key.PublicKey, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		point, err := sm2.PublicKeyToECDH(&key.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return &Key{suite: GM, sm2: key, z: z, scalar: bytes.Clone(scalar), public: point.Bytes()[1:]}, nil
	}
	key, err := crypto.ToECDSA(scalar)
	if err != nil {
		return nil, fmt.Errorf("%w: zero, or not below the order of secp256k1", ErrKey)
	}
	return &Key{ecdsa: key, scalar: bytes.Clone(scalar), public: crypto.FromECDSAPub(&key.PublicKey)[1:]}, nil
}

// GenerateKey makes a new key from the system's randomness.
func GenerateKey(s Suite) (*Key, error) {
	for {
		var scalar [32]byte
		_, _ = rand.Read(scalar[:]) // never fails
		if key, err := NewKey(s, scalar[:]); err == nil {
			return key, nil
		}
	}
}

// Suite is that of the curve.
func (k *Key) Suite() Suite { return k.suite }

// PublicKey is x‖y, 64 bytes. Node ids are such keys in hex.
func (k *Key) PublicKey() []byte { return bytes.Clone(k.public) }

// Address is that of the account on a chain of the key's suite.
func (k *Key) Address() common.Address { return k.suite.Address(k.public) }

// Bytes is the key itself, 32 bytes.
func (k *Key) Bytes() []byte { return bytes.Clone(k.scalar) }

// Sign signs the hash of a transaction: 65 bytes r‖s‖v on a standard chain, 128
// bytes r‖s‖x‖y on a GM chain. It is deterministic (RFC 6979).
func (k *Key) Sign(hash common.Hash) ([]byte, error) {
	if k.suite == GM {
		rs, err := k.signSM2(hash)
		if err != nil {
			return nil, err
		}
		return append(rs, k.public...), nil
	}
	signature, err := crypto.Sign(hash[:], k.ecdsa)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot sign: %w", ErrKey, err)
	}
	return signature, nil
}

func (k *Key) signSM2(hash common.Hash) ([]byte, error) {
	digest := GM.Hash(k.z, hash[:])
	der, err := sm2.SignDeterministic(k.sm2, digest[:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot sign: %w", ErrKey, err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, fmt.Errorf("%w: it cannot sign: %w", ErrKey, err)
	}
	out := make([]byte, 64, gmSignatureLen)
	rs.R.FillBytes(out[:32])
	rs.S.FillBytes(out[32:64])
	return out, nil
}

// ParseKey reads a private key: PEM as PKCS#8 ("PRIVATE KEY", what get_account.sh
// and a node's node.pem hold) or SEC1 ("EC PRIVATE KEY"), on secp256k1 or SM2,
// which decides the suite, or 64 hex digits with or without 0x, which are taken
// for a key of the suite bare. Blanks around are ignored. Errors wrap ErrKey and
// never contain the key.
func ParseKey(data []byte, bare Suite) (*Key, error) {
	text := bytes.TrimSpace(data)
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		digits := strings.TrimPrefix(string(text), "0x")
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%w: neither PEM nor 64 hex digits", ErrKey)
		}
		return NewKey(bare, raw)
	}
	var seen []string
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Headers["Proc-Type"] != "" {
			return nil, fmt.Errorf("%w: it is encrypted: decrypt it first, for example with openssl ec", ErrKey)
		}
		switch block.Type {
		case "PRIVATE KEY":
			return parsePKCS8(block.Bytes)
		case "EC PRIVATE KEY":
			return parseSEC1(block.Bytes, nil)
		case "ENCRYPTED PRIVATE KEY":
			return nil, fmt.Errorf("%w: it is encrypted: decrypt it first, for example with openssl pkcs8", ErrKey)
		}
		seen = append(seen, block.Type)
	}
	if len(seen) > 0 {
		return nil, fmt.Errorf("%w: the PEM holds %s and no private key", ErrKey, strings.Join(seen, ", "))
	}
	return nil, fmt.Errorf("%w: the PEM is damaged", ErrKey)
}

func parsePKCS8(der []byte) (*Key, error) {
	var info pkcs8
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: damaged PKCS#8", ErrKey)
	}
	if !info.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return nil, fmt.Errorf("%w: not an elliptic curve key (algorithm %s); a TLS key such as sdk.key is not an account", ErrKey, info.Algorithm.Algorithm)
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &curve); err != nil {
		return nil, fmt.Errorf("%w: the curve is not named", ErrKey)
	}
	return parseSEC1(info.PrivateKey, curve)
}

func parseSEC1(der []byte, curve asn1.ObjectIdentifier) (*Key, error) {
	var key sec1
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: damaged EC private key", ErrKey)
	}
	if curve == nil {
		curve = key.Curve
	}
	on := Standard
	switch {
	case curve.Equal(oidSecp256k1):
	case curve.Equal(oidSM2):
		on = GM
	default:
		return nil, fmt.Errorf("%w: curve %s, neither secp256k1 nor SM2", ErrKey, curve)
	}
	if len(key.PrivateKey) > 32 {
		return nil, fmt.Errorf("%w: %d bytes long, not 32", ErrKey, len(key.PrivateKey))
	}
	raw := make([]byte, 32) // some writers drop leading zeros
	copy(raw[32-len(key.PrivateKey):], key.PrivateKey)
	return NewKey(on, raw)
}

// MarshalPEM writes the key as PKCS#8 PEM, as FISCO's scripts do.
func (k *Key) MarshalPEM() ([]byte, error) {
	oid := oidSecp256k1
	if k.suite == GM {
		oid = oidSM2
	}
	inner, err := asn1.Marshal(sec1{
		Version:    1,
		PrivateKey: k.Bytes(),
		PublicKey:  asn1.BitString{Bytes: append([]byte{4}, k.public...), BitLength: 8 * (1 + PublicKeyLen)},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	curve, err := asn1.Marshal(oid)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	der, err := asn1.Marshal(pkcs8{
		Algorithm:  pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}},
		PrivateKey: inner,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
