package devchain

import (
	"context"
	"encoding/hex"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

func TestDeployAndCall(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	deploy := *c.tx("", initCode(storeCode))
	deploy.ABI = `[{"type":"fallback"}]`
	r := c.must(signed(c.key, deploy))
	require.Equal(t, StatusNone, r.Status)
	require.Equal(t, hello, hexOf(*r.ContractAddress), "block 1, transaction 0")
	require.EqualValues(t, 20*len(storeCode)+24, r.GasUsed, "no base, 20 a byte of code")
	require.Empty(t, r.Output)

	code, err := c.Code(*r.ContractAddress)
	require.NoError(t, err)
	require.Equal(t, storeCode, code)
	abi, err := c.ABI(*r.ContractAddress)
	require.NoError(t, err)
	require.Equal(t, deploy.ABI, abi)
	again := c.deploy(storeCode)
	abi, err = c.ABI(again)
	require.NoError(t, err)
	require.Equal(t, deploy.ABI, abi, "a copy of the code has its ABI")

	for _, to := range []string{hello, "0x" + hello, strings.ToUpper(hello)} {
		tx := c.tx(to, word(7))
		r = c.must(tx)
		require.Equal(t, StatusNone, r.Status)
		require.Nil(t, r.ContractAddress)
		require.Equal(t, []Log{{Address: common.HexToAddress(hello), Topics: []common.Hash{common.BytesToHash([]byte{0xaa})}, Data: word(7)}}, r.Logs)
		stored, err := c.Transaction(tx.Hash)
		require.NoError(t, err)
		require.Equal(t, to, stored.To, "the text as sent")
	}
	nothing, err := c.Code(common.HexToAddress("dead"))
	require.NoError(t, err)
	require.Nil(t, nothing)
	abi, err = c.ABI(common.HexToAddress("dead"))
	require.NoError(t, err)
	require.Empty(t, abi)
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	const all = 50_000_000 // gas of a transaction: as endless as 3,000,000,000, but sooner
	c := newTestChain(t, func(cfg *Config) { cfg.Genesis.GasLimit = all })
	loop := unhex("5b600056")         // JUMPDEST PUSH1 0 JUMP
	overflow := unhex("5b6001600056") // leaves a word a turn
	reverting := c.deploy(revertCode)
	for name, tc := range map[string]struct {
		code   []byte // deployed; nil calls to
		to     string
		input  []byte
		want   Status
		output []byte
		gas    uint64 // 0: not looked at
	}{
		"revert with data":       {to: hexOf(reverting), input: word(9), want: StatusRevert, output: word(9)},
		"revert without data":    {code: unhex("60006000fd"), want: StatusRevert, gas: 21006},
		"endless loop":           {code: loop, want: StatusOutOfGas, output: errorString(suite.Standard, "Execution out of gas."), gas: all},
		"jump to nowhere":        {code: unhex("600356"), want: StatusOutOfGas, gas: 21000},
		"undefined instruction":  {code: unhex("0c"), want: StatusBadInstruction, output: errorString(suite.Standard, "Execution invalid/undefined opcode."), gas: all},
		"INVALID":                {code: unhex("fe"), want: StatusBadInstruction, output: errorString(suite.Standard, "Execution invalid/undefined opcode."), gas: all},
		"empty stack":            {code: unhex("01"), want: StatusStackUnderflow, output: errorString(suite.Standard, "Execution needs more items on EVM stack."), gas: all},
		"full stack":             {code: overflow, want: StatusOutOfStack, output: errorString(suite.Standard, "Execution stack overflow."), gas: all},
		"STOP":                   {code: unhex("00"), want: StatusNone, gas: 21000},
		"no code, data":          {to: "00000000000000000000000000000000000dead1", input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error."), gas: 21000},
		"no code, no data":       {to: "00000000000000000000000000000000000dead1", want: StatusNone, gas: 21000},
		"zero address, data":     {to: strings.Repeat("0", 40), input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error.")},
		"short to":               {to: "0x12", input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error.")},
		"only 0x":                {to: "0x", input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error.")},
		"long to":                {to: strings.Repeat("1", 44), input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error.")},
		"identity":               {to: strings.Repeat("0", 39) + "4", input: []byte("identity"), want: StatusNone, output: []byte("identity"), gas: 21018},
		"no point evaluation":    {to: strings.Repeat("0", 39) + "a", input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error.")},
		"a system contract":      {to: strings.Repeat("0", 36) + "1000", input: []byte{1}, want: StatusPrecompiledError, output: errorString(suite.Standard, "Empty param data in precompiled call"), gas: 21000},
		"an unused system place": {to: strings.Repeat("0", 36) + "1008", input: []byte{1}, want: StatusRevert, output: errorString(suite.Standard, "Call address error.")},
	} {
		t.Run(name, func(t *testing.T) {
			to := tc.to
			if tc.code != nil {
				to = hexOf(c.deploy(tc.code))
			}
			tx := c.tx(to, tc.input)
			r := c.must(tx)
			require.Equal(t, tc.want, r.Status, r.Status.String())
			require.Equal(t, hex.EncodeToString(tc.output), hex.EncodeToString(r.Output))
			if tc.gas != 0 {
				require.Equal(t, tc.gas, r.GasUsed)
			}
			if tc.want != StatusNone {
				require.Empty(t, r.Logs, "a failed transaction has no logs")
			}
			// A read fails and succeeds alike.
			if name == "endless loop" {
				return // once is slow enough
			}
			got, err := c.Call(t.Context(), CallArgs{To: to, Input: tc.input})
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Status)
			require.Equal(t, hex.EncodeToString(tc.output), hex.EncodeToString(got.Output))
		})
	}
	totals := c.Totals()
	require.Equal(t, c.Head().Number, totals.BlockNumber)
	require.EqualValues(t, 16, totals.Failed)
}

func TestDeployments(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	for name, tc := range map[string]struct {
		init []byte
		want Status
		code []byte
	}{
		"empty input":                 {nil, StatusNone, nil},
		"no return":                   {unhex("00"), StatusNone, nil},
		"code begins with ef":         {initCode(unhex("ef00")), StatusNone, unhex("ef00")},
		"more than Ethereum's 24 KiB": {initCode(make([]byte, 40000)), StatusNone, make([]byte, 40000)},
		"invalid":                     {unhex("fe"), StatusBadInstruction, nil},
		"reverts with a byte":         {unhex("60016000fd"), StatusRevert, nil},
		// EXTCODESIZE(ADDRESS) while it is made, as code: ADDRESS EXTCODESIZE PUSH1 0 MSTORE8 PUSH1 1 PUSH1 0 RETURN
		"has no code while it is made": {unhex("303b60005360016000f3"), StatusNone, []byte{0}},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.must(c.tx("", tc.init))
			require.Equal(t, tc.want, r.Status)
			if tc.want != StatusNone {
				require.Nil(t, r.ContractAddress)
				return
			}
			require.Equal(t, contractAddress(suite.Standard, r.BlockNumber, 0, 0), *r.ContractAddress)
			code, err := c.Code(*r.ContractAddress)
			require.NoError(t, err)
			require.Equal(t, tc.code, code)
		})
	}
}

func TestValueNeedsBalance(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	for _, value := range []string{"0x1", "0x" + strings.Repeat("f", 512)} {
		for _, to := range []string{"", hello} {
			tx := *c.tx(to, []byte{1})
			tx.Version, tx.Value = 1, value
			r := c.must(signed(c.key, tx))
			require.Equal(t, StatusNotEnoughCash, r.Status)
			require.Equal(t, errorString(suite.Standard, "Account balance is not enough!"), r.Output)
			require.Zero(t, r.GasUsed)
		}
	}
	for _, value := range []string{"", "0x", "0x0", "0x000"} {
		tx := *c.tx(hello, nil)
		tx.Version, tx.Value = 1, value
		require.Equal(t, StatusNone, c.must(signed(c.key, tx)).Status)
	}
	// Version 0 has no value, whatever the field says.
	tx := *c.tx(hello, nil)
	tx.Value = "0x1"
	require.Equal(t, StatusNone, c.must(signed(c.key, tx)).Status)
}

// env returns NUMBER TIMESTAMP CHAINID COINBASE PREVRANDAO GASLIMIT BASEFEE GASPRICE
// CALLER ORIGIN BLOCKHASH(0) EXTCODESIZE(0x1000) EXTCODEHASH(0x1000) BLOCKHASH(NUMBER).
var envOps = []string{"43", "42", "46", "41", "44", "45", "48", "3a", "33", "32", "600040", "6110003b", "6110003f", "4340"}

func envCode() []byte {
	var code []byte
	for i, op := range envOps {
		code = append(code, unhex(op)...)
		code = append(code, 0x61, byte(i*32>>8), byte(i*32), 0x52) // PUSH2 at MSTORE
	}
	size := 32 * len(envOps)
	return append(code, 0x61, byte(size>>8), byte(size), 0x60, 0, 0xf3)
}

func TestWhatAContractSees(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	at := c.deploy(envCode())
	r := c.must(c.tx(hexOf(at), nil))
	block, err := c.BlockByNumber(r.BlockNumber)
	require.NoError(t, err)
	sender := addressOf(c.key)
	seen := func(output []byte) (words []common.Hash) {
		require.Len(t, output, 32*len(envOps))
		for ; len(output) > 0; output = output[32:] {
			words = append(words, common.Hash(output[:32]))
		}
		return words
	}
	number := func(n uint64) common.Hash { return common.Hash(word(n)) }
	want := func(from common.Address) []common.Hash {
		return []common.Hash{
			number(2), number(uint64(block.Timestamp)), number(20200), {}, {}, number(3e9), {}, {},
			common.BytesToHash(from[:]), common.BytesToHash(from[:]), c.GenesisHash(), number(1), {}, {},
		}
	}
	require.Equal(t, want(sender), seen(r.Output))
	require.InDelta(t, time.Now().UnixMilli(), block.Timestamp, 60_000, "milliseconds")

	got, err := c.Call(t.Context(), CallArgs{To: hexOf(at)})
	require.NoError(t, err)
	require.EqualValues(t, 2, got.BlockNumber)
	require.Equal(t, want(common.Address{}), seen(got.Output), "a read is made on the newest block, from nobody")

	for _, to := range []string{hexOf(at), "0x" + hexOf(at)} {
		hash := crypto.Keccak256([]byte(hexOf(at)), word(5))
		sign, err := crypto.Sign(hash, testKey(3))
		require.NoError(t, err)
		got, err = c.Call(t.Context(), CallArgs{To: to, Input: word(5), Sign: sign})
		require.NoError(t, err)
		require.Equal(t, want(addressOf(testKey(3))), seen(got.Output))
		_, err = c.Call(t.Context(), CallArgs{To: to, Input: word(5), Sign: sign[:64]})
		require.Equal(t, &Error{10008, "Invalid signature"}, err)
	}
}

// The vector of protocol section 14.6.
func TestSignedCallVector(t *testing.T) {
	t.Parallel()
	hash := crypto.Keccak256Hash([]byte(hello), unhex(setInput))
	require.Equal(t, "0x596a50a29b93959020f696a92b023e2116b26d31a5d875c67cf2bb7f9f4a67d7", hash.Hex())
	from, err := suite.Standard.Sender(hash, unhex("cd6953cf019cf22cf31872c39620ba39ed0d63e9b8bfcb5f069af99359fd152775a6148a70d50df41bcb796f5f6eb8420c32f03265c51b42027a6ea6945e00b000"))
	require.NoError(t, err)
	require.Equal(t, addressOf(testKey(0)), from)
}

func TestCallForms(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	at := hexOf(c.deploy(storeCode))
	load := hexOf(c.deploy(loadCode))
	got, err := c.Call(t.Context(), CallArgs{To: at + "00", Input: word(1)})
	require.NoError(t, err)
	require.Equal(t, StatusNone, got.Status, "the first 20 bytes of a long address count")
	got, err = c.Call(t.Context(), CallArgs{To: "", Input: []byte{0x29}})
	require.NoError(t, err)
	require.Equal(t, StatusBadInstruction, got.Status, "the code of a deployment")
	got, err = c.Call(t.Context(), CallArgs{To: "", Input: word(1)})
	require.NoError(t, err)
	require.Equal(t, CallResult{BlockNumber: 2}, got)
	for _, to := range []string{"zz", "0X" + at, "123", "not hex"} {
		_, err = c.Call(t.Context(), CallArgs{To: to})
		require.Equal(t, &Error{CodeInvalidRequest, "std::exception"}, err)
	}
	// A read that writes changes nothing.
	got, err = c.Call(t.Context(), CallArgs{To: at, Input: word(1)})
	require.NoError(t, err)
	require.Equal(t, StatusNone, got.Status)
	got, err = c.Call(t.Context(), CallArgs{To: load})
	require.NoError(t, err)
	require.Equal(t, word(0), got.Output)
	require.EqualValues(t, 2, c.Head().Number)
}

// The end of its context ends a read that would go on for seconds.
func TestCallIsCanceled(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	at := hexOf(c.deploy(unhex("5b600056")))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := c.Call(ctx, CallArgs{To: at})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 3*time.Second)
}

// Blocks, their hashes, roots, signatures and proofs agree with what they hold.
func TestBlocksVerify(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) {
		cfg.MinSealTime = 10 * time.Millisecond
		cfg.Genesis.Sealers, cfg.NodeKeys = nil, nil
		for i := range byte(4) {
			cfg.Genesis.Sealers = append(cfg.Genesis.Sealers, Sealer{PublicKey: nodeKeyOf(testKey(i)).PublicKey()})
			cfg.NodeKeys = append(cfg.NodeKeys, nodeKeyOf(testKey(i)))
		}
	})
	at := c.deploy(storeCode)
	for _, n := range []int{1, 2, 3, 7} {
		txs := make([]*Transaction, n)
		for i := range txs {
			txs[i] = c.tx(hexOf(at), word(uint64(i)))
		}
		c.sendAll(txs)
	}
	parent := c.GenesisHash()
	var transactions uint64
	for n := uint64(1); n <= c.Head().Number; n++ {
		block, err := c.BlockByNumber(n)
		require.NoError(t, err)
		byHash, err := c.BlockByHash(block.Hash)
		require.NoError(t, err)
		require.Equal(t, block, byHash)
		hash, err := c.BlockHash(n)
		require.NoError(t, err)
		require.Equal(t, block.Hash, hash)
		require.Equal(t, parent, block.Parent)
		require.Equal(t, block.computeHash(suite.Standard), block.Hash)
		require.EqualValues(t, 0x03100000, block.Version)
		require.Equal(t, c.Sealers(), block.Sealers)
		require.Len(t, block.Signatures, 4)
		for _, s := range block.Signatures {
			key, err := crypto.Ecrecover(block.Hash[:], s.Signature)
			require.NoError(t, err)
			require.Equal(t, block.Sealers[s.SealerIndex].PublicKey[:], key[1:])
		}
		txs, err := c.Transactions(n)
		require.NoError(t, err)
		receipts, err := c.Receipts(n)
		require.NoError(t, err)
		require.Len(t, txs, len(block.TxHashes))
		require.Len(t, receipts, len(block.TxHashes))
		var gas uint64
		var leaves []common.Hash
		for i, tx := range txs {
			transactions++
			require.Equal(t, block.TxHashes[i], tx.Hash)
			require.Equal(t, tx.computeHash(suite.Standard), tx.Hash)
			require.Equal(t, addressOf(c.key), tx.Sender)
			require.Equal(t, n, tx.BlockNumber)
			require.Equal(t, i, tx.Index)
			r := receipts[i]
			require.Equal(t, tx.Hash, r.TxHash)
			require.Equal(t, r.computeHash(suite.Standard), r.Hash)
			require.Equal(t, n, r.BlockNumber)
			require.Equal(t, i, r.Index)
			gas += r.GasUsed
			leaves = append(leaves, r.Hash)

			one, err := c.Transaction(tx.Hash)
			require.NoError(t, err)
			require.Equal(t, tx, one)
			receipt, err := c.Receipt(tx.Hash)
			require.NoError(t, err)
			require.Equal(t, r, receipt)
			proof, err := c.TransactionProof(tx.Hash)
			require.NoError(t, err)
			require.True(t, proves(proof, tx.Hash, block.TxsRoot))
			proof, err = c.ReceiptProof(tx.Hash)
			require.NoError(t, err)
			require.True(t, proves(proof, r.Hash, block.ReceiptsRoot))
		}
		require.Equal(t, merkleRoot(suite.Standard, block.TxHashes), block.TxsRoot)
		require.Equal(t, merkleRoot(suite.Standard, leaves), block.ReceiptsRoot)
		require.Equal(t, gas, block.GasUsed)
		parent = block.Hash
	}
	require.Equal(t, Totals{BlockNumber: c.Head().Number, Transactions: transactions}, c.Totals())
}

func TestReadsOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	missing := common.HexToHash("01")
	for name, read := range map[string]func() error{
		"block":               func() error { _, err := c.BlockByNumber(1); return err },
		"far block":           func() error { _, err := c.BlockByNumber(math.MaxUint64); return err },
		"block by hash":       func() error { _, err := c.BlockByHash(missing); return err },
		"block hash":          func() error { _, err := c.BlockHash(1); return err },
		"transactions":        func() error { _, err := c.Transactions(1); return err },
		"receipts":            func() error { _, err := c.Receipts(1); return err },
		"transaction":         func() error { _, err := c.Transaction(missing); return err },
		"receipt":             func() error { _, err := c.Receipt(missing); return err },
		"transaction proof":   func() error { _, err := c.TransactionProof(missing); return err },
		"receipt proof":       func() error { _, err := c.ReceiptProof(missing); return err },
		"setting":             func() error { _, err := c.SystemConfig("feature_balance"); return err },
		"setting in capitals": func() error { _, err := c.SystemConfig("TX_GAS_LIMIT"); return err },
	} {
		require.ErrorIs(t, read(), ErrNotFound, name)
	}
	block, err := c.BlockByNumber(0)
	require.NoError(t, err)
	require.Equal(t, c.GenesisHash(), block.Hash)
	require.Equal(t, c.Genesis().Text(), string(block.ExtraData))
	require.Empty(t, block.Sealers)
	txs, err := c.Transactions(0)
	require.NoError(t, err)
	require.Empty(t, txs)
	require.Equal(t, Head{Hash: c.GenesisHash()}, c.Head())
	require.Zero(t, c.Totals())
}

