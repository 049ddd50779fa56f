package tx

import (
	"math/big"
	"testing"

	sdktypes "github.com/FISCO-BCOS/go-sdk/v3/types"
	"github.com/TarsCloud/TarsGo/tars/protocol/codec"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/shield"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

// go-sdk's types are right for version 0 with a `to` without 0x (protocol §4.3).
func TestSignedTransactionsAreWhatGoSDKReads(t *testing.T) {
	t.Parallel()
	signer := vectorSigner(t)
	rapid.Check(t, func(t *rapid.T) {
		intent := chain.Intent{Input: rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(t, "input")}
		if rapid.Bool().Draw(t, "call") {
			to := common.BytesToAddress(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "to"))
			intent.To = &to
		} else {
			intent.ABI = rapid.String().Draw(t, "abi")
		}
		terms := chain.Terms{Nonce: signer.Nonce(rapid.String().Draw(t, "ref")), BlockLimit: uint64(rapid.Int64Min(1).Draw(t, "limit"))}
		signed, err := signer.Sign(intent, terms)
		require.NoError(t, err)

		var oracle sdktypes.Transaction
		require.NoError(t, oracle.ReadFrom(codec.NewReader(signed.Raw)))
		require.Equal(t, signed.Hash, *oracle.DataHash)
		oracle.DataHash = nil // it is not asked for, it is computed
		require.Equal(t, signed.Hash, oracle.Hash())
		require.Equal(t, intent.Input, oracle.Data.Input)
		require.Equal(t, intent.ABI, oracle.Data.Abi)
		require.Equal(t, terms.Nonce, oracle.Data.Nonce)
		pub, err := crypto.SigToPub(signed.Hash[:], oracle.Signature)
		require.NoError(t, err)
		require.Equal(t, signer.Address(), crypto.PubkeyToAddress(*pub))

		again, err := signer.Sign(intent, terms)
		require.NoError(t, err)
		require.Equal(t, signed, again, "signing is deterministic")
		decoded, err := Decode(suite.Standard, signed.Raw)
		require.NoError(t, err)
		back, err := decoded.Signed()
		require.NoError(t, err)
		require.Equal(t, signed, back)
	})
}

// What ends or stalls a real node (protocol §5.7), and what it would refuse anyway.
func TestDecodeTransactionRefusesPoison(t *testing.T) {
	t.Parallel()
	good := func() tars.Transaction {
		tx, err := tars.DecodeTransaction(unhex(t, v2Wire))
		require.NoError(t, err)
		tx.DataHash = nil // so that the changed field is what is refused
		return tx
	}
	tx := good()
	_, err := Decode(suite.Standard, tx.Append(nil))
	require.NoError(t, err)

	for name, c := range map[string]struct {
		change func(*tars.Transaction)
		says   string
	}{
		"version 3":         {func(t *tars.Transaction) { t.Data.Version = 3 }, "version 3"},
		"version 2^31-1":    {func(t *tars.Transaction) { t.Data.Version = 1<<31 - 1 }, "version 2147483647"},
		"version -1":        {func(t *tars.Transaction) { t.Data.Version = -1 }, "version -1"},
		"v 2":               {func(t *tars.Transaction) { t.Signature[64] = 2 }, "v is 2"},
		"v 27":              {func(t *tars.Transaction) { t.Signature[64] = 27 }, "v is 27"},
		"v 255":             {func(t *tars.Transaction) { t.Signature[64] = 255 }, "v is 255"},
		"no signature":      {func(t *tars.Transaction) { t.Signature = nil }, "0 bytes"},
		"SM2 signature":     {func(t *tars.Transaction) { t.Signature = make([]byte, 128) }, "128 bytes"},
		"to is a word":      {func(t *tars.Transaction) { t.Data.To = "HelloWorld" }, "HelloWorld"},
		"to with 0X":        {func(t *tars.Transaction) { t.Data.To = "0X6849f21d1e455e9f0712b1e99fa4fcd23758e8f1" }, "40 hex digits"},
		"to with 0x twice":  {func(t *tars.Transaction) { t.Data.To = "0x0x49f21d1e455e9f0712b1e99fa4fcd23758e8f1" }, "40 hex digits"},
		"to of 32 bytes":    {func(t *tars.Transaction) { t.Data.To = common.Hash{}.Hex() }, "40 hex digits"},
		"to of one byte":    {func(t *tars.Transaction) { t.Data.To = "0x12" }, "40 hex digits"},
		"to is 0x":          {func(t *tars.Transaction) { t.Data.To = "0x" }, "40 hex digits"},
		"value not hex":     {func(t *tars.Transaction) { t.Data.Value = "12" }, "value"},
		"fee not hex":       {func(t *tars.Transaction) { t.Data.MaxFeePerGas = "0xg" }, "maxFeePerGas"},
		"Web3":              {func(t *tars.Transaction) { t.Type = 1 }, "Web3"},
		"Web3 payload":      {func(t *tars.Transaction) { t.ExtraTransactionBytes = []byte{1} }, "Web3"},
		"negative limit":    {func(t *tars.Transaction) { t.Data.BlockLimit = -1 }, "negative"},
		"wrong data hash":   {func(t *tars.Transaction) { t.DataHash = make([]byte, 32) }, "other kind of ledger or changed"},
		"data hash cut off": {func(t *tars.Transaction) { t.DataHash = []byte{1, 2, 3} }, "data hash"},
	} {
		tx := good()
		c.change(&tx)
		_, err := Decode(suite.Standard, tx.Append(nil))
		require.True(t, chain.Is(err, chain.KindInvalid), name)
		require.True(t, chain.Unsent(err), name)
		require.ErrorContains(t, err, c.says, name)
	}

	_, err = Decode(suite.Standard, unhex(t, gmWire))
	require.True(t, chain.Is(err, chain.KindInvalid))
	_, err = Decode(suite.Standard, []byte("not TARS"))
	require.True(t, chain.Is(err, chain.KindInvalid))
	_, err = Decode(suite.Standard, nil)
	require.ErrorIs(t, err, tars.ErrTruncated)
}

