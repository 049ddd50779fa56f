package fisco

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/crypto"
)

// ErrKey is wrapped by every error of ParsePrivateKey.
var ErrKey = errors.New("fisco: private key")

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

// ParsePrivateKey reads a secp256k1 key: PEM as PKCS#8 ("PRIVATE KEY", what
// get_account.sh and a node's node.pem hold) or SEC1 ("EC PRIVATE KEY"), or 64
// hex digits with or without 0x. Blanks around are ignored. Errors wrap ErrKey
// and never contain the key.
func ParsePrivateKey(data []byte) (*ecdsa.PrivateKey, error) {
	text := bytes.TrimSpace(data)
	if !bytes.Contains(text, []byte("-----BEGIN")) {
		digits := strings.TrimPrefix(string(text), "0x")
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%w: neither PEM nor 64 hex digits", ErrKey)
		}
		return keyOf(raw)
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

func parsePKCS8(der []byte) (*ecdsa.PrivateKey, error) {
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

func parseSEC1(der []byte, curve asn1.ObjectIdentifier) (*ecdsa.PrivateKey, error) {
	var key sec1
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("%w: damaged EC private key", ErrKey)
	}
	if curve == nil {
		curve = key.Curve
	}
	switch {
	case curve.Equal(oidSecp256k1):
	case curve.Equal(oidSM2):
		return nil, fmt.Errorf("%w: an SM2 key, for a GM chain; secp256k1 is needed", ErrKey)
	default:
		return nil, fmt.Errorf("%w: curve %s, not secp256k1", ErrKey, curve)
	}
	if len(key.PrivateKey) > 32 {
		return nil, fmt.Errorf("%w: %d bytes long, not 32", ErrKey, len(key.PrivateKey))
	}
	raw := make([]byte, 32) // some writers drop leading zeros
	copy(raw[32-len(key.PrivateKey):], key.PrivateKey)
	return keyOf(raw)
}

func keyOf(raw []byte) (*ecdsa.PrivateKey, error) {
	key, err := crypto.ToECDSA(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: zero, or not below the order of secp256k1", ErrKey)
	}
	return key, nil
}

// MarshalPrivateKeyPEM writes a secp256k1 key as PKCS#8 PEM, as FISCO's scripts do.
func MarshalPrivateKeyPEM(k *ecdsa.PrivateKey) ([]byte, error) {
	if k == nil || k.Curve != crypto.S256() {
		return nil, fmt.Errorf("%w: not on secp256k1", ErrKey)
	}
	inner, err := asn1.Marshal(sec1{
		Version:    1,
		PrivateKey: crypto.FromECDSA(k),
		PublicKey:  asn1.BitString{Bytes: crypto.FromECDSAPub(&k.PublicKey), BitLength: 8 * 65},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	curve, err := asn1.Marshal(oidSecp256k1)
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
