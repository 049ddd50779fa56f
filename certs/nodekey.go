package certs

import (
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
	gethcrypto "github.com/ethereum/go-ethereum/crypto"
)

// ChainKey is a secp256k1 key of a standard (non-GM) chain: a node's consensus
// key, conf/node.pem, or the key of the chain's administrator account. TLS knows
// nothing of it.
type ChainKey struct {
	Key *ecdsa.PrivateKey // on secp256k1
}

// NewChainKey makes a key.
func NewChainKey() (ChainKey, error) {
	key, err := gethcrypto.GenerateKey()
	if err != nil {
		return ChainKey{}, fmt.Errorf("make a secp256k1 key: %w", err)
	}
	return ChainKey{Key: key}, nil
}

// NodeID is the consensus node id, the text of conf/node.nodeid: the public key
// without the 04 prefix, 128 lower-case hex digits without 0x (protocol §1.3).
func (k ChainKey) NodeID() string {
	return hex.EncodeToString(gethcrypto.FromECDSAPub(&k.Key.PublicKey)[1:])
}

// Address is the account address that the key has on a standard chain: the last
// 20 bytes of the Keccak-256 of the public key.
func (k ChainKey) Address() common.Address { return gethcrypto.PubkeyToAddress(k.Key.PublicKey) }

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

type pkcs8 struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

type sec1Key struct {
	Version    int
	PrivateKey []byte
	PublicKey  asn1.BitString `asn1:"optional,explicit,tag:1"`
}

// PEM is the key in the form of conf/node.pem: PKCS#8 in PEM, not encrypted.
// crypto/x509 does not know the curve, so the structure is written here.
func (k ChainKey) PEM() ([]byte, error) {
	point := gethcrypto.FromECDSAPub(&k.Key.PublicKey)
	inner, err := asn1.Marshal(sec1Key{
		Version:    1,
		PrivateKey: gethcrypto.FromECDSA(k.Key),
		PublicKey:  asn1.BitString{Bytes: point, BitLength: len(point) * 8},
	})
	if err != nil {
		return nil, fmt.Errorf("encode a secp256k1 key: %w", err)
	}
	curve, err := asn1.Marshal(oidSecp256k1)
	if err != nil {
		return nil, fmt.Errorf("encode a secp256k1 key: %w", err)
	}
	der, err := asn1.Marshal(pkcs8{
		Algorithm:  pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}},
		PrivateKey: inner,
	})
	if err != nil {
		return nil, fmt.Errorf("encode a secp256k1 key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParseChainKey reads a key in the form that PEM writes.
func ParseChainKey(data []byte) (ChainKey, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return ChainKey{}, errors.New("no PKCS#8 private key in PEM form (a line like -----BEGIN PRIVATE KEY-----)")
	}
	var outer pkcs8
	// A trailing [0] attributes field is allowed by PKCS#8 and left unread.
	if _, err := asn1.Unmarshal(block.Bytes, &outer); err != nil {
		return ChainKey{}, fmt.Errorf("read the PKCS#8 structure: %w", err)
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(outer.Algorithm.Parameters.FullBytes, &curve); err != nil ||
		!outer.Algorithm.Algorithm.Equal(oidECPublicKey) || !curve.Equal(oidSecp256k1) {
		return ChainKey{}, errors.New("the key is not on the curve secp256k1, which the keys of a standard chain are on")
	}
	var inner sec1Key
	if _, err := asn1.Unmarshal(outer.PrivateKey, &inner); err != nil {
		return ChainKey{}, fmt.Errorf("read the EC private key: %w", err)
	}
	key, err := gethcrypto.ToECDSA(common.LeftPadBytes(inner.PrivateKey, 32))
	if err != nil {
		return ChainKey{}, fmt.Errorf("read the EC private key: %w", err)
	}
	return ChainKey{Key: key}, nil
}
