package suite

import (
	"crypto/rand"
	"encoding/hex"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
)

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// vectorKey is that of protocol section 14.1.
func vectorKey(t testing.TB, s Suite) *Key {
	t.Helper()
	key, err := NewKey(s, [32]byte(unhex("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20")))
	require.NoError(t, err)
	return key
}

// Protocol section 14.1.
func TestHashVectors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"":    {"c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"},
		"abc": {"4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
	} {
		for s, want := range want {
			require.Equal(t, "0x"+want, Suite(s).Hash([]byte(text)).Hex())
			half := len(text) / 2
			require.Equal(t, "0x"+want, Suite(s).Hash([]byte(text[:half]), []byte(text[half:])).Hex(), "in parts")
		}
	}
	for signature, want := range map[string][2]string{
		"set(string)":    {"4ed3885e", "3590b49f"},
		"get()":          {"6d4ce63c", "299f7f9d"},
		"Error(string)":  {"08c379a0", "c703cb12"},
		"Panic(uint256)": {"4e487b71", "b95aa355"},
	} {
		for s, want := range want {
			selector := Suite(s).Selector(signature)
			require.Equal(t, want, hex.EncodeToString(selector[:]))
		}
	}
}

func TestKeyVectors(t *testing.T) {
	t.Parallel()
	for s, want := range map[Suite][2]string{
		Standard: {"84bf7562262bbd6940085748f3be6afa52ae317155181ece31b66351ccffa4b08cc43d63b2859d469fee15f31c9edb5324266e6fd0407e87382d60fc4511acd8", "6370ef2f4db3611d657b90667de398a2cc2a370c"},
		GM:       {"46d1086f6e5c938447f05280db707c279a7b459c38f19e4d9a30ad2dadf9f28af45fc1dc5b377736b57e97e7e0563ccca24c97f440e1d137e5941d84d2eb43c9", "e461b47a25a8f7a66f34e324de176ad27a14ade5"},
	} {
		key := vectorKey(t, s)
		require.Equal(t, s, key.Suite())
		require.Equal(t, want[0], key.NodeID())
		public := key.PublicKey()
		require.Equal(t, want[0], hex.EncodeToString(public[:]))
		require.Equal(t, common.HexToAddress(want[1]), key.Address())
	}
}

// The second is of a recorded GM chain.
func TestChecksum(t *testing.T) {
	t.Parallel()
	for i := range byte(50) {
		address := Standard.Address([]byte{i})
		require.Equal(t, address.Hex(), Standard.Checksum(address))
	}
	require.Equal(t, "0x9FBa0BB255494138033819B8DC01426ecBB8431e", GM.Checksum(common.HexToAddress("9fba0bb255494138033819b8dc01426ecbb8431e")))
}

// Protocol section 14.5.
func TestSenderOfTheGMVector(t *testing.T) {
	t.Parallel()
	hash := common.HexToHash("db977d733601bde5bbe26c2653b0fd042ef256091f30525dc87cd52bb5e3dd2d")
	signature := unhex("b07433aa6797c6b908f2a9d2e265480f08e5172583ff24a610e4e630b6c6c3673046a197bb7e0e102abe60b8299e7a5c26b5f90c8a58fe6ad0f0738c6200012846d1086f6e5c938447f05280db707c279a7b459c38f19e4d9a30ad2dadf9f28af45fc1dc5b377736b57e97e7e0563ccca24c97f440e1d137e5941d84d2eb43c9")
	sender, err := GM.Sender(hash, signature)
	require.NoError(t, err)
	require.Equal(t, common.HexToAddress("0xe461b47a25a8f7a66f34e324de176ad27a14ade5"), sender)
}

