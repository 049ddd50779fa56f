package devchain

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

func TestReadTransactionRefusals(t *testing.T) {
	t.Parallel()
	good := vectorTransactions()["v0 call"]
	base := good.tx
	raw := unhex(good.raw)
	changed := func(change func(*Transaction)) []byte {
		tx := base
		change(&tx)
		return encodeTx(signed(testKey(0), tx))
	}
	hashed := func(hash []byte) []byte {
		tx := *signed(testKey(0), base)
		tx.DataHash = hash
		return encodeTx(&tx)
	}
	const mismatch = "transaction hash mismatching, maybe transaction version not support."
	const notHex = "transaction value or gasPrice or maxFeePerGas or maxPriorityFeePerGas is not hex string"
	v1 := func(value string) []byte {
		return changed(func(tx *Transaction) { tx.Version, tx.Value = 1, value })
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"nothing":               {nil, "Chain ID mismatch!"},
		"a zero byte":           {[]byte{0}, "Chain ID mismatch!"},
		"an empty struct":       {unhex("1a0b"), "Chain ID mismatch!"},
		"only an end":           {unhex("0b"), "Chain ID mismatch!"},
		"ones":                  {unhex("ffffffff"), "Chain ID mismatch!"},
		"an open struct":        {unhex("1a"), "buffer overflow when peekBuf, over 1."},
		"cut in the chain id":   {raw[:10], "buffer overflow"},
		"cut in the input":      {raw[:100], "buffer overflow"},
		"cut in the signature":  {raw[:len(raw)-2], "buffer overflow"},
		"data is a number":      {unhex("1001"), "type mismatch"},
		"nested without end":    {bytes.Repeat([]byte{0x0a}, 1<<20), "Chain ID mismatch!"},
		"another chain":         {changed(func(tx *Transaction) { tx.ChainID = "chain1" }), "Chain ID mismatch!"},
		"a wrong hash":          {hashed(bytes.Repeat([]byte{1}, 32)), mismatch},
		"zeros as hash":         {hashed(make([]byte, 32)), mismatch},
		"a short hash":          {hashed([]byte{1, 2, 3}), mismatch},
		"version -1":            {changed(func(tx *Transaction) { tx.Version = -1 }), mismatch},
		"version 3":             {changed(func(tx *Transaction) { tx.Version = 3 }), "transaction version 3 is not supported"},
		"value without 0x":      {v1("1"), notHex},
		"value not hex":         {v1("0xzz"), notHex},
		"value with 0X":         {v1("0X1"), notHex},
		"negative value":        {v1("-0x1"), notHex},
		"to with 0X":            {changed(func(tx *Transaction) { tx.To = "0X" + hello }), "transaction to is not hex"},
		"to in words":           {changed(func(tx *Transaction) { tx.To = "not hex" }), "transaction to is not hex"},
		"to with an odd length": {changed(func(tx *Transaction) { tx.To = "0x123" }), "transaction to is not hex"},
		"type 1 without a form": {append(bytes.Clone(raw), 0x90, 1), "the Ethereum form of the transaction cannot be read"},
		"type 2":                {append(bytes.Clone(raw), 0x90, 2), "transaction type 2 is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, refused := readTransaction(suite.Standard, c.raw, "chain0", 0)
			require.NotNil(t, refused)
			require.Equal(t, CodeOther, refused.Code)
			require.Contains(t, refused.Message, c.want)
			require.True(t, strings.HasPrefix(refused.Message, "Dynamic exception type: "))
		})
	}
}

func TestReadTransactionAccepts(t *testing.T) {
	t.Parallel()
	good := vectorTransactions()["v0 call"]
	base := good.tx
	raw := unhex(good.raw)
	without := func(change func(*Transaction)) []byte {
		tx := *signed(testKey(0), base)
		change(&tx)
		return encodeTx(&tx)
	}
	for name, data := range map[string][]byte{
		"bytes behind it":     append(bytes.Clone(raw), 0, 1, 2),
		"no data hash":        without(func(tx *Transaction) { tx.DataHash = nil }),
		"a sender of its own": append(bytes.Clone(raw), append(unhex("7d000014"), make([]byte, 20)...)...),
		"an unknown field":    append(bytes.Clone(raw), unhex("c00112")...),
		"version left out":    append(unhex("1a"), raw[2:]...),
		"the hash as a list":  bytes.Replace(raw, append(unhex("2d000020"), unhex(good.hash)...), asList(unhex(good.hash)), 1),
		"a wide block limit":  bytes.Replace(raw, unhex("4101f5"), unhex("43"+"00000000000001f5"), 1),
		"an import time":      append(bytes.Clone(raw), unhex("4101f5")...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tx, refused := readTransaction(suite.Standard, data, "chain0", 7)
			require.Nil(t, refused)
			require.Equal(t, good.hash, tx.Hash.Hex()[2:])
			require.EqualValues(t, 7, tx.ImportTime)
			require.EqualValues(t, 501, tx.BlockLimit)
			// What is stored reads as the same transaction again.
			again, err := decodeTransaction(tx.Raw())
			require.NoError(t, err)
			require.Equal(t, tx.Hash, again.computeHash(suite.Standard))
			require.Equal(t, tx.Signature, again.Signature)
		})
	}
}

// asList is a byte array in the form that official writers never use: field 2 as a
// list of integers.
func asList(b []byte) []byte {
	out := []byte{0x29, 0x00, byte(len(b))}
	for _, c := range b {
		out = append(out, 0x00, c)
	}
	return out
}

// The caller may reuse its buffer.
func TestReadTransactionCopies(t *testing.T) {
	t.Parallel()
	raw := unhex(vectorTransactions()["v2 call"].raw)
	tx, refused := readTransaction(suite.Standard, raw, "chain0", 0)
	require.Nil(t, refused)
	clear(raw)
	require.Equal(t, unhex(setInput), tx.Input)
	require.Equal(t, "ext", string(tx.Extension))
}

func FuzzDecodeTransaction(f *testing.F) {
	for _, v := range vectorTransactions() {
		f.Add(unhex(v.raw))
	}
	for _, text := range []string{"", "00", "1a", "1a0b", "0b", "ffffffff", "1a1c2606636861696e30", "7d00027fffffff", "1a7d0003ffffffffffffffff", "0a0a0a0a", "190c", "78027fffffff", "f9ff020000ffff"} {
		f.Add(unhex(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tx, err := decodeTransaction(bytes.Clone(data))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(data, tx.Raw()) {
			t.Fatalf("raw %x is no beginning of %x", tx.Raw(), data)
		}
		again, err := decodeTransaction(tx.Raw())
		if err != nil {
			t.Fatalf("what was kept cannot be read again: %v", err)
		}
		if again.computeHash(suite.Standard) != tx.computeHash(suite.Standard) || !bytes.Equal(again.Signature, tx.Signature) || again.ExtraData != tx.ExtraData || again.Attribute != tx.Attribute {
			t.Fatalf("what was kept reads differently: %+v, %+v", tx, again)
		}
		if len(tx.Input) > len(data) || len(tx.Nonce) > len(data) {
			t.Fatal("more came out than went in")
		}
		_, _ = readTransaction(suite.Standard, data, tx.ChainID, 0)
	})
}