func TestSystemConfig(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	for key, want := range map[string]string{
		"tx_count_limit": "1000", "tx_gas_limit": "3000000000", "tx_gas_price": "0x0", "consensus_leader_period": "1",
		"compatibility_version": "3.16.0", "auth_check_status": "0", "web3_chain_id": "20200", "executor_version": "1", "balance_transfer": "1",
	} {
		got, err := c.SystemConfig(key)
		require.NoError(t, err)
		require.Equal(t, Setting{Value: want}, got, key)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"chain.chain_id":   func(c *Config) { c.Genesis.ChainID = "" },
		"data folder":      func(c *Config) { c.DataDir = "" },
		"block_limit":      func(c *Config) { c.BlockLimit = 5001 },
		"txpool.limit":     func(c *Config) { c.PoolLimit = -1 },
		"expiration":       func(c *Config) { c.TxExpiration = -1 },
		"no consensus key": func(c *Config) { c.NodeKeys = nil },
		"is no sealer":     func(c *Config) { c.NodeKeys = append(c.NodeKeys, nodeKeyOf(testKey(5))) },
	} {
		cfg := testConfig(t)
		change(&cfg)
		_, err := Open(cfg)
		require.ErrorContains(t, err, want)
	}
}

// Every transaction of many senders lands exactly once, and reads, which go on
// all the time, see whole blocks.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, func(cfg *Config) { cfg.MinSealTime, cfg.Genesis.TxCountLimit = time.Millisecond, 20 })
	at := hexOf(c.deploy(storeCode))
	const senders, each = 16, 20
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				head := c.Head()
				block, err := c.BlockByNumber(head.Number)
				require.NoError(t, err)
				require.Equal(t, head.Hash, block.Hash)
				receipts, err := c.Receipts(head.Number)
				require.NoError(t, err)
				require.Len(t, receipts, len(block.TxHashes))
				_, err = c.Call(t.Context(), CallArgs{To: at, Input: word(1)})
				require.NoError(t, err)
				c.Totals()
				c.PendingCount()
			}
		})
	}
	var mu sync.Mutex
	landed := map[common.Hash]uint64{}
	for range senders {
		writers.Go(func() {
			for range each {
				tx := c.tx(at, word(3))
				var twice sync.WaitGroup
				for range 2 { // the same bytes from two sides
					twice.Go(func() {
						result, err := c.send(tx)
						if err != nil {
							code := codeOf(t, err)
							require.Contains(t, []int{int(StatusAlreadyInTxPool), int(StatusNonceCheckFail)}, code)
							return
						}
						mu.Lock()
						defer mu.Unlock()
						require.NotContains(t, landed, tx.Hash)
						landed[tx.Hash] = result.Receipt.BlockNumber
					})
				}
				twice.Wait()
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	require.Len(t, landed, senders*each)
	require.EqualValues(t, senders*each+1, c.Totals().Transactions)
	require.Zero(t, c.PendingCount())
}

func TestStopAndClose(t *testing.T) {
	t.Parallel()
	c := newTestChain(t, slow)
	done := make(chan error, 1)
	go func() {
		_, err := c.send(c.tx(hello, nil))
		done <- err
	}()
	require.Eventually(t, func() bool { return c.PendingCount() == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, c.Stop(t.Context()))
	require.ErrorIs(t, <-done, ErrStopped)
	_, err := c.send(c.tx(hello, nil))
	require.ErrorIs(t, err, ErrStopped)
	_, err = c.BlockByNumber(0)
	require.NoError(t, err, "reads go on")
	require.Error(t, c.Start(t.Context()))
	require.NoError(t, c.Stop(t.Context()))
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = c.BlockByNumber(0)
	require.ErrorIs(t, err, ErrStopped)
	_, err = c.Call(t.Context(), CallArgs{To: hello})
	require.ErrorIs(t, err, ErrStopped)
}

// Stop does not wait longer than its context for a block that takes long; what is
// in it is not on the chain.
func TestStopBreaksOffALongBlock(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	c := startTestChain(t, cfg)
	at := c.deploy(unhex("5b600056"))
	done := make(chan error, 1)
	go func() {
		_, err := c.send(c.tx(hexOf(at), nil))
		done <- err
	}()
	require.Eventually(t, func() bool { n, _ := c.pool.waiting(); return n == 0 && c.PendingCount() == 1 }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Stop(ctx), context.DeadlineExceeded)
	require.ErrorIs(t, <-done, ErrStopped)
	require.NoError(t, c.Close())
	again := startTestChain(t, cfg)
	require.EqualValues(t, 1, again.Head().Number)
}
