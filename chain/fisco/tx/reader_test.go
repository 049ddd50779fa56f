package tx

import (
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
)

func TestWhatASignerMadeIsReadBack(t *testing.T) {
	t.Parallel()
	for _, s := range []suite.Suite{suite.Standard, suite.GM} {
		key, err := suite.GenerateKey(s)
		require.NoError(t, err)
		signer, reader := NewSigner(key, "chain0", "group0"), NewReader(s, "chain0", "group0")
		rapid.Check(t, func(t *rapid.T) {
			to := common.BytesToAddress(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "to"))
			intent := chain.Intent{To: &to, Input: rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "input")}
			terms := chain.Terms{Nonce: signer.Nonce(rapid.String().Draw(t, "ref")), BlockLimit: uint64(rapid.Int64Min(1).Draw(t, "limit"))}
			want, err := signer.Sign(intent, terms)
			require.NoError(t, err)
			got, signed, err := reader.VerifyTx(want.Raw)
			require.NoError(t, err)
			require.Equal(t, intent, got)
			require.Equal(t, want, signed)
			got, signed, err = reader.ReadTx(want.Raw)
			require.NoError(t, err)
			require.Equal(t, intent, got)
			require.Equal(t, chain.SignedTx{Hash: want.Hash, Terms: terms, Raw: want.Raw}, signed)
		})
	}
}

func TestWhatASignerDoesNotMakeIsRefused(t *testing.T) {
	t.Parallel()
	key, err := suite.NewKey(suite.Standard, common.FromHex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"))
	require.NoError(t, err)
	to := common.HexToAddress("0x31ed5233b81c79d5adddeef991f531a9bbc2ad01")
	signed, err := NewSigner(key, "chain0", "group0").Sign(chain.Intent{To: &to, Input: []byte{1, 2}}, chain.Terms{Nonce: "7", BlockLimit: 9})
	require.NoError(t, err)
	reader := NewReader(suite.Standard, "chain0", "group0")
	changed := func(change func(*tars.Transaction)) []byte {
		t.Helper()
		tx, err := tars.DecodeTransaction(signed.Raw)
		require.NoError(t, err)
		change(&tx)
		return tx.Append(nil)
	}
	resigned := func(change func(*tars.Transaction)) []byte {
		return changed(func(tx *tars.Transaction) {
			change(tx)
			hash := Hash(suite.Standard, &tx.Data)
			tx.DataHash = hash[:]
			tx.Signature, err = key.Sign(hash)
			require.NoError(t, err)
		})
	}
	_, _, err = reader.VerifyTx(changed(func(*tars.Transaction) {}))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		raw  []byte
		kind chain.Kind
	}{
		"nothing":         {nil, chain.KindInvalid},
		"half":            {signed.Raw[:len(signed.Raw)/2], chain.KindInvalid},
		"more behind":     {append([]byte{}, append(signed.Raw, 0xfc, 0x0f)...), chain.KindInvalid},
		"no hash":         {changed(func(tx *tars.Transaction) { tx.DataHash = nil }), chain.KindInvalid},
		"another hash":    {changed(func(tx *tars.Transaction) { tx.DataHash = make([]byte, 32) }), chain.KindInvalid},
		"another input":   {changed(func(tx *tars.Transaction) { tx.Data.Input = []byte{3} }), chain.KindInvalid},
		"short signature": {changed(func(tx *tars.Transaction) { tx.Signature = tx.Signature[:64] }), chain.KindInvalid},
		"attribute":       {changed(func(tx *tars.Transaction) { tx.Attribute = 4 }), chain.KindInvalid},
		"extra data":      {changed(func(tx *tars.Transaction) { tx.ExtraData = "x" }), chain.KindInvalid},
		"sender":          {changed(func(tx *tars.Transaction) { tx.Sender = make([]byte, 20) }), chain.KindInvalid},
		"import time":     {changed(func(tx *tars.Transaction) { tx.ImportTime = 1 }), chain.KindInvalid},
		"unsigned value":  {changed(func(tx *tars.Transaction) { tx.Data.Value = "0x1" }), chain.KindInvalid},
		"value":           {resigned(func(tx *tars.Transaction) { tx.Data.Version, tx.Data.Value = 1, "0x1" }), chain.KindInvalid},
		"version 1":       {resigned(func(tx *tars.Transaction) { tx.Data.Version = 1 }), chain.KindInvalid},
		"0x before to":    {resigned(func(tx *tars.Transaction) { tx.Data.To = "0x" + tx.Data.To }), chain.KindInvalid},
		"upper case to":   {resigned(func(tx *tars.Transaction) { tx.Data.To = "31ED5233B81C79D5ADDDEEF991F531A9BBC2AD01" }), chain.KindInvalid},
		"no nonce":        {resigned(func(tx *tars.Transaction) { tx.Data.Nonce = "" }), chain.KindInvalid},
		"no block limit":  {resigned(func(tx *tars.Transaction) { tx.Data.BlockLimit = 0 }), chain.KindInvalid},
		"abi of a call":   {resigned(func(tx *tars.Transaction) { tx.Data.ABI = "[]" }), chain.KindInvalid},
		"another chain":   {resigned(func(tx *tars.Transaction) { tx.Data.ChainID = "chain1" }), chain.KindWrongChain},
		"another group":   {resigned(func(tx *tars.Transaction) { tx.Data.GroupID = "group1" }), chain.KindWrongChain},
	} {
		_, _, err := reader.ReadTx(c.raw)
		require.Equal(t, c.kind, chain.KindOf(err), "%s: %v", name, err)
		require.True(t, chain.Unsent(err), name)
	}
	// A signature of another key is another sender, not an error: who verifies compares.
	other, err := suite.GenerateKey(suite.Standard)
	require.NoError(t, err)
	signature, err := other.Sign(signed.Hash)
	require.NoError(t, err)
	_, got, err := reader.VerifyTx(changed(func(tx *tars.Transaction) { tx.Signature = signature }))
	require.NoError(t, err)
	require.Equal(t, other.Address(), got.From)
	// r and s that fit no key.
	_, _, err = reader.VerifyTx(changed(func(tx *tars.Transaction) { tx.Signature = make([]byte, 65) }))
	require.Equal(t, chain.KindInvalid, chain.KindOf(err))
}

func FuzzReader(f *testing.F) {
	key, err := suite.NewKey(suite.Standard, common.LeftPadBytes(big.NewInt(7).Bytes(), 32))
	require.NoError(f, err)
	signer, reader := NewSigner(key, "chain0", "group0"), NewReader(suite.Standard, "chain0", "group0")
	to := common.Address{1}
	signed, err := signer.Sign(chain.Intent{To: &to, Input: []byte{1}}, chain.Terms{Nonce: "1", BlockLimit: 1})
	require.NoError(f, err)
	f.Add(signed.Raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		intent, tx, err := reader.VerifyTx(raw)
		if err != nil {
			require.Contains(t, []chain.Kind{chain.KindInvalid, chain.KindWrongChain}, chain.KindOf(err))
			return
		}
		if tx.From != signer.Address() {
			return
		}
		again, err := signer.Sign(intent, tx.Terms)
		require.NoError(t, err)
		require.Equal(t, again.Hash, tx.Hash)
		require.Len(t, raw, len(again.Raw))
	})
}
