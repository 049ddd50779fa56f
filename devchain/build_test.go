package devchain

import (
	"context"
	"crypto/ecdsa"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bcosgate/bcosgate/devchain/suite"
	"github.com/bcosgate/bcosgate/internal/golden"
)

func TestMain(m *testing.M) {
	if dir := childDir(); dir != "" {
		runChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// testKey is key i of the recordings.
func testKey(i byte) *ecdsa.PrivateKey {
	secret := golden.Key(i)
	key, err := crypto.ToECDSA(secret[:])
	if err != nil {
		panic(err)
	}
	return key
}

// nodeKeyOf is a key as a sealer's of a standard chain.
func nodeKeyOf(key *ecdsa.PrivateKey) *suite.Key {
	nodeKey, err := suite.NewKey(suite.Standard, [32]byte(crypto.FromECDSA(key)))
	if err != nil {
		panic(err)
	}
	return nodeKey
}

func addressOf(key *ecdsa.PrivateKey) common.Address { return crypto.PubkeyToAddress(key.PublicKey) }

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// tarsWriter writes TARS for the tests, apart from the reader's rules.
type tarsWriter struct{ out []byte }

func (w *tarsWriter) head(tag, typ byte) { w.out = append(w.out, tag<<4|typ) }

func (w *tarsWriter) integer(tag byte, n int64) {
	switch {
	case n == 0:
		w.head(tag, tarsZero)
	case n == int64(int8(n)):
		w.head(tag, tarsInt8)
		w.out = append(w.out, byte(n))
	case n == int64(int16(n)):
		w.head(tag, tarsInt16)
		w.out = binary.BigEndian.AppendUint16(w.out, uint16(n))
	case n == int64(int32(n)):
		w.head(tag, tarsInt32)
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(n))
	default:
		w.head(tag, tarsInt64)
		w.out = binary.BigEndian.AppendUint64(w.out, uint64(n))
	}
}

func (w *tarsWriter) optional(tag byte, n int64) {
	if n != 0 {
		w.integer(tag, n)
	}
}

func (w *tarsWriter) text(tag byte, s string) {
	switch {
	case s == "":
		return
	case len(s) <= 255:
		w.head(tag, tarsString1)
		w.out = append(w.out, byte(len(s)))
	default:
		w.head(tag, tarsString4)
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(len(s)))
	}
	w.out = append(w.out, s...)
}

func (w *tarsWriter) bytes(tag byte, b []byte) {
	if len(b) == 0 {
		return
	}
	w.head(tag, tarsBytes)
	w.head(0, tarsInt8)
	w.integer(0, int64(len(b)))
	w.out = append(w.out, b...)
}

func encodeTx(tx *Transaction) []byte {
	w := &tarsWriter{}
	w.head(1, tarsStructBegin)
	w.integer(1, int64(tx.Version))
	w.text(2, tx.ChainID)
	w.text(3, tx.GroupID)
	w.optional(4, tx.BlockLimit)
	w.text(5, tx.Nonce)
	w.text(6, tx.To)
	w.bytes(7, tx.Input)
	w.text(8, tx.ABI)
	w.text(9, tx.Value)
	w.text(10, tx.GasPrice)
	w.optional(11, tx.GasLimit)
	w.text(12, tx.MaxFeePerGas)
	w.text(13, tx.MaxPriorityFeePerGas)
	if len(tx.Extension) > 0 {
		w.bytes(14, tx.Extension)
	}
	w.out = append(w.out, tarsStructEnd)
	w.bytes(2, tx.DataHash)
	w.bytes(3, tx.Signature)
	w.optional(5, int64(tx.Attribute))
	w.text(8, tx.ExtraData)
	return w.out
}

// signed completes a transaction: chain, group, hash and signature.
func signed(key *ecdsa.PrivateKey, tx Transaction) *Transaction {
	if tx.ChainID == "" {
		tx.ChainID = "chain0"
	}
	if tx.GroupID == "" {
		tx.GroupID = "group0"
	}
	tx.Hash = tx.computeHash(suite.Standard)
	tx.DataHash = tx.Hash[:]
	signature, err := crypto.Sign(tx.Hash[:], key)
	if err != nil {
		panic(err)
	}
	tx.Signature = signature
	return &tx
}

