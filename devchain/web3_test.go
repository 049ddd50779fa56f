package devchain

import (
	"bytes"
	"crypto/ecdsa"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/holiman/uint256"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/flatstate"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// fund gives an account a balance before the chain makes blocks.
func (c *testChain) fund(addr common.Address, amount uint64) {
	c.t.Helper()
	db := flatstate.New(c.ledger, nil)
	st, err := flatstate.NewStateDB(db)
	require.NoError(c.t, err)
	st.AddBalance(addr, uint256.NewInt(amount), tracing.BalanceChangeUnspecified)
	_, err = st.Commit(cancunRules(0).Rules(new(big.Int), true, 0), 0)
	require.NoError(c.t, err)
	require.NoError(c.t, c.ledger.write(db.Changes()))
	v, err := c.newView()
	require.NoError(c.t, err)
	c.show(v)
}

// newWeb3Chain has a million on the account of key 1.
func newWeb3Chain(t testing.TB, change ...func(*Config)) *testChain {
	c := newTestChain(t, change...)
	c.fund(addressOf(c.key), 1_000_000)
	return c
}

const web3ChainID = 20200

func sign(t testing.TB, key *ecdsa.PrivateKey, tx types.TxData) *types.Transaction {
	t.Helper()
	signed, err := types.SignNewTx(key, types.LatestSignerForChainID(big.NewInt(web3ChainID)), tx)
	require.NoError(t, err)
	return signed
}

func rawOf(t testing.TB, tx *types.Transaction) []byte {
	t.Helper()
	raw, err := tx.MarshalBinary()
	require.NoError(t, err)
	return raw
}

// raw signs a transaction of the chain's account.
func (c *testChain) raw(tx types.TxData) []byte { return rawOf(c.t, sign(c.t, c.key, tx)) }

// land sends a raw transaction that is executed.
func (c *testChain) land(raw []byte) (*Transaction, *Receipt) {
	c.t.Helper()
	s, err := c.SubmitEthereum(raw)
	require.NoError(c.t, err)
	result, err := s.Wait(c.t.Context())
	require.NoError(c.t, err)
	require.False(c.t, result.Dropped)
	require.Equal(c.t, s.Hash, result.Transaction.Hash)
	return result.Transaction, result.Receipt
}

func (c *testChain) refusedRaw(raw []byte) *Error {
	c.t.Helper()
	_, err := c.SubmitEthereum(raw)
	var refused *Error
	require.ErrorAs(c.t, err, &refused)
	return refused
}

// unhurried leaves time to send several transactions before a block is made.
func unhurried(cfg *Config) { cfg.MinSealTime = time.Minute }

func nonceFail() *Error { return &Error{Code: CodeInternal, Message: "NonceCheckFail"} }

// calls of the account's nonces to nowhere.
func (c *testChain) simple(nonce uint64) []byte {
	return c.raw(&types.LegacyTx{Nonce: nonce, To: &common.Address{1}, Value: new(big.Int), GasPrice: new(big.Int)})
}

func TestEveryKindOfEthereumTransactionDeploys(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	c := startTestChain(t, cfg)
	c.fund(addressOf(c.key), 1_000_000)
	code := initCode(storeCode)
	id := big.NewInt(web3ChainID)
	unprotected, err := types.SignNewTx(c.key, types.HomesteadSigner{}, &types.LegacyTx{Nonce: 0, Data: code, GasPrice: big.NewInt(7), Gas: 5})
	require.NoError(t, err)
	list := types.AccessList{{Address: common.Address{1}, StorageKeys: []common.Hash{{2}, {3}}}, {Address: common.Address{4}}}
	sent := []*types.Transaction{
		unprotected,
		sign(t, c.key, &types.LegacyTx{Nonce: 1, Data: code}),
		sign(t, c.key, &types.AccessListTx{ChainID: id, Nonce: 2, Data: code, AccessList: list, GasPrice: big.NewInt(1)}),
		sign(t, c.key, &types.DynamicFeeTx{ChainID: id, Nonce: 3, Data: code, AccessList: list, GasFeeCap: big.NewInt(9), GasTipCap: big.NewInt(2)}),
		sign(t, c.key, &types.BlobTx{
			ChainID: uint256.NewInt(web3ChainID), Nonce: 4, To: common.Address{0xaa}, BlobHashes: []common.Hash{{1}}, BlobFeeCap: uint256.NewInt(3),
		}),
	}
	var receipts []*Receipt
	for nonce, tx := range sent {
		own, r := c.land(rawOf(t, tx))
		require.Equal(t, tx.Hash(), own.Hash)
		require.Equal(t, tx.Hash(), r.TxHash)
		require.Equal(t, addressOf(c.key), own.Sender)
		require.Equal(t, tx.Type(), own.Ethereum.Kind)
		require.Equal(t, StatusNone, r.Status)
		require.Zero(t, r.Version)
		require.Equal(t, r.computeHash(suite.Standard), r.Hash)
		if tx.To() == nil {
			require.Equal(t, crypto.CreateAddress(addressOf(c.key), uint64(nonce)), *r.ContractAddress)
		}
		account, err := c.Account(addressOf(c.key))
		require.NoError(t, err)
		require.EqualValues(t, nonce+1, account.Nonce)
		receipts = append(receipts, r)
	}
	require.NoError(t, c.Close())

	again := startTestChain(t, cfg)
	for i, tx := range sent {
		r, err := again.Receipt(tx.Hash())
		require.NoError(t, err)
		require.Equal(t, receipts[i].Hash, r.Hash)
		own, err := again.Transaction(tx.Hash())
		require.NoError(t, err)
		require.Equal(t, addressOf(c.key), own.Sender)
		require.Equal(t, tx.Nonce(), own.Ethereum.Nonce)
		require.Equal(t, len(tx.AccessList()), len(own.Ethereum.AccessList))
		require.Equal(t, tx.BlobHashes(), own.Ethereum.BlobHashes)
		require.Equal(t, nonceFail(), again.refusedRaw(rawOf(t, tx)), "also after a restart")
	}
	_, r := again.land(again.simple(5))
	require.Equal(t, StatusNone, r.Status)
}

func TestEthereumTransactionAsTheNativeSideShowsIt(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	tx, _ := c.land(c.raw(&types.LegacyTx{Nonce: 0, To: &common.Address{0xab}, Value: big.NewInt(12345), GasPrice: big.NewInt(7), Gas: 21000}))
	require.Equal(t, "20200", tx.ChainID)
	require.Empty(t, tx.GroupID)
	require.Zero(t, tx.BlockLimit)
	require.Equal(t, "0x0", tx.Nonce)
	require.Equal(t, "0xab00000000000000000000000000000000000000", tx.To)
	require.Equal(t, "0x3039", tx.Value)
	require.Equal(t, "0x7", tx.GasPrice)
	require.EqualValues(t, 21000, tx.GasLimit)
	require.Len(t, tx.Signature, 65)
	got, err := c.Account(common.Address{0xab})
	require.NoError(t, err)
	require.Equal(t, Account{Balance: big.NewInt(12345)}, got)
	sender, err := c.Account(addressOf(c.key))
	require.NoError(t, err)
	require.Equal(t, Account{Nonce: 1, Balance: big.NewInt(1_000_000 - 12345)}, sender, "gas costs nothing")
}

func TestEthereumTransactionsAreRefusedAsByANode(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	legacy := func(nonce uint64) *types.LegacyTx {
		return &types.LegacyTx{Nonce: nonce, To: &common.Address{1}, Value: new(big.Int), GasPrice: new(big.Int)}
	}
	other, err := types.SignNewTx(c.key, types.LatestSignerForChainID(big.NewInt(1)), legacy(4))
	require.NoError(t, err)
	rich := legacy(5)
	rich.Value = big.NewInt(1_000_001)
	long := legacy(6)
	long.Data = make([]byte, maxInitCode+1)
	c.land(c.simple(0))
	typed := func(v uint64) []byte {
		tx := &EthereumTransaction{Kind: 1, ChainID: new(uint64), MaxFeePerGas: new(big.Int), Value: new(big.Int), Nonce: 7}
		return tx.encode(v, big.NewInt(1), big.NewInt(1))
	}
	for _, x := range []struct {
		name string
		raw  []byte
		code int
		text string
	}{
		{"a used nonce", c.raw(&types.LegacyTx{Nonce: 0, To: &common.Address{2}, Value: new(big.Int), GasPrice: new(big.Int)}), CodeInternal, "NonceCheckFail"},
		{"as far ahead as can be, and one", c.simple(600_002), CodeInternal, "NonceCheckFail"},
		{"another chain", rawOf(t, other), CodeInternal, "InvalidChainId"},
		{"the nonce of a transaction for another chain", c.simple(4), CodeInternal, "NonceCheckFail"},
		{"more than there is", c.raw(rich), CodeInvalidParams, "InsufficientFunds"},
		{"nothing there", rawOf(t, sign(t, testKey(7), legacy(0))), CodeInvalidParams, "InsufficientFunds"},
		{"too long", c.raw(long), CodeInternal, "MaxInitCodeSizeExceeded"},
		{"no signature", typed(0)[:10], CodeInvalidParams, "Input data is too short"},
		{"v of 2", typed(2), CodeInternal, Dump("boost::wrapexcept<bcos::crypto::InvalidSignature>", "std::exception")},
		{"v that ends a node", typed(4), CodeInternal, Dump("boost::wrapexcept<bcos::crypto::InvalidSignature>", "std::exception")},
	} {
		require.Equal(t, &Error{Code: x.code, Message: x.text}, c.refusedRaw(x.raw), x.name)
	}
	_, r := c.land(c.simple(600_001))
	require.Equal(t, StatusNone, r.Status, "gaps are allowed, as on a node")
	account, err := c.Account(addressOf(c.key))
	require.NoError(t, err)
	require.EqualValues(t, 600_002, account.Nonce)
}

func TestPendingNonce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTestChain(t, inMemory, unhurried)
		defer c.Close()
		c.fund(addressOf(c.key), 1)
		want := func(nonce uint64) {
			t.Helper()
			got, err := c.PendingNonce(addressOf(c.key))
			require.NoError(t, err)
			require.Equal(t, nonce, got)
		}
		want(0)
		var last *Submission
		for nonce := range uint64(3) {
			s, err := c.SubmitEthereum(c.simple(nonce))
			require.NoError(t, err)
			want(nonce + 1)
			require.Equal(t, &Error{Code: CodeInternal, Message: "AlreadyInTxPool"}, c.refusedRaw(c.simple(nonce)))
			last = s
		}
		other := c.raw(&types.LegacyTx{Nonce: 1, To: &common.Address{9}, Value: new(big.Int), GasPrice: new(big.Int)})
		require.Equal(t, nonceFail(), c.refusedRaw(other), "a nonce that waits cannot be replaced")
		_, err := last.Wait(t.Context())
		require.NoError(t, err)
		want(3)
		account, err := c.Account(addressOf(c.key))
		require.NoError(t, err)
		require.EqualValues(t, 3, account.Nonce)
	})
}

