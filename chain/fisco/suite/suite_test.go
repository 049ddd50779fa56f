package suite

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
)

// The vectors of protocol §14.1 and §14.5.
const (
	vectorKey   = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
	secpPublic  = "84bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b08cc43d63b2859d469fee15f31c9edb5324266e6fd0407e87382d60fc4511acd8"
	sm2Public   = "46d1086f6e5c938447f05280db707c279a7b459c38f19e4d9a30ad2dadf9f28af45fc1dc5b377736b57e97e7e0563ccca24c97f440e1d137e5941d84d2eb43c9"
	gmHash      = "db977d733601bde5bbe26c2653b0fd042ef256091f30525dc87cd52bb5e3dd2d"
	gmSignature = "b07433aa6797c6b908f2a9d2e265480f08e5172583ff24a610e4e630b6c6c3673046a197bb7e0e102abe60b8299e7a5c26b5f90c8a58fe6ad0f0738c62000128" + sm2Public
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestHashesAndSelectors(t *testing.T) {
	t.Parallel()
	require.Equal(t, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", hex.EncodeToString(hashOf(Standard)))
	require.Equal(t, "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b", hex.EncodeToString(hashOf(GM)))
	require.Equal(t, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", hex.EncodeToString(hashOf(GM, "abc")))
	require.Equal(t, hashOf(GM, "abc"), hashOf(GM, "a", "", "bc"))
	for _, s := range []Suite{Standard, GM} {
		h := s.NewHash()
		h.Write([]byte("abc"))
		require.Equal(t, hashOf(s, "abc"), h.Sum(nil))
	}
	require.Equal(t, "4ed3885e", selector(Standard, "set(string)"))
	require.Equal(t, "3590b49f", selector(GM, "set(string)"))
	require.Equal(t, "6d4ce63c", selector(Standard, "get()"))
	require.Equal(t, "299f7f9d", selector(GM, "get()"))
}

func hashOf(s Suite, parts ...string) []byte {
	b := make([][]byte, len(parts))
	for i, p := range parts {
		b[i] = []byte(p)
	}
	h := s.Hash(b...)
	return h[:]
}

func selector(s Suite, signature string) string {
	sel := s.Selector(signature)
	return hex.EncodeToString(sel[:])
}

func TestKeysOfBothSuites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		suite           Suite
		public, address string
	}{
		{Standard, secpPublic, "0x6370ef2f4db3611d657b90667de398a2cc2a370c"},
		{GM, sm2Public, "0xe461b47a25a8f7a66f34e324de176ad27a14ade5"},
	} {
		key, err := ParseKey([]byte(vectorKey), c.suite)
		require.NoError(t, err)
		require.Equal(t, c.public, hex.EncodeToString(key.PublicKey()))
		require.Equal(t, common.HexToAddress(c.address), key.Address())
		pem, err := key.MarshalPEM()
		require.NoError(t, err)
		again, err := ParseKey(pem, Standard)
		require.NoError(t, err)
		require.Equal(t, c.suite, again.Suite(), "the curve in the file decides")
		require.Equal(t, key.Bytes(), again.Bytes())
	}
}

func TestSignaturesOfBothSuites(t *testing.T) {
	t.Parallel()
	hash := common.HexToHash(gmHash)
	for _, s := range []Suite{Standard, GM} {
		key, err := ParseKey([]byte(vectorKey), s)
		require.NoError(t, err)
		signature, err := key.Sign(hash)
		require.NoError(t, err)
		again, err := key.Sign(hash)
		require.NoError(t, err)
		require.Equal(t, signature, again, "signatures are deterministic")
		from, err := s.Sender(hash, signature)
		require.NoError(t, err)
		require.Equal(t, key.Address(), from)

		block := signature
		if s == GM {
			block = signature[:64]
		}
		require.NoError(t, s.VerifyBlockSignature(hash, block, key.PublicKey()))
		other, err := GenerateKey(s)
		require.NoError(t, err)
		require.ErrorIs(t, s.VerifyBlockSignature(hash, block, other.PublicKey()), ErrSignature)
		require.ErrorIs(t, s.VerifyBlockSignature(common.Hash{1}, block, key.PublicKey()), ErrSignature)
		require.ErrorIs(t, s.VerifyBlockSignature(hash, block[1:], key.PublicKey()), ErrSignatureForm)
		require.ErrorIs(t, s.VerifyBlockSignature(hash, block, key.PublicKey()[1:]), ErrPublicKey)
		_, err = s.Sender(hash, append(signature, 0))
		require.ErrorIs(t, err, ErrSignatureForm)
	}
	from, err := GM.Sender(hash, unhex(t, gmSignature))
	require.NoError(t, err)
	require.Equal(t, common.HexToAddress("0xe461b47a25a8f7a66f34e324de176ad27a14ade5"), from)
	damaged := unhex(t, gmSignature)
	damaged[40] ^= 1
	_, err = GM.Sender(hash, damaged)
	require.ErrorIs(t, err, ErrSignature)
	damaged = unhex(t, gmSignature)
	damaged[100] ^= 1
	_, err = GM.Sender(hash, damaged)
	require.ErrorIs(t, err, ErrPublicKey)
	_, err = GM.Sender(hash, make([]byte, 128))
	require.Error(t, err)
	_, err = Standard.Sender(hash, make([]byte, 65))
	require.ErrorIs(t, err, ErrSignature)
	_, err = Standard.Sender(hash, append(make([]byte, 64), 27))
	require.ErrorContains(t, err, "ends the node process")
}

// One key in some 128 has a coordinate that begins with a zero byte. Clients that
// drop it make broken transactions (protocol §4.4).
func TestCoordinatesArePadded(t *testing.T) {
	t.Parallel()
	for _, s := range []Suite{Standard, GM} {
		found := false
		for i := int64(1); i < 2000 && !found; i++ {
			key, err := NewKey(s, new(big.Int).SetInt64(i).FillBytes(make([]byte, 32)))
			require.NoError(t, err)
			public := key.PublicKey()
			require.Len(t, public, PublicKeyLen)
			if found = public[0] == 0 || public[32] == 0; !found {
				continue
			}
			signature, err := key.Sign(common.Hash{byte(i)})
			require.NoError(t, err)
			require.Len(t, signature, s.SignatureLen())
			from, err := s.Sender(common.Hash{byte(i)}, signature)
			require.NoError(t, err)
			require.Equal(t, key.Address(), from)
			if s == GM {
				require.True(t, bytes.HasSuffix(signature, public))
			}
		}
		require.True(t, found)
	}
}