func TestSignedAndRead(t *testing.T) {
	t.Parallel()
	for _, s := range []Suite{Standard, GM} {
		for range 50 {
			key, err := GenerateKey(s)
			require.NoError(t, err)
			var hash common.Hash
			_, err = rand.Read(hash[:])
			require.NoError(t, err)
			signature, err := key.Sign(hash)
			require.NoError(t, err)
			require.Len(t, signature, map[Suite]int{Standard: 65, GM: 128}[s])
			sender, err := s.Sender(hash, signature)
			require.NoError(t, err)
			require.Equal(t, key.Address(), sender)
			again, err := key.Sign(hash)
			require.NoError(t, err)
			require.Equal(t, signature, again)

			ofBlock, err := key.SignBlock(hash)
			require.NoError(t, err)
			require.Equal(t, signature[:map[Suite]int{Standard: 65, GM: 64}[s]], ofBlock)
			require.True(t, s.HasSigned(key.PublicKey(), hash, ofBlock))
			require.False(t, s.HasSigned(key.PublicKey(), common.Hash{1}, ofBlock))
			require.False(t, s.HasSigned(key.PublicKey(), hash, ofBlock[1:]))
			require.False(t, s.HasSigned(key.PublicKey(), hash, append(ofBlock, 0)))
			other, err := GenerateKey(s)
			require.NoError(t, err)
			require.False(t, s.HasSigned(other.PublicKey(), hash, ofBlock))
		}
	}
}

func TestSignaturesThatAreRefused(t *testing.T) {
	t.Parallel()
	hash := common.HexToHash("01")
	for _, s := range []Suite{Standard, GM} {
		good, err := vectorKey(t, s).Sign(hash)
		require.NoError(t, err)
		refused := map[string][]byte{
			"none":        nil,
			"cut":         good[:len(good)-1],
			"r and s":     good[:64],
			"all zero":    make([]byte, len(good)),
			"zero r":      append(make([]byte, 32), good[32:]...),
			"too long":    append(append([]byte{}, good...), 0, 0),
			"r too large": append([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), good[32:]...),
		}
		if s == GM {
			other, err := NewKey(GM, [32]byte{31: 7})
			require.NoError(t, err)
			public := other.PublicKey()
			refused["key of another"] = append(append([]byte{}, good[:64]...), public[:]...)
			refused["no point"] = append(append([]byte{}, good[:127]...), good[127]^1)
			refused["damaged"] = append([]byte{good[0] ^ 1}, good[1:]...)
		} else {
			refused["v of 2"] = append(append([]byte{}, good[:64]...), 2)
			refused["v of 27"] = append(append([]byte{}, good[:64]...), 27)
			refused["one more"] = append(append([]byte{}, good...), 0)
		}
		for name, signature := range refused {
			_, err := s.Sender(hash, signature)
			require.ErrorIs(t, err, ErrSignature, "%s, %s", s, name)
		}
	}
}

// A node takes one byte too many and hashes it into the address.
func TestGMSignatureWithAByteTooMany(t *testing.T) {
	t.Parallel()
	key, hash := vectorKey(t, GM), common.HexToHash("01")
	signature, err := key.Sign(hash)
	require.NoError(t, err)
	sender, err := GM.Sender(hash, append(signature, 9))
	require.NoError(t, err)
	require.Equal(t, GM.Address(append(signature[64:128:128], 9)), sender)
}

// The choice of the suite costs a standard chain no memory.
func TestHashAllocatesNoMoreThanKeccak(t *testing.T) {
	data := make([]byte, 300)
	var sum byte
	direct := testing.AllocsPerRun(100, func() {
		one, two := crypto.Keccak256Hash(data), crypto.Keccak256Hash(data[:32], data[32:64])
		sum += one[0] + two[0]
	})
	require.Equal(t, direct, testing.AllocsPerRun(100, func() {
		one, two := Standard.Hash(data), Standard.Hash(data[:32], data[32:64])
		sum += one[0] + two[0]
	}))
}

func FuzzSender(f *testing.F) {
	good, err := vectorKey(f, GM).Sign(common.Hash{})
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:65])
	f.Fuzz(func(t *testing.T, signature []byte) {
		for _, s := range []Suite{Standard, GM} {
			if _, err := s.Sender(common.Hash{}, signature); err != nil {
				require.ErrorIs(t, err, ErrSignature)
			}
		}
	})
}