// A transaction whose nonce was used up by a later one in a block before is thrown
// out; in one block both are executed.
func TestNoncesOutOfOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTestChain(t, inMemory, unhurried, func(cfg *Config) { cfg.Genesis.TxCountLimit = 2 })
		defer c.Close()
		c.fund(addressOf(c.key), 1)
		var sent []*Submission
		for _, nonce := range []uint64{7, 5, 6} {
			s, err := c.SubmitEthereum(c.simple(nonce))
			require.NoError(t, err)
			sent = append(sent, s)
		}
		for i, dropped := range []bool{false, false, true} {
			result, err := sent[i].Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, dropped, result.Dropped)
		}
		account, err := c.Account(addressOf(c.key))
		require.NoError(t, err)
		require.EqualValues(t, 9, account.Nonce)
	})
}

func TestAFailedEthereumTransactionCountsItsNonce(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	at := c.deploy(revertCode)
	_, r := c.land(c.raw(&types.LegacyTx{Nonce: 0, To: &at, Data: word(1), Value: big.NewInt(5)}))
	require.Equal(t, StatusRevert, r.Status)
	account, err := c.Account(addressOf(c.key))
	require.NoError(t, err)
	require.Equal(t, Account{Nonce: 1, Balance: big.NewInt(1_000_000)}, account)
}

