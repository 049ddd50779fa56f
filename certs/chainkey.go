package certs

import (
	"crypto/ecdsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
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
	PublicKey  asn1.BitString `asn1:"explicit,tag:1"`
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
