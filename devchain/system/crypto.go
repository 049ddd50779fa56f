package system

import (
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Crypto, 0x100a.
func (c *Contracts) crypto() contract {
	return contract{
		name: "CryptoPrecompiled",
		methods: c.functions(map[string]method{
			"sm3(bytes)": func(_ *context, args *arguments) ([]byte, error) {
				return encode(word(sm3.Sum(args.bytes()))), nil
			},
			"keccak256Hash(bytes)": func(_ *context, args *arguments) ([]byte, error) {
				return encode(word(crypto.Keccak256Hash(args.bytes()))), nil
			},
			"sm2Verify(bytes32,bytes,bytes32,bytes32)": sm2Verify,
			"curve25519VRFVerify(bytes,bytes,bytes)": func(*context, *arguments) ([]byte, error) {
				return encode(boolean(false), number(0)), nil
			},
		}),
	}
}

// sm2Verify tells whether a signature over a hash is good, and whose it is.
func sm2Verify(_ *context, args *arguments) ([]byte, error) {
	hash, public, r, s := args.bytes32(), args.bytes(), args.bytes32(), args.bytes32()
	bad := encode(boolean(false), address(common.Address{}))
	if len(public) < 64 {
		return bad, nil
	}
	public = public[:64]
	key, err := sm2.NewPublicKey(append([]byte{4}, public...))
	if err != nil {
		return bad, nil //nolint:nilerr // a point that is not on the curve is the answer no
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(r[:]))
		b.AddASN1BigInt(new(big.Int).SetBytes(s[:]))
	})
	signature, err := b.Bytes()
	if err != nil || !sm2.VerifyASN1WithSM2(key, nil, hash[:], signature) {
		return bad, nil //nolint:nilerr // as above
	}
	account := sm3.Sum(public)
	return encode(boolean(true), address(common.Address(account[12:]))), nil
}
