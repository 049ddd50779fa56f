package devchain

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ethereum/go-ethereum/common"
	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/devchain/flatstate"

	"github.com/bcosgate/bcosgate/devchain/suite"
)

// counterCode counts the calls with data in slot 0, and returns the count to a
// call without.
var counterCode = unhex("36600f57" + "60005460005260206000f3" + "5b600054600101600055" + "00")

func (c *testChain) count(at common.Address) uint64 {
	got, err := c.Call(c.t.Context(), CallArgs{To: hexOf(at)})
	require.NoError(c.t, err)
	require.Len(c.t, got.Output, 32)
	return binary.BigEndian.Uint64(got.Output[24:])
}

// requireWhole checks that all blocks are linked and complete, that the totals
// agree, and that the state has every executed call of the counter and no other.
func (c *testChain) requireWhole(at common.Address) {
	c.t.Helper()
	head, totals := c.Head(), c.Totals()
	parent := c.GenesisHash()
	var transactions, calls uint64
	for n := uint64(1); n <= head.Number; n++ {
		block, err := c.BlockByNumber(n)
		require.NoError(c.t, err)
		require.Equal(c.t, parent, block.Parent)
		require.Equal(c.t, block.computeHash(suite.Standard), block.Hash)
		receipts, err := c.Receipts(n)
		require.NoError(c.t, err)
		txs, err := c.Transactions(n)
		require.NoError(c.t, err)
		require.Len(c.t, receipts, len(block.TxHashes))
		require.Len(c.t, txs, len(block.TxHashes))
		for i, r := range receipts {
			require.Equal(c.t, r.computeHash(suite.Standard), r.Hash)
			require.Equal(c.t, block.TxHashes[i], r.TxHash)
			if txs[i].To == hexOf(at) {
				calls++
			}
		}
		transactions += uint64(len(txs))
		parent = block.Hash
	}
	require.Equal(c.t, parent, head.Hash)
	require.Equal(c.t, Totals{BlockNumber: head.Number, Transactions: transactions}, totals)
	require.Equal(c.t, calls, c.count(at))
	_, err := c.BlockByNumber(head.Number + 1)
	require.ErrorIs(c.t, err, ErrNotFound)
	v, err := c.look()
	require.NoError(c.t, err)
	defer c.letGo(v)
	for _, kind := range []byte{keyBlock, keyTransaction, keyReceipt, keyHash} {
		require.NoError(c.t, v.scan(numberKey(kind, head.Number+1)[:1+7], func([]byte) error { return nil }))
		data, err := v.Get(numberKey(kind, head.Number+1))
		require.NoError(c.t, err)
		require.Nil(c.t, data, "nothing of the next block shows")
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	c := startTestChain(t, cfg)
	at := c.deploy(counterCode)
	tx := c.tx(hexOf(at), []byte{1})
	r := c.must(tx)
	for range 5 {
		c.must(c.tx(hexOf(at), []byte{1}))
	}
	head := c.Head()
	require.NoError(t, c.Close())

	again := startTestChain(t, cfg)
	require.Equal(t, head, again.Head())
	again.requireWhole(at)
	require.EqualValues(t, 6, again.count(at))
	got, err := again.Receipt(tx.Hash)
	require.NoError(t, err)
	require.Equal(t, r.Hash, got.Hash)
	require.Equal(t, int(StatusNonceCheckFail), again.refused(tx))
	require.Equal(t, head.Number+1, again.must(again.tx(hexOf(at), []byte{1})).BlockNumber)
	require.EqualValues(t, 7, again.count(at))
}

func TestOtherGenesisIsRefused(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	require.NoError(t, startTestChain(t, cfg).Close())
	for name, change := range map[string]func(*Config){
		"chain id":    func(c *Config) { c.Genesis.ChainID = "chain1" },
		"gas limit":   func(c *Config) { c.Genesis.GasLimit++ },
		"block limit": func(c *Config) { c.BlockLimit = 600 },
		"sealers": func(c *Config) {
			c.Genesis.Sealers = append([]Sealer{{PublicKey: nodeKeyOf(testKey(7)).PublicKey()}}, c.Genesis.Sealers...)
		},
	} {
		other := cfg
		change(&other)
		_, err := Open(other)
		require.ErrorIs(t, err, ErrOtherGenesis, name)
		require.ErrorContains(t, err, cfg.DataDir)
		require.ErrorContains(t, err, "give back the old")
	}
	require.NoError(t, startTestChain(t, cfg).Close(), "the folder is as it was")
}

func TestFolderInUseIsRefused(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	_, err := Open(c.cfg)
	require.ErrorContains(t, err, "is another node using it?")
}

// A ledger that cannot be read ends the chain with an error; it never makes a block
// of what it could not read.
func TestDamagedLedgerEndsTheChain(t *testing.T) {
	t.Parallel()
	c := newTestChain(t)
	at := c.deploy(counterCode)
	account := append([]byte{'a'}, at[:]...)
	require.NoError(t, c.ledger.write([]flatstate.Change{{Key: account, Value: []byte{1}}}))
	_, err := c.send(c.tx(hexOf(at), []byte{1}))
	require.ErrorContains(t, err, "damaged")
	_, err = c.send(c.tx(hexOf(at), []byte{1}))
	require.ErrorIs(t, err, ErrStopped)
	require.Zero(t, c.PendingCount())
	require.EqualValues(t, 1, c.Head().Number)
	_, err = c.Receipts(1)
	require.NoError(t, err, "reads go on")
}

// When a transaction is answered its block is safe: a crash that loses everything
// that was not synced does not lose it.
func TestAnsweredTransactionsSurviveACrash(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	c := newTestChain(t, func(cfg *Config) { cfg.fs = disk })
	at := c.deploy(counterCode)
	for i := range 20 {
		tx := c.tx(hexOf(at), []byte{1})
		c.must(tx)
		cfg := c.cfg
		cfg.fs = disk.CrashClone(vfs.CrashCloneCfg{})
		after := startTestChain(t, cfg)
		_, err := after.Receipt(tx.Hash)
		require.NoError(t, err)
		require.EqualValues(t, i+1, after.count(at))
		after.requireWhole(at)
		require.Equal(t, int(StatusNonceCheckFail), after.refused(tx))
		require.NoError(t, after.Close())
	}
}

// Whatever part of the unsynced writes a crash leaves, the chain comes back with
// whole blocks.
func TestCrashesLeaveWholeBlocks(t *testing.T) {
	t.Parallel()
	disk := vfs.NewCrashableMem()
	c := newTestChain(t, func(cfg *Config) { cfg.fs, cfg.MinSealTime = disk, time.Millisecond })
	at := c.deploy(counterCode)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	var mu sync.Mutex
	var landed []common.Hash
	for range 8 {
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				tx := c.tx(hexOf(at), []byte{1})
				if _, err := c.send(tx); err != nil {
					return
				}
				mu.Lock()
				landed = append(landed, tx.Hash)
				mu.Unlock()
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, percent := range []int{0, 10, 50, 90, 100, 50, 50} {
		mu.Lock()
		answered := append([]common.Hash(nil), landed...)
		mu.Unlock()
		cfg := c.cfg
		cfg.fs = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
		after := startTestChain(t, cfg)
		for _, hash := range answered {
			_, err := after.Receipt(hash)
			require.NoError(t, err)
		}
		after.requireWhole(at)
		require.NoError(t, after.Close())
	}
	close(stop)
	senders.Wait()
}

// childEnv makes the test program a process that runs a chain in the folder it
// names, until it is killed.
const childEnv = "BCOSGATE_DEVCHAIN_CHILD"

func childDir() string { return os.Getenv(childEnv) }

// runChild sends calls of the counter for ever, and prints each transaction when
// it was answered.
func runChild(dir string) {
	genesis := DefaultGenesis()
	genesis.Sealers = []Sealer{{PublicKey: nodeKeyOf(testKey(0)).PublicKey()}}
	cfg := Config{Genesis: genesis, DataDir: dir, MinSealTime: time.Millisecond}
	cfg.NodeKeys = append(cfg.NodeKeys, nodeKeyOf(testKey(0)))
	chain, err := Open(cfg)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if err := chain.Start(context.Background()); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for i := range 8 {
		go func() {
			for j := 0; ; j++ {
				tx := signed(testKey(1), Transaction{
					To: hexOf(contractAddress(suite.Standard, 1, 0, 0)), Input: []byte{1},
					Nonce:      fmt.Sprintf("%d-%d-%d", os.Getpid(), i, j),
					BlockLimit: int64(chain.Head().Number) + 500,
				})
				raw := encodeTx(tx)
				if _, err := chain.SendTransaction(context.Background(), raw); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println(hex.EncodeToString(raw))
			}
		}()
	}
	select {}
}

func TestKilledProcess(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	c := startTestChain(t, cfg)
	at := c.deploy(counterCode)
	require.Equal(t, contractAddress(suite.Standard, 1, 0, 0), at)
	require.NoError(t, c.Close())

	program, err := os.Executable()
	require.NoError(t, err)
	var answered uint64
	for round := range 5 {
		child := exec.Command(program)
		child.Env = append(os.Environ(), childEnv+"="+cfg.DataDir)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		var raws [][]byte
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			require.False(t, strings.HasPrefix(lines.Text(), "error"), lines.Text())
			raws = append(raws, unhex(lines.Text()))
			if len(raws) == 50+37*round {
				require.NoError(t, child.Process.Kill())
				break
			}
		}
		for lines.Scan() { // what was answered before the signal arrived
			if raw, err := hex.DecodeString(lines.Text()); err == nil {
				if _, refused := readTransaction(suite.Standard, raw, "chain0", 0); refused == nil {
					raws = append(raws, raw)
				}
			}
		}
		require.Error(t, child.Wait(), "it was killed")

		c := startTestChain(t, cfg)
		for _, raw := range raws {
			tx, refused := readTransaction(suite.Standard, raw, "chain0", 0)
			require.Nil(t, refused)
			_, err := c.Receipt(tx.Hash)
			require.NoError(t, err)
			_, err = c.SendTransaction(t.Context(), raw)
			require.Equal(t, int(StatusNonceCheckFail), codeOf(t, err))
		}
		answered += uint64(len(raws))
		require.GreaterOrEqual(t, c.count(at), answered)
		c.requireWhole(at)
		require.NoError(t, c.Close())
	}
}
