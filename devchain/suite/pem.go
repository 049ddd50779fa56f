package suite

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
)

// crypto/x509 knows neither secp256k1 nor SM2, so the few ASN.1 structures are here.
var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
	oidSM2         = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}
)

// pkcs8 is PrivateKeyInfo of RFC 5208.
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

// sec1 is ECPrivateKey of RFC 5915.
type sec1 struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// ParsePEM reads a private key such as conf/node.pem: PKCS#8 ("PRIVATE KEY") or SEC1
// ("EC PRIVATE KEY") in PEM, on secp256k1 or SM2, which decides the suite. Blocks
// before the key such as "EC PARAMETERS" are skipped. A public key beside the
// private one must belong to it. Errors go on "the file …" and never show the key.
func ParsePEM(data []byte) (*Key, error) {
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

func parsePKCS8(der []byte) (*Key, error) {
	var info pkcs8
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return nil, errors.New("holds a damaged PKCS#8 key")
	}
	if !info.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return nil, errors.New("holds no elliptic curve key: a key on secp256k1, or on SM2 for a GM chain, is needed")
	}
	return parseSEC1(info.PrivateKey, info.Algorithm.Curve)
}

func parseSEC1(der []byte, curve asn1.ObjectIdentifier) (*Key, error) {
	var k sec1
	if rest, err := asn1.Unmarshal(der, &k); err != nil || len(rest) > 0 || k.Version != 1 {
		return nil, errors.New("holds a damaged elliptic curve key")
	}
	if len(curve) == 0 {
		curve = k.Curve
	}
	s := Standard
	switch {
	case curve.Equal(oidSecp256k1):
	case curve.Equal(oidSM2):
		s = GM
	default:
		return nil, fmt.Errorf("holds a key of curve %v: a key on secp256k1, or on SM2 for a GM chain, is needed", curve)
	}
	if len(k.PrivateKey) > 32 {
		return nil, errors.New("holds a key of more than 32 bytes")
	}
	var scalar [32]byte // some writers drop leading zeros
	copy(scalar[32-len(k.PrivateKey):], k.PrivateKey)
	key, err := NewKey(s, scalar)
	if err != nil {
		return nil, fmt.Errorf("holds no key: %w", err)
	}
	if pub := k.PublicKey.Bytes; len(pub) == 1+PublicKeyLen && !bytes.Equal(pub[1:], key.public[:]) {
		return nil, errors.New("holds a public key that does not belong to its private key")
	}
	return key, nil
}

// PEM is the key in the form of conf/node.pem: PKCS#8 in PEM, not encrypted.
func (k *Key) PEM() ([]byte, error) {
	curve := oidSecp256k1
	if k.suite == GM {
		curve = oidSM2
	}
	point := append([]byte{4}, k.public[:]...)
	inner, err := asn1.Marshal(sec1{Version: 1, PrivateKey: k.scalar[:], PublicKey: asn1.BitString{Bytes: point, BitLength: 8 * len(point)}})
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	der, err := asn1.Marshal(pkcs8{Algorithm: algorithm{oidECPublicKey, curve}, PrivateKey: inner})
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// rsOf is a signature in DER as r‖s, 32 bytes each.
func rsOf(der []byte) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, fmt.Errorf("read a signature: %w", err)
	}
	out := make([]byte, rsLen)
	rs.R.FillBytes(out[:32])
	rs.S.FillBytes(out[32:])
	return out, nil
}