// failingFactory creates a contract without code and returns its address; with input
// the creation code is INVALID, so that it fails:
// CALLDATASIZE PUSH1 fe MUL PUSH1 0 MSTORE8, CALLDATASIZE PUSH1 0 PUSH1 0 CREATE,
// PUSH1 0 MSTORE, PUSH1 20 PUSH1 0 RETURN. One byte of input at most.
var failingFactory = unhex("3660fe02600053" + "3660006000f0" + "600052" + "60206000f3")

func TestContractsThatContractsCreate(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	at := c.deploy(failingFactory)
	nonce := uint64(0)
	web3 := func(input ...byte) []byte {
		t.Helper()
		_, r := c.land(c.raw(&types.LegacyTx{Nonce: nonce, To: &at, Data: input}))
		require.Equal(t, StatusNone, r.Status)
		nonce++
		return r.Output
	}
	created := func(n uint64) []byte { return common.LeftPadBytes(crypto.CreateAddress(at, n).Bytes(), 32) }
	require.Equal(t, created(1), web3(), "a contract begins with nonce 1")
	require.Equal(t, created(2), web3())
	require.Equal(t, make([]byte, 32), web3(1))
	require.Equal(t, created(3), web3(), "a creation that failed does not count")
	native := c.must(c.tx(hexOf(at), nil))
	require.Equal(t, common.LeftPadBytes(contractAddress(suite.Standard, native.BlockNumber, 0, 1).Bytes(), 32), native.Output)
	require.Equal(t, created(4), web3(), "native creations do not count")
}

