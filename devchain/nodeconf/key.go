package nodeconf

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/crypto"
)

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
	oidSM2         = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}
)

// pkcs8 is PrivateKeyInfo of RFC 5208; crypto/x509 does not know the curve.
type pkcs8 struct {
	Version    int
	Algorithm  algorithm
	PrivateKey []byte
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
}

type algorithm struct {
	Algorithm asn1.ObjectIdentifier
	Curve     asn1.ObjectIdentifier `asn1:"optional"`
}

// ecPrivateKey is ECPrivateKey of RFC 5915.
type ecPrivateKey struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// ParseKey reads the consensus key of a node (conf/node.pem): a secp256k1 key as
// PKCS#8 ("PRIVATE KEY") or SEC1 ("EC PRIVATE KEY") in PEM. Blocks before the key
// such as "EC PARAMETERS" are skipped. A public key beside the private one must
// belong to it. SM2 keys are refused by name: GM chains are not available.
func ParseKey(data []byte) (*ecdsa.PrivateKey, error) {
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return nil, errors.New("holds no PEM private key")
		}
		switch block.Type {
		case "PRIVATE KEY":
			return parsePKCS8(block.Bytes)
		case "EC PRIVATE KEY":
			return parseSEC1(block.Bytes, nil)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("holds an encrypted key: store it without a password")
		}
		data = rest
	}
}

func parsePKCS8(der []byte) (*ecdsa.PrivateKey, error) {
	var info pkcs8
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("holds a damaged PKCS#8 key")
	}
	if !info.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return nil, errors.New("holds no elliptic curve key: a node needs a secp256k1 key")
	}
	return parseSEC1(info.PrivateKey, info.Algorithm.Curve)
}

func parseSEC1(der []byte, curve asn1.ObjectIdentifier) (*ecdsa.PrivateKey, error) {
	var k ecPrivateKey
	if rest, err := asn1.Unmarshal(der, &k); err != nil || len(rest) > 0 || k.Version != 1 {
		return nil, errors.New("holds a damaged elliptic curve key")
	}
	if len(curve) == 0 {
		curve = k.Curve
	}
	switch {
	case curve.Equal(oidSM2):
		return nil, errors.New("holds an SM2 key: GM chains are not available, use a secp256k1 key")
	case !curve.Equal(oidSecp256k1):
		return nil, fmt.Errorf("holds a key of curve %v: a node needs a secp256k1 key", curve)
	}
	if len(k.PrivateKey) > 32 {
		return nil, errors.New("holds a key of more than 32 bytes")
	}
	padded := make([]byte, 32)
	copy(padded[32-len(k.PrivateKey):], k.PrivateKey)
	key, err := crypto.ToECDSA(padded)
	if err != nil {
		return nil, errors.New("holds a number that is no secp256k1 key")
	}
	if pub := k.PublicKey.Bytes; len(pub) == 65 && !bytes.Equal(pub, crypto.FromECDSAPub(&key.PublicKey)) {
		return nil, errors.New("holds a public key that does not belong to its private key")
	}
	return key, nil
}

// NodeID is the name by which a chain knows the owner of a key: 128 lower-case
// hex digits, the uncompressed public key without the leading 04 (protocol §1.3).
func NodeID(key *ecdsa.PublicKey) string {
	return hex.EncodeToString(crypto.FromECDSAPub(key)[1:])
}
