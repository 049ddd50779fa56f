package system

import (
	"context"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

// Crypto is contract 0x100a: hashes and signatures that contracts can use on any
// chain, whatever its suite.
type Crypto struct{ contract }

// Crypto is the contract of this group.
func (c *Contracts) Crypto() Crypto { return Crypto{c.fixed("Crypto", 0x100a)} }

// SM3 gives the SM3 hash of data.
func (c Crypto) SM3(ctx context.Context, data []byte) (common.Hash, error) {
	return read(ctx, c.contract, "sm3(bytes)(bytes32)", (*outputs).hash, data)
}

// Keccak256 gives the keccak-256 hash of data.
func (c Crypto) Keccak256(ctx context.Context, data []byte) (common.Hash, error) {
	return read(ctx, c.contract, "keccak256Hash(bytes)(bytes32)", (*outputs).hash, data)
}

// Verified is the verdict on a signature.
type Verified struct {
	OK      bool
	Account common.Address // of the key, zero when the signature is wrong
}

// SM2Verify checks the SM2 signature r, s of a hash. publicKey is 64 bytes, x‖y.
func (c Crypto) SM2Verify(ctx context.Context, hash common.Hash, publicKey []byte, r, s [32]byte) (Verified, error) {
	return read(ctx, c.contract, "sm2Verify(bytes32,bytes,bytes32,bytes32)(bool,address)", func(out *outputs) Verified {
		return Verified{OK: out.flag(), Account: out.address()}
	}, [32]byte(hash), publicKey, r, s)
}

// Randomness is the verdict on a proof of a verifiable random function.
type Randomness struct {
	OK    bool
	Value *big.Int // 0 when the proof is wrong
}

// VRFVerify checks a curve25519 proof of a verifiable random function.
func (c Crypto) VRFVerify(ctx context.Context, input, publicKey, proof []byte) (Randomness, error) {
	return read(ctx, c.contract, "curve25519VRFVerify(bytes,bytes,bytes)(bool,uint256)", func(out *outputs) Randomness {
		return Randomness{OK: out.flag(), Value: out.big()}
	}, input, publicKey, proof)
}