// testChain is a running chain and an account on it.
type testChain struct {
	*Chain
	t     testing.TB
	cfg   Config
	key   *ecdsa.PrivateKey
	nonce atomic.Int64
}

func testConfig(t testing.TB) Config { return testConfigOf(t, suite.Standard) }

func testConfigOf(t testing.TB, s suite.Suite) Config {
	genesis := DefaultGenesis()
	genesis.Suite = s
	key, err := suite.NewKey(s, [32]byte(crypto.FromECDSA(testKey(0))))
	require.NoError(t, err)
	genesis.Sealers = []Sealer{{PublicKey: key.PublicKey()}}
	return Config{Genesis: genesis, DataDir: t.TempDir(), NodeKeys: []*suite.Key{key}, MinSealTime: -1}
}

// newTestChain starts a chain that makes blocks at once; change may alter that.
func newTestChain(t testing.TB, change ...func(*Config)) *testChain {
	t.Helper()
	cfg := testConfig(t)
	for _, f := range change {
		f(&cfg)
	}
	return startTestChain(t, cfg)
}

func startTestChain(t testing.TB, cfg Config) *testChain {
	t.Helper()
	chain, err := Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, chain.Close()) })
	require.NoError(t, chain.Start(t.Context()))
	return &testChain{Chain: chain, t: t, cfg: cfg, key: testKey(1)}
}

// tx is a signed transaction with a new nonce that can land now.
func (c *testChain) tx(to string, input []byte) *Transaction {
	return signed(c.key, Transaction{
		To: to, Input: input,
		Nonce:      fmt.Sprintf("%p-%d", c, c.nonce.Add(1)),
		BlockLimit: int64(c.Head().Number) + 500,
	})
}

func (c *testChain) send(tx *Transaction) (Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return c.SendTransaction(ctx, encodeTx(tx))
}

// must sends a transaction that lands.
func (c *testChain) must(tx *Transaction) *Receipt {
	c.t.Helper()
	result, err := c.send(tx)
	require.NoError(c.t, err)
	require.False(c.t, result.Dropped)
	return result.Receipt
}

// refused sends a transaction that is refused and gives the code.
func (c *testChain) refused(tx *Transaction) int {
	c.t.Helper()
	_, err := c.send(tx)
	return codeOf(c.t, err)
}

func codeOf(t testing.TB, err error) int {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	return refused.Code
}

// deploy puts runtime code on the chain and gives its address.
func (c *testChain) deploy(code []byte) common.Address {
	c.t.Helper()
	receipt := c.must(c.tx("", initCode(code)))
	require.Equal(c.t, StatusNone, receipt.Status)
	return *receipt.ContractAddress
}

// initCode returns code: PUSH2 len, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN.
func initCode(code []byte) []byte {
	head := []byte{0x61, byte(len(code) >> 8), byte(len(code)), 0x80, 0x60, 12, 0x60, 0, 0x39, 0x60, 0, 0xf3}
	return append(head, code...)
}

func hexOf(addr common.Address) string { return hex.EncodeToString(addr[:]) }

// Small contracts, by hand.
var (
	// stores the first word of the input at slot 0 and logs it with topic 0xaa:
	// PUSH1 0 CALLDATALOAD DUP1 PUSH1 0 SSTORE PUSH1 0 MSTORE PUSH1 aa PUSH1 20 PUSH1 0 LOG1 STOP
	storeCode = unhex("60003580600055600052" + "60aa" + "6020" + "6000" + "a1" + "00")
	// returns slot 0: PUSH1 0 SLOAD PUSH1 0 MSTORE PUSH1 20 PUSH1 0 RETURN
	loadCode = unhex("6000546000526020" + "6000" + "f3")
	// stores, logs, then reverts with the input as data:
	// as storeCode without STOP, then CALLDATASIZE PUSH1 0 PUSH1 0 CALLDATACOPY CALLDATASIZE PUSH1 0 REVERT
	revertCode = unhex("60003580600055600052" + "60aa" + "6020" + "6000" + "a1" + "3660006000373660" + "00fd")
)

func word(n uint64) []byte {
	out := make([]byte, 32)
	binary.BigEndian.PutUint64(out[24:], n)
	return out
}