func TestSignerRefuses(t *testing.T) {
	t.Parallel()
	signer := vectorSigner(t)
	to := signer.Address()
	terms := chain.Terms{Nonce: "1", BlockLimit: 1}
	for name, c := range map[string]struct {
		intent chain.Intent
		terms  chain.Terms
		kind   chain.Kind
	}{
		"a negative value":     {chain.Intent{To: &to, Value: big.NewInt(-1)}, terms, chain.KindInvalid},
		"deploying nothing":    {chain.Intent{}, terms, chain.KindInvalid},
		"an ABI with a call":   {chain.Intent{To: &to, ABI: "[]"}, terms, chain.KindInvalid},
		"no nonce":             {chain.Intent{To: &to}, chain.Terms{BlockLimit: 1}, chain.KindInvalid},
		"no block limit":       {chain.Intent{To: &to}, chain.Terms{Nonce: "1"}, chain.KindInvalid},
		"block limit too high": {chain.Intent{To: &to}, chain.Terms{Nonce: "1", BlockLimit: 1 << 63}, chain.KindInvalid},
	} {
		_, err := signer.Sign(c.intent, c.terms)
		require.True(t, chain.Is(err, c.kind), name)
		require.True(t, chain.Unsent(err), name)
	}
	_, err := signer.Sign(chain.Intent{To: &to, Value: common.Big0}, terms)
	require.NoError(t, err)
}

func TestNonces(t *testing.T) {
	t.Parallel()
	signer := vectorSigner(t)
	other, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	stranger := NewSigner(other, "chain0", "group0")
	seen := map[string]bool{}
	for _, ref := range []string{"", "job/1/0", "job/1/1", "job/2/0", "中文"} {
		nonce := signer.Nonce(ref)
		require.Regexp(t, `^[1-9][0-9]{20,48}$`, nonce)
		require.Equal(t, nonce, signer.Nonce(ref))
		require.NotEqual(t, nonce, stranger.Nonce(ref))
		require.False(t, seen[nonce])
		seen[nonce] = true
	}
}

func FuzzDecodeRawTransaction(f *testing.F) {
	for _, wire := range []string{callWire, v1Wire, v2Wire, deployWire, goSDKWire, javaSDKWire, gmWire} {
		f.Add(unhex(f, wire))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := Decode(suite.Standard, raw)
		if err != nil {
			require.True(t, chain.Is(err, chain.KindInvalid))
			require.True(t, chain.Unsent(err))
			return
		}
		require.LessOrEqual(t, tx.Data.Version, int32(2))
		require.Len(t, tx.Signature, 65)
		require.LessOrEqual(t, tx.Signature[64], byte(1))
		require.NoError(t, shield.Transaction("", &tx.Transaction, suite.Standard))
		again, err := Decode(suite.Standard, tx.Append(nil))
		require.NoError(t, err)
		require.Equal(t, tx.Hash, again.Hash)
	})
}

func benchmarkIntent(b *testing.B) (*Signer, chain.Intent, chain.Terms) {
	signer := vectorSigner(b)
	to := signer.Address()
	// save(bytes32,string): selector, digest, offset, length and a path of 60 bytes.
	return signer, chain.Intent{To: &to, Input: make([]byte, 4+5*32)}, chain.Terms{Nonce: signer.Nonce("item"), BlockLimit: 1000}
}

func BenchmarkSignCall(b *testing.B) {
	signer, intent, terms := benchmarkIntent(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(intent, terms); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareSign is what of BenchmarkSignCall is the curve's.
func BenchmarkBareSign(b *testing.B) {
	key, err := crypto.HexToECDSA(vectorKey)
	require.NoError(b, err)
	digest := crypto.Keccak256([]byte("anything"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := crypto.Sign(digest, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	signer, intent, terms := benchmarkIntent(b)
	signed, err := signer.Sign(intent, terms)
	require.NoError(b, err)
	tx, err := tars.DecodeTransaction(signed.Raw)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if wire := tx.Append(make([]byte, 0, tx.SizeHint())); len(wire) != len(signed.Raw) {
			b.Fatal("other length")
		}
	}
}

func BenchmarkEncodeAndHash(b *testing.B) {
	signer, intent, terms := benchmarkIntent(b)
	signed, err := signer.Sign(intent, terms)
	require.NoError(b, err)
	tx, err := tars.DecodeTransaction(signed.Raw)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		buf := make([]byte, 0, tx.SizeHint())
		if hash := crypto.Keccak256Hash(appendPreimage(buf, &tx.Data)); hash != signed.Hash {
			b.Fatal("other hash")
		}
		tx.Append(buf[:0])
	}
}

func BenchmarkDecode(b *testing.B) {
	wire := unhex(b, callWire)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(suite.Standard, wire); err != nil {
			b.Fatal(err)
		}
	}
}