func TestType1InTheNativeForm(t *testing.T) {
	t.Parallel()
	tx := func(c *testChain) *Transaction {
		own, refused := decodeWeb3(c.simple(0))
		require.NoError(t, refused)
		return own
	}
	c := newWeb3Chain(t)
	send := func(c *testChain, tx *Transaction) error {
		_, err := c.SendTransaction(t.Context(), tx.encode())
		return err
	}
	require.ErrorContains(t, send(c, tx(c)), "Chain ID mismatch!", "as on a node: its chain id is that of Ethereum")
	forged := tx(c)
	forged.ChainID = "chain0"
	require.Equal(t, refusal(StatusInvalidChainID), send(c, forged))
	forged.Signature = forged.Signature[:64]
	require.Equal(t, refusal(StatusInvalidSignature), send(c, forged))

	c = newWeb3Chain(t, func(cfg *Config) { cfg.Genesis.ChainID = "20200" })
	forged = tx(c)
	forged.Input = []byte{1}
	require.ErrorContains(t, send(c, forged), "differ from its Ethereum form", "the signature does not cover it")
	require.NoError(t, send(c, tx(c)))
	require.Equal(t, refusal(StatusNonceCheckFail), send(c, tx(c)))
}

func decodeWeb3(raw []byte) (*Transaction, error) {
	eth, sig, err := decodeEthereum(raw)
	if err != nil {
		return nil, err
	}
	return newWeb3Transaction(eth, sig)
}

func TestCallForTheWeb3Port(t *testing.T) {
	t.Parallel()
	c := newWeb3Chain(t)
	// returns the sender and the value: CALLER PUSH1 0 MSTORE CALLVALUE PUSH1 20 MSTORE PUSH1 40 PUSH1 0 RETURN
	at := c.deploy(unhex("33600052" + "34602052" + "60406000f3"))
	from := addressOf(c.key)
	got, err := c.Call(t.Context(), CallArgs{To: hexOf(at), From: from, Value: big.NewInt(5)})
	require.NoError(t, err)
	require.Equal(t, append(common.LeftPadBytes(from[:], 32), word(5)...), got.Output)
	require.Greater(t, got.GasUsed, uint64(21000))
	got, err = c.Call(t.Context(), CallArgs{To: hexOf(at), From: from, Value: big.NewInt(1_000_001)})
	require.NoError(t, err)
	require.Equal(t, StatusNotEnoughCash, got.Status)
	got, err = c.Call(t.Context(), CallArgs{Input: initCode(storeCode)})
	require.NoError(t, err)
	require.Equal(t, StatusNone, got.Status)
	require.Empty(t, got.Output)
	require.NotZero(t, got.GasUsed)
}

// What go-ethereum reads this chain reads alike, with the same hash and sender.
func FuzzDecodeEthereum(f *testing.F) {
	key := testKey(1)
	id := big.NewInt(web3ChainID)
	to := common.Address{1}
	for _, tx := range []types.TxData{
		&types.LegacyTx{Nonce: 1, To: &to, Data: []byte{1}, Value: big.NewInt(5), GasPrice: big.NewInt(7)},
		&types.AccessListTx{ChainID: id, AccessList: types.AccessList{{Address: to, StorageKeys: []common.Hash{{1}}}}},
		&types.DynamicFeeTx{ChainID: id, To: &to, Data: make([]byte, 60)},
		&types.BlobTx{ChainID: uint256.MustFromBig(id), BlobHashes: []common.Hash{{1}}},
	} {
		f.Add(rawOf(f, sign(f, key, tx)))
	}
	f.Add(unhex("01"))
	f.Add(unhex("c0"))
	f.Add(unhex("f90001"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		own, err := decodeWeb3(bytes.Clone(raw))
		if err == nil {
			again, err := decodeTransaction(own.raw)
			require.NoError(t, err)
			require.NoError(t, again.unfit)
			require.Equal(t, own.Ethereum.signedBytes(), again.Ethereum.signedBytes())
			require.Equal(t, own.Ethereum.chainID(), again.Ethereum.chainID())
		}
		var theirs types.Transaction
		if theirs.UnmarshalBinary(raw) != nil || theirs.Type() > KindBlob || !theirs.ChainId().IsUint64() || theirs.BlobTxSidecar() != nil {
			return
		}
		sender, signErr := types.Sender(types.LatestSignerForChainID(theirs.ChainId()), &theirs)
		if signErr != nil {
			return
		}
		require.NoError(t, err)
		require.Equal(t, theirs.Hash(), own.Hash)
		require.Equal(t, sender, own.Sender)
		require.Equal(t, theirs.Nonce(), own.Ethereum.Nonce)
		require.Equal(t, theirs.Value(), own.Ethereum.Value)
		require.Equal(t, theirs.To(), own.Ethereum.To)
		require.True(t, bytes.Equal(theirs.Data(), own.Input))
	})
}
